"""HTML to text and back, and cutting HTML so that what is left can still be shown."""

from __future__ import annotations

import html
import re
from collections import deque
from typing import Final

from inscriptis import Inscriptis
from lxml.etree import LxmlError
from lxml.html import HtmlElement, HTMLParser, document_fromstring

from app.eas.schema.text import cut, safe, with_lf
from app.usm.markup import tame

_DECLARATION: Final = re.compile(r"\A\s*<\?xml[^>]*>")
# What is never closed reaches to the end: so a hostile text cannot make the search start over and over.
_UNSEEN: Final = re.compile(
    r"<!--(?:.*?-->|.*)|<(style|script)\b(?:.*?</\1\s*>|.*)", re.IGNORECASE | re.DOTALL
)
# A comment or a tag, to its end or that of the data. A value in quotes may hold anything, as in a browser.
_MARK: Final = re.compile(
    rb"""<!--(?:.*?(-->)|.*)|<[A-Za-z/!?](?:[^>=]+|=\s*"[^"]*(?:"|\Z)|=\s*'[^']*(?:'|\Z)|=)*(>?)|<\Z""",
    re.DOTALL,
)
_TAG: Final = re.compile(r"<[^<>]*>")
_LINK: Final = re.compile(r"(?:https?|ftp|cid)://\S+|\bcid:\S+", re.IGNORECASE)
_BLANKS: Final = re.compile(r"\s+")
_GAP: Final = re.compile("  +")
_INDENT: Final = re.compile("^ ", re.MULTILINE)
_TRAILING: Final = re.compile(" +$", re.MULTILINE)
_HELD: Final = "\ufdd0"
"""Stands for a blank that does not collapse: no character at all, by Unicode's word, so no text has it."""
TAB: Final = " " * 4
LONGEST_ENTITY: Final = 32
"""No named character reference of HTML is longer, in bytes."""


def to_text(markup: str) -> str:
    """The text of an HTML document, laid out as a browser would; pictures and link targets are left out."""
    source = tame(_DECLARATION.sub("", safe(markup)))
    try:
        # huge_tree: long conversations nest their quotations deeper than libxml2 takes by itself.
        tree = document_fromstring(source, parser=HTMLParser(huge_tree=True))
        _hold(tree)
        text: str = Inscriptis(tree).get_text()
    except (LxmlError, ValueError, RecursionError):
        # Markup that no parser takes, or none at all: the bare words are better than no message.
        text = html.unescape(_TAG.sub(" ", _UNSEEN.sub(" ", source)))
    return _TRAILING.sub("", text.strip().replace(_HELD, " ").replace("\xa0", " "))


def _hold(tree: HtmlElement) -> None:
    """Blanks that must not collapse, as indents are made of them, hide from the layout, which takes them for others."""
    for element in tree.iter():
        if element.text and isinstance(element.tag, str):
            element.text = element.text.replace("\xa0", _HELD)
        if element.tail:
            element.tail = element.tail.replace("\xa0", _HELD)


def from_text(text: str) -> str:
    """A text as an HTML document that looks like it: lines, indents and gaps stay. Without ``white-space``, which
    Outlook does not know."""
    escaped = html.escape(with_lf(text), quote=False).replace("\t", TAB)
    kept = _GAP.sub(lambda gap: "&nbsp;" * (len(gap[0]) - 1) + " ", escaped)
    lines = _INDENT.sub("&nbsp;", kept).replace("\n", "<br>\n")
    return f"<html><body>{lines}</body></html>"


def shorten(data: bytes, size: int) -> bytes:
    """At most so many bytes of HTML in UTF-8, ended neither inside a character, a tag nor an entity."""
    if len(data) <= size:
        return data
    part = cut(data, size)
    last = deque(_MARK.finditer(part), maxlen=1)
    if last and not (last[0][1] or last[0][2]):
        return part[: last[0].start()]
    ampersand = part.rfind(b"&")
    if ampersand >= len(part) - LONGEST_ENTITY and ampersand > part.rfind(b";") and ampersand >= 0:
        return part[:ampersand]
    return part


def preview(text: str, size: int) -> str:
    """The first ``size`` characters of a text, on one line and without links (MS-ASAIRS 2.2.2.35)."""
    # A long text is not worth cleaning as a whole for the sake of 255 characters.
    return _BLANKS.sub(" ", _LINK.sub("", text[: 16 * size + 4096])).strip()[:size]
