"""A new version replaces the running one on two nodes, under the load of many phones.

``python -m bench.rollout [--phones 200]``, as root: brings up a lab, deploys the package, has the phones set up and
live (``lab.device.load``), deploys the same package under the next version, and asks the phones what they met. What is
measured is the service as well as the machine: phones, Apache, both nodes, the database and the stand-in for OX share
its processors.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.commands import measured
from bench.figures import Figure, tell
from lab import enter, hosts, machine
from lab.device.crowd import Crowd, make_users
from lab.plan import PROJECT, STATE, Lab

SOURCES = (
    "app",
    "group_data",
    "packaging",
    "tasks",
    "templates",
    "LICENSE",
    "pyproject.toml",
    "requirements.lock",
)
WHEELS = "build/wheels"
BEFORE, AFTER = 10.0, 10.0
"""Seconds that the phones live before the rollout, and after it."""
QUIET = ("email_pull_delay", "email_pull_min_delay", "pull_interval")
LOOKS = 15000
"""Milliseconds between two looks for a waiting phone: the lab's own two seconds are for a person who watches."""
MOST_WAIT = 3.0
"""Seconds until a phone that was refused for now is served: one that it waits itself, two for the answer."""


@dataclass(frozen=True, slots=True)
class Rollout:
    """What it took, and what the phones met (``lab.device.load``)."""

    seconds: float
    met: dict[str, Any]


def build(folder: Path, suffix: str = "") -> Path:
    """The package of the sources as they are, its version with a suffix."""
    folder.mkdir()
    for name in SOURCES:
        source = PROJECT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    (folder / "build").mkdir()
    (folder / WHEELS).symlink_to(PROJECT / WHEELS)
    project = folder / "pyproject.toml"
    text = project.read_text()
    version = tomllib.loads(text)["project"]["version"]
    project.write_text(text.replace(f'version = "{version}"', f'version = "{version}{suffix}"', 1))
    script, output = str(folder / "packaging/build.py"), str(folder / "dist")
    measured([sys.executable, script, "--output", output, "deb"], dict(os.environ))
    return next((folder / "dist").glob("*.deb"))


def deploy(lab: Lab, package: Path) -> float:
    """Deploys a package to the lab; how many seconds that took."""
    data = [f"{key}={LOOKS}" for key in QUIET] + [f"package_file={package}"]
    words = [word for pair in data for word in ("--data", pair)]
    command = [sys.executable, "-m", "tasks", "inventory/lab.py", *words]
    cost, _ = measured(enter.command_inside(lab, command), enter.environment(lab))
    return cost.wall


def measure(lab: Lab, phones: int, folder: Path) -> Rollout:
    """One rollout under the load of so many phones."""
    say("building two versions of the package")
    older, newer = build(folder / "older"), build(folder / "newer", ".1")
    say("deploying the first")
    deploy(lab, older)
    say(f"setting up {phones} phones")
    with Crowd(lab, folder, phones=phones, users=phones) as crowd:
        say(f"they took {crowd.set_up_seconds:.0f} s; deploying the second under their load")
        time.sleep(BEFORE)
        seconds = deploy(lab, newer)
        time.sleep(AFTER)
        met = crowd.finish()
    say(crowd.messages.read_text().rstrip())
    return Rollout(seconds, met)


def figures(phones: int, rollout: Rollout) -> list[Figure]:
    """The rows of the table."""
    met, of = rollout.met, f"{phones} phones"
    lost = len(met["twice"]) + len(met["lost"]) + len(met["unfinished"])
    none = ("at most", 0.0)
    return [
        Figure(f"{of}: rollout of two nodes", rollout.seconds, "s"),
        Figure(f"{of}: requests", met["requests"], ""),
        Figure(f"{of}: refused for now (503, Retry-After)", met["refused_for_now"], ""),
        Figure(f"{of}: longest until served again", met["worst_wait"], "s", ("at most", MOST_WAIT)),
        Figure(f"{of}: failed requests", met["failures"], "", none),
        Figure(f"{of}: told to start over", met["restarts"], "", none),
        Figure(f"{of}: items lost or there twice", lost, "", none),
    ]


def say(text: str) -> None:
    print(f"rollout: {text}", file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.rollout", description=__doc__.splitlines()[0])
    parser.add_argument("--phones", type=int, default=200, help="how many phones, each of a user (200)")
    phones = parser.parse_args(arguments).phones
    machine.require_root()
    lab = Lab("benchroll")
    try:
        say("bringing up a lab")
        hosts.up(lab, hosts.steps(lab, "up"))
        make_users(lab, phones)
        with tempfile.TemporaryDirectory(prefix="bench-", dir=STATE) as folder:
            found = measure(lab, phones, Path(folder))
    finally:
        hosts.down(lab, hosts.steps(lab, "down"))
    return tell("rollout", figures(phones, found))


if __name__ == "__main__":
    sys.exit(main())
