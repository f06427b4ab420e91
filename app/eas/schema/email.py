"""Mail to the device, and its marks back (MS-ASEMAIL 2.2.2).

What no row can say:

* ``From``, ``DateReceived``, ``Importance``, ``Read`` and ``Flag`` are always there: devices show nonsense or
  errors without them (quirks 27, 28, 51). An address without a name has itself as its name (quirk 29).
* ``To`` and ``Cc`` end between two addresses before they get too long.
* Of a message that the device holds only the marks that differ are sent: Read, Flag, Categories (MS-ASEMAIL 3.2.5.4.1).
  Categories that were taken off are an empty tag there, or the device would keep them.
* From a device come ``Read``, ``Flag`` and ``Categories`` only; an empty Flag takes the flag away. A Flag's dates and
  its "complete" have no place in the source: a completed flag is none.
* From 16.0 on a device also writes drafts: addresses, Subject, Importance, Body and Attachments, and ``Send`` once it
  is done (MS-ASEMAIL 2.2.2.66). What it leaves out of a change stays as it is; an empty tag empties. A Body may be a
  whole message (iOS), of which the header counts where no tag says otherwise. Addresses come with commas or, from
  Android, semicolons between them (quirk 49).
* A message about a meeting has the class, and the MeetingRequest, of what it wants.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, Final

from app.eas.errors import ConversionError
from app.eas.options import MIME, Options
from app.eas.schema import attachment, body, meeting, table
from app.eas.schema.table import Kind, Row
from app.eas.schema.text import line
from app.eas.versions import Version
from app.usm.content import Address
from app.usm.letters import addresses
from app.usm.model import Body, BodyKind
from app.wbxml.element import Element

MAX_ADDRESSES: Final = 32768
"""Longest To, Cc and From, in characters (MS-ASEMAIL 2.2.2.79)."""
MAX_BCC: Final = 1024

NORMAL: Final = 1
UTF_8: Final = "65001"
CONTENT_CLASS: Final = "urn:content-classes:message"
UNKNOWN_SENDER: Final = Address("unknown@unknown.invalid", "?")
UNKNOWN_DATE: Final = datetime(1970, 1, 1, tzinfo=UTC)
FOLLOW_UP: Final = "for Follow Up"
FLAG_CLEAR, FLAG_COMPLETE, FLAG_ACTIVE = "0", "1", "2"
_FLAG_DATES: Final = ("Tasks:StartDate", "Tasks:DueDate", "Tasks:UtcStartDate", "Tasks:UtcDueDate")
REPLIED, FORWARDED = "1", "3"
"""LastVerbExecuted (MS-ASEMAIL 2.2.2.43)."""
SEND: Final = "Email2:Send"
CONVERSATIONS: Final = Version.V14_0
"""From here on a message tells its conversation."""
DRAFTS: Final = Version.V16_0
"""From here on devices write drafts."""
MAX_RECIPIENTS: Final = 5000
"""Addresses of one field that are read."""

_SUBJECT_PREFIX: Final = re.compile(
    r"^(?:\s*(?:re|fwd?|aw|wg|sv|vs|tr|antw)\s*(?:\[\d+\]\s*)?:)+\s*", re.IGNORECASE
)
_SPECIAL: Final = re.compile(r'(["\\])')


def mailbox(address: Address) -> str:
    """``"Name" <address>`` (RFC 5322 3.4); the address stands in for a missing name."""
    mail, name = line(address.mail), line(address.name)
    quoted = _SPECIAL.sub(r"\\\1", name or mail)
    return f'"{quoted}" <{mail}>' if mail else f'"{quoted}"'


def _joined(addresses: Sequence[Address], longest: int) -> str:
    """The addresses that fit, and of the first at least its beginning."""
    text = mailbox(addresses[0])[:longest] if addresses else ""
    for address in addresses[1:]:
        more = f"{text}, {mailbox(address)}"
        if len(more) > longest:
            break
        text = more
    return text


def _never(element: Element) -> Any:
    raise ConversionError(f"{element.name} cannot be changed by a device")


def _addresses(longest: int) -> Kind:
    def write(tag: str, value: Sequence[Address]) -> Element | None:
        text = _joined(value, longest)
        return Element(tag, text) if text else None

    return Kind(write, _never)


def _write_line(tag: str, value: str) -> Element | None:
    text = line(value)
    return Element(tag, text) if text else None


def _write_names(tag: str, value: Sequence[Address]) -> Element | None:
    text = "; ".join(line(address.name) or line(address.mail) for address in value)
    return Element(tag, text[:MAX_ADDRESSES]) if text else None


def _write_topic(tag: str, value: str) -> Element | None:
    return _write_line(tag, _SUBJECT_PREFIX.sub("", line(value)))


def _read_flag(element: Element) -> bool:
    status = (element.text_of("Email:Status") or FLAG_CLEAR).strip()
    if status not in (FLAG_CLEAR, FLAG_COMPLETE, FLAG_ACTIVE):
        raise ConversionError(f"Flag status {status[:20]!r} is none of 0, 1, 2")
    if status == FLAG_ACTIVE:
        _check_dates(element)
    return status == FLAG_ACTIVE


def _check_dates(flag: Element) -> None:
    """The dates of a flag have no place in the source, and yet must make sense: all four or none, the end not before
    the beginning, and a reminder at some time (MS-ASEMAIL 2.2.2.31, 2.2.2.65)."""
    if (flag.text_of("Tasks:ReminderSet") or "").strip() == "1" and not flag.text_of("Tasks:ReminderTime"):
        raise ConversionError("a flag reminds, and does not say when")
    texts = {tag: (flag.text_of(tag) or "").strip() for tag in _FLAG_DATES}
    if not any(texts.values()):
        return
    if not all(texts.values()):
        raise ConversionError("a flag has some of its four dates, and not the others")
    start, due, utc_start, utc_due = map(table.parse_moment, texts.values())
    if due < start or utc_due < utc_start:
        raise ConversionError("what a flag reminds of is due before it begins")


def _write_flag(tag: str, value: bool) -> Element:
    children = [Element("Email:Status", FLAG_ACTIVE), Element("Email:FlagType", FOLLOW_UP)] if value else []
    return Element(tag, children=children)


def _write_boolean(tag: str, value: bool) -> Element:
    return Element(tag, "1" if value else "0")


def _read_boolean(element: Element) -> bool:
    text = element.text.strip()
    if text not in ("0", "1"):
        raise ConversionError(f"{element.name} is {text[:20]!r}, not 0 or 1")
    return text == "1"


def _read_categories(element: Element) -> tuple[str, ...]:
    return _CATEGORIES.read(element) or ()


_CATEGORIES: Final = table.texts("Email:Category")
_LINE: Final = Kind(_write_line, _never)
_NUMBER: Final = Kind(lambda tag, value: Element(tag, str(value)), _never)
_MOMENT: Final = Kind(lambda tag, value: Element(tag, table.moment_text(value)), _never)
_BOOLEAN: Final = Kind(_write_boolean, _never)
_TRUE: Final = Kind(lambda tag, value: _write_boolean(tag, True) if value else None, _never)

ROWS: Final[Sequence[Row]] = (
    Row("Email:To", "to", _addresses(MAX_ADDRESSES)),
    Row("Email:Cc", "cc", _addresses(MAX_ADDRESSES)),
    Row("Email:From", "from", _addresses(MAX_ADDRESSES)),
    Row("Email:Subject", "subject", _LINE),
    Row("Email:ReplyTo", "reply_to", _addresses(MAX_ADDRESSES)),
    Row("Email:DateReceived", "received", _MOMENT),
    Row("Email:DisplayTo", "to", Kind(_write_names, _never)),
    Row("Email:ThreadTopic", "subject", Kind(_write_topic, _never)),
    Row("Email:Importance", "importance", _NUMBER),
    Row("Email:Read", "read", Kind(_write_boolean, _read_boolean)),
    Row("Email:Flag", "flagged", Kind(_write_flag, _read_flag), since=Version.V12_0),
    Row("Email:Categories", "categories", Kind(_CATEGORIES.write, _read_categories), since=Version.V14_0),
    Row("Email2:Sender", "sender", _addresses(MAX_ADDRESSES), since=Version.V14_0),
    Row("Email2:ReceivedAsBcc", "hidden", _TRUE, since=Version.V14_0),
    Row("Email2:IsDraft", "draft", _BOOLEAN, since=Version.V16_0),
)
BY_TAG: Final = table.by_tag(ROWS)
_UNMARKED: Final[Mapping[str, Any]] = {"read": False, "flagged": False, "categories": ()}
_MARKS: Final = [row for row in ROWS if row.field in _UNMARKED]
BCC: Final = Row("Email2:Bcc", "bcc", _addresses(MAX_BCC), since=Version.V16_0)


def render(fields: Mapping[str, Any], options: Options, version: Version, server_id: str) -> list[Element]:
    """The children of ApplicationData for the device. ``server_id``: the message's, for its attachments' names."""
    signed, encrypted = bool(fields.get("signed")), bool(fields.get("encrypted"))
    text = fields.get("body") or Body(BodyKind.TEXT)
    rows = [*ROWS, BCC] if fields.get("draft") else ROWS
    return [
        *table.write(rows, _completed(fields), version),
        Element("Email:MessageClass", _class(fields, signed, encrypted)),
        *_meeting(fields, version),
        *_last_verb(fields, version),
        *conversation(fields, version, server_id),
        *attachment.render(fields.get("attachments") or (), server_id, version),
        *body.elements(text, options, version, body.EMAIL, whole=signed or encrypted),
        *body.part(text, options, version),
        Element("Email:InternetCPID", UTF_8),
        *_content_class(fields, version),
    ]


def render_marks(fields: Mapping[str, Any], version: Version) -> list[Element]:
    """The children of ApplicationData for a message of which these marks have changed, ``None`` for one that was taken
    off; none where the version knows nothing of them."""
    return [
        row.kind.write(row.tag, fields[row.field] or _UNMARKED[row.field]) or Element(row.tag)
        for row in _MARKS
        if row.field in fields and row.since <= version
    ]


def _completed(fields: Mapping[str, Any]) -> dict[str, Any]:
    """With everything that must be there."""
    complete = {
        "received": UNKNOWN_DATE,
        "importance": NORMAL,
        "read": False,
        "flagged": False,
        **{name: value for name, value in fields.items() if value is not None},
    }
    # Only a sender that differs is worth a tag: it means "on behalf of".
    senders = complete.pop("sender", ())
    if not complete.get("from"):
        complete["from"] = senders or (UNKNOWN_SENDER,)
    elif senders and senders != complete["from"]:
        complete["sender"] = senders
    return complete


def message_class(signed: bool, encrypted: bool) -> str:
    """MessageClass (MS-ASEMAIL 2.2.2.49)."""
    if encrypted:
        return "IPM.Note.SMIME"
    return "IPM.Note.SMIME.MultipartSigned" if signed else "IPM.Note"


def _about(fields: Mapping[str, Any]) -> str | None:
    """The class of a mail about a meeting, ``None`` for any other."""
    return meeting.message_class(fields.get("meeting"))


def _class(fields: Mapping[str, Any], signed: bool, encrypted: bool) -> str:
    return _about(fields) or message_class(signed, encrypted)


def _content_class(fields: Mapping[str, Any], version: Version) -> list[Element]:
    if version < Version.V12_0:
        return []
    return [Element("Email:ContentClass", meeting.CONTENT_CLASS if _about(fields) else CONTENT_CLASS)]


def conversation(fields: Mapping[str, Any], version: Version, server_id: str) -> list[Element]:
    """What tells the conversation of a message; of one without a name, or without a date, it is its own."""
    if version < CONVERSATIONS:
        return []
    name = fields.get("conversation") or server_id
    return [
        Element("Email2:ConversationId", conversation_id(name)),
        Element("Email2:ConversationIndex", fields.get("conversation_index") or bytes(5)),
    ]


def conversation_id(name: str) -> bytes:
    """ConversationId of the conversation with this name, an opaque block of 16 bytes (MS-ASEMAIL 2.2.2.21)."""
    return blake2b(name.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _meeting(fields: Mapping[str, Any], version: Version) -> list[Element]:
    told = fields.get("meeting")
    if told is None:
        return []
    organizer = told.fields.get("organizer")
    return meeting.render(told, "" if organizer is None else mailbox(organizer), version)


def _last_verb(fields: Mapping[str, Any], version: Version) -> list[Element]:
    verb = REPLIED if fields.get("answered") else FORWARDED if fields.get("forwarded") else None
    return [Element("Email2:LastVerbExecuted", verb)] if verb and version >= Version.V14_0 else []


# -- from a device -------------------------------------------------------------------------------------------


def _read_addresses(element: Element) -> tuple[Address, ...]:
    # What lies between quotation marks is a name, whatever it holds.
    pieces = " ".join(element.text.split()).split('"')
    pieces[::2] = [piece.replace(";", ",") for piece in pieces[::2]]
    pairs = addresses('"'.join(pieces))[:MAX_RECIPIENTS]
    return tuple(Address(line(mail), line(name) if name != mail else "") for name, mail in pairs if mail)


def _read_importance(element: Element) -> int:
    text = element.text.strip() or str(NORMAL)
    if text not in ("0", "1", "2"):
        raise ConversionError(f"Importance is {text[:20]!r}, none of 0, 1, 2")
    return int(text)


_DRAFTED: Final[Sequence[Row]] = (
    Row("Email:To", "to", Kind(_write_line, _read_addresses)),
    Row("Email:Cc", "cc", Kind(_write_line, _read_addresses)),
    Row("Email2:Bcc", "bcc", Kind(_write_line, _read_addresses)),
    Row("Email:ReplyTo", "reply_to", Kind(_write_line, _read_addresses)),
    Row("Email:From", "from", Kind(_write_line, _read_addresses)),
    Row("Email:Subject", "subject", Kind(_write_line, lambda element: line(element.text) or None)),
    Row("Email:Importance", "importance", Kind(_write_line, _read_importance)),
)
_DRAFT_BY_TAG: Final = table.by_tag(_DRAFTED)
_IGNORED: Final = frozenset(
    (
        "Email:ContentClass",
        "Email:DateReceived",
        "Email:DisplayTo",
        "Email:InternetCPID",
        "Email:MessageClass",
        "Email:ThreadTopic",
        "AirSyncBase:NativeBodyType",
        "Email2:IsDraft",
    )
)
"""What devices send along with a draft, and what only the server knows."""


def read_new(elements: Sequence[Element], version: Version) -> dict[str, Any]:
    """A draft. Raises ``ConversionError`` where devices write none."""
    if version < DRAFTS:
        raise ConversionError(f"a device of {version.text} cannot add a mail to a folder")
    return _read(elements)


def read_change(elements: Sequence[Element], version: Version) -> dict[str, Any]:
    """The marks that a device sets, and what it does to a draft. Raises ``ConversionError`` for anything else."""
    if version < DRAFTS:
        for element in elements:
            if element.name not in BY_TAG:
                raise ConversionError(f"{element.name} of a mail cannot be changed by a device")
        return table.read(BY_TAG, elements)
    return _read(elements)


def _read(elements: Sequence[Element]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for element in elements:
        if element.name in _IGNORED:
            continue
        if element.name in _DRAFT_BY_TAG:
            row = _DRAFT_BY_TAG[element.name]
            fields[row.field] = row.kind.read(element)
        elif element.name == "AirSyncBase:Body":
            fields.update(_read_body(element))
        elif element.name == attachment.TAG:
            edits = attachment.read(element)
            fields.update({"add_attachments": edits.added} if edits.added else {})
            fields.update({"remove_attachments": edits.removed} if edits.removed else {})
        elif element.name == SEND:
            fields["send"] = True
        elif element.name in BY_TAG:
            row = BY_TAG[element.name]
            fields[row.field] = row.kind.read(element)
        else:
            raise ConversionError(f"{element.name} of a mail cannot be changed by a device")
    return fields


def _read_body(element: Element) -> dict[str, Body | None]:
    """The body if there is one that is new; a whole message as its bytes came."""
    if (element.text_of("AirSyncBase:Type") or "").strip() == str(MIME):
        data = element.find("AirSyncBase:Data")
        if data is None or (element.text_of("AirSyncBase:Truncated") or "").strip() == "1":
            return {}
        raw = data.data
        return {"body": Body(BodyKind.MIME, mime=raw)} if raw.strip() else {}
    try:
        return {"body": body.read(element, rich=True)}
    except LookupError:
        return {}
