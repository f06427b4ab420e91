"""Who is to be called when: one thread for all that a waiting room waits for, however much that is.

A sleeping device and a user's next look are an entry each, and no thread. Everything happens under one lock, which
is the waiting room's own: whoever plans or cancels holds it, and so does the thread when it calls. What is called must
be quick. The thread is there only while something is planned.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
from collections.abc import Callable
from typing import Any, Final

from app.usm.ports import Clock

_log = logging.getLogger(__name__)

Entry = list[Any]
"""Moment, a number that settles draws, and the call; ``None`` in its place once that is cancelled or made. A list, as
it is compared for every step of the heap."""

FEW: Final = 100
"""So many cancelled entries are carried along without a thought."""


class Timetable:
    """``guard``: the lock that holders share. Moments are seconds of ``clock.monotonic``."""

    def __init__(self, guard: threading.Lock, clock: Clock) -> None:
        self._clock = clock
        self._changed = threading.Condition(guard)
        self._entries: list[Entry] = []
        self._numbers = itertools.count()
        self._cancelled = 0
        self._running = False

    def at(self, moment: float, call: Callable[[], None]) -> Entry:
        """Call at this moment, or at once if it is over. The entry is what :meth:`cancel` needs."""
        entry = [moment, next(self._numbers), call]
        heapq.heappush(self._entries, entry)
        if not self._running:
            self._running = True
            threading.Thread(target=self._run, name="timetable", daemon=True).start()
        elif self._entries[0] is entry:
            self._changed.notify()
        return entry

    def cancel(self, entry: Entry) -> None:
        """Do not call. Nothing happens if it is done."""
        if entry[2] is None:
            return
        entry[2] = None
        self._cancelled += 1
        planned = len(self._entries) - self._cancelled
        if not planned:
            self._entries.clear()
            self._cancelled = 0
            self._changed.notify()
        elif self._cancelled > max(planned, FEW):
            self._entries = [each for each in self._entries if each[2] is not None]
            heapq.heapify(self._entries)
            self._cancelled = 0

    def _run(self) -> None:
        with self._changed:
            while self._entries:
                moment, _, call = self._entries[0]
                now = self._clock.monotonic()
                if call is not None and moment > now:
                    self._changed.wait(moment - now)
                    continue
                entry = heapq.heappop(self._entries)
                if call is None:
                    self._cancelled -= 1
                else:
                    entry[2] = None
                    _made(call)
            self._running = False


def _made(call: Callable[[], None]) -> None:
    """Whatever comes of one call, the others are made."""
    try:
        call()
    except Exception:  # noqa: BLE001  (the thread must live on for all other calls)
        _log.exception("what was planned for now led to an error")
