"""What an administrator sees of a session's trouble, and what may be done about it.

* **Held back**: deletions that a brake stopped (:mod:`app.usm.brakes`). They are remembered for some days. Whoever lets
  them through leaves word in the folder's journal, and the device's next request carries them out: only it can
  speak to the source in the user's name. Whoever drops them leaves everything as it is.
* **Skipped**: items that cannot be converted (:mod:`app.usm.held`); they are tried again by themselves.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Collection
from dataclasses import dataclass, replace

from app.usm import deeds, hierarchy
from app.usm.deeds import Deed, Kind
from app.usm.held import Skipped
from app.usm.journal import Record
from app.usm.model import FolderRef, SessionId
from app.usm.ports import Clock, StateStore, Tokens

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class HeldBack:
    """Deletions that were held back in one folder. ``at``: the latest, in seconds since 1970."""

    folder: int
    title: str
    at: int
    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SkippedItem:
    """An item that cannot be converted. ``due``: when it is tried again, in seconds since 1970."""

    folder: int
    title: str
    item_id: str
    tries: int
    due: int


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
        "%d deletions in folder %s of %s are held back: more than one device may delete in one go; see usmctl held",
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


def skipped(store: StateStore, session: SessionId) -> list[SkippedItem]:
    """The items of all folders of a session that cannot be converted."""
    titles = hierarchy.shown(store, session)
    found = []
    for ref in store.folder_refs(session):
        heads = store.heads(session, ref.number)
        stamps = {} if heads is None else store.stamps(session, ref.number, heads.newest.counter)
        title, _ = titles.get(ref.number, ("", ""))
        for item, stamp in stamps.items():
            if (skip := Skipped.parse(stamp)) is not None:
                found.append(SkippedItem(ref.number, title, item, skip.tries, skip.due))
    return found
