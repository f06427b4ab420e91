"""A waiting room without time: each wait takes the next scripted event."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from app.usm.model import FolderRef, SessionId
from app.usm.ports import DataSource
from tests.fakes.clock import ManualClock

Event = Callable[[], frozenset[str] | None]


class ScriptedWaiter:
    """``Waiter``: ``events`` are called one after the other; with none left, the time runs out."""

    def __init__(self, clock: ManualClock, events: Sequence[Event] = ()) -> None:
        self._clock = clock
        self.events = list(events)
        self.announced: list[tuple[int, int, tuple[str, ...], SessionId | None]] = []
        self.parked: list[tuple[str, ...]] = []
        self.summoned: list[SessionId] = []

    @contextmanager
    def park(
        self,
        session: SessionId,
        source: DataSource,
        folders: Sequence[FolderRef],
        seconds: float,
        look: Callable[[], Mapping[str, str]],
    ) -> Iterator[ScriptedWaiter]:
        self.parked.append(tuple(folder.id for folder in folders))
        if folders:
            look()
        yield self

    def wait(self, seconds: float) -> frozenset[str] | None:
        if self.events:
            self._clock.advance(min(1.0, seconds))
            return self.events.pop(0)()
        self._clock.advance(seconds)
        return frozenset()

    def when_awake(self, call: Callable[[], None]) -> None:
        call()

    def announce(
        self, context_id: int, user_id: int, folders: Sequence[str], by: SessionId | None = None
    ) -> None:
        self.announced.append((context_id, user_id, tuple(folders), by))

    def summon(self, session: SessionId) -> None:
        self.summoned.append(session)
