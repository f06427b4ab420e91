"""Documents as XML, with and without what is personal."""

from __future__ import annotations

import mmap
import tempfile
from xml.etree import ElementTree

import pytest

from app.eas import disclosure
from app.eas.disclosure import as_xml
from app.wbxml import Block, Element, Pieces
from app.wbxml.pages import PAGES
from tests.eas.phone import tree


def test_a_document_stands_there_in_lines_with_its_pages() -> None:
    body = tree("AirSyncBase:Body", ("Type", "1"), ("Data", "Dear Zoë"))
    document = tree(
        "AirSync:Sync", ("Collections", ("Collection", ("SyncKey", "{a}1"), ("GetChanges",), body))
    )
    assert as_xml(document, personal=False).splitlines() == [
        '<Sync xmlns="AirSync:">',
        "  <Collections>",
        "    <Collection>",
        "      <SyncKey>{a}1</SyncKey>",
        "      <GetChanges />",
        '      <Body xmlns="AirSyncBase:">',
        "        <Type>1</Type>",
        '        <Data hidden="8" />',
        "      </Body>",
        "    </Collection>",
        "  </Collections>",
        "</Sync>",
    ]
    assert "        <Data>Dear Zoë</Data>" in as_xml(document, personal=True).splitlines()


@pytest.mark.parametrize("personal", [False, True])
def test_passwords_are_shown_to_nobody(personal: bool) -> None:
    for name in disclosure.SECRET:
        assert "hush" not in as_xml(Element(name, "hush-hush"), personal)


@pytest.mark.parametrize("page", sorted(page.name for page in PAGES))
def test_of_every_page_it_is_known_what_is_personal(page: str) -> None:
    hidden = disclosure.HIDDEN.get(page)
    tags = {name for each in PAGES if each.name == page for _, name in each.tags}
    assert hidden is None or hidden <= tags
    assert "Name" not in as_xml(Element("Strange:Thing", "Name"), personal=False)


def test_what_xml_cannot_hold_is_encoded() -> None:
    text = as_xml(Element("AirSync:ClientId", "a\x00b<&\ud800"), personal=False)
    assert 'encoding="base64-text"' in text
    assert (
        as_xml(Element("AirSync:SyncKey", "a<b&"), False) == '<SyncKey xmlns="AirSync:">a&lt;b&amp;</SyncKey>'
    )
    opaque = as_xml(Element("AirSync:ClientId", b"\x00\x01"), personal=False)
    assert opaque == '<ClientId xmlns="AirSync:" encoding="base64">AAE=</ClientId>'
    for each in (text, opaque):
        ElementTree.fromstring(each)


def test_of_long_values_the_beginning_is_shown() -> None:
    long = "x" * (disclosure.LONGEST + 1)
    shown = as_xml(Element("Email:Subject", long), personal=True)
    assert f'cut="{len(long)}"' in shown
    assert len(shown) < disclosure.LONGEST + 100
    with tempfile.TemporaryFile() as file:
        file.write(b"y" * 100_000)
        file.flush()
        with mmap.mmap(file.fileno(), 0) as data:
            block = Element("ComposeMail:Mime", Block(data, 0, 100_000))
            assert as_xml(block, personal=False) == '<Mime xmlns="ComposeMail:" hidden="100000" />'
            assert 'encoding="base64" cut="100000"' in as_xml(block, personal=True)
    pieces = Element("AirSyncBase:Data", Pieces(iter([b"z"]), 1))
    assert as_xml(pieces, personal=True) == '<Data xmlns="AirSyncBase:" hidden="1" />'
    assert as_xml(Element("AirSync:ClientId", b""), personal=True).endswith('encoding="base64"></ClientId>')
