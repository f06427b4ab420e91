"""The message that is answered or forwarded: what is quoted of it, and what hangs on it (RFC 5322, RFC 2045).

Mail comes from anywhere; whatever is missing or malformed is left out, never a reason not to send the answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email.message import Message
from email.utils import format_datetime
from typing import Any, Final

from app.eas import thread_index
from app.eas.schema import html
from app.eas.schema.email import mailbox
from app.eas.schema.text import line, safe, with_lf
from app.usm import charsets
from app.usm.letters import parsed
from app.usm.model import Body, BodyKind
from app.usm.pieces import Held, Stored, lighten, restore_part, stored

QUOTED: Final = ("From", "Date", "To", "Cc", "Subject")
"""The header fields that a quotation names, in this order."""


@dataclass(frozen=True, slots=True)
class Original:
    """``header``: what a quotation names, title → text. ``text`` and ``markup``: its words in either form, ``None``
    where it has none. ``inline``: pictures within the HTML, ``files``: all else that hangs on it. ``sealed``: nothing
    in it can be quoted without breaking it (signed, encrypted), and ``raw`` is all of it, where it is known. ``held``:
    what was set aside of its files (:mod:`app.usm.pieces`)."""

    header: Mapping[str, str]
    text: str | None = None
    markup: str | None = None
    inline: tuple[Message, ...] = ()
    files: tuple[Message, ...] = ()
    sealed: bool = False
    message_id: str = ""
    references: str = ""
    thread_index: str = ""
    raw: Stored | None = field(default=None, repr=False)
    held: Held = field(default_factory=dict, repr=False)

    def as_text(self) -> str:
        """Its words as plain text."""
        return with_lf(self.text if self.text is not None else html.to_text(self.markup or ""))

    def as_markup(self) -> str:
        """Its words as HTML."""
        return safe(self.markup) if self.markup is not None else html.from_text(self.as_text())


def header(message: Message, title: str) -> str:
    """A header field as text on one line, encoded words read; ``""`` where it is not there."""
    raw = next((str(value) for name, value in message.raw_items() if name.lower() == title.lower()), "")
    text = charsets.decode(raw.encode("utf-8", "surrogateescape"), "utf-8")
    return line(" ".join(charsets.decode_words(" ".join(text.split())).split()))


def is_sealed(message: Message) -> bool:
    """Whether a message is signed or encrypted."""
    kind = message.get_content_type()
    return kind in ("multipart/signed", "multipart/encrypted") or kind.endswith("pkcs7-mime")


def leaves(message: Message) -> Iterator[Message]:
    """The parts that hold data; a message within the message is one of them."""
    if message.get_content_maintype() != "multipart" or not message.is_multipart():
        yield message
        return
    parts: Any = message.get_payload()
    for part in parts:
        yield from leaves(part)


def is_text(part: Message) -> bool:
    """Whether a part is the message's own words, or one form of them."""
    is_file = part.get_content_disposition() == "attachment" or part.get_filename()
    return part.get_content_type() in ("text/plain", "text/html") and not is_file


def text_of(part: Message) -> str:
    """The text of a part, whatever its charset is said to be."""
    data = part.get_payload(decode=True)
    return charsets.decode(data if isinstance(data, bytes) else b"", part.get_param("charset", None))  # type: ignore[arg-type]


def of_mime(mime: bytes | Stored) -> Original:
    """A message as its bytes came."""
    whole = stored(mime)
    light, held = lighten(whole)
    message = parsed(light)
    texts: dict[str, str] = {}
    inline, files = [], []
    for part in leaves(message):
        if is_text(part):
            restore_part(part, held)
            kind = part.get_content_type()
            if kind in texts:
                texts[kind] += ("<hr>" if kind == "text/html" else "\n") + text_of(part)
            else:
                texts[kind] = text_of(part)
        elif part.get("Content-ID") and part.get_content_disposition() != "attachment":
            inline.append(part)
        else:
            files.append(part)
    markup = texts.get("text/html")
    if markup is None:
        files, inline = [*inline, *files], []
    named = {title: header(message, title) for title in QUOTED}
    return Original(
        {title: text for title, text in named.items() if text},
        texts.get("text/plain"),
        markup,
        tuple(inline),
        tuple(files),
        is_sealed(message),
        "".join(str(message.get("Message-ID") or "").split()),
        " ".join(str(message.get("References") or "").split()),
        str(message.get(thread_index.NAME) or ""),
        whole,
        held,
    )


def of_fields(fields: Mapping[str, Any]) -> Original:
    """A message too large to be read as its bytes came: what the source tells of it, without what hangs on it."""
    named = {
        title: ", ".join(mailbox(address) for address in fields.get(title.lower()) or ())
        for title in ("From", "To", "Cc")
    }
    named["Subject"] = line(fields.get("subject") or "")
    if fields.get("received"):
        named["Date"] = format_datetime(fields["received"])
    body = fields.get("body") or Body(BodyKind.TEXT)
    return Original(
        {title: named[title] for title in QUOTED if named.get(title)},
        body.text if body.kind is BodyKind.TEXT else None,
        body.text if body.kind is BodyKind.HTML else None,
        message_id=line(fields.get("message_id") or ""),
    )
