"""What a content type has to offer to be synchronised: one module of this package each, one row in ``source.py``."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from app.ox.access import Access, Traits
from app.ox.client import Answer, Call, OxClient
from app.ox.errors import TooLarge
from app.ox.settings import OxSettings
from app.usm.errors import ItemError, ItemGone, ItemUnreadable, UsmError
from app.usm.model import BodyKind, Download, Item, Listing, Written
from app.usm.ports import Clock

Found = dict[str, Item | Exception]
"""Item id → the item, or why it cannot be read; an item that is gone is absent."""


@dataclass(frozen=True, slots=True)
class Context:
    """What every module works with."""

    client: OxClient
    access: Access
    settings: OxSettings
    traits: Traits
    clock: Clock


@dataclass(frozen=True, slots=True)
class Question:
    """A call, and what its answer shows. ``read`` raises an error that is the answer."""

    call: Call
    read: Callable[[Answer | UsmError], Listing]

    def ask(self, client: OxClient) -> Listing:
        """By itself."""
        return self.read(*client.together([self.call]))


class Module(Protocol):
    """One content type. The methods mean what those of ``DataSource`` mean; ``folder`` is OX's own id."""

    def __init__(self, context: Context) -> None: ...

    def listing(self, folder: str, since: datetime | None) -> Question:
        """One call, to be made along with others."""
        ...

    def read(self, folder: str, ids: Sequence[str], bodies: Sequence[BodyKind]) -> Found: ...

    def create(self, folder: str, fields: Mapping[str, Any], uid: str) -> Written: ...

    def find_created(self, folder: str, uids: Sequence[str]) -> dict[str, Written]: ...

    def update(
        self,
        folder: str,
        item_id: str,
        fields: Mapping[str, Any],
        stamp: str | None,
        occurrence: datetime | None = None,
    ) -> Written: ...

    def delete(
        self,
        folder: str,
        item_id: str,
        stamp: str | None,
        to_trash: bool,
        occurrence: datetime | None = None,
    ) -> None: ...

    def move(self, folder: str, item_id: str, target: str) -> Written: ...

    def attachment(self, folder: str, item_id: str, attachment_id: str) -> Download: ...

    def probes(self, folder: str) -> list[Call]:
        """What to ask to learn whether the folder has changed."""
        ...

    def fingerprint(self, answers: Sequence[Answer]) -> str:
        """The answers to :meth:`probes` as a short text. It depends on the folder alone, not on who asks or what
        was asked before."""
        ...

    def agrees(self, probed: Sequence[Answer], listed: Answer) -> bool:
        """Whether the answers to :meth:`probes` show nothing but what the answer to :meth:`listing` shows too: they
        were asked for at once, and nobody promises in which order OX looked. Never True if it looked at the folder for
        the former after a change, and for the latter before it. ``listed`` has been read."""
        ...


def json_id(text: str) -> int | str:
    """An id as OX has it: a number where it is one."""
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text) else text


def in_parts(ids: Sequence[str], size: int, read: Callable[[Sequence[str]], Found]) -> Found:
    """Read items in calls of at most ``size``; a call that fails for the sake of one item is halved until the item
    that spoils it stands alone."""
    found: Found = {}
    waiting = [ids[start : start + size] for start in range(0, len(ids), size)]
    while waiting:
        part = waiting.pop(0)
        try:
            found.update(read(part))
        except (ItemError, TooLarge) as error:
            if len(part) > 1:
                middle = len(part) // 2
                waiting[:0] = [part[:middle], part[middle:]]
            elif not isinstance(error, ItemGone):
                found[part[0]] = ItemUnreadable(f"item {part[0]}: {error}")
    return found
