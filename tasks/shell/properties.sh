# usm.properties and eas.properties of a host, which may hold passwords.
#
# properties.sh read ETC RENDERED
#   prints every text that tells what was edited, one "FILE KIND BASE64" a line. Kinds: text (the file itself), base
#   (what the deployment wanted when it wrote it last), next (the same of a run that was cut off while it wrote), shipped
#   (what a package brought), saved (what a package put aside).
#
# properties.sh write FILE MODE OWNER COPIES RENDERED
#   writes the first line of the standard input, base64, to the file, and the second to the folder RENDERED under the same
#   name; an empty first line leaves the text as it is. MODE and OWNER "-": those of the file that is there, and what
#   packages left beside it stays. Nobody ever
#   sees half of it, or sees it with other rights. The file of before stays as a copy with its date; of these the last
#   COPIES stay. What packages left beside it is put away likewise, and of that the last COPIES stay too.
#
# base64 keeps every byte. It is no cipher: whoever runs this must not print it.
set -eu
LEFT="dpkg-dist dpkg-new dpkg-old ucf-dist ucf-old rpmnew rpmsave rpmorig"

show() {
    [ -f "$3" ] || return 0
    # What cannot be read is an error, not an empty file: edits would be written over.
    text=$(base64 -w 0 <"$3") || exit 1
    printf '%s %s %s\n' "$1" "$2" "$text"
}

# Whether a file is as its package brought it.
pristine() {
    if command -v dpkg-query >/dev/null; then
        dpkg-query -W -f '${Conffiles}\n' 2>/dev/null | grep -qF " $1 $(md5sum <"$1" | cut -d ' ' -f 1)"
    elif command -v rpm >/dev/null && rpm -qf "$1" >/dev/null 2>&1; then
        # A file that its package owns without having brought it (ghost) tells nothing: an edit in it stays an edit.
        ! rpm -qf --queryformat '[%{FILENAMES} %{FILEFLAGS:fflags}\n]' "$1" 2>/dev/null | grep -q "^$1 [a-z]*g" || return 1
        ! rpm -Vf "$1" 2>/dev/null | grep -q "^..5.*[[:space:]]$1\$"
    else
        return 1
    fi
}

read_all() {
    for name in usm eas; do
        file=$1/$name.properties
        show "$name" text "$file"
        show "$name" base "$2/$name.properties"
        show "$name" next "$2/$name.properties.new"
        for suffix in dpkg-dist dpkg-new ucf-dist rpmnew; do
            show "$name" shipped "$file.$suffix"
        done
        for suffix in ucf-old dpkg-old rpmsave; do
            show "$name" saved "$file.$suffix"
        done
        if [ -f "$file" ] && [ ! -f "$2/$name.properties" ] && pristine "$file"; then
            show "$name" shipped "$file"
        fi
    done
}

# $1 base64, $2 file, $3 mode, $4 owner
put() {
    printf '%s' "$1" | base64 -d >"$2"
    [ "$4" = - ] || chown "$4" "$2"
    [ "$3" = - ] || chmod "$3" "$2"
    sync "$2"
}

# A name for a copy of $1 that is not taken: two in one second are two.
free_name() {
    while stamp=$(date +%Y%m%d%H%M%S); [ -e "$1.$stamp" ]; do
        sleep 0.2
    done
}

write() {
    file=$1 mode=$2 owner=$3 copies=$4 rendered=$5
    IFS= read -r text
    IFS= read -r wanted
    umask 077
    [ -d "${file%/*}" ] || install -d -m 755 "${file%/*}"
    [ -d "${rendered%/*}" ] || install -d -m 755 "${rendered%/*}"
    install -d -m 700 "$rendered"
    # What a run that was killed has left; one that is at work is younger.
    find "${file%/*}" -maxdepth 1 -name "${file##*/}.new.*" -mmin +60 -delete
    name=${file##*/}
    new=$file.new.$$
    next=$rendered/$name.new
    trap 'rm -f "$new" "$next"' EXIT
    put "$wanted" "$next" 600 -
    if [ -n "$text" ]; then
        if [ "$mode" = - ]; then
            put "$text" "$new" "$(stat -c %a "$file")" "$(stat -c %u:%g "$file")"
        else
            put "$text" "$new" "$mode" "$owner"
        fi
        if [ -e "$file" ]; then
            free_name "$file"
            cp -p "$file" "$file.$stamp"
            chmod o-rwx "$file.$stamp"
        fi
        # From here on the note of what was wanted must survive: it tells whoever comes next what this file is.
        trap - EXIT
        mv -f "$new" "$file"
    elif [ "$mode" != - ]; then
        chown "$owner" "$file"
        chmod "$mode" "$file"
    fi
    mv -f "$next" "$rendered/$name"
    [ "$mode" = - ] || put_away
    d='[0-9][0-9]'
    thin "$file".$d$d$d$d$d$d$d
    thin "$file".$d$d$d$d$d$d$d.*
}

put_away() {
    for suffix in $LEFT; do
        [ -e "$file.$suffix" ] || continue
        free_name "$file"
        chmod o-rwx "$file.$suffix"
        mv -f "$file.$suffix" "$file.$stamp.$suffix"
    done
}

# Of these files the last stay; their names begin with the date, so the newest come last.
thin() {
    while [ $# -gt "$copies" ]; do
        [ ! -f "$1" ] || rm -f "$1"
        shift
    done
}

action=$1
shift
case $action in
    read) read_all "$@" ;;
    write) write "$@" ;;
esac
