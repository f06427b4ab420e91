"""Header fields: raw text → Unicode, addresses, dates. Takes whatever real senders produce and never raises.

RFC 2047 words may be broken, 8-bit characters may stand unencoded, a multi-byte character may be split over two
words.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import email.utils
import quopri
import re
from email.message import Message

_WORD = re.compile(r"=\?([^?\s]*)\?([bBqQ])\?([^?]*)\?=")
_BETWEEN_WORDS = re.compile(r"(\?=)\s+(=\?)")
_FOLD = re.compile(r"[\r\n]+[ \t]?")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")

Address = list["str | None"]


def raw_header(message: Message, name: str) -> str | None:
    """The first field of that name as it was sent, unfolded; 8-bit bytes are guessed to be UTF-8 or Latin."""
    wanted = name.lower()
    for key, value in message.raw_items():
        if key.lower() == wanted:
            return _FOLD.sub(" ", guess_bytes(str(value).encode("utf-8", "surrogateescape")))
    return None


def all_headers(message: Message) -> dict[str, str]:
    """Every field, decoded; of repeated fields the first."""
    found: dict[str, str] = {}
    for key, value in message.raw_items():
        raw = _FOLD.sub(" ", guess_bytes(str(value).encode("utf-8", "surrogateescape")))
        found.setdefault(key, decode_words(raw))
    return found


def text_header(message: Message, name: str) -> str | None:
    """A field decoded to Unicode, without control characters."""
    raw = raw_header(message, name)
    return None if raw is None else decode_words(raw).strip()


def decode_words(raw: str) -> str:
    """RFC 2047 encoded words → Unicode; what is no valid word stays as it is."""
    joined = _BETWEEN_WORDS.sub(r"\1\2", raw)
    pieces: list[str] = []
    pending: tuple[str, bytes] | None = None
    at = 0
    for match in _WORD.finditer(joined):
        between = joined[at : match.start()]
        at = match.end()
        charset, data = match[1].split("*")[0].lower(), _word_bytes(match[2], match[3])
        if pending and not between and pending[0] == charset:
            pending = (charset, pending[1] + data)
            continue
        if pending:
            pieces.append(decode_bytes(pending[1], pending[0]))
        pieces.append(between)
        pending = (charset, data)
    if pending:
        pieces.append(decode_bytes(pending[1], pending[0]))
    pieces.append(joined[at:])
    return _CONTROL.sub("", "".join(pieces))


def addresses(message: Message, name: str) -> list[Address]:
    """The addresses of all fields of that name as ``[[name or None, address], …]``."""
    wanted = name.lower()
    raws = [
        _FOLD.sub(" ", guess_bytes(str(value).encode("utf-8", "surrogateescape")))
        for key, value in message.raw_items()
        if key.lower() == wanted
    ]
    found: list[Address] = []
    for display, address in email.utils.getaddresses(raws, strict=False) if _has_strict else _lenient(raws):
        if display or address:
            found.append([decode_words(display) or None, decode_words(address)])
    return found


def moment(message: Message, name: str) -> int | None:
    """A date field in ms UTC, ``None`` when it is missing or no date."""
    raw = raw_header(message, name)
    if not raw:
        return None
    try:
        parsed = email.utils.parsedate_tz(raw)
        return None if parsed is None else int(email.utils.mktime_tz(parsed)) * 1000
    except (ValueError, OverflowError, TypeError, IndexError):
        return None


def decode_bytes(data: bytes, charset: str | None) -> str:
    """Bytes of a declared charset → Unicode. An unknown or wrong charset is guessed around, never an error."""
    name = (charset or "").strip("\"' ").lower()
    try:
        codec = codecs.lookup(name) if name else None
    except (LookupError, ValueError):
        codec = None
    # rot13 and the like are codecs too, but no charsets.
    if codec is None or not getattr(codec, "_is_text_encoding", True):
        return guess_bytes(data)
    try:
        return data.decode(codec.name, "replace")
    except (UnicodeError, LookupError, ValueError):
        return guess_bytes(data)


def guess_bytes(data: bytes) -> str:
    """Bytes without a declared charset: UTF-8 when they are, else Windows Latin."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("windows-1252", "replace")


def _word_bytes(encoding: str, text: str) -> bytes:
    raw = text.encode("utf-8", "surrogateescape")
    if encoding in "qQ":
        return quopri.decodestring(raw.replace(b"_", b" "), header=False)
    try:
        return base64.b64decode(raw + b"=" * (-len(raw) % 4))
    except (binascii.Error, ValueError):
        return raw


def _lenient(raws: list[str]) -> list[tuple[str, str]]:
    return email.utils.getaddresses(raws)


def _supports_strict() -> bool:
    return "strict" in email.utils.getaddresses.__code__.co_varnames


_has_strict = _supports_strict()
