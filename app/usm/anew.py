"""A device gets a folder, or everything, once more from the beginning because an administrator says so.

* The order is a mark among the stamps of the folder, at every kept key: whoever looks at what the device holds sees
  it at no cost, and each round carries it on. Begun anew the folder is without it.
* The device is told to start over by a request on the newest key that brings nothing of its own. It has got every
  answer then and has no more to say, so that nothing is in doubt when the state goes that would tell what was done.
  Until then its rounds go on as ever.
* What does not belong to the keys stays: the numbers of folders, what is remembered of messages sent and items moved,
  deletions that are held back.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from app.usm.journal import Record
from app.usm.model import HIERARCHY, FolderRef, SessionId
from app.usm.ports import Clock, StateStore, Tokens

MARK: Final = "anew"
"""No item of a source is called so. A program that does not know it takes it for an item that is gone, and no device
has one of that name."""


def is_ordered(stamps: Mapping[str, str]) -> bool:
    """Whether a folder of which this is kept is to be begun anew."""
    return MARK in stamps


def without(stamps: Mapping[str, str]) -> Mapping[str, str]:
    """What the device holds of it."""
    if not is_ordered(stamps):
        return stamps
    return {item: stamp for item, stamp in stamps.items() if item != MARK}


def order(
    store: StateStore, session: SessionId, folders: Collection[int] | None, clock: Clock, tokens: Tokens
) -> Sequence[FolderRef]:
    """Let the device begin anew with these folders; without any with all of them, and with the hierarchy. Those that it
    has begun. Raises ``Busy``, ``StoreUnavailable``; what was ordered by then holds, and may be ordered again."""
    moment = str(int(clock.now().timestamp()))
    ordered = []
    for ref in store.folder_refs(session):
        if folders is None or ref.number in folders:
            with store.lock(session, ref.number):
                if store.heads(session, ref.number) is not None:
                    store.amend(session, {ref.number: {MARK: moment}})
                    ordered.append(ref)
    if folders is None:
        with store.lock(session, HIERARCHY):
            if store.heads(session, HIERARCHY) is not None:
                store.begin(session, HIERARCHY, tokens.text()[:16], Record(0, {}).dumps())
    return ordered
