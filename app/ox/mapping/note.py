"""Notes: messages of a folder of mail, as IMAP clients keep them, and USM fields.

A note is a message with ``X-Uniform-Type-Identifier: com.apple.mail-note``; its subject is the note's, its text the
note's body, its date when it was last changed. ``X-Universally-Unique-Identifier`` names the note through all its
versions: a message never changes, so every change is a new message of that name. Categories are ``Keywords`` (RFC 5322
3.6.5).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from email import message_from_bytes
from email.errors import MessageError
from email.message import EmailMessage, MIMEPart
from email.policy import SMTP
from email.utils import format_datetime, make_msgid
from typing import Any, Final

from app.ox.mapping import mail, values
from app.usm import charsets
from app.usm.model import Body, BodyKind

KIND_HEADER: Final = "X-Uniform-Type-Identifier"
KIND: Final = "com.apple.mail-note"
NAME_HEADER: Final = "X-Universally-Unique-Identifier"
REPLACES_HEADER: Final = "X-USM-Replaces"
"""The message that a version takes the place of: a version that is left over of it can go."""
_CREATED_HEADER: Final = "X-Mail-Created-Date"
_KEYWORDS: Final = "Keywords"

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,47}")
_UNNAMED: Final = "message-"
_POLICY: Final = SMTP.clone(cte_type="7bit")
_DOMAIN: Final = "usm.invalid"
_TITLE: Final = 255


def is_note(kind: Any) -> bool:
    """Whether a message with this kind is a note."""
    return isinstance(kind, str) and kind.strip().casefold() == KIND


def name_of(header: Any, message_id: str) -> str:
    """The note's name, which is its item id: its own, or for want of one that of its first message."""
    text = header.strip() if isinstance(header, str) else ""
    return text if _NAME.fullmatch(text) else f"{_UNNAMED}{message_id}"


def fields_of(message: Mapping[str, Any], bodies: Sequence[BodyKind]) -> dict[str, Any]:
    """The fields of what OX's ``get`` tells of a message. ``bodies``: the wanted forms, best first."""
    told = mail.fields_of(message, bodies, 0)
    headers = message.get("headers")
    keywords = headers.get(_KEYWORDS) if isinstance(headers, dict) else None
    found = {
        "subject": told.get("subject"),
        "body": _trimmed(told.get("body")),
        "modified": values.instant(message.get("sent_date")) or told.get("received"),
        "categories": _keywords(keywords),
    }
    return {field: value for field, value in found.items() if value is not None}


def _trimmed(body: Body | None) -> Body | None:
    """Without the line end that closes every message."""
    return None if body is None else replace(body, text=body.text.rstrip("\n"))


def _keywords(header: Any) -> tuple[str, ...] | None:
    texts = header if isinstance(header, list) else [header]
    whole = ",".join(charsets.decode_words(str(text)) for text in texts if text)
    found: tuple[str, ...] | None = values.texts(",")(whole)
    return found


def made(fields: Mapping[str, Any], name: str, sender: str, now: datetime) -> bytes:
    """The message of a new note. Its Message-ID is made of the name, so that it is found wherever it was moved."""
    message = EmailMessage(policy=_POLICY)
    message["From"] = sender
    message[_CREATED_HEADER] = format_datetime(now)
    message.set_content("")
    return _written(message, {"subject": None, **fields}, name, "", now, f"<{name}@{_DOMAIN}>")


def changed(source: bytes, fields: Mapping[str, Any], name: str, replaces: str, now: datetime) -> bytes:
    """The message that takes the place of another one: only what the fields name is another than before, and what
    hangs on the note stays. Raises ``ValueError`` for a message that cannot be taken apart and put together again."""
    try:
        message = message_from_bytes(source, policy=_POLICY)
        found = _written(message, fields, name, replaces, now)
    except (MessageError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"the message of the note makes no sense: {error}") from error
    if not found.isascii():
        raise ValueError("the message of the note holds bytes of no charset")
    return found


def _written(
    message: EmailMessage,
    fields: Mapping[str, Any],
    name: str,
    replaces: str,
    now: datetime,
    message_id: str = "",
) -> bytes:
    text = fields.get("body")
    if "body" in fields:
        _set_text(message, text or Body(BodyKind.TEXT))
    if "subject" in fields:
        subject = values.line(fields["subject"]) or _first_line(text)
        _set(message, "Subject", subject[:_TITLE] if subject else None)
    if "categories" in fields:
        categories = fields["categories"]
        _set(message, _KEYWORDS, values.from_texts(", ")(categories) if categories else None)
    _set(message, "Date", format_datetime(now))
    _set(message, "Message-ID", message_id or make_msgid(domain=_DOMAIN))
    _set(message, KIND_HEADER, KIND)
    _set(message, NAME_HEADER, name)
    _set(message, REPLACES_HEADER, replaces or None)
    return message.as_bytes()


def _set(message: EmailMessage, header: str, value: str | None) -> None:
    del message[header]
    if value:
        message[header] = value


def _set_text(message: EmailMessage, body: Body) -> None:
    """Put the text in place of the one that is there."""
    before = message.get_body(("html", "plain"))
    if before is not None and _says(before, body):
        return  # nothing but its form is another one, and the one that is there is the richer one
    forms = message.get_content_type() == "multipart/alternative"
    part = before if message.is_multipart() and not forms and before is not None else message
    part.clear_content()
    part.set_content(body.text, subtype="html" if body.kind is BodyKind.HTML else "plain", charset="utf-8")


def _says(part: MIMEPart, body: Body) -> bool:
    """Whether the words are the same. A text of no known charset says nothing."""
    kind = BodyKind.HTML if part.get_content_subtype() == "html" else BodyKind.TEXT
    try:
        return _plain(Body(kind, str(part.get_content()))) == _plain(body)
    except (LookupError, ValueError):
        return False


def _plain(body: Body) -> str:
    """The words alone."""
    return " ".join(values.words(body).split())


def _first_line(body: Body | None) -> str | None:
    """What a note without a subject is called."""
    if body is None:
        return None
    return next((line for each in values.words(body).splitlines() if (line := values.line(each))), None)
