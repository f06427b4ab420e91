# Keeps in the folder $1 what a rollback needs of an application node: the package as a file, its configuration, and how
# the service stood. "complete" is written last; a folder that has it is left alone.
#   backup.sh FOLDER COUNT PACKAGE SERVICE PARKING NODE REPACK
# COUNT of such folders stay beside each other. NODE is the text of node.sh, REPACK that of repack.sh.
set -eu
folder=$1 count=$2 package=$3 service=$4 parking=$5 node=$6 repack=$7
state=/var/lib/open-xchange-usm
umask 077
# cp --parents -p looks for the folders of an absolute path from where it stands.
cd /

thin() {
    # Only what is called by its date, and never the one at hand.
    ls -d "${1%/*}"/[0-9]*[0-9] 2>/dev/null | sort -r | tail -n +$((count + 1)) | while read -r old; do
        [ "$old" = "$1" ] || rm -rf "$old"
    done
}

# The files that the package calls its configuration, and the settings whoever made them.
configuration() {
    if [ "$family" = deb ]; then
        dpkg-query -W -f '${Conffiles}\n' "$package" 2>/dev/null | sed -n 's/^ \(\/[^ ]*\) .*/\1/p'
    else
        rpm -qc "$package" 2>/dev/null | grep '^/' || true
    fi
    echo "$etc/usm.properties"
    echo "$etc/eas.properties"
}

if [ -e "$folder/complete" ]; then
    exit 0
fi
mkdir -p "$folder"
chmod 700 "${folder%/*}" "$folder"
rm -rf "$folder/package" "$folder/files" "$folder/rendered" "$folder/absent" "$folder/state"

sh -c "$node" node.sh "$package" "$service" "$parking" >"$folder/state"
value() {
    sed -n "s/^$1=//p" "$folder/state" | head -n 1
}
family=$(value family) etc=$(value etc) version=$(value version)

if [ -n "$version" ]; then
    mkdir "$folder/package"
    sh -c "$repack" repack.sh "$family" "$package" "$state/packages" "$folder/package"
fi
mkdir "$folder/files"
configuration | sort -u | while read -r file; do
    if [ -e "$file" ]; then cp -p --parents "$file" "$folder/files/"; else echo "$file" >>"$folder/absent"; fi
done
[ ! -d "$state/rendered" ] || cp -Rp "$state/rendered" "$folder/rendered"
sync -f "$folder"
: >"$folder/complete"
sync -f "$folder"
thin "$folder"
