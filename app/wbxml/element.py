"""The tree that WBXML bytes stand for.

A name is ``"Page:Tag"``, for example ``"AirSync:Sync"`` or ``"AirSyncBase:Body"``, with the page and tag
names of MS-ASWBXML 2.1.2.1.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from mmap import mmap


@dataclass(frozen=True, slots=True)
class Pieces:
    """A value too large to hold: text in ASCII without NUL, ``size`` bytes in all, that comes in pieces and only once.
    :func:`app.wbxml.encode_in_pieces` writes it; a decoder makes none."""

    chunks: Iterator[bytes]
    size: int


class Block:
    """A large opaque block of a document that lies in a file: it stays there, and any part of it can be read."""

    __slots__ = ("_data", "_start", "size")

    def __init__(self, data: mmap, start: int, stop: int) -> None:
        self._data = data
        self._start = start
        self.size = stop - start

    def __bytes__(self) -> bytes:
        """All of it in memory."""
        return self.part(0, self.size)

    def part(self, start: int, stop: int) -> bytes:
        """The bytes from ``start`` up to ``stop``."""
        return self._data[self._start + start : self._start + min(stop, self.size)]


class Element:
    """One tag with either children or a value.

    ``value`` is ``None`` for an empty tag or one with children, ``str`` for an inline string (STR_I), ``bytes`` for
    an opaque block (OPAQUE), :class:`Block` for a large one that was read from a file, and :class:`Pieces` for an
    inline string that is written piece by piece.
    """

    __slots__ = ("children", "name", "value")

    def __init__(
        self,
        name: str,
        value: str | bytes | Block | Pieces | None = None,
        children: Iterable[Element | None] = (),
    ) -> None:
        """``children`` that are ``None`` are left out, so that optional ones can be written in place."""
        self.name = name
        self.value = value
        self.children = [child for child in children if child is not None] if children else []

    def __repr__(self) -> str:
        if self.children:
            return f"<{self.name} {self.children!r}>"
        return f"<{self.name}>" if self.value is None else f"<{self.name} {self.value!r}>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Element):
            return NotImplemented
        return (self.name, self.value, self.children) == (other.name, other.value, other.children)

    __hash__ = None  # type: ignore[assignment]

    def __iter__(self) -> Iterator[Element]:
        return iter(self.children)

    @property
    def text(self) -> str:
        """The value as text: ``""`` for an empty tag; opaque bytes are read as UTF-8."""
        if isinstance(self.value, bytes | Block):
            return self.data.decode("utf-8", "replace")
        return self.value if isinstance(self.value, str) else ""

    @property
    def data(self) -> bytes:
        """The value as bytes, in memory; a text as UTF-8."""
        return bytes(self.value) if isinstance(self.value, bytes | Block) else self.text.encode()

    def find(self, name: str) -> Element | None:
        """The first direct child with this name."""
        for child in self.children:
            if child.name == name:
                return child
        return None

    def find_all(self, name: str) -> list[Element]:
        """All direct children with this name, in order."""
        return [child for child in self.children if child.name == name]

    def text_of(self, name: str) -> str | None:
        """The text of the first direct child with this name, ``None`` where there is none."""
        child = self.find(name)
        return None if child is None else child.text

    def append(self, child: Element | None) -> None:
        """Add a child at the end; ``None`` is left out."""
        if child is not None:
            self.children.append(child)
