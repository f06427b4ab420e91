# Makes the service $2 start with the host. $1 is systemd or sysv.
if [ "$1" = systemd ]; then
    systemctl enable "$2"
elif command -v update-rc.d >/dev/null; then
    update-rc.d "$2" defaults && update-rc.d "$2" enable
else
    chkconfig --add "$2" && chkconfig "$2" on
fi
