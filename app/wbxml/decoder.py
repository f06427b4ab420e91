"""WBXML bytes to a tree (MS-ASWBXML 2.1), in one pass, without recursion.

Rules beyond the standard, for devices that bend it:

* STR_I and OPAQUE are taken anywhere; several of them in one tag are joined, to ``str`` when all are strings,
  else to ``bytes``. An empty string or block is the same as none: the value is ``None``.
* ``<t/>`` and ``<t></t>`` are the same.
* White space beside child tags is dropped; any other text beside them is an error, because no tag of
  ActiveSync has both and dropping it would lose something unseen.
* A tag that its page does not know is left out with all it holds, and logged once a document. An unknown page
  is an error, since nothing after it could be read; so is an unknown tag around the whole document.
* Attributes, entities, literals, extensions, processing instructions and string tables are errors.

Whatever is wrong with the bytes, the caller sees ``WbxmlError``.
"""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable
from mmap import mmap

from app.wbxml.code_page import FIRST_TOKEN
from app.wbxml.element import Block, Element
from app.wbxml.errors import WbxmlError
from app.wbxml.pages import PAGES
from app.wbxml.tokens import (
    ATTRIBUTES,
    CHARSET_UNKNOWN,
    CHARSET_UTF_8,
    CONTENT,
    END,
    MAX_DEPTH,
    MAX_ELEMENTS,
    MAX_MULTIBYTE,
    MAX_MULTIBYTE_BYTES,
    MAX_SIZE,
    OPAQUE,
    REFUSED,
    STR_I,
    SWITCH_PAGE,
    TOKEN_MASK,
    VERSIONS,
)

log = logging.getLogger(__name__)

LEAST_BLOCK = 128 * 1024
"""Bytes of a block that may stay in its file."""

LEFT_OUT = "a tag that no page knows"

# One entry a possible byte: the name of the tag, with and without content; None where it is no known tag.
Names = tuple[str | None, ...]


def _names_by_byte(names: dict[int, str]) -> Names:
    return tuple(names.get(byte & TOKEN_MASK) if byte < ATTRIBUTES else None for byte in range(256))


NAMES: tuple[Names, ...] = tuple(_names_by_byte(page.names) for page in PAGES)


def decode(data: bytes | mmap) -> Element:
    """The document element of ``data``; ``WbxmlError`` for all that is not a WBXML document of ActiveSync. Of data in a
    file large blocks stay there: :class:`app.wbxml.Block`."""
    if len(data) > MAX_SIZE:
        raise WbxmlError(f"the document has {len(data)} bytes, more than {MAX_SIZE}")
    # A tree makes hundreds of thousands of objects and no garbage: left on, the collector would walk all of
    # them again and again, and take four fifths of the time.
    collecting = gc.isenabled()
    gc.disable()
    try:
        return _Reader(data, _skip_header(data)).read()
    except IndexError:
        # Asking before each byte whether it is there would slow the loop down for nothing.
        raise WbxmlError("the document ends too early", len(data)) from None
    finally:
        if collecting:
            gc.enable()


def _skip_header(data: bytes | mmap) -> int:
    """The position after version, public identifier, character set and (empty) string table."""
    if data[0] not in VERSIONS:
        raise WbxmlError(f"WBXML version byte 0x{data[0]:02X} is not one of 1.1 to 1.3", 0)
    public_id, pos = _multibyte(data, 1)
    if public_id == 0:
        raise WbxmlError("a public identifier in the string table is not used in ActiveSync", 1)
    charset, after = _multibyte(data, pos)
    if charset not in (CHARSET_UNKNOWN, CHARSET_UTF_8):
        raise WbxmlError(f"character set {charset} is not UTF-8 (106)", pos)
    if charset == CHARSET_UNKNOWN and data[after] != 0:
        # The character set was left out, and the 0 is the length of the string table.
        return after
    table_length, body = _multibyte(data, after)
    if table_length:
        raise WbxmlError(f"a string table ({table_length} bytes) is not used in ActiveSync", after)
    return body


def _multibyte(data: bytes | mmap, pos: int) -> tuple[int, int]:
    """An unsigned number in groups of seven bits, highest first, and the position after it."""
    value = 0
    for place in range(pos, pos + MAX_MULTIBYTE_BYTES):
        byte = data[place]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            if value > MAX_MULTIBYTE:
                break
            return value, place + 1
    raise WbxmlError("a multi-byte number has more than 32 bits", pos)


class _Reader:
    """Reads one document: ``pos`` is the next byte, ``stack`` the open tags, ``texts`` their values yet."""

    __slots__ = ("data", "names", "page", "pieces", "pos", "stack", "texts", "unknown")

    def __init__(self, data: bytes | mmap, pos: int) -> None:
        self.data = data
        self.pos = pos
        self.page = 0
        self.names = NAMES[0]
        self.stack: list[Element] = []
        self.texts: list[list[str | bytes | Block] | None] = []
        self.pieces = 0
        self.unknown: set[tuple[int, int]] = set()

    def read(self) -> Element:
        root = self.read_root()
        if self.pos != len(self.data):
            raise WbxmlError(f"{len(self.data) - self.pos} bytes follow the document", self.pos)
        for page, token in sorted(self.unknown):
            log.warning("left out unknown tag 0x%02X of code page %d (%s)", token, page, PAGES[page].name)
        return root

    def read_root(self) -> Element:
        byte = self.data[self.pos]
        while byte == SWITCH_PAGE:
            self.pos = self.switch_page(self.pos + 1)
            byte = self.data[self.pos]
        name = self.names[byte]
        if name is None:
            raise WbxmlError(f"byte 0x{byte:02X} is not a known tag to begin a document with", self.pos)
        self.pos += 1
        root = Element(name)
        if byte >= CONTENT:
            self.open(root, self.pos)
            self.read_content()
        return root

    def read_content(self) -> None:
        """Read up to the END of the document element.

        This loop takes nearly all the time of a Sync, hence the local names and, first, the shortest way for
        what is most frequent: a tag with one string.
        """
        data, pos, names = self.data, self.pos, self.names
        find, new = data.find, Element.__new__
        append = self.stack[-1].children.append
        count = 1
        try:
            while self.stack:
                byte = data[pos]
                name = names[byte]
                pos += 1
                if name is not None:
                    count += 1
                    if count > MAX_ELEMENTS:
                        raise WbxmlError(f"the document has more than {MAX_ELEMENTS} tags", pos)
                    element = new(Element)
                    element.name = name
                    element.value = None
                    element.children = []
                    append(element)
                    if byte < CONTENT:
                        continue
                    if data[pos] == STR_I:
                        end = find(b"\0", pos)
                        if end > 0 and data[end + 1] == END:
                            element.value = data[pos + 1 : end].decode() or None
                            pos = end + 2
                            continue
                    self.open(element, pos)
                    append = element.children.append
                elif byte == END:
                    append = self.close(pos)
                else:
                    pos = self.read_rare(byte, pos)
                    names = self.names
                    append = self.stack[-1].children.append
        except UnicodeDecodeError as error:
            raise WbxmlError("a text is not UTF-8", pos + error.start) from None
        self.pos = pos

    def open(self, element: Element, pos: int) -> None:
        if len(self.stack) == MAX_DEPTH:
            raise WbxmlError(f"tags are nested deeper than {MAX_DEPTH}", pos)
        self.stack.append(element)
        self.texts.append(None)

    def close(self, pos: int) -> Callable[[Element], None]:
        """End the innermost tag and answer what adds a child to the one around it."""
        element = self.stack.pop()
        pieces = self.texts.pop()
        if pieces is not None and element.name is not LEFT_OUT:
            element.value = _joined(element, pieces, pos - 1)
        return (self.stack[-1] if self.stack else element).children.append

    def read_rare(self, byte: int, pos: int) -> int:
        """Read what begins with ``byte`` and is no known tag; the position after it."""
        if byte == SWITCH_PAGE:
            return self.switch_page(pos)
        if byte == STR_I:
            return self.read_string(pos)
        if byte == OPAQUE:
            return self.read_opaque(pos)
        if byte < ATTRIBUTES and byte & TOKEN_MASK >= FIRST_TOKEN:
            return self.leave_out(byte, pos)
        found = REFUSED.get(byte, f"a tag with attributes (0x{byte:02X})")
        raise WbxmlError(f"{found} is not used in ActiveSync", pos - 1)

    def switch_page(self, pos: int) -> int:
        page = self.data[pos]
        if page >= len(PAGES):
            raise WbxmlError(f"code page {page} does not exist", pos)
        self.page = page
        self.names = NAMES[page]
        return pos + 1

    def read_string(self, pos: int) -> int:
        end = self.data.find(b"\0", pos)
        if end < 0:
            raise WbxmlError("a string has no end", pos)
        self.add_piece(self.data[pos:end].decode(), pos)
        return end + 1

    def read_opaque(self, pos: int) -> int:
        length, start = _multibyte(self.data, pos)
        end = start + length
        if end > len(self.data):
            raise WbxmlError(f"an opaque block of {length} bytes is longer than the document", pos)
        if isinstance(self.data, bytes) or length < LEAST_BLOCK:
            self.add_piece(self.data[start:end], pos)
        else:
            self.add_piece(Block(self.data, start, end), pos)
        return end

    def add_piece(self, piece: str | bytes | Block, pos: int) -> None:
        if not piece:
            return
        self.pieces += 1
        if self.pieces > MAX_ELEMENTS:
            raise WbxmlError(f"the document has more than {MAX_ELEMENTS} pieces of text", pos)
        pieces = self.texts[-1]
        if pieces is None:
            self.texts[-1] = [piece]
        else:
            pieces.append(piece)

    def leave_out(self, byte: int, pos: int) -> int:
        """Pass over an unknown tag: it is read like any other, under the same guards, but hangs nowhere."""
        self.unknown.add((self.page, byte & TOKEN_MASK))
        if byte >= CONTENT:
            self.open(Element(LEFT_OUT), pos)
        return pos


def _joined(element: Element, pieces: list[str | bytes | Block], pos: int) -> str | bytes | Block | None:
    strings = [piece for piece in pieces if isinstance(piece, str)]
    if element.children:
        if len(strings) < len(pieces) or "".join(strings).strip():
            raise WbxmlError(f"{element.name} holds both text and tags", pos)
        return None
    if len(strings) == len(pieces):
        return "".join(strings)
    if len(pieces) == 1:
        return pieces[0]
    return b"".join(piece.encode() if isinstance(piece, str) else bytes(piece) for piece in pieces)
