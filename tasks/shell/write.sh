# Writes the standard input to the file $1 with mode $2 and owner $3 (user:group). Nobody ever sees half of it, or sees
# it with other rights. $4 is "keep": the file of before stays as a copy with its date; or "replace".
set -e
[ -d "${1%/*}" ] || install -d -m 755 "${1%/*}"
umask 077
new=$1.new.$$
trap 'rm -f "$new"' EXIT
cat >"$new"
chown "$3" "$new"
chmod "$2" "$new"
sync "$new"
if [ "$4" = keep ] && [ -e "$1" ]; then
    cp -p "$1" "$1.$(date +%Y%m%d%H%M%S)"
fi
mv -f "$new" "$1"
