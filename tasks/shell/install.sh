# Installs the package file $1, which is "version build" $2; $3 is the folder for what must be remembered.
# What the package asks for comes from the distribution; it is there already on a host without a way out.
set -e
export DEBIAN_FRONTEND=noninteractive
# What was cut off is completed first; dpkg itself does not wait for another one that is still at work.
tries=6
until dpkg --configure -a --force-confold; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || exit 1
    sleep 10
done
apt-get install --yes --quiet --no-install-recommends --reinstall --allow-downgrades \
    -o Dpkg::Options::=--force-confold -o Dpkg::Options::=--force-confdef -o DPkg::Lock::Timeout=60 "$1"
rm -f "$1"
