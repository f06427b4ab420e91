"""A tree to WBXML bytes (MS-ASWBXML 2.1), in one pass, without recursion.

* The header is always ``03 01 6A 00``; SWITCH_PAGE is written only where the page changes.
* ``str`` becomes STR_I, ``bytes`` become OPAQUE; without a value or children a tag has its short form.
* Characters that XML 1.0 forbids are left out of strings, so that no text of a mail can break the document: a
  NUL would end the string, and devices refuse the rest.
* An unknown name, a value beside children, a value of another type, or a tree deeper than the decoder accepts
  is a mistake of the caller: ``WbxmlError``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from app.wbxml.element import Element, Pieces
from app.wbxml.errors import WbxmlError
from app.wbxml.pages import PAGES
from app.wbxml.tokens import CONTENT, END, HEADER, MAX_DEPTH, OPAQUE, STR_I, SWITCH_PAGE

_END = bytes([END])
_END_OF_TEXT = bytes([0, END])
_SWITCH = tuple(bytes([SWITCH_PAGE, page.number]) for page in PAGES)

# Name -> page number, and the bytes that begin the tag: empty, with content, with a string.
_TAGS: dict[str, tuple[int, bytes, bytes, bytes]] = {
    name: (page.number, bytes([token]), bytes([token | CONTENT]), bytes([token | CONTENT, STR_I]))
    for page in PAGES
    for token, name in page.names.items()
}

# XML 1.0 2.2: no control characters but tab, line feed and carriage return ...
_FORBIDDEN_BYTES = bytes(byte for byte in range(0x20) if byte not in b"\t\n\r")
# ... and neither U+FFFE nor U+FFFF, here in UTF-8.
_FORBIDDEN_CHARACTERS = (b"\xef\xbf\xbe", b"\xef\xbf\xbf")


def encode(root: Element) -> bytes:
    """The document of ``root`` in WBXML; ``WbxmlError`` names the element that cannot be written."""
    parts = _parts(root)
    try:
        return b"".join(parts)  # type: ignore[arg-type]
    except TypeError:
        raise WbxmlError(f"{root.name} holds a value that is only written in pieces") from None


def encode_in_pieces(root: Element) -> list[bytes | Pieces]:
    """The document of ``root`` with its :class:`~app.wbxml.element.Pieces` in their places."""
    parts = _parts(root)
    with suppress(TypeError):  # one that is written in pieces, which few documents hold
        return [b"".join(parts)]  # type: ignore[arg-type]
    joined: list[bytes | Pieces] = []
    waiting: list[bytes] = []
    for part in parts:
        if isinstance(part, bytes):
            waiting.append(part)
        else:
            joined += (b"".join(waiting), part)
            waiting = []
    return [*joined, b"".join(waiting)]


def _parts(root: Element) -> list[bytes | Pieces]:
    parts: list[bytes | Pieces] = [HEADER]
    current_page = 0
    open_tags: list[Iterator[Element]] = [iter((root,))]
    while open_tags:
        for element in open_tags[-1]:
            tag = _TAGS.get(element.name)
            if tag is None:
                raise WbxmlError(f"no code page has a tag {element.name!r}")
            page, empty, opening, opening_text = tag
            if page != current_page:
                parts.append(_SWITCH[page])
                current_page = page
            if element.children:
                _check_nesting(element, len(open_tags))
                parts.append(opening)
                open_tags.append(iter(element.children))
                break
            value = element.value
            if value is None:
                parts.append(empty)
            elif isinstance(value, str):
                text = _allowed(value)
                parts += (opening_text, text, _END_OF_TEXT) if text else (empty,)
            elif isinstance(value, bytes):
                parts += (opening, _opaque_head(len(value)), value, _END) if value else (empty,)
            elif isinstance(value, Pieces):
                parts += (opening_text, value, _END_OF_TEXT)
            else:
                raise WbxmlError(
                    f"{element.name} has a value of type {type(value).__name__}, not str or bytes"
                )
        else:
            open_tags.pop()
            parts.append(_END)
    parts.pop()  # the END of no tag, from the list that holds the root alone
    return parts


def _check_nesting(element: Element, depth: int) -> None:
    if element.value is not None:
        raise WbxmlError(f"{element.name} has both a value and children")
    if depth >= MAX_DEPTH:
        raise WbxmlError(f"{element.name} is nested deeper than {MAX_DEPTH}")


def _allowed(text: str) -> bytes:
    """``text`` in UTF-8 without what XML 1.0 forbids, lone surrogates among it."""
    raw = text.encode("utf-8", "ignore")
    if not text.isprintable():
        raw = raw.translate(None, _FORBIDDEN_BYTES)
        for character in _FORBIDDEN_CHARACTERS:
            if character in raw:
                raw = raw.replace(character, b"")
    return raw


def _opaque_head(length: int) -> bytes:
    """OPAQUE and ``length`` in groups of seven bits, highest first."""
    groups = [length & 0x7F]
    while length := length >> 7:
        groups.append(length & 0x7F | 0x80)
    return bytes([OPAQUE, *reversed(groups)])
