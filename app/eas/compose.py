"""Messages that devices send, made ready to go (RFC 5322; MS-ASCMD 2.2.1.16 to 2.2.1.19).

Rules

* The header is put right, and the bytes below it are left as they came: a signature must hold. Right means: a From that
  is one of the user's own addresses, filled in or written over where it is not; a Date; a Message-ID, the same whenever
  the device repeats its request; no Sender that is somebody else.
* An answer quotes the original below what the device wrote, in the form the device wrote in, as UTF-8; a forwarded
  message also gets what hung on the original. What is signed or encrypted is not taken apart: it is forwarded as a
  message within the message, byte for byte, and of what is encrypted an answer quotes nothing but the header.
* What the device itself signed or encrypted goes out as it is.
* Large files stay where they lie, and come into their places when all is done (:mod:`app.usm.pieces`).
"""

from __future__ import annotations

import html as markup_of
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.charset import QP, Charset
from email.encoders import encode_base64
from email.message import Message
from email.mime.base import MIMEBase
from email.mime.multipart import MIMEMultipart
from email.policy import compat32
from email.utils import format_datetime, formataddr
from hashlib import blake2b
from typing import Any, Final

from app.eas import original, thread_index
from app.eas.errors import ConversionError
from app.eas.original import Original
from app.eas.schema.text import line
from app.usm.content import Address
from app.usm.letters import addresses, parsed
from app.usm.pieces import (
    Held,
    Pieces,
    Stored,
    Text,
    beginning,
    is_ascii,
    lighten,
    restore,
    restore_part,
    set_aside,
    with_beginning,
)

_UTF_8: Final = Charset("utf-8")
_UTF_8.body_encoding = QP
_POLICY: Final = compat32.clone(linesep="\r\n")
_TITLES: Final = {"From": "From", "Date": "Sent", "To": "To", "Cc": "Cc", "Subject": "Subject"}
_RULE: Final = "-----Original Message-----"
_END: Final = re.compile(r"</body\s*>(?!.*</body\s*>)", re.IGNORECASE | re.DOTALL)
_BODY: Final = re.compile(r"<body\b[^>]*>(.*?)(?:</body\s*>|\Z)", re.IGNORECASE | re.DOTALL)
_HEAD: Final = re.compile(
    r"<head\b.*?(?:</head\s*>|\Z)|</?(?:html|body)\b[^>]*>|<!doctype[^>]*>", re.I | re.S
)
_BLANK: Final = re.compile(rb"\r?\n(?=\r?\n)|\A(?=\r?\n)")
_FIELD: Final = re.compile(rb"([!-9;-~]+)[ \t]*:")
_RECIPIENTS: Final = ("to", "cc", "bcc")
_LONGEST_ADDRESSES: Final = 2**18
"""Characters of one header field's addresses that are read."""


@dataclass(frozen=True, slots=True)
class Writer:
    """Who sends, and when. ``senders``: the addresses that the user may write as, in any case, the default first.
    ``mark``: the same whenever the device repeats its request."""

    senders: Sequence[str]
    name: str
    mark: str
    now: datetime

    @property
    def own(self) -> Address:
        """The user's default address."""
        return Address(self.senders[0] if self.senders else "", self.name)

    @property
    def message_id(self) -> str:
        """A Message-ID for a message without one."""
        digest = blake2b(self.mark.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
        return f"<{digest}@{self.own.mail.rpartition('@')[2] or 'usm.invalid'}>"

    def may_write_as(self, mail: str) -> bool:
        """Whether an address is one of the user's own."""
        return mail.casefold() in {sender.casefold() for sender in self.senders}


# -- the header ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Field:
    """One header field: its name in small letters, and all its bytes."""

    name: str
    raw: bytes

    @property
    def addresses(self) -> list[str]:
        value = self.raw.partition(b":")[2].decode("utf-8", "replace")[:_LONGEST_ADDRESSES]
        return [mail for _, mail in addresses(" ".join(value.split())) if "@" in mail]


def finished(mime: Text, writer: Writer) -> Text:
    """The message with its header put right. Raises ``ConversionError`` for what is no message at all."""
    head, size = _head(mime)
    if size is None and isinstance(mime, Pieces):  # so large a header is none that anybody wrote
        return finished(bytes(mime), writer)
    fields = _fields(head)
    if not fields:
        raise ConversionError("the message has no header")
    kept = [field for field in fields if not _is_wrong(field, writer)]
    names = {field.name for field in kept}
    added: list[bytes] = []
    if "from" not in names and writer.own.mail:
        added.append(b"From: " + _mailbox(writer.own))
    if "date" not in names:
        added.append(b"Date: " + format_datetime(writer.now).encode())
    if "message-id" not in names:
        added.append(b"Message-ID: " + writer.message_id.encode())
    if "mime-version" not in names and "content-type" in names:
        added.append(b"MIME-Version: 1.0")
    lines = [*(line + b"\r\n" for line in added), *(field.raw for field in kept)]
    if size is None:
        return b"".join((*lines, b"\r\n"))
    return with_beginning(mime, b"".join(lines), size)


def recipients(mime: Text) -> list[str]:
    """All addresses that a message goes to."""
    return [
        mail for field in _fields(_head(mime)[0]) if field.name in _RECIPIENTS for mail in field.addresses
    ]


def _head(mime: Text) -> tuple[bytes, int | None]:
    """The header with the end of its last line, and where the blank line begins; ``None`` where there is none."""
    text = beginning(mime)
    blank = len(text) - len(text.lstrip(b"\r\n"))
    found = _BLANK.search(text, blank)
    if found is None:
        return text[blank:] + (b"" if text.endswith(b"\n") else b"\r\n"), None
    return text[blank : found.end()], found.end()


def _fields(head: bytes) -> list[_Field]:
    """Lines that are no field are dropped: nothing after them would be read as one."""
    fields: list[_Field] = []
    is_open = False
    for row in head.splitlines(keepends=True):
        if row[:1] in (b" ", b"\t"):
            if is_open:
                fields[-1] = _Field(fields[-1].name, fields[-1].raw + row)
            continue
        found = _FIELD.match(row)
        is_open = found is not None
        if found is not None:
            fields.append(_Field(found[1].decode("ascii").lower(), row))
    return fields


def _is_wrong(field: _Field, writer: Writer) -> bool:
    """Whether a field tells of somebody as the sender who is not."""
    if field.name == "sender":
        return not all(writer.may_write_as(mail) for mail in field.addresses)
    if field.name != "from" or not writer.senders:
        return False
    found = field.addresses
    return len(found) != 1 or not writer.may_write_as(found[0])


def _mailbox(address: Address) -> bytes:
    return formataddr((line(address.name), address.mail), "utf-8").encode("ascii", "replace")


# -- answers -------------------------------------------------------------------------------------------------


def answered(mime: Text, to: Original) -> Text:
    """What the device wrote, above the original that it answers."""
    light, held = lighten(mime)
    message = parsed(light)
    if original.is_sealed(message):
        return mime
    _thread(message, to, is_answer=True)
    _quote(message, to, held)
    return restore(_bytes(message), {**held, **to.held})


def forwarded(mime: Text, what: Original) -> Text:
    """What the device wrote, above the original that it forwards, with all that hung on that."""
    light, held = lighten(mime)
    message = parsed(light)
    if original.is_sealed(message):
        return mime
    _thread(message, what, is_answer=False)
    if what.sealed and what.raw is not None:
        return _enclosed(message, what, what.raw, held)
    _quote(message, what, held)
    _attach(message, what.files)
    return restore(_bytes(message), {**held, **what.held})


def _thread(message: Message, to: Original, is_answer: bool) -> None:
    """So that mail programs show both together (RFC 5322 3.6.4)."""
    if to.message_id and to.message_id.isascii():
        if is_answer and "In-Reply-To" not in message:
            message["In-Reply-To"] = to.message_id
        if "References" not in message:
            before = to.references if to.references.isascii() else ""
            message["References"] = f"{before} {to.message_id}".strip()
    if thread_index.NAME not in message:
        place = thread_index.answer(
            to.thread_index, to.header.get("Date", ""), to.message_id, str(message.get("Date") or "")
        )
        if place is not None:
            message[thread_index.NAME] = place


def _quote(message: Message, to: Original, held: Held) -> None:
    texts = [part for part in original.leaves(message) if original.is_text(part)]
    if not texts:
        _add_text(message)
        texts = [part for part in original.leaves(message) if original.is_text(part)]
    seen: set[str] = set()
    for part in texts:
        kind = part.get_content_type()
        if kind in seen:
            continue  # a second text of that kind is a footer, or a part of its own
        seen.add(kind)
        restore_part(part, held)
        written = original.text_of(part)
        if kind == "text/html":
            _set_text(part, _quoted_markup(written, to))
            if not to.sealed:
                _relate(part, to.inline)
        else:
            _set_text(part, _quoted_text(written, to))


def _quoted_text(written: str, to: Original) -> str:
    named = "\n".join(f"{_TITLES[title]}: {text}" for title, text in to.header.items())
    return f"{written.rstrip()}\n\n{_RULE}\n{named}\n\n{to.as_text()}\n"


def _quoted_markup(written: str, to: Original) -> str:
    named = "<br>\n".join(
        f"<b>{_TITLES[title]}:</b> {markup_of.escape(text, quote=False)}" for title, text in to.header.items()
    )
    quoted = f"<br>\n<hr>\n<div>{named}</div>\n<br>\n<div>{_inner(to.as_markup())}</div>\n"
    found = _END.search(written)
    at = found.start() if found else len(written)
    return written[:at] + quoted + written[at:]


def _inner(markup: str) -> str:
    """What a document shows, without what there may be only one of."""
    found = _BODY.search(markup)
    return _HEAD.sub("", found[1] if found else markup)


def _set_text(part: Message, text: str) -> None:
    """The text as UTF-8; whatever it was before."""
    subtype = part.get_content_subtype()
    for title in ("Content-Type", "Content-Transfer-Encoding"):
        del part[title]
    part["Content-Type"] = f'text/{subtype}; charset="utf-8"'
    part["Content-Transfer-Encoding"] = "quoted-printable"
    data = text.replace("\r\n", "\n").encode("utf-8", "replace")
    part.set_payload(_UTF_8.body_encode(data.decode()))


def _add_text(message: Message) -> None:
    """A message that is nothing but a file gets a place for the quotation."""
    text = Message(policy=compat32)
    text["Content-Type"] = 'text/plain; charset="utf-8"'
    text.set_payload("")
    _wrap(message, "mixed", before=[text])


def _relate(part: Message, pictures: Sequence[Message]) -> None:
    if pictures:
        _wrap(part, "related", after=pictures)


def _attach(message: Message, files: Sequence[Message]) -> None:
    if not files:
        return
    if message.get_content_type() == "multipart/mixed" and message.is_multipart():
        for file in files:
            message.attach(_bare(file))
    else:
        _wrap(message, "mixed", after=files)


def _wrap(part: Message, subtype: str, before: Sequence[Message] = (), after: Sequence[Message] = ()) -> None:
    """Make a part the first or last of several, in its own place."""
    inner = Message(policy=compat32)
    for title, value in list(part.raw_items()):
        if title.lower().startswith("content-"):
            inner[title] = value
            del part[title]
    _hand_over(part, inner)
    outer = MIMEMultipart(subtype)
    part["Content-Type"] = outer["Content-Type"]
    if "MIME-Version" not in part:
        part["MIME-Version"] = "1.0"
    part.set_payload([*map(_bare, before), inner, *map(_bare, after)])


def _hand_over(part: Message, inner: Message) -> None:
    """Put what a part holds into another one; bytes that are not ASCII are coded, or they would be lost on the way."""
    payload: Any = part.get_payload()
    inner.set_payload(payload)
    if isinstance(payload, str) and not payload.isascii():
        inner.set_payload(part.get_payload(decode=True))
        del inner["Content-Transfer-Encoding"]
        encode_base64(inner)


def _bare(part: Message) -> Message:
    """A part with the header fields of its own alone: a whole message has others too."""
    for title in set(part.keys()):
        if not title.lower().startswith("content-"):
            del part[title]
    return part


def _enclosed(message: Message, what: Original, raw: Stored, held: Held) -> Text:
    """With the original as a message within the message; its bytes never go through a parser."""
    part = MIMEBase("message", "rfc822")
    name = f"{what.header.get('Subject') or 'message'}.eml"
    part.add_header("Content-Disposition", "attachment", filename=("utf-8", "", name))
    if not is_ascii(Pieces((raw,))):
        part["Content-Transfer-Encoding"] = "8bit"
    enclosed = dict(held)
    part.set_payload(set_aside(raw, enclosed))
    _attach(message, [part])
    return restore(_bytes(message), enclosed)


def _bytes(message: Message) -> bytes:
    for part in message.walk():
        if part.get_content_maintype() == "multipart" and not part.is_multipart():
            _make_a_file(part)  # its boundary never comes, and a multipart is not written as bytes
    return message.as_bytes(policy=_POLICY)


def _make_a_file(part: Message) -> None:
    data = part.get_payload(decode=True)
    del part["Content-Type"]
    del part["Content-Transfer-Encoding"]
    part["Content-Type"] = "application/octet-stream"
    part.set_payload(data)
    encode_base64(part)
