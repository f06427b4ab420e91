"""Numbers that are no events: what a worker holds now, looked at every few seconds.

Each look is quick and asks nobody: it reads what the parts of the program know of themselves. What only grows there
becomes a counter; a worker that is killed takes with it what it counted since the last look.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from prometheus_client import Counter

from app.web.metrics import numbers

_log = logging.getLogger(__name__)

BEAT: Final = 5.0
"""Seconds between two looks."""

Look = Callable[[], None]


class Connections(Protocol):
    """Connections to databases; :class:`app.store.tally.Connections`."""

    in_use: int
    idle: int
    waiting: int
    most: int


class Tally(Protocol):
    """What went wrong with databases, and locks: :class:`app.store.tally.Tally`. Of the process, not of an object."""

    errors: dict[str, int]
    locks: dict[str, int]
    lock_seconds: float


class Breaker(Protocol):
    """Who leaves OX alone: :class:`app.notify.breaker.Breaker`."""

    @property
    def is_open(self) -> bool:
        """Whether OX counts as down."""
        ...

    @property
    def stretch(self) -> float:
        """How many times longer than usual the time between two looks is."""
        ...


class Sampler:
    """Looks, in a thread of its own once it is started."""

    def __init__(self, looks: Sequence[Look], beat: float = BEAT) -> None:
        self._looks = looks
        self._beat = beat

    def start(self) -> None:
        """Look from now on, until the process ends."""
        threading.Thread(target=self._run, name="metrics", daemon=True).start()

    def look(self) -> None:
        """Look now."""
        for look in self._looks:
            try:
                look()
            except Exception:  # noqa: BLE001  (one number that cannot be told is no reason to tell no other)
                _log.exception("a number cannot be told")

    def _run(self) -> None:
        pause = threading.Event()
        while True:
            self.look()
            pause.wait(self._beat)


class _Growth:
    """Makes a counter of what only grows elsewhere; ``value`` at the beginning is not counted."""

    def __init__(self, counter: Counter, value: float) -> None:
        self._counter = counter
        self._known = value
        self._guard = threading.Lock()

    def now(self, value: float) -> None:
        """It is this by now."""
        with self._guard:
            growth, self._known = value - self._known, value
        self._counter.inc(growth)


def databases(connections: Callable[[], Mapping[str, Connections]], tally: Tally) -> Look:
    """Looks at connections to databases, by kind of pool, and at what went wrong with them."""
    errors = {kind: _Growth(numbers.DB_ERRORS.labels(kind), count) for kind, count in tally.errors.items()}
    locks = {each: _Growth(numbers.LOCKS.labels(each), count) for each, count in tally.locks.items()}
    lock_seconds = _Growth(numbers.LOCK_SECONDS, tally.lock_seconds)

    def look() -> None:
        for pool, seen in connections().items():
            numbers.DB_CONNECTIONS.labels(pool, "in_use").set(seen.in_use)
            numbers.DB_CONNECTIONS.labels(pool, "idle").set(seen.idle)
            numbers.DB_CONNECTIONS_MOST.labels(pool).set(seen.most)
            numbers.DB_WAITING.labels(pool).set(seen.waiting)
        for kind, growth in errors.items():
            growth.now(tally.errors[kind])
        for outcome, growth in locks.items():
            growth.now(tally.locks[outcome])
        lock_seconds.now(tally.lock_seconds)

    return look


def requests(load: Callable[[], tuple[int, int]]) -> Look:
    """Looks at how many requests are carried out, and how many wait for their turn."""

    def look() -> None:
        busy, waiting = load()
        numbers.CARRIED_OUT.set(busy)
        numbers.IN_LINE.set(waiting)

    return look


def devices(pausing: Callable[[], int]) -> Look:
    """Looks at how many devices are asked to pause."""

    def look() -> None:
        numbers.THROTTLED.set(pausing())

    return look


def waiting(watched: Callable[[], int], breaker: Breaker) -> Look:
    """Looks at the waiting room: the users who are watched, and whether OX is left alone."""

    def look() -> None:
        numbers.WATCHED.set(watched())
        numbers.BREAKERS.set(breaker.is_open)
        numbers.STRETCH.set(breaker.stretch)

    return look


def ox(sessions: Callable[[], int], connections: Callable[[], tuple[int, int]]) -> Look:
    """Looks at sessions kept at OX, and connections to it: in use, and how many there may be."""

    def look() -> None:
        in_use, most = connections()
        numbers.OX_SESSIONS.set(sessions())
        numbers.OX_CONNECTIONS.set(in_use)
        numbers.OX_CONNECTIONS_MOST.set(most)

    return look
