# Brings back the package that the folder $1 holds, of the family $2, with the configuration that it had; where none was
# installed, the package $3 is removed. INSTALL is the text of install.sh.
#   restore-package.sh FOLDER FAMILY PACKAGE INSTALL
set -eu
folder=$1 family=$2 package=$3 install=$4
packages=/var/lib/open-xchange-usm/packages
export DEBIAN_FRONTEND=noninteractive

if [ ! -d "$folder/package" ]; then
    # Not purged: what is kept for rollbacks would go with it.
    if [ "$family" = deb ]; then
        apt-get remove --yes --quiet -o DPkg::Lock::Timeout=60 "$package"
    else
        rpm --erase "$package"
    fi
    exit 0
fi
mkdir -p "$packages"
chmod 755 "$packages"
# A package that is being installed there comes first.
flock --wait 120 /run/open-xchange-usm.install true
rm -rf "$packages/arriving"
mkdir "$packages/arriving"
cp "$folder"/package/* "$packages/arriving/"
for file in "$packages"/arriving/*; do
    chmod 644 "$file"
    sh -c "$install" install.sh "$family" "$file" "$packages"
done
