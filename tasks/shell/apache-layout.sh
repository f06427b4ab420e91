# Where the Apache of this host keeps what: sets family, etc (its folder), control (its tool), service, conf and site
# (our two configurations; the first is read before, the second after everything else), log (its complaints), home (what
# we keep for ourselves).
PATH=$PATH:/usr/sbin:/sbin
ours=000-open-xchange-usm
host=zzz-open-xchange-usm
if [ -d /etc/httpd/conf.d ]; then
    family=rhel etc=/etc/httpd control=httpd service=httpd log=/etc/httpd/logs/error_log
    conf=$etc/conf.d/$ours.conf site=$etc/conf.d/$host.conf
elif [ -d /etc/apache2/conf.d ] && [ -d /etc/apache2/vhosts.d ]; then
    family=sles etc=/etc/apache2 control=apache2ctl service=apache2 log=/var/log/apache2/error_log
    conf=$etc/conf.d/$ours.conf site=$etc/vhosts.d/$host.conf
else
    family=debian etc=/etc/apache2 control=apache2ctl service=apache2 log=/var/log/apache2/error.log
    conf=$etc/conf-available/$ours.conf site=$etc/sites-available/$host.conf
fi
home=$etc/open-xchange-usm
roles="conf site certificate key chain"

# Where the file of the role $1 lies.
place() {
    case $1 in
        conf) echo "$conf" ;;
        site) echo "$site" ;;
        *) echo "$home/tls/$1.pem" ;;
    esac
}

# Whether Apache reads the file of the role $1 (conf or site).
is_enabled() {
    [ -e "$(place "$1")" ] || return 1
    case $family/$1 in
        debian/conf) [ -e "$etc/conf-enabled/$ours.conf" ] ;;
        debian/site) [ -e "$etc/sites-enabled/$host.conf" ] ;;
    esac
}

# Runs "$1" (is-active, start, stop, reload, restart) on the service, by the host's own means. It starts with nothing of
# ours: neither the lock nor the mask of files.
serve() (
    umask 022
    if [ -d /run/systemd/system ]; then
        systemctl --quiet "$1" "$service"
    elif [ "$1" = is-active ]; then
        "/etc/init.d/$service" status
    else
        "/etc/init.d/$service" "$1"
    fi
) </dev/null 9>&-

is_running() {
    serve is-active >/dev/null 2>&1
}

# Whether SELinux keeps Apache from asking other hosts.
is_forbidden() {
    [ "$(getenforce 2>/dev/null)" = Enforcing ] && getsebool httpd_can_network_connect 2>/dev/null | grep -q off
}

# The name of the manager's virtual host in what lies here: it holds the version of our lines.
version_here() {
    sed -n 's/.*ServerName \([0-9a-f]*\.usm\.invalid\)$/\1/p' "$conf" 2>/dev/null
}

# What the balancer manager on port $1 says; $2 is what it shall change, and $3 the name by which it called itself (it
# takes no change from elsewhere). Only root can read the token.
manager() {
    server=${3:-$(version_here)}
    token=$(sed 's/.* //' "$home/token" 2>/dev/null)
    port=$1 change=${2-} server=${server:-127.0.0.1} token=$token timeout 10 bash -c '
        exec 3<>"/dev/tcp/127.0.0.1/$port" || exit 1
        if [ -n "$change" ]; then method=POST; else method=GET; fi
        printf "%s\r\n" "$method /balancer HTTP/1.0" "Host: $server:$port" \
            "Referer: http://$server:$port/balancer" "X-Open-Xchange-Usm: $token" \
            "Content-Type: application/x-www-form-urlencoded" "Content-Length: ${#change}" "" >&3
        printf "%s" "$change" >&3
        cat <&3' 2>/dev/null
}

# The name of the server in what the manager says.
server_of() {
    sed -n 's/.*Load Balancer Manager for \([0-9a-z.]*\).*/\1/p'
}

# Whether somebody listens at port $1, at any of the addresses $2 (an expression for the kernel's way to write them).
is_taken() {
    hex=$(printf '%04X' "$1")
    grep -qiE "^ *[0-9]+: (${2:-[0-9A-F]+}):$hex [0-9A-F:]+ 0A " /proc/net/tcp /proc/net/tcp6 2>/dev/null
}
loopback='0100007F|0+|0+0100007F|0+FFFF00000100007F'
