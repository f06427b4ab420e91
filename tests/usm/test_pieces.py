"""Large files of messages stay where they lie and come back byte for byte (``app.usm.pieces``)."""

from __future__ import annotations

import base64
from email.message import Message

import pytest

from app.usm import pieces
from app.usm.pieces import BLOCK, HEADER, LEAST, Encoded, InMemory, Pieces, Slice

WORDS = b"word \r\n"


def block(size: int, end: bytes = b"\r\n") -> bytes:
    return base64.encodebytes(bytes(range(256)) * (size // 256)).replace(b"\n", end)


def with_files(*blocks: bytes) -> bytes:
    head = b"--b\r\nContent-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    parts = b"".join(b"%s%s\r\n" % (head, each) for each in blocks)
    return b"Subject: q\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" + parts + b"--b--\r\n"


@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
def test_what_is_set_aside_comes_back(end: bytes) -> None:
    mime = with_files(block(300_000, end), b"QUJD", block(500_000, end))
    light, held = pieces.lighten(mime)
    assert len(held) == 2
    assert len(light) < 1000
    assert bytes(pieces.restore(light, held)) == mime


@pytest.mark.parametrize("before", [0, 1, 70, 78, BLOCK, 4 * BLOCK - 3, 4 * BLOCK + 5, 9 * BLOCK])
@pytest.mark.parametrize("filler", [b"x", b"x\n"])
def test_files_are_found_wherever_they_begin(before: int, filler: bytes) -> None:
    mime = (filler * before)[:before] + b"\n" + block(2 * LEAST)
    light, held = pieces.lighten(InMemory(mime))
    assert len(held) == 1
    assert len(light) < before + 200
    assert bytes(pieces.restore(light, held)) == mime


@pytest.mark.parametrize(
    "mime",
    [
        b"",
        WORDS,
        with_files(block(1000)),
        with_files(block(20_000), WORDS * 50_000),
        b"x" * 2_000_000,
        WORDS * 50_000,
        b"A" * 1000 + b"\n" + b"A" * 39 + b"\n" + WORDS * 30_000,
    ],
)
def test_what_is_not_large_stays(mime: bytes) -> None:
    assert pieces.lighten(mime) == (mime, {})
    assert pieces.restore(mime, {}) is mime


def test_little_is_in_memory_again() -> None:
    assert pieces.restore(b"a line b", {b"line": InMemory(b"c")}) == b"a c b"


@pytest.mark.parametrize("size", [0, 1, 56, 57, 58, 114, 115, 1000, BLOCK, 2 * BLOCK + 1])
def test_what_is_encoded_is_base64(size: int) -> None:
    data = bytes(number % 251 for number in range(size))
    encoded = Encoded(InMemory(data))
    made = bytes(Pieces((encoded,)))
    assert made == base64.encodebytes(data).replace(b"\n", b"\r\n").removesuffix(b"\r\n")
    assert encoded.size == len(made)
    assert encoded.part(70, 90) == made[70:90]


def test_any_part_can_be_read() -> None:
    whole = b"abcdefghij"
    text = Pieces((b"ab", b"", Slice(InMemory(b"xcdex"), 1, 4), Pieces((b"f", b"ghij"))))
    assert (text.size, bytes(text), repr(text)) == (10, whole, "<10 bytes in 3 pieces>")
    for start in range(12):
        for stop in range(start, 13):
            assert text.part(start, stop) == whole[start:stop]


def test_a_message_gets_another_beginning() -> None:
    assert pieces.with_beginning(b"abc", b"x", 1) == b"xbc"
    large = b"abc" + bytes(LEAST)
    for text in (large, Pieces((large,))):
        made = pieces.with_beginning(text, b"x", 1)
        assert isinstance(made, Pieces)
        assert bytes(made) == b"xbc" + bytes(LEAST)
        assert pieces.beginning(made) == bytes(made)[:HEADER]


def test_messages_are_told_apart_and_judged_whatever_their_form() -> None:
    large = b"abc" * LEAST
    assert pieces.digest(large) == pieces.digest(Pieces((large,))) != pieces.digest(b"abc")
    assert pieces.is_ascii(large)
    assert pieces.is_ascii(Pieces((large,)))
    assert not pieces.is_ascii(Pieces((large, b"\xe4")))


def test_a_file_that_is_set_aside_stands_for_itself() -> None:
    held: dict[bytes, pieces.Stored] = {}
    file = InMemory(b"a" * LEAST)
    one, two = pieces.set_aside(file, held), pieces.set_aside(Encoded(file), held)
    made = pieces.restore(f"({one}|{two})".encode(), held)
    assert bytes(made) == b"(" + file.part(0, LEAST) + b"|" + Encoded(file).part(0, 2 * LEAST) + b")"


def test_a_part_that_is_to_be_read_is_in_memory() -> None:
    light, held = pieces.lighten(b"\r\n\r\n" + block(300_000))
    part, other = Message(), Message()
    part.set_payload(light.decode())
    other.set_payload([Message()])
    pieces.restore_part(part, held)
    pieces.restore_part(other, held)
    assert part.get_payload().encode() == b"\r\n\r\n" + block(300_000)
