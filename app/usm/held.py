"""What a device holds of an item, as one short text: its *held stamp*.

==========================  ==========================================================================
``"<stamp>"``               the device holds this version
``""``                      the device holds some version that is not the source's: it must get the source's copy
``"!<tries>:<due>:<stamp>"``  the device does not hold the item, because this version cannot be converted
``"?<tries>:<due>:<stamp>"``  the device holds an older version, because this one cannot be converted
==========================  ==========================================================================

An item that cannot be converted is tried again when it changes, and from time to time even if it does not: the fault
may have been a passing one, or one of a program that has been mended since. ``due`` is in seconds since 1970.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

WRONG: Final = ""
"""The device's copy must be replaced."""

PAUSES: Final = (60, 300, 1800, 7200, 28800, 86400)
"""Seconds until an item that cannot be converted is tried again, after the first time, the second, and so on."""

_ABSENT: Final = "!"
_OUTDATED: Final = "?"


@dataclass(frozen=True, slots=True)
class Skipped:
    """An item that cannot be converted in this version."""

    stamp: str
    on_device: bool
    tries: int
    due: int

    @classmethod
    def parse(cls, held: str | None) -> Self | None:
        """``None`` for any other held stamp."""
        if not held or held[0] not in (_ABSENT, _OUTDATED):
            return None
        tries, due, stamp = held[1:].split(":", 2)
        return cls(stamp, held[0] == _OUTDATED, int(tries), int(due))

    def __str__(self) -> str:
        return f"{_OUTDATED if self.on_device else _ABSENT}{self.tries}:{self.due}:{self.stamp}"


def on_device(held: str | None) -> bool:
    """Whether the device has any version of the item."""
    return held is not None and not held.startswith(_ABSENT)


def is_version(held: str) -> bool:
    """Whether it is the stamp of the very version that the device holds."""
    return held != WRONG and held[0] not in (_ABSENT, _OUTDATED)


def skip(held: str | None, stamp: str, now: int) -> Skipped:
    """What is held after this version could not be converted; each time the pause grows."""
    before = Skipped.parse(held)
    tries = before.tries + 1 if before is not None and before.stamp == stamp else 1
    pause = PAUSES[min(tries, len(PAUSES)) - 1]
    return Skipped(stamp, on_device(held), tries, now + pause)


def is_pending(held: str | None, stamp: str, now: int) -> bool:
    """Whether the device must be told of an item that the source has in this version."""
    skipped = Skipped.parse(held)
    if skipped is None:
        return held != stamp
    return skipped.stamp != stamp or now >= skipped.due
