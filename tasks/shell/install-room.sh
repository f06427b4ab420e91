# Makes the folder $1 for packages, and in it an empty one for that which is about to arrive. A run that was cut off may
# have left some of it; or it is still at work here, since an installation gets to its end when its controller is gone.
set -e
mkdir -p "$1"
chmod 755 "${1%/*}" "$1"
if ! flock --wait 120 /run/open-xchange-usm.install true; then
    echo "an earlier installation is still at work on this host after two minutes: look with ps -ef" >&2
    exit 1
fi
rm -rf "$1/arriving"
rm -f "${1%/*}"/*.deb
mkdir "$1/arriving"
