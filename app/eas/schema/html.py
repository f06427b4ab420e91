"""HTML to text and back, and cutting HTML so that what is left can still be shown."""

from __future__ import annotations

import html
import re
from typing import Final

import inscriptis
from lxml.etree import LxmlError

from app.eas.schema.text import cut, safe

_TAG: Final = re.compile(r"<[^>]*>")
_LINK: Final = re.compile(r"(?:https?|ftp|cid)://\S+|\bcid:\S+", re.IGNORECASE)
_BLANKS: Final = re.compile(r"\s+")
LONGEST_ENTITY: Final = 32
"""No named character reference of HTML is longer, in bytes."""


def to_text(markup: str) -> str:
    """The text of an HTML document, laid out as a browser would; pictures and link targets are left out."""
    try:
        text: str = inscriptis.get_text(safe(markup))
    except (LxmlError, ValueError, RecursionError):
        # Markup that no parser takes: the bare words are better than no message.
        text = html.unescape(_TAG.sub(" ", markup))
    return text.strip("\n")


def from_text(text: str) -> str:
    """A text as an HTML document that looks like it."""
    escaped = html.escape(text, quote=False).replace("\r\n", "\n").replace("\n", "<br>\n")
    return f"<html><body>{escaped}</body></html>"


def shorten(data: bytes, size: int) -> bytes:
    """At most so many bytes of HTML in UTF-8, ended neither inside a character, a tag nor an entity."""
    if len(data) <= size:
        return data
    part = cut(data, size)
    opened = part.rfind(b"<")
    if opened > part.rfind(b">"):
        return part[:opened]
    ampersand = part.rfind(b"&")
    if ampersand >= len(part) - LONGEST_ENTITY and ampersand > part.rfind(b";") and ampersand >= 0:
        return part[:ampersand]
    return part


def preview(text: str, size: int) -> str:
    """The first ``size`` characters of a text, on one line and without links (MS-ASAIRS 2.2.2.35)."""
    # A long text is not worth cleaning as a whole for the sake of 255 characters.
    return _BLANKS.sub(" ", _LINK.sub("", text[: 16 * size + 4096])).strip()[:size]
