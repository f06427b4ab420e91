"""Bytes in, tree out: documents written by hand, the guards, and the tolerances."""

from __future__ import annotations

import contextlib
import gc
import logging
from mmap import ACCESS_READ, mmap
from tempfile import TemporaryFile

import pytest

from app.wbxml import Block, Element, WbxmlError, decode
from app.wbxml import tokens as wbxml

HEADER = "03016A00"


def document(body: str) -> bytes:
    return bytes.fromhex(HEADER + body)


FOLDER_SYNC = Element("FolderHierarchy:FolderSync", None, [Element("FolderHierarchy:SyncKey", "0")])


@pytest.mark.requirement("MS-ASWBXML", 801, 802, 804, 819)
@pytest.mark.parametrize(
    ("body", "tree"),
    [
        ("05", Element("AirSync:Sync")),
        ("4501", Element("AirSync:Sync")),
        ("45030001", Element("AirSync:Sync")),
        ("45C30001", Element("AirSync:Sync")),
        ("0007 56 52 03 3000 01 01", FOLDER_SYNC),
        ("0001 0007 56 52 03 3000 01 01", FOLDER_SYNC),
        ("4B 03 6100 01", Element("AirSync:SyncKey", "a")),
        ("4B C3 02 6100 01", Element("AirSync:SyncKey", b"a\0")),
        ("4B C3 80 80 01 61 01", Element("AirSync:SyncKey", b"a")),
        ("4B 03 C3A4 00 03 E282AC 00 01", Element("AirSync:SyncKey", "ä€")),
        ("4B 03 C3A4 00 C3 01 FF 01", Element("AirSync:SyncKey", b"\xc3\xa4\xff")),
        ("4B C3 01 FF 03 C3A4 00 01", Element("AirSync:SyncKey", b"\xff\xc3\xa4")),
        ("4B 0300 03 6100 01", Element("AirSync:SyncKey", "a")),
        ("4B 03 6100 0002 01", Element("AirSync:SyncKey", "a")),
        (
            "45 14 0002 54 03 7300 01 0000 14 01",
            Element(
                "AirSync:Sync",
                None,
                [
                    Element("AirSync:MoreAvailable"),
                    Element("Email:Subject", "s"),
                    Element("AirSync:MoreAvailable"),
                ],
            ),
        ),
        ("45 030A2000 14 030A00 01", Element("AirSync:Sync", None, [Element("AirSync:MoreAvailable")])),
    ],
)
def test_known_bytes_are_this_tree(body: str, tree: Element) -> None:
    assert decode(document(body)) == tree


def test_the_page_stays_after_the_end_of_a_tag() -> None:
    tree = decode(document("45 0011 4A 4B 03 3100 01 01 0A 01"))
    assert [child.name for child in tree] == ["AirSyncBase:Body", "AirSyncBase:Body"]


@pytest.mark.parametrize(
    "header",
    ["01016A00", "02016A00", "03016A00", "03010000", "030100", "03056A00", "0381016A00", "0301806A00"],
)
def test_these_headers_are_accepted(header: str) -> None:
    assert decode(bytes.fromhex(header + "05")) == Element("AirSync:Sync")


@pytest.mark.parametrize(
    ("header", "complaint"),
    [
        ("00016A00", "version byte 0x00"),
        ("04016A00", "version byte 0x04"),
        ("3C3F786D6C", "version byte 0x3C"),
        ("03006A00", "public identifier"),
        ("03010300", "character set 3 "),
        ("03010400", "character set 4 "),
        ("03016A0461626300", "string table"),
        ("03FFFFFFFFFFFF6A00", "more than 32 bits"),
        ("039FFFFFFF7F6A00", "more than 32 bits"),
    ],
)
def test_other_headers_are_refused(header: str, complaint: str) -> None:
    with pytest.raises(WbxmlError, match=complaint):
        decode(bytes.fromhex(header + "05"))


@pytest.mark.parametrize(
    ("body", "complaint", "offset"),
    [
        ("", "ends too early", 4),
        ("00", "ends too early", 5),
        ("45", "ends too early", 5),
        ("4503", "string has no end", 6),
        ("45036100", "ends too early", 8),
        ("450361", "string has no end", 6),
        ("45C3", "ends too early", 6),
        ("01", "0x01 is not a known tag to begin", 4),
        ("036100", "0x03 is not a known tag to begin", 4),
        ("3F", "0x3F is not a known tag to begin", 4),
        ("0501", "1 bytes follow", 5),
        ("450105", "1 bytes follow", 6),
        ("001A05", "code page 26 does not exist", 5),
        ("45 00FE 01", "code page 254 does not exist", 6),
        ("45 C3 05 61 01", "opaque block of 5 bytes is longer", 6),
        ("45 C3 8F FF FF FF 7F 61 01", "opaque block of 4294967295 bytes is longer", 6),
        ("45 C3 90 80 80 80 00 61 01", "more than 32 bits", 6),
        ("45 C3 80 80 80 80 80 01 01", "more than 32 bits", 6),
        ("45 03 FF00 01", "not UTF-8", None),
        ("45 03 EDA080 00 01", "not UTF-8", None),
        ("45 14 03 FF00 01", "not UTF-8", None),
        ("45 03 6100 14 01", "both text and tags", 9),
        ("45 14 03 6100 01", "both text and tags", 9),
        ("45 14 C3 01 20 01", "both text and tags", 9),
        ("45 02 8041 01", "ENTITY", 5),
        ("45 04 00 01", "LITERAL", 5),
        ("45 40 6100 01", "EXT_I_0", 5),
        ("45 43 01 01", "PI", 5),
        ("45 83 00 01", "STR_T", 5),
        ("45 85 01 01", r"attributes \(0x85\)", 5),
        ("45 C5 01 01 01", r"attributes \(0xC5\)", 5),
    ],
)
def test_malformed_bytes_are_refused_with_the_place(body: str, complaint: str, offset: int | None) -> None:
    with pytest.raises(WbxmlError, match=complaint) as caught:
        decode(document(body))
    if offset is not None:
        assert caught.value.offset == offset


@pytest.mark.requirement(
    "MS-ASWBXML",
    656,
    803,
    805,
    806,
    807,
    808,
    809,
    810,
    811,
    812,
    813,
    814,
    815,
    816,
    817,
    818,
    820,
)
@pytest.mark.parametrize("token", sorted(wbxml.REFUSED))
def test_every_global_token_that_activesync_does_not_use_is_refused(token: int) -> None:
    with pytest.raises(WbxmlError, match="not used in ActiveSync"):
        decode(document("45") + bytes([token]) + b"\x01\x01\x01")


def test_an_unknown_tag_is_left_out_with_all_it_holds(caplog: pytest.LogCaptureFixture) -> None:
    # 0x3E and 0x3D are no tags of AirSync; inside the second there are text and tags, and the page changes.
    body = "45 3E 14 7D 03 6100 54 01 0002 7E 03 6200 01 01 14 54 03 7300 01 01"
    with caplog.at_level(logging.WARNING):
        tree = decode(document(body))
    assert tree == Element(
        "AirSync:Sync",
        None,
        [Element("AirSync:MoreAvailable"), Element("Email:Subject"), Element("Email:Subject", "s")],
    )
    assert "0x3E of code page 0 (AirSync)" in caplog.text


def test_many_unknown_tags_are_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert decode(document("45" + "3E" * 1000 + "01")) == Element("AirSync:Sync")
    assert len(caplog.records) == 1


def test_nesting_is_accepted_up_to_the_bound_and_refused_beyond() -> None:
    deep = wbxml.MAX_DEPTH
    assert decode(document("45" * deep + "01" * deep)).name == "AirSync:Sync"
    with pytest.raises(WbxmlError, match="nested deeper than 32"):
        decode(document("45" * (deep + 1) + "01" * (deep + 1)))
    with pytest.raises(WbxmlError, match="nested deeper than 32"):
        decode(document("45" + "7E" * (deep + 1) + "01" * (deep + 1)))


def test_a_nesting_bomb_is_refused_at_once() -> None:
    with pytest.raises(WbxmlError, match="nested"):
        decode(document("45") + b"\x45" * 5_000_000)


def test_too_many_tags_are_refused() -> None:
    with pytest.raises(WbxmlError, match="more than 1000000 tags"):
        decode(document("45") + b"\x14" * wbxml.MAX_ELEMENTS)


def test_too_many_pieces_of_text_are_refused() -> None:
    with pytest.raises(WbxmlError, match="more than 1000000 pieces"):
        decode(document("45") + b"\x03a\0" * (wbxml.MAX_ELEMENTS + 1))


def test_too_long_a_document_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.wbxml.decoder.MAX_SIZE", 4)
    with pytest.raises(WbxmlError, match="5 bytes, more than 4"):
        decode(document("05"))


@pytest.mark.parametrize("body", ["05", "FF"])
def test_garbage_collection_is_left_as_it_was(body: str) -> None:
    for wanted in (True, False):
        gc.enable() if wanted else gc.disable()
        with contextlib.suppress(WbxmlError):
            decode(document(body))
        try:
            assert gc.isenabled() is wanted
        finally:
            gc.enable()


def in_a_file(data: bytes) -> mmap:
    with TemporaryFile() as file:
        file.write(data)
        file.flush()
        return mmap(file.fileno(), len(data), access=ACCESS_READ)


def opaque(data: bytes) -> bytes:
    size = len(data)
    return b"\xc3" + bytes([0x80 | size >> 14, 0x80 | size >> 7 & 0x7F, size & 0x7F]) + data


def test_a_large_block_of_a_file_stays_there() -> None:
    data = bytes(range(256)) * 600
    whole = document("4B") + opaque(data) + b"\x01"
    block = decode(in_a_file(whole)).value
    assert isinstance(block, Block)
    assert (block.size, bytes(block), block.part(10, 20)) == (len(data), data, data[10:20])
    assert block.part(len(data) - 1, len(data) + 5) == data[-1:]
    assert decode(whole).value == data
    assert decode(in_a_file(whole)).data == decode(whole).data == data
    assert decode(in_a_file(whole)).text == decode(whole).text
    assert Element("AirSync:SyncKey", "ä").data == "ä".encode()


@pytest.mark.parametrize("text", ["", "ab"])
def test_of_a_file_all_else_is_read_as_ever(text: str) -> None:
    data = bytes(range(256)) * 600
    before = b"\x03" + text.encode() + b"\x00"
    whole = document("4B") + before + opaque(data) + opaque(data[:10] * 20) + b"\x01"
    assert decode(in_a_file(whole)) == decode(whole)
    small = document("0007 56 52 03 3000 01 01")
    assert decode(in_a_file(small)) == decode(small)
