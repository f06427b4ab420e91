# Starts or restarts the service $2 and then writes to $3 what it now runs ($4). $1 is systemd or sysv.
#
# The service's own script runs in a session of its own and writes to a file: if our connection breaks between its stop
# and its start, it still gets to the end. What an interrupted call has left is removed by the next.
set -e
rm -f "$3" "${3%/*}"/said.*
if [ "$1" = systemd ]; then
    systemctl restart "$2"
else
    said=${3%/*}/said.$$
    setsid --wait "/etc/init.d/$2" restart </dev/null >"$said" 2>&1 && ended=0 || ended=$?
    cat "$said"
    rm -f "$said"
    [ "$ended" -eq 0 ] || exit "$ended"
fi
echo "$4" >"$3.new"
mv "$3.new" "$3"
