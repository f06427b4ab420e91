"""Thread-Index: the place of a message in its conversation, as Outlook writes it (MS-OXOMSG 2.2.1.3, MS-ASCON 2.2.2.4).

A header of 22 bytes (a 1, five bytes of the time when the conversation began, sixteen of its name), and five bytes for
each answer or forward since: how long after the beginning it was written. What is answered and has none begins one, by
its own date.
"""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from hashlib import blake2b
from typing import Final

NAME: Final = "Thread-Index"
_EPOCH: Final = datetime(1601, 1, 1, tzinfo=UTC)
_HEADER: Final = 22
_LEVEL: Final = 5
_TIME: Final = slice(1, 6)
_MOST: Final = 200
"""Answers of one conversation that are told apart."""
_SOON: Final = 1 << 49
"""Ticks, about 1.8 years: what lies further apart is told less exactly."""
_FAR: Final = 1 << 31


def answer(index: str, began: str, name: str, written: str) -> str | None:
    """The Thread-Index of an answer or a forward. ``index``, ``began``, ``name``: Thread-Index, Date and Message-ID of
    what is answered; ``written``: Date of the answer. ``None`` where nothing tells what conversation that is."""
    header = _known(index) or _begun(began, name)
    if header is None:
        return None
    levels = header[_HEADER:]
    if len(levels) >= _MOST * _LEVEL:
        return None
    moment = _ticks(written)
    start = int.from_bytes(header[_TIME], "big") << 16
    apart = max(0, (moment & (1 << 56) - 1) - start) if moment is not None else 0
    delta = apart >> 18 if apart < _SOON else _FAR | apart >> 23 & _FAR - 1
    return base64.b64encode(header + delta.to_bytes(4, "big") + b"\0").decode("ascii")


def _known(index: str) -> bytes | None:
    try:
        data = base64.b64decode("".join(index.split()), validate=True)
    except (binascii.Error, ValueError):
        return None
    return data if len(data) >= _HEADER and (len(data) - _HEADER) % _LEVEL == 0 else None


def _begun(date: str, name: str) -> bytes | None:
    ticks = _ticks(date)
    if ticks is None or not name:
        return None
    digest = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=16).digest()
    return b"\1" + (ticks >> 16 & 0xFFFFFFFFFF).to_bytes(5, "big") + digest


def _ticks(date: str) -> int | None:
    """Tenths of microseconds since 1601; ``None`` for what is no date."""
    try:
        moment = parsedate_to_datetime(date)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int((moment - _EPOCH).total_seconds()) * 10_000_000
