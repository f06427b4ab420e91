"""Moments as rows have them: in whole milliseconds since 1970."""

from __future__ import annotations

from datetime import UTC, datetime


def moment(milliseconds: int) -> datetime:
    """With time zone UTC."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def milliseconds(moment: datetime) -> int:
    """As :func:`moment` takes them."""
    return int(moment.timestamp() * 1000)
