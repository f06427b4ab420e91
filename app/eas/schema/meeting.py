"""What a mail about a meeting tells a device: MeetingRequest and the class of the message (MS-ASEMAIL 2.2.2.48).

* A request and a cancellation carry the meeting, so that the device shows it and, for a request, the buttons to answer.
* The mail and the appointment are one by the UID. From 16.0 it is in the mail as it is; up to 14.1 a GlobalObjId holds
  it: that of Outlook where the UID is its digits, else one that wraps the UID (MS-ASEMAIL 2.2.2.37).
* Who proposes another time has his mail shown as an answer that is not certain; from 16.1 on the mail tells the time.
* Reminder counts seconds here, and minutes in the calendar. Dates have dashes, but Until has none.
* A whole day is told as in the calendar (:mod:`app.eas.schema.calendar`).
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from app.eas.schema import calendar, recurrence, time_zone
from app.eas.schema.table import moment_text
from app.eas.schema.text import safe
from app.eas.versions import OLDEST, Version
from app.usm.content import Busy, Meeting, MeetingMessage, Recurrence, Sensitivity
from app.wbxml.element import Element

CLASSES: Final[Mapping[MeetingMessage, str]] = {
    MeetingMessage.REQUEST: "IPM.Schedule.Meeting.Request",
    MeetingMessage.CANCELLATION: "IPM.Schedule.Meeting.Canceled",
    MeetingMessage.ACCEPTED: "IPM.Schedule.Meeting.Resp.Pos",
    MeetingMessage.TENTATIVE: "IPM.Schedule.Meeting.Resp.Tent",
    MeetingMessage.DECLINED: "IPM.Schedule.Meeting.Resp.Neg",
    MeetingMessage.PROPOSAL: "IPM.Schedule.Meeting.Resp.Tent",
}
"""MessageClass (MS-ASEMAIL 2.2.2.49)."""
CONTENT_CLASS: Final = "urn:content-classes:calendarmessage"

TOLD: Final[Mapping[MeetingMessage, Version]] = {
    MeetingMessage.REQUEST: OLDEST,
    MeetingMessage.CANCELLATION: OLDEST,
    MeetingMessage.PROPOSAL: Version.V16_1,
}
"""Messages with a MeetingRequest, and since when."""
SINGLE, MASTER, EXCEPTION = "0", "1", "3"
"""InstanceType (MS-ASEMAIL 2.2.2.40)."""
UNSPECIFIED, INITIAL, FULL_UPDATE = "0", "1", "2"
"""MeetingMessageType (MS-ASEMAIL 2.2.2.47)."""
MAX_REMINDER: Final = 65535
"""Longest Reminder that the schema takes, in seconds."""

_BUSY: Final = {**calendar.BUSY, Busy.ELSEWHERE: calendar.ELSEWHERE}
"""BusyStatus from 16.0 on; before that nobody is elsewhere (MS-ASEMAIL 2.2.2.14)."""

OUTLOOK: Final = bytes.fromhex("040000008200E00074C5B7101A82E008")
"""How every GlobalObjId begins."""
WRAPPED: Final = b"vCal-Uid\x01\0\0\0"
"""How the data of one begin that holds a UID."""
MIN_OBJECT: Final = 40
"""Bytes of a GlobalObjId before its data."""


def message_class(meeting: Meeting | None) -> str | None:
    """MessageClass of a mail about a meeting; ``None`` for one that is like any other."""
    return None if meeting is None else CLASSES.get(meeting.message)


def render(meeting: Meeting, organizer: str, version: Version) -> list[Element]:
    """The MeetingRequest of a mail; none where there is nothing to tell. ``organizer``: as a mail address is
    written."""
    fields = meeting.fields
    since = TOLD.get(meeting.message)
    if since is None or version < since or fields.get("start") is None:
        return []
    try:
        return [Element("Email:MeetingRequest", children=_children(meeting, fields, organizer, version))]
    except OverflowError:  # out of the calendar
        return []


def _children(
    meeting: Meeting, fields: Mapping[str, Any], organizer: str, version: Version
) -> list[Element | None]:
    times = calendar.times_of(fields)
    rule: Recurrence | None = None if meeting.occurrence else fields.get("recurrence")
    modified: datetime = fields.get("modified") or times.start
    single = MASTER if rule else EXCEPTION if meeting.occurrence else SINGLE
    known = calendar.BUSY if version < calendar.SINGLE_INSTANCES else _BUSY
    busy = known.get(fields.get("busy") or Busy.BUSY, known[Busy.BUSY])
    sensitivity = calendar.SENSITIVITY[fields.get("sensitivity") or Sensitivity.NORMAL]
    wanted = meeting.message is MeetingMessage.REQUEST
    return [
        Element("Email:AllDayEvent", "1" if times.all_day else "0"),
        Element("Email:StartTime", moment_text(times.start)),
        Element("Email:DtStamp", moment_text(modified)),
        Element("Email:EndTime", moment_text(times.end)),
        Element("Email:InstanceType", single),
        _location(fields.get("location"), version),
        Element("Email:Organizer", organizer) if organizer else None,
        Element("Email:RecurrenceId", moment_text(meeting.occurrence)) if meeting.occurrence else None,
        _reminder(fields.get("reminder")),
        Element("Email:ResponseRequested", "1" if wanted else "0"),
        _recurrences(rule, times, version),
        Element("Email:Sensitivity", str(sensitivity)),
        Element("Email:BusyStatus", str(busy)),
        Element("Email:TimeZone", _block(times, rule, modified)),
        *_identity(meeting, version),
    ]


def _block(times: calendar.Times, rule: Recurrence | None, modified: datetime) -> str:
    if times.all_day:
        return time_zone.UTC_BLOCK
    return time_zone.write(times.zone, times.start, calendar.lasting(rule, modified))


def _location(location: str | None, version: Version) -> Element | None:
    text = safe(location or "")
    if not text:
        return None
    if version < calendar.SINGLE_INSTANCES:
        return Element("Email:Location", text[:32768])
    return Element("AirSyncBase:Location", children=[Element("AirSyncBase:DisplayName", text)])


def _reminder(minutes: int | None) -> Element | None:
    seconds = -1 if minutes is None else minutes * 60
    return Element("Email:Reminder", str(seconds)) if 0 <= seconds <= MAX_REMINDER else None


def _recurrences(rule: Recurrence | None, times: calendar.Times, version: Version) -> Element | None:
    if rule is None:
        return None
    children = recurrence.write(rule, recurrence.EMAIL, version, lambda day: calendar.until_text(day, times))
    return Element("Email:Recurrences", children=[Element("Email:Recurrence", children=children)])


def _identity(meeting: Meeting, version: Version) -> list[Element]:
    asked = FULL_UPDATE if meeting.updated else INITIAL
    kind = asked if meeting.message is MeetingMessage.REQUEST else UNSPECIFIED
    later = (
        [Element("Email:DisallowNewTimeProposal", "1")] if meeting.fixed and version >= Version.V14_0 else []
    )
    if version >= Version.V14_1:
        later.append(Element("Email2:MeetingMessageType", kind))
    if version < calendar.SINGLE_INSTANCES:
        return [Element("Email:GlobalObjId", global_object_id(meeting.uid, meeting.occurrence)), *later]
    return [*later, Element("Calendar:UID", calendar.uid_text(meeting.uid, "")), *_proposed(meeting)]


def _proposed(meeting: Meeting) -> list[Element]:
    return [
        Element(f"MeetingResponse:Proposed{which}Time", calendar.moment_text(moment))
        for which, moment in zip(("Start", "End"), meeting.proposed or (), strict=False)
    ]


def global_object_id(uid: str, occurrence: datetime | None = None) -> str:
    """The GlobalObjId of a UID, in base64 (MS-ASEMAIL 2.2.2.37). ``occurrence``: the one occurrence of a series."""
    uid = calendar.uid_text(uid, "")
    data = _outlook(uid)
    if data is None:
        text = WRAPPED + uid.encode() + b"\0"
        data = OUTLOOK + bytes(20) + len(text).to_bytes(4, "little") + text
    day = bytes(4)
    if occurrence is not None:
        day = occurrence.year.to_bytes(2, "big") + bytes((occurrence.month, occurrence.day))
    return base64.b64encode(data[:16] + day + data[20:]).decode("ascii")


def _outlook(uid: str) -> bytes | None:
    """The GlobalObjId whose hexadecimal digits are the UID, ``None`` for another UID."""
    try:
        data = bytes.fromhex(uid)
    except ValueError:
        return None
    return data if data.startswith(OUTLOOK) and len(data) >= MIN_OBJECT else None
