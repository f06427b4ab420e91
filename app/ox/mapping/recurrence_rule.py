"""The rule of a series as text of RFC 5545, and ours (``facts``: HTTP API section 7.2).

A rule can say more than a :class:`~app.usm.content.Recurrence`: several days of the month, hours, the 20th Monday of
the year. Such a rule has no equivalent and is ``None`` here; whoever writes leaves it alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import islice
from typing import Any, Final

from dateutil.rrule import rrule, rrulestr

from app.ox.mapping.time_zone import Clock
from app.usm.content import LAST, Pattern, Recurrence
from app.usm.errors import ItemRefused

_DAYS: Final = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_NUMBER: Final[Mapping[str, int]] = {name: number for number, name in enumerate(_DAYS)}
_EVERY_DAY: Final = tuple(range(7))
_KNOWN: Final = frozenset(
    {"FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST", "BYDAY", "BYMONTHDAY", "BYMONTH", "BYSETPOS"}
)
_DATE: Final = "%Y%m%d"
_MOMENT: Final = "%Y%m%dT%H%M%S"
_LONGEST: Final = 20_000
"""No series is followed over more occurrences."""

_NEEDS: Final[Mapping[Pattern, tuple[str, ...]]] = {
    Pattern.DAILY: (),
    Pattern.WEEKLY: ("weekdays",),
    Pattern.MONTHLY_BY_DAY: ("day",),
    Pattern.MONTHLY_BY_WEEKDAY: ("weekdays", "week"),
    Pattern.YEARLY_BY_DAY: ("day", "month"),
    Pattern.YEARLY_BY_WEEKDAY: ("weekdays", "week", "month"),
}
"""Which parts of a :class:`Recurrence` each pattern is made of."""


# -- from OX -------------------------------------------------------------------------------------------------


def of_rule(text: str, first: date, clock: Clock) -> Recurrence | None:
    """The rule of a series whose first day is ``first``; ``None`` for one that has no equivalent."""
    parts = parsed(text)
    try:
        found = _of_parts(parts, first)
        if found is None:
            return None
        pattern, detail = found
        return Recurrence(
            pattern,
            interval=max(int(parts.get("INTERVAL", "1")), 1),
            count=int(parts["COUNT"]) if "COUNT" in parts else None,
            until=until_day(parts["UNTIL"], clock) if "UNTIL" in parts and "COUNT" not in parts else None,
            first_weekday=(_NUMBER[parts.get("WKST", "MO")] or None) if pattern is Pattern.WEEKLY else None,
            **detail,
        )
    except (ValueError, KeyError):
        return None


def parsed(text: str) -> dict[str, str]:
    """The parts of a rule by name."""
    named = (part.split("=", 1) for part in text.strip().upper().removeprefix("RRULE:").split(";"))
    return {pair[0].strip(): pair[1].strip() for pair in named if len(pair) == 2}


def _of_parts(parts: Mapping[str, str], first: date) -> tuple[Pattern, dict[str, Any]] | None:
    """The pattern and what belongs to it. Raises ``ValueError`` and ``KeyError`` for what is no rule."""
    if not parts.keys() <= _KNOWN:
        return None
    match parts["FREQ"]:
        case "DAILY":
            return _daily(parts)
        case "WEEKLY":
            if parts.keys() & {"BYMONTHDAY", "BYMONTH", "BYSETPOS"}:
                return None
            weekdays = _weekdays(parts["BYDAY"]) if "BYDAY" in parts else (first.weekday(),)
            return Pattern.WEEKLY, {"weekdays": weekdays}
        case "MONTHLY":
            return None if "BYMONTH" in parts else _monthly(parts, first)
        case "YEARLY":
            return _yearly(parts, first)
    return None


def _daily(parts: Mapping[str, str]) -> tuple[Pattern, dict[str, Any]] | None:
    if parts.keys() & {"BYMONTHDAY", "BYMONTH", "BYSETPOS"}:
        return None
    if "BYDAY" not in parts:
        return Pattern.DAILY, {}
    if int(parts.get("INTERVAL", "1")) > 1:
        return None
    return Pattern.WEEKLY, {"weekdays": _weekdays(parts["BYDAY"])}


def _monthly(parts: Mapping[str, str], first: date) -> tuple[Pattern, dict[str, Any]] | None:
    if "BYDAY" in parts:
        nth = _nth(parts)
        return None if nth is None else (Pattern.MONTHLY_BY_WEEKDAY, nth)
    if "BYSETPOS" in parts:
        return None
    day = int(parts.get("BYMONTHDAY", first.day))
    if day == -1:
        return Pattern.MONTHLY_BY_WEEKDAY, {"weekdays": _EVERY_DAY, "week": LAST}
    return (Pattern.MONTHLY_BY_DAY, {"day": day}) if 1 <= day <= 31 else None


def _yearly(parts: Mapping[str, str], first: date) -> tuple[Pattern, dict[str, Any]] | None:
    if "BYMONTH" not in parts and parts.keys() & {"BYDAY", "BYMONTHDAY"}:
        return None  # every month, or the nth of the year
    month = int(parts.get("BYMONTH", first.month))
    found = _monthly(parts, first)
    if found is None or not 1 <= month <= 12:
        return None
    pattern, detail = found
    by_day = pattern is Pattern.MONTHLY_BY_DAY
    return Pattern.YEARLY_BY_DAY if by_day else Pattern.YEARLY_BY_WEEKDAY, {**detail, "month": month}


def _weekdays(text: str) -> tuple[int, ...]:
    return tuple(sorted({_NUMBER[name] for name in text.split(",")}))


def _nth(parts: Mapping[str, str]) -> dict[str, Any] | None:
    """ "The second Tuesday" in either of its two forms."""
    if "BYMONTHDAY" in parts:
        return None
    names, place = parts["BYDAY"], parts.get("BYSETPOS")
    if place is None:
        names, place = names[-2:], names[:-2]
    week = {"-1": LAST}.get(place) or int(place)
    return {"weekdays": _weekdays(names), "week": week} if place != "5" and 1 <= week <= LAST else None


# -- to OX ---------------------------------------------------------------------------------------------------


def rule_of(rule: Recurrence, clock: Clock, all_day: bool) -> str:
    """The text of a rule. Raises ``ItemRefused`` for one that names no day."""
    missing = [part for part in _NEEDS[rule.pattern] if not getattr(rule, part)]
    if missing:
        raise ItemRefused(f"a series that is {rule.pattern} names no {' and no '.join(missing)}")
    parts = _frequency(rule)
    if rule.interval > 1:
        parts.append(f"INTERVAL={rule.interval}")
    parts += _days(rule)
    if rule.first_weekday is not None and rule.pattern is Pattern.WEEKLY:
        parts.append(f"WKST={_DAYS[rule.first_weekday]}")
    if rule.count:
        parts.append(f"COUNT={rule.count}")
    elif rule.until is not None:
        parts.append(f"UNTIL={_until_text(rule.until, clock, all_day)}")
    return ";".join(parts)


def _frequency(rule: Recurrence) -> list[str]:
    match rule.pattern:
        case Pattern.DAILY:
            return ["FREQ=WEEKLY" if rule.weekdays else "FREQ=DAILY"]
        case Pattern.WEEKLY:
            return ["FREQ=WEEKLY"]
        case Pattern.MONTHLY_BY_DAY | Pattern.MONTHLY_BY_WEEKDAY:
            return ["FREQ=MONTHLY"]
    return ["FREQ=YEARLY", f"BYMONTH={rule.month}"]


def _days(rule: Recurrence) -> list[str]:
    names = ",".join(_DAYS[weekday] for weekday in sorted(set(rule.weekdays)))
    match rule.pattern:
        case Pattern.DAILY | Pattern.WEEKLY:
            return [f"BYDAY={names}"] if names else []
        case Pattern.MONTHLY_BY_DAY | Pattern.YEARLY_BY_DAY:
            return [f"BYMONTHDAY={rule.day}"]
    week = -1 if rule.week == LAST else rule.week
    if len(set(rule.weekdays)) == 1:
        return [f"BYDAY={week}{names}"]
    return [f"BYDAY={names}", f"BYSETPOS={week}"]


def _until_text(day: date, clock: Clock, all_day: bool) -> str:
    """The end of a day of the series; RFC 5545 wants it in UTC, but a date for whole days."""
    if all_day:
        return day.strftime(_DATE)
    end = datetime.combine(day, time(23, 59, 59), clock.zone)
    return end.astimezone(UTC).strftime(_MOMENT) + "Z"


def until_day(text: str, clock: Clock) -> date:
    """The last day on which an occurrence may begin. Raises ``ValueError``."""
    if len(text) == 8:
        return datetime.strptime(text, _DATE).date()  # noqa: DTZ007 - a day
    end = datetime.strptime(text.removesuffix("Z"), _MOMENT)  # noqa: DTZ007 - local until told otherwise
    if text.endswith("Z"):
        end = end.replace(tzinfo=UTC).astimezone(clock.zone).replace(tzinfo=None)
    return end.date() if end.time() >= clock.at else end.date() - timedelta(days=1)


# -- how it goes on ------------------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def last_day(text: str, first: date, clock: Clock) -> date | None:
    """The day of the last occurrence, ``None`` for a series without end or one that cannot be followed."""
    parts = parsed(text)
    try:
        if "COUNT" not in parts:
            return until_day(parts["UNTIL"], clock) if "UNTIL" in parts else None
        count = int(parts["COUNT"])
        if count > _LONGEST:
            return None
        days = list(islice(_dates(parts, first), count))
        return days[-1] if days else None
    except (ValueError, KeyError):
        return None


def _dates(parts: Mapping[str, str], first: date) -> Iterator[date]:
    text = ";".join(f"{name}={value}" for name, value in parts.items() if name != "UNTIL")
    made = rrulestr(text, dtstart=datetime.combine(first, time()))
    assert isinstance(made, rrule)  # noqa: S101  # nosec B101 # one rule is no set
    return (each.date() for each in made)
