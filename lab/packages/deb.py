"""Debian packages from a table of files, made with dpkg-deb; the same table makes the same bytes."""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

EPOCH = 1_293_840_000
"""The date of everything inside: the first of January 2011."""

ETC = {6: "opt/open-xchange/etc/groupware", 7: "opt/open-xchange/etc"}
"""Generation of the groupware → the folder of its settings."""


@dataclass(frozen=True, slots=True)
class File:
    """One file. ``target``: where it goes, without the leading ``/``. ``config``: dpkg asks before it replaces one that
    an administrator edited."""

    target: str
    content: bytes
    mode: int = 0o644
    config: bool = False


@dataclass(frozen=True, slots=True)
class Package:
    """What dpkg is told about a package, and what is in it. ``scripts``: maintainer scripts by name."""

    version: str
    summary: str
    description: str
    files: Sequence[File]
    name: str = "open-xchange-usm"
    depends: str = ""
    recommends: str = ""
    scripts: Mapping[str, str] = field(default_factory=dict)

    @property
    def file_name(self) -> str:
        """As the guide spells it. An epoch of the version is not part of it."""
        return f"{self.name}_{self.version.rpartition(':')[2]}_all.deb"


def build(package: Package, output: Path) -> Path:
    """Makes the package in the folder ``output``; its path. Raises ``CalledProcessError``."""
    output.mkdir(parents=True, exist_ok=True)
    target = output / package.file_name
    with tempfile.TemporaryDirectory(prefix="lab-package-") as folder:
        root = Path(folder, "root")
        _stage(package, root)
        unfinished = target.with_name(f".{target.name}.{os.getpid()}")
        subprocess.run(
            ["dpkg-deb", "--root-owner-group", "-Zgzip", "--build", root, unfinished],
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "SOURCE_DATE_EPOCH": str(EPOCH), "LC_ALL": "C"},
            check=True,
            capture_output=True,
        )
        unfinished.replace(target)
    return target


def _stage(package: Package, root: Path) -> None:
    for file in package.files:
        _write(root / file.target, file.content, file.mode)
    control = {
        "control": _control(package),
        "conffiles": "".join(f"/{file.target}\n" for file in package.files if file.config),
        "md5sums": "".join(
            f"{hashlib.md5(file.content, usedforsecurity=False).hexdigest()}  {file.target}\n"
            for file in package.files
            if not file.config
        ),
    }
    for name, text in control.items():
        _write(root / "DEBIAN" / name, text.encode(), 0o644)
    for name, text in package.scripts.items():
        _write(root / "DEBIAN" / name, text.encode(), 0o755)
    for path in [root, *root.rglob("*")]:
        if path.is_dir():
            path.chmod(0o755)
        os.utime(path, (EPOCH, EPOCH))


def _control(package: Package) -> str:
    size = sum(1 + len(file.content) // 1024 for file in package.files)
    fields = {
        "Package": package.name,
        "Version": package.version,
        "Architecture": "all",
        "Maintainer": "nobody in particular <nobody@example.org>",
        "Installed-Size": str(size),
        "Depends": package.depends,
        "Recommends": package.recommends,
        "Section": "mail",
        "Priority": "optional",
        "Description": package.summary,
    }
    lines = [f"{name}: {value}" for name, value in fields.items() if value]
    return "\n".join([*lines, *(f" {line}" for line in package.description.splitlines())]) + "\n"


def _write(path: Path, content: bytes, mode: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(mode)
