"""The bytes of WBXML that are not tags, and the bounds within which a document is read (MS-ASWBXML 2.1.1).

A tag is one byte: six bits of token (0x05-0x3F), ``CONTENT`` when something follows up to an END, and
``ATTRIBUTES``, which ActiveSync never sets. Of the global tokens ActiveSync uses four; the rest are known by
name alone, so that a refusal can say what was found.
"""

from __future__ import annotations

SWITCH_PAGE = 0x00
END = 0x01
STR_I = 0x03
OPAQUE = 0xC3

TOKEN_MASK = 0x3F
CONTENT = 0x40
ATTRIBUTES = 0x80

REFUSED = {
    0x02: "an entity (ENTITY)",
    0x04: "a literal tag (LITERAL)",
    0x40: "an extension (EXT_I_0)",
    0x41: "an extension (EXT_I_1)",
    0x42: "an extension (EXT_I_2)",
    0x43: "a processing instruction (PI)",
    0x44: "a literal tag (LITERAL_C)",
    0x80: "an extension (EXT_T_0)",
    0x81: "an extension (EXT_T_1)",
    0x82: "an extension (EXT_T_2)",
    0x83: "a string table reference (STR_T)",
    0x84: "a literal tag (LITERAL_A)",
    0xC0: "an extension (EXT_0)",
    0xC1: "an extension (EXT_1)",
    0xC2: "an extension (EXT_2)",
    0xC4: "a literal tag (LITERAL_AC)",
}

# Version 1.3, public identifier 1 (unknown), character set 106 (UTF-8), no string table.
HEADER = b"\x03\x01\x6a\x00"
VERSIONS = (0x01, 0x02, 0x03)
CHARSET_UNKNOWN = 0
CHARSET_UTF_8 = 106

# The deepest document of the standard, an attendee of an exception in a Sync answer, has 11 levels.
MAX_DEPTH = 32
# Bounds of memory, far above any real document; the web layer refuses large requests much earlier.
MAX_SIZE = 128 * 1024 * 1024
MAX_ELEMENTS = 1_000_000
MAX_MULTIBYTE = 0xFFFF_FFFF
MAX_MULTIBYTE_BYTES = 5
