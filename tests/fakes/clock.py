"""A clock that stands still until told, and tokens that count."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class ManualClock:
    """``Clock``: moves only by :meth:`advance`."""

    def __init__(self, start: datetime = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)) -> None:
        self._now = start
        self._ticks = 1000.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._ticks

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)
        self._ticks += seconds


class CountingTokens:
    """``Tokens``: 1, 2, 3 ..."""

    def __init__(self) -> None:
        self._last = 0

    def number(self, bits: int) -> int:
        self._last += 1
        return self._last % (1 << bits) or 1

    def text(self) -> str:
        self._last += 1
        return f"{self._last:016x}"
