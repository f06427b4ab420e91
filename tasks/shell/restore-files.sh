# Puts back the configuration that the folder $1 holds, with owner and mode. A file that is there now and is another one
# stays beside it with its date; settings that were not there before are moved to such a copy.
#   restore-files.sh FOLDER ETC
set -eu
folder=$1 etc=$2
state=/var/lib/open-xchange-usm
stamp=$(date +%Y%m%d%H%M%S)

# What the service would read has changed: nobody may take it for what runs.
rm -f "$state/started"
find "$folder/files" -type f | while read -r kept; do
    file=${kept#"$folder"/files}
    # What the package manager laid beside it is in the package that is kept.
    rm -f "$file.dpkg-dist" "$file.rpmnew"
    if [ -e "$file" ]; then
        if cmp -s "$kept" "$file"; then
            [ "$(stat -c '%a %u %g' "$kept")" != "$(stat -c '%a %u %g' "$file")" ] || continue
        else
            cp -p "$file" "$file.$stamp"
        fi
    fi
    mkdir -p "${file%/*}"
    cp -p "$kept" "$file.new"
    mv -f "$file.new" "$file"
done
for name in usm eas; do
    file=$etc/$name.properties
    if [ -e "$file" ] && grep -qxF "$file" "$folder/absent" 2>/dev/null; then mv "$file" "$file.$stamp"; fi
done
rm -rf "$state/rendered"
[ ! -d "$folder/rendered" ] || cp -Rp "$folder/rendered" "$state/rendered"
sync -f "$etc"
