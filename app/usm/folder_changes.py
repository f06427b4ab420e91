"""What a device does to folders: make, rename, move and delete, each exactly once.

The hierarchy has keys like any folder, and its record and journal hold what was done (:mod:`app.usm.journal`): a
device that repeats its request after a lost answer gets that answer again, and after a crash between the source and
the store the source's folder is found and not made anew. What the device did is noted as held in its own words, so that
the next look at the hierarchy tells it nothing but what the source made of it otherwise.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from hashlib import blake2b
from typing import TypeVar

from app.usm import keys, renames
from app.usm.errors import FolderGone, ItemError, ItemRefused, UnknownSyncKey
from app.usm.hierarchy import Placed
from app.usm.journal import Entry, Record
from app.usm.model import HIERARCHY, ContentType, Folder, FolderRef, FolderRole, FolderWritten, SessionId
from app.usm.ports import DataSource, Heads, StateStore

_T = TypeVar("_T")


class FolderChanges:
    """The work on one change of the hierarchy; made anew for each, under the hierarchy's lock."""

    def __init__(
        self, session: SessionId, source: DataSource, store: StateStore, heads: Heads, key: str
    ) -> None:
        position = keys.locate(key, heads)
        if position is keys.Position.START:
            raise UnknownSyncKey("a device changes folders that it knows")
        self._session = session
        self._source = source
        self._store = store
        self._generation = heads.generation
        self._base = keys.head(position, heads).counter
        self._held = store.stamps(session, HIERARCHY, self._base)
        self._refs = {ref.number: ref for ref in store.folder_refs(session)}
        self._done: Mapping[str, Entry] = {}
        if position is keys.Position.OLDER:
            self._done = Record.loads(heads.newest.record).for_base(self._base)
        self._begun = Record.loads(store.journal(session, HIERARCHY)).for_base(self._base)

    def create(self, parent: int, title: str, content: ContentType) -> FolderWritten:
        """A new folder. Raises ``FolderGone`` for the parent, ``ItemConflict`` where there is one of that name,
        ``ItemRefused``."""
        name = f"create:{content.value}:{_digest(parent, title)}"
        if (done := self._done.get(name)) is not None:
            return self._answer(int(done.item_id))
        above = self._parent(parent)
        folder = self._found(above, title, content) if name in self._begun else None
        if folder is None:
            folder = self._carry_out(name, lambda: self._source.create_folder(above, title, content))
        number = self._numbered(folder)
        if str(number) in self._held:
            # One of that id was there before, and the device has not heard yet that it is gone.
            self._store.rename_folder(self._session, number, f"\0gone {number}")
            number = self._numbered(folder)
        return self._remember(name, {number: _stamp(folder, number, parent, title)}, number)

    def _numbered(self, folder: Folder) -> int:
        return self._store.number_folders(self._session, [(folder.id, folder.content)])[0].number

    def change(self, number: int, parent: int, title: str) -> FolderWritten:
        """Another name or place. Raises ``FolderGone`` for the folder or the parent, ``ItemConflict``,
        ``ItemRefused``."""
        name = f"change:{number}:{_digest(parent, title)}"
        if name in self._done:
            return self._answer(number)
        ref = self._own(number)
        above = self._parent(parent)
        if parent == number or parent in self._below(number):
            raise ItemRefused(f"folder {number} cannot be moved into itself")
        try:
            folder = self._carry_out(name, lambda: self._source.change_folder(ref, above, title))
        except FolderGone:
            found = self._found(above, title, ref.content) if name in self._begun else None
            if found is None:
                raise
            folder = found
        self._rename(ref, folder)
        return self._remember(name, {number: _stamp(folder, number, parent, title)}, number)

    def delete(self, number: int) -> FolderWritten:
        """A folder goes, with those under it. Raises ``FolderGone``, ``ItemRefused``."""
        name = f"delete:{number}"
        if name in self._done:
            return self._answer(number)
        ref = self._own(number)
        with suppress(FolderGone):  # that is what the device wants
            self._carry_out(name, lambda: self._source.delete_folder(ref))
        return self._remember(name, dict.fromkeys((number, *self._below(number))), number)

    # -- what is there ---------------------------------------------------------------------------------------

    def _own(self, number: int) -> FolderRef:
        """A folder that the device holds and that is none of the special ones."""
        stamp = self._held.get(str(number))
        if stamp is None or number not in self._refs:
            raise FolderGone(f"the device has no folder {number}")
        _, _, _, role, _ = json.loads(stamp)
        if role != FolderRole.NONE:
            raise ItemRefused(f"folder {number} is special: {role}")
        return self._refs[number]

    def _parent(self, number: int) -> FolderRef | None:
        if number == HIERARCHY:
            return None
        if str(number) not in self._held or number not in self._refs:
            raise FolderGone(f"the device has no folder {number} to put another into")
        return self._refs[number]

    def _below(self, number: int) -> set[int]:
        """The folders under a folder, as the device holds them."""
        parents = {int(held): json.loads(stamp)[1] for held, stamp in self._held.items()}
        found: set[int] = set()
        layer = {number}
        while layer:
            layer = {child for child, parent in parents.items() if parent in layer} - found
            found |= layer
        return found

    def _found(self, parent: FolderRef | None, title: str, content: ContentType) -> Folder | None:
        """A folder that the source has and the device does not: what a request that never ended has made."""
        ids = {self._refs[int(held)].id for held in self._held if int(held) in self._refs}
        wanted = None if parent is None else parent.id
        for folder in self._source.folders():
            same = folder.title.casefold() == title.casefold() and folder.content is content
            if same and folder.parent_id == wanted and folder.id not in ids:
                return folder
        return None

    # -- what is done ----------------------------------------------------------------------------------------

    def _carry_out(self, name: str, act: Callable[[], _T]) -> _T:
        """Do it, with the intent noted before. What the source refuses was not done."""
        self._write_journal({name: Entry("")})
        try:
            return act()
        except ItemError:
            self._write_journal({})
            raise

    def _write_journal(self, entries: Mapping[str, Entry]) -> None:
        self._store.write_journal(self._session, HIERARCHY, Record(self._base, entries).dumps())

    def _rename(self, ref: FolderRef, folder: Folder) -> None:
        """The numbers stay with the folder and with those under it, whose ids may begin with its own."""
        if folder.id == ref.id:
            return
        below = [self._refs[number] for number in self._below(ref.number) if number in self._refs]
        there = {each.id for each in self._source.folders()} if below else set()
        renames.carry_over(self._session, self._store, ref, folder.id, below, there)

    def _remember(self, name: str, delta: Mapping[int, str | None], number: int) -> FolderWritten:
        stamps = {str(each): stamp for each, stamp in delta.items()}
        record = Record(self._base, {name: Entry("", item_id=str(number))})
        self._store.save(self._session, HIERARCHY, self._base, stamps, record.dumps())
        return self._answer(number)

    def _answer(self, number: int) -> FolderWritten:
        return FolderWritten(keys.text(self._generation, self._base + 1), number)


def _stamp(folder: Folder, number: int, parent: int, title: str) -> str:
    """What the device holds: the folder under the name and at the place that it gave it."""
    return Placed(number, parent, replace(folder, title=title)).stamp


def _digest(parent: int, title: str) -> str:
    return blake2b(f"{parent}\0{title}".encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()
