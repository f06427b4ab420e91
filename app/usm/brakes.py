"""What is too much at once: pure decisions about deletions that nobody may have meant.

* **A device deletes most of a folder.** A faulty program or a restored phone does that; so does a person, but seldom,
  and with an administrator to ask. Such deletions are held back: nothing is deleted, the device gets the items again,
  the log and ``usmctl stuck`` tell of it, and an administrator lets them through or not. What a device deletes within
  :data:`SPAN` counts together, as a device deletes in portions. Messages that go to the trash, and what is in the
  trash, are not counted: the one can be fetched back, and the other was deleted once already.
* **A folder is empty all of a sudden.** A mail server that has not mounted its disks shows it so. Devices keep what
  they hold until the folder was seen empty for :data:`EMPTY`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from app.usm.held import on_device
from app.usm.model import Listing, UsmSettings

SPAN: Final = 3600
"""Seconds within which the deletions of a device count as one."""
EMPTY: Final = 300
"""Seconds after which a folder that became empty at once is believed to be so."""


def counted(before: tuple[int, int], fresh: int, now: int) -> tuple[int, int]:
    """Since when (seconds since 1970) a device has deleted how many items, with some ``fresh`` ones."""
    since, count = before
    if now - since >= SPAN:
        since, count = now, 0
    return since, count + fresh


def too_many(before: tuple[int, int], fresh: int, size: int, settings: UsmSettings, now: int) -> bool:
    """Whether these deletions and those shortly before are more than the share of the folder that one device may
    delete in one go. ``size``: the items in it before these deletions. A folder of few items has no brake."""
    _, earlier = counted(before, 0, now)
    whole = size + earlier
    limit = settings.mass_delete_share / 100 * whole
    return fresh > 0 and whole >= settings.mass_delete_least and earlier + fresh > limit


def is_sudden(held: Mapping[str, str], listing: Listing, settings: UsmSettings) -> bool:
    """Whether a folder of which the device holds many items shows none at all."""
    if listing.stamps or listing.outside:
        return False
    return sum(map(on_device, held.values())) >= settings.mass_delete_least


def unchanged(held: Mapping[str, str]) -> Listing:
    """The listing of a folder that has just what the device holds."""
    return Listing({item: stamp for item, stamp in held.items() if on_device(stamp)})
