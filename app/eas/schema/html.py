"""HTML to text and back, and cutting HTML so that what is left can still be shown."""

from __future__ import annotations

import html
import re
from typing import Final

from inscriptis import Inscriptis
from lxml.etree import LxmlError
from lxml.html import HTMLParser, document_fromstring

from app.eas.schema.text import cut, safe

_DECLARATION: Final = re.compile(r"\A\s*<\?xml[^>]*>")
# What is never closed reaches to the end: so a hostile text cannot make the search start over and over.
_UNSEEN: Final = re.compile(
    r"<!--(?:.*?-->|.*)|<(style|script)\b(?:.*?</\1\s*>|.*)", re.IGNORECASE | re.DOTALL
)
_OPEN_TAG: Final = re.compile(rb"<(?:[A-Za-z/!?][^>]*)?\Z")
_TAG: Final = re.compile(r"<[^<>]*>")
_LINK: Final = re.compile(r"(?:https?|ftp|cid)://\S+|\bcid:\S+", re.IGNORECASE)
_BLANKS: Final = re.compile(r"\s+")
LONGEST_ENTITY: Final = 32
"""No named character reference of HTML is longer, in bytes."""


def to_text(markup: str) -> str:
    """The text of an HTML document, laid out as a browser would; pictures and link targets are left out."""
    source = _DECLARATION.sub("", safe(markup))
    try:
        # huge_tree: long conversations nest their quotations deeper than libxml2 takes by itself.
        text: str = Inscriptis(document_fromstring(source, parser=HTMLParser(huge_tree=True))).get_text()
    except (LxmlError, ValueError, RecursionError):
        # Markup that no parser takes, or none at all: the bare words are better than no message.
        text = html.unescape(_TAG.sub(" ", _UNSEEN.sub(" ", source)))
    return text.strip()


def from_text(text: str) -> str:
    """A text as an HTML document that looks like it."""
    escaped = html.escape(text, quote=False).replace("\r\n", "\n").replace("\n", "<br>\n")
    return f"<html><body>{escaped}</body></html>"


def shorten(data: bytes, size: int) -> bytes:
    """At most so many bytes of HTML in UTF-8, ended neither inside a character, a tag nor an entity."""
    if len(data) <= size:
        return data
    part = cut(data, size)
    if opened := _OPEN_TAG.search(part, part.rfind(b">") + 1):
        return part[: opened.start()]
    ampersand = part.rfind(b"&")
    if ampersand >= len(part) - LONGEST_ENTITY and ampersand > part.rfind(b";") and ampersand >= 0:
        return part[:ampersand]
    return part


def preview(text: str, size: int) -> str:
    """The first ``size`` characters of a text, on one line and without links (MS-ASAIRS 2.2.2.35)."""
    # A long text is not worth cleaning as a whole for the sake of 255 characters.
    return _BLANKS.sub(" ", _LINK.sub("", text[: 16 * size + 4096])).strip()[:size]
