"""The stand-in for the OX server on the lab's hosts: its layer, its settings on a host, its data.

The stand-in is a program in its own right (``lab.ox``) and is only ever called by its command line here. Its libraries
are pure Python wheels at the versions of requirements.lock, fetched by the packaging's own code; compiled ones are
Debian's.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from lab import base, enter, keys
from lab.plan import CACHE, FILES, PROJECT, Host, Lab
from lab.steps import LabError, Steps

PROGRAM = PROJECT / "lab" / "ox"
BUILDER = FILES / "standin-layer.sh"
LOCK = PROJECT / "requirements.lock"
WHEELS = PROJECT / "build" / "wheels"
SETTINGS = Path("opt/open-xchange/etc")
USER = "open-xchange"
DATABASE_SETTINGS = ("configdb.properties", "system.properties")
# How much data the demo users have; lab.ox knows what each means.
SEEDS = ("small", "large", "empty")
# What the stand-in imports; what these need in turn is read from the lock.
LIBRARIES = ["click", "falcon", "gevent", "gunicorn", "pymysql", "python-dateutil", "sqlalchemy"]


def python() -> Path:
    """The interpreter that has the project's libraries."""
    found = PROJECT / ".venv" / "bin" / "python"
    if not found.exists():
        raise LabError("the project's libraries are not installed: run `make install`")
    return found


def _program_files() -> list[Path]:
    found = [path for path in PROGRAM.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    return sorted([*found, BUILDER, LOCK])


@cache
def layer(below: str) -> Path:
    """Where the layer is, or will be: under the fingerprint of program, libraries and the layer ``below``.

    Read once: whoever edits the program while a lab comes up gets the edit at the next one.
    """
    digest = hashlib.sha256(f"{base.layer(below).name} {LIBRARIES}".encode())
    for path in _program_files():
        digest.update(f"\0{path.relative_to(PROJECT)}\0".encode() + path.read_bytes())
    return base.LAYERS / f"standin_{below}-{digest.hexdigest()[:12]}"


def ensure(steps: Steps, below: str, generation: int) -> bool:
    """Builds the layer unless it is there; whether it was not."""
    place = layer(below)
    if place.is_dir():
        return False
    with (
        base.locked(steps),
        steps.step(
            f"root file system: the stand-in for OX {generation} on the layer {below!r} (once a version)"
        ),
    ):
        if place.is_dir():
            return False  # another command has built it while this one waited
        partial = place.with_name(place.name + ".partial")
        shutil.rmtree(partial, ignore_errors=True)
        for name in ("system", "work", "root"):
            (partial / name).mkdir(parents=True)
        lower = base.layers_of(below)
        options = base.overlay_options(lower, partial / "system", partial / "work")
        wheels = partial / "wheels"
        _collect_wheels(wheels)
        base.isolated(
            *("sh", BUILDER, partial / "root", options, PROJECT, python(), wheels, str(generation)),
            steps=steps,
        )
        (partial / "system").rename(place)
        shutil.rmtree(partial)
    return True


def _collect_wheels(folder: Path) -> None:
    packaging = _load_packaging()
    entries = packaging.closure(LIBRARIES, packaging.read_lock(LOCK))
    pure = [entry for entry in entries if entry.name not in packaging.FROM_DISTRIBUTION]
    folder.mkdir()
    try:
        for wheel in packaging.fetch(pure, WHEELS):
            shutil.copy(wheel, folder)
    except packaging.BuildError as problem:
        raise LabError(str(problem)) from problem


def _load_packaging() -> Any:
    """``packaging/wheels.py``, which is a script's neighbour and no package."""
    path = PROJECT / "packaging" / "wheels.py"
    spec = importlib.util.spec_from_file_location("lab_wheels", path)
    if spec is None or spec.loader is None:
        raise LabError(f"{path} is missing")
    module = importlib.util.module_from_spec(spec)
    # dataclasses look their module up by name.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def write_settings(lab: Lab, host: Host, place: Path, upper: Path, steps: Steps) -> None:
    """Writes this host's settings of the groupware into its own layer; ``place`` is the stand-in's."""
    target = upper / SETTINGS
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        scratch = Path(folder)
        secrets = keys.passwords(lab)
        steps.run(
            [
                *(python(), "-m", "lab.ox", "install", "--root", scratch, "--server-name", host.name),
                *("--generation", str(host.generation)),
            ],
            cwd=PROJECT,
            env={
                **os.environ,
                "LAB_OX_INSTALL_DATABASE": keys.database_url(lab),
                "LAB_OX_INSTALL_MASTER_PASSWORD": secrets["oxadminmaster"],
            },
        )
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(scratch / SETTINGS, target)
    group = _group(place)
    for path in target.rglob("*"):
        if path.is_file():
            os.chown(path, 0, group)


def _group(place: Path) -> int:
    """The daemons' group as a layer has it."""
    for line in (place / "etc/passwd").read_text().splitlines():
        name, _, _, group, *_ = line.split(":")
        if name == USER:
            return int(group)
    raise LabError(f"the layer {place.name} has no user {USER}")


def copy_database_settings(source: Path, target: Path) -> None:
    """Copies from an OX host's own layer what says where the databases are, for the application without a groupware."""
    group = _group(base.layer("app"))
    folder = target / SETTINGS
    folder.mkdir(parents=True, exist_ok=True)
    for name in DATABASE_SETTINGS:
        found = next((source / SETTINGS).rglob(name))
        shutil.copy(found, folder / name)
        os.chown(folder / name, 0, group)


def fill_database(lab: Lab, seed: str, steps: Steps) -> None:
    """Makes configdb, schemas and the demo users' data (one of SEEDS) on db1; asked from inside the lab."""
    command, environment = filling(lab, "--seed", seed)
    steps.run(command, cwd=PROJECT, env=environment)


def filling(lab: Lab, *options: str) -> tuple[list[str], dict[str, str]]:
    """The command that makes configdb, schemas and data on db1 unless they are there, and its environment; it is run in
    the project."""
    command = [str(python()), "-m", "lab.ox", "init", *options]
    for host in lab.plan.of_role("ox"):
        command += ["--server-name", host.name]
    secret = {"LAB_OX_INIT_DATABASE": keys.database_url(lab)}
    return enter.command_inside(lab, command), {**enter.environment(lab), **secret}
