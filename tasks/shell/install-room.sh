# Makes the folder $1 for packages, and in it an empty one for that which is about to arrive. A run that was cut off may
# have left some of it.
set -e
mkdir -p "$1"
chmod 755 "${1%/*}" "$1"
rm -rf "$1/arriving"
rm -f "${1%/*}"/*.deb
mkdir "$1/arriving"
