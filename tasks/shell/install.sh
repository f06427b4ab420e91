# Installs the package file $2 of the family $1 (deb or rpm). What the package asks for comes from the distribution; it
# is there already on a host without a way out. $3 is the folder where the last two that were installed are kept.
set -e

# One at a time: who comes next waits in install-room.sh. What dpkg starts must not hold the lock, so it stays out of sight.
exec 9>/run/open-xchange-usm.install
flock --wait 120 9

# It gets to its end also when the connection breaks, and nobody is left to read what it says.
said=$3/arriving/said
exec 3>&1 4>&2 </dev/null >"$said" 2>&1
trap 'if [ $? -eq 0 ]; then cat "$said" >&3; else cat "$said" >&4; fi; rm -rf "$3/arriving"' EXIT

install_deb() {
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
}

# The file that is installed, down to its last bit, and no other of that name.
is_installed_rpm() {
    name=$(rpm --query --package --nosignature --queryformat '%{NAME}' "$1")
    wanted=$(rpm --query --package --nosignature --queryformat '%{PKGID}\n' "$1")
    [ "$(rpm --query --queryformat '%{PKGID}\n' "$name")" = "$wanted" ]
}

upgrade_rpm() {
    rpm --upgrade --replacepkgs --oldpackage --nosignature "$@"
}

install_rpm() {
    if ! missing=$(upgrade_rpm --test "$1" 2>&1); then
        echo "$missing"
        # rpm asks for what is missing and cannot get it; these two can.
        if command -v dnf >/dev/null; then
            dnf --assumeyes --quiet install "$1"
        elif command -v zypper >/dev/null; then
            zypper --non-interactive --quiet install --allow-unsigned-rpm --oldpackage "$1"
        fi
    fi
    # Once more, because an installation that was cut off may have left something in the way that the first try removes.
    is_installed_rpm "$1" || upgrade_rpm "$1" || upgrade_rpm "$1"
}

# The package before this one stays too, under another name where it has the same: a rollback needs it.
keep() {
    kept=$2/${1##*/}
    if [ -e "$kept" ] && ! cmp -s "$1" "$kept"; then
        mv -f "$kept" "${kept%.*}.before.${kept##*.}"
    fi
    touch "$1"
    mv -f "$1" "$kept"
    ls -t "$2"/*.deb "$2"/*.rpm 2>/dev/null | tail -n +3 | while read -r old; do rm -f "$old"; done
}

"install_$1" "$2" 9>&-
keep "$2" "$3"
