"""How much of what is pending goes out now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def split(pending: Sequence[T], window: int) -> tuple[Sequence[T], bool]:
    """The first ``window`` of the pending changes, and whether any are left for the next request."""
    return pending[:window], len(pending) > window
