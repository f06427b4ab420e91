"""How a tree is built and asked."""

from __future__ import annotations

import pytest

from app.wbxml import Element

TREE = Element(
    "AirSync:Add",
    None,
    [Element("AirSync:ServerId", "1"), None, Element("AirSync:ServerId", "2"), Element("AirSync:Fetch")],
)


def test_children_that_are_none_are_left_out() -> None:
    tree = Element("AirSync:Add")
    tree.append(None)
    assert list(tree) == []
    tree.append(Element("AirSync:ServerId"))
    assert [child.name for child in tree] == ["AirSync:ServerId"]
    assert len(TREE.children) == 3


def test_the_first_child_with_a_name_is_found() -> None:
    assert TREE.find("AirSync:ServerId") == Element("AirSync:ServerId", "1")
    assert TREE.find("AirSync:Status") is None
    assert TREE.text_of("AirSync:ServerId") == "1"
    assert TREE.text_of("AirSync:Status") is None
    assert TREE.text_of("AirSync:Fetch") == ""
    assert [child.text for child in TREE.find_all("AirSync:ServerId")] == ["1", "2"]


def test_opaque_bytes_are_read_as_utf_8() -> None:
    assert Element("Email:Subject", b"\xc3\xa4\xff").text == "ä\ufffd"


def test_trees_are_equal_by_name_value_and_children() -> None:
    assert Element("AirSync:Status", "1") == Element("AirSync:Status", "1")
    assert Element("AirSync:Status", "1") != Element("AirSync:Status", b"1")
    assert Element("AirSync:Status") != "AirSync:Status"
    with pytest.raises(TypeError):
        hash(TREE)


def test_a_tree_shows_itself_in_one_line() -> None:
    assert (
        repr(Element("AirSync:Add", None, [Element("AirSync:Status", "1")]))
        == "<AirSync:Add [<AirSync:Status '1'>]>"
    )
    assert repr(Element("AirSync:Add")) == "<AirSync:Add>"
