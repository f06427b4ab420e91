# Prints what Apache has of our configuration and of the modules $1, one name=value a line. $2 is the manager's port.
missing=
for module in $1; do
    [ -e "/etc/apache2/mods-enabled/$module.load" ] || missing="$missing $module"
done
echo "family=$family"
echo "home=$home"
echo "missing=${missing# }"
[ ! -r "$conf" ] || echo "content=$(sha256sum <"$conf" | cut -d ' ' -f 1)"
[ ! -e "/etc/apache2/conf-enabled/${conf##*/}" ] || echo enabled=yes
if is_running; then
    echo running=yes
    loaded=$(manager "$2" | server_of)
    echo "loaded=${loaded%.usm.invalid}"
fi
exit 0
