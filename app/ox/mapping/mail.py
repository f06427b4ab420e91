"""Messages: what OX's ``get`` tells and USM fields (``facts``: HTTP API sections 8.3, 8.4 and 8.6).

Mail comes from anywhere: whatever is missing or malformed makes its field absent, never the message unreadable.

Categories are OX's colour labels: a message has one of ten or none, and OX's interface calls them by their colours.
So a device sees at most one category, and of those it sets the first that names a colour counts. Any other category
has no place in OX; the device gets the message back as it is. Other user flags are no labels, and stay as they are.
"""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from app.ox.mapping import conversation, values
from app.usm import charsets
from app.usm.content import Address
from app.usm.letters import addresses
from app.usm.model import Attachment, Body, BodyKind

ID: Final = 600
RECEIVED: Final = 610
FLAGS: Final = 611
COLOR: Final = 102

ANSWERED, DELETED, DRAFT, FLAGGED, SEEN, FORWARDED = 1, 2, 4, 8, 32, 256
TOLD: Final = ANSWERED | DRAFT | FLAGGED | SEEN | FORWARDED
"""The flags that a device must hear of."""

WRITABLE: Final[Mapping[str, int]] = {"read": SEEN, "flagged": FLAGGED}
"""The fields of any message that a device may change, and their flags; ``categories`` as well."""

COLORS: Final[Mapping[int, str]] = {
    1: "Red",
    2: "Blue",
    3: "Green",
    4: "Gray",
    5: "Purple",
    6: "Light green",
    7: "Orange",
    8: "Pink",
    9: "Light blue",
    10: "Yellow",
}
"""Colour label → category."""

NO_COLOR: Final = 0

_NUMBERS: Final[Mapping[str, int]] = {
    **{name.casefold(): number for number, name in COLORS.items()},
    "grey": 4,
}
_CATEGORY: Final = re.compile(r"\s+category$", re.IGNORECASE)
"""Outlook calls its own colours "Red Category" and so on."""

_RECIPIENT: Final = ("x-original-to", "envelope-to", "x-envelope-to")
"""Where mail servers (Postfix, Exim, Sendmail) note for whom a message came, before aliases are resolved."""
_SHARED: Final = frozenset(("list-id", "list-post", "list-unsubscribe", "resent-to", "resent-from"))
_PRECEDENCES: Final = ("list", "bulk", "junk")

_FLAG_FIELDS: Final[Mapping[str, int]] = {
    **WRITABLE,
    "answered": ANSWERED,
    "forwarded": FORWARDED,
    "draft": DRAFT,
}
_ADDRESS_FIELDS: Final = ("from", "to", "cc", "bcc")
_HEADER_ADDRESSES: Final[Mapping[str, str]] = {"reply_to": "reply-to", "sender": "sender"}

_Part = Mapping[str, Any]


def has_flag(flags: Any, bit: int) -> bool:
    """Whether OX's flags have this one."""
    return isinstance(flags, int) and bool(flags & bit)


def stamp(flags: Any, color: Any = None) -> str:
    """The stamp of a message: a message never changes, but its flags and its colour do."""
    bits = str((flags if isinstance(flags, int) else 0) & TOLD)
    return f"{bits}.{color}" if color in COLORS else bits


def marks(stamp: str) -> tuple[int, int]:
    """The flags and the colour that a stamp stands for."""
    flags, _, color = stamp.partition(".")
    return int(flags) if flags.isdecimal() else 0, int(color) if color.isdecimal() else NO_COLOR


def difference(before: str, after: str) -> Mapping[str, Any] | None:
    """The fields in which messages of these stamps differ, ``None`` where one of them is no mark that a person sets:
    then more may be new than the stamps tell."""
    (old, old_color), (new, new_color) = marks(before), marks(after)
    differing = old ^ new
    if differing & ~sum(WRITABLE.values()):
        return None
    found: dict[str, Any] = {field: bool(new & bit) for field, bit in WRITABLE.items() if differing & bit}
    return found if old_color == new_color else {**found, "categories": category(new_color)}


def category(color: Any) -> tuple[str, ...] | None:
    """The categories of a message of this colour."""
    name = COLORS.get(color) if isinstance(color, int) else None
    return (name,) if name else None


def color(categories: Sequence[str]) -> int:
    """The colour that these categories come down to."""
    named = (_NUMBERS.get(_CATEGORY.sub("", name.strip()).casefold()) for name in categories)
    return next((number for number in named if number), NO_COLOR)


def fields_of(
    message: Mapping[str, Any], bodies: Sequence[BodyKind], most_attachments: int
) -> dict[str, Any]:
    """The fields of a message but the body as MIME. ``bodies``: the wanted forms, best first."""
    headers = _headers(message)
    flags = message.get("flags")
    flags = flags if isinstance(flags, int) else 0
    found: dict[str, Any] = {
        "subject": values.line(message.get("subject")),
        "received": values.instant(message.get("received_date")) or values.instant(message.get("sent_date")),
        "importance": _importance(message.get("priority")),
        **_conversation(message, headers),
        "size": message.get("size") if isinstance(message.get("size"), int) else None,
        "categories": category(message.get("color_label")),
        "attachments": tuple(_attachments(message))[:most_attachments] or None,
        "body": _body(message, bodies),
        **{field: _addresses(message.get(field)) for field in _ADDRESS_FIELDS},
        **{field: _parsed(headers.get(name)) for field, name in _HEADER_ADDRESSES.items()},
        **{field: bool(flags & bit) for field, bit in _FLAG_FIELDS.items()},
        **_protection(message, headers),
    }
    found["hidden"] = _is_hidden(found, headers) or None
    return {field: value for field, value in found.items() if value is not None}


def _conversation(message: Mapping[str, Any], headers: Mapping[str, str]) -> dict[str, Any]:
    message_id = values.line(message.get("message_id") or headers.get("message-id"))
    moment = values.instant(message.get("sent_date")) or values.instant(message.get("received_date"))
    return {
        "message_id": message_id,
        "conversation": conversation.name(message_id, headers.get("references"), headers.get("in-reply-to")),
        "conversation_index": conversation.index(headers.get("thread-index"), moment),
    }


def _headers(message: Mapping[str, Any]) -> dict[str, str]:
    """Header name in small letters → its value; of several of one name the first."""
    headers = message.get("headers")
    if not isinstance(headers, dict):
        return {}
    firsts = (
        (name, value[0] if isinstance(value, list) else value) for name, value in headers.items() if value
    )
    return {str(name).lower(): str(value) for name, value in firsts if value}


def _is_hidden(found: Mapping[str, Any], headers: Mapping[str, str]) -> bool:
    """Whether the message names its recipient, as the mail server has noted him, neither in To nor in Cc. What lists
    and redirections bring is no hidden copy, and where nothing is noted nobody knows."""
    noted = next((headers[name] for name in _RECIPIENT if name in headers), "")
    mail = next((mail.casefold() for _, mail in addresses(noted)), "")
    shared = _SHARED & headers.keys() or headers.get("precedence", "").strip().lower() in _PRECEDENCES
    if "@" not in mail or shared or found["draft"]:
        return False
    named = (*(found["to"] or ()), *(found["cc"] or ()))
    return mail not in {address.mail.casefold() for address in named}


def _importance(priority: Any) -> int:
    """1 very high … 5 very low, 0 and 3 normal → 2, 1, 0."""
    if priority in (1, 2):
        return 2
    return 0 if priority in (4, 5) else 1


def _addresses(pairs: Any) -> tuple[Address, ...] | None:
    """``[[name or null, address], …]``; an address without a name may have its own in its place."""
    found = []
    for pair in pairs if isinstance(pairs, list) else ():
        if isinstance(pair, list) and len(pair) == 2:
            mail = values.line(pair[1]) or ""
            name = (values.line(pair[0]) or "").strip("\"'")
            if mail or name:
                found.append(Address(mail, "" if name == mail else name))
    return tuple(found) or None


def _parsed(header: str | None) -> tuple[Address, ...] | None:
    """The addresses of a header as it stood in the message; names are decoded after they are told apart."""
    pairs = addresses(values.line(header) or "") if header else []
    return (
        tuple(Address(mail, values.line(charsets.decode_words(name)) or "") for name, mail in pairs if mail)
        or None
    )


def _protection(message: Mapping[str, Any], headers: Mapping[str, str]) -> dict[str, bool]:
    content_type = str(message.get("content_type") or headers.get("content-type") or "").lower()
    opaque = "pkcs7-mime" in content_type
    signed = content_type.startswith("multipart/signed") or (opaque and "signed-data" in content_type)
    encrypted = content_type.startswith("multipart/encrypted") or (opaque and not signed)
    return {"signed": signed, "encrypted": encrypted}


# -- parts ---------------------------------------------------------------------------------------------------


def _parts(message: Mapping[str, Any], name: str) -> list[_Part]:
    parts = message.get(name)
    return [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []


def _type(part: _Part) -> str:
    return str(part.get("content_type") or "").split(";")[0].strip().lower()


def _is_body(part: _Part) -> bool:
    """Text without a file name that is not an attachment: the body, another form of it, or a part of it."""
    return (
        _type(part) in ("text/plain", "text/html", "text/enriched")
        and not part.get("filename")
        and str(part.get("disp") or "").lower() != "attachment"
    )


def _texts(message: Mapping[str, Any], content_type: str) -> str | None:
    """The bodies of one type, put together: a list's footer, for example, is a part of its own."""
    pieces = [
        str(part["content"])
        for part in _parts(message, "attachments")
        if _is_body(part) and _type(part) == content_type and part.get("content") is not None
    ]
    glue = "<hr>" if content_type == "text/html" else "\n"
    return values.clean(glue.join(pieces)) if pieces else None


def _body(message: Mapping[str, Any], bodies: Sequence[BodyKind]) -> Body:
    """The body in the first of the wanted forms that OX gives, else in the form it has: to convert is the protocol's
    business. ``native`` tells the form that the message was written in."""
    texts = {BodyKind.HTML: _texts(message, "text/html"), BodyKind.TEXT: _texts(message, "text/plain")}
    native = (
        BodyKind.HTML if texts[BodyKind.HTML] is not None or _converted(message, bodies) else BodyKind.TEXT
    )
    for kind in (*bodies, BodyKind.TEXT, BodyKind.HTML):
        text = texts.get(kind)
        if text is not None:
            return Body(kind, text, native=native)
    return Body(BodyKind.TEXT, native=native)


def _converted(message: Mapping[str, Any], bodies: Sequence[BodyKind]) -> bool:
    """Whether OX was asked for text alone and may have made it from HTML: a guess by the type of the message."""
    rich = _type(message) in ("text/html", "multipart/alternative", "multipart/related")
    return rich and next((kind for kind in bodies if kind is not BodyKind.MIME), None) is not BodyKind.HTML


def parts(message: Mapping[str, Any]) -> list[_Part]:
    """The parts that OX tells of, as it tells of them."""
    return _parts(message, "attachments")


def _attachments(message: Mapping[str, Any]) -> Iterator[Attachment]:
    """Files, then messages within the message as ``.eml`` files. Ids are those that OX's ``attachment`` takes."""
    nested = _parts(message, "nested_msgs")
    inside = {str(part.get("id")) for part in nested}
    for part in _parts(message, "attachments"):
        if not _is_body(part) and part.get("id") is not None and str(part["id"]) not in inside:
            yield _attachment(part)
    for part in nested:
        if part.get("id") is not None:
            name = values.line(part.get("subject")) or "message"
            yield Attachment(str(part["id"]), f"{name}.eml", _size(part), "message/rfc822")


def _attachment(part: _Part) -> Attachment:
    content_type = _type(part) or "application/octet-stream"
    cid = (values.line(part.get("cid")) or "").strip("<>") or None
    inline = cid is not None and str(part.get("disp") or "").lower() == "inline"
    name = values.line(part.get("filename"))
    if name is None:
        name = f"attachment-{part['id']}{mimetypes.guess_extension(content_type) or ''}"
    return Attachment(str(part["id"]), name, _size(part), content_type, cid, inline)


def _size(part: _Part) -> int:
    size = part.get("size")
    return max(size, 0) if isinstance(size, int) else 0
