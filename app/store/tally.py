"""How this process gets on with its databases: plain numbers that only grow, and connections as they are now.

They belong to the process, as its connections do, and are read by whoever shows them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from weakref import WeakKeyDictionary

from sqlalchemy import Engine
from sqlalchemy.pool import QueuePool
from sqlalchemy.pool.base import PoolProxiedConnection

WAITED: Final = 0.05
"""Seconds that a lock may take and nobody counts as having waited."""

WORK: Final = "work"
LOCKS: Final = "locks"

OUTAGE: Final = "outage"
"""The database did not do what it was asked for."""
NO_CONNECTION: Final = "no_connection"
"""All connections of a pool were in use for too long."""
PASSING: Final = "passing"
"""A deadlock or the like, after which the same was tried again."""
LOST: Final = "lost"
"""A connection was gone, and another one taken."""


@dataclass(slots=True)
class Tally:
    """Since the process began. ``errors``: by kind; ``locks``: those that were had at once, after a wait, and not in
    time; ``lock_seconds``: spent waiting for them."""

    errors: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys((OUTAGE, NO_CONNECTION, PASSING, LOST), 0)
    )
    locks: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("at_once", "waited", "timed_out"), 0)
    )
    lock_seconds: float = 0.0

    def failed(self, kind: str) -> None:
        """Something was asked of a database in vain."""
        self.errors[kind] += 1

    def locked(self, seconds: float) -> None:
        """A lock was taken, after so long."""
        self.locks["at_once" if seconds < WAITED else "waited"] += 1
        self.lock_seconds += seconds

    def timed_out(self, seconds: float) -> None:
        """A lock could not be had, for so long."""
        self.locks["timed_out"] += 1
        self.lock_seconds += seconds


TALLY: Final = Tally()


class CountingPool(QueuePool):
    """A pool that knows how many ask it for a connection and have none yet."""

    asking = 0

    def connect(self) -> PoolProxiedConnection:
        """See ``Pool``."""
        self.asking += 1
        try:
            return super().connect()
        finally:
            self.asking -= 1


@dataclass(slots=True)
class Connections:
    """Of all pools of a kind, as they are now; ``most``: so many there may be."""

    in_use: int = 0
    idle: int = 0
    waiting: int = 0
    most: int = 0


_engines: WeakKeyDictionary[Engine, tuple[str, int]] = WeakKeyDictionary()


def note(engine: Engine, kind: str, options: Mapping[str, Any]) -> None:
    """An engine was made with these options of its pool."""
    _engines[engine] = kind, int(options["pool_size"]) + int(options["max_overflow"])


def connections() -> dict[str, Connections]:
    """By kind of pool."""
    found = {WORK: Connections(), LOCKS: Connections()}
    for pool, kind, most in _pools():
        seen = found[kind]
        seen.in_use += pool.checkedout()
        seen.idle += pool.checkedin()
        seen.waiting += pool.asking
        seen.most += most
    return found


def _pools() -> Iterator[tuple[CountingPool, str, int]]:
    for engine, (kind, most) in list(_engines.items()):
        if isinstance(engine.pool, CountingPool):
            yield engine.pool, kind, most
