"""The next occurrence of a task that repeats: the server makes it when the last one is done."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from dateutil.rrule import DAILY, MONTHLY, WEEKLY, YEARLY, rrule
from dateutil.rrule import weekday as nth_weekday

from lab.ox.errors import fault
from lab.ox.zones import DAY_MS

_FREQUENCIES: Final[Mapping[int, Literal[0, 1, 2, 3]]] = {1: DAILY, 2: WEEKLY, 3: MONTHLY, 4: YEARLY}
# Bit 0 of ``days`` is Sunday; the library counts from Monday.
_WEEKDAYS = (6, 0, 1, 2, 3, 4, 5)
_LAST = 5
PATTERN = ("recurrence_type", "days", "day_in_month", "month", "interval", "until", "occurrences")
# Kind → what its pattern cannot do without.
_NEEDED = {1: ("interval",), 2: ("interval",), 3: ("interval", "day_in_month"), 4: ("day_in_month", "month")}


def check(fields: Mapping[str, Any]) -> None:
    """Refuse a pattern that is incomplete (TSK-0037) or wrong (TSK-0036)."""
    kind = fields.get("recurrence_type") or 0
    if kind == 0:
        return
    if kind not in _FREQUENCIES:
        raise fault("TSK-0036", "recurrence_type", kind)
    for name in _NEEDED[kind]:
        if fields.get(name) is None:
            raise fault("TSK-0037", name)
    if fields.get("start_time") is None:
        raise fault("TSK-0037", "start_date")
    with_days = fields.get("days") is not None
    bounds = {
        "interval": (1, 9999),
        "days": (1, 127),
        "day_in_month": (1, _LAST if with_days else 31),
        "month": (0, 11),
        "occurrences": (1, 9999),
    }
    for name, (least, most) in bounds.items():
        if fields.get(name) is not None and not least <= fields[name] <= most:
            raise fault("TSK-0036", name, fields[name])


def following(fields: Mapping[str, Any], zone: ZoneInfo) -> dict[str, Any] | None:
    """The fields of the occurrence after the one described, ``None`` after the last. Beginnings keep to the clock of
    ``zone``."""
    left = fields.get("occurrences")
    if left is not None and left <= 1:
        return None
    start = fields["start_time"]
    next_start = _after(fields, start, None if fields.get("full_time") else zone)
    if next_start is None:
        return None
    until = fields.get("until")
    if until is not None and next_start >= until + DAY_MS:
        return None
    moved = {**fields, "start_time": next_start, "status": 1, "percent_completed": 0}
    if fields.get("end_time") is not None:
        moved["end_time"] = fields["end_time"] + next_start - start
    if left is not None:
        moved["occurrences"] = left - 1
    moved["alarms"] = {
        user: alarm + next_start - start for user, alarm in (fields.get("alarms") or {}).items()
    }
    for name in ("date_completed", "actual_duration", "actual_costs"):
        moved.pop(name, None)
    return moved


def _after(fields: Mapping[str, Any], start: int, zone: ZoneInfo | None) -> int | None:
    begin = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=start)
    local = begin.astimezone(zone or UTC).replace(tzinfo=None)
    kind = fields["recurrence_type"]
    bits = fields.get("days") or 0
    days = [_WEEKDAYS[bit] for bit in range(7) if bits & 1 << bit]
    rule: dict[str, Any] = {}
    if kind == 2 and days:
        rule["byweekday"] = days
    if kind >= 3:
        nth = fields["day_in_month"]
        if days:
            rule |= {
                "byweekday": [nth_weekday(day) for day in days],
                "bysetpos": -1 if nth == _LAST else nth,
            }
        else:
            rule["bymonthday"] = nth
    if kind == 4:
        rule["bymonth"] = fields["month"] + 1
    series = rrule(_FREQUENCIES[kind], dtstart=local, interval=fields.get("interval") or 1, **rule)
    found = series.after(local)
    if found is None:
        return None
    return int(found.replace(tzinfo=zone or UTC).timestamp()) * 1000
