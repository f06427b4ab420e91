#!/bin/sh
# updatetasks.sh: takes updatetasks.cfg out of Open-Xchange's way for a while, and always brings it back.
#
#   park FILE PARKED SECONDS [INIT [DAEMON...]]
#                         moves FILE (if it is there) to PARKED and starts a watchman on this host
#   renew SECONDS         tells the watchman that the deployment is still there
#   put-back              moves it back and ends the watchman; 3 if the watchman had done so already
#   heal [FILE PARKED]    moves it back if it was left parked by a run that is gone; 75 if a run is at it
#
# The watchman is a process of its own. It puts the file back as soon as the ssh connection which parked it has ended
# (the controller was killed, or switched off), and when it has heard nothing for SECONDS (the network is cut). Then it
# also starts the daemons which the deployment was about to stop; INIT (systemd or sysv) is how. What it
# must know lies under STATE, so that a later "heal" also helps after a reboot. Nothing here can lose the file: it is
# copied to its place under another name, renamed, and only then removed from where it was parked.
set -u

STATE=${UPDATETASKS_STATE:-/var/lib/open-xchange-usm}
SELF=$STATE/updatetasks.sh
PARKING=$STATE/updatetasks.parked
BEAT=$STATE/updatetasks.deadline
LOCK=$STATE/updatetasks.lock

say() {
    echo "updatetasks: $*" >&2
    logger -t open-xchange-usm "updatetasks: $*" 2>/dev/null || true
}

# "pid starttime" of a process, so that another one which gets the same number is not taken for it.
identity() {
    [ -r "/proc/$1/stat" ] || return 1
    stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
    set -- "$1" ${stat##*) }
    echo "$1 ${21}"
}

parent() {
    stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
    set -- ${stat##*) }
    echo "$2"
}

# The process of sshd that serves this connection: it ends with the connection. Empty without ssh.
connection() {
    process=$$
    while [ "$process" -gt 1 ]; do
        case $(cat "/proc/$process/comm" 2>/dev/null) in
            sshd*) identity "$process"; return ;;
        esac
        process=$(parent "$process") || return
    done
}

alive() {
    [ -n "$1" ] && [ "$(identity "${1%% *}")" = "$1" ]
}

now() {
    date +%s
}

# The second until which the deployment counts as being there; 0 where that was lost.
beat() {
    read -r until <"$BEAT" || until=
    echo "${until:-0}"
}

# What was parked, from where, by whom: read from PARKING.
load() {
    FILE= PARKED= CONNECTION= WATCHMAN= INIT= DAEMONS=
    [ -r "$PARKING" ] || return 1
    FILE=$(sed -n 's/^file=//p' "$PARKING")
    PARKED=$(sed -n 's/^parked=//p' "$PARKING")
    CONNECTION=$(sed -n 's/^connection=//p' "$PARKING")
    INIT=$(sed -n 's/^init=//p' "$PARKING")
    DAEMONS=$(sed -n 's/^daemons=//p' "$PARKING")
    WATCHMAN=$(cat "$STATE/updatetasks.watchman" 2>/dev/null)
    [ -n "$FILE" ] && [ -n "$PARKED" ]
}

# Links or copies, and renames, so that nobody ever sees half a file; then removes the original. A link needs no room on
# a disk that is full.
move() {
    rm -f "$2.moving"
    if ln "$1" "$2.moving" 2>/dev/null; then
        mv -f "$2.moving" "$2" && rm -f "$1"
        return
    fi
    cp -p "$1" "$2.moving" && sync "$2.moving" && mv -f "$2.moving" "$2" && rm -f "$1"
}

restore() {
    if [ -e "$PARKED" ]; then
        if [ ! -e "$FILE" ]; then
            move "$PARKED" "$FILE" || { say "cannot put $FILE back; it is $PARKED"; return 1; }
            say "$FILE is back in its place ($1)"
        elif cmp -s "$PARKED" "$FILE"; then
            rm -f "$PARKED"
        else
            kept=$PARKED.$(date +%Y%m%d%H%M%S)
            mv "$PARKED" "$kept"
            say "there is a new $FILE; the one that was parked is kept as $kept"
        fi
    fi
    rm -f "$PARKING" "$BEAT" "$STATE/updatetasks.watchman"
}

park() {
    FILE=$1 PARKED=$2 SECONDS_LEFT=$3
    shift 3
    INIT=${1-sysv}
    [ $# -eq 0 ] || shift
    if [ ! -e "$FILE" ] && [ $# -eq 0 ]; then
        say "there is no $FILE: nothing to park"
        return 0
    fi
    if [ -e "$PARKED" ]; then
        kept=$PARKED.$(date +%Y%m%d%H%M%S)
        mv "$PARKED" "$kept" && say "something else was in the way; it is kept as $kept"
    fi
    CONNECTION=$(connection)
    echo $(($(now) + SECONDS_LEFT)) >"$BEAT" || return 1
    printf 'file=%s\nparked=%s\nconnection=%s\ninit=%s\ndaemons=%s\n' "$FILE" "$PARKED" "$CONNECTION" "$INIT" "$*" \
        >"$PARKING.new" && mv -f "$PARKING.new" "$PARKING" || return 1
    setsid sh "$SELF" watch 9>&- </dev/null >/dev/null 2>&1 &
    identity $! >"$STATE/updatetasks.watchman"
    [ -e "$FILE" ] || return 0
    move "$FILE" "$PARKED" || { say "cannot park $FILE"; restore "it could not be parked"; return 1; }
    say "$FILE waits at $PARKED"
}

# Starts what the deployment has stopped, if it does not run. Nobody waits for it.
start_daemons() {
    for daemon in $DAEMONS; do
        if [ "$INIT" = systemd ]; then
            systemctl --no-block start "$daemon"
        elif ! "/etc/init.d/$daemon" status >/dev/null 2>&1; then
            say "$daemon is started again ($1)"
            setsid "/etc/init.d/$daemon" start 9>&- </dev/null >/dev/null 2>&1
        fi
    done
}

# The watchman. The lock is held only while it acts.
watch() {
    while load; do
        reason=
        if [ -n "$CONNECTION" ] && ! alive "$CONNECTION"; then
            reason="the deployment's connection ended"
        elif [ "$(now)" -gt "$(beat)" ]; then
            reason="the deployment fell silent"
        fi
        if [ -n "$reason" ]; then
            exec 9>"$LOCK"
            flock 9
            if load; then
                restore "$reason"
                restored=$?
                # Also where there is no room for the file: people's mail comes first.
                start_daemons "$reason"
                [ "$restored" -ne 0 ] || exit
            fi
            exec 9>&-
        fi
        sleep 1
    done
}

heal() {
    if load; then
        if alive "$WATCHMAN" && [ "$CONNECTION" != "$(connection)" ]; then
            if alive "$CONNECTION"; then
                say "another deployment is at work here and has parked $FILE"
                return 75
            fi
        fi
        restore "an earlier run had left it parked"
        return
    fi
    [ $# -eq 2 ] || return 0
    FILE=$1 PARKED=$2
    # Parked by hand, or by a run that lost what it knew.
    if [ ! -e "$FILE" ] && [ -e "$PARKED" ]; then
        restore "it was found parked"
    fi
}

command=${1-}
[ $# -eq 0 ] || shift
mkdir -p "$STATE" || exit 1
if [ "$command" = watch ]; then
    watch
    exit
fi
exec 9>"$LOCK"
flock 9
case $command in
    park) park "$@" ;;
    renew)
        if load; then echo $(($(now) + $1)) >"$BEAT.new" && mv -f "$BEAT.new" "$BEAT"; fi
        ;;
    put-back)
        if load; then restore "the update tasks may run again"; else exit 3; fi
        ;;
    heal) heal "$@" ;;
    *)
        echo "usage: updatetasks.sh park FILE PARKED SECONDS [INIT [DAEMON...]] | renew SECONDS | put-back | heal [FILE PARKED]" >&2
        exit 2
        ;;
esac
