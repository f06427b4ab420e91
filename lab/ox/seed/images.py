"""Small pictures, drawn here."""

from __future__ import annotations

import struct
import zlib
from random import Random

GIF = (
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\xff\xff\xff\x00\x00\x00!\xf9\x04\x01\x00\x00\x00\x00,"
    b"\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
)


def png(random: Random, side: int = 48, noise: bool = False) -> bytes:
    """A square PNG: stripes of two colours, or noise that does not compress."""
    colours = [bytes(random.randrange(256) for _ in range(3)) for _ in range(2)]
    rows = []
    for row in range(side):
        pixels = random.randbytes(3 * side) if noise else colours[row // 8 % 2] * side
        rows.append(b"\x00" + pixels)
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    body = _chunk(b"IHDR", head) + _chunk(b"IDAT", zlib.compress(b"".join(rows))) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
