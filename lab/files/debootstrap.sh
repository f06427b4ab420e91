#!/bin/sh
# Unpacks a small Debian. Runs in a mount namespace of its own, where it gives its folders short names: debootstrap
# fails on paths with spaces, and a clone may be anywhere.
#   debootstrap.sh SYSTEM ARCHIVES SUITE ARCHITECTURE MIRROR
set -eu
system=$1 archives=$2 suite=$3 architecture=$4 mirror=$5

mkdir -p /mnt
mount -t tmpfs tmpfs /mnt
mkdir /mnt/system /mnt/archives
mount --bind "$system" /mnt/system
mount --bind "$archives" /mnt/archives
exec debootstrap --variant=minbase --cache-dir=/mnt/archives --arch="$architecture" "$suite" /mnt/system "$mirror"
