"""A state store in memory; keeps the same contract as the SQL one (tests/store)."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial

from app.usm.errors import Busy, UnknownSyncKey
from app.usm.model import HIERARCHY, ContentType, FolderRef, SessionId
from app.usm.ports import STANDING, Glance, Head, Heads, Remembered

_writes = itertools.count()

EPOCH = datetime.fromtimestamp(0, UTC)


@dataclass
class _Kept:
    generation: str
    heads: list[Head]
    stamps: dict[int, dict[str, str]]
    journal: str | None = None
    written: int = field(default_factory=_writes.__next__)
    """Another number after each write."""


@dataclass
class _Session:
    folders: dict[int, _Kept] = field(default_factory=dict)
    refs: dict[str, FolderRef] = field(default_factory=dict)
    fields: dict[str, str] = field(default_factory=dict)
    locked: set[int] = field(default_factory=set)
    created: datetime = EPOCH
    last_used: datetime = EPOCH
    decided: datetime | None = None


class MemoryStore:
    """``StateStore`` over dictionaries. ``before`` is called with the method's name ahead of each write."""

    def __init__(self) -> None:
        self._sessions: dict[SessionId, _Session] = {}
        self._of_users: dict[tuple[int, int], dict[str, str]] = {}
        self.now = lambda: EPOCH
        self.before = lambda name: None

    def _session(self, session: SessionId) -> _Session:
        if session not in self._sessions:
            self._sessions[session] = _Session(created=self.now(), last_used=self.now())
        return self._sessions[session]

    @contextmanager
    def lock(self, session: SessionId, folder: int) -> Iterator[None]:
        locked = self._session(session).locked
        if folder in locked:
            raise Busy(f"folder {folder} is locked")
        locked.add(folder)
        try:
            yield
        finally:
            locked.discard(folder)

    def heads(self, session: SessionId, folder: int) -> Heads | None:
        kept = self._session(session).folders.get(folder)
        if kept is None:
            return None
        return Heads(kept.generation, kept.heads[0], kept.heads[1] if len(kept.heads) > 1 else None)

    def stamps(self, session: SessionId, folder: int, counter: int) -> dict[str, str]:
        kept = self._session(session).folders.get(folder)
        if kept is None or counter not in kept.stamps:
            raise UnknownSyncKey(f"folder {folder}: no state is kept for counter {counter}")
        return dict(kept.stamps[counter])

    def newest(self, session: SessionId, folders: Collection[int]) -> dict[int, Mapping[str, str]]:
        return {folder: glance.stamps for folder, glance in self.glances(session, folders).items()}

    def glances(self, session: SessionId, folders: Collection[int]) -> dict[int, Glance]:
        kept = self._session(session).folders
        refs = {ref.number: ref for ref in self.folder_refs(session)}
        return {
            folder: Glance(
                refs.get(folder),
                heads,
                kept[folder].journal,
                kept[folder].written,
                partial(dict, self.stamps(session, folder, heads.newest.counter)),
            )
            for folder in folders
            if (heads := self.heads(session, folder)) is not None
        }

    def hierarchy(self, session: SessionId) -> tuple[Glance | None, Sequence[FolderRef]]:
        return self.glances(session, [HIERARCHY]).get(HIERARCHY), self.folder_refs(session)

    def is_as(self, session: SessionId, folder: int, glance: Glance) -> bool:
        return self._session(session).folders[folder].written == glance.mark

    def begin(self, session: SessionId, folder: int, generation: str, record: str) -> None:
        self.before("begin")
        self._session(session).folders[folder] = _Kept(generation, [Head(1, record)], {1: {}})

    def save(
        self,
        session: SessionId,
        folder: int,
        base: int,
        stamps: Mapping[str, str | None],
        record: str,
    ) -> None:
        self.before("save")
        kept = self._session(session).folders[folder]
        merged = {**kept.stamps[base], **stamps}
        older = next(head for head in kept.heads if head.counter == base)
        kept.stamps = {
            base: kept.stamps[base],
            base + 1: {item: stamp for item, stamp in merged.items() if stamp is not None},
        }
        kept.heads = [Head(base + 1, record), older]
        kept.journal = None
        kept.written = next(_writes)

    def amend(self, session: SessionId, changes: Mapping[int, Mapping[str, str | None]]) -> None:
        self.before("amend")
        for folder, stamps in changes.items():
            kept = self._session(session).folders.get(folder)
            if kept is None:
                continue
            for counter, before in kept.stamps.items():
                merged = {**before, **stamps}
                kept.stamps[counter] = {item: stamp for item, stamp in merged.items() if stamp is not None}
            kept.written = next(_writes)

    def journal(self, session: SessionId, folder: int) -> str | None:
        kept = self._session(session).folders.get(folder)
        return None if kept is None else kept.journal

    def write_journal(self, session: SessionId, folder: int, text: str) -> None:
        self.before("write_journal")
        kept = self._session(session).folders[folder]
        kept.journal = text
        kept.written = next(_writes)

    def folder_refs(self, session: SessionId) -> Sequence[FolderRef]:
        return sorted(self._session(session).refs.values(), key=lambda ref: ref.number)

    def number_folders(
        self, session: SessionId, folders: Sequence[tuple[str, ContentType]]
    ) -> Sequence[FolderRef]:
        self.before("number_folders")
        refs = self._session(session).refs
        for folder_id, content in folders:
            if folder_id not in refs:
                refs[folder_id] = FolderRef(len(refs) + 1, folder_id, content)
        return [refs[folder_id] for folder_id, _ in folders]

    def rename_folder(self, session: SessionId, number: int, folder_id: str) -> None:
        self.before("rename_folder")
        refs = self._session(session).refs
        before = next((ref for ref in refs.values() if ref.number == number), None)
        if before is None or before.id == folder_id:
            return
        other = refs.pop(folder_id, None)
        del refs[before.id]
        refs[folder_id] = replace(before, id=folder_id)
        if other is not None:
            refs[before.id] = replace(other, id=before.id)

    def fields(self, session: SessionId) -> dict[str, str]:
        kept = self._sessions.get(session)
        if kept is None:
            return {}
        kept.last_used = self.now()
        return dict(kept.fields)

    def user_fields(self, context_id: int, user_id: int) -> dict[str, str]:
        return dict(self._of_users.get((context_id, user_id), {}))

    def write_user_fields(self, context_id: int, user_id: int, fields: Mapping[str, str | None]) -> None:
        kept = {**self._of_users.get((context_id, user_id), {}), **fields}
        self._of_users[context_id, user_id] = {name: text for name, text in kept.items() if text is not None}

    def remembered(self, context_id: int, user_id: int, about: Collection[str]) -> Sequence[Remembered]:
        wanted = (*about, STANDING)
        return [
            Remembered(
                session,
                kept.created,
                kept.last_used,
                kept.decided,
                {name: value for name, value in kept.fields.items() if name.startswith(wanted)},
            )
            for session, kept in sorted(self._sessions.items(), key=lambda pair: str(pair[0]))
            if (session.context_id, session.user_id) == (context_id, user_id) and session.device_id
        ]

    def decide(
        self, session: SessionId, standing: str | None, instead_of: Collection[str] | None = None
    ) -> bool:
        self.before("decide")
        kept = self._session(session)
        if instead_of is not None and kept.fields.get(STANDING, "") not in instead_of:
            return False
        kept.decided = None if standing is None else self.now()
        if standing is None:
            kept.fields.pop(STANDING, None)
        else:
            kept.fields[STANDING] = standing
        return True

    def forget(self, session: SessionId) -> bool:
        self.before("forget")
        return self._sessions.pop(session, None) is not None

    def keep_secret(self, session: SessionId, field: str, text: str | None) -> None:
        self.write_fields(session, {field: None if text is None else f"sealed:{text[::-1]}"})

    def write_fields(self, session: SessionId, fields: Mapping[str, str | None]) -> None:
        self.before("write_fields")
        kept = self._session(session).fields
        for name, value in fields.items():
            if value is None:
                kept.pop(name, None)
            else:
                kept[name] = value
