# Restarts a daemon of Open-Xchange, or only starts it if it does not run, and waits until it says that it runs.
# $1 systemd or sysv, $2 its name, $3 seconds that it may take, $4 restart or start
#
# The daemon's own script runs in a session of its own and writes to a file: if our connection breaks between its stop
# and its start, it still gets to the end.
set -u
if [ "$1" = systemd ]; then
    manage="systemctl $4 $2"
    status() { systemctl --quiet is-active "$1"; }
else
    manage="/etc/init.d/$2 $4"
    status() { "/etc/init.d/$1" status >/dev/null 2>&1; }
fi
if [ "$4" = start ] && status "$2"; then
    exit 0
fi
said=$(mktemp /tmp/open-xchange-usm.XXXXXX) || exit 1
# $manage is split into its words on purpose: a program, and what it is given.
setsid sh -c 'timeout "$1" $2 >"$3" 2>&1; echo $? >"$3.done"' - "$3" "$manage" "$said" </dev/null >/dev/null 2>&1 &
until [ -e "$said.done" ]; do
    sleep 0.1
done
ended=$(cat "$said.done")
cat "$said"
rm -f "$said" "$said.done"
[ "$ended" = 0 ] || { echo "the $4 of $2 ends with status $ended" >&2; exit 1; }
waited=0
until status "$2"; do
    waited=$((waited + 1))
    [ "$waited" -lt "$3" ] || { echo "$2 does not run $3 seconds after its $4" >&2; exit 1; }
    sleep 1
done
