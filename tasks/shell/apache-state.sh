# Prints what Apache has of the configuration $1 and of the modules $2, one name=value a line.
conf=/etc/apache2/conf-available/$1.conf
missing=
for module in $2; do
    [ -e "/etc/apache2/mods-enabled/$module.load" ] || missing="$missing $module"
done
echo "missing=${missing# }"
[ ! -r "$conf" ] || echo "content=$(sha256sum <"$conf" | cut -d ' ' -f 1)"
[ ! -e "/etc/apache2/conf-enabled/$1.conf" ] || echo enabled=yes
echo "loaded=$(cat /var/lib/open-xchange-usm/apache-loaded 2>/dev/null)"
if [ -d /run/systemd/system ]; then
    systemctl --quiet is-active apache2 && echo running=yes
else
    /etc/init.d/apache2 status >/dev/null 2>&1 && echo running=yes
fi
exit 0
