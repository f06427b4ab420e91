"""Strikes at a chosen moment of a deployment, and looks at what is left."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from lab.testing import LabHosts
from tests.deploy.hosts import Deployment, Outcome

DATABASE = "db1"


@dataclass(frozen=True, slots=True)
class Moment:
    """A step on a host, just before its first command."""

    step: str
    host: str


@dataclass
class Observer:
    """Answers the driver (:mod:`tests.faults.driver`) at a socket of its own."""

    path: Path
    strike: Callable[[Moment], str]
    """What to answer to a command; called before each."""

    moments: list[Moment] = field(default_factory=list)

    @contextmanager
    def listening(self) -> Iterator[None]:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(self.path))
            listener.listen()
            thread = threading.Thread(target=self._serve, args=(listener,), daemon=True)
            thread.start()
            try:
                yield
            finally:
                listener.shutdown(socket.SHUT_RDWR)
                thread.join(10)
                self.path.unlink()

    def _serve(self, listener: socket.socket) -> None:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection, connection.makefile("rw") as lines:
            try:
                for line in lines:
                    told = json.loads(line)
                    moment = Moment(told["step"], told["host"])
                    self.moments.append(moment)
                    lines.write(self.strike(moment) + "\n")
                    lines.flush()
            except (OSError, ValueError):
                return  # the driver is gone


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that goes wrong, and how it is put right. ``strike`` gets the process of the deployment and returns
    the answer for the driver."""

    name: str
    strike: Callable[[LabHosts, Moment, subprocess.Popen[str]], str]
    repair: Callable[[LabHosts, Moment], None] = lambda hosts, moment: None
    again: str = "go"
    """The answer to further commands of the step."""


def _fail(hosts: LabHosts, moment: Moment, process: subprocess.Popen[str]) -> str:
    return "fail"


def _kill(hosts: LabHosts, moment: Moment, process: subprocess.Popen[str]) -> str:
    """The controller dies a moment after it has sent its command."""
    threading.Timer(0.15, os.kill, (process.pid, signal.SIGKILL)).start()
    return "go"


def _cut(hosts: LabHosts, moment: Moment, process: subprocess.Popen[str]) -> str:
    threading.Timer(0.1, hosts.cut, (moment.host,)).start()
    return "go"


def _join(hosts: LabHosts, moment: Moment) -> None:
    hosts.join(moment.host)


def _kill_database(hosts: LabHosts, moment: Moment, process: subprocess.Popen[str]) -> str:
    hosts.kill(DATABASE, "mariadb")
    return "go"


def _start_database(hosts: LabHosts, moment: Moment) -> None:
    hosts.start(DATABASE, "mariadb")


def _fill(hosts: LabHosts, moment: Moment, process: subprocess.Popen[str]) -> str:
    hosts.fill_disk(moment.host)
    return "go"


def _free(hosts: LabHosts, moment: Moment) -> None:
    hosts.free_disk(moment.host)


FAULTS = {
    each.name: each
    for each in (
        Fault("the step fails", _fail, again="fail"),
        Fault("the controller is killed", _kill),
        Fault("the network is cut", _cut, _join),
        Fault("the database is killed", _kill_database, _start_database),
        Fault("the disk is full", _fill, _free),
    )
}


def command(deployment: Deployment, socket_path: Path, *words: str) -> list[str]:
    """The deployment's own command, through the driver."""
    _, *arguments = deployment.command("-y", *words)
    return [sys.executable, "-m", "tests.faults.driver", str(socket_path), *arguments]


def observe(
    deployment: Deployment, *words: str, strike: Callable[[Moment, subprocess.Popen[str]], str]
) -> Run:
    """A run to its end, whatever that is."""
    box: list[subprocess.Popen[str]] = []
    path = deployment.folder / f"driver.{time.monotonic_ns()}"
    observer = Observer(path, lambda moment: strike(moment, box[0]))
    with observer.listening():
        box.append(deployment.begin(command(deployment, path, *words)))
        try:
            outcome = deployment.finish(box[0])
        finally:
            box[0].kill()
    return Run(outcome, observer.moments)


@dataclass(frozen=True, slots=True)
class Run:
    """How a run ended, and the commands of which the driver has told, in their order."""

    outcome: Outcome
    moments: list[Moment]

    def steps(self) -> list[Moment]:
        """Each step that did something, on the first host that did it."""
        seen: dict[str, Moment] = {}
        for moment in self.moments:
            seen.setdefault(moment.step, moment)
        return list(seen.values())


def strike_once(deployment: Deployment, fault: Fault, step: str, *words: str) -> tuple[Run, Moment | None]:
    """A run that is struck before the first command of a step; and the moment at which it was, if it came."""
    struck: list[Moment] = []

    def strike(moment: Moment, process: subprocess.Popen[str]) -> str:
        if moment.step != step or (struck and struck[0].host != moment.host):
            return "go"
        if struck:
            return fault.again
        struck.append(moment)
        return fault.strike(deployment.hosts, moment, process)

    run = observe(deployment, *words, strike=strike)
    return run, struck[0] if struck else None


__all__ = ["FAULTS", "Fault", "Moment", "Run", "observe", "strike_once"]
