"""Large files within messages, set aside while a message is taken apart and put together.

A file of a message is a long block of base64. To parse it and to write it again takes a server's time and many times
its memory, and nobody looks at it: so a short line takes its place, and the block comes back, byte for byte, when all
is done. A block that turns out to be the words of the message is put back before they are read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.message import Message
from hashlib import blake2b
from typing import Any, Final

Held = Mapping[bytes, bytes]
"""The line that stands for a block → the block."""

LEAST: Final = 128 * 1024
"""Bytes of a block that is worth it."""

_BLOCK: Final = re.compile(rb"^(?:[A-Za-z0-9+/]{40,998}\r?\n){%d,}" % (LEAST // 998), re.MULTILINE)


def lighten(mime: bytes) -> tuple[bytes, Held]:
    """The message without its large blocks, and these."""
    if len(mime) < LEAST:
        return mime, {}
    mark = blake2b(mime, digest_size=16).hexdigest().encode()
    held: dict[bytes, bytes] = {}
    pieces: list[bytes] = []
    end = 0
    for found in _BLOCK.finditer(mime):
        if found.end() - found.start() >= LEAST:
            line = b"usm%s%06d" % (mark, len(held))
            held[line] = found[0].rstrip(b"\r\n")
            pieces += (mime[end : found.start()], line)
            end = found.start() + len(held[line])
    return b"".join((*pieces, mime[end:])), held


def restore(mime: bytes, held: Held) -> bytes:
    """The message with its blocks in their places."""
    if not held:
        return mime
    lines = re.compile(b"(" + b"|".join(map(re.escape, held)) + b")")
    return b"".join(held.get(piece, piece) for piece in lines.split(mime))


def restore_part(part: Message, held: Held) -> None:
    """The same for one part that is to be read."""
    payload: Any = part.get_payload()
    if held and isinstance(payload, str) and "usm" in payload:
        part.set_payload(
            restore(payload.encode("ascii", "surrogateescape"), held).decode("ascii", "surrogateescape")
        )
