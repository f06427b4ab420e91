#!/bin/sh
# Builds the layer with the stand-in for the groupware. Runs in mount and process namespaces of its own.
#   standin-layer.sh ROOT OVERLAY_OPTIONS PROJECT PYTHON WHEELS GENERATION
# The settings made here are those of no host; each host gets its own.
set -eux
root=$1 overlay=$2 project=$3 python=$4 wheels=$5 generation=$6

mount -t overlay -o "$overlay" lab-layer "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
cd "$project"
"$python" -m lab.ox install --root "$root" --database sqlite:////nowhere --wheels "$wheels" --generation "$generation"
rm -r "$root/opt/open-xchange/etc"
# The daemons may not write beside their program, and without this each start would compile all of it again.
chroot "$root" python3 -m compileall -q /opt/open-xchange/lib/standin
for daemon in open-xchange open-xchange-groupware open-xchange-admin; do
    [ ! -x "$root/etc/init.d/$daemon" ] || chroot "$root" update-rc.d "$daemon" defaults
done
