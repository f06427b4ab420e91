"""Which conversation a message belongs to, by its own header (RFC 5322 3.6.4, MS-ASCON 2.2.2.3 and 2.2.2.4).

OX has no name for a conversation. Every answer names the first message of its conversation in the first place of
References, or at least the one that it answers: so that name stands for the conversation, and each message tells it by
itself, whatever else is in the folder. An answer of a program that breaks the chain begins a new conversation.

The index is that of Outlook where the message has one (Thread-Index: a header of 22 bytes, of which 5 are the time when
the conversation began, and 5 bytes for each answer since); of any other message it is the time of the message.
"""

from __future__ import annotations

import base64
import binascii
import re
from datetime import UTC, datetime
from typing import Final

_NAME: Final = re.compile(r"<[^<>\s]+>")
_EPOCH: Final = datetime(1601, 1, 1, tzinfo=UTC)
_HEADER: Final = 22
_TIME: Final = slice(1, 6)
_LEVEL: Final = 5
MOST_LEVELS: Final = 200
"""Answers that an index tells of; no conversation is that deep."""


def name(message_id: str | None, references: str | None, in_reply_to: str | None) -> str | None:
    """The Message-ID of the first message of the conversation, ``None`` where a message has none at all. All are the
    values of its header fields."""
    for text in (references, in_reply_to, message_id):
        found = _NAME.search(text or "")
        if found:
            return found[0]
    return None


def index(thread_index: str | None, moment: datetime | None) -> bytes | None:
    """Its place in the conversation. ``thread_index``: the value of that header field; ``moment``: when it was sent."""
    try:
        data = base64.b64decode("".join((thread_index or "").split()), validate=True)
    except (binascii.Error, ValueError):
        data = b""
    if len(data) >= _HEADER and (len(data) - _HEADER) % _LEVEL == 0:
        return data[_TIME] + data[_HEADER : _HEADER + MOST_LEVELS * _LEVEL]
    if moment is None:
        return None
    ticks = int((moment - _EPOCH).total_seconds()) * 10_000_000
    return (ticks >> 16 & 0xFFFFFFFFFF).to_bytes(5, "big")
