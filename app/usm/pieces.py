"""Messages in pieces: what a person wrote is in memory, large files within it stay where they lie (RFC 2045 6.8).

A file of a message is a long block of base64, and nobody looks at it. So a message is read once, in blocks, and a
short line takes the place of each file (:func:`lighten`): what is left is small, and is taken apart and put together.
Then the files come back into their places, byte for byte (:func:`restore`), and what comes of it is a sequence of
pieces that goes on its way in blocks: no message is ever in memory as a whole, however large. A block that turns out to
be the words of the message is put back before they are read (:func:`restore_part`).

What lies where, this module does not know: it asks a :class:`Stored` for any part of it.
"""

from __future__ import annotations

import re
from base64 import encodebytes
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.message import Message
from hashlib import blake2b
from itertools import accumulate
from mmap import mmap
from typing import Any, Final, Protocol

BLOCK: Final = 64 * 1024
"""Bytes that are in memory at a time."""
LEAST: Final = 128 * 1024
"""Bytes of a file that is worth it."""

_REGION: Final = 4 * BLOCK
_LINE: Final = 78
"""Bytes of a line of base64, with its end; it stands for 57."""
_BYTES_A_LINE: Final = 57
HEADER: Final = 256 * 1024
"""Bytes of a message in which its header ends."""
_RUN: Final = re.compile(rb"^(?:[A-Za-z0-9+/]{40,998}\r?\n)+", re.MULTILINE)


class Stored(Protocol):
    """Bytes that lie somewhere; any part of them may be read, as often as wanted."""

    @property
    def size(self) -> int:
        """How many there are."""
        ...

    def part(self, start: int, stop: int) -> bytes:
        """Those from ``start`` up to ``stop``."""
        ...


Held = Mapping[bytes, Stored]
"""The line that stands for a file → the file as it stands in the message."""


class InMemory:
    """Bytes that are in memory anyway, or in a file that looks as if it were."""

    def __init__(self, data: bytes | mmap) -> None:
        self._data = data
        self.size = len(data)

    def part(self, start: int, stop: int) -> bytes:
        """See :class:`Stored`."""
        return self._data[start:stop]


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of what is stored."""

    of: Stored
    start: int
    stop: int

    @property
    def size(self) -> int:
        """See :class:`Stored`."""
        return self.stop - self.start

    def part(self, start: int, stop: int) -> bytes:
        """See :class:`Stored`."""
        return self.of.part(self.start + start, min(self.start + stop, self.stop))


@dataclass(frozen=True, slots=True)
class Encoded:
    """The base64 of what is stored, in lines of 76 characters, the last one without its end."""

    of: Stored

    @property
    def size(self) -> int:
        """See :class:`Stored`."""
        lines = -(-self.of.size // _BYTES_A_LINE)
        return 4 * -(-self.of.size // 3) + 2 * max(lines - 1, 0)

    def part(self, start: int, stop: int) -> bytes:
        """See :class:`Stored`."""
        first, last = start // _LINE, -(-stop // _LINE)
        data = self.of.part(first * _BYTES_A_LINE, min(last * _BYTES_A_LINE, self.of.size))
        lines = encodebytes(data).replace(b"\n", b"\r\n")
        return lines[start - first * _LINE : min(stop, self.size) - first * _LINE]


class Pieces:
    """A message as a sequence of pieces, itself :class:`Stored`."""

    def __init__(self, pieces: Sequence[bytes | Stored]) -> None:
        self._pieces = [stored(piece) for piece in pieces if not isinstance(piece, bytes) or piece]
        self._starts = list(accumulate((piece.size for piece in self._pieces), initial=0))
        self.size = self._starts[-1]

    def part(self, start: int, stop: int) -> bytes:
        """See :class:`Stored`."""
        found: list[bytes] = []
        number = bisect_right(self._starts, start) - 1
        while start < min(stop, self.size):
            piece, first = self._pieces[number], self._starts[number]
            end = min(stop, first + piece.size)
            found.append(piece.part(start - first, end - first))
            start = end
            number += 1
        return b"".join(found)

    def __iter__(self) -> Iterator[bytes]:
        """All of it, in blocks."""
        for start in range(0, self.size, BLOCK):
            yield self.part(start, min(start + BLOCK, self.size))

    def __bytes__(self) -> bytes:
        """All of it in memory."""
        return b"".join(self)

    def __repr__(self) -> str:
        return f"<{self.size} bytes in {len(self._pieces)} pieces>"


Text = bytes | Pieces
"""A message: in memory, or in pieces where there is much of it."""


def stored(data: bytes | Stored) -> Stored:
    """The same for bytes in memory."""
    return InMemory(data) if isinstance(data, bytes) else data


def beginning(text: Text) -> bytes:
    """As much of a message from its beginning as any header takes, and more."""
    return text if isinstance(text, bytes) else text.part(0, HEADER)


def with_beginning(text: Text, beginning: bytes, without: int = 0) -> Text:
    """The message with another beginning, in place of its first so many bytes."""
    if isinstance(text, bytes) and len(text) < LEAST:
        return beginning + text[without:]
    rest = stored(text)
    return Pieces((beginning, Slice(rest, without, rest.size)))


def digest(text: Text) -> str:
    """32 hexadecimal digits that differ where the messages differ."""
    marked = blake2b(digest_size=16)
    for block in (text,) if isinstance(text, bytes) else text:
        marked.update(block)
    return marked.hexdigest()


def is_ascii(text: Text) -> bool:
    """Whether all of it is."""
    return text.isascii() if isinstance(text, bytes) else all(block.isascii() for block in text)


def set_aside(file: Stored, held: dict[bytes, Stored]) -> str:
    """Let a line stand for a file; the line, made of all that is in the file, so that none of it can hold it."""
    line = _line(digest(Pieces((file.of if isinstance(file, Encoded) else file,))).encode(), len(held))
    held[line] = file
    return line.decode()


def lighten(mime: bytes | Stored) -> tuple[bytes, Held]:
    """The message without its large files, and these."""
    whole = stored(mime)
    if whole.size < LEAST:
        return whole.part(0, whole.size), {}
    runs, marked = _runs(whole)
    held: dict[bytes, Stored] = {}
    light: list[bytes] = []
    end = 0
    for start, stop in runs:
        stop -= 2 if whole.part(stop - 2, stop) == b"\r\n" else 1
        line = _line(marked, len(held))
        held[line] = Slice(whole, start, stop)
        light += (whole.part(end, start), line)
        end = stop
    return b"".join((*light, whole.part(end, whole.size))), held


def _runs(whole: Stored) -> tuple[list[tuple[int, int]], bytes]:
    """Where the large files begin and end, and the mark of their lines: made of all that there is, so that none of it
    can hold it."""
    runs: list[tuple[int, int]] = []
    marked = blake2b(digest_size=16)
    place = 0
    at_line = True
    while place < whole.size:
        region = whole.part(place, min(place + _REGION, whole.size))
        cut = region.rfind(b"\n") + 1
        region = region[:cut] if cut else region
        marked.update(region)
        for found in _RUN.finditer(region, 0 if at_line else region.find(b"\n") + 1 or len(region)):
            start, stop = place + found.start(), place + found.end()
            if runs and runs[-1][1] == start:
                runs[-1] = (runs[-1][0], stop)
            else:
                runs.append((start, stop))
        place += len(region)
        at_line = bool(cut)
    return [run for run in runs if run[1] - run[0] >= LEAST], marked.hexdigest().encode()


def _line(marked: bytes, number: int) -> bytes:
    return b"usm%s%06d" % (marked, number)


def restore(mime: bytes, held: Held) -> Text:
    """The message with its files in their places."""
    if not held:
        return mime
    lines = re.compile(b"(" + b"|".join(map(re.escape, held)) + b")")
    whole = Pieces([held.get(piece, piece) for piece in lines.split(mime)])
    return whole if whole.size >= LEAST else bytes(whole)


def restore_part(part: Message, held: Held) -> None:
    """The same for one part that is to be read: it is in memory then."""
    payload: Any = part.get_payload()
    if held and isinstance(payload, str) and "usm" in payload:
        whole = bytes(restore(payload.encode("ascii", "surrogateescape"), held))
        part.set_payload(whole.decode("ascii", "surrogateescape"))
