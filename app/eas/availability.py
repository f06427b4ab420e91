"""When people are busy, as a row of digits: one for every half hour (MS-ASCMD 2.2.3.107).

The row begins with the span that is asked for, wherever in an hour that is; the last digit may stand for less than half
an hour. Of several states within one half hour the one with the highest digit counts, and of several people as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from app.eas.errors import ConversionError, Malformed
from app.eas.reading import only, required
from app.eas.schema.table import parse_moment
from app.eas.versions import Version
from app.usm.content import Busy
from app.usm.queries import BusyTime
from app.wbxml.element import Element

SINCE: Final = Version.V14_0
SLOT: Final = timedelta(minutes=30)
DEFAULT: Final = timedelta(days=7)
LONGEST: Final = timedelta(days=62)
"""No row is longer: it stays far below the 32 KB that the standard allows, and costs the source little."""

DIGITS: Final[Mapping[Busy, int]] = {
    Busy.FREE: 0,
    Busy.ELSEWHERE: 0,
    Busy.TENTATIVE: 1,
    Busy.BUSY: 2,
    Busy.AWAY: 3,
}


@dataclass(frozen=True, slots=True)
class Span:
    """What is asked for (UTC)."""

    start: datetime
    end: datetime

    @property
    def slots(self) -> int:
        """How many digits it has."""
        return -((self.start - self.end) // SLOT)

    def merged(self, times: Iterable[BusyTime]) -> str:
        """The row for all these times."""
        row = [0] * self.slots
        for each in times:
            digit = DIGITS[each.busy]
            first = max((each.start - self.start) // SLOT, 0)
            # An appointment of no length takes none; one that ends with a slot leaves the next one free.
            behind = min(-((self.start - min(each.end, self.end)) // SLOT), self.slots)
            for slot in range(first, behind):
                row[slot] = max(row[slot], digit)
        return "".join(map(str, row))


def read(wishes: Element | None, page: str, version: Version) -> Span | None:
    """The span that Options ask for; ``None`` where availability is not wanted. Raises ``Malformed``."""
    element = None if wishes is None else only(wishes, f"{page}:Availability")
    if element is None or version < SINCE:
        return None
    start = _moment(required(element, f"{page}:StartTime"))
    last = only(element, f"{page}:EndTime")
    try:
        end = start + DEFAULT if last is None else _moment(last)
    except OverflowError:
        raise Malformed(f"{start} is out of the calendar") from None
    if not SLOT <= end - start <= LONGEST:
        raise Malformed(f"availability from {start} to {end}")
    return Span(start, end)


def _moment(element: Element) -> datetime:
    try:
        return parse_moment(element.text)
    except ConversionError as error:
        raise Malformed(str(error)) from error
