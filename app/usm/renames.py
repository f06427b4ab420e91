"""Folders that somebody renames or moves elsewhere: they keep their numbers, and devices the items they hold.

Many sources give a folder another id with another name, so that it looks like one folder gone and another one new.
Some know what it was before; of others its *identity* tells, which stays. It is asked for when a device begins a
folder, and once more of the new folders when such a one is gone. Only one that fits, and fits alone, is taken for the
same; everything else is a folder gone and another one new, which costs a download and nothing else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final

from app.usm.errors import FolderGone, SourceUnavailable
from app.usm.model import Folder, FolderRef, SessionId
from app.usm.ports import DataSource, StateStore

_FIELD: Final = "usm.folder."
"""Begin of the names of the session's fields that hold identities; the folder's number follows."""


def remember(session: SessionId, source: DataSource, store: StateStore, folder: FolderRef) -> None:
    """Note a folder's identity. Not to know it is no fault."""
    with suppress(SourceUnavailable, FolderGone):
        identity = source.identities([folder]).get(folder.id)
        if identity is not None:
            store.write_fields(session, {f"{_FIELD}{folder.number}": identity})


def recognise(
    session: SessionId, source: DataSource, store: StateStore, folders: Sequence[Folder]
) -> Sequence[FolderRef]:
    """Give the numbers of folders that are gone to those that they have become. ``folders``: all there are now. The
    answer: the folders with numbers, as far as none of them had to change."""
    there = {folder.id for folder in folders}
    refs = store.folder_refs(session)
    gone = [ref for ref in refs if ref.id not in there]
    if gone:
        _recognise(session, source, store, folders, refs, gone, there)
        return ()
    return refs


def _recognise(
    session: SessionId,
    source: DataSource,
    store: StateStore,
    folders: Sequence[Folder],
    refs: Sequence[FolderRef],
    gone: list[FolderRef],
    there: set[str],
) -> None:
    numbered = {ref.id for ref in refs}
    fresh = [folder for folder in folders if folder.id not in numbered]
    by_id = {ref.id: ref for ref in gone}
    told = {folder.id: by_id[folder.was] for folder in fresh if folder.was in by_id}
    for folder_id, ref in told.items():
        store.rename_folder(session, ref.number, folder_id)
    fresh = [folder for folder in fresh if folder.id not in told]
    gone = [ref for ref in gone if ref not in told.values()]
    known = _known(session, store) if fresh else {}
    lost = {ref.number: ref for ref in gone if ref.number in known}
    if not lost:
        return
    contents = {ref.content for ref in lost.values()}
    candidates = [FolderRef(0, folder.id, folder.content) for folder in fresh if folder.content in contents]
    found = source.identities(candidates) if candidates else {}
    moved = _matched({number: known[number] for number in lost}, found)
    for number, folder_id in moved.items():
        carry_over(session, store, lost[number], folder_id, gone, there)


def carry_over(
    session: SessionId,
    store: StateStore,
    folder: FolderRef,
    folder_id: str,
    below: Sequence[FolderRef],
    there: set[str],
) -> None:
    """The folder's number goes to its new id, and with it those of the folders whose ids begin with its own and a
    separator, whatever the source has for one. ``below``: folders that may be such; ``there``: the ids that the source
    has."""
    renamed = {folder.number: folder_id}
    for child in below:
        rest = child.id.removeprefix(folder.id)
        if rest and rest != child.id and not rest[0].isalnum() and folder_id + rest in there:
            renamed[child.number] = folder_id + rest
    for number, new_id in renamed.items():
        store.rename_folder(session, number, new_id)


def _known(session: SessionId, store: StateStore) -> dict[int, str]:
    fields = store.fields(session)
    return {
        int(name.removeprefix(_FIELD)): identity
        for name, identity in fields.items()
        if name.startswith(_FIELD)
    }


def _matched(lost: Mapping[int, str], found: Mapping[str, str]) -> dict[int, str]:
    """Number → id of the folders that have the same identity, which no other one has."""
    times = Counter(lost.values()), Counter(found.values())
    by_identity = {identity: folder_id for folder_id, identity in found.items()}
    return {
        number: by_identity[identity]
        for number, identity in lost.items()
        if all(each[identity] == 1 for each in times)
    }
