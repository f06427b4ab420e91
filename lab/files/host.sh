#!/bin/sh
# Becomes PID 1 of a host. Runs in network, mount, process, UTS, IPC and cgroup namespaces of its own.
#   host.sh NAME ROOT OVERLAY_OPTIONS DISKS GROUP INIT...
# DISKS: words FILE:DIRECTORY, file systems in files that parts of the overlay lie on; the first is written to.
# GROUP: the directory of the control group of a host whose init is systemd; empty for others.
# Every mount made here is the host's own and goes away with its last process.
set -eu
name=$1 root=$2 overlay=$3 disks=$4 group=$5
if [ -n "$group" ] && [ -z "${in_group-}" ]; then
    # The group becomes the root of all that the host can see, so the namespace is made inside it.
    echo 0 >"$group/cgroup.procs"
    in_group=yes exec unshare --cgroup -- sh "$0" "$@"
fi
shift 5

access=rw
for disk in $disks; do
    mount -o "loop,noatime,$access" "${disk%%:*}" "${disk#*:}"
    access=ro
done
mount -t overlay -o "$overlay" "lab-$name" "$root"
cd "$root"
mount -t proc -o nosuid,nodev,noexec proc proc
mount -t sysfs -o ro,nosuid,nodev,noexec sysfs sys
[ -z "$group" ] || mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755,nosuid tmpfs dev
mount -t tmpfs -o mode=755,nosuid,nodev tmpfs run
for device in null:3 zero:5 full:7 random:8 urandom:9; do
    mknod -m 666 "dev/${device%:*}" c 1 "${device#*:}"
done
mknod -m 666 dev/tty c 5 0
mkdir dev/pts dev/shm run/lock
chmod 1777 run/lock
mount -t devpts -o newinstance,ptmxmode=666,mode=620,gid=5 devpts dev/pts
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s fd/0 dev/stdin
ln -s fd/1 dev/stdout
ln -s fd/2 dev/stderr
# What has no namespace belongs to the machine.
for path in proc/sys proc/sysrq-trigger proc/irq proc/bus; do
    [ -e "$path" ] || continue
    mount --bind "$path" "$path"
    mount -o remount,bind,ro "$path"
done
hostname "$name"

mkdir run/machine
pivot_root . run/machine
cd /
exec chroot . /bin/sh -c '
    umount -l /run/machine
    rmdir /run/machine
    exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin TERM=linux container=lab \
        setpriv --bounding-set -sys_module,-sys_time,-sys_rawio,-mac_admin,-syslog "$@"
' init "$@"
