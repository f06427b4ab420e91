# Where an Apache keeps what: sets family, etc (its folder), control (its tool), service, conf (our configuration), site
# (our virtual host), home (what else we keep there).
name=000-open-xchange-usm
host=zzz-open-xchange-usm
if [ -d /etc/httpd/conf.d ]; then
    family=rhel etc=/etc/httpd control=apachectl service=httpd
    conf=$etc/conf.d/$name.conf site=$etc/conf.d/$host.conf
elif [ -d /etc/apache2/conf.d ] && [ -d /etc/apache2/vhosts.d ]; then
    family=sles etc=/etc/apache2 control=apache2ctl service=apache2
    conf=$etc/conf.d/$name.conf site=$etc/vhosts.d/$host.conf
else
    family=debian etc=/etc/apache2 control=apache2ctl service=apache2
    conf=$etc/conf-available/$name.conf site=$etc/sites-available/$host.conf
fi
home=$etc/open-xchange-usm

# Whether Apache runs.
is_running() {
    if [ -d /run/systemd/system ]; then
        systemctl --quiet is-active "$service"
    else
        "/etc/init.d/$service" status >/dev/null 2>&1
    fi
}

# What the balancer manager on port $1 says; $2 is what it shall change, and $3 the name of the server that $2 was found
# out from (it takes no change from elsewhere). Only root can read the token.
manager() {
    port=$1 change=${2-} server=${3:-127.0.0.1} token=$(sed 's/.* //' "$home/token" 2>/dev/null) timeout 10 bash -c '
        exec 3<>"/dev/tcp/127.0.0.1/$port" || exit 1
        if [ -n "$change" ]; then method=POST; else method=GET; fi
        printf "%s\r\n" "$method /balancer HTTP/1.0" "Host: $server:$port" "Referer: http://$server:$port/balancer" \
            "X-Open-Xchange-Usm: $token" "Content-Type: application/x-www-form-urlencoded" \
            "Content-Length: ${#change}" "" >&3
        printf "%s" "$change" >&3
        cat <&3' 2>/dev/null
}

# The name of the server in what the manager says.
server_of() {
    sed -n 's/.*Load Balancer Manager for \([0-9a-z.]*\).*/\1/p'
}
