# Gives Apache our configuration from the standard input, with the modules $1, and reloads it. If Apache does not
# accept it, everything is as it was before.
set -u
modules=$1
state=/var/lib/open-xchange-usm

command -v apache2ctl >/dev/null || { echo "there is no Apache here: apt-get install apache2" >&2; exit 1; }
umask 022
mkdir -p "$state" "$home/drained"
chmod 700 "$home"
if [ ! -s "$home/token" ]; then
    (umask 077; echo "Define usm_token $(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')" >"$home/token.new")
    mv "$home/token.new" "$home/token"
fi
# Whatever an interrupted run left is not what was there before; the copy is.
if [ -e "$state/apache.before" ]; then mv "$state/apache.before" "$conf"; fi
cat >"$conf.new" || exit 1

was_enabled=no
[ ! -e "/etc/apache2/conf-enabled/$name.conf" ] || was_enabled=yes
switched_on=
for module in $modules; do
    if [ ! -e "/etc/apache2/mods-enabled/$module.load" ]; then
        a2enmod --quiet "$module" || { echo "Apache has no module $module" >&2; exit 1; }
        switched_on="$switched_on $module"
    fi
done

undo() {
    if [ -e "$state/apache.before" ]; then
        mv -f "$state/apache.before" "$conf"
    else
        [ "$was_enabled" = yes ] || a2disconf --quiet "$name"
        rm -f "$conf"
    fi
    [ "$was_enabled" = yes ] || a2disconf --quiet "$name" 2>/dev/null
    for module in $switched_on; do a2dismod --quiet --force "$module" >/dev/null; done
}

[ ! -e "$conf" ] || cp -p "$conf" "$state/apache.before"
mv -f "$conf.new" "$conf"
a2enconf --quiet "$name" || { undo; exit 1; }
if ! told=$(apache2ctl configtest 2>&1); then
    echo "$told" >&2
    echo "Apache does not accept the new configuration; the one of before stays" >&2
    undo
    exit 1
fi

# A module that was just switched on needs a restart only if Apache does not run yet; a reload loads it.
if [ -d /run/systemd/system ]; then
    systemctl reload-or-restart apache2 || exit 1
elif /etc/init.d/apache2 status >/dev/null 2>&1; then
    /etc/init.d/apache2 reload </dev/null || exit 1
else
    /etc/init.d/apache2 start </dev/null || exit 1
fi
rm -f "$state/apache.before"
