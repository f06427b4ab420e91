"""Bodies in RTF, which clients of old send."""

from __future__ import annotations

import base64

import compressed_rtf
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.eas.errors import ConversionError
from app.eas.schema import body, rtf
from app.usm.model import Body, BodyKind
from app.wbxml import Element

HEAD = rb"{\rtf1\ansi\ansicpg1252\deff0{\fonttbl{\f0\fnil\fcharset0 Arial;}{\f1\fnil\fcharset204 Arial Cyr;}}\pard "


def data(source: bytes, compressed: bool = True) -> str:
    return base64.b64encode(compressed_rtf.compress(source, compressed)).decode()


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (rb"Hello \b big\b0  world\par", "Hello big world\n"),
        (rb"Caf\'e9\tab \u8364?", "Café\t€"),
        (rb"\f1 \'cf\'f0\'e8\'e2\'e5\'f2", "Привет"),
        (rb"\u-10179?\u-8704?", "😀"),
        (
            rb"{\field{\*\fldinst{HYPERLINK \"https://example.org\"}}{\fldrslt{here}}}, a hyperlink",
            "here, a hyperlink",
        ),
        (rb"\{x\}\\", "{x}\\"),
        (rb"{\*\generator x;}{\pict\pngblip 89504e47}a", "a"),
    ],
)
def test_rtf_becomes_text(source: bytes, expected: str, compressed: bool) -> None:
    assert rtf.to_text(data(HEAD + source + b"}", compressed)) == expected


def test_rtf_without_compression_or_base64_is_read_too() -> None:
    source = HEAD + rb"plain}"
    assert rtf.to_text(source.decode()) == "plain"
    assert rtf.to_text(base64.b64encode(source).decode()) == "plain"


def test_base64_may_have_line_ends() -> None:
    encoded = data(HEAD + b"folded}")
    assert (
        rtf.to_text("\r\n".join(encoded[start : start + 20] for start in range(0, len(encoded), 20)))
        == "folded"
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no base64!",
        base64.b64encode(b"short").decode(),
        base64.b64encode(b"x" * 100).decode(),
        base64.b64encode(compressed_rtf.compress(HEAD + b"x}")[:-9]).decode(),
        data(b"<html>no RTF</html>"),
        data(rb"{\rtf1 \uc x}"),
        data(rb"{\rtf1{\fonttbl{\f0\fcharset79 Taipei;}}\f0 \'a4\'a4}"),
    ],
)
def test_what_is_no_rtf_is_refused(text: str) -> None:
    with pytest.raises(ConversionError):
        rtf.to_text(text)


@pytest.mark.parametrize("encoded", [True, False])
def test_rtf_as_long_as_a_book_is_refused(encoded: bool) -> None:
    source = HEAD + b"x" * rtf.MOST + b"}"
    with pytest.raises(ConversionError):
        rtf.to_text(data(source, compressed=False) if encoded else source.decode())


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(source: bytes) -> None:
    for whole in (source, HEAD + source):
        for text in (
            base64.b64encode(whole).decode(),
            data(whole, compressed=False),
            whole.decode("latin-1"),
        ):
            try:
                assert isinstance(rtf.to_text(text), str)
            except ConversionError:
                continue


@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    "piece",
    [
        "{\\field{\\*\\fldinst{HYPERLINK ",
        "\\f0",
        "{\\fonttbl\\f0\\fcharset0 ",
        "{",
        "{\\fonttbl",
        "{\\pict\\bin1 ",
    ],
)
def test_hostile_rtf_takes_no_time(piece: str) -> None:
    """What searches that go back and back would choke on."""
    for beginning in ("{\\rtf1 ", "{\\rtf1{\\fonttbl "):
        try:
            rtf.to_text(beginning + piece * (500_000 // len(piece)))
        except ConversionError:
            continue


def test_a_body_of_type_3_is_kept_as_text() -> None:
    element = Element(
        "AirSyncBase:Body",
        children=[
            Element("AirSyncBase:Type", "3"),
            Element("AirSyncBase:Data", data(HEAD + rb"one\par two}")),
        ],
    )
    assert body.read(element) == Body(BodyKind.TEXT, "one\ntwo")


def test_html_stays_html_for_a_source_that_keeps_it() -> None:
    def sent(text: str) -> Element:
        kind, value = Element("AirSyncBase:Type", "2"), Element("AirSyncBase:Data", text)
        return Element("AirSyncBase:Body", children=[kind, value])

    assert body.read(sent("<p>a\x00</p>"), rich=True) == Body(BodyKind.HTML, "<p>a</p>", native=BodyKind.HTML)
    assert body.read(sent("<p>a</p>")) == Body(BodyKind.TEXT, "a")
    assert body.read(sent(" "), rich=True) is None


@pytest.mark.parametrize("kind", ["0", "4", "x"])
def test_a_body_that_nobody_can_keep_is_refused(kind: str) -> None:
    children = [Element("AirSyncBase:Type", kind), Element("AirSyncBase:Data", "x")]
    with pytest.raises(ConversionError):
        body.read(Element("AirSyncBase:Body", children=children))
