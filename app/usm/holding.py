"""What an administrator sees of a session's trouble, and what may be done about it.

* **Held back**: deletions that a brake stopped (:mod:`app.usm.brakes`). They are remembered for some days. Whoever lets
  them through leaves word in the folder's journal, and the device's next request carries them out: only it can
  speak to the source in the user's name. Whoever drops them leaves everything as it is.
* **Skipped**: items that cannot be converted (:mod:`app.usm.held`); they are tried again by themselves, or at the
  device's next request if an administrator wants it. That they are skipped lies in their stamps; since when and why is
  noted beside. What cannot be noted because another request is at it goes without: the item counts, not the note.

Both leave notes under the numbers :data:`NOTED`, so that sessions without any trouble need not be looked into.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from app.usm import deeds, hierarchy
from app.usm.deeds import Deed, Kind
from app.usm.errors import Busy
from app.usm.held import Skipped, on_device
from app.usm.journal import Record
from app.usm.model import FolderRef, SessionId
from app.usm.ports import Clock, StateStore, Tokens

_log = logging.getLogger(__name__)

NOTED: Final = (Kind.HELD_BACK, Kind.SKIPPED)

REASON: Final = 200
"""Characters of a reason that are kept."""


@dataclass(frozen=True, slots=True)
class HeldBack:
    """Deletions that were held back in one folder. ``at``: the latest, in seconds since 1970."""

    folder: int
    title: str
    at: int
    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SkippedItem:
    """An item that cannot be converted. ``due``: when it is tried again, in seconds since 1970, 0 for at once;
    ``since``: of this version, 0 if it was not noted; ``why``: without what it quotes, "" if it was not noted."""

    folder: int
    title: str
    item_id: str
    tries: int
    due: int
    since: int = 0
    why: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """Why an item could not be converted (:func:`app.usm.errors.unquoted`), for the how manieth time in this
    version."""

    tries: int
    why: str


def hold_back(
    store: StateStore,
    session: SessionId,
    folder: FolderRef,
    items: Collection[str],
    clock: Clock,
    tokens: Tokens,
) -> None:
    """Note that these items of a folder are not deleted."""
    _log.warning(
        "%d deletions in folder %s of %s are held back: more than one device may delete in one go; see usmctl stuck",
        len(items),
        folder.id,
        session,
    )
    name = str(folder.number)
    with deeds.opened(store, session, Kind.HELD_BACK, clock, tokens) as held_back:
        before = held_back.get(name)
        known = [] if before is None else json.loads(before.result)
        result = json.dumps(sorted({*known, *items}), separators=(",", ":"))
        held_back.note({name: Deed(held_back.now(), done=True, result=result)})


def held_back(store: StateStore, session: SessionId) -> list[HeldBack]:
    """What is held back in all folders of a session."""
    heads = store.heads(session, Kind.HELD_BACK)
    if heads is None:
        return []
    titles = hierarchy.shown(store, session)
    found = []
    for name, text in sorted(store.stamps(session, Kind.HELD_BACK, heads.newest.counter).items()):
        deed = json.loads(text)
        title, _ = titles.get(int(name), ("", ""))
        found.append(HeldBack(int(name), title, deed["at"], tuple(json.loads(deed["result"]))))
    return found


def decide(
    store: StateStore, session: SessionId, folder: int, let_through: bool, clock: Clock, tokens: Tokens
) -> int:
    """Let the deletions held back in this folder through, or drop them; how many there were. Raises ``Busy``."""
    with store.lock(session, folder), deeds.opened(store, session, Kind.HELD_BACK, clock, tokens) as kept:
        deed = kept.get(str(folder))
        if deed is None:
            return 0
        items = json.loads(deed.result)
        if let_through:
            store.heads(session, folder)
            journal = Record.loads(store.journal(session, folder))
            released = tuple(sorted({*journal.released, *items}))
            store.write_journal(session, folder, replace(journal, released=released).dumps())
        kept.note({str(folder): None})
    return len(items)


def note_skipped(
    store: StateStore,
    session: SessionId,
    folder: int,
    faults: Mapping[str, Fault],
    clock: Clock,
    tokens: Tokens,
) -> None:
    """Note why these items of a folder are skipped."""
    with suppress(Busy), deeds.opened(store, session, Kind.SKIPPED, clock, tokens) as noted:
        now = noted.now()
        fresh: dict[str, Deed | None] = {}
        for item, fault in faults.items():
            name = _name(folder, item)
            before = noted.get(name)
            since = now if before is None or fault.tries == 1 else json.loads(before.result)["since"]
            result = json.dumps({"since": since, "why": fault.why[:REASON]}, separators=(",", ":"))
            fresh[name] = Deed(now, done=True, result=result)
        noted.note(fresh)


def skipped(store: StateStore, session: SessionId) -> list[SkippedItem]:
    """The items of all folders of a session that cannot be converted."""
    titles = hierarchy.shown(store, session)
    numbers = [ref.number for ref in store.folder_refs(session)]
    stamps = store.newest(session, [*numbers, Kind.SKIPPED])
    notes = stamps.get(Kind.SKIPPED, {})
    found = []
    for number in numbers:
        title, _ = titles.get(number, ("", ""))
        for item, stamp in stamps.get(number, {}).items():
            if (skip := Skipped.parse(stamp)) is not None:
                since, why = _noted(notes.get(_name(number, item)))
                found.append(SkippedItem(number, title, item, skip.tries, skip.due, since, why))
    return found


def retry(store: StateStore, session: SessionId, folder: int, items: Collection[str] | None = None) -> int:
    """Have the device's next request try these items of a folder again, or all that are skipped; how many there are.
    Raises ``Busy``.

    An item that the device may hold or not, as the answer is not known to have come, is left to its time.
    """
    with store.lock(session, folder):
        heads = store.heads(session, folder)
        if heads is None:
            return 0
        newest = store.stamps(session, folder, heads.newest.counter)
        older = newest if heads.older is None else store.stamps(session, folder, heads.older.counter)
        due = {
            item: str(replace(skip, due=0))
            for item, stamp in newest.items()
            if (skip := Skipped.parse(stamp)) is not None
            and (items is None or item in items)
            and on_device(older.get(item)) == skip.on_device
        }
        store.amend(session, {folder: due})
    return len(due)


def _name(folder: int, item: str) -> str:
    return f"{folder}:{item}"


def _noted(text: str | None) -> tuple[int, str]:
    if text is None:
        return 0, ""
    note = json.loads(json.loads(text)["result"])
    return note["since"], note["why"]
