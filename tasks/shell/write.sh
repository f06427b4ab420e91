# Writes the standard input to the file $1 with mode $2 and owner $3 (user:group). Nobody ever sees half of it, or sees
# it with other rights.
set -e
[ -d "${1%/*}" ] || install -d -m 755 "${1%/*}"
umask 077
new=$1.new.$$
trap 'rm -f "$new"' EXIT
cat >"$new"
chown "$3" "$new"
chmod "$2" "$new"
sync "$new"
mv -f "$new" "$1"
