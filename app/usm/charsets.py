"""Bytes of mail and calendars as text, whatever their charset is said to be and whatever it really is.

* A name is first taken as mail means it: many stand for a larger set than their standard's (what says ISO-8859-1 is
  Windows-1252 by the marks it uses, GB2312 is GB18030, and so on), and some are spelled as no registry spells them.
* Any charset that Python knows is read, but those that are no charsets of mail (``unicode_escape``, ``punycode`` ...).
* What is unknown, or is not what it says, is read as UTF-8 if it is that, else as the charset it says with marks in
  place of what it lacks, else as Windows-1252. Reading never fails.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.errors import MessageError
from email.header import decode_header
from typing import Final

FALLBACK: Final = "cp1252"

MEANT: Final[Mapping[str, str]] = {
    "iso-8859-1": FALLBACK,
    "iso8859-1": FALLBACK,
    "iso_8859-1": FALLBACK,
    "latin1": FALLBACK,
    "latin-1": FALLBACK,
    "iso-8859-8-i": "iso-8859-8",
    "iso-8859-8-e": "iso-8859-8",
    "iso-8859-6-i": "iso-8859-6",
    "iso-8859-6-e": "iso-8859-6",
    "iso-8859-9": "cp1254",
    "iso-8859-11": "cp874",
    "tis-620": "cp874",
    "windows-874": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "x-gbk": "gb18030",
    "gb_2312-80": "gb18030",
    "euc-cn": "gb18030",
    "chinesebig5": "big5hkscs",
    "big5": "cp950",
    "x-x-big5": "cp950",
    "ks_c_5601-1987": "cp949",
    "ks_c_5601": "cp949",
    "euc-kr": "cp949",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "x-sjis": "cp932",
    "windows-31j": "cp932",
    "x-euc-jp": "euc_jp",
    "iso-2022-jp": "iso2022_jp_ext",
    "x-mac-roman": "mac_roman",
    "macintosh": "mac_roman",
    "x-mac-cyrillic": "mac_cyrillic",
    "x-mac-ce": "mac_latin2",
    "unicode-1-1-utf-7": "utf-7",
    "unicode-1-1-utf-8": "utf-8",
    "utf8mb4": "utf-8",
    "utf-8mb4": "utf-8",
}
"""Name in small letters → Python's codec."""

NOT_OF_MAIL: Final = frozenset(
    {"idna", "mbcs", "oem", "punycode", "raw_unicode_escape", "undefined", "unicode_escape"}
)
"""Codecs of Python that no message is written in."""

_ASCII: Final = frozenset({"us-ascii", "ascii", "ansi_x3.4-1968", "iso646-us", "646"})
"""What mailers say that do not know: it says nothing."""
_WIDE: Final = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
"""Byte order marks, which know better than any name."""
LONGEST: Final = 20_000
"""Characters of a header in which encoded words are read: the time for it grows with the square of their number."""
_NAME: Final = re.compile(r"[^a-z0-9_.:+-]+")


def decode(data: bytes, charset: str | None = None) -> str:
    """The text that these bytes are. ``charset``: what they are said to be, as it stood in a header."""
    codec = _codec(charset)
    known = [wide for mark, wide in _WIDE if data.startswith(mark)]
    for name in [*known, *([codec] if codec else []), "utf-8"]:
        try:
            return data.decode(name)
        except (UnicodeError, LookupError):
            continue
    try:
        return data.decode(codec or FALLBACK, "replace")
    except (UnicodeError, LookupError):
        return data.decode(FALLBACK, "replace")


def decode_words(text: str) -> str:
    """A header's text with its encoded words (RFC 2047) read; text that only looks like them stays as it is, and so
    does more than anybody reads in one line."""
    if len(text) > LONGEST:
        return text
    try:
        pieces = decode_header(text)
    except (MessageError, ValueError):
        return text
    words = (
        piece if isinstance(piece, str) else decode(piece, charset or "utf-8") for piece, charset in pieces
    )
    return "".join(words) or text


def _codec(charset: str | None) -> str | None:
    """Python's name, ``None`` for what is no charset's name."""
    said = (charset or "").strip().strip("\"'").lower()
    # RFC 2231 lets a language follow, broken mailers the parameters after it.
    name = _NAME.split(said.partition("*")[0].partition(";")[0].strip("\"' "), maxsplit=1)[0]
    codec = MEANT.get(name, name)
    if codec in _ASCII or codec.replace("-", "_") in NOT_OF_MAIL:
        return None
    return codec or None
