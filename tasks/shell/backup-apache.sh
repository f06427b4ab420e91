# Keeps in the folder $1 what Apache has of our configuration, and of files with lines about ActiveSync. $2 such folders
# stay beside each other. Stands behind apache-layout.sh.
set -eu
folder=$1 count=$2
umask 077
# cp --parents -p looks for the folders of an absolute path from where it stands.
cd /

# Files of Apache's that speak of ActiveSync, ours included; links to them are not files.
about_activesync() {
    grep -rlsF Microsoft-Server-ActiveSync "$etc" --include='*.conf' | while read -r file; do
        [ -L "$file" ] || echo "$file"
    done
    for role in $roles; do
        [ ! -e "$(place "$role")" ] || place "$role"
    done
}

if [ -e "$folder/apache-complete" ]; then
    exit 0
fi
mkdir -p "$folder"
chmod 700 "${folder%/*}" "$folder"
rm -rf "$folder/apache"
mkdir "$folder/apache"
about_activesync | sort -u | while read -r file; do
    cp -p --parents "$file" "$folder/apache/"
done
for link in "$etc/conf-enabled/$ours.conf" "$etc/sites-enabled/$host.conf"; do
    [ ! -e "$link" ] || cp -P --parents "$link" "$folder/apache/"
done
sync -f "$folder"
: >"$folder/apache-complete"
sync -f "$folder"
ls -d "${folder%/*}"/[0-9]*[0-9] | sort -r | tail -n +$((count + 1)) | while read -r old; do
    [ "$old" = "$folder" ] || rm -rf "$old"
done
