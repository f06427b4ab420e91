"""Tasks as a phone's owner makes them (MS-ASTASK 2.2.2): plain values in, elements out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time

from app.wbxml import Element

INCOMPLETE = 8
"""The filter that leaves out what is done."""


def task(
    subject: str,
    *,
    start: date | None = None,
    due: date | None = None,
    completed: datetime | None = None,
    importance: int = 1,
    sensitivity: int = 0,
    reminder: datetime | None = None,
    categories: Sequence[str] = (),
    recurrence: Sequence[tuple[str, str]] = (),
    text: str | None = None,
) -> list[Element]:
    """All that a phone sends of a task, whether it is new or changed. ``recurrence``: the tags of the rule and their
    values, but for Start."""
    elements = [
        Element("Tasks:Subject", subject),
        Element("Tasks:Importance", str(importance)),
        Element("Tasks:Sensitivity", str(sensitivity)),
        Element("Tasks:Complete", "0" if completed is None else "1"),
        Element("Tasks:ReminderSet", "0" if reminder is None else "1"),
    ]
    for tag, day in (("StartDate", start), ("DueDate", due)):
        if day is not None:
            elements += [Element(f"Tasks:{prefix}{tag}", _midnight(day)) for prefix in ("Utc", "")]
    if completed is not None:
        elements.append(Element("Tasks:DateCompleted", _moment(completed)))
    if reminder is not None:
        elements.append(Element("Tasks:ReminderTime", _moment(reminder)))
    if categories:
        children = [Element("Tasks:Category", category) for category in categories]
        elements.append(Element("Tasks:Categories", children=children))
    first = start or due
    if recurrence and first is not None:
        children = [Element(f"Tasks:{tag}", value) for tag, value in recurrence]
        children.insert(1, Element("Tasks:Start", _midnight(first)))
        elements.append(Element("Tasks:Recurrence", children=children))
    if text is not None:
        elements.append(plain_body(text))
    return elements


def plain_body(text: str) -> Element:
    """A text as a phone sends it."""
    children = [Element("AirSyncBase:Type", "1"), Element("AirSyncBase:Data", text)]
    return Element("AirSyncBase:Body", children=children)


def _midnight(day: date) -> str:
    return _moment(datetime.combine(day, time(), UTC))


def _moment(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")
