"""Builds the packages: ``python packaging/build.py [--output dist] [deb] [rpm]``.

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
import rpm
import tree
import wheels

KINDS = {"deb": deb, "rpm": rpm}

TOOLS = {"deb": ("dpkg-deb", "dpkg"), "rpm": ("rpmbuild", "rpm")}
"""What a package is made with, and the Debian package that has it."""


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


def require_tool(family: tree.Family) -> None:
    """Installs what makes this kind of package, where that is missing and we may. Raises ``BuildError``."""
    program, package = TOOLS[family]
    if shutil.which(program):
        return
    others = " ".join(each for each in KINDS if each != family)
    if os.geteuid() or not shutil.which("apt-get"):
        raise wheels.BuildError(
            f"{program} is missing, which makes the .{family}: install it (`apt-get install {package}`), or build only"
            f" the other package with `make package PACKAGES={others}`"
        )
    print(f"packaging: {program} is missing, installing {package} with apt")
    patient = ["-o", "DPkg::Lock::Timeout=300"]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for words in (["update"], ["install", "--yes", "--no-install-recommends", package]):
        command = ["apt-get", *patient, "--quiet", *words]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise wheels.BuildError(f"{' '.join(command)}: {done.stderr.strip()}")


def make(family: tree.Family, output: Path) -> Path:
    """Makes one package; returns its path."""
    require_tool(family)
    kind = KINDS[family]
    with tempfile.TemporaryDirectory(prefix="open-xchange-usm-") as folder:
        root = Path(folder, "root")
        root.mkdir()
        distribution = tree.stage(root, tree.PROJECT / "build" / "wheels", family, version(), epoch())
        everything = [line for each in KINDS.values() for line in each.requirements(distribution)]
        build = tree.label(root, version(), everything)
        output.mkdir(parents=True, exist_ok=True)
        target = output / kind.name(version())
        unfinished = target.with_suffix(f".{os.getpid()}")  # another build may be at the same package
        kind.build(root, version(), build, kind.requirements(distribution), epoch(), unfinished)
        unfinished.replace(target)
    return target


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=tree.PROJECT / "dist", help="folder for the packages")
    parser.add_argument("families", nargs="*", choices=[[], *KINDS], metavar="deb|rpm", help="without: both")
    arguments = parser.parse_args()
    for family in arguments.families or tree.FAMILIES:
        try:
            package = make(family, arguments.output.resolve())
        except wheels.BuildError as error:
            print(f"packaging: {error}", file=sys.stderr)
            return 1
        print(f"{package} ({package.stat().st_size // 1024} kB)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
