"""A draft as a message: what a device wrote, put into the form in which OX keeps it (RFC 5322, RFC 2045).

A draft is composed anew whenever it changes: header fields and the body come from the device where it names them, and
from the draft as it was where it does not; so what a device cannot express (fields of its own, In-Reply-To) stays.
Parts keep their bytes. Everything is ASCII on the wire: OX reads a message that is put there as text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.charset import QP, Charset
from email.encoders import encode_base64
from email.header import Header
from email.message import Message
from email.mime.base import MIMEBase
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.policy import compat32
from email.utils import format_datetime, formataddr
from typing import Any, Final

from app.ox.mapping import values
from app.usm import charsets
from app.usm.content import Address, Upload
from app.usm.letters import addresses, parsed
from app.usm.model import Body, BodyKind
from app.usm.pieces import (
    LEAST,
    Encoded,
    Stored,
    Text,
    is_ascii,
    lighten,
    restore,
    set_aside,
    stored,
)

FIELDS: Final = frozenset(
    (
        "from",
        "to",
        "cc",
        "bcc",
        "reply_to",
        "subject",
        "importance",
        "body",
        "add_attachments",
        "remove_attachments",
    )
)
"""What a device may change of a draft, besides the marks that any message has."""

MARK_HEADER: Final = "X-USM-Created"
"""What a draft was created for: it stays while others write on it, when its Message-ID becomes another one."""

_WRITTEN_ANEW: Final = ("message-id", "date", MARK_HEADER.lower())

_ADDRESSES: Final[Mapping[str, str]] = {
    "from": "From",
    "to": "To",
    "cc": "Cc",
    "bcc": "Bcc",
    "reply_to": "Reply-To",
}
_ADDRESS_HEADERS: Final = frozenset((*(title.lower() for title in _ADDRESSES.values()), "sender"))
_PRIORITIES: Final = {0: ("5", "Low"), 2: ("1", "High")}
_OF_THE_BODY: Final = ("content-type", "content-transfer-encoding", "content-disposition", "mime-version")
_TEXTS: Final = ("text/plain", "text/html")

UTF_8: Final = Charset("utf-8")
UTF_8.body_encoding = QP


@dataclass(slots=True)
class _Parts:
    """A message taken apart: its text, the pictures within the text, and the files; each with OX's id for it."""

    texts: list[Message] = field(default_factory=list)
    inline: list[Message] = field(default_factory=list)
    files: list[Message] = field(default_factory=list)


def numbered(message: Message, prefix: str = "") -> Iterator[tuple[str, Message]]:
    """All parts that hold data, in order, each with the id that OX gives it (``facts``: 8.1)."""
    if message.get_content_maintype() != "multipart" or not message.is_multipart():
        yield prefix or "1", message
        return
    parts: Any = message.get_payload()
    for number, part in enumerate(parts, 1):
        yield from numbered(part, f"{prefix}.{number}" if prefix else str(number))


def compose(
    old: bytes | Stored | None,
    fields: Mapping[str, Any],
    sender: Address | None,
    name: str,
    now: datetime,
    mark: str = "",
) -> Text:
    """The draft. ``old``: as it was, ``None`` for a new one; ``name``: its Message-ID; ``sender``: who wrote it, where
    nothing says so; ``mark``: what it is created for. A draft that goes out has no mark. Large files stay where they
    lie (:mod:`app.usm.pieces`)."""
    body = fields.get("body")
    whole = body.mime if isinstance(body, Body) and body.kind is BodyKind.MIME else None
    light, files = lighten(whole if whole is not None else old or b"")
    held = dict(files)
    base = parsed(light)
    header = list(_headers(base, fields, sender, name, now))
    # That of the draft itself: a whole message may be a copy of another one, or have lost it.
    before = base if whole is None else parsed(lighten(old or b"")[0])
    if (created := mark or before.get(MARK_HEADER)) and not fields.get("send"):
        header.append((MARK_HEADER, str(created)))
    parts = _taken_apart(base, frozenset(fields.get("remove_attachments") or ()))
    if isinstance(body, Body) and whole is None:
        parts.texts = [_text(body)]
    elif "body" in fields and body is None:
        parts.texts = []
    for upload in fields.get("add_attachments") or ():
        (parts.inline if upload.inline and upload.content_id else parts.files).append(_file(upload, held))
    message = _assembled(parts)
    for title, value in header:
        message[title] = value  # type: ignore[assignment]  # a Header is taken as well
    message["MIME-Version"] = "1.0"
    return restore(_written(message), held)


def _headers(
    base: Message, fields: Mapping[str, Any], sender: Address | None, name: str, now: datetime
) -> Iterator[tuple[str, str | Header]]:
    named = {title.lower() for key, title in _ADDRESSES.items() if key in fields}
    named |= {"subject"} if "subject" in fields else set()
    named |= {"x-priority", "importance"} if "importance" in fields else set()
    for title, value in base.items():
        if title.lower() not in (*named, *_OF_THE_BODY, *_WRITTEN_ANEW):
            yield title, value
    for key, title in _ADDRESSES.items():
        if fields.get(key):
            yield title, _mailboxes(fields[key])
    if sender is not None and not fields.get("from") and not base.get("From"):
        yield "From", _mailboxes((sender,))
    if fields.get("subject"):
        yield "Subject", _header(fields["subject"])
    if fields.get("importance") in _PRIORITIES:
        yield from zip(("X-Priority", "Importance"), _PRIORITIES[fields["importance"]], strict=True)
    yield "Date", format_datetime(now)
    yield "Message-ID", name


def _header(text: str) -> str | Header:
    line = values.line(text) or ""
    return line if line.isascii() else Header(line, UTF_8)


def _mailboxes(addresses: Sequence[Address]) -> str:
    """ASCII: names are encoded, addresses are not (no device sends any that would need it)."""
    return ", ".join(
        formataddr((values.line(each.name) or "", values.line(each.mail) or ""), "utf-8")
        if each.mail.isascii()
        else str(Header(values.line(each.mail) or "", UTF_8).encode())
        for each in addresses
    )


# -- parts ---------------------------------------------------------------------------------------------------


def _taken_apart(message: Message, without: frozenset[str]) -> _Parts:
    parts = _Parts()
    for part_id, part in numbered(message):
        if part_id in without:
            continue
        kind = part.get_content_type()
        is_file = part.get_content_disposition() == "attachment" or part.get_filename()
        if kind in _TEXTS and not is_file:
            if part.get_payload():
                parts.texts.append(_bare(part))
        elif part.get("Content-ID") and part.get_content_disposition() != "attachment":
            parts.inline.append(_bare(part))
        else:
            parts.files.append(_bare(part))
    return parts


def _bare(part: Message) -> Message:
    """A part with the header fields of its own alone: that of a whole message has the others too."""
    for title in list(part.keys()):
        if not title.lower().startswith("content-"):
            del part[title]
    return part


def _text(body: Body) -> Message:
    if body.kind is not BodyKind.HTML:
        return _encoded(body.text, "plain")
    both = MIMEMultipart("alternative")
    both.attach(_encoded(values.words(body), "plain"))
    both.attach(_encoded(body.text, "html"))
    return both


def _encoded(text: str, subtype: str) -> Message:
    return MIMEText(values.clean(text), subtype, UTF_8)  # type: ignore[arg-type]


def _file(upload: Upload, held: dict[bytes, Stored]) -> Message:
    kind, _, subtype = upload.content_type.partition("/")
    if not (kind.isalnum() and subtype) or kind in ("multipart", "message"):
        kind, subtype = "application", "octet-stream"
    part = MIMEBase(kind, subtype)
    data = stored(upload.data)
    if data.size < LEAST:
        part.set_payload(data.part(0, data.size))
        encode_base64(part)
    else:
        part.set_payload(set_aside(Encoded(data), held))
        part["Content-Transfer-Encoding"] = "base64"
    name = values.line(upload.name) or "attachment"
    part.add_header("Content-Disposition", "inline" if upload.inline else "attachment", filename=name)
    if not name.isascii():
        del part["Content-Disposition"]
        disposition = "inline" if upload.inline else "attachment"
        part.add_header("Content-Disposition", disposition, filename=("utf-8", "", name))
    if upload.content_id:
        part.add_header("Content-ID", f"<{(values.line(upload.content_id) or '').strip('<>')}>")
    return part


def _assembled(parts: _Parts) -> Message:
    texts = parts.texts or [_encoded("", "plain")]
    body = texts[0]
    if len(texts) > 1:
        kinds = {text.get_content_type() for text in texts}
        body = _joined("alternative" if len(kinds) == len(texts) else "mixed", texts)
    if parts.inline:
        body = _joined("related", [body, *parts.inline])
    if parts.files:
        body = _joined("mixed", [body, *parts.files])
    return body


def _joined(subtype: str, parts: Sequence[Message]) -> Message:
    message = MIMEMultipart(subtype)
    del message["MIME-Version"]
    for part in parts:
        del part["MIME-Version"]
        message.attach(part)
    return message


# -- on the way to OX ----------------------------------------------------------------------------------------


def in_ascii(mime: Text) -> Text:
    """A message that OX can take as text: what is not ASCII is coded, unless that would break a signature. A message
    that is ASCII stays as it is, byte for byte."""
    if is_ascii(mime):
        return mime
    light, held = lighten(mime)
    return restore(_written(parsed(light)), held)


def _written(message: Message) -> bytes:
    for part in _unsigned(message):
        if not part.is_multipart():
            _code(part)
        elif not f"{part.preamble or ''}{part.epilogue or ''}".isascii():
            part.preamble = part.epilogue = None  # nobody shows them
        _code_header(part)
    return message.as_bytes(policy=compat32.clone(linesep="\r\n"))


def _code_header(part: Message) -> None:
    fields = list(part.raw_items())
    if all(str(value).isascii() for _, value in fields):
        return
    for title in set(part.keys()):
        del part[title]
    for title, value in fields:  # in their order, of which there may be several of one name
        text: Any = value if str(value).isascii() else _coded(title, str(value))
        part[title] = text


def _unsigned(part: Message) -> Iterator[Message]:
    """All parts but those that a signature covers."""
    yield part
    if part.is_multipart() and part.get_content_type() != "multipart/signed":
        below: Any = part.get_payload()
        for each in below:
            yield from _unsigned(each)


def _code(part: Message) -> None:
    payload: Any = part.get_payload()
    if payload.isascii() and part.get_content_maintype() != "multipart":
        return
    data = part.get_payload(decode=True)
    if part.get_content_maintype() == "multipart":  # its boundary never comes
        del part["Content-Type"]
        part["Content-Type"] = "application/octet-stream"
    del part["Content-Transfer-Encoding"]
    part.set_payload(data)
    encode_base64(part)


def _coded(title: str, value: str) -> str | Header:
    text = charsets.decode(value.encode("utf-8", "surrogateescape"), "utf-8")
    if title.lower() in _ADDRESS_HEADERS:
        return _mailboxes(
            [Address(mail, charsets.decode_words(name)) for name, mail in addresses(text) if mail]
        )
    return Header(" ".join(text.split()), UTF_8)
