"""A pytest plugin: ``lab_hosts`` is a lab of the guide's hosts, up once for all tests of a session; ``lab_of`` gives
one of any other plan, and ``rpm_root`` a root file system without a host.

Each lab has a name of its own, so that tests never touch one that a person has up, and it is taken down when the
session ends, however it ends; those whose session was killed are removed by the next session.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest

from lab import enter, faults, hosts, keys, netns, network, roles
from lab.plan import DEFAULT_PLAN, LOGS, PROJECT, STATE, Lab, plan_named
from lab.root import Root, mounted

T = TypeVar("T")
# A test's lab is called test<PID of the session>, and what else is needed to tell several apart.
OF_A_SESSION = re.compile(r"test(\d+)(?:[a-z][a-z0-9]*)?")


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

    def snapshot(self, label: str) -> None:
        """Keeps the files of all hosts as they are now, for ``reset``; the hosts start again for it."""
        hosts.snapshot(self.lab, label, hosts.steps(self.lab, "snapshot"))

    def reset(self, label: str) -> None:
        """All hosts as they were in that snapshot, just started, with every fault undone; takes seconds."""
        hosts.reset(self.lab, label, hosts.steps(self.lab, "reset"))

    def cut(self, name: str) -> None:
        """Unplugs a host from the network: packets are lost, connections hang."""
        network.cut(self.lab, self.lab.host(name))

    def join(self, name: str) -> None:
        """Plugs a host in again."""
        network.join(self.lab, self.lab.host(name))

    @contextmanager
    def cut_off(self, name: str) -> Iterator[None]:
        """A host that is unplugged for a while."""
        self.cut(name)
        try:
            yield
        finally:
            self.join(name)

    def reboot(self, name: str) -> None:
        """A power cut: the host's processes end at once; it starts again with its files."""
        hosts.reboot(self.lab, self.lab.host(name))

    def kill(self, name: str, what: str) -> None:
        """Kills a service (``lab.faults.SERVICES``) on a host by SIGKILL; it stays dead."""
        faults.kill(self.lab, self.lab.host(name), what)

    def start(self, name: str, what: str) -> None:
        """Starts a service again."""
        faults.start(self.lab, self.lab.host(name), what)

    @contextmanager
    def killed(self, name: str, what: str) -> Iterator[None]:
        """A service that is dead for a while."""
        self.kill(name, what)
        try:
            yield
        finally:
            self.start(name, what)

    def fill_disk(self, name: str) -> None:
        """Not one block is left on a host's disk; only in the plan ``disks``."""
        faults.fill_disk(self.lab, self.lab.host(name))

    def free_disk(self, name: str) -> None:
        """There is room on the host's disk again."""
        faults.free_disk(self.lab, self.lab.host(name))

    @contextmanager
    def full_disk(self, name: str) -> Iterator[None]:
        """A host whose disk is full for a while."""
        self.fill_disk(name)
        try:
            yield
        finally:
            self.free_disk(name)

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
    hosts.down(lab, hosts.steps(lab, "down"))
    (STATE / f"{lab.name}.lock").unlink(missing_ok=True)
    for log in LOGS.glob(f"{lab.name}-*"):
        log.unlink(missing_ok=True)
    shutil.rmtree(lab.directory, ignore_errors=True)


class Labs:
    """The labs of a session, one a plan; each comes up when it is asked for first."""

    def __init__(self) -> None:
        self._running: dict[str, LabHosts] = {}

    def __call__(self, plan: str) -> LabHosts:
        """The lab of that plan (``lab.plan.plan_named``), up: databases filled, groupware running, nothing of ours
        deployed unless a test of this session did."""
        if plan not in self._running:
            lab = Lab(f"test{os.getpid()}{'' if plan == DEFAULT_PLAN else plan}")
            hosts.up(lab, hosts.steps(lab, "up"), plan=plan_named(plan))
            self._running[plan] = LabHosts(lab)
        return self._running[plan]

    def fresh(self, plan: str = DEFAULT_PLAN) -> LabHosts:
        """The same with all hosts as they are when a lab comes up, whatever earlier tests have done to them."""
        if plan in self._running:
            self._running[plan].renew()
        return self(plan)

    def end(self, plan: str) -> None:
        """Takes the lab of that plan down before the session ends: a large one leaves its memory to others."""
        if plan in self._running:
            forget(self._running.pop(plan).lab)

    def end_all(self) -> None:
        for plan in list(self._running):
            self.end(plan)


@pytest.fixture(scope="session")
def lab_of() -> Iterator[Labs]:
    """Gives a lab of any plan: ``lab_of("three")``."""
    if os.geteuid() != 0:
        pytest.skip("the lab's hosts need root")
    remove_dead_sessions()
    labs = Labs()
    try:
        yield labs
    finally:
        labs.end_all()


@pytest.fixture(scope="session")
def lab_hosts(lab_of: Labs) -> LabHosts:
    """The guide's four hosts, up: databases filled, groupware running, nothing of ours deployed yet."""
    return lab_of(DEFAULT_PLAN)


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
