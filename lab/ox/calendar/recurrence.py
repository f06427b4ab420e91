"""Series: rules as the two faces write them, and the occurrences that follow from them.

The rule is kept as RFC 5545 text. ``calendar`` knows it as a pattern: ``recurrence_type`` (1 daily, 2 weekly,
3 monthly, 4 yearly), ``interval``, ``days`` (bit 0 is Sunday), ``day_in_month`` (with ``days`` the nth, 5 the last),
``month`` (0 is January), ``until`` (a day, inclusive) or ``occurrences``. Occurrences keep to the clock of the
series' time zone. Positions count from 1 and count deleted occurrences too.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from dateutil.rrule import rrule, rrulestr

from lab.ox.calendar.event import Event
from lab.ox.zones import DAY_MS

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC).replace(tzinfo=None)
_DAYS = ("SU", "MO", "TU", "WE", "TH", "FR", "SA")
_FREQUENCIES = {1: "DAILY", 2: "WEEKLY", 3: "MONTHLY", 4: "YEARLY"}
_TYPES = {name: number for number, name in _FREQUENCIES.items()}
_LAST = 5
# No series is looked at further than that many occurrences.
_MOST = 20_000
_EVER = 10**16
PATTERN = ("recurrence_type", "interval", "days", "day_in_month", "month", "until", "occurrences")


class Series:
    """The occurrences of a rule. ``start``: the first one's, ms UTC; a Date when there is no zone.

    Raises ``ValueError`` for a rule that cannot be read."""

    def __init__(self, start: int, rule: str, zone: str | None) -> None:
        self._zone: tzinfo = ZoneInfo(zone) if zone else UTC
        self._begin = _local(start, self._zone)
        self._rule = rule

    @classmethod
    def of(cls, event: Event) -> Series:
        """The occurrences of an event that repeats."""
        return cls(event.start, event.fields["rrule"], zone_of(event.fields))

    @property
    def _expansion(self) -> Expansion:
        return _expansion(self._begin, self._rule, self._zone)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """Position and beginning of every occurrence, in order."""
        return self._expansion.since(-_EVER)

    def between(self, first: int, last: int, duration: int) -> Iterator[tuple[int, int]]:
        """The occurrences that end after ``first`` and begin before ``last``."""
        for position, moment in self._expansion.since(first - duration):
            if moment >= last:
                return
            if moment + duration > first or (not duration and moment >= first):
                yield position, moment

    def at(self, position: int) -> int | None:
        """When the occurrence of a position begins, ``None`` if there is none."""
        return next((moment for number, moment in self if number == position), None)

    def position(self, moment: int) -> int | None:
        """The position of the occurrence that begins then."""
        number, each = next(self._expansion.since(moment), (0, None))
        return number if each == moment else None

    def on_day(self, day: int) -> int | None:
        """The beginning of the occurrence that begins on a day of UTC (a Date)."""
        _, moment = next(self._expansion.since(day // DAY_MS * DAY_MS), (0, None))
        return moment if moment is not None and moment // DAY_MS == day // DAY_MS else None

    def first(self) -> int | None:
        """When the first occurrence begins; the given start need not fit the rule."""
        return next((moment for _, moment in self), None)


class Expansion:
    """The beginnings of a series in order, worked out as far as somebody has asked, and kept."""

    def __init__(self, moments: Iterator[int]) -> None:
        self._rest = moments
        self._known: list[int] = []
        self._lock = threading.Lock()

    def since(self, moment: int) -> Iterator[tuple[int, int]]:
        """Position, from 1, and beginning of those that begin then or later."""
        index = self._index(moment)
        while index < len(self._known) or self._grow(index):
            yield index + 1, self._known[index]
            index += 1

    def _index(self, moment: int) -> int:
        while (not self._known or self._known[-1] < moment) and self._grow(len(self._known)):
            pass
        return bisect_left(self._known, moment)

    def _grow(self, index: int) -> bool:
        """Whether there is an occurrence of this index."""
        with self._lock:
            while index >= len(self._known):
                following = next(self._rest, None)
                if following is None:
                    return False
                self._known.append(following)
        return True


@lru_cache(maxsize=2048)
def _expansion(begin: datetime, rule: str, zone: tzinfo) -> Expansion:
    parts = parsed(rule)
    until = parts.pop("UNTIL", None)
    if parts.get("FREQ") not in _TYPES:
        raise ValueError(f"FREQ={parts.get('FREQ')}")
    made = rrulestr(unparsed(parts), dtstart=begin)
    if not isinstance(made, rrule):
        raise ValueError(rule)
    if until:
        made = made.replace(until=_last_moment(until, zone))
    return Expansion(_moment(local, zone) for local in islice(made, _MOST))


def _last_moment(text: str, zone: tzinfo) -> datetime:
    last = _local_until(text, zone)
    return last + timedelta(days=1, microseconds=-1) if len(text) == 8 else last


def zone_of(fields: Mapping[str, Any]) -> str | None:
    """The zone whose clock an appointment follows; none for whole days."""
    return None if fields.get("full_time") else str(fields.get("timezone") or "UTC")


def parsed(rule: str) -> dict[str, str]:
    """The parts of a rule by name."""
    return dict(part.split("=", 1) for part in rule.upper().split(";") if "=" in part)


def unparsed(parts: Mapping[str, str]) -> str:
    """The reverse of :func:`parsed`."""
    return ";".join(f"{name}={value}" for name, value in parts.items())


def rule_of(pattern: Mapping[str, Any], fields: Mapping[str, Any]) -> str:
    """The rule of a complete pattern. ``fields``: those of the appointment, whose zone and kind the end needs."""
    kind = pattern["recurrence_type"]
    parts = {"FREQ": _FREQUENCIES[kind], "INTERVAL": str(pattern.get("interval") or 1)}
    if kind == 4:
        parts["BYMONTH"] = str(pattern["month"] + 1)
    days = [name for bit, name in enumerate(_DAYS) if (pattern.get("days") or 0) & 1 << bit]
    if days and kind > 1:
        parts["BYDAY"] = ",".join(days)
    if kind > 2:
        nth = pattern["day_in_month"]
        if days:
            parts["BYSETPOS"] = str(-1 if nth == _LAST else nth)
        else:
            parts["BYMONTHDAY"] = str(nth)
    if pattern.get("occurrences"):
        parts["COUNT"] = str(pattern["occurrences"])
    elif pattern.get("until") is not None:
        parts["UNTIL"] = until_text(pattern["until"], fields)
    return unparsed(parts)


def until_text(day: int, fields: Mapping[str, Any]) -> str:
    """``UNTIL`` of a series whose last day is this Date: a date for whole days, else the day's last second in UTC."""
    local = _EPOCH + timedelta(milliseconds=day)
    zone = zone_of(fields)
    if zone is None:
        return local.strftime("%Y%m%d")
    end = datetime.combine(local.date(), datetime.max.time().replace(microsecond=0), ZoneInfo(zone))
    return end.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def moment_text(moment: int, fields: Mapping[str, Any]) -> str:
    """A moment as ``UNTIL`` has it: a day for whole days, else UTC."""
    shape = "%Y%m%d" if zone_of(fields) is None else "%Y%m%dT%H%M%SZ"
    return _local(moment, UTC).strftime(shape)


def pattern_of(fields: Mapping[str, Any]) -> dict[str, Any] | None:
    """The pattern of an appointment's rule; ``None`` for a rule that has none."""
    parts = parsed(fields["rrule"])
    kind = _TYPES.get(parts.get("FREQ", ""))
    begin = _local(int(fields["start_date"]), ZoneInfo(zone_of(fields) or "UTC"))
    if kind is None:
        return None
    found: dict[str, Any] = {"recurrence_type": kind, "interval": int(parts.get("INTERVAL", "1"))}
    if kind == 1 and "BYDAY" in parts:
        return None
    if kind == 2:
        found["days"] = _mask(parts.get("BYDAY", _DAYS[(begin.weekday() + 1) % 7]))
    if kind > 2:
        found |= _day_pattern(parts, begin) or {"days": None}
    if kind == 4:
        if not parts.get("BYMONTH", "1").isdigit():
            return None
        found["month"] = int(parts.get("BYMONTH", begin.month)) - 1
    if "days" in found and found["days"] is None:
        return None
    if "COUNT" in parts:
        found["occurrences"] = int(parts["COUNT"])
    elif "UNTIL" in parts:
        found["until"] = _until_day(parts["UNTIL"], ZoneInfo(zone_of(fields) or "UTC"))
    return found


def _day_pattern(parts: Mapping[str, str], begin: datetime) -> dict[str, Any] | None:
    if "BYDAY" not in parts:
        day = parts.get("BYMONTHDAY", str(begin.day))
        return {"day_in_month": int(day)} if day.isdigit() else None
    names, nth = parts["BYDAY"], parts.get("BYSETPOS", "")
    if names[-2:] in _DAYS and len(names) > 2 and "," not in names:
        names, nth = names[-2:], names[:-2].lstrip("+")
    if nth not in ("1", "2", "3", "4", "-1") or _mask(names) is None:
        return None
    return {"days": _mask(names), "day_in_month": _LAST if nth == "-1" else int(nth)}


def _mask(names: str) -> int | None:
    """The bits of some weekdays; ``None`` when one of them is numbered."""
    if any(name not in _DAYS for name in names.split(",")):
        return None
    return sum(1 << _DAYS.index(name) for name in set(names.split(",")))


def _until_day(text: str, zone: ZoneInfo) -> int:
    return (_local_until(text, zone) - _EPOCH) // timedelta(days=1) * DAY_MS


def _local_until(text: str, zone: tzinfo) -> datetime:
    """What ``UNTIL`` says by the clock of a zone."""
    shape = "%Y%m%d" if len(text) == 8 else "%Y%m%dT%H%M%S"
    moment = datetime.strptime(text.rstrip("Z") + "+0000", f"{shape}%z")
    return (moment.astimezone(zone) if text.endswith("Z") else moment).replace(tzinfo=None)


def _local(moment: int, zone: tzinfo) -> datetime:
    return (_EPOCH + timedelta(milliseconds=moment)).replace(tzinfo=UTC).astimezone(zone).replace(tzinfo=None)


def _moment(local: datetime, zone: tzinfo) -> int:
    utc = local.replace(tzinfo=zone).astimezone(UTC).replace(tzinfo=None)
    return int((utc - _EPOCH) / timedelta(milliseconds=1))
