"""Run pyinfra in the lab, as an administrator would, and read what it says it did.

pyinfra ends with 0 in cases where nothing or not everything was done, so its exit status is believed only together
with what it printed: every host of the inventory must have been worked on, and no operation may have failed.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from lab import enter
from lab.plan import PROJECT, Lab
from lab.steps import LabError, end, tail

INVENTORY = "inventory/lab.py"
COMMAND = (INVENTORY, "deploy.py", "-y")

ANSI = re.compile(r"\x1b\[[0-9;]*m")
STARTED = re.compile(r"--> Starting operation: (?P<name>.*?)\s*$")
OUTCOME = re.compile(r"^\s*\[(?P<host>[^\]]+)\]\s+(?P<outcome>Success|No changes|Error)\b")
OUTCOMES = {"Success": "changed", "No changes": "unchanged", "Error": "failed"}


@dataclass
class Deployment:
    """What one run of pyinfra did: by host, the names of the operations that changed it, that did not, that failed.

    ``operations`` are all of them in the order in which they started.
    """

    seconds: float = 0.0
    status: int = 0
    operations: list[str] = field(default_factory=list)
    changed: dict[str, list[str]] = field(default_factory=dict)
    unchanged: dict[str, list[str]] = field(default_factory=dict)
    failed: dict[str, list[str]] = field(default_factory=dict)

    def hosts(self) -> set[str]:
        """The hosts that pyinfra worked on."""
        return {*self.changed, *self.unchanged, *self.failed}

    def changes(self) -> dict[str, list[str]]:
        """The operations that changed something, in their order, with the hosts that they changed."""
        found: dict[str, list[str]] = {name: [] for name in self.operations}
        for host, names in sorted(self.changed.items()):
            for name in names:
                found[name].append(host)
        return {name: hosts for name, hosts in found.items() if hosts}

    def count(self, outcome: str, host: str | None = None) -> int:
        """How many operations ended that way (``changed``, ``unchanged``, ``failed``), on one host or on all."""
        by_host: dict[str, list[str]] = getattr(self, outcome)
        return sum(len(names) for name, names in by_host.items() if host in (None, name))

    def problem(self, expected: Collection[str]) -> str:
        """Why this run must not pass as a success on the ``expected`` hosts; empty when it may."""
        if self.status:
            return f"pyinfra ended with {self.status}"
        if self.failed:
            return "failed: " + "; ".join(
                f"{', '.join(names)} on {host}" for host, names in self.failed.items()
            )
        missing = set(expected) - self.hosts()
        return f"pyinfra did nothing on {', '.join(sorted(missing))}" if missing else ""


def read_output(lines: list[str]) -> Deployment:
    """The operations and their outcomes from what pyinfra printed."""
    found = Deployment()
    operation = ""
    for line in lines:
        plain = ANSI.sub("", line)
        if match := STARTED.search(plain):
            operation = match["name"]
            found.operations.append(operation)
        elif operation and (match := OUTCOME.match(plain)):
            by_host: dict[str, list[str]] = getattr(found, OUTCOMES[match["outcome"]])
            by_host.setdefault(match["host"], []).append(operation)
    return found


def run(lab: Lab, log: Path, *arguments: str) -> Deployment:
    """Runs pyinfra on the lab with its whole output in ``log``; raises LabError when it did not succeed."""
    program = Path(sys.executable).with_name("pyinfra")
    command = enter.command_inside(lab, [str(program), *(arguments or COMMAND)])
    environment = {**_without_secrets(enter.environment(lab)), "USM_SECRETS_FILE": str(lab.secrets)}
    log.parent.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    with log.open("w") as output:
        process = subprocess.Popen(
            command,
            cwd=PROJECT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            process.wait()
        except BaseException:
            end(process)
            raise
    found = read_output(log.read_text(errors="replace").splitlines())
    found.seconds = time.monotonic() - began
    found.status = process.returncode
    if problem := found.problem([host.name for host in lab.hosts if host.role != "db"]):
        raise LabError(
            f"the deployment did not succeed: {problem}; its last output (all of it: {log}):\n{tail(log)}"
        )
    return found


def _without_secrets(environment: dict[str, str]) -> dict[str, str]:
    """Passwords of another installation in the caller's environment would be taken before the lab's own."""
    return {name: value for name, value in environment.items() if not name.startswith(("OX_", "USM_"))}


def listening(lab: Lab) -> dict[str, set[str]]:
    """By host, which process listens on which port: different after a restart, the same after a reload."""
    found = {}
    for host in lab.hosts:
        command = enter.command_on(
            lab, host, ["ss", "--no-header", "--listening", "--tcp", "--numeric", "--processes"]
        )
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        rows = [line.split() for line in done.stdout.splitlines()]
        found[host.name] = {f"{row[3]} {first_pid(row[-1])}" for row in rows if "pid=" in row[-1]}
    return found


def first_pid(users: str) -> int:
    """The oldest of the processes that hold a socket, from ss's ``users:(("name",pid=7,fd=3),...)``."""
    return min(int(pid) for pid in re.findall(r"pid=(\d+)", users))
