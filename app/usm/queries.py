"""What can be looked for, and what is found: the vocabulary between a protocol and a source for searches.

A :data:`Condition` is a small tree. Its leaves are words, dates, marks and a conversation; its branches say that all,
any or none of the conditions below hold. Words are looked for anywhere within a word, whatever their case.

A source that can judge only some of the leaves by itself asks :func:`verdict`, which answers ``None`` where the others
decide.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from app.usm.content import Address, Busy
from app.usm.model import ContentType, FolderRef


class Place(Enum):
    """Where words are to be found."""

    ANYWHERE = "anywhere"
    SENDER = "sender"
    TO = "to"
    CC = "cc"
    BCC = "bcc"
    SUBJECT = "subject"
    TEXT = "text"
    FILES = "files"
    """The names of the files that hang on a message."""


class Mark(Enum):
    """What a message can be."""

    READ = "read"
    FLAGGED = "flagged"
    FILES = "files"
    """It has files; a source may guess that from the kind of the message."""


@dataclass(frozen=True, slots=True)
class Words:
    """These words, in this order."""

    text: str
    place: Place = Place.ANYWHERE


@dataclass(frozen=True, slots=True)
class Received:
    """Later than ``after``, earlier than ``before`` (UTC)."""

    after: datetime | None = None
    before: datetime | None = None

    def holds(self, moment: datetime | None) -> bool:
        """Whether a moment lies within; one that nobody knows does not."""
        if moment is None:
            return False
        return (self.after is None or moment > self.after) and (self.before is None or moment < self.before)


@dataclass(frozen=True, slots=True)
class Marked:
    """The message is ``mark``."""

    mark: Mark


@dataclass(frozen=True, slots=True)
class Conversation:
    """The message belongs to a conversation; ``matches`` judges the name that :mod:`app.usm.content` gives it."""

    matches: Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class AllOf:
    """Each of these holds."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """One of these holds at least."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """This does not hold."""

    part: Condition


Leaf = Words | Received | Marked | Conversation
Condition = Leaf | AllOf | AnyOf | Not


def verdict(condition: Condition, judge: Callable[[Leaf], bool | None]) -> bool | None:
    """Whether a condition holds; ``None`` where it depends on leaves of which ``judge`` knows nothing."""
    if isinstance(condition, Not):
        below = verdict(condition.part, judge)
        return None if below is None else not below
    if not isinstance(condition, AllOf | AnyOf):
        return judge(condition)
    found = {verdict(part, judge) for part in condition.parts}
    decisive = isinstance(condition, AnyOf)
    if decisive in found:
        return decisive
    return None if None in found else not decisive


def alternatives(condition: Condition) -> tuple[str, ...]:
    """Words of which whatever meets the condition must hold one at least; none where it can do without any."""
    if isinstance(condition, Words):
        return (condition.text,)
    if isinstance(condition, AllOf):
        found = [words for words in map(alternatives, condition.parts) if words]
        # The fewest, and of those the longest word: what narrows the search most.
        return min(found, key=lambda words: (len(words), -len(words[0])), default=())
    if isinstance(condition, AnyOf):
        each = [alternatives(part) for part in condition.parts]
        return tuple(dict.fromkeys(word for words in each for word in words)) if all(each) else ()
    return ()


def judge_texts(texts: Mapping[Place, str], moment: datetime | None = None) -> Callable[[Leaf], bool]:
    """A judge of an item whose texts are all known: of words, and of the moment it came; nothing else is true of it."""
    folded = {place: text.casefold() for place, text in texts.items()}
    everything = "\n".join(folded.values())

    def judge(leaf: Leaf) -> bool:
        if isinstance(leaf, Words):
            text = everything if leaf.place is Place.ANYWHERE else folded.get(leaf.place, "")
            return leaf.text.casefold() in text
        return isinstance(leaf, Received) and leaf.holds(moment)

    return judge


# -- what is found -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Hit:
    """An item that meets a condition. ``when``: it came, or was changed last."""

    folder: FolderRef
    item_id: str
    when: datetime | None = None


@dataclass(frozen=True, slots=True)
class Hits:
    """What was found, the newest first. ``total``: how many there are in all. ``complete``: no folder was left out for
    want of time."""

    hits: tuple[Hit, ...] = ()
    total: int = 0
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Search:
    """What a device looks for. ``folders``: their numbers, none for all; ``below``: the folders below them as well.
    ``most``: at most so many hits are told."""

    condition: Condition | None
    contents: frozenset[ContentType]
    folders: tuple[int, ...] = ()
    below: bool = False
    most: int = 100


class Origin(Enum):
    """Where a person is known from."""

    DIRECTORY = "directory"
    CONTACTS = "contacts"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody in the directory or among the user's contacts. ``fields``: names and types of a contact's in
    :mod:`app.usm.content`. ``members``: those of a distribution list, ``None`` for a person. ``picture``: the source's
    own name of the picture, ``""`` without one."""

    origin: Origin
    fields: Mapping[str, Any]
    members: tuple[Address, ...] | None = None
    picture: str = ""

    @property
    def name(self) -> str:
        """The name to show."""
        return str(self.fields.get("display_name") or self.mail)

    @property
    def mails(self) -> tuple[str, ...]:
        """All mail addresses, the first one first."""
        found = (self.fields.get(field) for field in ("email1", "email2", "email3"))
        return tuple(str(mail) for mail in found if mail)

    @property
    def mail(self) -> str:
        """The mail address, ``""`` without one."""
        return next(iter(self.mails), "")


@dataclass(frozen=True, slots=True)
class BusyTime:
    """A time at which somebody is not free (UTC)."""

    start: datetime
    end: datetime
    busy: Busy = Busy.BUSY


@dataclass(frozen=True, slots=True)
class Document:
    """A file or folder of the user's documents. ``path``: the names from the top to it. Times are UTC."""

    path: tuple[str, ...]
    title: str
    is_folder: bool
    created: datetime | None = None
    modified: datetime | None = None
    size: int = 0
    content_type: str = "application/octet-stream"


Resolved = Mapping[str, Sequence[Person]]
"""Name → those whom it may mean."""
