"""The root file systems hosts are made of: layers, each built once and kept.

The lowest layer is a small Debian with sshd and sysvinit; each role adds one layer with its packages. A layer is
kept under the fingerprint of its recipe and of the layer below it: change a recipe, and just that layer (and what
stands on it) is built anew. A layer is built beside its place and moved there when it is complete, so that one
that was interrupted is never used.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab import machine
from lab.plan import CACHE, FILES
from lab.steps import Steps

LAYERS = CACHE / "layers"
ARCHIVES = CACHE / "archives"
BUILDER = FILES / "build-layer.sh"
DEBOOTSTRAP = FILES / "debootstrap.sh"

# What a data centre's hosts have before anybody deploys anything. netcat and net-tools are for people in a shell.
BASE_PACKAGES = (
    "adduser ca-certificates cron curl file gzip insserv iproute2 iputils-ping initscripts less logrotate lsb-base "
    "lsof mime-support net-tools netcat-openbsd openssh-server openssl procps psmisc python3 python3-venv sudo "
    "sysv-rc sysvinit-core sysvinit-utils tzdata unzip vim-tiny"
)

# The Debian packages that the application's package depends on (packaging/), so that it installs with no network.
APPLICATION_PACKAGES = (
    "python3-gevent python3-greenlet python3-lxml python3-markupsafe python3-zope.event python3-zope.interface "
    "python3-cffi-backend python3-cryptography python3-setuptools python3-pkg-resources init-system-helpers"
)

# Set before the database is made: a host's own layer begins with a copy of this log, at each start after a snapshot.
DATABASE_SETTINGS = """\
mkdir -p /etc/mysql/mariadb.conf.d
printf '[mysqld]\\ninnodb_log_file_size = 32M\\n' > /etc/mysql/mariadb.conf.d/59-lab-log.cnf
"""

# What the groupware's own site needs; whatever ActiveSync needs beyond that, the deployment brings.
APACHE_MODULES = "proxy proxy_http proxy_balancer lbmethod_byrequests headers ssl"


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a layer is made: a shell script run in the system, on top of the layer called ``below``."""

    name: str
    script: str
    below: str | None = None


def _install(packages: str) -> str:
    return f"apt-get update --quiet\napt-get install --yes --quiet --no-install-recommends {packages}\n"


# What belongs to a machine with a screen, disks and a kernel of its own.
MASKED_UNITS = (
    "console-getty.service getty@.service systemd-udevd.service systemd-logind.service systemd-remount-fs.service "
    "sys-kernel-debug.mount sys-kernel-tracing.mount sys-kernel-config.mount sys-fs-fuse-connections.mount "
    "dev-hugepages.mount proc-sys-fs-binfmt_misc.automount"
)


def _systemd_settings() -> str:
    return f"systemctl mask {MASKED_UNITS}\nsystemctl set-default multi-user.target\n"


def _rpm_database() -> str:
    """Makes rpm's database where rpm systems have it, and tells it what the system has."""
    describe = (FILES / "rpm-provides.py").read_text()
    return (
        "mkdir -p /etc/rpm\necho '%_dbpath /var/lib/rpm' > /etc/rpm/macros\n"
        f"cat > /tmp/rpm-provides.py <<'END-OF-FILE'\n{describe}END-OF-FILE\n"
        "python3 /tmp/rpm-provides.py > /tmp/lab-provides.spec\n"
        "rpmbuild -bb --quiet --define '_topdir /tmp/rpmbuild' /tmp/lab-provides.spec\n"
        "rpm --initdb\nrpm --install /tmp/rpmbuild/RPMS/noarch/lab-provides-1-1.noarch.rpm\n"
    )


RECIPES = (
    Recipe(
        "base",
        _install(BASE_PACKAGES)
        + "apt-get dist-upgrade --yes --quiet\n"
        + "rm -f /etc/ssh/ssh_host_*\n"
        # Runlevel S checks disks and mounts what the host already has; hosts of the lab start at runlevel 2.
        + "mkdir -p -m 700 /root/.ssh\nln -sf /usr/share/zoneinfo/UTC /etc/localtime\n",
    ),
    Recipe(
        "web",
        _install("apache2") + f"a2enmod -q {APACHE_MODULES}\na2dismod -q status\na2dissite -q 000-default\n",
        "base",
    ),
    Recipe("db", DATABASE_SETTINGS + _install("mariadb-server mariadb-client"), "base"),
    Recipe("ox", _install(f"mariadb-client {APPLICATION_PACKAGES}"), "base"),
    # The user is there because its group reads the settings with the database's password.
    Recipe(
        "app",
        "useradd --system --user-group --no-create-home --home-dir /opt/open-xchange "
        "--shell /usr/sbin/nologin open-xchange\n",
        "ox",
    ),
    Recipe("ox7", _install("systemd systemd-sysv") + _systemd_settings(), "ox"),
    Recipe("mail", _install("dovecot-core dovecot-imapd dovecot-lmtpd"), "base"),
    Recipe("rpm", _install("rpm") + _rpm_database(), "ox"),
    Recipe("ox7rpm", _install("rpm") + _rpm_database() + (FILES / "rpm-layer.sh").read_text(), "ox7"),
    Recipe(
        "httpd",
        _install("rpm")
        + _rpm_database()
        + (FILES / "httpd-layer.sh").read_text()
        + (FILES / "rpm-layer.sh").read_text(),
        "web",
    ),
)


def recipe(name: str) -> Recipe:
    return next(recipe for recipe in RECIPES if recipe.name == name)


def fingerprint(wanted: Recipe) -> str:
    """What the layer depends on: recipe, builder, suite, architecture, and the layer below."""
    below = fingerprint(recipe(wanted.below)) if wanted.below else ""
    facts = [wanted.script, BUILDER.read_text(), machine.SUITE, machine.architecture(), below]
    return hashlib.sha256("\0".join(facts).encode()).hexdigest()[:12]


def layer(name: str) -> Path:
    """Where the layer of that name is, or will be."""
    wanted = recipe(name)
    return LAYERS / f"{name}-{fingerprint(wanted)}"


def chain(name: str) -> list[str]:
    """The recipe of that name and those below it, the uppermost first."""
    found = []
    above: str | None = name
    while above:
        found.append(above)
        above = recipe(above).below
    return found


def layers_of(name: str) -> list[Path]:
    """The layer of that name and those below it, the uppermost first."""
    return [layer(each) for each in chain(name)]


def _with_those_below(names: Collection[str]) -> set[str]:
    return {each for name in names for each in chain(name)}


@contextmanager
def locked(steps: Steps) -> Iterator[None]:
    """One builder at a time; a second one says that it waits."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            steps.say("waiting for another command that is building the layers")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def ensure(steps: Steps, needed: Collection[str] | None = None) -> bool:
    """Builds the layers of the ``needed`` recipes (all, if not said) that are not there yet, and those below them;
    whether there were such."""
    wanted_names = {each.name for each in RECIPES} if needed is None else _with_those_below(needed)
    recipes = [each for each in RECIPES if each.name in wanted_names]
    if all(layer(each.name).is_dir() for each in recipes):
        return False
    with locked(steps):
        _clear_unfinished()
        ARCHIVES.mkdir(parents=True, exist_ok=True)
        machine.update_lists(steps)
        for wanted in recipes:
            if not layer(wanted.name).is_dir():
                _build(steps, wanted)
    return True


def _clear_unfinished() -> None:
    LAYERS.mkdir(parents=True, exist_ok=True)
    for leftover in LAYERS.glob("*.partial"):
        shutil.rmtree(leftover)


def prune(steps: Steps, used: set[str]) -> None:
    """Removes all layers but those in ``used``."""
    with locked(steps):
        _clear_unfinished()
        for old in LAYERS.iterdir():
            if old.name not in used:
                shutil.rmtree(old)


def _build(steps: Steps, wanted: Recipe) -> None:
    place = layer(wanted.name)
    partial = place.with_name(place.name + ".partial")
    partial.mkdir()
    lines = machine.sources()
    scratch = partial / "scratch"
    scratch.mkdir()
    (scratch / "script").write_text(wanted.script)
    (scratch / "sources").write_text("\n".join(lines) + "\n")
    (scratch / "apt.conf").write_text(machine.apt_settings())
    (scratch / "work").mkdir()
    (scratch / "root").mkdir()
    system = partial / "system"
    system.mkdir()
    overlay: list[str] = []
    if wanted.below is None:
        _debootstrap(steps, system, lines[0].split()[1])
        root = system
    else:
        root = scratch / "root"
        overlay = [overlay_options(layers_of(wanted.below), system, scratch / "work")]
    with steps.step(f"root file system: the layer {wanted.name!r} (once)"):
        files = [scratch / name for name in ("sources", "apt.conf", "script")]
        isolated("sh", BUILDER, root, ARCHIVES, *files, *overlay, steps=steps)
    system.rename(place)
    shutil.rmtree(partial)


def _debootstrap(steps: Steps, system: Path, mirror: str) -> None:
    with steps.step(f"root file system: debootstrap {machine.SUITE} (once, about a minute)"):
        isolated(
            *("sh", DEBOOTSTRAP, system, ARCHIVES, machine.SUITE, machine.architecture(), mirror), steps=steps
        )


def isolated(*command: str | Path, steps: Steps) -> None:
    """Runs a command in mount and process namespaces of its own, in the folder that overlay options are for."""
    mortal = ["setpriv", "--pdeathsig", "KILL"]  # it must not go on building for a program that was killed
    unshare = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    steps.run([*mortal, *unshare, *command], cwd=CACHE.parent, patience=0.1)  # unshare ignores SIGTERM


def overlay_options(lower: list[Path], upper: Path, work: Path) -> str:
    """Options of an overlay mount, relative to ``.lab``: a clone's own path may hold colons and commas."""
    start = CACHE.parent
    below = ":".join(os.path.relpath(path, start) for path in lower)
    return f"lowerdir={below},upperdir={os.path.relpath(upper, start)},workdir={os.path.relpath(work, start)}"
