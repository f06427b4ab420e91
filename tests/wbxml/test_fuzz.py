"""Whatever the bytes: a tree or ``WbxmlError``, and nothing else; whatever the tree: the same tree again."""

from __future__ import annotations

import random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.wbxml import Element, WbxmlError, decode, encode
from app.wbxml.pages import PAGES
from tests.wbxml.trees import trees, unhurried

HEADER = b"\x03\x01\x6a\x00"

SYNC = Element(
    "AirSync:Sync",
    None,
    [
        Element(
            "AirSync:Collections",
            None,
            [
                Element(
                    "AirSync:Collection",
                    None,
                    [
                        Element("AirSync:SyncKey", "12345"),
                        Element("AirSync:MoreAvailable"),
                        Element("Email:Subject", "Grüße"),
                        Element("Email2:ConversationId", bytes(range(256))),
                    ],
                )
            ],
        )
    ],
)


def read(data: bytes) -> Element | None:
    """The tree, ``None`` where the bytes were refused; any other exception fails the test."""
    try:
        return decode(data)
    except WbxmlError:
        return None


@unhurried
@given(trees)
def test_a_tree_survives_the_wire(tree: Element) -> None:
    assert decode(encode(tree)) == tree


@unhurried
@given(trees)
def test_writing_is_stable(tree: Element) -> None:
    data = encode(tree)
    assert encode(decode(data)) == data


@unhurried
@given(trees)
def test_a_document_cut_anywhere_is_refused(tree: Element) -> None:
    data = encode(tree)
    for length in range(len(data)):
        with pytest.raises(WbxmlError):
            decode(data[:length])


@unhurried
@given(trees, st.binary(min_size=1, max_size=20))
def test_bytes_after_the_document_are_refused(tree: Element, rest: bytes) -> None:
    with pytest.raises(WbxmlError, match="follow the document"):
        decode(encode(tree) + rest)


@unhurried
@given(st.binary(max_size=400))
@example(b"")
def test_random_bytes_are_read_or_refused(data: bytes) -> None:
    read(data)
    read(HEADER + data)
    read(HEADER + b"\x45" + data + b"\x01")


# Only bytes that mean something, so that documents get longer before they go wrong.
meaningful = st.sampled_from(
    [
        b"\x45",
        b"\x05",
        b"\x7e",
        b"\x3e",
        b"\x01",
        b"\x03x\0",
        b"\x03 \0",
        b"\xc3\x01y",
        b"\xc3\x00",
        b"\x02",
        b"\x85",
    ]
    + [bytes([0, page]) for page in (0, 1, 17, len(PAGES) - 1, len(PAGES))]
)


@unhurried
@given(st.lists(meaningful, max_size=60).map(b"".join))
def test_meaningful_bytes_in_any_order_are_read_or_refused(body: bytes) -> None:
    tree = read(HEADER + body)
    if tree is not None:
        assert decode(encode(tree)) == tree


@unhurried
@given(trees, st.data())
def test_flipped_bits_are_read_or_refused(tree: Element, data: st.DataObject) -> None:
    document = bytearray(encode(tree))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(document) * 8 - 1))
        document[place // 8] ^= 1 << place % 8
    read(bytes(document))


def test_every_single_bit_of_a_real_document_may_flip() -> None:
    document = encode(SYNC)
    for place in range(len(document) * 8):
        flipped = bytearray(document)
        flipped[place // 8] ^= 1 << place % 8
        read(bytes(flipped))


def test_every_single_byte_of_a_real_document_may_be_any_other() -> None:
    document = encode(SYNC)[:60]
    for place in range(len(document)):
        for value in range(256):
            read(document[:place] + bytes([value]) + document[place + 1 :])


def test_long_random_documents_are_read_or_refused() -> None:
    dice = random.Random(20)
    for _ in range(300):
        read(HEADER + b"\x45" + dice.randbytes(dice.randrange(20_000)))
