"""How far a command is that takes long: one line on a terminal, which goes again.

It is written to the standard error, only if that is a terminal, and only after :data:`PATIENCE` seconds. As soon as
there is something to print it makes room.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import Final, TypeVar

T = TypeVar("T")

PATIENCE: Final = 1.0
PAUSE: Final = 0.2
"""Seconds between two states of the line."""

_ERASE: Final = "\r\x1b[K"

_drawn = False


def watched(things: Iterable[T], what: str) -> Iterator[T]:
    """The same things, counted while they are worked on. ``what``: their name in the plural."""
    if not sys.stderr.isatty():
        yield from things
        return
    due = time.monotonic() + PATIENCE
    try:
        for count, thing in enumerate(things):
            if time.monotonic() >= due:
                _draw(f"{count} {what}")
                due = time.monotonic() + PAUSE
            yield thing
    finally:
        erase()


def erase() -> None:
    """Take the line away, if there is one."""
    global _drawn
    if _drawn:
        _drawn = False
        sys.stderr.write(_ERASE)
        sys.stderr.flush()


def _draw(line: str) -> None:
    global _drawn
    _drawn = True
    sys.stderr.write(f"{_ERASE}{line}")
    sys.stderr.flush()
