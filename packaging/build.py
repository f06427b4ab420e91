"""Builds the package: ``python packaging/build.py [--output dist]``.

The same sources make the same bytes. The date of everything inside is ``SOURCE_DATE_EPOCH`` if that is set, else that
of the newest commit. Only the first build asks the package index; what it fetched is kept under ``build/wheels``.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

import deb
import tree
import wheels


def version() -> str:
    """The version of the project, as ``pyproject.toml`` has it."""
    project = tomllib.loads((tree.PROJECT / "pyproject.toml").read_text())["project"]
    return str(project["version"])


def epoch() -> int:
    """The date of the package's content, in seconds since 1970."""
    if given := os.environ.get("SOURCE_DATE_EPOCH"):
        return int(given)
    command = ["git", "-C", str(tree.PROJECT), "log", "-1", "--format=%ct"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return 0
    return int(done.stdout.strip() or 0)


def main() -> int:
    parser = argparse.ArgumentParser(description="Builds dist/open-xchange-usm_<version>_all.deb.")
    parser.add_argument("--output", type=Path, default=tree.PROJECT / "dist", help="folder for the package")
    arguments = parser.parse_args()
    if shutil.which("dpkg-deb") is None:
        print("packaging: dpkg-deb is missing; on Debian it is part of dpkg", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="open-xchange-usm-") as folder:
        root = Path(folder, "root")
        root.mkdir()
        try:
            distribution = tree.stage(root, tree.PROJECT / "build" / "wheels")
            package = deb.build(root, version(), distribution, epoch(), arguments.output.resolve())
        except wheels.BuildError as error:
            print(f"packaging: {error}", file=sys.stderr)
            return 1
    print(f"{package} ({package.stat().st_size // 1024} kB)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
