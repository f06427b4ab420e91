"""The store that USM asks for (:class:`app.usm.ports.StateStore`), in SQL.

Rules:

* A read is one statement, a write one transaction. No connection is held between two calls; only :meth:`lock` keeps
  one of its own.
* A folder has at most two kept keys. The newest state and the one before are laid out as described in
  :mod:`app.store.layers`.
* A lock can be lost without its holder noticing (a restarted database server, a cluster that does not share locks).
  Therefore each head carries a random **mark**. What :meth:`heads` showed under a lock must still be there when
  that holder writes, else the write is refused with ``Busy`` and nothing is changed.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache, partial
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    and_,
    bindparam,
    case,
    delete,
    insert,
    null,
    or_,
    select,
    union_all,
    update,
)

from app.store import devices, layers, user_fields
from app.store import sessions as session_rows
from app.store.database import Database, Databases
from app.store.locks import digest
from app.store.reading import Query
from app.store.sessions import StoredSession
from app.store.tables import FIELD_LENGTH, HEAD_BLOCK, JOURNAL_BLOCK, fields, folders, sessions, storage
from app.usm.errors import Busy, StoreUnavailable, UnknownSyncKey
from app.usm.model import HIERARCHY, ContentType, FolderRef, SessionId
from app.usm.ports import Glance, Head, Heads, Remembered

if TYPE_CHECKING:  # its library has compiled parts, and the deployment's copy of this package is without such
    from app.store.sealed import Ring

T = TypeVar("T")

_TRIES: Final = 5


@dataclass(frozen=True, slots=True)
class _Kept:
    """A head as it is stored."""

    counter: int
    generation: str
    mark: str
    record: str

    def row(self) -> dict[str, Any]:
        return {
            "counter": self.counter,
            "block": HEAD_BLOCK,
            "entries": 0,
            "data": layers.pack([self.generation, self.mark, self.record]),
        }


@dataclass(slots=True)
class _Stored:
    """What is stored of a folder: its heads, the newest first, the size of each layer by counter, the number of its
    next block, and whether there is a journal."""

    heads: list[_Kept] = field(default_factory=list)
    sizes: dict[int, int] = field(default_factory=dict)
    blocks: dict[int, int] = field(default_factory=dict)
    journal: bool = False

    def marks(self) -> tuple[str, ...]:
        return tuple(head.mark for head in self.heads)


@dataclass(slots=True)
class _Hold:
    """A lock that is held, and the marks last seen under it."""

    key: tuple[int, SessionId, int]
    marks: tuple[str, ...] | None = None
    rows: list[tuple[Any, ...]] | None = None
    """Counter, block and data of all that is kept of the folder, as they were read under the lock. Whoever holds it and
    writes forgets them."""

    def wrote(self, marks: tuple[str, ...] | None) -> None:
        """The holder has changed what is kept."""
        self.marks = marks
        self.rows = None


_holds: ContextVar[tuple[_Hold, ...]] = ContextVar("holds", default=())


def _kept(counter: int, data: bytes) -> _Kept:
    generation, mark, record = cast(list[str], layers.unpack(data))
    return _Kept(counter, generation, mark, record)


def _fresh(counter: int, generation: str, record: str) -> _Kept:
    return _Kept(counter, generation, secrets.token_hex(8), record)


# A layer's size without its data: bytes that need not travel.
_HEAD_DATA: Final = case((storage.c.block == HEAD_BLOCK, storage.c.data), else_=null()).label("head")


_FIELDS: Final = Query(
    session_rows.joined(fields, sessions.c.standing, fields.c.field, fields.c.value),
)
_REFS: Final = Query(
    session_rows.joined(folders, folders.c.number, folders.c.folder, folders.c.content).order_by(
        folders.c.number
    )
)
_ALL: Final = Query(
    session_rows.joined(
        storage,
        storage.c.counter,
        storage.c.block,
        storage.c.data,
        where=(storage.c.folder == bindparam("folder"),),
    ).order_by(storage.c.counter, storage.c.block)
)
"""All that is kept of a folder."""
_HIERARCHY: Final = Query(
    union_all(
        session_rows.joined(
            storage,
            storage.c.counter,
            storage.c.block,
            storage.c.data,
            null().label("number"),
            null().label("name"),
            null().label("content"),
            where=(storage.c.folder == bindparam("folder"),),
        ),
        session_rows.joined(
            folders, null(), null(), null(), folders.c.number, folders.c.folder, folders.c.content
        ),
    )
)
"""All that is kept of the hierarchy, then the folders with their numbers."""
_BEGUN: Final = Query(
    session_rows.joined(
        storage,
        storage.c.folder,
        where=(storage.c.folder > HIERARCHY, storage.c.block == HEAD_BLOCK),
    )
)
_HEADS: Final = Query(
    session_rows.joined(
        storage,
        storage.c.counter,
        storage.c.block,
        storage.c.data,
        where=(storage.c.folder == bindparam("folder"), storage.c.block == HEAD_BLOCK),
    )
)
_JOURNAL: Final = Query(
    session_rows.joined(
        storage,
        storage.c.counter,
        storage.c.block,
        storage.c.data,
        where=(
            storage.c.folder == bindparam("folder"),
            storage.c.counter == 0,
            storage.c.block == JOURNAL_BLOCK,
        ),
    )
)


@cache
def _all_of(count: int) -> Query:
    """All that is kept of ``count`` folders, which may be the same. Few counts are used, as each is a statement."""
    numbers: list[BindParameter[int]] = [bindparam(f"folder{at}") for at in range(count)]
    columns = storage.c.folder, storage.c.counter, storage.c.block, storage.c.data
    named = folders.c.folder.label("name"), folders.c.content
    is_named = and_(
        folders.c.cid == storage.c.cid,
        folders.c.session == storage.c.session,
        folders.c.number == storage.c.folder,
    )
    is_wanted = (storage.c.folder.in_(numbers),)
    kept = session_rows.joined(storage, *columns, *named, where=is_wanted, beside=(folders, is_named))
    return Query(kept.order_by(*columns[:3]))


class SqlStateStore:
    """``StateStore`` over SQL. ``lock_timeout``: seconds to wait for another request of the same folder.

    ``now`` gives seconds since 1970. ``touches``: reading counts as the device's being seen. ``ring``: seals secrets.
    Every method may raise ``StoreUnavailable``.
    """

    def __init__(
        self,
        databases: Databases,
        lock_timeout: float = 10.0,
        now: Callable[[], float] = time.time,
        touches: bool = True,
        ring: Ring | None = None,
    ) -> None:
        self._databases = databases
        self._lock_timeout = lock_timeout
        self._now = now
        self._touches = touches
        self._ring = ring

    # --- the folder's lock

    @contextmanager
    def lock(self, session: SessionId, folder: int) -> Iterator[None]:
        """One writer at a time per session and folder, over all nodes; see the port. Raises ``Busy``."""
        name = "\0".join(
            (str(session.context_id), str(session.user_id), session.protocol, session.device_id, str(folder))
        )
        hold = _Hold((id(self), session, folder))
        with self._databases.database(session.context_id).lock(name, self._lock_timeout):
            token = _holds.set((*_holds.get(), hold))
            try:
                yield
            finally:
                _holds.reset(token)

    def _hold(self, session: SessionId, folder: int) -> _Hold | None:
        key = (id(self), session, folder)
        return next((hold for hold in reversed(_holds.get()) if hold.key == key), None)

    # --- keys and stamps

    def heads(self, session: SessionId, folder: int) -> Heads | None:
        """The keys kept for a folder, ``None`` when it has never been begun."""
        kept = _kept_heads(self._of_folder(session, folder, _HEADS))
        hold = self._hold(session, folder)
        if hold is not None:
            hold.marks = tuple(head.mark for head in kept)
        return _heads(kept) if kept else None

    def stamps(self, session: SessionId, folder: int, counter: int) -> dict[str, str]:
        """Item id → stamp at one of the kept keys. Raises ``UnknownSyncKey`` for any other."""
        rows = [row for row in self._of_folder(session, folder, _ALL) if row[0] <= counter]
        if not any(kept == counter and block == HEAD_BLOCK for kept, block, _ in rows):
            raise UnknownSyncKey(f"folder {folder}: no state is kept for counter {counter}")
        return layers.without_removed(layers.from_blocks(data for _, block, data in rows if block >= 0))

    def newest(self, session: SessionId, folders: Collection[int]) -> dict[int, Mapping[str, str]]:
        """Item id → stamp at the newest key of each of these folders that was begun; one statement for all."""
        return {folder: glance.stamps for folder, glance in self.glances(session, folders).items()}

    def glances(self, session: SessionId, folders: Collection[int]) -> dict[int, Glance]:
        """What is kept of each of these folders that was begun; one statement for all."""
        if not folders:
            return {}
        wanted = list(folders)
        size = 1 << (len(wanted) - 1).bit_length()
        names = {f"folder{at}": wanted[min(at, len(wanted) - 1)] for at in range(size)}
        refs: dict[int, FolderRef | None] = {}
        by_folder: dict[int, list[tuple[int, int, bytes]]] = {}
        for _, _, folder, counter, block, data, name, content in self._read(session, _all_of(size), **names):
            if folder is not None:
                refs[folder] = None if name is None else FolderRef(folder, name, ContentType(content))
                by_folder.setdefault(folder, []).append((counter, block, data))
        found = ((folder, _glance(refs[folder], rows)) for folder, rows in by_folder.items())
        return {folder: glance for folder, glance in found if glance is not None}

    def hierarchy(self, session: SessionId) -> tuple[Glance | None, list[FolderRef]]:
        """What is kept of the hierarchy, and all folders that have a number; one statement."""
        rows: list[tuple[int, int, bytes]] = []
        refs = []
        for _, _, counter, block, data, number, name, content in self._read(
            session, _HIERARCHY, folder=HIERARCHY
        ):
            if counter is not None:
                rows.append((counter, block, data))
            elif number is not None:
                refs.append(FolderRef(number, name, ContentType(content)))
        rows.sort()
        refs.sort(key=attrgetter("number"))
        return _glance(None, rows), refs

    def is_as(self, session: SessionId, folder: int, glance: Glance) -> bool:
        """Whether nothing was written since a glance; asked under the folder's lock."""
        return glance.mark == _mark(self._of_folder(session, folder, _ALL))

    def _of_folder(self, session: SessionId, folder: int, query: Query) -> list[tuple[Any, ...]]:
        """Counter, block and data of what is kept of a folder, at least what the query asks for. Under its lock all is
        read at once, and once: nobody else changes it then, and if somebody does, the marks tell before anything is
        written."""
        hold = self._hold(session, folder)
        if hold is not None and hold.rows is not None:
            return hold.rows
        found = self._read(session, query if hold is None else _ALL, folder=folder)
        rows = [row[2:] for row in found if row[2] is not None]
        if hold is not None:
            hold.rows = rows
        return rows

    def begin(self, session: SessionId, folder: int, generation: str, record: str) -> None:
        """Drop all keys of the folder and keep counter 1 with nothing in it. Raises ``Busy``."""
        hold = self._hold(session, folder)
        head = _fresh(1, generation, record)

        def work(connection: Connection, number: int) -> None:
            of_folder = _of_folder(session, number, folder)
            if hold is not None and hold.marks is not None:
                _check(hold, folder, _stored(connection, of_folder))
            connection.execute(delete(storage).where(of_folder))
            _insert(connection, session, number, folder, [head.row()])

        self._write(session, work)
        if hold is not None:
            hold.wrote((head.mark,))

    def save(
        self,
        session: SessionId,
        folder: int,
        base: int,
        stamps: Mapping[str, str | None],
        record: str,
    ) -> None:
        """Keep counter ``base + 1``: the stamps of ``base`` with these changed, ``None`` to remove; see the port.
        Raises ``Busy`` if ``base`` is not kept (any more), or changed since this holder of the lock read it."""
        hold = self._hold(session, folder)

        def work(connection: Connection, number: int) -> tuple[str, ...]:
            of_folder = _of_folder(session, number, folder)
            stored = _stored(connection, of_folder)
            if hold is not None:
                _check(hold, folder, stored)
            below = next((head for head in stored.heads if head.counter == base), None)
            if below is None:
                raise Busy(f"folder {folder}: counter {base} is no longer kept, another request moved on")
            head = _fresh(base + 1, below.generation, record)
            sizes = {counter: size for counter, size in sorted(stored.sizes.items()) if counter <= base}
            merged = list(sizes)[len(sizes) - layers.to_merge(list(sizes.values())) :]
            rows = [head.row(), *_layer_rows(base + 1, stamps)]
            if merged:
                rows += _merged_rows(connection, of_folder, merged, is_bottom=len(merged) == len(sizes))
            connection.execute(delete(storage).where(of_folder, _superseded(base, merged)))
            _insert(connection, session, number, folder, rows)
            return head.mark, below.mark

        marks = self._write(session, work)
        if hold is not None:
            hold.wrote(marks)

    def amend(self, session: SessionId, changes: Mapping[int, Mapping[str, str | None]]) -> None:
        """Change stamps of these folders at every kept key, ``None`` to remove, all at once; see the port. Raises
        ``Busy`` if another request has saved meanwhile. It costs a block on top of the layer of each key."""
        holds = {folder: self._hold(session, folder) for folder in changes}

        def work(connection: Connection, number: int) -> dict[int, tuple[str, ...]]:
            return {
                folder: _amend(connection, session, number, folder, changes[folder], hold)
                for folder, hold in holds.items()
            }

        marks = self._write(session, work)
        for folder, hold in holds.items():
            if hold is not None:
                hold.wrote(marks[folder])

    # --- the journal

    def journal(self, session: SessionId, folder: int) -> str | None:
        """What :meth:`write_journal` left, ``None`` if there is nothing."""
        return _journal(self._of_folder(session, folder, _JOURNAL))

    def write_journal(self, session: SessionId, folder: int, text: str) -> None:
        """Note an intent durably before acting on it. Raises ``Busy`` if another request has saved meanwhile."""
        hold = self._hold(session, folder)
        row = {"counter": 0, "block": JOURNAL_BLOCK, "entries": 0, "data": layers.pack(text)}

        def work(connection: Connection, number: int) -> None:
            of_folder = _of_folder(session, number, folder)
            stored = _stored(connection, of_folder)
            if hold is not None:
                _check(hold, folder, stored)
            if stored.journal:
                connection.execute(
                    delete(storage).where(of_folder, storage.c.counter == 0, storage.c.block == JOURNAL_BLOCK)
                )
            _insert(connection, session, number, folder, [row])

        self._write(session, work)
        if hold is not None:
            hold.wrote(hold.marks)

    # --- folder numbers

    def folder_refs(self, session: SessionId) -> Sequence[FolderRef]:
        """All folders that have a number in this session, in the order of their numbers."""
        return [
            FolderRef(number, folder, ContentType(content))
            for _, _, number, folder, content in self._read(session, _REFS)
            if number is not None
        ]

    def number_folders(
        self, session: SessionId, folders: Sequence[tuple[str, ContentType]]
    ) -> Sequence[FolderRef]:
        """Give each source folder a number from 1 up; one that has a number keeps it for ever. In the order given."""
        refs = {ref.id: ref for ref in self.folder_refs(session)}
        if any(folder_id not in refs for folder_id, _ in folders):
            refs = self._write(
                session, lambda connection, number: _number(connection, session, number, folders)
            )
        return [refs[folder_id] for folder_id, _ in folders]

    def rename_folder(self, session: SessionId, number: int, folder_id: str) -> None:
        """The folder with this number has another id in the source from now on; see the port."""
        self._write(session, lambda connection, row: _rename(connection, session, row, number, folder_id))

    # --- fields

    def fields(self, session: SessionId) -> dict[str, str]:
        """What a protocol remembers of a session, and its standing, by one statement."""
        rows = self._read(session, _FIELDS)
        return devices.fields_of(rows[0][2] if rows else None, (row[3:] for row in rows))

    def write_fields(self, session: SessionId, fields: Mapping[str, str | None]) -> None:
        """Set these fields, remove those that are ``None``; the others stay. A name has at most 128 characters."""
        for name in fields:
            if len(name) > FIELD_LENGTH:
                raise ValueError(f"the field name {name[:40]!r}... is longer than {FIELD_LENGTH} characters")
        if fields:
            self._write(session, lambda connection, number: _set_fields(connection, session, number, fields))

    def keep_secret(self, session: SessionId, field: str, text: str | None) -> None:
        """Set a field to a sealed text, remove it with ``None``. Raises ``ValueError`` without keys to seal with."""
        if text is None:
            self.write_fields(session, {field: None})
        elif self._ring is None:
            raise ValueError("there is no key to seal with")
        else:
            self.write_fields(session, {field: self._ring.seal(text, session_rows.owner(session, field))})

    def user_fields(self, context_id: int, user_id: int) -> dict[str, str]:
        """What is remembered of a user, whatever the device."""
        return self._databases.database(context_id).read(
            lambda connection: user_fields.read(connection, context_id, user_id)
        )

    def write_user_fields(self, context_id: int, user_id: int, fields: Mapping[str, str | None]) -> None:
        """Set these fields of a user, remove those that are ``None``; the others stay."""
        self._databases.database(context_id).write(
            lambda connection: user_fields.write(connection, context_id, user_id, fields)
        )

    # --- devices

    def remembered(
        self, context_id: int, user_id: int | None, about: Collection[str]
    ) -> Sequence[Remembered]:
        """All devices of a user, of the context without one, by user, protocol and id; see the port."""
        return self._databases.database(context_id).read(
            lambda connection: devices.remembered(connection, context_id, user_id, about)
        )

    def decide(
        self, session: SessionId, standing: str | None, instead_of: Collection[str] | None = None
    ) -> bool:
        """Keep what was decided of a device, also of one never seen; see the port."""
        now = self._milliseconds()
        return self._write(
            session,
            lambda connection, number: devices.decide(
                connection, session.context_id, number, standing, instead_of, now
            ),
        )

    def decided(self, contexts: Collection[int], since: datetime) -> Sequence[tuple[SessionId, datetime]]:
        """Of which devices of these contexts something was decided since a moment, and when. One statement a schema."""
        moment = int(since.timestamp() * 1000)
        databases = {id(each): each for each in map(self._databases.database, contexts)}
        return [
            found
            for database in databases.values()
            for found in database.read(partial(devices.decided, since=moment))
        ]

    # --- for the administrator

    def summon(self, session: SessionId) -> None:
        """Have a device that waits come at once, on whichever node: there is something new for it."""
        now = self._milliseconds()
        self._write(
            session,
            lambda connection, number: devices.summon(connection, session.context_id, number, now),
        )

    def sessions(self, context_id: int) -> list[StoredSession]:
        """All sessions of a context, by user, protocol and device."""
        return self._databases.database(context_id).read(
            lambda connection: session_rows.listed(connection, context_id)
        )

    def noted(self, numbers: Collection[int], context_id: int | None = None) -> list[SessionId]:
        """The sessions of all schemas, or of one context, for which anything is kept under one of these numbers of
        folders. One statement a schema."""
        databases = self._ready() if context_id is None else [self._databases.database(context_id)]
        return [
            session
            for database in databases
            for session in database.read(partial(session_rows.noted, numbers=numbers, context_id=context_id))
        ]

    def contexts(self) -> list[int]:
        """The contexts that have sessions, of all schemas whose tables are ours."""
        return sorted(cid for database in self._ready() for cid in database.read(session_rows.contexts))

    def forget(self, session: SessionId) -> bool:
        """Drop a session with all that is kept for it; the device starts over. True if there was one."""
        return self._databases.database(session.context_id).write(
            lambda connection: session_rows.remove(connection, session)
        )

    def forget_unless(self, session: SessionId, standings: Collection[str]) -> bool:
        """The same, unless the device stands as one of these says; whether it was forgotten."""
        return self._databases.database(session.context_id).write(
            lambda connection: session_rows.remove(connection, session, standings)
        )

    def begun(self, session: SessionId) -> Collection[int]:
        """The numbers of the folders that the device synchronises."""
        return {folder for _, _, folder in self._read(session, _BEGUN) if folder is not None}

    def purge(self, unused_for: timedelta) -> int:
        """Drop all sessions, of all schemas, that were not used for so long and of which nothing was decided; how many
        there were. Schemas whose tables are missing or not ours are passed over."""
        before = int((self._now() - unused_for.total_seconds()) * 1000)
        return sum(session_rows.forget_unused(database, before) for database in self._ready())

    def _ready(self) -> Iterator[Database]:
        """The databases of all schemas whose tables are ours."""
        return filter(Database.is_ready, map(self._databases.unprepared, self._databases.schemas()))

    # --- transactions

    def _milliseconds(self) -> int:
        return int(self._now() * 1000)

    def _read(self, session: SessionId, query: Query, **values: Any) -> list[tuple[Any, ...]]:
        """Rows of :func:`app.store.sessions.joined`."""
        database = self._databases.database(session.context_id)
        rows = database.rows(query, **session_rows.named(session), **values)
        if self._touches and rows:
            (number, last_used), now = rows[0][:2], self._milliseconds()
            if session_rows.is_stale(last_used, now):
                self._touch(database, session.context_id, number, now)
        return rows

    def _touch(self, database: Database, context_id: int, number: int, now: int) -> None:
        try:
            database.write(lambda connection: session_rows.touch(connection, context_id, number, now))
        except StoreUnavailable:
            # A database that only reads now can still answer; the next one tries again.
            return

    def _write(self, session: SessionId, work: Callable[[Connection, int], T]) -> T:
        """The result of ``work`` in one transaction that has locked the row of the session, made if missing."""
        session_rows.check_length(session)
        database = self._databases.database(session.context_id)

        def transaction(connection: Connection) -> tuple[bool, T | None]:
            number = session_rows.locked(connection, session, self._milliseconds())
            return (False, None) if number is None else (True, work(connection, number))

        for _ in range(_TRIES):
            done, result = database.write(transaction)
            if done:
                return cast(T, result)
            # In a transaction of its own: MariaDB would keep others from making the same row until the end of work.
            database.write(lambda connection: session_rows.create(connection, session, self._milliseconds()))
        raise StoreUnavailable(
            f"database {database.name}: the row of a session is deleted as soon as it is made"
        )


def _of_folder(session: SessionId, number: int, folder: int) -> ColumnElement[bool]:
    return and_(storage.c.cid == session.context_id, storage.c.session == number, storage.c.folder == folder)


def _kept_heads(rows: Sequence[tuple[Any, ...]]) -> list[_Kept]:
    """The heads, the newest first, among counter, block and data of a folder."""
    kept = [_kept(counter, data) for counter, block, data in rows if block == HEAD_BLOCK]
    return sorted(kept, key=lambda head: -head.counter)


def _heads(kept: Sequence[_Kept]) -> Heads:
    newest, older = kept[0], kept[1] if len(kept) > 1 else None
    return Heads(
        newest.generation,
        Head(newest.counter, newest.record),
        None if older is None else Head(older.counter, older.record),
    )


def _journal(rows: Sequence[tuple[Any, ...]]) -> str | None:
    found = [data for _, block, data in rows if block == JOURNAL_BLOCK]
    return cast(str, layers.unpack(found[0])) if found else None


def _glance(ref: FolderRef | None, rows: Sequence[tuple[int, int, bytes]]) -> Glance | None:
    """What counter, block and data of a folder say; ``None`` for one never begun."""
    kept = _kept_heads(rows)
    if not kept:
        return None
    blocks = [data for counter, block, data in rows if block >= 0 and counter <= kept[0].counter]
    return Glance(ref, _heads(kept), _journal(rows), _mark(rows), partial(_stamps, blocks))


def _stamps(blocks: Sequence[bytes]) -> dict[str, str]:
    return layers.without_removed(layers.from_blocks(blocks))


def _mark(rows: Sequence[tuple[Any, ...]]) -> list[bytes]:
    """Each write makes another head, or another journal."""
    return sorted(data for _, block, data in rows if block in (HEAD_BLOCK, JOURNAL_BLOCK))


def _insert(
    connection: Connection, session: SessionId, number: int, folder: int, rows: Sequence[dict[str, Any]]
) -> None:
    key = {"cid": session.context_id, "session": number, "folder": folder}
    connection.execute(insert(storage), [key | row for row in rows])


def _stored(connection: Connection, of_folder: ColumnElement[bool]) -> _Stored:
    query = (
        select(storage.c.counter, storage.c.block, storage.c.entries, _HEAD_DATA)
        .where(of_folder)
        .order_by(storage.c.counter.desc())
    )
    stored = _Stored()
    for row in connection.execute(query):
        if row.block == HEAD_BLOCK:
            stored.heads.append(_kept(row.counter, row.head))
        elif row.block == JOURNAL_BLOCK:
            stored.journal = True
        else:
            stored.sizes[row.counter] = stored.sizes.get(row.counter, 0) + row.entries
            stored.blocks[row.counter] = max(stored.blocks.get(row.counter, 0), row.block + 1)
    return stored


def _check(hold: _Hold, folder: int, stored: _Stored) -> None:
    if hold.marks is not None and hold.marks != stored.marks():
        raise Busy(f"folder {folder}: another request changed it although this one held its lock")


def _superseded(base: int, merged: Sequence[int]) -> ColumnElement[bool]:
    """What goes when ``base + 1`` is saved: an earlier ``base + 1``, keys below ``base``, the journal and the layers
    that were merged."""
    return or_(
        storage.c.counter > base,
        and_(storage.c.block == HEAD_BLOCK, storage.c.counter < base),
        storage.c.block == JOURNAL_BLOCK,
        and_(storage.c.block >= 0, storage.c.counter.in_(merged)),
    )


def _layer_rows(counter: int, layer: layers.Layer, first: int = 0) -> list[dict[str, Any]]:
    return [
        {"counter": counter, "block": block, "entries": entries, "data": data}
        for block, (entries, data) in enumerate(layers.to_blocks(layer), first)
    ]


def _amend(
    connection: Connection,
    session: SessionId,
    number: int,
    folder: int,
    stamps: Mapping[str, str | None],
    hold: _Hold | None,
) -> tuple[str, ...]:
    """Amend one folder; the marks of its heads afterwards."""
    of_folder = _of_folder(session, number, folder)
    stored = _stored(connection, of_folder)
    if hold is not None:
        _check(hold, folder, stored)
    if not stored.heads or not stamps:
        return stored.marks()
    heads = [_fresh(head.counter, head.generation, head.record) for head in stored.heads]
    rows = [head.row() for head in heads]
    for head in heads:
        rows += _layer_rows(head.counter, stamps, stored.blocks.get(head.counter, 0))
    connection.execute(delete(storage).where(of_folder, storage.c.block == HEAD_BLOCK))
    _insert(connection, session, number, folder, rows)
    return tuple(head.mark for head in heads)


def _merged_rows(
    connection: Connection, of_folder: ColumnElement[bool], counters: Sequence[int], is_bottom: bool
) -> list[dict[str, Any]]:
    query = (
        select(storage.c.data)
        .where(of_folder, storage.c.block >= 0, storage.c.counter.in_(counters))
        .order_by(storage.c.counter, storage.c.block)
    )
    layer: layers.Layer = layers.from_blocks(connection.scalars(query))
    return _layer_rows(counters[-1], layers.without_removed(layer) if is_bottom else layer)


def _number(
    connection: Connection, session: SessionId, number: int, wanted: Sequence[tuple[str, ContentType]]
) -> dict[str, FolderRef]:
    rows = connection.execute(
        select(folders.c.number, folders.c.folder, folders.c.content).where(
            folders.c.cid == session.context_id, folders.c.session == number
        )
    )
    refs = {row.folder: FolderRef(row.number, row.folder, ContentType(row.content)) for row in rows}
    following = max((ref.number for ref in refs.values()), default=0) + 1
    fresh = []
    for folder_id, content in wanted:
        if folder_id not in refs:
            refs[folder_id] = FolderRef(following, folder_id, content)
            fresh.append(refs[folder_id])
            following += 1
    if fresh:
        key: dict[str, Any] = {"cid": session.context_id, "session": number}
        connection.execute(
            insert(folders),
            [
                key
                | {
                    "number": ref.number,
                    "digest": digest(ref.id),
                    "content": ref.content.value,
                    "folder": ref.id,
                }
                for ref in fresh
            ],
        )
    return refs


def _rename(connection: Connection, session: SessionId, row: int, number: int, folder_id: str) -> None:
    of_session = and_(folders.c.cid == session.context_id, folders.c.session == row)
    ids = {
        each.number: each.folder
        for each in connection.execute(
            select(folders.c.number, folders.c.folder).where(
                of_session,
                or_(folders.c.number == number, folders.c.digest == digest(folder_id)),
            )
        )
    }
    before = ids.get(number)
    if before is None or before == folder_id:
        return

    def call(which: int, name: str, mark: str) -> None:
        values = {"folder": name, "digest": mark}
        connection.execute(update(folders).where(of_session, folders.c.number == which).values(**values))

    other = next((each for each in ids if each != number), None)
    if other is not None:  # no two rows may have one digest, not even for a moment
        call(other, before, f"moving {other}")
    call(number, folder_id, digest(folder_id))
    if other is not None:
        call(other, before, digest(before))


def _set_fields(
    connection: Connection, session: SessionId, number: int, values: Mapping[str, str | None]
) -> None:
    key = {"cid": session.context_id, "session": number}
    connection.execute(
        delete(fields).where(
            fields.c.cid == session.context_id, fields.c.session == number, fields.c.field.in_(list(values))
        )
    )
    rows = [key | {"field": name, "value": value} for name, value in values.items() if value is not None]
    if rows:
        connection.execute(insert(fields), rows)
