"""RTF bodies of old clients: base64 of compressed RTF ([MS-OXRTFCP]) to text (MS-ASAIRS 2.2.2.41, Type 3).

Only ever read. A body that is RTF without compression is taken too, as some clients send it.
"""

from __future__ import annotations

import base64
import binascii
import re
import struct
from typing import Final

import compressed_rtf
from striprtf.striprtf import rtf_to_text

from app.eas.errors import ConversionError

MOST: Final = 1024 * 1024
"""Bytes of RTF that are read: a note of a phone is no book, and reading takes its time."""
_BEGINNING: Final = b"{\\rtf"
_HEADER: Final = struct.Struct("<II4sI")
_COMPRESSED, _PLAIN = b"LZFu", b"MELA"

# The library looks for link targets and fonts by searches that can go back over all the text; with these two marks each
# search ends where its field or font does. Link targets are left out, as everywhere.
_LINK: Final = re.compile(r"\\fldinst\{", re.IGNORECASE)
_FONT: Final = re.compile(r"\\f(?=\d)")
_FONT_TABLE: Final = re.compile(r"\\fonttbl\b[^}]*(?:\}[^{}]*\{[^}]*)*", re.IGNORECASE)


def to_text(data: str) -> str:
    """The text of a Body's Data. Raises ``ConversionError`` for what is no RTF."""
    source = _decompressed(_bytes(data)).decode("latin-1")
    if not source.lstrip().startswith(_BEGINNING.decode()):
        raise ConversionError("a body of type RTF holds no RTF")
    source = _FONT_TABLE.sub(lambda table: _FONT.sub(r";\n\\f", table[0]) + ";", source)
    try:
        text = rtf_to_text(_LINK.sub(r"\\fldinst {", source), errors="replace")  # type: ignore[no-untyped-call]
    except (ValueError, LookupError, TypeError, OverflowError) as error:
        raise ConversionError(f"a body of type RTF cannot be read: {error}") from None
    # Characters beyond the first plane come as two halves.
    return str(text).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _bytes(data: str) -> bytes:
    if data.lstrip().startswith(_BEGINNING.decode()):
        return data.encode("latin-1", "replace")
    try:
        return base64.b64decode("".join(data.split()), validate=True)
    except (binascii.Error, ValueError):
        raise ConversionError("a body of type RTF is not base64") from None


def _decompressed(data: bytes) -> bytes:
    if len(data) < _HEADER.size or data.startswith(_BEGINNING):
        return _bounded(data)
    _, size, kind, _ = _HEADER.unpack_from(data)
    if kind not in (_COMPRESSED, _PLAIN) or size > MOST or len(data) > MOST:
        raise ConversionError("a body of type RTF is not compressed as it should be, or too long")
    try:
        return _bounded(compressed_rtf.decompress(data))
    except Exception as error:  # noqa: BLE001 - the library raises nothing more special
        raise ConversionError(f"a body of type RTF cannot be decompressed: {error}") from None


def _bounded(data: bytes) -> bytes:
    if len(data) > MOST:
        raise ConversionError(f"a body of type RTF is longer than {MOST} bytes")
    return data
