"""The rule of a series and its elements (MS-ASCAL 2.2.2.37, MS-ASEMAIL 2.2.2.63, MS-ASTASK 2.2.2.20).

The pages Calendar, Email and Tasks use the same tags, types and qualifiers; what differs is the page, the form of
Until, and where CalendarType and FirstDayOfWeek live.

* A rule that lacks a qualifier of its type, or has one out of range, cannot be converted (Status 6). Nor can one
  that has a qualifier of another type, or two calendars (MS-ASCAL 3.2.5.3, MS-ASTASK 2.2.2); that of a task has a
  calendar only if it goes by months.
* Occurrences counts more than Until, and never both are sent.
* Only the Gregorian calendar, under its many names, is understood; a rule of another one would fall on other days.
* ``Interval`` 0 is 1. A daily rule with days of the week is a weekly one. Of an appointment every day is told with all
  of them (MS-ASCAL 2.2.2.15), from 14.0 on; every second day without, or it would be every day of every second week
  (MS-ASCAL 2.2.2.37.1).
* A weekly rule always tells when its weeks begin; where nobody says, that is Monday, as in iCalendar.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from app.eas.errors import ConversionError
from app.eas.versions import Version
from app.usm.content import LAST, Pattern, Recurrence
from app.wbxml.element import Element

MAX_INTERVAL: Final = 999
MAX_COUNT: Final = 999
EVERY_DAY: Final = 127
MONDAY: Final = 0
GREGORIAN: Final = "1"
GREGORIAN_CALENDARS: Final = frozenset((0, 1, 2, 3, 4, 5, 7, 9, 10, 11, 12))
"""CalendarType values with the months and days of the Gregorian calendar; only their years have other names."""

TYPES: Final[Mapping[Pattern, int]] = {
    Pattern.DAILY: 0,
    Pattern.WEEKLY: 1,
    Pattern.MONTHLY_BY_DAY: 2,
    Pattern.MONTHLY_BY_WEEKDAY: 3,
    Pattern.YEARLY_BY_DAY: 5,
    Pattern.YEARLY_BY_WEEKDAY: 6,
}
PATTERNS: Final = {number: pattern for pattern, number in TYPES.items()}

QUALIFIERS: Final[Mapping[Pattern, Sequence[str]]] = {
    Pattern.DAILY: (),
    Pattern.WEEKLY: ("DayOfWeek",),
    Pattern.MONTHLY_BY_DAY: ("DayOfMonth",),
    Pattern.MONTHLY_BY_WEEKDAY: ("WeekOfMonth", "DayOfWeek"),
    Pattern.YEARLY_BY_DAY: ("DayOfMonth", "MonthOfYear"),
    Pattern.YEARLY_BY_WEEKDAY: ("WeekOfMonth", "DayOfWeek", "MonthOfYear"),
}
"""What each type must have besides Interval, in the order in which Email has it (MS-ASEMAIL 2.2.2.63)."""

_OF_DAYS: Final = (Pattern.DAILY, Pattern.WEEKLY)
"""They are the same in every calendar."""
_OF_SOME_TYPES: Final = frozenset(name for names in QUALIFIERS.values() for name in names)

RANGES: Final[Mapping[str, tuple[int, int]]] = {
    "Interval": (0, MAX_INTERVAL),
    "Occurrences": (0, MAX_COUNT),
    "DayOfWeek": (1, EVERY_DAY),
    "DayOfMonth": (1, 31),
    "WeekOfMonth": (1, LAST),
    "MonthOfYear": (1, 12),
    "FirstDayOfWeek": (0, 6),
    "CalendarType": (0, 23),
    "Regenerate": (0, 1),
}


@dataclass(frozen=True, slots=True)
class Page:
    """Where the elements of a rule live: the page of most of them, and that of the younger ones. ``exact``: a rule has
    what belongs to its type and nothing else; ``leap``: it says that no month is a leap month (MS-ASEMAIL 2.2.2.43);
    ``all_days``: every day is told with all days of the week."""

    name: str
    extensions: str
    exact: bool = False
    leap: bool = False
    all_days: bool = False

    def tag(self, name: str) -> str:
        """The full name of a tag."""
        page = self.extensions if name in ("CalendarType", "IsLeapMonth", "FirstDayOfWeek") else self.name
        return f"{page}:{name}"


CALENDAR: Final = Page("Calendar", "Calendar", exact=True, all_days=True)
EMAIL: Final = Page("Email", "Email2", leap=True)
TASKS: Final = Page("Tasks", "Tasks", exact=True)


def mask(weekdays: Sequence[int]) -> int:
    """Weekdays as DayOfWeek: a bit each, from Sunday."""
    return sum({1 << (day + 1) % 7 for day in weekdays})


def weekdays(bits: int) -> tuple[int, ...]:
    """DayOfWeek as weekdays, Monday first."""
    return tuple(day for day in range(7) if bits & 1 << (day + 1) % 7)


def write(rule: Recurrence, page: Page, version: Version, until: Callable[[date], str]) -> list[Element]:
    """The children of Recurrence. ``until`` gives the text of the last day."""
    values = {
        "DayOfWeek": mask(rule.weekdays),
        "DayOfMonth": rule.day,
        "WeekOfMonth": rule.week,
        "MonthOfYear": rule.month,
    }
    children = [
        Element(page.tag("Type"), str(TYPES[rule.pattern])),
        Element(page.tag("Interval"), str(min(max(rule.interval, 1), MAX_INTERVAL))),
    ]
    if rule.count is not None:
        # More than the standard can count is endless as far as anybody will see.
        if rule.count <= MAX_COUNT:
            children.append(Element(page.tag("Occurrences"), str(rule.count)))
    elif rule.until is not None:
        children.append(Element(page.tag("Until"), until(rule.until)))
    children += [Element(page.tag(name), str(values[name])) for name in QUALIFIERS[rule.pattern]]
    if page.all_days and version >= Version.V14_0 and rule.pattern is Pattern.DAILY and rule.interval <= 1:
        children.append(Element(page.tag("DayOfWeek"), str(EVERY_DAY)))
    if version >= Version.V14_0 and rule.pattern not in _OF_DAYS:
        children.append(Element(page.tag("CalendarType"), GREGORIAN))
    if version >= Version.V14_0 and page.leap:
        children.append(Element(page.tag("IsLeapMonth"), "0"))
    if version >= Version.V14_1 and rule.pattern is Pattern.WEEKLY:
        children.append(Element(page.tag("FirstDayOfWeek"), str(((rule.first_weekday or MONDAY) + 1) % 7)))
    return children


def read(element: Element, page: Page, until: Callable[[str], date]) -> Recurrence | None:
    """The rule of a Recurrence element, ``None`` for an empty one. ``until`` reads the text of the last day.

    Raises ``ConversionError`` for a rule that makes no sense or that no calendar here knows."""
    if not element.children:
        return None
    numbers = _numbers(element, page)
    pattern = _pattern(element, page, numbers)
    for name in QUALIFIERS[pattern]:
        if name not in numbers:
            raise ConversionError(f"a recurrence {pattern.value} lacks {name}")
    if page.exact:
        _check_exact(element, page, numbers, pattern)
    used = {name: numbers[name] for name in QUALIFIERS[pattern]}
    count = numbers.get("Occurrences") or None
    last = element.text_of(page.tag("Until")) or ""
    first = numbers.get("FirstDayOfWeek")
    return Recurrence(
        pattern,
        interval=numbers.get("Interval") or 1,
        weekdays=weekdays(used.get("DayOfWeek", 0)),
        day=used.get("DayOfMonth", 0),
        week=used.get("WeekOfMonth", 0),
        month=used.get("MonthOfYear", 0),
        count=count,
        until=until(last) if last.strip() and count is None else None,
        first_weekday=((first - 1) % 7 or None) if first is not None and pattern is Pattern.WEEKLY else None,
        regenerate=bool(numbers.get("Regenerate")),
    )


def _pattern(element: Element, page: Page, numbers: Mapping[str, int]) -> Pattern:
    kind = (element.text_of(page.tag("Type")) or "").strip()
    pattern = PATTERNS.get(int(kind)) if kind in ("0", "1", "2", "3", "5", "6") else None
    if pattern is None:
        raise ConversionError(f"there is no recurrence of type {kind[:20]!r}")
    if pattern is Pattern.DAILY and numbers.get("DayOfWeek", EVERY_DAY) != EVERY_DAY:
        return Pattern.WEEKLY
    if numbers.get("CalendarType", 0) not in GREGORIAN_CALENDARS:
        raise ConversionError(f"calendar {numbers['CalendarType']} is not known")
    return pattern


def _check_exact(element: Element, page: Page, numbers: Mapping[str, int], pattern: Pattern) -> None:
    # A daily rule may name its days, all of them.
    own = {*QUALIFIERS[pattern], *(("DayOfWeek",) if pattern is Pattern.DAILY else ())}
    foreign = sorted((_OF_SOME_TYPES & numbers.keys()) - own)
    if foreign:
        raise ConversionError(f"a recurrence {pattern.value} has {foreign[0]}")
    if len(element.find_all(page.tag("CalendarType"))) > 1:
        raise ConversionError("a recurrence in two calendars")
    if page is TASKS and "CalendarType" in numbers and pattern in _OF_DAYS:
        raise ConversionError(f"a recurrence {pattern.value} has CalendarType")


def _numbers(element: Element, page: Page) -> dict[str, int]:
    """The numbers in there. An empty tag counts as absent."""
    found = {}
    for name, (low, high) in RANGES.items():
        text = (element.text_of(page.tag(name)) or "").strip()
        if not text:
            continue
        if not (text.isascii() and text.isdigit() and len(text) < 6 and low <= int(text) <= high):
            raise ConversionError(f"{name} {text[:20]!r} of a recurrence is not {low} to {high}")
        found[name] = int(text)
    return found
