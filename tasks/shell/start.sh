# Starts or restarts the service $2 and then writes to $3 what it now runs ($4). $1 is systemd or sysv.
set -e
rm -f "$3"
if [ "$1" = systemd ]; then systemctl restart "$2"; else "/etc/init.d/$2" restart </dev/null; fi
echo "$4" >"$3.new"
mv "$3.new" "$3"
