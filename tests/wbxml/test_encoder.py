"""Tree in, bytes out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.wbxml import Element, WbxmlError, decode, encode
from app.wbxml.tokens import MAX_DEPTH
from tests.wbxml.trees import NAMES, unhurried


def nested(depth: int) -> Element:
    element = Element("AirSync:Sync")
    for _ in range(depth - 1):
        element = Element("AirSync:Sync", None, [element])
    return element


@pytest.mark.requirement("MS-ASDTYPE", 8, 9, 83, 87, 88, 90, 91, 94, 97, 98, 123, 125, 502)
@pytest.mark.requirement("MS-ASWBXML", 1, 6)
@pytest.mark.parametrize(
    ("tree", "body"),
    [
        (Element("AirSync:Sync"), "05"),
        (Element("AirSync:Sync", ""), "05"),
        (Element("AirSync:Sync", b""), "05"),
        (Element("AirSync:Sync", "\0"), "05"),
        (Element("AirSync:SyncKey", "ä"), "4B 03 C3A4 00 01"),
        (Element("ComposeMail:Mime", b"a\0b"), "0015 50 C3 03 610062 01"),
        (Element("ComposeMail:Mime", b"x" * 128), "0015 50 C3 8100" + "78" * 128 + "01"),
        (
            Element(
                "AirSync:Sync",
                None,
                [Element("Email:To", "a"), Element("Email:Read", "1"), Element("AirSync:MoreAvailable")],
            ),
            "45 0002 56 03 6100 01 55 03 3100 01 0000 14 01",
        ),
    ],
)
def test_a_tree_is_written_as_these_bytes(tree: Element, body: str) -> None:
    assert encode(tree) == bytes.fromhex("03016A00" + body)


@pytest.mark.parametrize("name", NAMES)
def test_every_tag_can_be_written_and_read(name: str) -> None:
    for tree in (Element(name), Element(name, "x"), Element(name, None, [Element(name)])):
        assert decode(encode(tree)) == tree


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a\0b", "ab"),
        ("tab\tline\r\nend", "tab\tline\r\nend"),
        ("bell\a and \x1b escape", "bell and  escape"),
        ("no \ufffe character \uffff", "no  character "),
        ("half \ud83d a pair \udc00", "half  a pair "),
        ("\x7f\x85\ufffd", "\x7f\x85\ufffd"),
    ],
)
def test_characters_that_xml_forbids_are_left_out(text: str, written: str) -> None:
    assert decode(encode(Element("Email:Subject", text))).value == written


@unhurried
@given(st.text(st.characters(exclude_categories=[])))
def test_any_text_at_all_leaves_a_readable_document(text: str) -> None:
    tree = Element("AirSync:Sync", None, [Element("Email:Subject", text), Element("Email:Read", "1")])
    read = decode(encode(tree))
    assert read.text_of("Email:Read") == "1"
    allowed = [
        c for c in text if c in "\t\n\r" or " " <= c <= "\ud7ff" or "\ue000" <= c <= "\ufffd" or c > "\uffff"
    ]
    assert read.text_of("Email:Subject") == "".join(allowed)


@pytest.mark.parametrize(
    ("tree", "complaint"),
    [
        (Element("AirSync:Nonsense"), "no code page has a tag 'AirSync:Nonsense'"),
        (Element("Sync"), "no code page has a tag 'Sync'"),
        (Element("AirSync:Sync", "x", [Element("AirSync:Status")]), "both a value and children"),
        (Element("AirSync:Status", 1), "type int"),  # type: ignore[arg-type]
        (Element("AirSync:Status", 0), "type int"),  # type: ignore[arg-type]
        (nested(MAX_DEPTH + 1), "nested deeper than 32"),
    ],
)
def test_a_tree_that_cannot_be_written_is_refused_by_name(tree: Element, complaint: str) -> None:
    with pytest.raises(WbxmlError, match=complaint) as caught:
        encode(tree)
    assert caught.value.offset is None


def test_the_deepest_document_that_is_written_can_be_read() -> None:
    assert decode(encode(nested(MAX_DEPTH))) == nested(MAX_DEPTH)


def test_a_tree_that_holds_itself_is_refused() -> None:
    tree = Element("AirSync:Sync")
    tree.append(tree)
    with pytest.raises(WbxmlError, match="nested"):
        encode(tree)
