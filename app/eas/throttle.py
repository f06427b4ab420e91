"""A device in a loop is asked to pause: 503 with Retry-After and X-MS-ASThrottle (MS-ASHTTP 2.2.2.1.2.13).

Counted are, within a span of time: all requests of a device; in how many seconds of it the very same request came,
which is the mark of a loop (a Ping again and again, a Sync whose key never moves), while a burst of a few seconds is
none; and requests at the same time. A device that has its span exhausted is refused until the span is over, at no cost
for anybody else.

What is counted lies in the memory of one worker process: with several workers and nodes a device may do as many times
more, and after a restart the count begins anew. The least recently seen devices are forgotten beyond ``DEVICES``.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from app.eas.errors import Throttled
from app.eas.request import Command
from app.usm.model import SessionId
from app.usm.ports import Clock

DEVICES: Final = 20_000
"""So many devices are counted in one process."""
DIFFERENT: Final = 64
"""So many different requests of a device are told apart within a span; a loop has few."""
PAUSE: Final = 5
"""Seconds after which a device may come again that asks too much at the same time."""

_LOOKED_AT: Final = 65536
"""Bytes of a request by which it is told from others."""

FREQUENCY: Final = "CommandFrequency"
RECENT: Final = "RecentCommands"


@dataclass(frozen=True, slots=True)
class Limits:
    """Within ``seconds``: ``requests`` in all, one and the same in ``repeats`` of them; ``parallel`` at the same time.
    0: any."""

    seconds: int = 300
    requests: int = 30_000
    repeats: int = 150
    parallel: int = 20


@dataclass(slots=True)
class _Count:
    """What a device did since a moment, and how many of its requests are under way."""

    since: float
    total: int = 0
    same: dict[bytes, tuple[int, int]] = field(default_factory=dict)
    """By request: in how many seconds it came, and the last of these."""
    under_way: int = 0
    refused: int = 0


@dataclass(frozen=True, slots=True)
class Load:
    """What a device asked of this process in its present span: ``requests`` in all, of which one and the same came in
    ``repeats`` seconds, and ``refused`` were refused."""

    session: SessionId
    requests: int
    repeats: int
    refused: int


class Throttle:
    """Counts the requests of all devices of a process."""

    def __init__(self, limits: Limits, clock: Clock) -> None:
        self._limits = limits
        self._clock = clock
        self._counts: OrderedDict[SessionId, _Count] = OrderedDict()

    @contextmanager
    def passing(self, session: SessionId, command: Command) -> Iterator[None]:
        """Around a request. Raises ``Throttled``."""
        count = self._count(session)
        try:
            self._check(count, command)
        except Throttled:
            count.refused += 1
            raise
        count.under_way += 1
        try:
            yield
        finally:
            count.under_way -= 1

    def busiest(self, most: int) -> list[Load]:
        """The devices that asked most within a span that is not over, and those that were refused before all others."""
        now = self._clock.monotonic()
        fresh = [
            (session, count)
            for session, count in list(self._counts.items())
            if now - count.since < self._limits.seconds
        ]
        fresh.sort(key=lambda pair: (-pair[1].refused, -pair[1].total))
        return [
            Load(
                session,
                count.total,
                max((times for times, _ in list(count.same.values())), default=0),
                count.refused,
            )
            for session, count in fresh[:most]
        ]

    @property
    def pausing(self) -> int:
        """How many devices were refused within a span that is not over."""
        now = self._clock.monotonic()
        counts = list(self._counts.values())
        return sum(1 for count in counts if count.refused and now - count.since < self._limits.seconds)

    def _count(self, session: SessionId) -> _Count:
        now = self._clock.monotonic()
        count = self._counts.setdefault(session, _Count(now))
        self._counts.move_to_end(session)
        if now - count.since >= self._limits.seconds:
            count.since, count.total, count.refused = now, 0, 0
            count.same.clear()
        while len(self._counts) > DEVICES:
            self._counts.popitem(last=False)
        return count

    def _check(self, count: _Count, command: Command) -> None:
        limits = self._limits
        count.total += 1
        now = self._clock.monotonic()
        repeats = _repeats(count, _mark(command), int(now))
        wait = int(count.since + limits.seconds - now) + 1
        if limits.repeats and repeats > limits.repeats:
            raise Throttled(f"the same {command.name} in {repeats} of {limits.seconds} seconds", RECENT, wait)
        if limits.requests and count.total > limits.requests:
            raise Throttled(f"{count.total} requests in {limits.seconds} seconds", FREQUENCY, wait)
        if limits.parallel and count.under_way >= limits.parallel:
            raise Throttled(f"{count.under_way} requests at the same time", FREQUENCY, PAUSE)


def _repeats(count: _Count, mark: bytes, second: int) -> int:
    """In how many seconds this request came, with this one."""
    times, last = count.same.get(mark, (0, -1))
    if last != second and (times or len(count.same) < DIFFERENT):
        times += 1
        count.same[mark] = times, second
    return times


def _mark(command: Command) -> bytes:
    about = repr((command.name, sorted(command.parameters.items()), len(command.content))).encode()
    return hashlib.blake2b(about + command.content[:_LOOKED_AT], digest_size=8).digest()
