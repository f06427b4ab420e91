# Restarts a service and waits until it says that it runs; or only starts it if it does not run; or stops it and waits
# until it has ended. $1 systemd or sysv, $2 its name, $3 seconds that it may take, $4 restart, start or stop
#
# A stop that did not come to its end is remembered: whatever still runs then may end at any moment, and is not taken for
# what a start was asked for. Only where it has begun since, or the stop was an hour ago, it counts.
#
# The service's own script runs in a session of its own and writes to a file: if our connection breaks between its stop
# and its start, it still gets to the end. What an interrupted call has left is removed by the next.
set -u
state=/var/lib/open-xchange-usm
if [ "$1" = systemd ]; then
    manage="systemctl $4 $2"
    status() { systemctl --quiet is-active "$1"; }
else
    manage="/etc/init.d/$2 $4"
    status() { "/etc/init.d/$1" status >/dev/null 2>&1; }
fi
stopping=$state/stopping.$2
within() {
    [ "$(date +%s)" -lt "$deadline" ]
}
deadline=$(($(date +%s) + $3))
case $4 in
    start)
        if [ -n "$(find "$stopping" -mmin -60 2>/dev/null)" ] && ! [ "/run/$2.pid" -nt "$stopping" ]; then
            while status "$2" && within; do sleep 0.3; done
            if status "$2"; then
                echo "$2 was told to stop and still runs: end its process, and run again" >&2
                exit 1
            fi
        fi
        rm -f "$stopping"
        ! status "$2" || exit 0
        ;;
    stop) status "$2" || exit 0 ;;
esac
mkdir -p "$state" && rm -f "$state"/said.* || exit 1
[ "$4" != stop ] || : >"$stopping" || exit 1
said=$state/said.$$
# $manage is split into its words on purpose: a program, and what it is given.
setsid sh -c 'timeout "$1" $2 >"$3" 2>&1; echo $? >"$3.done"' - "$3" "$manage" "$said" </dev/null >/dev/null 2>&1 &
way=$!
# As long as the file is empty its status is still to come, unless nobody is there any more who could write it.
until [ -s "$said.done" ] || ! kill -0 "$way" 2>/dev/null; do
    sleep 0.1
done
ended=$(cat "$said.done" 2>/dev/null)
cat "$said"
rm -f "$said" "$said.done"
[ -n "$ended" ] || { echo "nobody noted how the $4 of $2 ended: is there room in $state?" >&2; exit 1; }
[ "$ended" = 0 ] || { echo "the $4 of $2 ends with status $ended" >&2; exit 1; }
deadline=$(($(date +%s) + $3))
while :; do
    if status "$2"; then runs=yes; else runs=no; fi
    case $4:$runs in stop:no | start:yes | restart:yes) rm -f "$stopping"; exit 0 ;; esac
    within || { echo "$2 is not as it should be $3 seconds after its $4" >&2; exit 1; }
    sleep 0.3
done
