"""The three kinds of moments of the HTTP API.

*Timestamp*: true UTC milliseconds. *Time*: UTC milliseconds plus the offset of a zone at that moment. *Date*:
milliseconds of 00:00 UTC of a day, never shifted.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from lab.ox.errors import fault

DAY_MS = 86_400_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@lru_cache(maxsize=256)
def zone(name: str) -> ZoneInfo:
    """A zone by its Olson name. An unknown one is SVL-0010."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise fault("SVL-0010", "timezone", name) from None


def offset_ms(moment: int, tz: ZoneInfo) -> int:
    """The zone's offset from UTC at a moment (ms UTC), in milliseconds."""
    try:
        local = (_EPOCH + timedelta(milliseconds=moment)).astimezone(tz)
    except OverflowError:
        return 0
    shift = local.utcoffset()
    return int(shift.total_seconds() * 1000) if shift else 0


def to_time(moment: int | None, tz: ZoneInfo) -> int | None:
    """Timestamp → Time."""
    return None if moment is None else moment + offset_ms(moment, tz)


def from_time(value: int | None, tz: ZoneInfo) -> int | None:
    """Time → Timestamp. Of two moments with the same wall clock the earlier one is meant."""
    if value is None:
        return None
    guess = value - offset_ms(value, tz)
    return value - offset_ms(guess, tz)
