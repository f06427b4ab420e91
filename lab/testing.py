"""A pytest plugin: the fixture ``lab_hosts`` brings a lab up once for all tests of a session.

The lab has a name of its own, so that tests never touch one that a person has up, and it is taken down when the
session ends, however it ends; one whose session was killed is removed by the next session.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest

from lab import enter, hosts, keys, netns, roles
from lab.plan import LOGS, PROJECT, STATE, Lab
from lab.root import Root, mounted

T = TypeVar("T")
# A test's lab is called test<PID of the session>.
OF_A_SESSION = re.compile(r"test(\d+)[a-z]?")


@dataclass(frozen=True, slots=True)
class LabHosts:
    """A running lab, as tests use it."""

    lab: Lab

    def run(
        self, name: str, *command: str, check: bool = True, stdin: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Runs a command on a host as root, without ssh."""
        return self._run(
            enter.command_on(self.lab, self.lab.host(name), command), check, stdin, 120, PROJECT, {}
        )

    def sh(self, name: str, script: str, check: bool = True) -> str:
        """What a shell script on a host prints."""
        return self.run(name, "sh", "-c", script, check=check).stdout

    def inside(
        self,
        *command: str,
        check: bool = True,
        stdin: str = "",
        timeout: float = 240,
        cwd: Path = PROJECT,
        env: dict[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Runs a command of this machine inside the lab's network (where ssh reaches the hosts)."""
        return self._run(self.command_inside(*command), check, stdin, timeout, cwd, env or {})

    def command_inside(self, *command: str) -> list[str]:
        """The command line of ``inside``, for those who start it themselves; it wants ``environment`` too."""
        return enter.command_inside(self.lab, command)

    @property
    def environment(self) -> dict[str, str]:
        """The environment of programs that work on this lab (OXLAB_NAME, OXLAB_DIR)."""
        return enter.environment(self.lab)

    def call(self, function: Callable[[], T]) -> T:
        """Calls a function in a thread whose sockets are inside the lab's network."""
        return netns.call_inside(self.lab.namespace, function)

    def root(self, name: str) -> Path:
        """The root directory of a host, as a path of this machine; absolute symlinks in it lead astray."""
        return enter.root_of(self.lab, self.lab.host(name))

    def mysql(self, statement: str) -> list[list[str]]:
        """The rows of a query, asked on db1 as the database's root."""
        done = self.run("db1", "mariadb", "--batch", "--skip-column-names", "--execute", statement)
        return [line.split("\t") for line in done.stdout.splitlines()]

    def renew(self) -> None:
        """Every host anew, as they were when the lab came up; takes seconds."""
        plan = self.lab.plan
        hosts.down(self.lab, hosts.steps(self.lab, "down"))
        hosts.up(self.lab, hosts.steps(self.lab, "up"), plan=plan)

    @property
    def passwords(self) -> dict[str, str]:
        """The lab's passwords by account (``lab.keys.ACCOUNTS``)."""
        return keys.passwords(self.lab)

    def _run(
        self, command: Sequence[str], check: bool, stdin: str, timeout: float, cwd: Path, env: dict[str, str]
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            list(command),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            cwd=cwd,
            env={**self.environment, **env},
            check=False,
        )
        if check and done.returncode:
            raise AssertionError(
                f"{' '.join(command)} ended with {done.returncode}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
            )
        return done


def remove_dead_sessions() -> None:
    """Takes down the labs of test sessions of this clone whose process is gone."""
    names = {path.stem for path in STATE.glob("test*")}
    if netns.RUN.is_dir():
        names |= {path.name.partition("-")[0] for path in netns.RUN.glob("test*")}
    for name in sorted(names):
        match = OF_A_SESSION.fullmatch(name)
        if not match or Path("/proc", match.group(1)).exists():
            continue
        lab = Lab(name)
        if all(netns.belongs_to(each, lab.directory) for each in lab.namespaces if netns.exists(each)):
            forget(lab)


def forget(lab: Lab) -> None:
    """Takes a lab down and removes what is written about it."""
    report = hosts.steps(lab, "down")
    hosts.down(lab, report)
    (STATE / f"{lab.name}.lock").unlink(missing_ok=True)
    report.log.unlink(missing_ok=True)
    hosts.steps(lab, "up").log.unlink(missing_ok=True)
    for console in LOGS.glob(f"{lab.name}-*.console"):
        console.unlink(missing_ok=True)
    shutil.rmtree(lab.directory, ignore_errors=True)


@pytest.fixture(scope="session")
def lab_hosts() -> Iterator[LabHosts]:
    """The four hosts, up: databases filled, groupware running, nothing of ours deployed yet."""
    if os.geteuid() != 0:
        pytest.skip("the lab's hosts need root")
    remove_dead_sessions()
    lab = Lab(f"test{os.getpid()}")
    try:
        hosts.up(lab, hosts.steps(lab, "up"))
        yield LabHosts(lab)
    finally:
        forget(lab)


@pytest.fixture
def rpm_root() -> Iterator[Root]:
    """A fresh root file system with rpm, python3 and what the application's package requires; no network, no dpkg
    record of what rpm installs."""
    if os.geteuid() != 0:
        pytest.skip("mounting a root file system needs root")
    remove_dead_sessions()
    lab = Lab(f"test{os.getpid()}r")
    roles.ensure_layers(hosts.steps(lab, "layers"))
    with mounted("rpm", lab.directory / str(time.monotonic_ns())) as root:
        yield root
    forget(lab)
