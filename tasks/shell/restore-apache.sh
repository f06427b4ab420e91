# Gives Apache the configuration that the folder $1 holds, and reloads it. If Apache does not accept it, the one that it
# has stays. Stands behind apache-layout.sh.
set -eu
# cp --parents -p looks for the folders of an absolute path from where it stands.
cd /
folder=$1
stamp=$(date +%Y%m%d%H%M%S)
now=$folder/apache-now

of_ours() {
    for role in $roles; do place "$role"; done
    printf '%s\n' "$etc/conf-enabled/$ours.conf" "$etc/sites-enabled/$host.conf"
}

# Files of the site's own; ours are seen to by name.
others() {
    (cd "$1" && find . -type f -name '*.conf') | sed 's/^\.//' | while read -r file; do
        of_ours | grep -qxF "$file" || echo "$file"
    done
}

# Lines that forward ActiveSync: only where they differ is a file of the site's own put back.
lines() {
    grep -F Microsoft-Server-ActiveSync "$1" 2>/dev/null || true
}

apply() {
    of_ours | while read -r file; do
        if [ -e "$1$file" ] || [ -L "$1$file" ]; then
            cp -Pp "$1$file" "$file.new" && mv -f "$file.new" "$file"
        else
            rm -f "$file"
        fi
    done
    others "$1" | while read -r file; do
        [ "$(lines "$1$file")" != "$(lines "$file")" ] || continue
        [ ! -e "$file" ] || cp -p "$file" "$file.$stamp"
        cp -p "$1$file" "$file.new" && mv -f "$file.new" "$file"
        echo "$file forwards ActiveSync as before; what it was until now is $file.$stamp"
    done
}

# What is there now, should Apache refuse the other; a run that was cut off has kept it already.
if [ ! -d "$now" ]; then
    rm -rf "$now.new"
    mkdir "$now.new"
    { of_ours; others "$folder/apache"; } | while read -r file; do
        if [ -e "$file" ] || [ -L "$file" ]; then cp -Pp --parents "$file" "$now.new/"; fi
    done
    mv "$now.new" "$now"
fi
apply "$folder/apache"
if ! told=$("$control" -t 2>&1); then
    echo "$told" >&2
    echo "Apache does not accept the configuration of before; the one that it has stays" >&2
    apply "$now"
    rm -rf "$now"
    exit 1
fi
if is_running; then serve reload; fi
rm -rf "$now"
