"""OX's values and ours, one small function each way. ``None``, ``""`` and what makes no sense become ``None``: absent.

``facts``: HTTP API section 1.2 (Date, Time, Timestamp).
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from inscriptis import get_text

from app.usm.errors import ItemRefused
from app.usm.markup import tame
from app.usm.model import Body, BodyKind

_UNWANTED: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
"""Control characters other than line feed and tab, and what XML 1.0 cannot carry."""
_LINE_ENDS: Final = re.compile(r"\r\n?")
_EPOCH: Final = date(1970, 1, 1)
_BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_MS: Final = 86_400_000


def clean(value: str) -> str:
    """Text that every device can be sent: line feeds as line ends, no control characters."""
    if value.isprintable():  # as nearly all is: then it holds none of these characters
        return value
    return _UNWANTED.sub("", _LINE_ENDS.sub("\n", value))


def text(value: Any) -> str | None:
    """Text of one or more lines."""
    if value is None or isinstance(value, dict | list | bool):
        return None
    return clean(str(value)) or None


def line(value: Any) -> str | None:
    """Text of one line."""
    found = text(value)
    return " ".join(found.split()) or None if found else None


def day(value: Any) -> date | None:
    """An OX Date: milliseconds of 00:00 UTC."""
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    try:
        return _EPOCH + timedelta(days=value // _DAY_MS)
    except OverflowError:
        return None


def instant(value: Any) -> datetime | None:
    """An OX Time asked for with ``timezone=UTC``, or a Timestamp."""
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    try:
        return _BEGINNING + timedelta(milliseconds=value)
    except OverflowError:
        return None


def earliest_inside(since: datetime | None) -> float:
    """The first moment of a time span that begins then, in OX's milliseconds."""
    return -math.inf if since is None else since.timestamp() * 1000


def texts(separator: str) -> Any:
    """Reads texts that OX keeps in one, as a tuple."""

    def read(value: Any) -> tuple[str, ...] | None:
        parts = (line(part) for part in (text(value) or "").split(separator.strip()))
        return tuple(part for part in parts if part) or None

    return read


def note(value: Any) -> Body | None:
    """A plain text that a protocol treats as a body."""
    found = text(value)
    return Body(BodyKind.TEXT, found) if found else None


# -- to OX ---------------------------------------------------------------------------------------------------


def from_text(value: str) -> str | None:
    """``None`` clears a value, and so does ``""``."""
    return clean(value) or None


def from_day(value: date) -> int:
    """A day as an OX Date."""
    return (value - _EPOCH).days * _DAY_MS


def from_texts(separator: str) -> Any:
    """Writes a tuple as one text; the separator within a text becomes a blank."""

    def write(values: Sequence[str]) -> str | None:
        mark = separator.strip()
        parts = (line(value.replace(mark, " ")) for value in values)
        return separator.join(part for part in parts if part) or None

    return write


def from_note(value: Body) -> str | None:
    """A body as plain text. Raises ``ItemRefused`` for a body that is a whole message."""
    if value.kind is BodyKind.MIME:
        raise ItemRefused("a note cannot be a MIME message")
    return from_text(words(value))


def words(body: Body) -> str:
    """The text of a body; of HTML as a browser would lay it out."""
    return get_text(tame(body.text)) if body.kind is BodyKind.HTML else body.text
