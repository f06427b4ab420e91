# Prints what Apache is and has of our configuration, one name=value a line. $1 is the manager's port.
command -v "$control" >/dev/null && [ -d "$etc" ] || exit 0
echo "family=$family"
echo "home=$home"
[ ! -e "$home/before/complete" ] || echo unfinished=yes
for role in $roles; do
    file=$(place "$role")
    [ ! -r "$file" ] || echo "$role=$(sha256sum <"$file" | cut -d ' ' -f 1)"
done
for mark in "$home/drained/"*.conf; do
    [ ! -e "$mark" ] || echo "drained=$(basename "$mark" .conf)"
done
for role in conf site; do
    if is_enabled "$role"; then echo "enabled=$role"; fi
done
if [ -r "$conf" ]; then
    echo "limits=$(sed -n 's/^ *\(ServerLimit\|ThreadLimit\) *\([0-9]*\).*/\2/p' "$conf" | xargs)"
fi

dump=$("$control" -D DUMP_MODULES -D DUMP_VHOSTS -D DUMP_INCLUDES -t 2>&1) ||
    echo "broken=$("$control" -t 2>&1 | grep -v AH00558 | tr '\n' ' ')"
echo "$dump" | sed -n 's/^ \([a-z0-9_]*\)_module (.*/module=\1/p'
# Of each virtual host: port, name, file:line, address; its other names likewise.
echo "$dump" | awk '
    / is a NameVirtualHost$/ { group = $1 }
    /\(\/[^()]*:[0-9]+\)$/ && $1 != "default" {
        at = $NF
        gsub(/[()]/, "", at)
        address = $1 == "port" ? group : $1
        name = $1 == "port" ? $4 : $2
        port = address
        sub(/.*:/, "", port)
        sub(/:[0-9*]*$/, "", address)
        print "vhost=" port, name, at, address
    }
    $1 == "alias" { print "vhost=" port, $2, at, address }'

# Lines of others that forward something: file:line, host or server (what they stand in), directive, path.
echo "$dump" | sed -n 's/^ *([0-9*]*) \(\/.*\)/\1/p' | grep -v -e "/$ours.conf" -e "/$host.conf" |
    while read -r file; do
        awk -v file="$file" '
            function say(path) { print "forwards=" file ":" NR, inside ? "host" : "server", name, path }
            { gsub(/["\r]/, ""); name = tolower($1) }
            name ~ /^<virtualhost/ { inside = 1 }
            name ~ /^<\/virtualhost/ { inside = 0 }
            name ~ /^<location(match)?$/ { place = $NF; sub(/>$/, "", place) }
            name ~ /^<\/location/ { place = "" }
            name ~ /^proxypass(match)?$/ { say(place != "" ? place : $2) }
            name == "rewriterule" && $NF ~ /[[,]P[],]/ { say($2) }' "$file"
    done 2>/dev/null

if is_running; then
    echo running=yes
    loaded=$(manager "$1" | server_of)
    echo "loaded=${loaded%.usm.invalid}"
fi
[ ! -d /run/systemd/system ] || echo "tasks=$(systemctl show --property TasksMax "$service" | tr -cd 0-9)"
if is_forbidden; then echo selinux=forbids; fi
exit 0
