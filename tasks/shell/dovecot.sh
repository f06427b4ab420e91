# Dovecot's push configuration.
#   state         prints what is there, one name=value a line, and no password
#   write $2      puts what stands on the standard input in its place, a line "<role> <base64>" for each file; roles
#                 without a line are removed. $2 is what is remembered of them when Dovecot has been told to read them
#
# If Dovecot does not accept it, everything is as it was before; interrupted anywhere, the next run puts that back
# first.
set -u
umask 077
etc=/etc/dovecot
state=/var/lib/open-xchange-usm
loaded=$state/dovecot-loaded
before=$state/dovecot.before staged=$etc/open-xchange-usm.new

place() {
    case $1 in
        conf) echo "$etc/conf.d/90-open-xchange-usm.conf" ;;
        secret) echo "$etc/open-xchange-usm.secret" ;;
    esac
}

fail() {
    printf '%s\n' "$@" >&2
    exit 1
}

undo() {
    for role in conf secret; do
        if [ -e "$before/$role" ]; then
            cp -p "$before/$role" "$(place "$role").new" && mv -f "$(place "$role").new" "$(place "$role")"
        elif [ -e "$before/$role.absent" ]; then
            rm -f "$(place "$role")"
        fi
    done
    rm -rf "$before" "$staged"
}

# What Dovecot says, without the password that may stand in the line that it does not like.
complaint() {
    doveconf -n 2>&1 >/dev/null | sed 's/:[^:@]*@/:***@/g'
}

if ! command -v doveconf >/dev/null || [ ! -d "$etc/conf.d" ]; then
    if [ "$1" = state ]; then exit 0; fi
    fail "there is no Dovecot here"
fi

if [ "$1" = state ]; then
    echo "version=$(dovecot --version | sed 's/[^0-9.].*//')"
    for role in conf secret; do
        file=$(place "$role")
        [ ! -e "$file" ] || echo "$role=$(sha256sum <"$file" | cut -d ' ' -f 1)"
    done
    [ ! -e "$before/complete" ] || echo unfinished=yes
    echo "loaded=$(cat "$loaded" 2>/dev/null)"
    # Lines are compared inside awk: a password must not come onto a command line.
    [ -e "$(place secret)" ] && ours=$(place secret) || ours=/dev/null
    echo "drivers=$(doveconf -nP plugin 2>/dev/null | awk -v ours="$ours" '
        BEGIN { while ((getline line <ours) > 0) { gsub(/^ +| +$/, "", line); mine[line] } }
        { gsub(/^ +| +$/, "") }
        /^push_notification_driver[0-9]* =/ && !($0 in mine) { printf "%s ", $1 }')"
    doveconf -n >/dev/null 2>&1 || echo "broken=$(complaint | tr '\n' ' ')"
    exit 0
fi

mkdir -p "$state" && chmod 755 "$state" || exit 1
[ ! -e "$before/complete" ] || undo
rm -rf "$before" "$staged"
mkdir "$before" "$staged" || fail "nothing was changed"
while read -r role content; do
    echo "$content" | base64 -d >"$staged/$role" || fail "$staged/$role cannot be written; nothing was changed"
    [ "$role" != conf ] || chmod 644 "$staged/$role"
done
for role in conf secret; do
    file=$(place "$role")
    if [ -e "$file" ]; then cp -p "$file" "$before/$role"; else : >"$before/$role.absent"; fi ||
        fail "nothing was changed"
done
sync "$before" "$staged" && : >"$before/complete" || fail "nothing was changed"

trap : HUP PIPE TERM INT
for role in secret conf; do
    file=$(place "$role")
    if [ -e "$staged/$role" ]; then mv -f "$staged/$role" "$file"; else rm -f "$file"; fi ||
        { undo; fail "nothing was changed"; }
done
if ! doveconf -n >/dev/null 2>&1; then
    told=$(complaint)
    undo
    fail "$told" "Dovecot does not accept the new configuration; the one of before stays"
fi
rm -f "$loaded"
if [ -d /run/systemd/system ]; then
    if systemctl --quiet is-active dovecot; then systemctl reload dovecot; fi
elif doveadm process status >/dev/null 2>&1 || [ -e /run/dovecot/master.pid ]; then
    doveadm reload
fi || fail "Dovecot cannot be told to read its configuration"
printf '%s' "$2" >"$loaded.new" && mv "$loaded.new" "$loaded" || exit 1
rm -f "$before/complete"
rm -rf "$before" "$staged"
