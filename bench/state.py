"""What a large folder and many folders cost: memory, rows and bytes, as ratios between large and small.

``python -m bench.state``: one process, SQLite in a file, no network. A folder of 65,535 items is synchronised to a
device, then one item changes at a time; a device with 1,000 folders fetches its hierarchy, then one folder is renamed
at a time. What one change writes must not depend on how much there is, and memory must not grow faster than that.
Merging of layers (``app/store/layers.py``) is part of the figures: they are means over many changes.
"""

from __future__ import annotations

import argparse
import sqlite3
import sys
import tempfile
import tracemalloc
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final, cast

from app.main import SystemClock, SystemTokens
from app.store import SingleDatabase, SqlStateStore
from app.usm.model import (
    BodyKind,
    ContentType,
    Cost,
    Device,
    ExchangeRequest,
    Folder,
    FolderRef,
    FolderRole,
    Item,
    Listing,
    SessionId,
    User,
    UsmSettings,
)
from app.usm.ports import DataSource, Waiter
from app.usm.session import Session
from bench.figures import Figure, tell

LARGE: Final = 65_535
SMALL: Final = 655
FOLDERS: Final = 1_000
FEW: Final = 10
CHANGES: Final = 60
WINDOW: Final = 512
ID: Final = SessionId(1, 3, "EAS", "BENCH")

Rows = dict[tuple[int, int, int], bytes]


class _Source:
    """Folders and messages that nobody ever wrote; the stamps are those of OX's flags."""

    user = User(1, 3, "anton@example.org")
    cost = Cost()

    def __init__(self, items: int, folders: int) -> None:
        self.stamps = {str(1_000_000 + number): "32" for number in range(items)}
        self.tree = [Folder("default0/INBOX", None, "INBOX", ContentType.MAIL, FolderRole.INBOX)]
        self.tree += [
            Folder(f"default0/INBOX/{number}", "default0/INBOX", f"Folder {number}", ContentType.MAIL)
            for number in range(1, folders)
        ]

    def folders(self) -> Sequence[Folder]:
        return self.tree

    def identities(self, folders: Sequence[FolderRef]) -> Mapping[str, str]:
        return {}

    def listing(self, folder: FolderRef, since: datetime | None, conversations: bool = False) -> Listing:
        return Listing(self.stamps)

    def read(
        self, folder: FolderRef, ids: Sequence[str], bodies: Sequence[BodyKind]
    ) -> Mapping[str, Item | Exception]:
        return {item: Item(item, self.stamps[item], ContentType.MAIL, {"subject": item}) for item in ids}


class Life:
    """A device of which all is kept in one database file."""

    def __init__(self, file: Path, items: int, folders: int) -> None:
        self.source = _Source(items, folders)
        self._file = file
        self._databases = SingleDatabase(f"sqlite:///{file}")
        self._store = SqlStateStore(self._databases)

    def session(self) -> Session:
        """As a request has it."""
        source = cast(DataSource, self.source)
        device = Device(ID.protocol, ID.device_id)
        return Session(
            device, source, self._store, cast(Waiter, None), SystemClock(), SystemTokens(), UsmSettings()
        )

    def rows(self) -> Rows:
        """All that is kept of what the device holds: (folder, counter, block) → bytes."""
        with sqlite3.connect(self._file) as connection:
            query = "SELECT folder, counter, block, data FROM USMDataStorage"
            found = {
                (folder, counter, block): data for folder, counter, block, data in connection.execute(query)
            }
        connection.close()
        return found

    def close(self) -> None:
        """Let go of the file."""
        self._databases.close()


def fill(life: Life) -> str:
    """Bring all items to the device; the key that it holds then."""
    number = next(change.number for change in life.session().folders("0").changes)
    key, more = life.session().exchange(ExchangeRequest(number, "0")).key, True
    while more:
        result = life.session().exchange(ExchangeRequest(number, key, window=WINDOW))
        key, more = result.key, result.more
    return key


def written(life: Life, changes: int, change: Callable[[int], None]) -> tuple[float, float]:
    """Rows and bytes that one change writes, in the mean."""
    rows = count = 0
    before = life.rows()
    for number in range(changes):
        change(number)
        after = life.rows()
        fresh = [data for place, data in after.items() if before.get(place) != data]
        rows += len(fresh)
        count += sum(map(len, fresh))
        before = after
    return rows / changes, count / changes


def peak(work: Callable[[], Any]) -> float:
    """The most memory that this took, in bytes."""
    tracemalloc.start()
    try:
        work()
        return float(tracemalloc.get_traced_memory()[1])
    finally:
        tracemalloc.stop()


@contextmanager
def lives(items: int, folders: int) -> Any:
    """A device with so much, in a file that goes afterwards."""
    with tempfile.TemporaryDirectory() as directory:
        life = Life(Path(directory) / "state.sqlite", items, folders)
        try:
            yield life
        finally:
            life.close()


def of_items(items: int) -> tuple[float, float, float, float]:
    """Of a folder of so many: rows and bytes that a change writes, bytes of the whole state, and peak memory."""
    with lives(items, 1) as life:
        key = fill(life)

        def one(number: int) -> None:
            nonlocal key
            life.source.stamps[str(1_000_000 + number * 7 % items)] = str(33 + number)
            result = life.session().exchange(ExchangeRequest(1, key, window=WINDOW))
            if len(result.changes) != 1:
                sys.exit(f"one item changed, and the device is told of {len(result.changes)}")
            key = result.key

        rows, size = written(life, CHANGES, one)
        whole = sum(len(data) for (_, _, block), data in life.rows().items() if block >= 0)
        return rows, size, float(whole), peak(lambda: one(CHANGES))


def of_folders(folders: int) -> tuple[float, float, float, float]:
    """The same of the hierarchy of a device with so many folders."""
    with lives(1, folders) as life:
        key = life.session().folders("0").key
        for ref in range(1, folders + 1):
            life.session().exchange(ExchangeRequest(ref, "0"))

        def one(number: int) -> None:
            nonlocal key
            place = 1 + number % (folders - 1)
            life.source.tree[place] = replace(life.source.tree[place], title=f"Renamed {number}")
            result = life.session().folders(key)
            if len(result.changes) != 1:
                sys.exit(f"one folder was renamed, and the device is told of {len(result.changes)}")
            key = result.key

        rows, size = written(life, CHANGES, one)
        whole = sum(
            len(data) for (folder, _, block), data in life.rows().items() if block >= 0 and not folder
        )
        return rows, size, float(whole), peak(lambda: one(CHANGES))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and tell; exits with 1 if a target is missed."""
    argparse.ArgumentParser(prog="python -m bench.state", description=__doc__).parse_args(arguments)
    few, many = of_items(SMALL), of_items(LARGE)
    little, much = of_folders(FEW), of_folders(FOLDERS)
    return tell(
        "state",
        [
            Figure(f"a change in {LARGE:,} items writes", many[0], "rows", ("at most", 6.0)),
            Figure("... of the folder's whole state", 100 * many[1] / many[2], "%", ("at most", 2.0)),
            Figure(f"... beside one in {SMALL:,} items, bytes", many[1] / few[1], "times", ("at most", 5.0)),
            Figure(f"memory for {LARGE:,} items, each", many[3] / LARGE, "bytes", ("at most", 1500.0)),
            Figure(f"... beside {SMALL:,} items, all", many[3] / few[3], "times", ("at most", LARGE / SMALL)),
            Figure(f"a rename among {FOLDERS:,} folders writes", much[0], "rows", ("at most", 6.0)),
            Figure("... of the hierarchy's whole state", 100 * much[1] / much[2], "%", ("at most", 20.0)),
            Figure(f"memory for {FOLDERS:,} folders, each", much[3] / FOLDERS, "bytes", ("at most", 10000.0)),
            Figure(
                f"... beside {FEW} folders, all", much[3] / little[3], "times", ("at most", FOLDERS / FEW)
            ),
        ],
    )


if __name__ == "__main__":
    sys.exit(main())
