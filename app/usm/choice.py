"""Which folders a device gets: all that there are, but those that its user has left out.

Rules

* The user chooses for one device, or for all that have no choice of their own, those to come included. Both are kept as
  what is left out, so that a folder that is new comes.
* The default folders of each kind are never left out: devices that lack them fail in odd ways.
* To the device a folder that is left out is one that is gone: FolderSync removes it, and nothing happens to it in the
  source. It keeps its number, so that it is the same one when it comes again.
* What holds for a device lies in the fields of its session, which a request reads anyway. A device that already has
  folders is asked to look at them anew (:data:`DUE`), some times and not for ever, as some never do.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from app.usm.model import Folder, FolderRole, SessionId
from app.usm.ports import StateStore

FIELDS: Final = "usm.folders."
"""How the fields begin that tell of a choice."""
LEFT_OUT: Final = "usm.folders.left_out"
"""Field of a session: JSON, the ids of the folders that its device does not get. Field of a user: the same, for his
devices without a choice of their own."""
OWN: Final = "usm.folders.own"
"""Field of a session whose device has a choice of its own."""
DUE: Final = "usm.folders.due"
"""Field of a session whose device is to look at its folders anew: how many times it is still told so."""

HINTS: Final = 3


def is_optional(folder: Folder) -> bool:
    """Whether it may be left out."""
    return folder.role is FolderRole.NONE


def left_out(fields: Mapping[str, str]) -> frozenset[str]:
    """What fields say; anything unreadable leaves nothing out."""
    try:
        ids = json.loads(fields.get(LEFT_OUT, "[]"))
    except ValueError:
        return frozenset()
    return frozenset(map(str, ids)) if isinstance(ids, list) else frozenset()


def shown(folders: Sequence[Folder], without: Collection[str]) -> Sequence[Folder]:
    """The folders that a device gets."""
    if not without:
        return folders
    return [folder for folder in folders if folder.id not in without or not is_optional(folder)]


def hint(fields: Mapping[str, str]) -> Mapping[str, str | None] | None:
    """What to write when a device is told to look at its folders anew; ``None`` when it is not to be told."""
    left = fields.get(DUE, "")
    if not left.isdecimal() or left == "0":
        return None
    return {DUE: str(int(left) - 1)}


def inherited(store: StateStore, session: SessionId) -> Mapping[str, str]:
    """The fields of a device that was never seen."""
    ids = store.user_fields(session.context_id, session.user_id).get(LEFT_OUT)
    return {} if ids is None else {LEFT_OUT: ids}


def for_one(store: StateStore, session: SessionId, ids: Iterable[str] | None) -> None:
    """Choose for one device; ``None``: what holds for those without a choice of their own."""
    if ids is None:
        fields = {LEFT_OUT: None, OWN: None, **inherited(store, session)}
    else:
        fields = {LEFT_OUT: _written(ids), OWN: "1"}
    store.write_fields(session, {**fields, DUE: str(HINTS)})


def for_all(store: StateStore, context_id: int, user_id: int, ids: Iterable[str]) -> Sequence[SessionId]:
    """Choose for all devices of a user without a choice of their own; which there are."""
    text = _written(ids)
    # First: a device that is new meanwhile takes it from there.
    store.write_user_fields(context_id, user_id, {LEFT_OUT: text})
    others = [each.id for each in store.remembered(context_id, user_id, (FIELDS,)) if OWN not in each.fields]
    for session in others:
        store.write_fields(session, {LEFT_OUT: text, DUE: str(HINTS)})
    return others


def _written(ids: Iterable[str]) -> str:
    return json.dumps(sorted(ids), separators=(",", ":"))
