"""Prints the spec of ``lab-provides``: what this Debian has, in the words of systems that are made of rpm packages.

Runs inside the root file system that it describes. The database of rpm starts empty there, and a package's Requires
are looked up in nothing else; this one package, without files, tells it what the system really has: each installed
Debian package by its name and version, each Python distribution in the four ways in which rpm systems spell it, each
program by its path, and the few packages that are called differently there. Nothing is provided that is not there.
"""

import subprocess
import sys
from importlib import metadata
from pathlib import Path

HEADER = """\
Name: lab-provides
Version: 1
Release: 1
Summary: What the Debian below has, in the words of rpm
License: none
BuildArch: noarch
"""
FOOTER = """
%description
Told to the database of rpm, which knows nothing of Debian's packages.

%files
"""

PROGRAMS = ("/bin", "/sbin", "/usr/bin", "/usr/sbin")

# Debian's package → what RHEL and SLES call what is in it.
CALLED = {
    "passwd": ("shadow-utils", "shadow"),
    "procps": ("procps-ng",),
    "sysv-rc": ("chkconfig", "initscripts"),
    "apache2": ("httpd", "webserver"),
    "mariadb-client": ("mariadb", "mysql"),
    "mariadb-server": ("mysql-server",),
    "python3-cffi-backend": ("python3-cffi",),
    "python3-zope.interface": ("python3-zope-interface",),
    "python3-zope.event": ("python3-zope-event",),
    "python3-venv": ("python3-libs",),
    "openssh-server": ("openssh",),
    "libc6": ("glibc",),
}


def installed() -> dict[str, str]:
    """Debian's packages with their versions."""
    form = "${Package} ${Version} ${db:Status-Status}\n"
    lines = subprocess.check_output(["dpkg-query", "--show", "--showformat=" + form], text=True).splitlines()
    return {name: version for name, version, status in map(str.split, lines) if status == "installed"}


def comparable(version: str) -> str:
    """The version without Debian's revision: rpm takes what stands behind the hyphen for its own release."""
    return version.rpartition("-")[0] or version


def of_packages() -> list[str]:
    found = []
    for name, version in installed().items():
        for called in (name, *CALLED.get(name, ())):
            found.append(f"{called} = {comparable(version)}")
    return found


def of_python() -> list[str]:
    release = f"{sys.version_info.major}.{sys.version_info.minor}"
    full = ".".join(map(str, sys.version_info[:3]))
    flat = release.replace(".", "")
    found = [f"python(abi) = {release}", f"python{release} = {full}", f"python{flat} = {full}"]
    for each in metadata.distributions():
        name = each.metadata["Name"].lower().replace("_", "-")
        for form in (
            "python3dist({})",
            f"python{release}dist({{}})",
            f"python{release}-{{}}",
            f"python{flat}-{{}}",
        ):
            found.append(f"{form.format(name)} = {each.version}")
    return found


def of_programs() -> list[str]:
    return [str(path) for folder in PROGRAMS for path in sorted(Path(folder).iterdir()) if path.name != "["]


def main() -> None:
    provided = [*of_packages(), *of_python(), *of_programs()]
    print(HEADER + "".join(f"Provides: {each}\n" for each in dict.fromkeys(provided)) + FOOTER)


if __name__ == "__main__":
    main()
