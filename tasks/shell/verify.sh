# Prints how a host stands, one name=value a line; changes nothing. What node.sh tells is not told again.
# $1 folder of Open-Xchange's settings
ox=/opt/open-xchange
probe=$ox/usm/sbin/probe
usmctl=$ox/sbin/usmctl

say() {
    printf '%s=%s\n' "$1" "$2"
}

# The last line of what a program says, however long it would take.
last() {
    timeout 25 "$@" 2>&1 </dev/null | tail -n 1
}

runs() {
    for file in /proc/[0-9]*/comm; do
        read -r name 2>/dev/null <"$file" || continue
        for wanted; do
            [ "$name" = "$wanted" ] && return 0
        done
    done
    return 1
}

[ -x "$probe" ] && say health "$(last "$probe")"
if [ -x "$usmctl" ]; then
    status=$(last "$usmctl" --etc "$1" status --json)
    case $status in
        "{"*) say status "$status" ;;
        # A version from before there was such a command.
        *) timeout 25 "$usmctl" --etc "$1" db status 2>&1 </dev/null | tail -n 50 | sed 's/^/schema=/' ;;
    esac
fi

if [ -d /etc/apache2 ] || [ -d /etc/httpd ]; then
    if runs apache2 httpd httpd-prefork httpd-worker httpd-event; then say apache running; else say apache stopped; fi
    for folder in /etc/apache2 /etc/httpd; do
        for part in sites-enabled conf-enabled conf.d vhosts.d open-xchange-usm; do
            cat "$folder/$part"/*.conf 2>/dev/null
        done
    done | sed -n 's/^[[:space:]]*SSLCertificateFile[[:space:]]*"\{0,1\}\([^"[:space:]]*\).*/\1/p' | sort -u |
        while read -r file; do
            ends=$(openssl x509 -noout -enddate -in "$file" 2>/dev/null) || continue
            say certificate "$(date -d "${ends#notAfter=}" +%s) $file"
        done
fi
if [ -d /etc/mysql ] || [ -e /etc/my.cnf ]; then
    if runs mariadbd mysqld; then say database running; else say database stopped; fi
fi
exit 0
