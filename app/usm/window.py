"""How much counts: of a folder, and of what is pending now."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import TypeVar

from app.usm.model import Listing

T = TypeVar("T")


def split(pending: Sequence[T], window: int) -> tuple[Sequence[T], bool]:
    """The first ``window`` of the pending changes, and whether any are left for the next request."""
    return pending[:window], len(pending) > window


def bounded(listing: Listing, most: int) -> Listing:
    """The listing cut to ``most`` items; the rest counts as lying outside, so that nothing is deleted."""
    if len(listing.stamps) <= most:
        return listing
    inside = dict(islice(listing.stamps.items(), most))
    return Listing(inside, listing.outside | (listing.stamps.keys() - inside.keys()))
