"""What a message tells of a meeting: its part in iCalendar, read (RFC 5545, RFC 5546).

Only what a mail about a meeting shows is read; the appointment itself comes from OX's calendar. Invitations come from
anywhere: a value that makes no sense is left out, and what is no calendar at all is no meeting.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final, cast

from icalendar import Calendar as ICalendar
from icalendar import vDDDTypes

from app.ox.mapping import values
from app.ox.mapping.recurrence_rule import of_rule
from app.ox.mapping.time_zone import Clock, find
from app.usm import charsets
from app.usm.content import (
    Address,
    Attendee,
    AttendeeRole,
    Busy,
    Meeting,
    MeetingMessage,
    Reply,
    Sensitivity,
)
from app.usm.model import Body, BodyKind

TYPES: Final = ("text/calendar", "application/ics")
LARGEST: Final = 4 * 1024 * 1024
"""Bytes of a calendar that is read."""
MOST_ATTENDEES: Final = 500

_METHODS: Final[Mapping[str, MeetingMessage]] = {
    "REQUEST": MeetingMessage.REQUEST,
    "CANCEL": MeetingMessage.CANCELLATION,
    "COUNTER": MeetingMessage.PROPOSAL,
}
_ANSWERS: Final[Mapping[str, MeetingMessage]] = {
    "ACCEPTED": MeetingMessage.ACCEPTED,
    "TENTATIVE": MeetingMessage.TENTATIVE,
    "DECLINED": MeetingMessage.DECLINED,
}
_REPLIES: Final[Mapping[str, Reply]] = {
    "ACCEPTED": Reply.ACCEPTED,
    "TENTATIVE": Reply.TENTATIVE,
    "DECLINED": Reply.DECLINED,
}
_ROLES: Final[Mapping[str, AttendeeRole]] = {
    "OPT-PARTICIPANT": AttendeeRole.OPTIONAL,
    "NON-PARTICIPANT": AttendeeRole.OPTIONAL,
}
_SENSITIVITIES: Final[Mapping[str, Sensitivity]] = {
    "PRIVATE": Sensitivity.PRIVATE,
    "CONFIDENTIAL": Sensitivity.CONFIDENTIAL,
}
_BUSY: Final[Mapping[str, Busy]] = {
    "FREE": Busy.FREE,
    "TENTATIVE": Busy.TENTATIVE,
    "BUSY": Busy.BUSY,
    "OOF": Busy.AWAY,
    "WORKINGELSEWHERE": Busy.ELSEWHERE,
}
"""Outlook's X-MICROSOFT-CDO-INTENDEDSTATUS, which is more exact than TRANSP."""


def is_calendar(part: Mapping[str, Any]) -> bool:
    """Whether a part of a message, as OX tells of it, is a calendar."""
    return str(part.get("content_type") or "").split(";")[0].strip().lower() in TYPES


def meeting_of(data: bytes) -> Meeting | None:
    """The meeting that a calendar is about; ``None`` for one that asks and answers nothing."""
    try:
        calendar: Any = ICalendar.from_ical(charsets.decode(data, "utf-8"))
        event = next(iter(calendar.walk("VEVENT")), None)
        method = str(calendar.get("METHOD") or "").strip().upper()
    except (ValueError, KeyError, IndexError, AttributeError):
        return None
    uid = values.line(event.get("UID")) if event is not None else None
    if event is None or not uid or not method or method == "PUBLISH":
        return None
    fixed = _word(event, "X-MICROSOFT-DISALLOW-COUNTER") == "TRUE"
    updated = bool(_word(event, "SEQUENCE").strip("0"))
    message, fields = _message(method, event), _fields(event)
    proposed = _proposed(event, fields) if message is MeetingMessage.PROPOSAL else None
    return Meeting(message, uid, fields, _occurrence(event), fixed, updated, proposed)


def _proposed(event: Any, fields: dict[str, Any]) -> tuple[datetime, datetime] | None:
    """The time that is proposed, which stands where that of the meeting does (RFC 5546 3.2.7). Outlook tells beside it
    when the meeting is, and that is put into its place."""
    if "start" not in fields:
        return None
    proposed = fields["start"], fields["end"]
    start, end = (_instant(_original(event, which)) for which in ("START", "END"))
    if start is not None and end is not None and start <= end:
        fields |= {"start": start, "end": end}
    return proposed


def _original(event: Any, which: str) -> date | datetime | None:
    """A time of Outlook's own, of which nobody but us knows that it is one."""
    value, kind = event.get(f"X-MS-OLK-ORIGINAL{which}"), cast(Any, vDDDTypes)
    try:
        found = kind.from_ical(str(value or ""), getattr(value, "params", {}).get("TZID"))
    except ValueError:
        return None
    return found if isinstance(found, date) else None


def _message(method: str, event: Any) -> MeetingMessage:
    if method == "REPLY":
        states = [str(each.params.get("PARTSTAT", "")).upper() for each in _listed(event, "ATTENDEE")]
        return next((_ANSWERS[state] for state in states if state in _ANSWERS), MeetingMessage.OTHER)
    return _METHODS.get(method, MeetingMessage.OTHER)


def _fields(event: Any) -> dict[str, Any]:
    begin, end = _when(event, "DTSTART"), _when(event, "DTEND")
    all_day = begin is not None and not isinstance(begin, datetime)
    start, zone = _instant(begin), _zone(begin)
    finish = _instant(end) or _after(start, event, all_day)
    found = {
        "subject": values.line(event.get("SUMMARY")),
        "location": values.line(event.get("LOCATION")),
        "body": _body(event),
        "start": start,
        "end": finish if start is None or finish is None or finish >= start else start,
        "all_day": all_day if start else None,
        "time_zone": zone,
        "uid": values.line(event.get("UID")),
        "modified": _instant(_when(event, "DTSTAMP")),
        "recurrence": _recurrence(event, start, zone, all_day),
        "organizer": _organizer(event),
        "attendees": tuple(_attendees(event))[:MOST_ATTENDEES] or None,
        "sensitivity": _SENSITIVITIES.get(_word(event, "CLASS")),
        "busy": _BUSY.get(_word(event, "X-MICROSOFT-CDO-INTENDEDSTATUS"))
        or (Busy.FREE if _word(event, "TRANSP") == "TRANSPARENT" else None),
        "reminder": _reminder(event),
    }
    return {field: value for field, value in found.items() if value is not None}


def _word(event: Any, name: str) -> str:
    return str(event.get(name) or "").strip().upper()


def _listed(event: Any, name: str) -> list[Any]:
    """All values of a property, of which there may be one."""
    found = event.get(name)
    entries = found if isinstance(found, list) else [found] if found is not None else []
    return [entry for entry in entries if hasattr(entry, "params")]


def _when(event: Any, name: str) -> date | datetime | None:
    found = getattr(event.get(name), "dt", None)
    return found if isinstance(found, date) else None


def _zone(when: date | None) -> str | None:
    """The IANA name of a moment's zone, where it is known."""
    zone = when.tzinfo if isinstance(when, datetime) else None
    name = getattr(zone, "key", None) or getattr(zone, "zone", None)
    return str(name) if name and find(name) is not None and name != "UTC" else None


def _instant(when: date | None) -> datetime | None:
    """In UTC; a day is its midnight, and a time of no zone is taken for UTC."""
    if when is None:
        return None
    try:
        if not isinstance(when, datetime):
            return datetime.combine(when, time(), UTC)
        return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
    except (OverflowError, ValueError):
        return None


def _after(start: datetime | None, event: Any, all_day: bool) -> datetime | None:
    length = getattr(event.get("DURATION"), "dt", None)
    if start is None:
        return None
    if not isinstance(length, timedelta):
        length = timedelta(days=1) if all_day else timedelta()
    try:
        return start + length
    except OverflowError:
        return start


def _occurrence(event: Any) -> datetime | None:
    return _instant(_when(event, "RECURRENCE-ID"))


def _recurrence(event: Any, start: datetime | None, zone: str | None, all_day: bool) -> Any:
    rule = event.get("RRULE")
    rule = rule[0] if isinstance(rule, list) else rule
    if rule is None or start is None or event.get("RECURRENCE-ID") is not None:
        return None
    clock = Clock.of(start, zone, all_day)
    return of_rule(rule.to_ical().decode(), clock.day(start), clock)


def _body(event: Any) -> Body | None:
    text = values.text(event.get("DESCRIPTION"))
    return Body(BodyKind.TEXT, text) if text else None


def _mail(value: Any) -> str:
    """The address of a ``mailto:`` URI."""
    text = str(value).strip()
    return values.line(text[7:] if text[:7].lower() == "mailto:" else text) or ""


def _name(value: Any) -> str:
    return values.line(str(value.params.get("CN", "")).strip('"')) or ""


def _organizer(event: Any) -> Address | None:
    found = next(iter(_listed(event, "ORGANIZER")), None)
    mail = _mail(found) if found is not None else ""
    return Address(mail, _name(found)) if "@" in mail else None


def _attendees(event: Any) -> list[Attendee]:
    """Those that have an address (Outlook 2016 leaves some without, quirk 11)."""
    found = []
    for entry in _listed(event, "ATTENDEE"):
        mail = _mail(entry)
        if "@" in mail:
            is_place = str(entry.params.get("CUTYPE", "")).upper() in ("RESOURCE", "ROOM")
            role = _ROLES.get(str(entry.params.get("ROLE", "")).upper(), AttendeeRole.REQUIRED)
            reply = _REPLIES.get(str(entry.params.get("PARTSTAT", "")).upper(), Reply.NONE)
            found.append(Attendee(mail, _name(entry), AttendeeRole.RESOURCE if is_place else role, reply))
    return found


def _reminder(event: Any) -> int | None:
    """Minutes before the start, of the first alarm that counts from there."""
    for alarm in event.walk("VALARM"):
        trigger = getattr(alarm.get("TRIGGER"), "dt", None)
        if isinstance(trigger, timedelta) and trigger <= timedelta():
            return int(-trigger.total_seconds() // 60)
    return None
