"""The rule of a series: OX's columns of appointments and tasks, and ours (``facts``: HTTP API section 6.2).

Two habits of OX are bridged here. Its months count from 0, its weekdays are bits from Sunday on. And its yearly series
know no interval: every second year is every 24th month, which is the same days.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from app.ox.mapping import values
from app.usm.content import LAST, Pattern, Recurrence
from app.usm.errors import ItemRefused

TYPE: Final = 209
DAYS: Final = 212
DAY_IN_MONTH: Final = 213
MONTH: Final = 214
INTERVAL: Final = 215
UNTIL: Final = 216
OCCURRENCES: Final = 222

COLUMNS: Final[Mapping[int, str]] = {
    TYPE: "recurrence_type",
    DAYS: "days",
    DAY_IN_MONTH: "day_in_month",
    MONTH: "month",
    INTERVAL: "interval",
    UNTIL: "until",
    OCCURRENCES: "occurrences",
}
"""Column → OX's name, of all that a rule is made of."""

NO_SERIES: Final[Mapping[str, Any]] = {"recurrence_type": 0}
"""What to write to make a series a single appointment."""

_DAILY, _WEEKLY, _MONTHLY, _YEARLY = 1, 2, 3, 4
_EVERY_DAY: Final = tuple(range(7))
_MONTHS_OF_A_YEAR: Final = 12


@dataclass(frozen=True, slots=True)
class _Kind:
    """What OX needs to know of one pattern."""

    number: int
    by_weekday: bool = False
    by_day: bool = False


_KINDS: Final[Mapping[Pattern, _Kind]] = {
    Pattern.DAILY: _Kind(_DAILY),
    Pattern.WEEKLY: _Kind(_WEEKLY, by_weekday=True),
    Pattern.MONTHLY_BY_DAY: _Kind(_MONTHLY, by_day=True),
    Pattern.MONTHLY_BY_WEEKDAY: _Kind(_MONTHLY, by_weekday=True),
    Pattern.YEARLY_BY_DAY: _Kind(_YEARLY, by_day=True),
    Pattern.YEARLY_BY_WEEKDAY: _Kind(_YEARLY, by_weekday=True),
}


def of_columns(row: Mapping[int, Any]) -> Recurrence | None:
    """The rule, ``None`` of what is no series. Raises ``ValueError`` for a rule that is incomplete."""
    number = _number(row.get(TYPE))
    if not number:
        return None
    weekdays = weekdays_of(_number(row.get(DAYS)))
    pattern = _pattern(number, weekdays)
    kind = _KINDS[pattern]
    day = _number(row.get(DAY_IN_MONTH)) if number >= _MONTHLY else 0
    week = day if kind.by_weekday else 0
    if number >= _MONTHLY and not 1 <= day <= (LAST if kind.by_weekday else 31):
        raise ValueError(f"a series on day {day} of the month")
    if pattern is Pattern.WEEKLY and not weekdays:
        weekdays = _EVERY_DAY
    count = _number(row.get(OCCURRENCES))
    return Recurrence(
        pattern,
        interval=max(_number(row.get(INTERVAL)), 1),
        weekdays=weekdays if kind.by_weekday else (),
        day=day if kind.by_day else 0,
        week=week,
        month=_month(row.get(MONTH)) if number == _YEARLY else 0,
        count=count or None,
        until=None if count else values.day(row.get(UNTIL)),
    )


def columns_of(rule: Recurrence) -> dict[str, Any]:
    """What to write for a rule; an end that it lacks is cleared. Raises ``ItemRefused`` for one that names no day."""
    pattern = rule.pattern
    if pattern is Pattern.DAILY and rule.weekdays:
        pattern = Pattern.WEEKLY  # "every working day"
    kind = _KINDS[pattern]
    written: dict[str, Any] = {"recurrence_type": kind.number, "interval": max(rule.interval, 1)}
    if kind.by_weekday:
        if not rule.weekdays:
            raise ItemRefused(f"a series that is {pattern} names no weekday")
        written["days"] = days_of(rule.weekdays)
    if kind.number >= _MONTHLY:
        written["day_in_month"] = rule.day if kind.by_day else rule.week
    if kind.number == _YEARLY:
        if rule.interval > 1:
            written |= {"recurrence_type": _MONTHLY, "interval": rule.interval * _MONTHS_OF_A_YEAR}
        else:
            written["month"] = rule.month - 1
    if rule.count:
        written["occurrences"] = rule.count
    else:
        written["until"] = None if rule.until is None else values.from_day(rule.until)
    return written


def change_of(before: Recurrence | None, rule: Recurrence) -> dict[str, Any]:
    """What to write for a rule in place of another: OX lays one over the other, so that what only the old one had is
    cleared."""
    written = columns_of(rule)
    had = columns_of(before) if before is not None else {}
    cleared = {name: None for name, value in had.items() if value is not None and name not in written}
    return {**cleared, **written}


def weekdays_of(days: int) -> tuple[int, ...]:
    """OX's bits, Sunday first, as weekdays in order."""
    return tuple(weekday for weekday in _EVERY_DAY if days & _bit(weekday))


def days_of(weekdays: tuple[int, ...]) -> int:
    """Weekdays as OX's bits."""
    return sum(_bit(weekday) for weekday in set(weekdays))


def _bit(weekday: int) -> int:
    return 1 << (weekday + 1) % 7


def _pattern(number: int, weekdays: tuple[int, ...]) -> Pattern:
    match number:
        case 1:
            return Pattern.DAILY
        case 2:
            return Pattern.WEEKLY
        case 3:
            return Pattern.MONTHLY_BY_WEEKDAY if weekdays else Pattern.MONTHLY_BY_DAY
        case 4:
            return Pattern.YEARLY_BY_WEEKDAY if weekdays else Pattern.YEARLY_BY_DAY
    raise ValueError(f"recurrence_type {number}")


def _month(value: Any) -> int:
    month = _number(value) + 1
    if not 1 <= month <= _MONTHS_OF_A_YEAR:
        raise ValueError(f"a series in month {month}")
    return month


def _number(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
