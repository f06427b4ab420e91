"""Appointments and series of them: every field ↔ its tag (MS-ASCAL 2.2.2), both ways.

What no row can say:

* A whole day is a date. It goes out as midnight in UTC, up to 14.1 with the block of UTC and from 16.0 without one:
  all clients read the same day. In, midnight in UTC is taken by its digits; any other time is local midnight in the
  zone of the block, or the nearest one where there is no block (devices also send their own midnight).
* Up to 14.1 a Change is the whole item: a place, a reminder, categories or a recurrence that are missing are cleared,
  unless the device said at its first Sync that it does not know the tag (Supported). A Change that does not even say
  when the appointment begins is not the whole item, and clears nothing; if it says when it ends, it is none. Nor is
  ever cleared what every appointment has (times, zone, sensitivity, busy state), what a device may hold in part (the
  body) and what is not a device's to say (organizer, UID). Attendees go when the device says that it is no meeting any
  more; one whose role it leaves out, as all do up to 2.5, stays what he was.
* From 16.0 nothing is cleared but by an empty tag (MS-ASCMD 2.2.3.24).
* Up to 14.1 Exceptions is the whole set of them, and absent where nothing changed. From 16.0 a device sends a Change or
  Delete with an InstanceId for each (:func:`read_occurrence`); the server still sends the whole set.
* An exception says its beginning and end even where they are those of the rule. A tag that it lacks is the series'.
* An appointment that nobody organizes goes out as the user's own, or Android cannot change it (quirk 31); one that a
  device says to be the user's own is like any other.
* Until is the moment when the last occurrence begins. Some devices send the digits of its day instead.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from email.utils import parseaddr
from enum import Enum
from typing import Any, Final
from zoneinfo import ZoneInfo

from app.eas.errors import ConversionError
from app.eas.options import Options
from app.eas.schema import attachment, body, recurrence, table, time_zone
from app.eas.schema.table import MAX_MAIL, TEXT, Kind, Row, parse_moment
from app.eas.schema.text import line, safe, with_lf
from app.eas.schema.time_zone import Block
from app.eas.versions import Version
from app.usm.content import Address, Attendee, AttendeeRole, Busy, Occurrence, Recurrence, Reply, Sensitivity
from app.usm.model import Body, BodyKind
from app.wbxml.element import Element

SINGLE_INSTANCES: Final = Version.V16_0
"""From here on: InstanceId, Location in AirSyncBase, ClientUid, Attachments, no time zone for whole days."""
RESPONSES: Final = Version.V14_0
"""From here on: ResponseType, ResponseRequested, and attendees of an exception."""

MAX_UID: Final = 300
MAX_EXCEPTIONS: Final = 1000
MAX_REMINDER: Final = 999_999_999
DAY: Final = timedelta(days=1)
HOUR: Final = timedelta(hours=1)
HALF_DAY: Final = timedelta(hours=12)
SLOT: Final = timedelta(minutes=30)
FURTHEST_EAST: Final = timedelta(hours=13)
"""Where many people live; the few further east see a whole day one day early if their device hides its zone."""
_NAMESPACE: Final = uuid.UUID("0c448682-4a6a-459a-ae66-2fed0712bef9")

MEETING, RECEIVED, CANCELLED = 1, 2, 4
"""Bits of MeetingStatus (MS-ASCAL 2.2.2.30)."""
ORGANIZER, NOT_RESPONDED = 1, 5
"""ResponseType (MS-ASCAL 2.2.2.41)."""

BUSY: Final = {Busy.FREE: 0, Busy.TENTATIVE: 1, Busy.BUSY: 2, Busy.AWAY: 3}
ELSEWHERE: Final = 4
NOBODY_KNOWS: Final = "-1"
"""Devices may send them; the standard's own schema has no place for them in what they get (MS-ASCAL 2.2.2.8)."""
SENSITIVITY: Final = {
    Sensitivity.NORMAL: 0,
    Sensitivity.PERSONAL: 1,
    Sensitivity.PRIVATE: 2,
    Sensitivity.CONFIDENTIAL: 3,
}
NOBODY: Final = Address("")
ROLES: Final = {AttendeeRole.REQUIRED: 1, AttendeeRole.OPTIONAL: 2, AttendeeRole.RESOURCE: 3}
REPLIES: Final = {Reply.TENTATIVE: 2, Reply.ACCEPTED: 3, Reply.DECLINED: 4, Reply.NONE: NOT_RESPONDED}
"""AttendeeStatus and ResponseType."""


def moment_text(moment: datetime) -> str:
    """A moment in the form without dashes: ``20240229T081500Z`` (MS-ASDTYPE 2.7.2)."""
    plain = moment.astimezone(UTC).replace(tzinfo=None, microsecond=0)
    return plain.isoformat().replace("-", "").replace(":", "") + "Z"


def _number(element: Element) -> int | None:
    text = element.text.strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise ConversionError(f"{element.name} is {text[:20]!r}, not a whole number")
    return int(text)


def _choice(
    numbers: Mapping[Any, int], spare: Enum, more: Mapping[int, Enum] | None = None, unknown: str = ""
) -> Kind:
    """A value as a number. ``spare`` stands in for values that have none, and for the text ``unknown``; ``more``:
    numbers that are only read."""
    values = {number: value for value, number in numbers.items()} | dict(more or {})

    def read(element: Element) -> Any:
        if unknown and element.text.strip() == unknown:
            return spare
        number = _number(element)
        if number is not None and number not in values:
            raise ConversionError(f"{element.name} is {number}")
        return None if number is None else values[number]

    return Kind(lambda tag, value: Element(tag, str(numbers.get(value, numbers[spare]))), read)


def _write_reminder(tag: str, value: int) -> Element:
    return Element(tag, str(min(max(value, 0), MAX_REMINDER)))


def _write_attendees(tag: str, value: Sequence[Attendee]) -> Element | None:
    """Those with an address: the others no device can show (MS-ASCAL 2.2.2.4)."""
    entries = [
        Element("Calendar:Attendee", children=[*_name(attendee), *_answer(attendee)])
        for attendee in value
        if line(attendee.mail)
    ]
    return Element(tag, children=entries) if entries else None


def _write_names(tag: str, value: Sequence[Attendee]) -> Element | None:
    entries = [Element("Calendar:Attendee", children=_name(each)) for each in value if line(each.mail)]
    return Element(tag, children=entries) if entries else None


def _name(attendee: Attendee) -> list[Element]:
    mail = line(attendee.mail)
    return [Element("Calendar:Email", mail), Element("Calendar:Name", line(attendee.name) or mail)]


def _answer(attendee: Attendee) -> list[Element]:
    return [
        Element("Calendar:AttendeeStatus", str(REPLIES[attendee.reply])),
        Element("Calendar:AttendeeType", str(ROLES[attendee.role])),
    ]


def _read_attendees(element: Element) -> tuple[Attendee, ...] | None:
    found = [_read_attendee(child) for child in element.find_all("Calendar:Attendee")]
    return tuple(attendee for attendee in found if attendee is not None) or None


def _read_attendee(element: Element) -> Attendee | None:
    mail = _mail(element.text_of("Calendar:Email"))
    if not mail:
        return None  # Outlook sends such (quirk 11)
    name = line(element.text_of("Calendar:Name") or "")
    kind, status = element.find("Calendar:AttendeeType"), element.find("Calendar:AttendeeStatus")
    replies = {number: reply for reply, number in REPLIES.items()}
    return Attendee(
        mail,
        "" if name == mail else name,
        _role(None if kind is None else _number(kind)),
        replies.get((status is not None and _number(status)) or 0, Reply.NONE),
    )


def _role(number: int | None) -> AttendeeRole:
    if number is None:
        return AttendeeRole.UNSAID
    return next((role for role, named in ROLES.items() if named == number), AttendeeRole.REQUIRED)


def _mail(text: str | None) -> str:
    """A bare address: devices also send ``"Name" <address>``."""
    mail = line(text or "")[:MAX_MAIL]
    return (parseaddr(mail)[1] if "<" in mail else "") or mail


ROWS: Final[Sequence[Row]] = (
    Row(
        "Calendar:BusyStatus",
        "busy",
        _choice(BUSY, Busy.BUSY, {ELSEWHERE: Busy.ELSEWHERE}, NOBODY_KNOWS),
        ghosted=True,
    ),
    Row("Calendar:Sensitivity", "sensitivity", _choice(SENSITIVITY, Sensitivity.NORMAL), ghosted=True),
    Row("Calendar:Subject", "subject", TEXT),
    Row("Calendar:Reminder", "reminder", Kind(_write_reminder, _number)),
    Row("Calendar:Categories", "categories", table.texts("Calendar:Category")),
    Row(
        "Calendar:Attendees",
        "attendees",
        Kind(_write_names, _read_attendees),
        until=Version.V2_5,
        ghosted=True,
    ),
    Row(
        "Calendar:Attendees",
        "attendees",
        Kind(_write_attendees, _read_attendees),
        since=Version.V12_0,
        ghosted=True,
    ),
)
"""The fields that an occurrence can have of its own."""
BY_TAG: Final = table.by_tag(ROWS)

CLEARED: Final[Mapping[str, str]] = {
    **{row.tag: row.field for row in ROWS if not row.ghosted},
    "Calendar:Location": "location",
    "Calendar:Recurrence": "recurrence",
}
"""Tags that a whole item up to 14.1 has if the field has a value."""

_EMPTIED: Final = frozenset(("Calendar:Subject", "Calendar:Reminder"))
"""Rows that an exception may have as an empty tag: it lacks what the series has."""
_PAGES: Final = ("Calendar:", "AirSyncBase:")
_START, _END = "Calendar:StartTime", "Calendar:EndTime"
_PLACE: Final = "AirSyncBase:Location"
_PLACE_PARTS: Final = ("DisplayName", "Street", "PostalCode", "City", "State", "Country")


@dataclass(frozen=True, slots=True)
class Times:
    """When an item is, and where its clocks are."""

    start: datetime
    end: datetime
    all_day: bool = False
    zone: str | None = None

    @property
    def place(self) -> ZoneInfo:
        """Where the clocks of the series are; whole days are where UTC is."""
        return (None if self.all_day else time_zone.find(self.zone)) or ZoneInfo("UTC")

    def end_of(self, start: datetime) -> datetime:
        """The end of an occurrence that lasts as long as the series says, by its clocks."""
        if self.all_day:
            return start + (self.end - self.start)
        first, last = (
            moment.astimezone(self.place).replace(tzinfo=None) for moment in (self.start, self.end)
        )
        local = start.astimezone(self.place).replace(tzinfo=None) + (last - first)
        return local.replace(tzinfo=self.place).astimezone(UTC)

    def day_of(self, moment: datetime) -> datetime:
        """The whole day on which a moment is."""
        return _midnight(moment.astimezone(self.place).date())

    def instant_of(self, day: datetime) -> datetime:
        """The moment when a whole day begins there."""
        return datetime.combine(day.date(), time(), self.place).astimezone(UTC)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


# -- to the device ------------------------------------------------------------------------------------------------


def render(
    fields: Mapping[str, Any],
    options: Options,
    version: Version,
    server_id: str,
    account: Address = NOBODY,
) -> list[Element]:
    """The children of ApplicationData for the device. ``server_id``: the item's, for its attachments' names;
    ``account``: the user. Raises ``ConversionError`` for an appointment without a beginning."""
    try:
        return _render(fields, options, version, server_id, account)
    except OverflowError as error:
        raise ConversionError(f"an appointment lies out of the calendar: {error}") from None


def _render(
    fields: Mapping[str, Any], options: Options, version: Version, server_id: str, account: Address
) -> list[Element]:
    times = times_of(fields)
    rule: Recurrence | None = fields.get("recurrence")
    modified: datetime = fields.get("modified") or times.start
    note = fields.get("body") or Body(BodyKind.TEXT)
    known = {"busy": Busy.BUSY, "sensitivity": Sensitivity.NORMAL, **_present(fields)}
    return [
        *_zone(times, version, lasting(rule, modified)),
        Element("Calendar:AllDayEvent", "1" if times.all_day else "0"),
        *_organizer(fields.get("organizer") or (NOBODY if fields.get("organized") is False else account)),
        Element("Calendar:DtStamp", moment_text(modified)),
        Element(_START, moment_text(times.start)),
        Element(_END, moment_text(times.end)),
        *_place(fields.get("location"), version),
        *table.write(ROWS, known, version),
        Element("Calendar:UID", uid_text(fields.get("uid"), server_id)),
        Element("Calendar:MeetingStatus", str(meeting_status(fields))),
        *_series(rule, fields.get("exceptions") or (), fields, times, options, version, server_id),
        *_responses(fields, version),
        *_attachments(fields, version, server_id),
        *body.elements(note, options, version, body.CALENDAR),
    ]


def _present(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def times_of(fields: Mapping[str, Any]) -> Times:
    """When an appointment is. Raises ``ConversionError`` for one without a beginning."""
    start: datetime | None = fields.get("start")
    if start is None:
        raise ConversionError("an appointment has no beginning")
    end: datetime = max(fields.get("end") or start, start)
    if not fields.get("all_day"):
        return Times(start, end, zone=fields.get("time_zone"))
    first = _midnight(start.date())
    return Times(first, max(_midnight(end.date()), first + DAY), all_day=True)


def lasting(rule: Recurrence | None, modified: datetime) -> datetime | None:
    """The moment whose rules a series gets: it lived at least until it was changed."""
    if rule is None:
        return None
    return modified if rule.until is None else min(modified, _midnight(rule.until))


def _zone(times: Times, version: Version, later: datetime | None) -> list[Element]:
    if not times.all_day:
        return [Element("Calendar:Timezone", time_zone.write(times.zone, times.start, later))]
    return [Element("Calendar:Timezone", time_zone.UTC_BLOCK)] if version < SINGLE_INSTANCES else []


def _organizer(organizer: Address) -> list[Element]:
    mail = line(organizer.mail)
    if not mail:
        return []
    return [
        Element("Calendar:OrganizerName", line(organizer.name) or mail),
        Element("Calendar:OrganizerEmail", mail),
    ]


def _place(location: str | None, version: Version) -> list[Element]:
    text = safe(location or "")
    if version < SINGLE_INSTANCES:
        return [Element("Calendar:Location", text)] if text else []
    return [Element(_PLACE, children=[Element("AirSyncBase:DisplayName", text)])] if text else []


def uid_text(uid: str | None, server_id: str) -> str:
    """The UID as devices get it; an item without one is known by its ServerId."""
    return line(uid or "")[:MAX_UID] or f"usm-{server_id}"


def meeting_status(fields: Mapping[str, Any]) -> int:
    """MeetingStatus: an appointment with attendees, or of somebody else, is a meeting."""
    received = fields.get("organized") is False
    meeting = bool(fields.get("attendees")) or received or bool(fields.get("cancelled"))
    bits = (MEETING * meeting, RECEIVED * received, CANCELLED * bool(fields.get("cancelled")))
    return sum(bits)


def _responses(fields: Mapping[str, Any], version: Version) -> list[Element]:
    status = meeting_status(fields)
    if version < RESPONSES or not status:
        return []
    return [
        Element("Calendar:ResponseRequested", "1"),
        Element("Calendar:ResponseType", str(response_type(fields, status))),
    ]


def response_type(fields: Mapping[str, Any], status: int) -> int:
    """ResponseType of a meeting: what the user has answered."""
    return REPLIES[fields.get("reply") or Reply.NONE] if status & RECEIVED else ORGANIZER


def _attachments(fields: Mapping[str, Any], version: Version, server_id: str) -> list[Element]:
    if version < SINGLE_INSTANCES:
        return []
    return attachment.render(fields.get("attachments") or (), server_id)


def until_text(day: date, times: Times) -> str:
    """When the last occurrence begins."""
    first = times.start.astimezone(times.place)
    return moment_text(datetime.combine(day, first.time(), times.place))


def _series(
    rule: Recurrence | None,
    exceptions: Sequence[Occurrence],
    fields: Mapping[str, Any],
    times: Times,
    options: Options,
    version: Version,
    server_id: str,
) -> list[Element]:
    if rule is None:
        return []
    children = recurrence.write(rule, recurrence.CALENDAR, version, lambda day: until_text(day, times))
    elements = [Element("Calendar:Recurrence", children=children)]
    shown = exceptions[-MAX_EXCEPTIONS:]
    if shown:
        entries = [_exception(entry, fields, times, options, version, server_id) for entry in shown]
        elements.append(Element("Calendar:Exceptions", children=entries))
    return elements


def _exception(
    entry: Occurrence,
    series: Mapping[str, Any],
    times: Times,
    options: Options,
    version: Version,
    server_id: str,
) -> Element:
    named = version >= SINGLE_INSTANCES
    identity = Element(
        "AirSyncBase:InstanceId" if named else "Calendar:ExceptionStartTime", moment_text(entry.original)
    )
    if entry.deleted:
        return Element("Calendar:Exception", children=[Element("Calendar:Deleted", "1"), identity])
    own = entry.fields
    rows = ROWS if version >= RESPONSES else [row for row in ROWS if row.field != "attendees"]
    cleared = [row.tag for row in rows if row.tag in _EMPTIED and own.get(row.field, row) is None]
    return Element(
        "Calendar:Exception",
        children=[
            identity,
            *_exception_times(entry, times, version),
            *table.write(rows, _present(own), version),
            *map(Element, cleared),
            *(_exception_place(own["location"], version) if "location" in own else ()),
            *_exception_state(own, series, version),
            *(_attachments(own, version, server_id)),
            *_exception_body(own, options, version),
        ],
    )


def _exception_body(own: Mapping[str, Any], options: Options, version: Version) -> list[Element]:
    if "body" not in own:
        return []
    note = own["body"] or Body(BodyKind.TEXT)
    return body.elements(note, options, version, body.CALENDAR, native=False)


def _exception_times(entry: Occurrence, series: Times, version: Version) -> list[Element]:
    """An exception's own beginning and end. A whole day of a series of times begins where the series is, as its block
    says, up to 14.1."""
    own = entry.fields
    all_day = bool(own.get("all_day", series.all_day))
    usual = series.day_of(entry.original) if all_day and not series.all_day else entry.original
    start: datetime = own.get("start") or usual
    if all_day:
        default = start + (series.end - series.start if series.all_day else DAY)
        times = times_of({"start": start, "end": own.get("end") or default, "all_day": True})
    else:
        times = times_of({"start": start, "end": own.get("end") or series.end_of(start)})
    begin, end = times.start, times.end
    if all_day and not series.all_day and version < SINGLE_INSTANCES:
        begin, end = series.instant_of(begin), series.instant_of(end)
    differs = all_day != series.all_day
    return [
        Element(_START, moment_text(begin)),
        Element(_END, moment_text(end)),
        *([Element("Calendar:AllDayEvent", "1" if all_day else "0")] if differs else []),
    ]


def _exception_place(location: str | None, version: Version) -> list[Element]:
    tag = "Calendar:Location" if version < SINGLE_INSTANCES else _PLACE
    return _place(location, version) or [Element(tag)]


def _exception_state(own: Mapping[str, Any], series: Mapping[str, Any], version: Version) -> list[Element]:
    """What is different about an exception as a meeting."""
    together = {**series, **own}
    status = meeting_status(together)
    elements = []
    if status != meeting_status(series):
        elements.append(Element("Calendar:MeetingStatus", str(status)))
    if "reply" in own and status and version >= RESPONSES:
        elements.append(Element("Calendar:ResponseType", str(response_type(together, status))))
    return elements


# -- from the device ----------------------------------------------------------------------------------------------


def read_new(
    elements: Sequence[Element], version: Version, device: str, now: datetime, account: Address = NOBODY
) -> dict[str, Any]:
    """The fields of an appointment that a device adds. ``account``: the user. Raises ``ConversionError``."""
    fields = _present(_guarded(elements))
    fields |= _complete_times(fields, now)
    if version < SINGLE_INSTANCES:
        uid = line(_text(elements, "Calendar:UID"))[:MAX_UID]
    else:
        uid = _new_uid(_text(elements, "Calendar:ClientUid"), device)
    if uid:
        fields["uid"] = uid
    organizer = _mail(_text(elements, "Calendar:OrganizerEmail"))
    if organizer and organizer.casefold() != account.mail.casefold():
        fields["organizer"] = Address(organizer, line(_text(elements, "Calendar:OrganizerName")))
    return fields


def _new_uid(client_uid: str, device: str) -> str:
    """From 16.0 the server names the item: by a UID that is the same whenever the device sends the item again. iOS ends
    its own with a NUL (quirk 50)."""
    name = client_uid.replace("\0", "").strip()
    return str(uuid.uuid5(_NAMESPACE, f"{device}\n{name}")).upper() if name else ""


def _complete_times(fields: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Beginning and end where the device left them out (MS-ASCAL 3.2.4.4)."""
    start: datetime | None = fields.get("start")
    end: datetime | None = fields.get("end")
    if start is not None and end is not None:
        return {}
    if start is not None and fields.get("all_day"):
        return {"end": start + DAY}
    soon = datetime.min.replace(tzinfo=UTC) + -(-(now - datetime.min.replace(tzinfo=UTC)) // SLOT) * SLOT
    if start is None and end is None:
        return {"start": soon, "end": soon + SLOT}
    if end is not None and end > soon:
        return {"start": soon}
    if start is not None and start < now:
        return {"end": soon + SLOT}
    raise ConversionError("an appointment lacks its beginning or end")


def read_change(
    elements: Sequence[Element], version: Version, supported: frozenset[str] | None
) -> dict[str, Any]:
    """The fields that a device's change sets, ``None`` to clear; see the module's head. ``supported``: the tags that
    the device named as known to it, ``None`` when it named none and so knows all. Raises ``ConversionError``."""
    fields = _guarded(elements)
    if version >= SINGLE_INSTANCES:
        return fields
    if "start" not in fields:
        if "end" in fields:
            raise ConversionError("an appointment ends that does not begin")  # MS-ASCAL 3.2.5.3
        return fields
    cleared: dict[str, Any] = {
        name: None for tag, name in CLEARED.items() if supported is None or tag in supported
    }
    cleared["all_day"] = False
    if _text(elements, "Calendar:MeetingStatus").strip() == "0":
        cleared["attendees"] = None
    return cleared | fields


def read_occurrence(elements: Sequence[Element]) -> dict[str, Any]:
    """The fields that a device's change of one occurrence of a series sets (16.0). Raises ``ConversionError`` for
    what only a series has. A time zone there says nothing: an occurrence is where its series is."""
    for element in elements:
        if element.name in ("Calendar:Deleted", "Calendar:Recurrence", "Calendar:Exceptions"):
            raise ConversionError(f"{element.name} in a change of one occurrence")
    fields = _guarded(elements)
    fields.pop("time_zone", None)
    return fields


def added(fields: Mapping[str, Any], version: Version) -> list[Element]:
    """What the answer to an Add tells the device of the new item: from 16.0 the UID that it was given."""
    uid = fields.get("uid")
    return [Element("Calendar:UID", uid)] if uid and version >= SINGLE_INSTANCES else []


def _guarded(elements: Sequence[Element]) -> dict[str, Any]:
    for element in elements:
        if not element.name.startswith(_PAGES):
            raise ConversionError(f"{element.name} does not belong to an appointment")
    try:
        return _read(elements)
    except OverflowError as error:
        raise ConversionError(f"an appointment lies out of the calendar: {error}") from None


def _text(elements: Sequence[Element], name: str) -> str:
    return next((element.text for element in elements if element.name == name), "")


def _find(elements: Sequence[Element], name: str) -> Element | None:
    return next((element for element in elements if element.name == name), None)


def _read(elements: Sequence[Element]) -> dict[str, Any]:
    block = time_zone.unpack(_text(elements, "Calendar:Timezone"))
    flag = _find(elements, "Calendar:AllDayEvent")
    all_day = flag is not None and _flag(flag)
    fields = _read_own(elements, all_day, block)
    start: datetime | None = fields.get("start")
    end: datetime | None = fields.get("end")
    if flag is not None:
        fields["all_day"] = all_day
    if block is not None and start is not None and not all_day:
        zone = time_zone.zone(block, start)
        if zone is not None:
            fields["time_zone"] = zone
    if start is not None and end is not None:
        fields["end"] = end = _checked_end(start, end, all_day)
    status = _find(elements, "Calendar:MeetingStatus")
    if status is not None and (_number(status) or 0) & CANCELLED:
        fields["cancelled"] = True
    clocks = _Clocks(all_day, block, fields.get("time_zone"), start, end)
    rule = _find(elements, "Calendar:Recurrence")
    if rule is not None:
        fields["recurrence"] = recurrence.read(rule, recurrence.CALENDAR, clocks.until)
    exceptions = _find(elements, "Calendar:Exceptions")
    if exceptions is not None:
        found = map(clocks.occurrence, exceptions.find_all("Calendar:Exception"))
        fields["exceptions"] = tuple(sorted(found, key=lambda entry: entry.original))
    return fields


def _flag(element: Element) -> bool:
    text = element.text.strip()
    if text not in ("", "0", "1"):
        raise ConversionError(f"{element.name} is {text[:20]!r}, not 0 or 1")
    return text == "1"


def _checked_end(start: datetime, end: datetime, all_day: bool) -> datetime:
    if all_day:
        return max(end, start + DAY)  # some send a day of no length (quirk 23)
    if end < start:
        raise ConversionError(f"an appointment ends at {moment_text(end)}, before it begins")
    return end


def _read_own(elements: Sequence[Element], all_day: bool, block: Block | None) -> dict[str, Any]:
    """What a series and an exception of it have in common."""
    fields = table.read(BY_TAG, elements)
    with suppress(LookupError):
        fields["body"] = body.find(elements, body.CALENDAR)
    for tag, name in ((_START, "start"), (_END, "end")):
        text = _text(elements, tag).strip()
        if text:
            moment = parse_moment(text)
            fields[name] = whole_day(moment, block) if all_day else moment
    for element in elements:
        match element.name:
            case "Calendar:Location":
                fields["location"] = with_lf(element.text).strip() or None
            case "AirSyncBase:Location":
                fields["location"] = _read_place(element)
            case attachment.TAG:
                edits = attachment.read(element)
                changes = {"add_attachments": edits.added, "remove_attachments": edits.removed}
                fields |= {name: value for name, value in changes.items() if value}
    return fields


def whole_day(moment: datetime, block: Block | None) -> datetime:
    """The day that a device means, as midnight in UTC."""
    if moment.time() == time():
        return moment
    if block is None:
        return _midnight((moment + FURTHEST_EAST).date())
    local = moment + timedelta(minutes=block.rules.offset(moment))
    # To the nearest midnight: devices err about summer time, and some end a day a minute before it.
    return _midnight((local + HALF_DAY - timedelta(seconds=1)).date())


def _read_place(element: Element) -> str | None:
    """A place in one line: what it is called, and what of its address the name does not say already."""
    text = ""
    for part in _PLACE_PARTS:
        more = line(element.text_of(f"AirSyncBase:{part}") or "")
        if more and more.casefold() not in text.casefold():
            text = f"{text}, {more}" if text else more
    return text or None


@dataclass(frozen=True, slots=True)
class _Clocks:
    """What the occurrences of a series are read by."""

    all_day: bool
    block: Block | None
    zone: str | None
    start: datetime | None
    end: datetime | None

    def local(self, moment: datetime) -> datetime:
        """A moment by the clocks of the series."""
        place = time_zone.find(self.zone)
        if place is not None:
            return moment.astimezone(place).replace(tzinfo=UTC)
        return moment + timedelta(minutes=self.block.rules.offset(moment) if self.block else 0)

    def until(self, text: str) -> date:
        """The day of the last occurrence; see the module's head."""
        moment = parse_moment(text)
        if self.all_day:
            return whole_day(moment, self.block).date()
        local = self.local(moment)
        begins = self.start is not None and self.local(self.start).time() == local.time()
        return moment.date() if moment.time() == time() and not begins else local.date()

    def on_time(self, original: datetime) -> datetime:
        """When an occurrence begins, by the clocks of the series. Devices that move a series leave the names of its
        exceptions as they were (quirk 15): then the day counts, but for those that err by the hour of summer time."""
        place = time_zone.find(self.zone)
        if place is None or self.start is None:
            return original
        begins, day = self.start.astimezone(place).time(), original.astimezone(place).date()
        near = [
            datetime.combine(day + days * DAY, begins, place).astimezone(UTC)
            for days in (0, -1, 1)  # its own day first
        ]
        return next((moment for moment in near if abs(moment - original) <= HOUR), near[0])

    def occurrence(self, element: Element) -> Occurrence:
        """One Exception."""
        text = (
            element.text_of("Calendar:ExceptionStartTime") or element.text_of("AirSyncBase:InstanceId") or ""
        )
        original = parse_moment(text)
        original = whole_day(original, self.block) if self.all_day else self.on_time(original)
        if _flag_of(element, "Calendar:Deleted", False):
            return Occurrence(original, deleted=True)
        all_day = _flag_of(element, "Calendar:AllDayEvent", self.all_day)
        fields = _read_own(element.children, all_day, self.block)
        if all_day != self.all_day:
            fields["all_day"] = all_day
        start, end = fields.get("start", original), fields.get("end")
        if end is not None:
            fields["end"] = _checked_end(start, end, all_day)
        if all_day == self.all_day:
            self._drop_usual(fields, original)
        return Occurrence(original, fields=fields)

    def _drop_usual(self, fields: dict[str, Any], original: datetime) -> None:
        """Times that are those of the rule are none of the exception's own."""
        if self.start is None or self.end is None or fields.get("start", original) != original:
            return
        usual = Times(self.start, self.end, self.all_day, self.zone).end_of(original)
        if fields.get("end", usual) == usual:
            fields.pop("start", None)
            fields.pop("end", None)


def _flag_of(element: Element, name: str, default: bool) -> bool:
    child = element.find(name)
    return default if child is None else _flag(child)
