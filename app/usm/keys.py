"""Sync keys: which state of a folder a device stands on.

A key is ``<generation>-<counter>``. The generation is drawn anew whenever a device starts over with key ``0``, the
counter grows by one with every answer that changed something. The two newest keys are kept: a device that
repeats the older one has lost the answer and gets it again (MS-ASCMD 3.1.5.9).
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from app.usm.errors import UnknownSyncKey
from app.usm.ports import Head, Heads

START: Final = "0"
"""The key of a device that holds nothing."""


class Position(Enum):
    """Where a device stands."""

    START = "start"
    NEWEST = "newest"
    OLDER = "older"
    """It repeats the key before: the last answer was lost."""


def text(generation: str, counter: int) -> str:
    """The key as devices see it: at most 64 characters."""
    return f"{generation}-{counter}"


def locate(key: str, heads: Heads | None) -> Position:
    """Where this key stands among the kept ones. Raises ``UnknownSyncKey``."""
    if key == START:
        return Position.START
    if heads is not None:
        if is_newest(key, heads):
            return Position.NEWEST
        if heads.older is not None and key == text(heads.generation, heads.older.counter):
            return Position.OLDER
    raise UnknownSyncKey(f"no state is kept for sync key {key[:64]!r}")


def is_newest(key: str, heads: Heads) -> bool:
    """Whether a device with this key has got the last answer."""
    return key == text(heads.generation, heads.newest.counter)


def head(position: Position, heads: Heads) -> Head:
    """What is kept of the key that a device stands on; :func:`locate` has said where."""
    return heads.older if position is Position.OLDER and heads.older is not None else heads.newest
