"""Debian packages, made with dpkg-deb; the same contents make the same bytes."""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
from pathlib import Path

from lab.packages.contents import EPOCH, Package


def name(package: Package) -> str:
    """The file's name, as the guide spells it."""
    return f"{package.name}_{package.version}_all.deb"


def build(package: Package, output: Path) -> Path:
    """Makes the package in the folder ``output``; its path. Raises ``CalledProcessError``."""
    output.mkdir(parents=True, exist_ok=True)
    target = output / name(package)
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
    for member, text in control.items():
        _write(root / "DEBIAN" / member, text.encode(), 0o644)
    for member, text in package.scripts.items():
        _write(root / "DEBIAN" / member, text.encode(), 0o755)
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
    lines = [f"{key}: {value}" for key, value in fields.items() if value]
    return "\n".join([*lines, *(f" {line}" for line in package.description.splitlines())]) + "\n"


def _write(path: Path, content: bytes, mode: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(mode)
