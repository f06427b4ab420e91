"""Who is served now, who waits a moment, and who is asked to come later: so that a worker that gets more than it can do
answers what it can, in reasonable time, and refuses the rest at once (503 with Retry-After).

* So many requests are carried out at the same time; more would only make all of them slower, and wait for OX's
  connections. Of one user there are at most a part of these, however many he sends.
* Who comes then waits in line. Every user has a line of his own, and the lines are served in turn: whoever sends a
  hundred requests waits for himself, and hardly anybody waits for him.
* When all lines together are full, the newcomer is refused; or, if somebody else has at least twice as many waiting as
  he would have, the end of the longest line. A line has a length of its own as well, and from half full on nobody lines
  up who has more waiting than the mean: to refuse on arrival is cheap, to refuse who has already come in is not.
* Who is refused on arrival is refused before his request is even parsed (:mod:`app.web.doorstep`).
* Who has waited for too long is refused: his device has given up, or is about to.
* What began is carried through: a request that was parked waits for its turn, but is never refused.

What is counted lies in the memory of one worker. Requests that only wait for changes do not count at all.
"""

from __future__ import annotations

import logging
import random
import threading
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from app.usm.ports import Clock

_log = logging.getLogger(__name__)

TELL: Final = 10.0
"""Seconds between two lines of the log about requests that were refused."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Of a worker. ``at_once``: requests that are carried out, ``own_at_once`` of one user; ``waiting``: in all lines,
    ``own_waiting`` in one; ``patience``: seconds until who waits is refused; ``later``: seconds after which to come
    again, at random within that span."""

    at_once: int = 24
    own_at_once: int = 8
    waiting: int = 100
    own_waiting: int = 20
    patience: float = 10.0
    later: tuple[int, int] = (10, 60)


class Overloaded(Exception):
    """Come again in ``retry_after`` seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"too many requests; again in {retry_after} seconds")
        self.retry_after = retry_after


class Turn:
    """One request's. ``who``: the user, by whatever he is told from others before his password is checked."""

    __slots__ = ("called", "is_certain", "is_refused", "who")

    def __init__(self, who: str, is_certain: bool) -> None:
        self.who = who
        self.is_certain = is_certain
        self.is_refused = False
        self.called = threading.Event()
        """The turn has come, or never will."""


class Lines:
    """Who is next. Not for several threads at once; never waits."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._busy: Counter[str] = Counter()
        self._lines: OrderedDict[str, deque[Turn]] = OrderedDict()
        self._longest: int | None = None
        """How many wait in the longest line, if no line has changed since that was counted: of ten newcomers in a storm
        nine are refused and change none."""
        self.busy = 0
        self.waiting = 0

    def join(self, turn: Turn) -> None:
        """Come. Whoever is refused for that hears it at once."""
        if not turn.is_certain and self.is_full_for(turn.who):
            turn.is_refused = True
            turn.called.set()
            return
        self._lines.setdefault(turn.who, deque()).append(turn)
        self._longest = None
        self.waiting += 1
        self._call()
        if self.waiting > self._limits.waiting:
            self._refuse_last(max(self._lines, key=lambda who: len(self._lines[who])))

    def is_full_for(self, who: str) -> bool:
        """Whether a newcomer of this name is refused."""
        limits, waiting = self._limits, self.waiting
        if self.busy < limits.at_once and self._busy[who] < limits.own_at_once:
            return False
        own = len(self._lines.get(who, ()))
        if own >= limits.own_waiting:
            return True
        if waiting >= limits.waiting:
            if self._longest is None:
                self._longest = max(map(len, self._lines.values()), default=0)
            return 2 * (own + 1) > self._longest
        return 2 * waiting >= limits.waiting and own * len(self._lines) > waiting

    def leave(self, turn: Turn) -> None:
        """Go, served or without having been called."""
        line = self._lines.get(turn.who)
        if line is not None and turn in line:
            self._take(turn)
        elif not turn.is_refused:
            self.busy -= 1
            self._busy[turn.who] -= 1
            if not self._busy[turn.who]:
                del self._busy[turn.who]
        self._call()

    def _call(self) -> None:
        """Have those served for whom there is room."""
        while self.busy < self._limits.at_once and (turn := self._next()) is not None:
            self._take(turn)
            self.busy += 1
            self._busy[turn.who] += 1
            turn.called.set()

    def _next(self) -> Turn | None:
        for who, line in self._lines.items():
            if self._busy[who] < self._limits.own_at_once:
                self._lines.move_to_end(who)
                return line[0]
        return None

    def _take(self, turn: Turn) -> None:
        line = self._lines[turn.who]
        line.remove(turn)
        self._longest = None
        self.waiting -= 1
        if not line:
            del self._lines[turn.who]

    def _refuse_last(self, who: str) -> None:
        for turn in reversed(self._lines[who]):
            if not turn.is_certain:
                self._take(turn)
                turn.is_refused = True
                turn.called.set()
                return


class Admission:
    """The lines of a worker, for its threads. ``refused`` hears of each request that is refused."""

    def __init__(
        self,
        limits: Limits,
        clock: Clock,
        refused: Callable[[], None] = lambda: None,
        share: Callable[[], float] = random.random,
    ) -> None:
        self._limits = limits
        self._clock = clock
        self._refused = refused
        self._share = share
        self._guard = threading.Lock()
        self._lines = Lines(limits)
        self._count = 0
        self._told = -TELL

    def enter(self, who: str, is_certain: bool = False) -> Turn:
        """Wait for a turn; who got one must :meth:`leave`. Raises :class:`Overloaded`, never for what is certain."""
        turn = Turn(who, is_certain)
        with self._guard:
            self._lines.join(turn)
        came = turn.called.wait(None if is_certain else self._limits.patience)
        if came and not turn.is_refused:
            return turn
        with self._guard:
            if turn.called.is_set() and not turn.is_refused:
                return turn  # just now
            self._lines.leave(turn)
            note = self._counted()
        self._tell(note)
        raise Overloaded(self._later())

    @property
    def is_crowded(self) -> bool:
        """Whether it is worth asking if a newcomer would be refused."""
        return self._lines.waiting >= min(self._limits.own_waiting, self._limits.waiting)

    @property
    def load(self) -> tuple[int, int]:
        """How many are served now, and how many wait for it."""
        return self._lines.busy, self._lines.waiting

    def refuse(self, who: str) -> int | None:
        """Refuse a newcomer if he would be refused by :meth:`enter` at once: seconds until he may come again."""
        with self._guard:
            if not self._lines.is_full_for(who):
                return None
            note = self._counted()
        self._tell(note)
        return self._later()

    def leave(self, turn: Turn) -> None:
        """Served."""
        with self._guard:
            self._lines.leave(turn)

    def _later(self) -> int:
        least, most = self._limits.later
        return round(least + (most - least) * self._share())

    def _counted(self) -> tuple[int, int, int] | None:
        """One more refusal: what a line of the log says, if it is time for one. One for each would be one more load."""
        self._count += 1
        now = self._clock.monotonic()
        if now - self._told < TELL:
            return None
        note = (self._count, self._lines.busy, self._lines.waiting)
        self._count, self._told = 0, now
        return note

    def _tell(self, note: tuple[int, int, int] | None) -> None:
        """Without the lock: writing a log may take time, and :mod:`app.web.doorstep` must not wait."""
        self._refused()
        if note is not None:
            _log.warning("overload: %d requests were refused; %d are carried out, %d wait", *note)
