"""Tasks: every field ↔ its tag (MS-ASTASK 2.2.2), both ways.

What no row can say:

* A day stands in two tags: as midnight in UTC, and as local midnight that is dressed as UTC. Both are always sent,
  and are the same; of what a device sends the local one counts, which is its day.
* ``Complete``, ``Importance``, ``Sensitivity`` and ``ReminderSet`` are always there: some devices take a missing
  Importance for low (quirk 28).
* A Change names all that a task has: dates, recurrence and categories that are missing are cleared, unless the device
  said at its first Sync that it does not know the tag (Supported). What every task has stays, and so does a reminder
  (MS-ASTASK 3.2.5.3).
* An importance beyond the three that there are is the highest: it is no error (MS-ASTASK 2.2.2.14).
* ``DeadOccur`` marks a copy that a device made of the occurrence that is done, beside the series, which it has moved
  on: such a copy is a single task.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, time
from typing import Any, Final

from app.eas.errors import ConversionError
from app.eas.options import Options
from app.eas.schema import body, recurrence, table
from app.eas.schema.table import DAY, TEXT, Kind, Row, moment_text, parse_moment
from app.eas.versions import Version
from app.usm.content import Sensitivity
from app.usm.model import Body, BodyKind
from app.wbxml.element import Element

_SENSITIVITIES: Final = (
    Sensitivity.NORMAL,
    Sensitivity.PERSONAL,
    Sensitivity.PRIVATE,
    Sensitivity.CONFIDENTIAL,
)
_NORMAL: Final = 1
_HIGH: Final = 2
_ANY: Final = 255


def _write_importance(tag: str, value: int) -> Element:
    return Element(tag, str(min(max(value, 0), _HIGH)))


def _read_importance(element: Element) -> int | None:
    number = _number(element, _ANY)
    return None if number is None else min(number, _HIGH)


def _write_sensitivity(tag: str, value: Sensitivity) -> Element:
    return Element(tag, str(_SENSITIVITIES.index(value)))


def _read_sensitivity(element: Element) -> Sensitivity | None:
    number = _number(element, len(_SENSITIVITIES) - 1)
    return None if number is None else _SENSITIVITIES[number]


def _number(element: Element, most: int) -> int | None:
    text = element.text.strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 4 and int(text) <= most):
        raise ConversionError(f"{element.name} is {text[:40]!r}, not 0 to {most}")
    return int(text)


def _write_moment(tag: str, value: datetime) -> Element:
    return Element(tag, moment_text(value))


def _read_moment(element: Element) -> datetime | None:
    return parse_moment(element.text) if element.text.strip() else None


IMPORTANCE: Final = Kind(_write_importance, _read_importance)
SENSITIVITY: Final = Kind(_write_sensitivity, _read_sensitivity)
MOMENT: Final = Kind(_write_moment, _read_moment)

ROWS: Final[Sequence[Row]] = (
    Row("Tasks:Subject", "subject", TEXT, ghosted=True),
    Row("Tasks:Importance", "importance", IMPORTANCE, ghosted=True),
    Row("Tasks:Sensitivity", "sensitivity", SENSITIVITY, ghosted=True),
    Row("Tasks:Categories", "categories", table.texts("Tasks:Category")),
)
BY_TAG: Final = table.by_tag(ROWS)

_DAYS: Final[Mapping[str, tuple[str, str]]] = {
    "start": ("Tasks:UtcStartDate", "Tasks:StartDate"),
    "due": ("Tasks:UtcDueDate", "Tasks:DueDate"),
}
"""Field → its tags: in UTC, and local."""

_CLEARED: Final[Mapping[str, str]] = {
    "start": "Tasks:StartDate",
    "due": "Tasks:DueDate",
    "recurrence": "Tasks:Recurrence",
}
"""What a Change clears by leaving it out, besides the rows, and the tag that Supported would name."""

_PAGES: Final = ("Tasks:", "AirSyncBase:")


def render(fields: Mapping[str, Any], options: Options, version: Version) -> list[Element]:
    """The children of ApplicationData for the device."""
    text = fields.get("body") or Body(BodyKind.TEXT)
    given = {"importance": _NORMAL, "sensitivity": Sensitivity.NORMAL, **fields}
    return [
        *table.write(ROWS, given, version),
        *(element for field in _DAYS for element in _write_day(field, fields.get(field))),
        *_write_completion(fields),
        *_write_reminder(fields.get("reminder")),
        *_write_recurrence(fields, version),
        *body.elements(text, options, version, body.TASKS),
    ]


def read_new(elements: Sequence[Element]) -> dict[str, Any]:
    """The fields of a task that a device adds. Raises ``ConversionError``."""
    return {field: value for field, value in _read(elements).items() if value is not None}


def read_change(elements: Sequence[Element], supported: frozenset[str] | None) -> dict[str, Any]:
    """The fields that a device's change sets, ``None`` to clear. ``supported``: the tags that the device named as
    known to it, ``None`` when it named none and so knows all. Raises ``ConversionError``."""
    tags = {**{row.field: row.tag for row in ROWS if not row.ghosted}, **_CLEARED}
    cleared = {field: None for field, tag in tags.items() if supported is None or tag in supported}
    return cleared | _read(elements)


# -- to the device -------------------------------------------------------------------------------------------


def _write_day(field: str, value: date | None) -> list[Element]:
    if value is None:
        return []
    return [Element(tag, moment_text(_midnight(value))) for tag in _DAYS[field]]


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _write_completion(fields: Mapping[str, Any]) -> list[Element]:
    """With Complete goes when: where nobody knows, on the day it was due."""
    if not fields.get("complete"):
        return [Element("Tasks:Complete", "0")]
    day = fields.get("due") or fields.get("start")
    moment = fields.get("completed") or (None if day is None else _midnight(day))
    done = Element("Tasks:Complete", "1")
    return [done] if moment is None else [done, _write_moment("Tasks:DateCompleted", moment)]


def _write_reminder(value: datetime | None) -> list[Element]:
    if value is None:
        return [Element("Tasks:ReminderSet", "0")]
    return [Element("Tasks:ReminderSet", "1"), _write_moment("Tasks:ReminderTime", value)]


def _write_recurrence(fields: Mapping[str, Any], version: Version) -> list[Element]:
    rule, day = fields.get("recurrence"), fields.get("start") or fields.get("due")
    if rule is None or day is None:
        return []
    children = [
        *recurrence.write(rule, recurrence.TASKS, version, lambda last: moment_text(_midnight(last))),
        Element("Tasks:Start", moment_text(_midnight(day))),
        Element("Tasks:Regenerate", "1" if rule.regenerate else "0"),
        Element("Tasks:DeadOccur", "0"),
    ]
    return [Element("Tasks:Recurrence", children=children)]


# -- from the device -----------------------------------------------------------------------------------------


def _read(elements: Sequence[Element]) -> dict[str, Any]:
    by_name = {}
    for element in elements:
        if not element.name.startswith(_PAGES):
            raise ConversionError(f"{element.name} does not belong to a task")
        by_name[element.name] = element
    fields = table.read(BY_TAG, elements)
    # Cleared is none of these: every task has them.
    for field in ("importance", "sensitivity"):
        if fields.get(field, "") is None:
            del fields[field]
    fields |= _read_days(by_name)
    fields |= _read_completion(by_name)
    fields |= _read_reminder(by_name)
    if (rule := by_name.get("Tasks:Recurrence")) is not None:
        fields |= _read_recurrence(rule, fields)
    with suppress(LookupError):
        fields["body"] = body.find(elements, body.TASKS)
    return fields


def _read_days(by_name: Mapping[str, Element]) -> dict[str, date | None]:
    """Of a local time the day is as it stands; one in UTC alone may be the midnight of somewhere else."""
    found: dict[str, date | None] = {}
    for field, (utc, local) in _DAYS.items():
        if (element := by_name.get(local)) is not None and element.text.strip():
            found[field] = parse_moment(element.text).date()
        elif (element := by_name.get(utc)) is not None:
            found[field] = DAY.read(element)
        elif local in by_name:
            found[field] = None
    return found


def _read_completion(by_name: Mapping[str, Element]) -> dict[str, Any]:
    element = by_name.get("Tasks:Complete")
    number = None if element is None else _number(element, 1)
    if number is None:
        return {}
    if not number:
        return {"complete": False}
    when = by_name.get("Tasks:DateCompleted")
    moment = None if when is None else _read_moment(when)
    return {"complete": True} if moment is None else {"complete": True, "completed": moment}


def _read_reminder(by_name: Mapping[str, Element]) -> dict[str, Any]:
    flag, when = by_name.get("Tasks:ReminderSet"), by_name.get("Tasks:ReminderTime")
    moment = None if when is None else _read_moment(when)
    wanted = None if flag is None else _number(flag, 1)
    if wanted == 0:
        return {"reminder": None}
    # One that a device says is there without saying when stays as it is.
    return {} if moment is None else {"reminder": moment}


def _read_recurrence(element: Element, fields: Mapping[str, Any]) -> dict[str, Any]:
    if (element.text_of("Tasks:DeadOccur") or "").strip() == "1":
        return {"recurrence": None}
    rule = recurrence.read(element, recurrence.TASKS, lambda last: parse_moment(last).date())
    start = element.find("Tasks:Start")
    begins = None if start is None else DAY.read(start)
    if rule is not None and begins is None:
        raise ConversionError("a recurrence of a task does not say when it begins")
    return (
        {"recurrence": rule}
        if fields.get("start") or begins is None
        else {"recurrence": rule, "start": begins}
    )
