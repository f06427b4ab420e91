#!/bin/sh
### BEGIN INIT INFO
# Provides:          $name
# Required-Start:    $$local_fs $$remote_fs $$network $$syslog
# Required-Stop:     $$local_fs $$remote_fs $$network $$syslog
# Should-Start:      mysql mariadb
# Should-Stop:       mysql mariadb
# Default-Start:     2 3 4 5
# Default-Stop:      0 1 6
# Short-Description: $description
### END INIT INFO

PATH=/usr/local/sbin:/usr/local/bin:/sbin:/bin:/usr/sbin:/usr/bin
NAME=$name
PYTHON=$python
DAEMON_USER=$user
PIDFILE=/var/run/$$NAME.pid
READY_DIR=/var/run/$$NAME
READY=$$READY_DIR/ready
LOGFILE=$log
START_SECONDS=60

PYTHONPATH=$library
PYTHONUNBUFFERED=1
export PATH PYTHONPATH PYTHONUNBUFFERED

test -x "$$PYTHON" || exit 5

# Where systemd rules, it keeps the daemon; whoever calls this script is sent there, as Debian's own scripts do.
if [ -d /run/systemd/system ] && [ -e "/lib/systemd/system/$$NAME.service" ] && [ "$$PPID" != 1 ] &&
    [ -z "$${SYSTEMCTL_SKIP_REDIRECT-}" ]; then
    case "$$1" in
        start | stop | restart | status) exec systemctl "$$1" "$$NAME.service" ;;
        force-reload) exec systemctl restart "$$NAME.service" ;;
    esac
fi

pid() {
    cat "$$PIDFILE" 2>/dev/null
}

running() {
    start-stop-daemon --status --pidfile "$$PIDFILE"
}

start() {
    if running; then
        echo "$$NAME is already running."
        return 0
    fi
    rm -f "$$PIDFILE"
    install -d -o "$$DAEMON_USER" -g "$$DAEMON_USER" "$$READY_DIR"
    rm -f "$$READY"
    start-stop-daemon --start --quiet --background --make-pidfile --pidfile "$$PIDFILE" \
        --chuid "$$DAEMON_USER" --chdir / --output "$$LOGFILE" \
        --startas "$$PYTHON" -- -P -m lab.ox $command --etc $etc --ready-file "$$READY" || return 1
    tenths=$$((START_SECONDS * 5))
    while [ "$$tenths" -gt 0 ]; do
        [ -e "$$READY" ] && return 0
        if [ "$$tenths" -lt $$((START_SECONDS * 5 - 5)) ] && ! running; then
            break
        fi
        sleep 0.2
        tenths=$$((tenths - 1))
    done
    echo "$$NAME did not start; see $$LOGFILE" >&2
    stop
    return 1
}

stop() {
    start-stop-daemon --stop --quiet --oknodo --retry TERM/20/KILL/5 --pidfile "$$PIDFILE" || return 1
    rm -f "$$PIDFILE" "$$READY"
    return 0
}

status() {
    running
    code=$$?
    case "$$code" in
        0) echo "$$NAME is running (pid $$(pid))." ;;
        1) echo "$$NAME is dead, but its pid file exists." ;;
        *) echo "$$NAME is not running." ;;
    esac
    return $$code
}

case "$$1" in
    start)
        echo "Starting $$NAME"
        start
        ;;
    stop)
        echo "Stopping $$NAME"
        stop
        ;;
    restart | force-reload)
        echo "Restarting $$NAME"
        stop && start
        ;;
    status)
        status
        ;;
    *)
        echo "Usage: /etc/init.d/$$NAME {start|stop|restart|force-reload|status}" >&2
        exit 2
        ;;
esac
