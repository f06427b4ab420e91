"""The blocks of a document that a person types, in their order."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(r"^```(?P<words>[^\n]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block. ``kind`` is its first word (``sh``, ``python``), ``where`` the rest of that line."""

    kind: str
    where: str
    text: str


def blocks(document: Path) -> Iterator[Block]:
    """All of them, in the order of the document."""
    for found in FENCE.finditer(document.read_text()):
        kind, _, where = found["words"].strip().partition(" ")
        yield Block(kind, where, found["text"])
