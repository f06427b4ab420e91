"""A source that is slow or down is left in peace by all users together (a circuit breaker). Times in seconds.

* **Slow**: the time between two looks grows in proportion to how long looks take lately.
* **Down**: after :data:`TRIP` failures of looks without a success between them nobody looks any more, but for one look
  on trial after a pause, which grows with each trial that fails. Whoever wants to look meanwhile is given a random
  moment in the interval *after* the pause: so the source that is back meets its usual number of looks, and no crowd.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

TRIP: Final = 5
"""Failures of looks in a row, of whomever, that show that the source itself is down."""

QUICK: Final = 0.5
"""Seconds that a look may take, in the mean, and the source does not count as slow."""

MOST: Final = 10.0
"""A slow source is looked at so many times less often, at most."""

_WEIGHT: Final = 0.1
"""What the newest look counts in the mean of what looks take."""


class Breaker:
    """Of one source. ``interval``: seconds between two looks of one user; ``pause``: how long to leave the source alone
    after so many failures; ``share`` gives random numbers from 0 to 1."""

    def __init__(self, interval: float, pause: Callable[[int], float], share: Callable[[], float]) -> None:
        self._interval = interval
        self._pause = pause
        self._share = share
        self._lock = threading.Lock()
        self._failures = 0
        self._trials = 0
        self._until = 0.0
        self._on_trial = False
        self._mean = 0.0

    @property
    def is_open(self) -> bool:
        """Whether the source counts as down."""
        return self._failures >= TRIP

    @property
    def stretch(self) -> float:
        """How many times longer than usual the time between two looks is."""
        return min(max(self._mean / QUICK, 1.0), MOST)

    def admit(self, now: float) -> float | None:
        """``None``: look now, and say how it went; otherwise when to come again."""
        with self._lock:
            if self._failures < TRIP:
                return None
            if now >= self._until and not self._on_trial:
                self._on_trial = True
                return None
            return max(self._until, now) + self._interval * self._share()

    def succeeded(self, took: float) -> None:
        """A look was answered after so many seconds."""
        with self._lock:
            self._failures = self._trials = 0
            self._on_trial = False
            self._mean += (took - self._mean) * _WEIGHT

    def failed(self, now: float) -> None:
        """A look was not answered."""
        with self._lock:
            self._failures += 1
            if self._failures == TRIP or self._on_trial:
                self._trials += 1
                self._on_trial = False
                self._until = now + self._pause(self._trials) * (1 - self._share() / 2)
