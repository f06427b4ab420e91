# Gives Apache what stands on the standard input: a line "<role> <base64>" for each file of ours. Roles without a line
# are removed. If Apache does not accept it, or does not come up with it, everything is as it was before.
#   $1 modules that are missing   $2 reload or restart   $3 port of the balancer manager
#   $4 prefork, if Apache is to be switched from it to event; else empty
#
# Interrupted anywhere, the next run puts back what was there (the folder "before") and begins anew. Until the new files
# have proved themselves, Apache runs on with what it has read.
set -u
umask 077
modules=$1 how=$2 port=$3 processing=$4
before=$home/before staged=$home/staged

fail() {
    printf '%s\n' "$@" >&2
    exit 1
}

switch_module() { # on|off module
    case $family/$1 in
        debian/on) a2enmod --quiet "$2" ;;
        debian/off) a2dismod --quiet --force "$2" ;;
        sles/on) a2enmod "$2" ;;
        sles/off) a2enmod -d "$2" ;;
        rhel/on)
            [ -e "$etc/modules/mod_$2.so" ] || { echo "there is no module $2 in $etc/modules"; return 1; }
            echo "LoadModule ${2}_module modules/mod_$2.so" >>"$etc/conf.modules.d/99-open-xchange-usm.conf"
            ;;
        rhel/off) sed -i "/^LoadModule ${2}_module /d" "$etc/conf.modules.d/99-open-xchange-usm.conf" ;;
    esac 2>&1
}

switch_role() { # on|off role
    case $family/$2/$1 in
        debian/conf/on) a2enconf --quiet "$ours" ;;
        debian/conf/off) a2disconf --quiet "$ours" ;;
        debian/site/on) a2ensite --quiet "$host" ;;
        debian/site/off) a2dissite --quiet "$host" ;;
        sles/site/on) a2enflag SSL ;;
    esac 2>&1
}

# Which module processes requests, event or prefork, is chosen in a place of its own.
choose_processing() { # from to
    case $family in
        debian) a2dismod --quiet --force "mpm_$1" && a2enmod --quiet "mpm_$2" ;;
        rhel)
            sed -i -e "s/^\(LoadModule mpm_$1_module\)/#\1/" -e "s/^# *\(LoadModule mpm_$2_module\)/\1/" \
                "$etc/conf.modules.d/00-mpm.conf"
            ;;
        sles)
            if [ ! -x "/usr/sbin/httpd-$2" ]; then
                echo "there is no /usr/sbin/httpd-$2: zypper install apache2-$2"
                return 1
            fi
            sed -i "s/^APACHE_MPM=.*/APACHE_MPM=\"$2\"/" /etc/sysconfig/apache2
            ;;
    esac 2>&1
}

# Puts back what was there before, as far as that has not been done yet.
undo() {
    for role in $roles; do
        file=$(place "$role")
        if [ -e "$before/$role" ]; then
            mv -f "$before/$role" "$file"
        elif [ -e "$before/$role.absent" ]; then
            [ ! -e "$file" ] || case $role in conf | site) switch_role off "$role" ;; esac
            rm -f "$file"
        fi
        [ ! -e "$before/$role.disabled" ] || switch_role off "$role"
        [ ! -e "$before/$role.enabled" ] || switch_role on "$role"
    done >/dev/null
    for added in $(cat "$before/modules" 2>/dev/null); do switch_module off "$added" >/dev/null; done
    [ ! -s "$before/processing" ] || choose_processing event "$(cat "$before/processing")" >/dev/null
    rm -f "$before/complete"
    rm -rf "$before" "$staged"
}

if ! command -v "$control" >/dev/null || [ ! -d "$etc" ]; then
    fail "there is no Apache here: install apache2 (Debian, SLES) or httpd (RHEL)"
fi
mkdir -p "$home/drained" "$home/tls" || exit 1
exec 9>"$home/lock"
flock -w 60 9 || fail "another deployment is at work on this Apache"

[ ! -e "$before/complete" ] || undo
rm -rf "$before" "$staged"
told=$("$control" -t 2>&1) || case $told in
    *"$ours"* | *"$host"* | *"$home"*) ;; # ours, and about to be replaced
    *) fail "$told" "Apache's configuration was broken before; mend that first. Nothing was changed" ;;
esac

# A full disk is noticed here, before anything is touched.
mkdir "$staged" "$before" || fail "nothing was changed"
if [ ! -s "$home/token" ]; then
    echo "Define usm_token $(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')" >"$staged/token" &&
        mv "$staged/token" "$home/token" || fail "nothing was changed"
fi
while read -r role content; do
    echo "$content" | base64 -d >"$staged/$role" || fail "$staged/$role cannot be written; nothing was changed"
    case $role in key) ;; *) chmod 644 "$staged/$role" ;; esac
done
[ -s "$staged/conf" ] || fail "the new configuration did not arrive; nothing was changed"
for role in $roles; do
    file=$(place "$role")
    if [ -e "$file" ]; then cp -p "$file" "$before/$role"; else : >"$before/$role.absent"; fi ||
        fail "nothing was changed"
    case $role in conf | site)
        if is_enabled "$role"; then : >"$before/$role.enabled"; else : >"$before/$role.disabled"; fi || exit 1 ;;
    esac
done
old=$(sed -n "s/^Listen 127.0.0.1:\([0-9]*\).*/\1/p" "$conf" 2>/dev/null)
if [ "$port" != "$old" ] && is_taken "$port" "$loopback"; then
    fail "port $port of 127.0.0.1 is taken by another program: choose another manager_port. Nothing was changed"
fi
printf '%s\n' "$modules" >"$before/modules" && printf '%s' "$processing" >"$before/processing" &&
    sync "$home" "$before" "$staged" && : >"$before/complete" || fail "nothing was changed"

# From here on a lost connection ends nothing.
trap : HUP PIPE TERM INT
told=
for role in $roles; do
    file=$(place "$role")
    if [ -e "$staged/$role" ]; then
        mv -f "$staged/$role" "$file" || { undo; fail "nothing was changed"; }
    elif [ -e "$file" ]; then
        case $role in site) switch_role off site >/dev/null ;; esac
        rm -f "$file"
    fi
done
for module in $modules; do
    told=$(switch_module on "$module") || { undo; fail "$told" "Apache has no module $module"; }
done
if [ -n "$processing" ]; then
    told=$(choose_processing "$processing" event) || { undo; fail "$told" "Apache stays with mpm_$processing"; }
fi
for role in conf site; do
    [ ! -e "$(place "$role")" ] || told=$(switch_role on "$role") || { undo; fail "$told"; }
done
if ! told=$("$control" -t 2>&1); then
    undo
    fail "$told" "Apache does not accept the new configuration; the one of before stays"
fi
if is_forbidden; then setsebool -P httpd_can_network_connect 1; fi

# Whether Apache runs with the new files, and listens where they want it to.
is_up() {
    [ "$(manager "$port" | server_of)" = "$version" ] || return 1
    [ ! -e "$site" ] || is_taken 443
}

version=$(version_here)
is_running || how=start
serve "$how" >"$staged/told" 2>&1
tries=0
until is_up; do
    tries=$((tries + 1))
    if [ $tries -ge 75 ] || { [ $tries -ge 15 ] && ! is_running; }; then
        told=$(cat "$staged/told"; tail -n 50 "$log" 2>/dev/null | grep -E ':(emerg|alert|crit)\]' | tail -n 3)
        undo
        { is_running && serve reload || serve restart; } >/dev/null 2>&1
        fail "$told" "Apache does not come up with the new configuration; the one of before is back (see $log)"
    fi
    sleep 0.2
done
rm -f "$before/complete"
rm -rf "$before" "$staged"
