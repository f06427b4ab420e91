"""Bytes of mail as text: every charset Python knows, and those that only mail has."""

from __future__ import annotations

import codecs
import encodings
import pkgutil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.usm.charsets import MEANT, NOT_OF_MAIL, decode, decode_words

SAMPLE = "Grüße, Ελλάδα, Привет, שלום, مرحبا, สวัสดี, Tiếng Việt, łódź, 日本語, 简体, 繁體, 한국어 €"


def charsets() -> list[str]:
    """Every codec of Python that turns text into bytes and is none of those that no mail is written in."""
    found = []
    for module in pkgutil.iter_modules(encodings.__path__):
        try:
            "a".encode(module.name)
        except (LookupError, UnicodeError):
            continue
        if module.name not in NOT_OF_MAIL:
            found.append(module.name)
    return found


def test_there_are_many_charsets() -> None:
    assert len(charsets()) > 90


@pytest.mark.parametrize("charset", charsets())
def test_every_charset_python_knows_is_read(charset: str) -> None:
    data = SAMPLE.encode(charset, "ignore")
    written = data.decode(charset)
    # What stands for a larger set reads the same characters from the same bytes, but for a few that differ by nature.
    assert decode(data, charset) == written
    assert decode(data, charset.upper().replace("_", "-")) == written


@pytest.mark.parametrize("name", sorted(MEANT))
def test_every_name_of_mail_stands_for_a_codec_that_is_there(name: str) -> None:
    codecs.lookup(MEANT[name])
    assert decode(b"plain", name) == "plain"


@pytest.mark.parametrize(
    ("data", "charset", "expected"),
    [
        (b"\x80 5", "iso-8859-1", "€ 5"),
        (b"\x93quoted\x94", "us-ascii", "“quoted”"),
        ("café".encode(), "us-ascii", "café"),
        ("朱镕基 €".encode("gb18030"), "GB2312", "朱镕基 €"),
        ("①".encode("cp932"), "Shift_JIS", "①"),
        ("똠방각하".encode("cp949"), "ks_c_5601-1987", "똠방각하"),
        ("שלום".encode("iso-8859-8"), "ISO-8859-8-I", "שלום"),
        (b"caf\xe9", "x-unknown", "café"),
        ("café".encode(), "x-unknown", "café"),
        ("café".encode(), None, "café"),
        (b"caf\xe9", None, "café"),
        (b"caf\xe9", '"iso-8859-1"; format=flowed', "café"),
        (b"caf\xe9", "iso-8859-1'de", "café"),
        (b"caf\xe9", "iso-8859-1*en", "café"),
        (b"caf\xe9", "\x00", "café"),
        (b"caf\xe9", "rot13", "café"),
        (b"caf\xe9", "zlib", "café"),
        (b"a\\n", "unicode_escape", "a\\n"),
        ("日本".encode("utf-16"), "us-ascii", "日本"),
        (b"\xef\xbb\xbfcaf\xc3\xa9", "iso-8859-1", "café"),
        (b"a\xe2\x82", "utf-8", "a\ufffd"),
        (b"a\x81b", "iso-8859-1", "a\ufffdb"),
        (b"", "utf-8", ""),
    ],
)
def test_what_is_not_what_it_says_is_read_all_the_same(
    data: bytes, charset: str | None, expected: str
) -> None:
    assert decode(data, charset) == expected


@given(
    st.binary(max_size=60),
    st.none() | st.text(max_size=20) | st.sampled_from([*MEANT, *charsets(), *NOT_OF_MAIL]),
)
def test_reading_never_fails(data: bytes, charset: str | None) -> None:
    assert isinstance(decode(data, charset), str)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("plain", "plain"),
        ("Jörg", "Jörg"),
        ("=?iso-8859-1?Q?=80_5?=", "€ 5"),
        ("=?utf-8?Q?=E2=82?= =?utf-8?Q?=AC?=", "€"),
        ("=?utf-8?Q?a?= b =?utf-8?Q?c?=", "a b c"),
        ("=?ISO-2022-JP?B?GyRCRnxLXBsoQg==?=", "日本"),
        ("=?GB2312?B?1uzpRrv5?=", "朱镕基"),
        ("=?x-unknown?Q?caf=E9?=", "café"),
        ("=?utf-8?B?4oKs?", "=?utf-8?B?4oKs?"),
        ("=?utf-8?B?!!!?=", "=?utf-8?B?!!!?="),
        ("=?utf-8?B?a?=", "=?utf-8?B?a?="),
        ("", ""),
    ],
)
def test_words_of_headers(header: str, expected: str) -> None:
    assert decode_words(header) == expected


@given(st.text(alphabet='=?QqBb=utf-8_ \n\tä€<>"', max_size=60))
def test_any_header_is_text(header: str) -> None:
    assert isinstance(decode_words(header), str)
