"""What a device wants to see of a collection: Options, sticky per collection (MS-ASCMD 2.2.3.125.5).

A new Options element replaces the former as a whole; without one the former stays in force.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from app.eas.errors import Malformed
from app.eas.reading import boolean, in_order, only, required, whole
from app.usm.model import BodyKind, ConflictRule, ContentType
from app.wbxml.element import Element

PLAIN: Final = 1
HTML: Final = 2
RTF: Final = 3
MIME: Final = 4
"""Body types (MS-ASAIRS 2.2.2.41)."""

DAYS: Final[Mapping[int, int]] = {1: 1, 2: 3, 3: 7, 4: 14, 5: 31, 6: 92, 7: 183}
"""FilterType → days back; 0 is everything."""

INCOMPLETE: Final = 8
"""The FilterType that only tasks have."""

NEVER: Final = datetime.max.replace(tzinfo=UTC)
"""No moment is later."""

DATED: Final[Mapping[ContentType, frozenset[int]]] = {
    ContentType.MAIL: frozenset(DAYS),
    ContentType.CALENDAR: frozenset((4, 5, 6, 7)),
}
"""Content types that are filtered by their date, and the filters that they have (MS-ASCMD 2.2.3.68.2)."""

MIME_LIMITS: Final[Mapping[int, int | None]] = {
    0: 0,
    1: 4096,
    2: 5120,
    3: 7168,
    4: 10240,
    5: 20480,
    6: 51200,
    7: 102400,
    8: None,
}
"""MIMETruncation → bytes of MIME data that are sent (MS-ASCMD 2.2.3.110.2)."""

MAX_SIZE: Final = 2**32 - 1
MAX_PREVIEW: Final = 255
_PREFERENCE_ORDER: Final = tuple(
    f"AirSyncBase:{name}" for name in ("Type", "TruncationSize", "AllOrNone", "Preview")
)
_SMS: Final = "SMS"


@dataclass(frozen=True, slots=True)
class Preference:
    """One body form the device can take. ``size``: bytes at most, ``None`` for all; ``preview``: characters."""

    type: int
    size: int | None = None
    all_or_none: bool = False
    preview: int = 0


@dataclass(frozen=True, slots=True)
class Options:
    """One collection's options. ``mime_limit``: bytes of MIME data, ``None`` for all."""

    filter: int = 0
    conflict: int = 1
    mime_support: int = 0
    mime_limit: int | None = None
    preferences: tuple[Preference, ...] = ()

    def preference(self, kind: int) -> Preference | None:
        """The wishes for one body type."""
        return next((entry for entry in self.preferences if entry.type == kind), None)

    @property
    def rule(self) -> ConflictRule:
        """Who wins a conflict."""
        return ConflictRule.SERVER_WINS if self.conflict else ConflictRule.CLIENT_WINS

    def since(self, content: ContentType, now: datetime) -> datetime | None:
        """The oldest wanted moment, at the start of its day (UTC) so that items leave once a day and not by the
        second; ``None`` for everything. Of tasks it is when they were completed: none is wanted that ever was."""
        if content is ContentType.TASKS:
            return NEVER if self.filter == INCOMPLETE else None
        if self.filter not in DATED.get(content, ()):
            return None
        day = now - timedelta(days=DAYS[self.filter])
        return day.replace(hour=0, minute=0, second=0, microsecond=0)

    @property
    def bodies(self) -> tuple[BodyKind, ...]:
        """The body forms to ask the source for, best first. MIME in the last place is meant for messages that are
        signed or encrypted, and for them alone."""
        wanted = {entry.type for entry in self.preferences}
        kinds = [kind for number, kind in ((HTML, BodyKind.HTML), (PLAIN, BodyKind.TEXT)) if number in wanted]
        if not kinds:
            kinds = [BodyKind.TEXT]
        if MIME in wanted and self.mime_support == 2:
            return (BodyKind.MIME, *kinds)
        if MIME in wanted and self.mime_support == 1:
            return (*kinds, BodyKind.MIME)
        return tuple(kinds)

    def dumps(self) -> dict[str, Any]:
        """As simple values, for :meth:`loads`."""
        return asdict(self)

    @classmethod
    def loads(cls, value: Any) -> Options:
        """What :meth:`dumps` made; anything else gives the defaults."""
        try:
            entries = tuple(Preference(**entry) for entry in value["preferences"])
            return cls(**{**value, "preferences": entries})
        except (TypeError, KeyError):
            return cls()


def read(elements: Sequence[Element]) -> Options | None:
    """The Options elements of one collection; ``None`` when there is none.

    Raises ``Malformed`` for two sets of one class, classes other than a folder's own and SMS, two preferences for
    one body type, and values out of range.
    """
    chosen: list[Element] = []
    classes: list[str] = []
    for element in elements:
        name = _class_of(element)
        if name in classes:
            raise Malformed(f"two Options for class {name or 'of the folder'!r}")
        classes.append(name)
        if name != _SMS:
            chosen.append(element)
    if len(chosen) > 1:
        raise Malformed(f"Options for the classes {', '.join(classes)} in one collection")
    return _read_one(chosen[0]) if chosen else None


def _class_of(element: Element) -> str:
    child = only(element, "AirSync:Class")
    return "" if child is None else child.text.strip()


def _read_one(element: Element) -> Options:
    def number(name: str, high: int) -> int | None:
        child = only(element, f"AirSync:{name}")
        return None if child is None else whole(child, 0, high)

    conflict = number("Conflict", 1)
    mime_truncation = number("MIMETruncation", 8)
    preferences = tuple(_preference(child) for child in element.find_all("AirSyncBase:BodyPreference"))
    types = [entry.type for entry in preferences]
    if len(set(types)) < len(types):
        raise Malformed("two BodyPreference elements for one Type")
    return Options(
        filter=number("FilterType", 8) or 0,
        conflict=1 if conflict is None else conflict,
        mime_support=number("MIMESupport", 2) or 0,
        mime_limit=None if mime_truncation is None else MIME_LIMITS[mime_truncation],
        preferences=preferences,
    )


def _preference(element: Element) -> Preference:
    in_order(element, _PREFERENCE_ORDER)
    size = element.find("AirSyncBase:TruncationSize")
    all_or_none = element.find("AirSyncBase:AllOrNone")
    preview = element.find("AirSyncBase:Preview")
    return Preference(
        type=whole(required(element, "AirSyncBase:Type"), PLAIN, MIME),
        size=None if size is None else whole(size, 0, MAX_SIZE),
        all_or_none=size is not None and all_or_none is not None and boolean(all_or_none),
        preview=0 if preview is None else whole(preview, 0, MAX_PREVIEW),
    )
