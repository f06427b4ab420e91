"""Clocks: where a series lives decides when its occurrences begin.

A series keeps to the clock of its zone. What OX and a device call the beginning of an occurrence is either an instant
or a day; :class:`Clock` knows both of one series.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo

_DAY: Final = timedelta(days=1)
_SAMPLES: Final = 48
"""So many instants, two weeks apart, are looked at to tell zones apart: nearly two years."""


@lru_cache(maxsize=1024)
def find(name: Any) -> ZoneInfo | None:
    """A zone by its IANA name, ``None`` for a name that nobody knows."""
    try:
        return ZoneInfo(name) if isinstance(name, str) and name else None
    except (ValueError, OSError, KeyError):
        return None


def alike(one: Any, other: Any, around: datetime) -> bool:
    """Whether two names of zones mean the same clock in the two years from an instant on."""
    first, second = find(one), find(other)
    if first is None or second is None:
        return bool(one == other)
    instants = (around + number * 14 * _DAY for number in range(_SAMPLES))
    return all(each.astimezone(first).utcoffset() == each.astimezone(second).utcoffset() for each in instants)


@dataclass(frozen=True, slots=True)
class Clock:
    """The clock that a series keeps to. ``at``: the time of day at which its occurrences begin there."""

    zone: tzinfo
    at: time

    @classmethod
    def of(cls, start: datetime, zone: Any, all_day: bool) -> Clock:
        """The clock of a series that begins at ``start`` (UTC). Whole days keep to UTC, where they are told; an unknown
        zone is taken for UTC too."""
        place: tzinfo = UTC if all_day else find(zone) or UTC
        return cls(place, start.astimezone(place).time())

    def on(self, day: date) -> datetime:
        """When the occurrence of a day of the series begins (UTC)."""
        return datetime.combine(day, self.at, self.zone).astimezone(UTC)

    def day(self, instant: datetime) -> date:
        """The day of the series on which an instant lies."""
        return instant.astimezone(self.zone).date()

    def at_utc_day(self, day: date) -> datetime:
        """When the occurrence begins whose beginning lies on this day of UTC."""
        days = (day, day - _DAY, day + _DAY)
        fitting = (begin for begin in map(self.on, days) if begin.date() == day)
        return next(fitting, self.on(day))
