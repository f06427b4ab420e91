"""The checker of answers, which other tests trust, checks."""

from __future__ import annotations

import pytest

from app.wbxml import Element, encode
from tests import schemas

pytestmark = pytest.mark.skipif(not schemas.available(), reason="the schemas are not there")


def sync(*fields: Element, item_class: str | None = None) -> Element:
    item = Element(
        "AirSync:Add",
        None,
        [Element("AirSync:ServerId", "1:1"), Element("AirSync:ApplicationData", None, fields)],
    )
    collection = Element(
        "AirSync:Collection",
        None,
        [
            Element("AirSync:Class", item_class) if item_class else None,
            Element("AirSync:SyncKey", "2"),
            Element("AirSync:CollectionId", "1"),
            Element("AirSync:Status", "1"),
            Element("AirSync:Commands", None, [item]),
        ],
    )
    return Element("AirSync:Sync", None, [Element("AirSync:Collections", None, [collection])])


NAME = Element("Contacts:FirstName", "Zoë")


@pytest.mark.parametrize(
    ("answer", "version"),
    [
        (sync(NAME), "16.1"),
        (encode(sync(NAME)), "14.1"),
        (sync(NAME, item_class="Contacts"), "12.1"),
        (sync(Element("Email2:ConversationId", b"\0\1")), "14.0"),
        (b"", "16.1"),
        (Element("Ping:Ping", None, [Element("Ping:Status", "1")]), "12.1"),
    ],
)
def test_a_right_answer_passes(answer: Element | bytes, version: str) -> None:
    schemas.validate(answer, version)


@pytest.mark.parametrize(
    ("answer", "version", "complaint"),
    [
        (sync(NAME, item_class="Contacts"), "14.1", "Class"),
        (sync(Element("AirSync:Status", "1")), "16.1", "Status"),
        (sync(Element("Email:Read", "perhaps")), "16.1", "perhaps"),
        (
            sync(Element("Email2:ConversationId", b"\0\1")),
            "12.1",
            "Email2:ConversationId does not exist in 12.1",
        ),
        (sync(Element("Email:GlobalObjId", "x")), "16.1", "does not exist in 16.1"),
        (Element("Ping:Ping"), "16.1", "Ping"),
        (b"\x03\x01\x6a\x00\x01", "16.1", "not WBXML"),
        (sync(Element("Contacts:FirstName", "\a")), "16.1", "Contacts:FirstName"),
        (sync(NAME), "17.0", "not a protocol version"),
    ],
)
def test_a_wrong_answer_is_named(answer: Element | bytes, version: str, complaint: str) -> None:
    with pytest.raises(AssertionError, match=complaint):
        schemas.validate(answer, version)
