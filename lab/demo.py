"""The main job, end to end: ``make demo``.

From nothing on a Debian machine: build the package, bring the lab up, deploy the application to it with pyinfra over
ssh, deploy again to see that nothing changes, and let a phone do through Apache what a new phone does. It prints what
happened as a story, ends with 0 only if all of it did, and leaves nothing running.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lab import deployment, hosts, machine, netns, phone_story
from lab.deployment import Deployment
from lab.plan import LOGS, PROJECT, STATE, Lab, chosen_lab
from lab.steps import Interrupted, LabError, Steps, interruptible, undisturbed

NAME = "oxdemo"
# Other clones may have their demo running: then the next name that is free.
NAMES = tuple(f"{NAME}{number}" for number in ("", *range(2, 10)))


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m lab demo",
        description="Deploy the application to a lab of four hosts and let a phone synchronise through it.",
    )
    parser.add_argument(
        "--keep", action="store_true", help="leave the lab up at the end, to look around in it"
    )
    parser.add_argument("--name", help=f"name of the lab (default: {NAME})")
    return parser.parse_args(list(arguments))


@contextmanager
def _reserved(name: str | None) -> Iterator[Lab]:
    """The lab of that name, else the first that neither another demo nor another clone has; ours until the end."""
    STATE.mkdir(exist_ok=True)
    for lab in [chosen_lab(name)] if name else map(Lab, NAMES):
        with (STATE / f"{lab.name}.demo.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            if hosts.is_ours(lab):
                yield lab
                return
    names = name or f"{NAMES[0]} to {NAMES[-1]}"
    raise LabError(f"another demo or another clone's lab has the name {names}; give a free one (--name)")


def _package(report: Steps) -> Path:
    """Builds the package; its path."""
    report.run(["make", "--no-print-directory", "package"], cwd=PROJECT)
    built = sorted(
        (PROJECT / "dist").glob("open-xchange-usm_*_all.deb"), key=lambda path: path.stat().st_mtime
    )
    if not built:
        raise LabError(f"`make package` left no package in {PROJECT / 'dist'}; its output: {report.log}")
    return built[-1]


def _deploy(lab: Lab, report: Steps) -> Deployment:
    """Deploys, and deploys again: the second run must change nothing and restart nothing. Returns the first run."""
    with report.step(f"    pyinfra {' '.join(deployment.COMMAND)}, over ssh"):
        first = deployment.run(lab, LOGS / f"{lab.name}-deploy-1.log")
    for operation, changed in first.changes().items():
        report.say(f"        {operation:48} changed {', '.join(changed)}")
    if not first.count("changed"):
        raise LabError("the first deployment changed nothing on hosts where nothing was deployed")
    before = deployment.listening(lab)
    with report.step("    the same command again"):
        second = deployment.run(lab, LOGS / f"{lab.name}-deploy-2.log")
    if second.count("changed"):
        again = "; ".join(f"{name}: {', '.join(steps)}" for name, steps in second.changed.items())
        raise LabError(f"the second deployment changed something: {again}")
    if (after := deployment.listening(lab)) != before:
        restarted = [name for name in before if before[name] != after[name]]
        raise LabError(f"the second deployment restarted something on {', '.join(restarted)}")
    report.say(
        f"        nothing changed in {second.count('unchanged')} steps on 4 hosts, nothing was restarted"
    )
    return first


def _play(lab: Lab, report: Steps) -> str:
    """The four parts of the story; what came of it in one sentence."""
    report.say("1. The package")
    with report.step("    building it (make package)"):
        package = _package(report)
    report.say(f"    {package.name}, {package.stat().st_size // 1024} kB")

    report.say(
        "\n2. The data centre: an Apache, two hosts of OX 6 (a stand-in for the real server), a MariaDB"
    )
    at_work = Steps(LOGS / f"{lab.name}-up.log", "    lab", sys.stdout)
    if lab.directory.exists():
        hosts.down(lab, at_work)  # an earlier demo left it up (--keep), or was killed
    hosts.up(lab, at_work)
    for host in lab.hosts:
        report.say(f"    {host.name:5} {host.address}  {ROLES[host.role]}")

    report.say("\n3. The deployment")
    first = _deploy(lab, report)

    report.say("\n4. The phone")
    synced = phone_story.tell(lab, report)
    return (
        f"{first.count('changed')} steps changed {len(first.changed)} hosts, the second run changed nothing; "
        f"the phone synced {synced.contacts} contacts and {synced.mails} mails"
    )


ROLES = {"web": "Apache", "ox": "groupware of OX 6 (stand-in)", "db": "MariaDB with OX's schemas"}


def main(arguments: Sequence[str]) -> int:
    """Runs the demo; 0 when every part of it did what it should."""
    options = _options(arguments)
    try:
        machine.require_root()
    except LabError as problem:
        print(f"FAILED: {problem}")
        return 1
    report = Steps(LOGS / "demo.log", "", sys.stdout)
    try:
        machine.install(report)
        with _reserved(options.name) as lab:
            return _run(lab, report, options.keep)
    except LabError as problem:
        report.say(f"FAILED: {problem}")
        return 1


def _run(lab: Lab, report: Steps, keep: bool) -> int:
    began = time.monotonic()
    status, outcome = 1, ""
    try:
        with interruptible():
            outcome = _play(lab, report)
        status = 0
    except (LabError, phone_story.StoryError, subprocess.CalledProcessError) as problem:
        report.say(f"FAILED: {problem}")
    except KeyboardInterrupt:
        report.say("interrupted")
        status = 130
    except Interrupted as signal:
        report.say(f"ended by {signal}")
        status = 143
    finally:
        with undisturbed():
            _leave(lab, report, keep=keep and status in (0, 1))
    minutes, seconds = divmod(round(time.monotonic() - began), 60)
    if status == 0:
        report.say(f"\nDone in {minutes} min {seconds} s: {outcome}.")
    report.say(f"Full logs: {os.path.relpath(STATE / 'log')}")
    return status


def _leave(lab: Lab, report: Steps, keep: bool) -> None:
    if keep and hosts.is_up(lab):
        report.say(
            f"the lab stays up: `make lab-shell LAB={lab.name} HOST=ox1`, `make lab-down LAB={lab.name}`"
        )
        return
    if lab.directory.exists() or any(netns.exists(name) for name in lab.namespaces):
        hosts.down(lab, Steps(LOGS / f"{lab.name}-down.log", "lab", sys.stdout))
