"""A value of each kind for every field of every content type: what round trips carry and documents are made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from app.usm.content import (
    ADDRESS_PARTS,
    CONTACT_FIELDS,
    FIELDS,
    LAST,
    Address,
    Attendee,
    AttendeeRole,
    Busy,
    Meeting,
    MeetingMessage,
    Occurrence,
    Pattern,
    Recurrence,
    Reply,
    Sensitivity,
    Upload,
)
from app.usm.model import Attachment, Body, BodyKind, ContentType

PNG: Final = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6364f80f00000101000518d84e0000000049454e44ae426082"
)
GIF: Final = bytes.fromhex(
    "47494638396101000100800000ffffff00000021f90400000000002c00000000010001000002024401003b"
)

LINES: Final = ("plain", "Zoë Müller-Łódź 日本 😀", 'a "quoted" <tag> & \\ back; semi, comma')
"""Texts of one line: ASCII, beyond it and beyond the first plane, with the signs that formats are made of."""
TEXTS: Final = tuple(
    Body(BodyKind.TEXT, text) for text in (*LINES, "two\nlines\n\n  indented", "long " * 4000 + "end")
)
WORDS: Final = (("one",), ("Größe", "日本"))
DAYS: Final = (date(1960, 2, 29), date(1969, 12, 31), date(2024, 2, 29))
START: Final = datetime(2031, 3, 28, 9, 0, tzinfo=UTC)
"""A Friday, two days before Europe's clocks change."""

_HTML: Final = Body(
    BodyKind.HTML, "<html><body><p>A <b>big</b> thing</p></body></html>", native=BodyKind.HTML
)
_MAILS: Final = (
    (Address("a@example.org"),),
    (Address("zoe@example.org", 'Zoë "Z" Quist'), Address("b@example.org", "B, C")),
)

_CONTACT: Final[Mapping[str, Sequence[Any]]] = {
    **{field: LINES for field, kind in CONTACT_FIELDS.items() if kind is str},
    **{f"email{number}": ("jane@example.org", "o'neil+tag@bücher.example") for number in (1, 2, 3)},
    **{f"{place}_street": (*LINES, "1 Long Road\nBack house") for place in ("home", "business", "other")},
    **{
        f"{place}_{part}": LINES
        for place in ("home", "business", "other")
        for part in ADDRESS_PARTS
        if part != "street"
    },
    "children": WORDS,
    "birthday": DAYS,
    "anniversary": DAYS,
    "note": TEXTS,
    "categories": WORDS,
    "picture": (PNG, GIF),
}

_RULES: Final = (
    Recurrence(Pattern.DAILY),
    Recurrence(Pattern.DAILY, interval=3, count=5),
    Recurrence(Pattern.WEEKLY, weekdays=(4,), interval=2, until=date(2031, 6, 30)),
    Recurrence(Pattern.WEEKLY, weekdays=(0, 2, 4), count=10),
    Recurrence(Pattern.MONTHLY_BY_DAY, day=28),
    Recurrence(Pattern.MONTHLY_BY_WEEKDAY, weekdays=(4,), week=4),
    Recurrence(Pattern.MONTHLY_BY_WEEKDAY, weekdays=(4,), week=LAST, count=3),
    Recurrence(Pattern.YEARLY_BY_DAY, day=28, month=3),
    Recurrence(Pattern.YEARLY_BY_WEEKDAY, weekdays=(4,), week=4, month=3),
    Recurrence(Pattern.WEEKLY, weekdays=(4,), interval=2, first_weekday=6),
)

_INVITATION: Final = {
    "subject": "Invitation",
    "location": "Room 1",
    "start": START,
    "end": START + timedelta(hours=1),
    "time_zone": "Europe/Berlin",
    "organizer": Address("berta@example.org", "Berta Beispiel"),
    "reminder": 15,
}
_MEETINGS: Final = (
    Meeting(MeetingMessage.REQUEST, "uid-1", {"start": START, "end": START + timedelta(hours=1)}),
    *(Meeting(message, "uid-2", _INVITATION) for message in MeetingMessage),
    *(Meeting(MeetingMessage.REQUEST, "uid-3", {**_INVITATION, "recurrence": rule}) for rule in _RULES),
    Meeting(MeetingMessage.CANCELLATION, "uid-4", _INVITATION, START),
    Meeting(MeetingMessage.REQUEST, "uid-5", _INVITATION, fixed=True),
)

_MAIL: Final[Mapping[str, Sequence[Any]]] = {
    "subject": LINES,
    **dict.fromkeys(("sender", "from", "to", "cc", "bcc", "reply_to"), _MAILS),
    "received": (START,),
    "importance": (0, 1, 2),
    **dict.fromkeys(
        ("hidden", "read", "flagged", "answered", "forwarded", "draft", "signed", "encrypted"), (True, False)
    ),
    "message_id": ("<1@example.org>",),
    "conversation": ("<1@example.org>", "<größe@example.org>"),
    "conversation_index": (b"12345", b"12345abcde"),
    "size": (1, 2**31),
    "categories": (("Red",), ("Blue",)),
    "body": (*TEXTS, _HTML),
    "attachments": (
        (Attachment("2", "plan.pdf", 1000, "application/pdf"),),
        (
            Attachment("3", "logo.png", 10, "image/png", "logo@1", True),
            Attachment("4", "m.eml", 10, "message/rfc822"),
        ),
    ),
    "meeting": _MEETINGS,
    "add_attachments": ((Upload("1", "a.txt", b"text", "text/plain"),),),
    "remove_attachments": (("2",),),
    "send": (True,),
}

_CALENDAR: Final[Mapping[str, Sequence[Any]]] = {
    "subject": LINES,
    "location": LINES,
    "body": TEXTS,
    "start": (START, START + timedelta(days=200)),
    "end": (START + timedelta(minutes=30), START + timedelta(days=3)),
    "all_day": (True, False),
    "time_zone": ("Europe/Berlin", "America/New_York", "Asia/Kolkata", "UTC"),
    "uid": ("040000008200E00074C5B7101A82E008", "uid-1@example.org"),
    "modified": (START,),
    "recurrence": _RULES,
    "exceptions": (
        (Occurrence(START + timedelta(days=1), deleted=True),),
        (
            Occurrence(
                START + timedelta(days=2),
                fields={
                    "subject": "moved",
                    "start": START + timedelta(days=2, hours=1),
                    "end": START + timedelta(days=2, hours=2),
                },
            ),
        ),
    ),
    "organizer": (Address("berta@example.org", "Berta Beispiel"),),
    "organized": (True, False),
    "attendees": (
        (Attendee("berta@example.org", "Berta Beispiel"),),
        (
            Attendee("zoe@example.com", "Zoë Quist", AttendeeRole.OPTIONAL, Reply.ACCEPTED),
            Attendee("room@example.org", "Room", AttendeeRole.RESOURCE),
        ),
    ),
    "reply": tuple(Reply),
    "cancelled": (True,),
    "reminder": (0, 15, 1440),
    "busy": tuple(Busy),
    "sensitivity": tuple(Sensitivity),
    "categories": WORDS,
    "attachments": ((Attachment("5", "agenda.txt", 100, "text/plain"),),),
    "add_attachments": ((Upload("1", "a.txt", b"text", "text/plain"),),),
    "remove_attachments": (("5",),),
}

_TASK: Final[Mapping[str, Sequence[Any]]] = {
    "subject": LINES,
    "body": TEXTS,
    "start": (date(2024, 2, 29), date(2031, 3, 30)),
    "due": (date(2031, 4, 1), date(2031, 12, 31)),
    "complete": (True, False),
    "completed": (datetime(2024, 3, 1, 12, 0, tzinfo=UTC),),
    "importance": (0, 1, 2),
    "sensitivity": tuple(Sensitivity),
    "reminder": (START,),
    "recurrence": _RULES,
    "categories": WORDS,
}

_NOTE: Final[Mapping[str, Sequence[Any]]] = {
    "subject": LINES,
    "body": TEXTS,
    "modified": (START,),
    "categories": WORDS,
}

SAMPLES: Final[Mapping[ContentType, Mapping[str, Sequence[Any]]]] = {
    ContentType.CONTACTS: _CONTACT,
    ContentType.MAIL: _MAIL,
    ContentType.CALENDAR: _CALENDAR,
    ContentType.TASKS: _TASK,
    ContentType.NOTES: _NOTE,
}

_TIMES: Final = {"start": START, "end": START + timedelta(hours=1)}
BASE: Final[Mapping[ContentType, Mapping[str, Any]]] = {
    ContentType.CONTACTS: {"display_name": "Somebody"},
    ContentType.MAIL: {"from": (Address("x@example.org", "X"),), "received": START - timedelta(days=1)},
    ContentType.CALENDAR: {
        **_TIMES,
        "time_zone": "Europe/Berlin",
        "uid": "uid-0",
        "modified": START - timedelta(days=1),
    },
    ContentType.TASKS: {"subject": "Something"},
    ContentType.NOTES: {"subject": "Something", "modified": START - timedelta(days=1)},
}
"""What an item needs besides, to be one at all."""

NEEDED: Final[Mapping[tuple[ContentType, str], Mapping[str, Any]]] = {
    (ContentType.CALENDAR, "exceptions"): {"recurrence": Recurrence(Pattern.DAILY)},
    (ContentType.CALENDAR, "all_day"): {
        "start": datetime(2031, 3, 28, tzinfo=UTC),
        "end": datetime(2031, 3, 29, tzinfo=UTC),
    },
    (ContentType.CALENDAR, "organizer"): {"attendees": (Attendee("anton@example.org", "Anton"),)},
    (ContentType.CALENDAR, "organized"): {"attendees": (Attendee("anton@example.org", "Anton"),)},
    (ContentType.CALENDAR, "reply"): {
        "attendees": (Attendee("anton@example.org", "Anton"),),
        "organized": False,
    },
    (ContentType.CALENDAR, "attendees"): {
        "organizer": Address("anton@example.org", "Anton"),
        "organized": True,
    },
    (ContentType.CALENDAR, "cancelled"): {"attendees": (Attendee("anton@example.org", "Anton"),)},
    (ContentType.TASKS, "recurrence"): {"start": date(2031, 3, 28), "due": date(2031, 3, 28)},
    (ContentType.TASKS, "completed"): {"complete": True},
    (ContentType.MAIL, "bcc"): {"draft": True},
}
"""What a field means nothing without."""


def missing() -> list[str]:
    """Fields without a sample."""
    return [
        f"{content}.{field}"
        for content, fields in FIELDS.items()
        for field in fields
        if field not in SAMPLES[content]
    ]
