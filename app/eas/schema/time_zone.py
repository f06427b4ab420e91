"""The TIME_ZONE_INFORMATION block of a calendar item, and the zones of the tz database (MS-ASDTYPE 2.7.6).

A block can say: this far from UTC, and each year this much further between the nth weekday of one month and that of
another. It belongs to a year: a zone looks different in 2006 and in 2026. What it cannot say (years without two
switches, zones that follow the moon) is told as the plain offset at the moment in question.

* Out go the rules of the year in which the item begins. A series that began under older rules than the present ones
  gets the present ones, if they leave its first occurrence where it is.
* The name of the zone travels in the block's own names, so that a device that echoes them gives us the very zone back.
* In, names are never trusted alone: a zone is named only if its rules, at that time, are those of the block. Of several
  such zones the one named wins, then the best known one of its kind, so that a zone once chosen is chosen again.
* A block that no zone matches becomes a zone of its offset at that moment.
"""

from __future__ import annotations

import base64
import binascii
import calendar
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

from app.eas.errors import ConversionError

BLOCK: Final = struct.Struct("<l64s8Hl64s8Hl")
"""Bias, standard name, date and bias, daylight name, date and bias (MS-ASDTYPE 2.7.6)."""
NAME_BYTES: Final = 64
LAST: Final = 5
"""As a week: the last one of the month."""
MAX_BIAS: Final = 24 * 60
"""No bias goes further than this, in minutes."""
STEP: Final = timedelta(days=4)
"""No zone ever switched twice within so short a time."""
ORDINARY: Final = (
    *("Europe/Berlin", "Europe/London", "Europe/Athens", "Europe/Moscow"),
    *("America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles", "America/Sao_Paulo"),
    *("Asia/Kolkata", "Asia/Shanghai", "Asia/Tokyo", "Australia/Sydney"),
)
"""Of zones with the same rules these come first."""
MINUTE: Final = timedelta(minutes=1)
SLACK: Final = timedelta(days=1)
"""So far a device may be off with the moment of a change: some take the clock after it for the one before."""
YEARS: Final = (1970, 2037)
"""The years whose rules are compared with a block. Devices often send the present ones whatever the item's year is,
and what holds at present, the tz database holds to the end."""


@dataclass(frozen=True, slots=True)
class Switch:
    """When the clocks change, every year: at ``time`` (minutes after midnight, by the clock before the change) of the
    nth ``weekday`` (0 Sunday) of the month; ``week`` 5 is the last. With a ``year`` it is on day ``week`` instead.

    Readings of that clock are held as if they were UTC."""

    month: int
    weekday: int
    week: int
    time: int
    year: int = 0

    def moment(self, year: int) -> datetime:
        """When it is in a year, by the clock before the change."""
        last = calendar.monthrange(year, self.month)[1]
        first = date(year, self.month, 1)
        day = 1 + (self.weekday - first.isoweekday()) % 7 + 7 * (self.week - 1)
        if self.year:
            day = min(self.week, last)
        elif day > last:
            day -= 7
        return datetime(year, self.month, day, tzinfo=UTC) + timedelta(minutes=self.time)


@dataclass(frozen=True, slots=True)
class Rules:
    """What a block says: minutes east of UTC in standard and in daylight time, and the switches to each; without
    switches it is always standard time."""

    standard: int
    daylight: int = 0
    to_standard: Switch | None = None
    to_daylight: Switch | None = None

    def offset(self, moment: datetime) -> int:
        """Minutes east of UTC at a moment in UTC."""
        if self.to_standard is None or self.to_daylight is None:
            return self.standard
        try:
            year = (moment.astimezone(UTC) + timedelta(minutes=self.standard)).year
            begin = self.to_daylight.moment(year) - timedelta(minutes=self.standard)
            end = self.to_standard.moment(year) - timedelta(minutes=self.daylight)
        except (OverflowError, ValueError):
            return self.standard
        summer = begin <= moment < end if begin < end else not end <= moment < begin
        return self.daylight if summer else self.standard


def find(name: str | None) -> ZoneInfo | None:
    """The zone of this name, ``None`` where there is none."""
    return ZoneInfo(name) if name in _names() else None


@lru_cache(1)
def _names() -> frozenset[str]:
    return frozenset(available_timezones() - {"Factory", "localtime"})


@lru_cache(1)
def _preferred() -> tuple[str, ...]:
    """All zones, the best known of each kind first: those that stand for a zone of Windows (CLDR), then places, then
    all else (``Etc/GMT-1``, ``CET``, ``US/Eastern``)."""
    known = (name for name in (*ORDINARY, *WINDOWS_TO_OLSON.values()) if name in _names())
    regions = {name.partition("/")[0] for name in WINDOWS_TO_OLSON.values() if "/" in name} - {"Etc"}
    rest = sorted(_names(), key=lambda name: (name.partition("/")[0] not in regions, name))
    return tuple(dict.fromkeys(("UTC", *known, *rest)))


def _minutes(zone: ZoneInfo, moment: datetime) -> int:
    """Minutes east of UTC at a moment in UTC, to the nearest one."""
    offset = moment.astimezone(zone).utcoffset() or timedelta()
    return round(offset / MINUTE)


@lru_cache(16384)
def _switches(name: str, year: int) -> tuple[tuple[datetime, int, int], ...]:
    """The changes of a zone's offset in a year of its own: moment in UTC, minutes before and after."""
    zone = ZoneInfo(name)
    low = datetime(year, 1, 1, tzinfo=zone).astimezone(UTC)
    end = datetime(year, 12, 31, 23, 59, tzinfo=zone).astimezone(UTC)
    found = []
    before = _minutes(zone, low)
    while low < end:
        high = min(low + STEP, end)
        after = _minutes(zone, high)
        if after != before:
            found.append((_bisect(zone, low, high, before), before, after))
        low, before = high, after
    return tuple(found)


def _bisect(zone: ZoneInfo, low: datetime, high: datetime, before: int) -> datetime:
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) // 2
        if _minutes(zone, middle) == before:
            low = middle
        else:
            high = middle
    return high.replace(microsecond=0)


@lru_cache(16384)
def _yearly(name: str, year: int) -> Rules | None:
    """The rules of a zone in a year, ``None`` where a block cannot say them."""
    if not 1 < year < 9999:
        return None
    switches = _switches(name, year)
    if not switches:
        return Rules(_minutes(ZoneInfo(name), datetime(year, 7, 1, tzinfo=UTC)))
    if len(switches) != 2 or switches[0][1] != switches[1][2]:
        return None
    forward, back = sorted(switches, key=lambda switch: switch[1])
    return Rules(
        standard=forward[1],
        daylight=forward[2],
        to_daylight=_rule(name, year, forward[0], forward[1]),
        to_standard=_rule(name, year, back[0], back[1]),
    )


def _rule(name: str, year: int, moment: datetime, before: int) -> Switch:
    """A change as a rule: of "the fourth" and "the last" the one that the neighbouring years keep."""
    local = _by_clock((moment, before, before))
    time = local.hour * 60 + local.minute
    weekday = local.isoweekday() % 7
    week = (local.day - 1) // 7 + 1
    if local.day + 7 <= calendar.monthrange(year, local.month)[1]:
        return Switch(local.month, weekday, week, time)
    last = Switch(local.month, weekday, LAST, time)
    nth = Switch(local.month, weekday, min(week, LAST), time)
    return max((last, nth), key=lambda rule: _agreement(name, year, rule, before))


def _agreement(name: str, year: int, rule: Switch, before: int) -> int:
    return sum(
        any(
            _by_clock(switch) == rule.moment(other)
            for switch in _switches(name, other)
            if switch[1] == before
        )
        for other in range(max(year - 3, 2), min(year + 4, 9998))
    )


def rules(name: str, start: datetime, later: datetime | None = None) -> Rules:
    """What a block says of a zone for an item that begins at ``start``. ``later``: for a series, a moment of its life
    whose rules it should have if they do not move the start."""
    zone = ZoneInfo(name)
    actual = _minutes(zone, start)
    for moment in (start,) if later is None or later < start else (later, start):
        found = _yearly(name, moment.astimezone(zone).year)
        if found is not None and found.offset(start) == actual:
            return found
    return Rules(actual)


def write(name: str | None, start: datetime, later: datetime | None = None) -> str:
    """The block of a zone as base64, see :func:`rules`; without a zone, or for one that is not known, that of UTC."""
    if name is None or find(name) is None:
        return UTC_BLOCK
    return pack(rules(name, start, later), name)


def pack(told: Rules, name: str = "") -> str:
    """Rules as a block in base64."""
    label = name.encode("utf-16-le")[:NAME_BYTES]
    daylight = told.daylight - told.standard if told.to_daylight else 0
    data = BLOCK.pack(
        -told.standard,
        label,
        *_system_time(told.to_standard),
        0,
        label,
        *_system_time(told.to_daylight),
        -daylight,
    )
    return base64.b64encode(data).decode("ascii")


def _system_time(switch: Switch | None) -> tuple[int, ...]:
    """SYSTEMTIME: year, month, weekday, day or week, hour, minute, second, millisecond."""
    if switch is None:
        return (0,) * 8
    hour, minute = divmod(switch.time, 60)
    return (switch.year, switch.month, switch.weekday, switch.week, hour, minute, 0, 0)


UTC_BLOCK: Final = pack(Rules(0), "UTC")


@dataclass(frozen=True, slots=True)
class Block:
    """A block that was read: its rules and the names that it gives the zone."""

    rules: Rules
    names: tuple[str, ...] = ()


def unpack(text: str) -> Block | None:
    """A block in base64, ``None`` for an empty one. Raises ``ConversionError`` for what is none."""
    try:
        data = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise ConversionError("a time zone is not base64") from None
    if not data:
        return None
    if len(data) < BLOCK.size:
        raise ConversionError(f"a time zone has {len(data)} bytes, not {BLOCK.size}")
    values = BLOCK.unpack_from(data)
    bias, standard_name, standard_bias = values[0], values[1], values[10]
    daylight_name, daylight_bias = values[11], values[20]
    if any(abs(number) > MAX_BIAS for number in (bias, standard_bias, daylight_bias)):
        raise ConversionError(f"a time zone is {bias} minutes from UTC")
    to_standard, to_daylight = _switch(values[2:10]), _switch(values[12:20])
    names = tuple(dict.fromkeys(name for name in map(_name, (standard_name, daylight_name)) if name))
    standard, daylight = -bias - standard_bias, -bias - daylight_bias
    if to_standard is None or to_daylight is None or standard == daylight:
        return Block(Rules(standard), names)
    if daylight < standard:  # some count summer as standard, and winter as the exception
        return Block(Rules(daylight, standard, to_daylight, to_standard), names)
    return Block(Rules(standard, daylight, to_standard, to_daylight), names)


def _name(data: bytes) -> str:
    return data.decode("utf-16-le", "replace").partition("\0")[0].strip()


def _switch(values: Iterable[int]) -> Switch | None:
    year, month, weekday, week, hour, minute, second, millisecond = values
    if not month:
        return None
    time = round(hour * 60 + minute + (second + millisecond / 1000) / 60)  # 23:59:59.999 is midnight
    if month > 12 or weekday > 6 or time > MAX_BIAS or not 1 <= week <= (31 if year else LAST):
        raise ConversionError(f"a time zone switches in month {month}, week {week}")
    return Switch(month, weekday, week, time, year)


def zone(block: Block, start: datetime) -> str | None:
    """The zone that a block means for an item that begins at ``start``; see the module's head. ``None`` where no zone
    is that far from UTC."""
    first = min(max(start.year, YEARS[0]), YEARS[1])
    for name in _named(block):
        if rules(name, start) == block.rules or any(
            _agrees(name, block.rules, year, SLACK) for year in range(first, YEARS[1] + 1)
        ):
            return name
    for slack in (MINUTE, SLACK):
        for year in dict.fromkeys((first, YEARS[1])):
            for name in _preferred():
                if _agrees(name, block.rules, year, slack):
                    return name
    return _at(block.rules.offset(start), start)


def _named(block: Block) -> list[str]:
    """The zones that the block's own names may stand for. Short ones are left out: CET is many a zone."""
    names = (name if name in _names() else WINDOWS_TO_OLSON.get(name, "") for name in block.names)
    return [name for name in names if ("/" in name or name == "UTC") and name in _names()]


def _agrees(name: str, told: Rules, year: int, slack: timedelta) -> bool:
    """Whether a zone did in a year what the rules say, up to some slack in when the clocks change."""
    switches = _switches(name, year)
    if told.to_standard is None or told.to_daylight is None:
        return not switches and _minutes(ZoneInfo(name), datetime(year, 7, 1, tzinfo=UTC)) == told.standard
    if len(switches) != 2:
        return False
    forward, back = sorted(switches, key=lambda switch: switch[1])
    return (
        forward[1:] == (told.standard, told.daylight)
        and back[1:] == (told.daylight, told.standard)
        and abs(_by_clock(forward) - told.to_daylight.moment(year)) <= slack
        and abs(_by_clock(back) - told.to_standard.moment(year)) <= slack
    )


def _by_clock(switch: tuple[datetime, int, int]) -> datetime:
    """When a change is, by the clock before it."""
    return switch[0] + timedelta(minutes=switch[1])


def _at(minutes: int, start: datetime) -> str | None:
    """A zone that is so far east of UTC at that moment, and always if there is one."""
    hours, rest = divmod(minutes, 60)
    name = f"Etc/GMT{-hours:+d}" if hours else "UTC"
    if not rest and name in _names():
        return name
    return next((name for name in _preferred() if _minutes(ZoneInfo(name), start) == minutes), None)
