"""The application as its package runs it, with one worker, before a stand-in for OX: what a request costs the worker.

Everything is a process of its own: MariaDB, the stand-in, gunicorn's parent, the worker. Only the worker is measured,
by the time on a processor that the kernel has booked for it: what the stand-in and the database need is theirs, and a
busy machine changes how long an answer takes, but much less what it costs.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench import processes
from bench.figures import RESULTS
from lab.plan import PROJECT
from tests import mariadb

NEVER: Final = 3_600_000
"""Milliseconds between two looks at a folder while devices wait: nothing but requests is to be measured."""

PREFIX: Final = "com.openexchange.usm."
SETTINGS: Final = {
    "session.sync.email_pull_delay": NEVER,
    "session.sync.email_pull_min_delay": NEVER,
    "session.sync.pull_interval": NEVER,
    "eas.throttle.requests": 0,
    "eas.throttle.repeats": 0,
    "eas.throttle.parallel": 0,
}
"""What differs from the defaults: one device asks the same again and again, which is refused otherwise."""


@dataclass(frozen=True, slots=True)
class Serving:
    """A service that answers. ``worker``: the process that does."""

    url: str
    users: Sequence[dict[str, str]]
    worker: int

    def cpu(self) -> float:
        """Seconds of a processor that the worker has used since its start, by itself and in the kernel for it: the sum
        of ``utime`` and ``stime``, in nanoseconds instead of ticks."""
        threads = Path(f"/proc/{self.worker}/task").glob("*/schedstat")
        return sum(int(each.read_text().split()[0]) for each in threads) / 1e9

    def memory(self) -> float:
        """MB that are the worker's own, or its share of what it has in common with others (PSS)."""
        return processes.memory_of([self.worker])


@contextmanager
def database(kind: str) -> Iterator[str]:
    """The URL of an empty database of a kind: ``mariadb``, or ``sqlite`` for the stand-in's own default."""
    if kind == "sqlite":
        yield ""
        return
    with mariadb.MariaDbServer() as server, server.database("usm_bench") as name:
        yield server.url(name)


@contextmanager
def serving(
    kind: str = "mariadb", seed: str = "large", users: int = 0, settings: Sequence[str] = ()
) -> Iterator[Serving]:
    """A service with one worker. Raises ``SystemExit`` if it does not start."""
    with ExitStack() as stack:
        state = stack.enter_context(database(kind))
        given = [f"{PREFIX}{key}={value}" for key, value in SETTINGS.items()] + list(settings)
        words = ["-m", "lab", "serve", "--port", "0", "--ox-port", "0", "--workers", "1", "--seed", seed]
        words += ["--users", str(users), "--state", state]
        for each in given:
            words += ["--set", each]
        RESULTS.mkdir(exist_ok=True)
        log = stack.enter_context((RESULTS / "serving.log").open("w"))
        process = subprocess.Popen(
            [sys.executable, *words], cwd=PROJECT, stdout=subprocess.PIPE, stderr=log, text=True
        )
        stack.callback(_end, process)
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            sys.exit(f"the service did not start, see {log.name}")
        ready: dict[str, Any] = json.loads(line)
        yield Serving(ready["eas"], ready["users"], _worker_of(process.pid))


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    process.wait()


def _worker_of(parent: int) -> int:
    """The one process below gunicorn's own, which is a child of the one that serves."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        for child in processes.children(parent):
            words = Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
            workers = processes.children(child)
            if b"app" in words and len(workers) == 1:
                return workers[0]
        time.sleep(0.05)
    sys.exit("the application has no worker")
