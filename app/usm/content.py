"""The kinds of content and their fields: the vocabulary between a data source and a protocol.

A data source maps its columns to these names (``app/ox/mapping``), a protocol maps these names to its tags
(``app/eas/schema``); neither sees the other. Values have exactly the type named here; an absent field has no value.

======================  ==========================================================================
``str``                 text without control characters other than line feed and tab
``bool``, ``int``
``date``                :class:`datetime.date`: a day without a time zone
``datetime``            :class:`datetime.datetime` in UTC
``tuple[str]``          texts in order
``tuple[Address]``      mail addresses in order
``Body``                :class:`app.usm.model.Body`
``tuple[Attachment]``   :class:`app.usm.model.Attachment` in order
``tuple[Attendee]``     :class:`Attendee` in order
``Recurrence``          :class:`Recurrence`
``tuple[Occurrence]``   :class:`Occurrence`, the earliest first
``bytes``               a picture (JPEG, PNG, GIF), or what the field's own words say
======================  ==========================================================================

Of an appointment that lasts whole days, ``start`` and ``end`` are midnights in UTC that stand for days: the end is the
day after the last one, and no time zone moves either. Weekdays are numbered as Python does: 0 Monday to 6 Sunday.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final

from app.usm.model import Attachment, Body, ContentType
from app.usm.pieces import Pieces, Stored, digest


@dataclass(frozen=True, slots=True)
class Address:
    """A mail address with the name of its owner, ``""`` where it has none."""

    mail: str
    name: str = ""


class AttendeeRole(StrEnum):
    """What an attendee is to a meeting."""

    REQUIRED = "required"
    OPTIONAL = "optional"
    RESOURCE = "resource"
    UNSAID = "unsaid"
    """Of one whom a device names without a role: he stays what he was, and is required if he is new. No source has
    such."""


class Reply(StrEnum):
    """What an attendee has answered to an invitation."""

    NONE = "none"
    ACCEPTED = "accepted"
    TENTATIVE = "tentative"
    DECLINED = "declined"


@dataclass(frozen=True, slots=True)
class Attendee:
    """Somebody, or a room, invited to a meeting. ``comment``: what came with the reply."""

    mail: str
    name: str = ""
    role: AttendeeRole = AttendeeRole.REQUIRED
    reply: Reply = Reply.NONE
    comment: str = ""


class Busy(StrEnum):
    """How others see the time of an appointment."""

    FREE = "free"
    TENTATIVE = "tentative"
    BUSY = "busy"
    AWAY = "away"
    ELSEWHERE = "elsewhere"


class Sensitivity(StrEnum):
    """Who may see what an item is about."""

    NORMAL = "normal"
    PERSONAL = "personal"
    PRIVATE = "private"
    CONFIDENTIAL = "confidential"


class Pattern(StrEnum):
    """How a series repeats."""

    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY_BY_DAY = "monthly by day"
    """On day ``day`` of the month."""
    MONTHLY_BY_WEEKDAY = "monthly by weekday"
    """On week ``week``'s ``weekdays`` of the month."""
    YEARLY_BY_DAY = "yearly by day"
    YEARLY_BY_WEEKDAY = "yearly by weekday"


LAST: Final = 5
"""As ``week`` of a :class:`Recurrence`: the last one of the month."""


@dataclass(frozen=True, slots=True)
class Recurrence:
    """The rule of a series. It ends after ``count`` occurrences, or with the last one that begins on ``until`` (a day
    where the series lives), or never. ``week``: 1 to 4, or :data:`LAST`. Several ``weekdays`` of a week of the month
    mean the nth day that is any of them. ``first_weekday``: when the weeks of a weekly rule begin, ``None`` for Monday.
    ``regenerate``: a task whose next occurrence begins when this one is done.
    """

    pattern: Pattern
    interval: int = 1
    weekdays: tuple[int, ...] = ()
    day: int = 0
    week: int = 0
    month: int = 0
    count: int | None = None
    until: date | None = None
    first_weekday: int | None = None
    regenerate: bool = False


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One occurrence of a series that is not as the rule makes it. ``original``: when the rule lets it begin.
    ``fields``: those in which it differs from the series, ``None`` for one that it lacks."""

    original: datetime
    deleted: bool = False
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that a device adds to an item. ``client_id``: the device's name for it; ``data``: its bytes, or where a
    large one lies."""

    client_id: str
    name: str
    data: bytes | Stored = field(repr=False)
    content_type: str = "application/octet-stream"
    content_id: str | None = None
    inline: bool = False

    @property
    def digest(self) -> str:
        """32 hexadecimal digits that differ where the bytes differ."""
        return digest(Pieces((self.data,)))


class MeetingMessage(StrEnum):
    """What a message about a meeting wants."""

    REQUEST = "request"
    CANCELLATION = "cancellation"
    ACCEPTED = "accepted"
    TENTATIVE = "tentative"
    DECLINED = "declined"
    PROPOSAL = "proposal"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Meeting:
    """What a message tells of a meeting. ``fields``: some of :data:`CALENDAR_FIELDS`. ``occurrence``: when the series
    lets the one occurrence begin that it is about, ``None`` for a whole series or a single meeting. ``fixed``: the
    organizer wants no other time proposed; ``updated``: it is not the first that he sends of this meeting;
    ``proposed``: beginning and end that would suit the sender better."""

    message: MeetingMessage
    uid: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    occurrence: datetime | None = None
    fixed: bool = False
    updated: bool = False
    proposed: tuple[datetime, datetime] | None = None


ADDRESS_PARTS: Final = ("street", "city", "state", "postal_code", "country")
"""The parts of a postal address; the field is named ``<home|business|other>_<part>``."""

CONTACT_FIELDS: Final[Mapping[str, type]] = {
    "display_name": str,
    "file_as": str,
    "title": str,
    "first_name": str,
    "middle_name": str,
    "last_name": str,
    "suffix": str,
    "nickname": str,
    "yomi_first_name": str,
    "yomi_last_name": str,
    "yomi_company": str,
    "company": str,
    "department": str,
    "job_title": str,
    "office": str,
    "manager": str,
    "assistant": str,
    "spouse": str,
    "children": tuple,
    "birthday": date,
    "anniversary": date,
    "email1": str,
    "email2": str,
    "email3": str,
    "im1": str,
    "im2": str,
    "im3": str,
    "web_page": str,
    "mobile_phone": str,
    "home_phone": str,
    "home_phone2": str,
    "home_fax": str,
    "business_phone": str,
    "business_phone2": str,
    "business_fax": str,
    "car_phone": str,
    "pager": str,
    "radio_phone": str,
    "assistant_phone": str,
    "company_phone": str,
    **{f"{place}_{part}": str for place in ("home", "business", "other") for part in ADDRESS_PARTS},
    "customer_id": str,
    "government_id": str,
    "account_name": str,
    "mms": str,
    "note": Body,
    "categories": tuple,
    "picture": bytes,
}
"""A person or company. ``email1`` to ``email3`` hold the bare address."""

MAIL_FIELDS: Final[Mapping[str, type]] = {
    "subject": str,
    "sender": tuple,
    "from": tuple,
    "to": tuple,
    "cc": tuple,
    "bcc": tuple,
    "hidden": bool,
    "reply_to": tuple,
    "received": datetime,
    "importance": int,
    "read": bool,
    "flagged": bool,
    "answered": bool,
    "forwarded": bool,
    "draft": bool,
    "message_id": str,
    "conversation": str,
    "conversation_index": bytes,
    "size": int,
    "categories": tuple,
    "body": Body,
    "attachments": tuple,
    "signed": bool,
    "encrypted": bool,
    "meeting": Meeting,
    "add_attachments": tuple,
    "remove_attachments": tuple,
    "send": bool,
}
"""A message. Address fields hold ``tuple[Address]``; ``importance`` is 0 low, 1 normal, 2 high; ``size`` is in
bytes. ``conversation`` is the same text for all messages of a conversation, and for no other; ``conversation_index``
tells its place in it, 5 bytes of its time and 5 more for each answer (MS-ASCON 2.2.2.4). ``hidden``: it came to the
user without naming him among those whom all see. A device may change ``read``,
``flagged`` and ``categories``; of a draft also ``to``, ``cc``, ``bcc``, ``reply_to``, ``subject``, ``importance`` and
``body``. ``add_attachments`` (``tuple[Upload]``), ``remove_attachments`` (ids) and ``send`` (the draft goes out now,
and is none any more) are only ever written."""

CALENDAR_FIELDS: Final[Mapping[str, type]] = {
    "subject": str,
    "location": str,
    "body": Body,
    "start": datetime,
    "end": datetime,
    "all_day": bool,
    "time_zone": str,
    "uid": str,
    "modified": datetime,
    "recurrence": Recurrence,
    "exceptions": tuple,
    "organizer": Address,
    "organized": bool,
    "attendees": tuple,
    "reply": Reply,
    "cancelled": bool,
    "reminder": int,
    "busy": Busy,
    "sensitivity": Sensitivity,
    "categories": tuple,
    "attachments": tuple,
    "add_attachments": tuple,
    "remove_attachments": tuple,
}
"""An appointment or a series of them. ``time_zone``: the IANA name of where the series lives, absent where it is not
known; a device can often not tell zones of the same rules apart, so a source keeps the one it has where both tell the
same time; ``exceptions`` holds ``tuple[Occurrence]``; ``organized``: by the user; ``reply``: the user's own;
``reminder``: minutes before the start. Attachments are written as those of a message."""

TASK_FIELDS: Final[Mapping[str, type]] = {
    "subject": str,
    "body": Body,
    "start": date,
    "due": date,
    "complete": bool,
    "completed": datetime,
    "importance": int,
    "sensitivity": Sensitivity,
    "reminder": datetime,
    "recurrence": Recurrence,
    "categories": tuple,
}
"""Something to be done. ``importance`` as of a message; ``completed``: when it was."""

NOTE_FIELDS: Final[Mapping[str, type]] = {
    "subject": str,
    "body": Body,
    "modified": datetime,
    "categories": tuple,
}
"""A note."""

FIELDS: Final[Mapping[ContentType, Mapping[str, type]]] = {
    ContentType.CONTACTS: CONTACT_FIELDS,
    ContentType.MAIL: MAIL_FIELDS,
    ContentType.CALENDAR: CALENDAR_FIELDS,
    ContentType.TASKS: TASK_FIELDS,
    ContentType.NOTES: NOTE_FIELDS,
}
"""The fields of each content type that can be synchronised."""

__all__ = [
    "ADDRESS_PARTS",
    "CALENDAR_FIELDS",
    "CONTACT_FIELDS",
    "FIELDS",
    "LAST",
    "MAIL_FIELDS",
    "NOTE_FIELDS",
    "TASK_FIELDS",
    "Address",
    "Attachment",
    "Attendee",
    "AttendeeRole",
    "Body",
    "Busy",
    "Meeting",
    "MeetingMessage",
    "Occurrence",
    "Pattern",
    "Recurrence",
    "Reply",
    "Sensitivity",
    "Upload",
]
