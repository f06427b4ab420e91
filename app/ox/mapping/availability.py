"""Times at which somebody is busy: what OX's two calendar modules tell (``facts``: HTTP API sections 6.2 and 7.2).

An appointment of whole days stands for days of wherever its people are, which OX does not tell; it is taken as it
stands, in UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from app.ox.mapping import values
from app.usm.content import Busy
from app.usm.queries import BusyTime

KINDS: Final[Mapping[str, Busy]] = {
    "FREE": Busy.FREE,
    "BUSY": Busy.BUSY,
    "BUSY-TENTATIVE": Busy.TENTATIVE,
    "BUSY-UNAVAILABLE": Busy.AWAY,
}
SHOWN_AS: Final[Mapping[int, Busy]] = {1: Busy.BUSY, 2: Busy.TENTATIVE, 3: Busy.AWAY, 4: Busy.FREE}


def milliseconds(moment: datetime) -> int:
    """A moment as OX counts it."""
    return int(moment.timestamp() * 1000)


def moment_text(moment: datetime) -> str:
    """A moment as ``chronos`` wants it in the URL."""
    return moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def of_chronos(entry: Any) -> tuple[BusyTime, ...] | None:
    """The times of one attendee, ``None`` where OX warns that it knows no calendar of him."""
    if not isinstance(entry, dict) or entry.get("warnings"):
        return None
    return _times(
        entry.get("freeBusyTime"), "startTime", "endTime", lambda each: KINDS.get(each.get("fbType"))
    )


def of_calendar(data: Any) -> tuple[BusyTime, ...]:
    """The times of one user or resource."""
    return _times(data, "start_date", "end_date", lambda each: SHOWN_AS.get(each.get("shown_as", 1)))


def _times(data: Any, start: str, end: str, kind: Any) -> tuple[BusyTime, ...]:
    found = []
    for each in data if isinstance(data, list) else ():
        if isinstance(each, dict):
            begins, ends = values.instant(each.get(start)), values.instant(each.get(end))
            if begins is not None and ends is not None:
                found.append(BusyTime(begins, ends, kind(each) or Busy.BUSY))
    return tuple(found)
