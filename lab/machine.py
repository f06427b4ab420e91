"""What the machine itself must have, and where it gets Debian's packages from.

The machine's own apt is the only source: its mirror, its proxy and its keys are read when they are needed and
written into no file of the project.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from lab.steps import LabError, Steps

SUITE = "bookworm"
PACKAGES = ("debootstrap", "iproute2", "util-linux", "mount", "openssh-client", "openssl")

# Another apt may be at work on the machine.
PATIENT = ("-o", "DPkg::Lock::Timeout=300")
INSTALL = ("--yes", "--quiet", "--no-install-recommends")

# Servers that tests start by themselves on loopback: the programs alone, no service of the machine.
TEST_PACKAGES = (
    "mariadb-server-core",
    "mariadb-client",
    "redis-tools",
    "rpm",
    "rpmlint",
    "lintian",
    "mandoc",
    "chromium",
    "fonts-dejavu-core",
)


_EXTRACT = 'dpkg-deb --fsys-tarfile "$1" | tar --extract --directory "$2" "./$3"'

# Single programs of packages that are too much to be installed for them, or would start a service: package, path in it.
PROGRAMS = {"promtool": ("prometheus", "usr/bin/promtool")}


def require_root() -> None:
    """LabError unless we may make namespaces and mounts."""
    if os.geteuid() != 0:
        raise LabError("the lab makes network namespaces and mounts: run this as root")


def missing(packages: Sequence[str]) -> list[str]:
    """Those of the packages that are not installed on the machine."""
    done = subprocess.run(
        ["dpkg-query", "--show", "--showformat=${Package} ${db:Status-Status}\n", *packages],
        capture_output=True,
        text=True,
        check=False,
    )
    installed = {line.split()[0] for line in done.stdout.splitlines() if line.endswith(" installed")}
    return [package for package in packages if package not in installed]


def update_lists(steps: Steps) -> None:
    """Asks the mirror for what it has now."""
    with steps.step("apt-get update"):
        steps.run(["apt-get", *PATIENT, "update", "--quiet"])


def install(steps: Steps, packages: Sequence[str] = PACKAGES) -> None:
    """Installs what is missing of the packages on the machine, by apt."""
    wanted = missing(packages)
    if not wanted:
        return
    update_lists(steps)
    with steps.step(f"installing {', '.join(wanted)} on this machine"):
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        steps.run(["apt-get", *PATIENT, "install", *INSTALL, *wanted], env=environment)


def extract(steps: Steps, folder: Path) -> None:
    """Brings the programs that are missing in ``folder``, out of their packages; installs nothing."""
    absent = {name: origin for name, origin in PROGRAMS.items() if not (folder / name).exists()}
    if not absent:
        return
    update_lists(steps)
    folder.mkdir(parents=True, exist_ok=True)
    for name, (package, path) in absent.items():
        with steps.step(f"fetching {name}"), tempfile.TemporaryDirectory(dir=folder) as place:
            steps.run(["apt-get", *PATIENT, "download", "--quiet", package], cwd=Path(place))
            [archive] = Path(place).glob("*.deb")
            steps.run(["sh", "-c", _EXTRACT, "sh", archive, place, path])
            Path(place, path).rename(folder / name)


def sources() -> list[str]:
    """Debian's own package sources of this machine, as lines of sources.list; the suite itself comes first."""
    form = "$(REPO_URI) $(RELEASE) $(COMPONENT)"
    command = ["apt-get", "indextargets", "--format", form, "Created-By: Packages", "Origin: Debian"]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    lines = [f"deb {line}" for line in found if len(line.split()) == 3 and line.split()[1].startswith(SUITE)]
    lines.sort(key=lambda line: line.split()[2] != SUITE)
    if not lines or lines[0].split()[2] != SUITE:
        raise LabError(f"apt of this machine knows no source of Debian {SUITE}: the hosts are made from it")
    return list(dict.fromkeys(lines))


def apt_settings() -> str:
    """The machine's settings of how apt reaches its mirror (a proxy, certificates), as lines of apt.conf."""
    dump = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=True).stdout
    return "".join(
        line + "\n" for line in dump.splitlines() if line.startswith(("Acquire::http", "Acquire::https"))
    )


@cache
def architecture() -> str:
    """Debian's name of the machine's architecture."""
    return subprocess.run(
        ["dpkg", "--print-architecture"], capture_output=True, text=True, check=True
    ).stdout.strip()
