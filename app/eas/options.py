"""What a device wants to see of a collection: Options, sticky per collection (MS-ASCMD 2.2.3.125.5).

* A new Options element replaces the former as a whole; without one the former stays in force. A folder of mail may
  have a second one for text messages (class SMS), of which there are none here: it is checked, and counts for nothing.
* Up to 2.5 there is no BodyPreference: a device takes plain text, up to a length that Truncation names, and messages
  as they are where MIMESupport says so. That is the same as two preferences, and is read as such.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from app.eas.errors import Malformed, StatusError
from app.eas.reading import boolean, in_order, only, required, whole
from app.eas.status import Common
from app.eas.versions import NEWEST, Version
from app.usm.model import BodyKind, ConflictRule, ContentType
from app.wbxml.element import Element

PLAIN: Final = 1
HTML: Final = 2
RTF: Final = 3
MIME: Final = 4
"""Body types (MS-ASAIRS 2.2.2.41)."""

BODY_PREFERENCES: Final = Version.V12_0
"""From here on a device says which forms of a body it takes, and bodies are in AirSyncBase."""
BODY_PARTS: Final = Version.V14_1

DAYS: Final[Mapping[int, int]] = {1: 1, 2: 3, 3: 7, 4: 14, 5: 31, 6: 92, 7: 183}
"""FilterType → days back; 0 is everything."""

INCOMPLETE: Final = 8
"""The FilterType that only tasks have."""

NEVER: Final = datetime.max.replace(tzinfo=UTC)
"""No moment is later."""

FILTERS: Final[Mapping[ContentType, frozenset[int]]] = {
    ContentType.MAIL: frozenset(range(6)),
    ContentType.CALENDAR: frozenset((0, 4, 5, 6, 7)),
    ContentType.TASKS: frozenset((0, INCOMPLETE)),
}
"""Content type → the filters that it has (MS-ASCMD 2.2.3.68); of the others none counts, and any may be sent."""

DATED: Final[Mapping[ContentType, frozenset[int]]] = {
    ContentType.MAIL: frozenset(DAYS),
    ContentType.CALENDAR: frozenset((4, 5, 6, 7)),
}
"""Content types that are filtered by their date, and the filters that count: of mail also those once taken."""

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

TRUNCATIONS: Final[Mapping[int, int | None]] = {
    0: 0,
    1: 512,
    2: 1024,
    3: 2048,
    4: 5120,
    5: 10240,
    6: 20480,
    7: 51200,
    8: 102400,
    9: None,
}
"""Truncation of 2.5 → bytes of a body that are sent."""

MAX_SIZE: Final = 2**32 - 1
MAX_PREVIEW: Final = 255
_PREFERENCE_ORDER: Final = tuple(
    f"AirSyncBase:{name}" for name in ("Type", "TruncationSize", "AllOrNone", "Preview")
)
SMS: Final = "SMS"
"""Class of a text message in a folder of mail (MS-ASCMD 2.2.3.27)."""


@dataclass(frozen=True, slots=True)
class Preference:
    """One body form the device can take. ``size``: bytes at most, ``None`` for all; ``preview``: characters."""

    type: int
    size: int | None = None
    all_or_none: bool = False
    preview: int = 0


@dataclass(frozen=True, slots=True)
class Options:
    """One collection's options. ``mime_limit``: bytes of MIME data, ``None`` for all; ``part``: the wishes for the
    part of a message that is its author's own (BodyPart); ``item_class``: the class they are for, ``""`` where they do
    not say."""

    filter: int = 0
    conflict: int = 1
    mime_support: int = 0
    mime_limit: int | None = None
    preferences: tuple[Preference, ...] = ()
    part: Preference | None = None
    item_class: str = ""

    def preference(self, kind: int) -> Preference | None:
        """The wishes for one body type."""
        return next((entry for entry in self.preferences if entry.type == kind), None)

    @property
    def rule(self) -> ConflictRule:
        """Who wins a conflict."""
        return ConflictRule.SERVER_WINS if self.conflict else ConflictRule.CLIENT_WINS

    def fits(self, content: ContentType) -> bool:
        """Whether the filter is one that these items have; those that have none do not mind."""
        return content not in FILTERS or self.filter in FILTERS[content]

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

    def without_bodies(self) -> Options:
        """The same for an item of which the body is not wanted now, only its preview."""
        wishes = self.preferences or (Preference(PLAIN),)
        return replace(
            self, preferences=tuple(replace(each, size=0, all_or_none=False) for each in wishes), part=None
        )

    def in_full(self) -> Options:
        """The same for an item that is wanted whole."""
        wishes = tuple(replace(each, size=None, all_or_none=False) for each in self.preferences)
        part = None if self.part is None else replace(self.part, size=None, all_or_none=False)
        return replace(self, mime_limit=None, preferences=wishes, part=part)

    def dumps(self) -> dict[str, Any]:
        """As simple values, for :meth:`loads`; what is not said is not among them."""
        values = asdict(self)
        del values["item_class"]
        if self.part is None:
            del values["part"]
        return values

    @classmethod
    def loads(cls, value: Any) -> Options:
        """What :meth:`dumps` made; anything else gives the defaults."""
        try:
            entries = tuple(Preference(**entry) for entry in value["preferences"])
            part = value.get("part")
            return cls(
                **{**value, "preferences": entries, "part": None if part is None else Preference(**part)}
            )
        except (TypeError, KeyError):
            return cls()


def read(elements: Sequence[Element], version: Version = NEWEST) -> Options | None:
    """The Options elements of one collection; ``None`` when there is none.

    Raises ``Malformed`` for two sets of one class, classes other than a folder's own and SMS, two preferences for
    one body type, and values out of range; ``StatusError`` 164 for a part of a message in a form that there is not.
    """
    chosen: list[Element] = []
    classes: list[str] = []
    for element in elements:
        name = _class_of(element)
        if name in classes:
            raise Malformed(f"two Options for class {name or 'of the folder'!r}")
        classes.append(name)
        if name != SMS:
            chosen.append(element)
    if len(chosen) > 1:
        raise Malformed(f"Options for the classes {', '.join(classes)} in one collection")
    found = {_class_of(element): _read_one(element, version) for element in elements}
    return found[_class_of(chosen[0])] if chosen else None


def _class_of(element: Element) -> str:
    child = only(element, "AirSync:Class")
    return "" if child is None else child.text.strip()


def _read_one(element: Element, version: Version) -> Options:
    def number(name: str, high: int) -> int | None:
        child = only(element, f"AirSync:{name}")
        return None if child is None else whole(child, 0, high)

    conflict = number("Conflict", 1)
    mime_truncation = number("MIMETruncation", 8)
    mime_support = number("MIMESupport", 2) or 0
    if version < BODY_PREFERENCES:
        truncation = number("Truncation", 9)
        preferences = _of_2_5(None if truncation is None else TRUNCATIONS[truncation], mime_support)
    else:
        preferences = _preferences(element, "AirSyncBase:BodyPreference")
    parts = _preferences(element, "AirSyncBase:BodyPartPreference") if version >= BODY_PARTS else ()
    for part in parts:
        if part.type != HTML:
            raise StatusError(Common.BODY_PART_TYPE, f"BodyPartPreference of type {part.type}")
    return Options(
        filter=number("FilterType", 8) or 0,
        conflict=1 if conflict is None else conflict,
        mime_support=mime_support,
        mime_limit=None if mime_truncation is None else MIME_LIMITS[mime_truncation],
        preferences=preferences,
        part=parts[0] if parts else None,
        item_class=_class_of(element),
    )


def _of_2_5(size: int | None, mime_support: int) -> tuple[Preference, ...]:
    text = Preference(PLAIN, size)
    return (text, Preference(MIME, size)) if mime_support else (text,)


def _preferences(element: Element, name: str) -> tuple[Preference, ...]:
    found = tuple(_preference(child) for child in element.find_all(name))
    types = [entry.type for entry in found]
    if len(set(types)) < len(types):
        raise Malformed(f"two {name} elements for one Type")
    return found


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
