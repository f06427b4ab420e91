# Puts a package file of the package $2, as it is installed now, into the folder $4, and prints its path: what a rollback
# installs. $1 is the family, $3 the folder where deployments keep what they installed.
#
# The file that it was installed from is taken where it is still there. Otherwise a .deb is made anew from the files on
# the host and from what dpkg remembers of it; files that an administrator edited are as they are now. An .rpm cannot be
# made from that: it must be somewhere.
set -eu
family=$1 package=$2 kept=$3 folder=$4
made=$folder/.repack.$$
trap 'rm -rf "$made"' EXIT

complain() {
    echo "$*" >&2
}

# The file gets its place in one step, and is a file of its own there: the other folder is cleared now and then.
take() {
    cp -p "$1" "$folder/.${1##*/}.new"
    mv -f "$folder/.${1##*/}.new" "$folder/${1##*/}"
    echo "$folder/${1##*/}"
}

# --- deb ------------------------------------------------------------------------------------------------------

# Whether the package file $1 has the very files that are installed.
is_installed_deb() {
    [ "$(dpkg-deb --field "$1" Package)" = "$package" ] || return 1
    [ "$(dpkg-deb --field "$1" Version)" = "$(dpkg-query --show --showformat='${Version}' "$package")" ] || return 1
    sums=$(dpkg-query --control-show "$package" md5sums 2>/dev/null) || return 1
    [ "$(dpkg-deb --info "$1" md5sums 2>/dev/null)" = "$sums" ]
}

find_deb() {
    for each in "$kept"/*.deb "$kept"/arriving/*.deb; do
        if [ -e "$each" ] && is_installed_deb "$each" 2>/dev/null; then
            take "$each"
            return
        fi
    done
    make_deb
}

make_deb() {
    root=$made/root
    mkdir -p "$root/DEBIAN"
    chmod 755 "$root" "$root/DEBIAN"
    describe
    list_files
    copy_files
    version=$(dpkg-query --show --showformat='${Version}' "$package")
    architecture=$(dpkg-query --show --showformat='${Architecture}' "$package")
    file=$made/${package}_${version#*:}_$architecture.deb
    dpkg-deb -Zgzip --build "$root" "$file" >/dev/null
    verify "$file"
    take "$file"
}

# What dpkg remembers of the package, without what it adds itself when it installs one.
describe() {
    dpkg-query --status "$package" |
        awk '/^[^ ]/ { added = /^(Status|Conffiles|Config-Version):/ } !added' >"$root/DEBIAN/control"
    for name in $(dpkg-query --control-list "$package"); do
        dpkg-query --control-show "$package" "$name" >"$root/DEBIAN/$name"
        case $name in
            preinst | postinst | prerm | postrm | config) chmod 755 "$root/DEBIAN/$name" ;;
            *) chmod 644 "$root/DEBIAN/$name" ;;
        esac
    done
    settings | awk '$3 == "" { print $1 }' >"$root/DEBIAN/conffiles"
}

# Path and checksum of each file that an administrator may edit; then "obsolete" if only an older version brought it.
settings() {
    dpkg-query --show --showformat='${Conffiles}\n' "$package" | grep / || true
}

# Folders into $made/folders, all else into $made/files. Settings of an even older version are not the package's.
list_files() {
    : >"$made/folders"
    : >"$made/files"
    settings | awk '$3 == "obsolete" { print $1 }' >"$made/obsolete"
    dpkg-query --listfiles "$package" | grep '^/' | grep -vx -e '/\.' -e / | grep -vxF -f "$made/obsolete" >"$made/all" || true
    while read -r path; do
        if [ -d "$path" ] && { [ ! -L "$path" ] || grep -q "^$path/" "$made/all"; }; then
            echo "$path" >>"$made/folders"
        elif [ -e "$path" ] || [ -L "$path" ]; then
            echo "${path#/}" >>"$made/files"
        else
            complain "$path belongs to $package, but is not there: the package for a rollback will lack it"
        fi
    done <"$made/all"
}

copy_files() {
    while read -r path; do
        # Folders that a link leads to (/lib) are folders in a package.
        mkdir -p "$root$path"
        chown --reference="$path/." "$root$path"
        chmod --reference="$path/." "$root$path"
    done <"$made/folders"
    tar --create --directory=/ --no-recursion --verbatim-files-from --files-from="$made/files" |
        tar --extract --preserve-permissions --same-owner --directory="$root"
}

verify() {
    inside=$(dpkg-deb --fsys-tarfile "$1" | tar --list | grep -c '[^/]$')
    if [ "$inside" -ne "$(wc -l <"$made/files")" ] ||
        ! dpkg-deb --fsys-tarfile "$1" | tar --compare --directory="$root" >&2; then
        complain "the package made from the files of $package is not the same as what is installed"
        return 1
    fi
}

# --- rpm ------------------------------------------------------------------------------------------------------

CACHES="/var/cache/dnf /var/cache/libdnf5 /var/cache/yum /var/cache/zypp /var/cache/PackageKit /root"

find_rpm() {
    installed=$(rpm --query --queryformat '%{PKGID}\n' "$package")
    for each in $(find "$kept" $CACHES -name "$package-*.rpm" 2>/dev/null); do
        if [ "$(rpm --query --package --nosignature --queryformat '%{PKGID}\n' "$each" 2>/dev/null)" = "$installed" ]; then
            take "$each"
            return
        fi
    done
    complain "there is no package file of $(rpm --query "$package") on this host, without which a rollback is not" \
        "possible: put the file that it was installed from into $kept"
    return 1
}

"find_$family"
