# Prints what the deployment must know about an application node, one name=value a line.
# $1 package, $2 service, $3 folder where updatetasks.cfg is parked
package=$1 service=$2 parking=$3
ox=/opt/open-xchange
state=/var/lib/open-xchange-usm

say() {
    printf '%s=%s\n' "$1" "$2"
}

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
say owed "$(cat "$state/owed" 2>/dev/null | head -n 1)"
say started "$(cat "$state/started" 2>/dev/null | head -n 1)"

[ -e "$state/drained" ] && say drained yes
[ -e "$etc/updatetasks.cfg" ] && say updatetasks present
[ -e "$parking/updatetasks.cfg" ] && say parked yes
[ -e "$state/updatetasks.parked" ] && say watched yes

for name in usm eas; do
    file=$etc/$name.properties
    wanted=$state/rendered/$name.properties
    [ ! -e "$wanted" ] || say "rendered_$name" "$(sha256sum <"$wanted" | cut -d ' ' -f 1)"
    for suffix in dpkg-dist dpkg-new ucf-dist rpmnew rpmsave rpmorig; do
        [ ! -e "$file.$suffix" ] || say "leftover_$name" "$suffix"
    done
    [ -e "$file" ] || continue
    say "$name" "$(sha256sum <"$file" | cut -d ' ' -f 1) $(stat -c '%a %U:%G' "$file")"
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
