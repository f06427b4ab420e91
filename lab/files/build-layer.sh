#!/bin/sh
# Builds one layer of a root file system. Runs in mount and process namespaces of its own, so that every mount
# and every daemon a package starts goes away with it.
#   build-layer.sh ROOT ARCHIVES SOURCES APT_CONF SCRIPT [OVERLAY_OPTIONS]
# ROOT is a directory with a system in it, or the mount point for an overlay with these options.
set -eu
root=$1 archives=$2 sources=$3 apt_conf=$4 script=$5 overlay=${6-}

[ -z "$overlay" ] || mount -t overlay -o "$overlay" lab-layer "$root"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount --rbind /dev "$root/dev"
mkdir -p "$root/var/cache/apt/archives" "$root/etc/apt/apt.conf.d"
mount --bind "$archives" "$root/var/cache/apt/archives"
mount -t tmpfs tmpfs "$root/var/lib/apt/lists"
mount -t tmpfs tmpfs "$root/tmp"
for name in hosts resolv.conf; do
    [ ! -e "/etc/$name" ] || cp --dereference --remove-destination "/etc/$name" "$root/etc/$name"
done
if [ -s /etc/ssl/certs/ca-certificates.crt ] && [ ! -s "$root/etc/ssl/certs/ca-certificates.crt" ]; then
    mkdir -p "$root/etc/ssl/certs"
    cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
fi
cp "$sources" "$root/etc/apt/sources.list"
cp "$apt_conf" "$root/etc/apt/apt.conf.d/90machine"
printf '#!/bin/sh\nexit 101\n' > "$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"
cp "$script" "$root/tmp/layer"

chroot "$root" /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive sh -eux /tmp/layer

# Hosts have no way out: nothing of the machine's way to its packages stays in them.
rm -f "$root/usr/sbin/policy-rc.d" "$root/etc/apt/apt.conf.d/90machine" "$root/etc/resolv.conf"
printf '# This host has no way out: packages come by ssh.\n' > "$root/etc/apt/sources.list"
