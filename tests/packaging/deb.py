"""A Debian package as tests look at it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]


SOURCES = (
    "app",
    "build/wheels",
    "group_data",
    "monitoring",
    "packaging",
    "tasks",
    "templates",
    "LICENSE",
    "pyproject.toml",
    "requirements.lock",
)
"""What the package is made of."""


def run(*command: str | Path, cwd: Path = PROJECT) -> str:
    """What a command prints, which must succeed; dates of packages are those of a fixed moment."""
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "1700000000"}
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=cwd, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def snapshot(folder: Path) -> Path:
    """A copy of what the package is made of, which nobody edits while tests run."""
    for name in SOURCES:
        source, target = PROJECT / name, folder / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.exists():
            shutil.copyfile(source, target)
    return folder


@dataclass(frozen=True, slots=True)
class Deb:
    """A package file."""

    path: Path

    @classmethod
    def build(cls, project: Path, folder: Path) -> Deb:
        """The package of the sources in ``project``."""
        run(sys.executable, "packaging/build.py", "--output", folder, "deb", cwd=project)
        (path,) = folder.glob("*.deb")
        return cls(path)

    def field(self, name: str) -> str:
        return run("dpkg-deb", "--field", self.path, name).strip()

    def listing(self) -> list[tuple[str, str, str]]:
        """Mode, owner and name of everything inside, names without the leading ``./``."""
        rows = [line.split(None, 5) for line in run("dpkg-deb", "--contents", self.path).splitlines()]
        return [(row[0], row[1], row[5].removeprefix("./")) for row in rows]

    def names(self) -> list[str]:
        """The names of everything inside; those of folders end in ``/``."""
        return [name for _, _, name in self.listing() if name]

    def text(self, name: str) -> str:
        """The content of one file."""
        return self.content(name).decode()

    def content(self, name: str) -> bytes:
        """The bytes of one file."""
        archive = subprocess.run(
            ["dpkg-deb", "--fsys-tarfile", str(self.path)], capture_output=True, check=True
        )
        done = subprocess.run(
            ["tar", "-xO", f"./{name}"], input=archive.stdout, capture_output=True, check=True
        )
        return done.stdout

    def control(self, name: str) -> str:
        """A file of the control part."""
        return run("dpkg-deb", "--info", self.path, name)
