"""Answers in pieces: the same bytes as in one, and closed to the last of them."""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.eas import streams
from app.usm.model import Download
from app.wbxml import Element, Pieces, WbxmlError, encode, encode_in_pieces


class Source:
    """A file in blocks that knows whether it was closed."""

    def __init__(self, *blocks: bytes) -> None:
        self._blocks = iter(blocks)
        self.closed = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return next(self._blocks)

    def close(self) -> None:
        self.closed = True


def download(*blocks: bytes) -> Download:
    return Download(Source(*blocks), size=sum(map(len, blocks)))


BLOCKS = st.lists(st.binary(max_size=20), max_size=8)


@given(BLOCKS)
def test_base64_in_pieces_is_base64(blocks: list[bytes]) -> None:
    pieces = streams.as_base64(download(*blocks))
    data = b"".join(pieces.chunks)
    assert base64.b64decode(data, validate=True) == b"".join(blocks)
    assert len(data) == pieces.size


@given(BLOCKS, st.integers(0, 200), st.integers(0, 200))
def test_a_range_is_that_part_of_the_file(blocks: list[bytes], first: int, count: int) -> None:
    whole = b"".join(blocks)
    expected = whole[first : first + count]
    if not expected:
        with pytest.raises(ValueError, match="bytes"):
            streams.cut(download(*blocks), first, first + count - 1)
        return
    part = streams.cut(download(*blocks), first, first + count - 1)
    assert b"".join(part.chunks) == expected
    assert part.size == len(expected)


@given(st.binary(max_size=50), st.lists(BLOCKS, max_size=4))
def test_the_table_tells_where_each_part_lies(document: bytes, parts: list[list[bytes]]) -> None:
    made = streams.multipart(document, [download(*blocks) for blocks in parts], "x")
    data = b"".join(made.chunks)
    assert made.size == len(data)
    expected = [document, *(b"".join(blocks) for blocks in parts)]
    (count,) = struct.unpack_from("<I", data)
    table = [struct.unpack_from("<II", data, 4 + 8 * position) for position in range(count)]
    assert [data[offset : offset + length] for offset, length in table] == expected


def test_a_multipart_answer_has_its_limit() -> None:
    with pytest.raises(ValueError, match="multipart"):
        streams.multipart(b"x", [Download(iter(()), size=2**32)], "x")


def test_closing_an_answer_closes_all_that_is_in_it() -> None:
    one, two, three = Source(b"a"), Source(b"b"), Source(b"c")
    part = streams.cut(Download(two, size=1), 0, 0)
    text = streams.as_base64(Download(three, size=1))
    answer = streams.multipart(b"", [Download(one, size=1), part, Download(text.chunks, size=4)], "x")
    next(answer.chunks)
    streams.close([answer.chunks])
    assert one.closed
    assert two.closed
    assert three.closed


def test_a_range_closes_its_file_when_it_ends() -> None:
    source = Source(b"abc", b"def")
    assert b"".join(streams.cut(Download(source, size=6), 1, 3).chunks) == b"bcd"
    assert source.closed


def test_a_file_whose_size_nobody_knows_is_read_to_tell() -> None:
    known = streams.sized(Download(iter((b"ab", b"c")), "text/plain", None, "a.txt"))
    assert (known.size, b"".join(known.chunks), known.content_type, known.name) == (
        3,
        b"abc",
        "text/plain",
        "a.txt",
    )
    assert streams.sized(known) is known


def test_a_document_in_pieces_is_the_document() -> None:
    def document(value: str | Pieces) -> Element:
        return Element(
            "ItemOperations:Properties",
            children=[Element("ItemOperations:Data", value), Element("ItemOperations:Part", "1")],
        )

    pieces = encode_in_pieces(document(Pieces(iter((b"YW", b"Jj")), 4)))
    joined = streams.joined(pieces, "x")
    assert b"".join(joined.chunks) == encode(document("YWJj"))
    assert joined.size == len(encode(document("YWJj")))
    assert encode_in_pieces(document("YWJj")) == [encode(document("YWJj"))]
    with pytest.raises(WbxmlError, match="pieces"):
        encode(document(Pieces(iter(()), 0)))
    assert document(Pieces(iter(()), 0)).children[0].text == ""
