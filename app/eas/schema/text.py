"""Texts as XML 1.0, devices and USM want them."""

from __future__ import annotations

import re
from typing import Final

# Everything but the Char production of XML 1.0 (section 2.2); lone surrogates are among it.
_FORBIDDEN: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_CONTROL: Final = re.compile("[\u0000-\u001f\u007f-\u009f\ud800-\udfff\ufffe\uffff]+")
_LINE_END: Final = re.compile("\r\n?")


def safe(text: str) -> str:
    """Without the characters that XML cannot carry."""
    return text if text.isprintable() else _FORBIDDEN.sub("", text)


def line(text: str) -> str:
    """On one line, without control characters: for names and subjects."""
    return _CONTROL.sub(" ", text).strip()


def with_crlf(text: str) -> str:
    """With the line ends that mail programs expect."""
    return _LINE_END.sub("\n", text).replace("\n", "\r\n")


def with_lf(text: str) -> str:
    """As USM keeps texts: line feeds, no other control characters but the tab."""
    return safe(_LINE_END.sub("\n", text)).replace("\u007f", "")


def cut(data: bytes, size: int) -> bytes:
    """At most so many bytes of UTF-8, ended between two characters."""
    if len(data) <= size:
        return data
    while size and data[size] & 0xC0 == 0x80:
        size -= 1
    return data[:size]
