"""What has already been done for a device, so that nothing is done twice.

The answer to a client's change can get lost in two ways: on the network, after the state was saved, or in a crash
between writing to the source and saving the state. For both, what was done is kept under the device's own name
for the change: with the sync key (the *record*) and, while a request is at work, in the *journal*.

An entry without an item id is an intent, unless it is ``spent``: the item may or may not exist; its ``uid`` tells.
``asked`` is when the source was last asked to make it, in seconds since 1970: for a while after that it may still be at
it. 0 means that it is not.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from dataclasses import fields as fields_of
from hashlib import blake2b
from typing import Any, Self, TypeVar

from app.usm.content import Upload
from app.usm.model import ChangeKind, ClientChange, SessionId

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Entry:
    """One change that was done or begun. ``digest``: of its content; ``stamp``: the item's stamp afterwards; ``spent``:
    the device's item was there no more afterwards (a draft that was sent, or that the source keeps as a new one);
    ``echo``: the source has it otherwise than the device, which must get it back."""

    digest: str
    uid: str = ""
    item_id: str = ""
    stamp: str = ""
    asked: int = 0
    spent: bool = False
    echo: bool = False

    @property
    def is_intent(self) -> bool:
        """Whether nobody knows that it was done."""
        return not self.item_id and not self.spent


@dataclass(frozen=True, slots=True)
class Record:
    """Entries by :func:`name_of`, and the counter of the key that the device stood on.

    For the brakes (:mod:`app.usm.brakes`): ``deleted``, since when the device has deleted how many items; ``released``,
    items whose deletion was held back and is to be carried out; ``emptied``, when the folder was first seen empty.
    """

    base: int
    entries: Mapping[str, Entry]
    deleted: tuple[int, int] = (0, 0)
    released: tuple[str, ...] = ()
    emptied: int = 0

    def dumps(self) -> str:
        """The record as text for the store; what has no value is left out."""
        data: dict[str, Any] = {
            "base": self.base,
            "entries": {name: _short(entry) for name, entry in self.entries.items()},
        }
        if self.deleted[1]:
            data["deleted"] = self.deleted
        if self.released:
            data["released"] = self.released
        if self.emptied:
            data["emptied"] = self.emptied
        return json.dumps(data, separators=(",", ":"))

    @classmethod
    def loads(cls, text: str | None) -> Self:
        """The record that :meth:`dumps` wrote; an empty one for nothing."""
        if not text:
            return cls(base=-1, entries={})
        data = json.loads(text)
        since, count = data.get("deleted", (0, 0))
        return cls(
            data["base"],
            {name: noted(Entry, entry) for name, entry in data["entries"].items()},
            (since, count),
            tuple(data.get("released", ())),
            data.get("emptied", 0),
        )

    def for_base(self, base: int) -> Mapping[str, Entry]:
        """The entries, if they belong to requests that stood on this key."""
        return self.entries if self.base == base else {}


def noted(kind: type[T], data: Mapping[str, Any]) -> T:
    """A dataclass of what was noted of it. What a node of a newer release has noted besides is left out."""
    known = {each.name for each in fields_of(kind)}  # type: ignore[arg-type]
    return kind(**{name: value for name, value in data.items() if name in known})


def _short(entry: Entry) -> dict[str, Any]:
    return {name: value for name, value in asdict(entry).items() if value or name == "digest"}


def name_of(change: ClientChange) -> str:
    """The device's own name for a change: its client id for an Add, the item for all others, and of a series the
    occurrence."""
    if change.kind is ChangeKind.ADD:
        return f"add:{change.client_id}"
    if change.occurrence is not None:
        return f"item:{change.item_id}@{change.occurrence.isoformat()}"
    return f"item:{change.item_id}"


def words_of(change: ClientChange) -> str:
    """The name of the draft that holds what a device wrote on one that was gone."""
    return f"words:{change.item_id}:{digest_of(change)}"


def digest_of(change: ClientChange) -> str:
    """Differs when the content of a change differs."""
    fields = [(name, _told(value)) for name, value in sorted(change.fields.items(), key=lambda pair: pair[0])]
    content = repr((change.kind.value, fields))
    return blake2b(content.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def _told(value: Any) -> Any:
    """A value that its text tells whole: the text of a file leaves its bytes out."""
    if isinstance(value, tuple):
        return tuple(map(_told, value))
    if isinstance(value, Upload):
        return value, value.digest
    return value


def uid_of(session: SessionId, folder: int, generation: str, base: int, client_id: str) -> str:
    """The mark of an item that a device adds: the same whenever the same Add is repeated."""
    name = "\0".join(
        (
            str(session.context_id),
            str(session.user_id),
            session.protocol,
            session.device_id,
            str(folder),
            generation,
            str(base),
            client_id,
        )
    )
    return str(
        uuid.UUID(bytes=blake2b(name.encode("utf-8", "surrogatepass"), digest_size=16).digest(), version=5)
    )


def found(entry: Entry, item_id: str, stamp: str) -> Entry:
    """The intent turned into a fact; without an id the item was there no more."""
    return replace(entry, item_id=item_id, stamp=stamp, spent=not item_id)
