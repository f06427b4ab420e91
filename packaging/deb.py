"""The Debian package, made with dpkg-deb."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import tree
import wheels

MAINTAINER_SCRIPTS = ("postinst", "prerm", "postrm")

CONTROL = """\
Package: open-xchange-usm
Version: {version}
Architecture: all
Maintainer: open-xchange-usm maintainers <open-xchange-usm@example.org>
Installed-Size: {kilobytes}
Depends: {depends}
Recommends: logrotate
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


def build(root: Path, version: str, distribution: list[wheels.Locked], epoch: int, output: Path) -> Path:
    """Makes the package of the staged tree ``root``; returns its path. ``epoch`` (seconds) dates everything in it."""
    depends = ["python3 (>= 3.11)", "passwd"]
    depends += sorted({wheels.FROM_DISTRIBUTION[entry.name] for entry in distribution})
    scripts = b"".join(
        (tree.PROJECT / "packaging/maintainer" / name).read_bytes() for name in MAINTAINER_SCRIPTS
    )
    build_id = hashlib.sha256(f"{version}{depends}{tree.fingerprint(root)}".encode() + scripts).hexdigest()[
        :16
    ]
    kilobytes = sum(1 + path.stat().st_size // 1024 for path in root.rglob("*"))
    md5sums = _md5sums(root)
    control = root / "DEBIAN"
    control.mkdir(mode=0o755)
    (control / "control").write_text(
        CONTROL.format(version=version, kilobytes=kilobytes, depends=", ".join(depends), build=build_id)
    )
    (control / "conffiles").write_text("".join(f"/{file.target}\n" for file in tree.FILES if file.config))
    (control / "md5sums").write_text(md5sums)
    for name in MAINTAINER_SCRIPTS:
        shutil.copyfile(tree.PROJECT / "packaging/maintainer" / name, control / name)
        (control / name).chmod(0o755)
    tree.set_times(root, epoch)
    target = output / f"open-xchange-usm_{version}_all.deb"
    _run_dpkg_deb(root, target, epoch)
    return target


def _md5sums(root: Path) -> str:
    """What ``dpkg --verify`` compares the installed files with."""
    conffiles = {file.target for file in tree.FILES if file.config}
    lines = []
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if path.is_file() and name not in conffiles:
            lines.append(f"{hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()}  {name}\n")
    return "".join(lines)


def _run_dpkg_deb(root: Path, target: Path, epoch: int) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_suffix(f".{os.getpid()}")  # another build may be at the same package
    command = [
        "dpkg-deb",
        "--root-owner-group",
        "-Zgzip",
        "--build",
        str(root),
        str(unfinished),
    ]
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "SOURCE_DATE_EPOCH": str(epoch), "LC_ALL": "C"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise wheels.BuildError(f"dpkg-deb: {done.stderr.strip()}")
    unfinished.replace(target)
