"""What a server's processes have used: of each that is named, and of all that it has begun."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

TICKS: Final = os.sysconf("SC_CLK_TCK")
_PSS: Final = re.compile(r"^Pss:\s+(\d+) kB", re.MULTILINE)


def cpu_of(roots: Iterable[int]) -> float:
    """Seconds of a processor, those of children that have ended included."""
    return sum(_booked(pid) for pid in _family(roots)) / TICKS


def memory_of(roots: Iterable[int]) -> float:
    """MB of resident memory, each page that several of them share counted once (PSS)."""
    return sum(_pss(pid) for pid in _family(roots)) / 1024


def children(parent: int) -> list[int]:
    """The processes that one has begun and that still live."""
    try:
        lists = [tasks.read_text() for tasks in Path(f"/proc/{parent}/task").glob("*/children")]
    except OSError:
        return []
    return [int(number) for text in lists for number in text.split()]


def _family(roots: Iterable[int]) -> Iterator[int]:
    for root in roots:
        yield root
        yield from _family(children(root))


def _booked(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return sum(map(int, fields[11:15]))


def _pss(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    return sum(map(int, _PSS.findall(text)))
