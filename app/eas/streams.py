"""Answers too large to hold: pieces put one behind the other, as base64, cut to a range (MS-ASCMD 2.2.1.10.1).

What is made here is an iterator of bytes with ``close``: whoever sends it reads it to its end or closes it, and what
lies below is closed with it.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Final

from app.usm.model import Download
from app.wbxml.element import Pieces

_LARGEST: Final = 2**32 - 1


class Chain:
    """Pieces one behind the other. ``close`` closes all that have something to close."""

    def __init__(self, parts: Sequence[bytes | Iterator[bytes]]) -> None:
        self._parts = list(parts)
        self._rest = self._read()

    def _read(self) -> Iterator[bytes]:
        for part in self._parts:
            if isinstance(part, bytes):
                yield part
            else:
                yield from part

    def __iter__(self) -> Chain:
        return self

    def __next__(self) -> bytes:
        return next(self._rest)

    def close(self) -> None:
        """Give up what is left."""
        close(part for part in self._parts if not isinstance(part, bytes))


class _Derived:
    """What is made of another stream while it is read; closing it closes that one."""

    def __init__(self, source: Iterator[bytes], made: Iterator[bytes]) -> None:
        self._source = source
        self._made = made

    def __iter__(self) -> _Derived:
        return self

    def __next__(self) -> bytes:
        return next(self._made)

    def close(self) -> None:
        """Give up what is left."""
        close([self._source])


def _base64(source: Iterator[bytes]) -> Iterator[bytes]:
    left = b""
    for chunk in source:
        whole = left + chunk
        end = len(whole) - len(whole) % 3
        left = whole[end:]
        yield base64.b64encode(whole[:end])
    yield base64.b64encode(left)


def _part(source: Iterator[bytes], first: int, count: int) -> Iterator[bytes]:
    skip, left = first, count
    while left:
        chunk = next(source)
        piece = chunk[skip : skip + left]
        skip = max(skip - len(chunk), 0)
        left -= len(piece)
        yield piece
    close([source])


def close(streams: Iterable[Iterator[bytes]]) -> None:
    """Close those of them that can be closed."""
    with ExitStack() as stack:
        for stream in streams:
            end = getattr(stream, "close", None)
            if end is not None:
                stack.callback(end)


def sized(download: Download) -> Download:
    """The same file with a size; one that nobody knows the size of is read whole."""
    if download.size is not None:
        return download
    data = b"".join(download.chunks)
    return replace(download, chunks=iter((data,)), size=len(data))


def cut(download: Download, first: int, last: int) -> Download:
    """The bytes from ``first`` to ``last``, both of them included, as far as there are any. Raises ``ValueError`` when
    there is not one. ``download`` has a size."""
    size = download.size or 0
    count = min(last + 1, size) - first
    if count <= 0:
        raise ValueError(f"bytes {first} to {last} of {size}")
    made = _Derived(download.chunks, _part(download.chunks, first, count))
    return Download(made, download.content_type, count, download.name)


def as_base64(download: Download) -> Pieces:
    """A file that has a size as the text that a document carries."""
    made = _Derived(download.chunks, _base64(download.chunks))
    return Pieces(made, -(-(download.size or 0) // 3) * 4)


def joined(pieces: Sequence[bytes | Pieces], content_type: str) -> Download:
    """A document in pieces as one stream."""
    size = sum(len(piece) if isinstance(piece, bytes) else piece.size for piece in pieces)
    chunks = [piece if isinstance(piece, bytes) else piece.chunks for piece in pieces]
    return Download(Chain(chunks), content_type, size)


def multipart(document: bytes, parts: Sequence[Download], content_type: str) -> Download:
    """The document and the parts that it names, behind the table of where each lies: numbers of 32 bits, the lowest
    byte first; offsets count from the start of all (MS-ASCMD 2.2.1.10.1). Raises ``ValueError`` for more bytes than
    such a number can tell."""
    lengths = [len(document), *(part.size or 0 for part in parts)]
    offset = 4 + 8 * len(lengths)
    if offset + sum(lengths) > _LARGEST:
        raise ValueError(f"{sum(lengths)} bytes are more than a multipart answer can hold")
    table = struct.pack("<I", len(lengths))
    for length in lengths:
        table += struct.pack("<II", offset, length)
        offset += length
    return Download(Chain([table, document, *(part.chunks for part in parts)]), content_type, offset)
