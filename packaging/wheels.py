"""The libraries that travel inside the package: pure Python, of exactly the versions in ``requirements.lock``.

Rules of this file:

* the lock says which versions with which hashes; nothing else is taken, and every wheel is checked against it;
* only what the application needs at run time, and what that needs in turn, is taken; tools stay out;
* a library with compiled parts comes from the distribution instead (:data:`FROM_DISTRIBUTION`), so that one package
  fits every processor and the distribution's security fixes reach it. A new one that is missing there is an error.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import tomllib
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

PYTHON = "3.11"
"""The oldest Python that the package runs on: that of Debian 12."""

EXTRAS: tuple[str, ...] = ()
"""Optional dependencies that are bundled too, so that a setting is enough to use them."""

TESTS = (("tests",), ("testing",))
"""Folders of a library that serve nobody but who develops it or with it."""

FROM_DISTRIBUTION = {
    "cffi": "",
    "cryptography": "38.0",
    "gevent": "22.10",
    "greenlet": "2.0",
    "lxml": "4.9",
    "markupsafe": "2.1",
    "pycparser": "",
    "zope-event": "",
    "zope-interface": "",
}
"""Library with compiled parts (or a part of one) -> the oldest version that was tried."""


class BuildError(Exception):
    """The package cannot be built; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Locked:
    """One entry of the lock: exact version, permitted hashes (``sha256:…``), and who asked for it."""

    name: str
    version: str
    hashes: frozenset[str]
    via: frozenset[str] = field(default_factory=frozenset)


def canonical(name: str) -> str:
    """The one spelling of a library's name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read_lock(path: Path) -> dict[str, Locked]:
    """The entries of a lock file as pip-compile writes it, by canonical name."""
    entries: dict[str, Locked] = {}
    for block in re.split(r"\n(?=[A-Za-z0-9])", path.read_text()):
        head = re.match(r"([A-Za-z0-9._-]+)==([^\s\\]+)", block)
        if head is None:
            continue
        comment = block.partition("# via")[2]
        via = {canonical(word) for word in re.findall(r"(?m)^[ #]*([A-Za-z0-9._-]+)", comment)}
        hashes = frozenset(re.findall(r"--hash=(sha256:[0-9a-f]{64})", block))
        name = canonical(head.group(1))
        entries[name] = Locked(name, head.group(2), hashes, frozenset(via))
    return entries


def wanted_names(pyproject: Path) -> list[str]:
    """What the application itself asks for at run time."""
    project = tomllib.loads(pyproject.read_text())["project"]
    lines = [*project["dependencies"]]
    for extra in EXTRAS:
        lines += project["optional-dependencies"][extra]
    return [canonical(match.group()) for line in lines if (match := re.match(r"[A-Za-z0-9._-]+", line))]


def closure(wanted: list[str], lock: dict[str, Locked]) -> list[Locked]:
    """What is wanted and everything that it asks for in turn, sorted by name."""
    found: set[str] = set()
    todo = list(wanted)
    while todo:
        name = todo.pop()
        if name in found:
            continue
        if name not in lock:
            raise BuildError(
                f"{name} is not in requirements.lock: lock the dependencies again with pip-compile"
            )
        found.add(name)
        todo += [entry.name for entry in lock.values() if name in entry.via]
    return [lock[name] for name in sorted(found)]


def fetch(entries: list[Locked], cache: Path) -> list[Path]:
    """The wheels of these entries, in the same order; asks the package index only for those not in ``cache`` yet."""
    cache.mkdir(parents=True, exist_ok=True)
    missing = [entry for entry in entries if _cached(entry, cache) is None]
    if missing:
        _download(missing, cache)
    wheels = []
    for entry in entries:
        wheel = _cached(entry, cache)
        if wheel is None:
            raise BuildError(
                f"{entry.name} {entry.version} has no pure Python wheel: name the distribution's package for it"
                " in FROM_DISTRIBUTION (packaging/wheels.py)"
            )
        wheels.append(wheel)
    return wheels


def _cached(entry: Locked, cache: Path) -> Path | None:
    """The wheel of this entry whose content has a hash of the lock."""
    for wheel in sorted(cache.glob("*-none-any.whl")):
        name, version = wheel.name.split("-")[:2]
        if (canonical(name), version) != (entry.name, entry.version):
            continue
        if "sha256:" + hashlib.sha256(wheel.read_bytes()).hexdigest() in entry.hashes:
            return wheel
        raise BuildError(f"{wheel} has none of the hashes in requirements.lock: remove it and build again")
    return None


def _download(entries: list[Locked], cache: Path) -> None:
    requirements = cache / "requirements.txt"
    requirements.write_text(
        "".join(
            f"{entry.name}=={entry.version} "
            + " ".join(f"--hash={hash}" for hash in sorted(entry.hashes))
            + "\n"
            for entry in entries
        )
    )
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--require-hashes", "--only-binary=:all:", "--platform", "any", "--implementation", "py"]
    command += ["--abi", "none", "--python-version", PYTHON, "--dest", str(cache), "-r", str(requirements)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = done.stderr.strip().splitlines()[-1:] or ["no reason given"]
        names = ", ".join(f"{entry.name} {entry.version}" for entry in entries)
        raise BuildError(f"cannot get the pure Python wheels of {names}: {reason[0]}")


def unpack(wheel: Path, target: Path) -> None:
    """Puts the libraries of a wheel and their metadata into ``target``, without programs and tests that it brings."""
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.infolist():
            path = Path(member.filename)
            if path.is_absolute() or ".." in path.parts:
                raise BuildError(f"{wheel.name} holds {member.filename}, which is outside of itself")
            if path.parts[0].endswith(".data") or path.parts[1:2] in TESTS or member.is_dir():
                continue
            place = target / path
            if place.exists():
                raise BuildError(f"{wheel.name} holds {member.filename}, which another wheel holds too")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(archive.read(member))
