# Restarts a daemon of Open-Xchange and waits until it says that it runs.
# $1 systemd or sysv, $2 its name, $3 seconds that it may take
set -u
if [ "$1" = systemd ]; then
    timeout "$3" systemctl restart "$2" || exit 1
    status() { systemctl --quiet is-active "$1"; }
else
    timeout "$3" "/etc/init.d/$2" restart </dev/null || exit 1
    status() { "/etc/init.d/$1" status >/dev/null 2>&1; }
fi
waited=0
until status "$2"; do
    waited=$((waited + 1))
    [ "$waited" -lt "$3" ] || { echo "$2 does not run $3 seconds after its restart" >&2; exit 1; }
    sleep 1
done
