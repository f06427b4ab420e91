"""The blocks of a document that a person types or reads, in their order."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(r"^```(?P<words>[^\n]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
WORDS = re.compile(
    r"(?P<kind>\w*) ?(?P<where>.*?)(?:,? once (?P<once>.+?))??(?:,? ends with (?P<status>\d+))?"
)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block. ``kind`` is its first word (``sh``, ``python``), ``where`` what follows. Of a command also what
    has happened before (``once``), and the exit status (``ends with``)."""

    kind: str
    where: str
    text: str
    once: str = ""
    status: int = 0


def blocks(document: Path) -> Iterator[Block]:
    """All of them, in the order of the document."""
    for found in FENCE.finditer(document.read_text()):
        words = WORDS.fullmatch(found["words"].strip())
        assert words is not None, found["words"]
        yield Block(
            words["kind"], words["where"], found["text"], words["once"] or "", int(words["status"] or 0)
        )
