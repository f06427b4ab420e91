"""The folder hierarchy as a device holds it: the same keys as for items, with folders in their place.

A folder's stamp is everything that a device is told of it, so that any visible change is a change.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.usm import choice, keys, renames
from app.usm.journal import Record
from app.usm.model import (
    HIERARCHY,
    ChangeKind,
    Folder,
    FolderChange,
    FolderRef,
    HierarchyResult,
    SessionId,
    UsmSettings,
)
from app.usm.ports import DataSource, Heads, StateStore

_encode = json.JSONEncoder(separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Placed:
    """A folder with its number and its parent's, 0 at the top."""

    number: int
    parent: int
    folder: Folder

    @property
    def stamp(self) -> str:
        """What the device sees of it."""
        folder = self.folder
        return _encode([folder.title, self.parent, folder.content, folder.role, folder.writable])


def shown(store: StateStore, session: SessionId) -> dict[int, tuple[str, str]]:
    """Title and role of each folder as the device was last told: by number."""
    heads = store.heads(session, HIERARCHY)
    if heads is None:
        return {}
    stamps = store.stamps(session, HIERARCHY, heads.newest.counter)
    return {int(number): (fields[0], fields[3]) for number, fields in _read(stamps)}


def _read(stamps: Mapping[str, str]) -> Iterator[tuple[str, list[Any]]]:
    for number, stamp in stamps.items():
        yield number, json.loads(stamp)


def place(
    session: SessionId, folders: Sequence[Folder], store: StateStore, numbered: Sequence[FolderRef] = ()
) -> list[Placed]:
    """The folders with their numbers; a parent that is not synchronised puts its children at the top. ``numbered``:
    what is known of numbers, so that the store is asked only for a folder without one."""
    known = {ref.id: ref.number for ref in numbered}
    if any(folder.id not in known for folder in folders):
        refs = store.number_folders(session, [(folder.id, folder.content) for folder in folders])
        known = {ref.id: ref.number for ref in refs}
    numbers = {folder.id: known[folder.id] for folder in folders}
    return [
        Placed(numbers[folder.id], numbers.get(folder.parent_id or "", HIERARCHY), folder)
        for folder in folders
    ]


def compare(held: Mapping[str, str], placed: Sequence[Placed]) -> list[FolderChange]:
    """What turns the device's hierarchy into the source's: removals, then the rest with parents first."""
    now = {str(entry.number) for entry in placed}
    changes = [FolderChange(ChangeKind.DELETE, int(number)) for number in held if number not in now]
    for entry in placed:
        known = held.get(str(entry.number))
        if known == entry.stamp:
            continue
        kind = ChangeKind.ADD if known is None else ChangeKind.CHANGE
        changes.append(FolderChange(kind, entry.number, entry.parent, entry.folder))
    return changes


def update(
    session: SessionId,
    source: DataSource,
    store: StateStore,
    settings: UsmSettings,
    heads: Heads,
    position: keys.Position,
    without: Collection[str] = (),
    seen: Sequence[Folder] | None = None,
) -> HierarchyResult:
    """Bring a device's hierarchy up to date, ``without`` the folders of these ids (:mod:`app.usm.choice`). The states
    of its folders are not touched, whatever the key. ``seen``: what the source has, if somebody has looked since the
    state was as it is now."""
    repeated = position is keys.Position.OLDER
    base = keys.head(position, heads).counter
    held = store.stamps(session, HIERARCHY, base)
    folders = source.folders() if seen is None else seen
    numbered = renames.recognise(session, source, store, folders)
    placed = place(session, choice.shown(folders, without), store, numbered)
    changes = compare(held, placed)
    if not changes and not repeated and not settings.force_new_key:
        return HierarchyResult(keys.text(heads.generation, base))
    delta: dict[str, str | None] = {
        str(change.number): None for change in changes if change.kind is ChangeKind.DELETE
    }
    delta.update(
        {str(entry.number): entry.stamp for entry in placed if held.get(str(entry.number)) != entry.stamp}
    )
    store.save(session, HIERARCHY, base, delta, Record(base, {}).dumps())
    return HierarchyResult(keys.text(heads.generation, base + 1), tuple(changes))
