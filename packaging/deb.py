"""The Debian package, made with dpkg-deb."""

from __future__ import annotations

import gzip
import hashlib
import subprocess
from email.utils import formatdate
from pathlib import Path

import tree
import wheels

MAINTAINER_SCRIPTS = ("postinst", "prerm", "postrm")

CONTROL = """\
Package: open-xchange-usm
Version: {version}
Architecture: all
Maintainer: {maintainer}
Installed-Size: {kilobytes}
Depends: {depends}
Recommends: logrotate, openssl, ca-certificates
Section: mail
Priority: optional
Build-Id: {build}
Description: Exchange ActiveSync for Open-Xchange
 Phones reach mail, contacts, calendar and tasks of an Open-Xchange server by
 Exchange ActiveSync. This package brings the synchronisation server (USM) and
 its service; the deployment configures it, the web server and the accounts.
 .
 The pure Python libraries it needs are inside, under /opt/open-xchange/usm.
"""

CHANGELOG = """\
open-xchange-usm ({version}) stable; urgency=medium

  * Version {version}; what is new in it is told by the project's CHANGELOG.md.

 -- {maintainer}  {date}
"""

NAMES: dict[str, str | None] = {
    "cffi": None,
    "cryptography": "python3-cryptography",
    "gevent": "python3-gevent",
    "greenlet": "python3-greenlet",
    "lxml": "python3-lxml",
    "markupsafe": "python3-markupsafe",
    "pycparser": None,
    "zope-event": "python3-zope.event",
    "zope-interface": "python3-zope.interface",
}
"""What Debian calls the libraries that come from the distribution. None: comes with another one of them (cryptography),
as far as that needs it."""


def requirements(distribution: list[wheels.Locked]) -> list[str]:
    """What the package depends on, as ``Depends`` has it."""
    libraries = []
    for entry in distribution:
        if (called := NAMES[entry.name]) is None:
            continue
        oldest = wheels.FROM_DISTRIBUTION[entry.name]
        libraries.append(called + (f" (>= {oldest})" if oldest else ""))
    return [f"python3 (>= {wheels.PYTHON})", "passwd", *sorted(libraries)]


def name(version: str) -> str:
    """The package file's name."""
    return f"open-xchange-usm_{version}_all.deb"


def build(root: Path, version: str, build_id: str, depends: list[str], epoch: int, target: Path) -> None:
    """Makes the package ``target`` of the staged tree ``root``. ``epoch`` (seconds) dates everything in it."""
    _write_changelog(root, version, epoch)
    kilobytes = sum(1 + path.stat().st_size // 1024 for path in root.rglob("*"))
    md5sums = _md5sums(root)
    control = root / "DEBIAN"
    control.mkdir(mode=0o755)
    values = {"version": version, "kilobytes": kilobytes, "depends": ", ".join(depends), "build": build_id}
    (control / "control").write_text(CONTROL.format(maintainer=tree.MAINTAINER, **values))
    (control / "conffiles").write_text("".join(f"/{file.deb}\n" for file in tree.FILES if file.config))
    (control / "md5sums").write_text(md5sums)
    for each in MAINTAINER_SCRIPTS:
        (control / each).write_text(tree.script("deb", each))
        (control / each).chmod(0o755)
    tree.set_times(root, epoch)
    _run_dpkg_deb(root, target, epoch)


def _write_changelog(root: Path, version: str, epoch: int) -> None:
    text = CHANGELOG.format(version=version, maintainer=tree.MAINTAINER, date=formatdate(epoch))
    path = root / "usr/share/doc/open-xchange-usm/changelog.gz"
    path.write_bytes(gzip.compress(text.encode(), mtime=0))
    path.chmod(0o644)


def _md5sums(root: Path) -> str:
    """What ``dpkg --verify`` compares the installed files with."""
    conffiles = {file.deb for file in tree.FILES if file.config}
    lines = []
    for path in sorted(root.rglob("*")):
        inside = str(path.relative_to(root))
        if path.is_file() and inside not in conffiles:
            lines.append(f"{hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()}  {inside}\n")
    return "".join(lines)


def _run_dpkg_deb(root: Path, target: Path, epoch: int) -> None:
    command = ["dpkg-deb", "--root-owner-group", "-Zgzip", "--build", str(root), str(target)]
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "SOURCE_DATE_EPOCH": str(epoch), "LC_ALL": "C"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise wheels.BuildError(f"dpkg-deb: {done.stderr.strip()}")
