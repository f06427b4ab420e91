"""Laying a device's change over what OX has: when two values mean the same, nothing is written."""

from __future__ import annotations

from typing import Any

from app.usm.model import Body


def same(one: Any, other: Any) -> bool:
    """Whether two values mean the same: a device may send other blanks around a text than it got."""
    if isinstance(one, Body) and isinstance(other, Body):
        return one.kind is other.kind and one.text.strip() == other.text.strip()
    if isinstance(one, str) and isinstance(other, str):
        return one.strip() == other.strip()
    return bool(one == other)
