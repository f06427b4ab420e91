"""Appointments as a phone's owner sees and makes them (MS-ASCAL 2.2.2): plain values in and out, elements between.

The phone's own time zone block is made of the rule at the end of the zone's file (RFC 8536 3.3): a server that makes
its own otherwise is caught by a difference.
"""

from __future__ import annotations

import base64
import re
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any
from zoneinfo import TZPATH

from app.wbxml import Element
from lab.device.errors import BadAnswer

ALL_DAYS = "UTC"
SINGLE_INSTANCES = ("16.0", "16.1")
_RULE = re.compile(r"M(\d+)\.(\d)\.(\d)(?:/(-?\d+)(?::(\d\d))?)?")
_NAME = r"<[^>]+>|[A-Za-z]+"
_FOOTER = re.compile(rf"(?:{_NAME})([-+\d:]+)(?:(?:{_NAME})([-+\d:]*),({_RULE.pattern}),({_RULE.pattern}))?")
_BLOCK = struct.Struct("<l64s8Hl64s8Hl")
_OUTLOOK = bytes.fromhex("040000008200E00074C5B7101A82E008")
_WRAPPED = b"vCal-Uid\x01\0\0\0"

When = datetime | date


def zone_block(zone: str) -> str:
    """The TIME_ZONE_INFORMATION of a zone as it is now, in base64."""
    footer = _zone_file(zone).rsplit(b"\n", 2)[1].decode()
    match = _FOOTER.fullmatch(footer)
    if match is None:
        raise ValueError(f"{zone} has the rule {footer!r}")
    standard = _minutes(match.group(1))
    rules = _RULE.findall(footer)
    if not rules:
        return base64.b64encode(_BLOCK.pack(standard, b"", *(0,) * 8, 0, b"", *(0,) * 8, 0)).decode()
    daylight = _minutes(match.group(2)) if match.group(2) else standard - 60
    to_daylight, to_standard = (_system_time(rule) for rule in rules)
    data = _BLOCK.pack(standard, b"", *to_standard, 0, b"", *to_daylight, daylight - standard)
    return base64.b64encode(data).decode()


def _zone_file(zone: str) -> bytes:
    """The zone as this machine has it, else as the library does."""
    for folder in TZPATH:
        path = Path(folder, zone)
        if path.is_file():
            return path.read_bytes()
    return files("tzdata").joinpath("zoneinfo", *zone.split("/")).read_bytes()


def _minutes(text: str) -> int:
    hours, _, minutes = text.partition(":")
    sign = -1 if hours.startswith("-") else 1
    return int(hours) * 60 + sign * int(minutes or 0)


def _system_time(rule: Sequence[str]) -> tuple[int, ...]:
    month, week, weekday, hour, minute = rule
    days, hours = divmod(int(hour or 2), 24)  # "24" is the next day, "-1" the day before
    return (0, int(month), (int(weekday) + days) % 7, int(week), hours, int(minute or 0), 0, 0)


def compact(when: When) -> str:
    """``20260302T090000Z``; a day is its midnight."""
    return _moment(when).strftime("%Y%m%dT%H%M%SZ")


def dashed(when: When) -> str:
    """``2026-03-02T09:00:00.000Z``."""
    return _moment(when).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _moment(when: When) -> datetime:
    if isinstance(when, datetime):
        return when.astimezone(UTC)
    return datetime.combine(when, time(), UTC)


@dataclass(frozen=True)
class Change:
    """What the owner of a phone enters; ``None`` leaves a field alone, an empty value empties it.

    ``start`` and ``end`` are days for whole days, the end being the day after the last. ``recurrence``: the tags of
    the rule and their values. ``attendees``: addresses. ``add_files``: name -> content, from 16.0.
    """

    subject: str | None = None
    start: When | None = None
    end: When | None = None
    zone: str = "Europe/Berlin"
    location: str | None = None
    text: str | None = None
    reminder: int | None = None
    busy: int | None = None
    sensitivity: int | None = None
    categories: Sequence[str] | None = None
    attendees: Sequence[str] | None = None
    recurrence: Sequence[tuple[str, str]] | None = None
    add_files: Mapping[str, bytes] = field(default_factory=dict)
    remove_files: Sequence[str] = ()


def elements(change: Change, version: str, *, of_occurrence: bool = False) -> list[Element]:
    """What a phone of this protocol version sends of it, whether the item is new or changed."""
    modern = version in SINGLE_INSTANCES
    found: list[Element | None] = []
    if change.start is not None:
        all_day = not isinstance(change.start, datetime)
        if not (of_occurrence or (modern and all_day)):
            block = zone_block(ALL_DAYS if all_day else change.zone)
            found.append(Element("Calendar:Timezone", block))
        found.append(Element("Calendar:AllDayEvent", str(int(all_day))))
        found.append(Element("Calendar:StartTime", compact(change.start)))
    if change.end is not None:
        found.append(Element("Calendar:EndTime", compact(change.end)))
    found += [
        _text("Calendar:Subject", change.subject),
        _location(change.location, modern),
        _text("Calendar:Reminder", change.reminder, empty=-1),
        _text("Calendar:BusyStatus", change.busy),
        _text("Calendar:Sensitivity", change.sensitivity),
        _list("Calendar:Categories", "Calendar:Category", change.categories),
        _attendees(change.attendees),
        _rule(change.recurrence),
        _body(change.text),
        _files(change),
    ]
    if change.attendees is not None and not of_occurrence:
        found.append(Element("Calendar:MeetingStatus", "1" if change.attendees else "0"))
    return [element for element in found if element is not None]


def _text(name: str, value: object, empty: object = "") -> Element | None:
    return None if value is None else Element(name) if value == empty else Element(name, str(value))


def _location(value: str | None, modern: bool) -> Element | None:
    if value is None or not modern:
        return _text("Calendar:Location", value)
    return Element(
        "AirSyncBase:Location", children=[Element("AirSyncBase:DisplayName", value)] if value else []
    )


def _list(name: str, child: str, values: Sequence[str] | None) -> Element | None:
    return None if values is None else Element(name, children=[Element(child, value) for value in values])


def _attendees(mails: Sequence[str] | None) -> Element | None:
    if mails is None:
        return None
    rows = [
        Element(
            "Calendar:Attendee",
            children=[
                Element("Calendar:Email", mail),
                Element("Calendar:Name", mail.partition("@")[0]),
                Element("Calendar:AttendeeType", "1"),
            ],
        )
        for mail in mails
    ]
    return Element("Calendar:Attendees", children=rows) if rows else None


def _rule(rule: Sequence[tuple[str, str]] | None) -> Element | None:
    if rule is None:
        return None
    children = [Element(f"Calendar:{tag}", value) for tag, value in rule]
    return Element("Calendar:Recurrence", children=children)


def _body(text: str | None) -> Element | None:
    if text is None:
        return None
    data = [Element("AirSyncBase:Type", "1"), Element("AirSyncBase:Data", text)]
    return Element("AirSyncBase:Body", children=data)


def _files(change: Change) -> Element | None:
    edits = [
        Element(
            "AirSyncBase:Add",
            children=[
                Element("AirSyncBase:ClientId", f"file-{number}"),
                Element("AirSyncBase:Method", "1"),
                Element("AirSyncBase:Content", content),
                Element("AirSyncBase:DisplayName", name),
            ],
        )
        for number, (name, content) in enumerate(change.add_files.items(), 1)
    ]
    edits += [
        Element("AirSyncBase:Delete", children=[Element("AirSyncBase:FileReference", reference)])
        for reference in change.remove_files
    ]
    return Element("AirSyncBase:Attachments", children=edits) if edits else None


# -- what the phone holds ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Attendee:
    """``status`` and ``type`` as in MS-ASCAL 2.2.2.5 and 2.2.2.6."""

    mail: str
    name: str
    status: int = 0
    type: int = 1


@dataclass(frozen=True)
class Event:
    """What a phone shows of an appointment, or of one occurrence of it. ``rule``: tag -> value; ``changed``: what is
    different about occurrences, and ``deleted``, by the moment (or day) when the rule lets them begin. ``extra``: all
    other values by their tags."""

    subject: str = ""
    start: When | None = None
    end: When | None = None
    all_day: bool = False
    block: str = ""
    uid: str = ""
    location: str = ""
    text: str = ""
    reminder: int | None = None
    categories: tuple[str, ...] = ()
    organizer: str = ""
    attendees: tuple[Attendee, ...] = ()
    meeting_status: int = 0
    response_type: int | None = None
    rule: Mapping[str, str] = field(default_factory=dict)
    changed: Mapping[When, Event] = field(default_factory=dict)
    deleted: tuple[When, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, str] = field(default_factory=dict)


_KNOWN = (
    *("Subject", "StartTime", "EndTime", "AllDayEvent", "Timezone", "UID", "Location", "Reminder"),
    *("OrganizerEmail", "MeetingStatus", "ResponseType", "ExceptionStartTime", "InstanceId"),
)


def event(data: Element, series: Event | None = None) -> Event:
    """The model of an ``ApplicationData``, or with ``series`` that of one of its ``Exception`` elements."""
    by_tag = {child.name.partition(":")[2]: child for child in data}
    texts = {tag: child.text for tag, child in by_tag.items() if not child.children}
    all_day = texts.get("AllDayEvent", "1" if series is not None and series.all_day else "0") == "1"
    block = texts.get("Timezone", series.block if series is not None else "")
    changed, deleted = _exceptions(data, Event(all_day=all_day, block=block))
    place, body = by_tag.get("Location"), by_tag.get("Body")
    reminder = texts.get("Reminder", "")
    return Event(
        subject=texts.get("Subject", ""),
        start=_when(texts.get("StartTime"), all_day, block),
        end=_when(texts.get("EndTime"), all_day, block),
        all_day=all_day,
        block=block,
        uid=texts.get("UID", ""),
        location=texts.get("Location", "")
        or ((place.text_of("AirSyncBase:DisplayName") or "") if place is not None else ""),
        text=((body.text_of("AirSyncBase:Data") or "") if body is not None else "").replace("\r\n", "\n"),
        reminder=int(reminder) if reminder else None,
        categories=tuple(child.text for child in by_tag.get("Categories", ())),
        organizer=texts.get("OrganizerEmail", ""),
        attendees=tuple(map(_attendee, by_tag.get("Attendees", ()))),
        meeting_status=int(texts.get("MeetingStatus") or 0),
        response_type=int(texts["ResponseType"]) if "ResponseType" in texts else None,
        rule={child.name.partition(":")[2]: child.text for child in by_tag.get("Recurrence", ())},
        changed=changed,
        deleted=deleted,
        files=_named_files(by_tag.get("Attachments", ())),
        extra={tag: text for tag, text in texts.items() if tag not in _KNOWN},
    )


def _named_files(entries: Iterable[Element]) -> dict[str, str]:
    """Name -> reference of an item's files."""
    return {
        entry.text_of("AirSyncBase:DisplayName") or "": entry.text_of("AirSyncBase:FileReference") or ""
        for entry in entries
    }


def _exceptions(data: Element, series: Event) -> tuple[dict[When, Event], tuple[When, ...]]:
    changed: dict[When, Event] = {}
    deleted: list[When] = []
    for entry in data.find("Calendar:Exceptions") or ():
        name = entry.text_of("Calendar:ExceptionStartTime") or entry.text_of("AirSyncBase:InstanceId")
        original = _when(name, series.all_day, series.block)
        if original is None:
            raise BadAnswer("an exception does not say which occurrence it is")
        if entry.text_of("Calendar:Deleted") == "1":
            deleted.append(original)
        else:
            change = event(entry, series)
            changed[original] = replace(change, start=change.start or original)
    return changed, tuple(deleted)


def _attendee(element: Element) -> Attendee:
    return Attendee(
        element.text_of("Calendar:Email") or "",
        element.text_of("Calendar:Name") or "",
        int(element.text_of("Calendar:AttendeeStatus") or 0),
        int(element.text_of("Calendar:AttendeeType") or 1),
    )


def _when(text: str | None, all_day: bool, block: str) -> When | None:
    """A moment; of whole days the day, as a phone reads it that trusts the block more than the digits."""
    if not text:
        return None
    moment = datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    if not all_day:
        return moment
    local = moment - timedelta(minutes=_bias(block, moment))
    if local.time() != time():
        raise BadAnswer(f"a whole day begins at {local:%H:%M} where the phone is")
    return local.date()


def _bias(block: str, moment: datetime) -> int:
    """Minutes from local time to UTC, as a block says."""
    if not block:
        return 0
    values = _BLOCK.unpack(base64.b64decode(block))
    bias, standard, daylight = values[0], values[2:10], values[12:20]
    if not standard[1] or not daylight[1]:
        return int(bias)
    begin = _switch(daylight, moment.year) + timedelta(minutes=bias)
    end = _switch(standard, moment.year) + timedelta(minutes=bias + values[20])
    summer = begin <= moment < end if begin < end else not end <= moment < begin
    return int(bias + (values[20] if summer else 0))


def _switch(rule: Sequence[int], year: int) -> datetime:
    _, month, weekday, week, hour, minute, _, _ = rule
    days = [date(year, month, 1) + timedelta(days=number) for number in range(31)]
    right = [day for day in days if day.month == month and day.isoweekday() % 7 == weekday]
    day = right[min(week, len(right)) - 1]
    return datetime.combine(day, time(), UTC) + timedelta(hours=hour, minutes=minute)


def with_occurrence(data: Element, instance: str, fields: Sequence[Element] | None) -> Element:
    """An ``ApplicationData`` after the phone changed or deleted (``None``) the occurrence of this InstanceId."""
    kept = [child for child in data if child.name != "Calendar:Exceptions"]
    entries = list(data.find("Calendar:Exceptions") or ())
    known = [entry for entry in entries if entry.text_of("AirSyncBase:InstanceId") == instance]
    others = [entry for entry in entries if entry not in known]
    identity = Element("AirSyncBase:InstanceId", instance)
    if fields is None:
        children = [Element("Calendar:Deleted", "1"), identity]
    else:
        named = {element.name for element in fields}
        old: Iterable[Element] = known[0] if known else (identity,)
        children = [*(child for child in old if child.name not in named), *fields]
    exception = Element("Calendar:Exception", children=children)
    return Element(data.name, children=[*kept, Element("Calendar:Exceptions", children=[*others, exception])])


# -- mails about meetings ---------------------------------------------------------------------------------------


def meeting_request(data: Element) -> dict[str, Any]:
    """The MeetingRequest of a mail, tag -> text, with the ``UID`` of its appointment; empty where there is none."""
    request = data.find("Email:MeetingRequest")
    if request is None:
        return {}
    found: dict[str, Any] = {
        child.name.partition(":")[2]: child.text for child in request if not child.children
    }
    if "GlobalObjId" in found:
        found["UID"] = uid_of(found["GlobalObjId"])
    return found


def uid_of(global_object_id: str) -> str:
    """The UID that a GlobalObjId stands for (MS-ASEMAIL 2.2.2.37)."""
    data = base64.b64decode(global_object_id)
    if not data.startswith(_OUTLOOK) or len(data) < 40:
        raise BadAnswer(f"{global_object_id!r} is no GlobalObjId")
    if data[40:].startswith(_WRAPPED):
        return data[52:].rstrip(b"\0").decode()
    return (data[:16] + bytes(4) + data[20:]).hex().upper()
