"""Another node for tests: ``python -m tests.store.node URL COMMAND``.

``hold``      holds the lock of a folder and prints ``held``, until it is killed
``migrate``   waits for a line on standard input, migrates, and prints whether it changed anything
``half``      begins a transaction that saves a state, prints ``half`` before the commit, and stays there
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import event

from app.store import SingleDatabase, SqlStateStore
from app.store.migrations import migrate
from app.usm.model import SessionId

ROOT = Path(__file__).resolve().parents[2]
SESSION = SessionId(1, 3, "EAS", "APPL1234567890")
FOLDER = 7


@contextmanager
def node(url: str, command: str) -> Iterator[subprocess.Popen[str]]:
    """Such a process; killed at the end if it still runs."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.store.node", url, command],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def said(process: subprocess.Popen[str]) -> str:
    """The next line of its output."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def _stay() -> None:
    time.sleep(60)


def main(url: str, command: str) -> None:
    databases = SingleDatabase(url, auto_migrate=command != "migrate")
    store = SqlStateStore(databases)
    if command == "hold":
        with store.lock(SESSION, FOLDER):
            print("held", flush=True)
            _stay()
    elif command == "migrate":
        print("ready", flush=True)
        sys.stdin.readline()
        (schema,) = databases.schemas()
        print(migrate(databases.unprepared(schema).migration_engine(), schema.name), flush=True)
    elif command == "half":

        @event.listens_for(databases.engine(1), "commit")
        def stop(_: object) -> None:
            print("half", flush=True)
            _stay()

        store.save(SESSION, FOLDER, 2, {"a": None, "z": "9"}, "half")


if __name__ == "__main__":
    main(*sys.argv[1:])
