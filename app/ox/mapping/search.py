"""Conditions of a search, as OX's filters of messages and as texts of other items (``facts``: HTTP API section 8.1).

OX hands a search to the IMAP server, which knows days and no times of day: so dates are widened by a day, and what OX
finds is judged again by the date that it tells. What OX cannot say at all (a conversation) is left out of the filter
and judged afterwards, by header fields that are asked for with the result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from app.ox.mapping import conversation, mail, values
from app.usm.queries import (
    AllOf,
    AnyOf,
    Condition,
    Conversation,
    Leaf,
    Mark,
    Marked,
    Not,
    Place,
    Received,
    Words,
)

Filter = list[Any]

LINKS: Final = ("Message-ID", "References", "In-Reply-To")
"""Header fields that tell of the conversation."""
COLUMNS: Final = (mail.ID, mail.RECEIVED, mail.FLAGS)
LINKED: Final = (*COLUMNS, -1, -2, -3)
"""The same with :data:`LINKS`, which have no numbers of their own."""

ANYWHERE: Final = ("from", "to", "cc", "subject", "content")
FIELDS: Final[Mapping[Place, str]] = {
    Place.SENDER: "from",
    Place.TO: "to",
    Place.CC: "cc",
    Place.BCC: "bcc",
    Place.SUBJECT: "subject",
    Place.TEXT: "content",
}
FLAGS: Final[Mapping[Mark, int]] = {Mark.READ: mail.SEEN, Mark.FLAGGED: mail.FLAGGED}
WITH_FILES: Final = "multipart/mixed"
"""What OX goes by, too, when it tells in a list whether a message has files."""

_DAY: Final = timedelta(days=1)


def filter_of(condition: Condition, slack: timedelta = _DAY) -> Filter | None:
    """The filter that finds at least what meets the condition; ``None`` for everything. ``slack``: how much wider dates
    are taken, less than nothing below a ``Not``."""
    if isinstance(condition, Words):
        return _words(condition)
    if isinstance(condition, Received):
        return _joined("and", _dates(condition, slack))
    if isinstance(condition, Marked):
        if condition.mark is Mark.FILES:
            return _equal("content_type", WITH_FILES)
        return _equal("flags", str(FLAGS[condition.mark]))
    if isinstance(condition, Conversation):
        return None
    if isinstance(condition, Not):
        below = filter_of(condition.part, -slack)
        return None if below is None else ["not", below]
    return _branch(condition, slack)


def _branch(condition: AllOf | AnyOf, slack: timedelta) -> Filter | None:
    parts = [filter_of(part, slack) for part in condition.parts]
    known = [part for part in parts if part is not None]
    if isinstance(condition, AnyOf):
        return _joined("or", known) if len(known) == len(parts) else None
    # Without one of its parts, a negated "all" would leave out too much.
    return _joined("and", known) if slack > timedelta() or len(known) == len(parts) else None


def _joined(operator: str, parts: list[Filter]) -> Filter | None:
    return [operator, *parts] if len(parts) > 1 else parts[0] if parts else None


def _equal(field: str, value: str) -> Filter:
    return ["=", {"field": field}, value]


def _words(words: Words) -> Filter:
    if words.place is Place.ANYWHERE:
        return ["or", *(_equal(field, words.text) for field in ANYWHERE)]
    if words.place is Place.FILES:
        return ["=", {"attachment": "name"}, words.text]
    return _equal(FIELDS[words.place], words.text)


def _dates(received: Received, slack: timedelta) -> list[Filter]:
    bounds = ((">", received.after, -slack), ("<", received.before, slack))
    return [
        [operator, {"field": "received_date"}, str(_milliseconds(moment + more))]
        for operator, moment, more in bounds
        if moment is not None
    ]


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def needs_links(condition: Condition) -> bool:
    """Whether header fields are wanted to judge what is found."""
    if isinstance(condition, AllOf | AnyOf):
        return any(map(needs_links, condition.parts))
    return needs_links(condition.part) if isinstance(condition, Not) else isinstance(condition, Conversation)


def judge_row(row: Mapping[int, Any]) -> Callable[[Leaf], bool | None]:
    """A judge of a message by its row: of all but words and files, which only OX knows."""
    flags = row[mail.FLAGS] if isinstance(row[mail.FLAGS], int) else 0

    def judge(leaf: Leaf) -> bool | None:
        if isinstance(leaf, Received):
            return leaf.holds(values.instant(row[mail.RECEIVED]))
        if isinstance(leaf, Marked) and leaf.mark in FLAGS:
            return bool(flags & FLAGS[leaf.mark])
        if isinstance(leaf, Conversation):
            name = conversation.name(*(str(row[link] or "") for link in LINKED[len(COLUMNS) :]))
            return name is not None and leaf.matches(name)
        return None

    return judge


# -- other items ---------------------------------------------------------------------------------------------

TASK: Final[Mapping[Place, tuple[int, ...]]] = {Place.SUBJECT: (200,), Place.TEXT: (203, 100)}
APPOINTMENT: Final[Mapping[Place, tuple[int, ...]]] = {Place.SUBJECT: (200,), Place.TEXT: (203, 400, 100)}
CONTACT: Final[Mapping[Place, tuple[int, ...]]] = {
    Place.SUBJECT: (500, 599, 501, 502, 515),
    Place.TEXT: (555, 556, 557, 569, 100),
}
"""The columns in which words are looked for."""

CONTACT_FIELDS: Final = (
    "display_name",
    "first_name",
    "last_name",
    "nickname",
    "email1",
    "email2",
    "email3",
    "company",
    "categories",
)
EVENT_FIELDS: Final[Mapping[Place, tuple[str, ...]]] = {
    Place.SUBJECT: ("summary",),
    Place.TEXT: ("description", "location"),
}


def texts_of(row: Mapping[Any, Any], places: Mapping[Place, tuple[Any, ...]]) -> dict[Place, str]:
    """The texts of an item by where they stand."""
    return {
        place: "\n".join(str(row[name]) for name in names if row.get(name)) for place, names in places.items()
    }


def contact_search(word: str) -> dict[str, Any]:
    """The body of ``contacts?action=search`` for a word anywhere in a contact."""
    return {**{field: f"*{literal(word)}*" for field in CONTACT_FIELDS}, "orSearch": True}


def literal(word: str) -> str:
    """A word without what OX takes for a wildcard; any character stands for one."""
    return word.replace("*", "?")
