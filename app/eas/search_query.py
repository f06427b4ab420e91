"""What a Search asks of the mailbox: its Query and its Options (MS-ASCMD 2.2.3.142.2, 2.2.3.125.6).

A Query holds one And, and that holds all conditions. Anything else that the standard has words for, at another place or
twice where it counts once, is too complex (Status 8) or wrong (Status 2). A CollectionId 0, or none, means all folders
(Android, Outlook: quirk 10).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from app.eas import kql
from app.eas.errors import ConversionError, Malformed
from app.eas.folders import CLASSES, exists_in, folder_number
from app.eas.options import SMS
from app.eas.schema.email import conversation_id
from app.eas.schema.table import parse_moment
from app.eas.status import SearchStatus
from app.eas.versions import Version
from app.usm.model import ContentType
from app.usm.queries import AllOf, Condition, Conversation, Received
from app.wbxml.element import Element

_PAGE: Final = "Search:"
_CONTENTS: Final[Mapping[str, ContentType]] = {name: content for content, name in CLASSES.items()}
_ONCE: Final = ("FreeText", "ConversationId", "GreaterThan", "LessThan")
_NESTED: Final = ("And", "Or", "EqualTo")
_SMS_SINCE: Final = Version.V14_0
ALL_FOLDERS: Final = "0"
MAX_FREE_TEXT: Final = 1024


class Refused(Exception):
    """A store is not searched. ``status``: why."""

    def __init__(self, status: SearchStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class MailboxQuery:
    """``folders``: their numbers, none for all."""

    condition: Condition | None
    contents: frozenset[ContentType]
    folders: tuple[int, ...]


def read(query: Element, version: Version) -> MailboxQuery:
    """Raises ``Refused`` with Status 2, 8 and 11."""
    ands = query.find_all(f"{_PAGE}And")
    if len(ands) != 1 or len(query.children) != 1:
        if not query.children:
            raise Refused(SearchStatus.PROTOCOL_ERROR, "a Query without conditions")
        raise Refused(SearchStatus.TOO_COMPLEX, "a Query is more than one And")
    conditions = ands[0]
    for child in conditions:
        if child.name in (f"{_PAGE}{name}" for name in _NESTED):
            raise Refused(SearchStatus.TOO_COMPLEX, f"{child.name} within And")
        if not child.name.startswith((_PAGE, "AirSync:")):  # an element of a class (MS-ASEMAIL 3.2.5.3)
            raise Refused(SearchStatus.PROTOCOL_ERROR, f"{child.name} is no condition")
    for name in _ONCE:
        if len(conditions.find_all(f"{_PAGE}{name}")) > 1:
            raise Refused(SearchStatus.PROTOCOL_ERROR, f"{name} twice")
    found = [
        part
        for part in (_words(conditions), _conversation(conditions), _dates(conditions))
        if part is not None
    ]
    condition = AllOf(tuple(found)) if len(found) > 1 else found[0] if found else None
    return MailboxQuery(condition, _contents(conditions, version), _folders(conditions))


def _words(conditions: Element) -> Condition | None:
    element = conditions.find(f"{_PAGE}FreeText")
    if element is None:
        return None
    text = element.text.strip()
    if not text or len(text) > MAX_FREE_TEXT:
        raise Refused(SearchStatus.PROTOCOL_ERROR, f"FreeText has {len(text)} characters")
    found = kql.condition(text)
    if found is None:
        raise Refused(SearchStatus.PROTOCOL_ERROR, "FreeText holds no word")
    return found


def _conversation(conditions: Element) -> Condition | None:
    element = conditions.find(f"{_PAGE}ConversationId")
    if element is None:
        return None
    wanted = element.value if isinstance(element.value, bytes) else element.text.encode()
    return Conversation(lambda name: conversation_id(name) == wanted)


def _dates(conditions: Element) -> Condition | None:
    after = _date(conditions.find(f"{_PAGE}GreaterThan"))
    before = _date(conditions.find(f"{_PAGE}LessThan"))
    return None if after is None and before is None else Received(after, before)


def _date(comparison: Element | None) -> datetime | None:
    if comparison is None:
        return None
    value = comparison.find(f"{_PAGE}Value")
    if value is None or comparison.find("Email:DateReceived") is None:
        raise Refused(
            SearchStatus.PROTOCOL_ERROR, f"{comparison.name} compares something else than DateReceived"
        )
    try:
        return parse_moment(value.text)
    except ConversionError as error:
        raise Refused(SearchStatus.PROTOCOL_ERROR, str(error)) from error


def _contents(conditions: Element, version: Version) -> frozenset[ContentType]:
    names = [element.text.strip() for element in conditions.find_all("AirSync:Class")]
    known = {name: content for name, content in _CONTENTS.items() if exists_in(content, version)}
    allowed = known.keys() | ({SMS} if version >= _SMS_SINCE else set())
    for name in names:
        if name not in allowed:
            raise Refused(SearchStatus.PROTOCOL_ERROR, f"there is no class {name[:40]!r}")
    return frozenset(known[name] for name in names if name != SMS) if names else frozenset(known.values())


def _folders(conditions: Element) -> tuple[int, ...]:
    names = [element.text.strip() for element in conditions.find_all("AirSync:CollectionId")]
    if ALL_FOLDERS in names:
        return ()
    numbers = [folder_number(name) for name in names]
    found = tuple(dict.fromkeys(number for number in numbers if number is not None))
    if None in numbers:
        raise Refused(SearchStatus.HIERARCHY_CHANGED, f"no folder is called {names}")
    return found


def read_range(text: str | None, most: int) -> tuple[int, int]:
    """First and last of the results that are wanted, counted from 0. Raises ``Malformed`` for what is no range, and
    ``Refused`` 12 for one that goes beyond what is ever told."""
    if text is None:
        return 0, most - 1
    first, separator, last = text.strip().partition("-")
    if not (separator and _is_number(first) and _is_number(last) and int(first) <= int(last)):
        raise Malformed(f"{text[:40]!r} is no range")
    if int(last) >= most:
        raise Refused(SearchStatus.RANGE_EXCEEDED, f"range {text[:40]}, {most} are the most")
    return int(first), int(last)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 10
