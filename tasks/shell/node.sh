# Prints what the deployment must know about an application node, one name=value a line.
# $1 package, $2 service, $3 folder where updatetasks.cfg is parked, $4 who asks in order to change something, or nothing
#
# Who means to change something holds the node as long as its ssh connection lasts; who comes second is told
# busy=<who holds it>, and must leave the node alone (tasks/lock.py).
package=$1 service=$2 parking=$3 who=${4-}
ox=/opt/open-xchange
state=/var/lib/open-xchange-usm
held=/run/open-xchange-usm.deployment
# Seconds of silence after which a deployment is taken for gone. One that is there is heard every seven (group_data: silence).
patience=25

say() {
    printf '%s=%s\n' "$1" "$2"
}

# Sets comm, parent and began of a process.
process() {
    { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
    comm=${stat#*(}
    comm=${comm%%)*}
    set -- ${stat##*) }
    parent=$2
    shift 19
    began=$1
}

# The process of sshd that serves this connection, as "number began"; it ends with the connection. Empty without ssh.
connection() {
    each=$$
    while [ "$each" -gt 1 ] && process "$each"; do
        case $comm in sshd*) echo "$each $began"; return ;; esac
        each=$parent
    done
}

# Whether the deployment of the connection $1 is there: its process is, and has heard from the other side lately.
lives() {
    process "${1%% *}" && [ "$began" = "${1##* }" ] || return 1
    silent=$(ss -Htnpi 2>/dev/null | sed -n "/pid=${1%% *},/{n;s/.*lastrcv:\([0-9]*\).*/\1/p;q}")
    [ "${silent:-0}" -lt $((patience * 1000)) ]
}

# Holds the node, or says who does. A run that has just ended is given a moment to be gone.
hold() {
    own=$(connection)
    [ -n "$own" ] || return 0
    exec 9>>"$held" && flock 9 || return 0
    for pause in 0.5 1 ""; do
        { read -r other && read -r name; } <"$held" || other=
        if [ -z "$other" ] || [ "$other" = "$own" ] || ! lives "$other"; then
            printf '%s\n%s\n' "$own" "$who" >"$held"
            break
        fi
        [ -n "$pause" ] || say busy "$name"
        sleep "${pause:-0}"
    done
    exec 9>&-
}

[ -z "$who" ] || hold

# Whether there is a unit of that name, where the families keep them.
unit() {
    [ -e "/lib/systemd/system/$1.service" ] || [ -e "/usr/lib/systemd/system/$1.service" ]
}

# Generation 6 has two daemons and keeps its settings in a folder of their own; later ones have one daemon.
if [ -x /etc/init.d/open-xchange-groupware ]; then
    generation=6 etc=$ox/etc/groupware daemons="open-xchange-groupware open-xchange-admin"
elif [ -x /etc/init.d/open-xchange ] || unit open-xchange; then
    generation=7 etc=$ox/etc daemons=open-xchange
else
    generation=0 etc=$ox/etc daemons=
fi
say generation "$generation"
say etc "$etc"
say daemons "$daemons"

if [ -d /run/systemd/system ]; then say init systemd; else say init sysv; fi

# The tools of the other family may be installed as well; what the shell belongs to is the host's own.
if rpm -q --whatprovides /bin/sh >/dev/null 2>&1; then
    say family rpm
    found=$(rpm -q --queryformat 'installed %{VERSION}\n' "$package" 2>/dev/null) || found=
    # Two versions: an upgrade was cut off before the older one went.
    [ "$(echo "$found" | wc -l)" -eq 1 ] || found=half-upgraded
    found="$found $(cat $ox/usm/BUILD 2>/dev/null)"
else
    say family deb
    found=$(dpkg-query -W -f '${db:Status-Status} ${Version} ${Build-Id}' "$package" 2>/dev/null)
fi
case $found in
    "installed "*)
        set -- ${found#installed }
        say version "$1"
        say build "${2-}"
        ;;
    "not-installed "* | "config-files "* | "" | " "*) ;;
    *) say broken "${found%% *}" ;;
esac
for bundle in "$ox"/bundles/com.openexchange.usm*; do [ -e "$bundle" ] && say bundles yes; done
for note in owed started; do
    { read -r line <"$state/$note"; } 2>/dev/null || line=
    say "$note" "$line"
done

[ -e "$state/drained" ] && say drained yes
[ -e "$etc/updatetasks.cfg" ] && say updatetasks present
[ -e "$parking/updatetasks.cfg" ] && say parked yes
[ -e "$state/updatetasks.parked" ] && say watched yes

# shellcheck disable=SC2086
{
    files="$etc/usm.properties $etc/eas.properties"
    sha256sum $files "$state/rendered/usm.properties" "$state/rendered/eas.properties" | sed 's/^/sum=/'
    stat -c 'rights=%a %U:%G %n' $files
    # Where the service listens, and what it asks.
    sed -n 's/^com\.openexchange\.usm\.\(listen\|admin\|ox\|eas\)\.\(host\|port\|url\|alias\)=/setting=\1_\2=/p' $files
} 2>/dev/null
for name in usm eas; do
    for suffix in dpkg-dist dpkg-new dpkg-old ucf-dist ucf-old rpmnew rpmsave rpmorig; do
        [ ! -e "$etc/$name.properties.$suffix" ] || say "leftover_$name" "$suffix"
    done
done

if [ -x "/etc/init.d/$service" ] || unit "$service"; then
    if [ -d /run/systemd/system ]; then
        systemctl --quiet is-active "$service" && say running yes
        systemctl --quiet is-enabled "$service" 2>/dev/null && say enabled yes
    else
        "/etc/init.d/$service" status >/dev/null 2>&1 && say running yes
        for link in /etc/rc2.d/S[0-9][0-9]"$service"; do [ -e "$link" ] && say enabled yes; done
    fi
fi
exit 0
