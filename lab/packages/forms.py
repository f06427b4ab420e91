"""The forms in which a package can be made."""

from __future__ import annotations

from pathlib import Path

from lab.packages import deb, rpm
from lab.packages.contents import Package

BUILDERS = {"deb": deb.build, "rpm": rpm.build}


def build(package: Package, output: Path, form: str = "deb") -> Path:
    """Makes the package in the folder ``output``; its path. ``form``: deb or rpm. Raises ``CalledProcessError``."""
    return BUILDERS[form](package, output)
