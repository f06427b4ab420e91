"""What of a message its author wrote, without the message that it answers below (MS-ASAIRS 2.2.2.10).

No standard says where a quotation begins; programs mark it in their own ways. Only one that nothing of the author's own
comes after is left out, so that an answer between the lines stays whole; what carries no known mark, or is nothing but
a quotation, stays as it is.
"""

from __future__ import annotations

import re
from typing import Final

from lxml.etree import LxmlError, _Element, tostring
from lxml.html import HTMLParser, document_fromstring

_MARKED: Final = re.compile(
    r"<blockquote|gmail_quote|moz-cite-prefix|appendonsend|divRplyFwdMsg", re.IGNORECASE
)
_CLASSES: Final = frozenset(("gmail_quote", "moz-cite-prefix"))
_ENDS_ALL: Final = ("appendonsend", "divRplyFwdMsg")
"""Marks of Outlook, after which there is nothing but the quotation."""
_OUTLOOK: Final = re.compile(
    r"^-{3,} ?(?:Original Message|Ursprüngliche Nachricht|Message d'origine) ?-{3,}\s*$"
)
_LEAD_IN: Final = re.compile(r"^\S.{3,400}:\s*$")


def own(text: str, is_html: bool) -> str:
    """The part of a body that is its author's own; the whole where that cannot be told."""
    return _own_html(text) if is_html else _own_text(text)


def _own_text(text: str) -> str:
    lines = text.splitlines()
    outlook = next((number for number, line in enumerate(lines) if _OUTLOOK.match(line)), len(lines))
    kept = lines[:outlook]
    while kept and (kept[-1].startswith(">") or not kept[-1].strip()):
        kept.pop()
    if len(kept) < outlook and any(line.startswith(">") for line in lines[len(kept) : outlook]):
        if kept and _LEAD_IN.match(kept[-1]):
            kept.pop()
    elif outlook == len(lines):
        return text
    return "\n".join(kept).rstrip() or text


def _own_html(markup: str) -> str:
    if not _MARKED.search(markup):
        return markup
    try:
        tree = document_fromstring(markup, parser=HTMLParser(huge_tree=True))
        for element in filter(_is_quotation, tree.iter()):
            if element.get("id") in _ENDS_ALL or not _has_text_after(element):
                _cut_from(element)
                return str(tostring(tree, encoding="unicode", method="html")) if _text(tree) else markup
    except (LxmlError, ValueError, RecursionError):
        pass
    return markup


def _is_quotation(element: _Element) -> bool:
    classes = (element.get("class") or "").split()
    return element.tag == "blockquote" or element.get("id") in _ENDS_ALL or not _CLASSES.isdisjoint(classes)


def _text(element: _Element) -> str:
    return "".join(map(str, element.itertext())).strip()


def _has_text_after(element: _Element) -> bool:
    """Whether anything that can be read follows that is no quotation itself."""
    node: _Element | None = element
    while node is not None:
        if (node.tail or "").strip():
            return True
        for after in node.itersiblings():
            if after.tag != "blockquote" and _text(after):
                return True
            if (after.tail or "").strip():
                return True
        node = node.getparent()
    return False


def _cut_from(element: _Element) -> None:
    """Without this element and all that follows it."""
    node: _Element | None = element
    parent = element.getparent()
    while node is not None and parent is not None:
        for after in list(node.itersiblings()):
            parent.remove(after)
        node.tail = None
        if node is element:
            parent.remove(element)
        node, parent = parent, parent.getparent()
