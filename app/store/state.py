"""The store that USM asks for (:class:`app.usm.ports.StateStore`), in SQL.

Rules:

* A read is one statement, a write one transaction. No connection is held between two calls; only :meth:`lock` keeps
  one of its own.
* A folder has at most two kept keys. The newest state and the one before are laid out as described in
  :mod:`app.store.layers`, read by :mod:`app.store.kept` and written by :mod:`app.store.keeping`.
* A lock can be lost without its holder noticing (a restarted database server, a cluster that does not share locks).
  Therefore each head carries a random **mark**. What :meth:`heads` showed under a lock must still be there when
  that holder writes, else the write is refused with ``Busy`` and nothing is changed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from sqlalchemy import Connection

from app.store import devices, folder_numbers, keeping, kept, session_fields, user_fields
from app.store import sessions as session_rows
from app.store.database import Database, Databases
from app.store.keeping import Hold, Place
from app.store.reading import Query
from app.store.sessions import StoredSession
from app.usm.errors import StoreUnavailable
from app.usm.model import HIERARCHY, ContentType, FolderRef, SessionId
from app.usm.ports import Glance, Heads, Remembered

if TYPE_CHECKING:  # its library has compiled parts, and the deployment's copy of this package is without such
    from app.store.sealed import Ring

T = TypeVar("T")

_TRIES: Final = 5

_holds: ContextVar[tuple[Hold, ...]] = ContextVar("holds", default=())


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
        hold = Hold((id(self), session, folder))
        with self._databases.database(session.context_id).lock(name, self._lock_timeout):
            token = _holds.set((*_holds.get(), hold))
            try:
                yield
            finally:
                _holds.reset(token)

    def _hold(self, session: SessionId, folder: int) -> Hold | None:
        key = (id(self), session, folder)
        return next((hold for hold in reversed(_holds.get()) if hold.key == key), None)

    # --- keys and stamps

    def heads(self, session: SessionId, folder: int) -> Heads | None:
        """The keys kept for a folder, ``None`` when it has never been begun."""
        found = kept.kept_heads(self._of_folder(session, folder, kept.HEADS))
        hold = self._hold(session, folder)
        if hold is not None:
            hold.marks = tuple(head.mark for head in found)
        return kept.heads(found) if found else None

    def stamps(self, session: SessionId, folder: int, counter: int) -> dict[str, str]:
        """Item id → stamp at one of the kept keys. Raises ``UnknownSyncKey`` for any other."""
        return kept.stamps_at(self._of_folder(session, folder, kept.ALL), folder, counter)

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
        for _, _, folder, counter, block, data, name, content in self._read(
            session, kept.all_of(size), **names
        ):
            if folder is not None:
                refs[folder] = None if name is None else FolderRef(folder, name, ContentType(content))
                by_folder.setdefault(folder, []).append((counter, block, data))
        found = ((folder, kept.glance(refs[folder], rows)) for folder, rows in by_folder.items())
        return {folder: glance for folder, glance in found if glance is not None}

    def hierarchy(self, session: SessionId) -> tuple[Glance | None, list[FolderRef]]:
        """What is kept of the hierarchy, and all folders that have a number; one statement."""
        rows: list[tuple[int, int, bytes]] = []
        refs = []
        for _, _, counter, block, data, number, name, content in self._read(
            session, kept.HIERARCHY_AND_NUMBERS, folder=HIERARCHY
        ):
            if counter is not None:
                rows.append((counter, block, data))
            elif number is not None:
                refs.append(FolderRef(number, name, ContentType(content)))
        rows.sort()
        refs.sort(key=attrgetter("number"))
        return kept.glance(None, rows), refs

    def is_as(self, session: SessionId, folder: int, glance: Glance) -> bool:
        """Whether nothing was written since a glance; asked under the folder's lock."""
        return glance.mark == kept.mark(self._of_folder(session, folder, kept.ALL))

    def _of_folder(self, session: SessionId, folder: int, query: Query) -> list[kept.Row]:
        """Counter, block and data of what is kept of a folder, at least what the query asks for. Under its lock all is
        read at once, and once: nobody else changes it then, and if somebody does, the marks tell before anything is
        written."""
        hold = self._hold(session, folder)
        if hold is not None and hold.rows is not None:
            return hold.rows
        found = self._read(session, query if hold is None else kept.ALL, folder=folder)
        rows = [row[2:] for row in found if row[2] is not None]
        if hold is not None:
            hold.rows = rows
        return rows

    def begin(self, session: SessionId, folder: int, generation: str, record: str) -> None:
        """Drop all keys of the folder and keep counter 1 with nothing in it. Raises ``Busy``."""
        head = kept.fresh(1, generation, record)

        def work(place: Place) -> tuple[str, ...]:
            keeping.begin(place, head)
            return (head.mark,)

        self._write_folder(session, folder, work)

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
        self._write_folder(session, folder, partial(keeping.save, base=base, stamps=stamps, record=record))

    def amend(self, session: SessionId, changes: Mapping[int, Mapping[str, str | None]]) -> None:
        """Change stamps of these folders at every kept key, ``None`` to remove, all at once; see the port. Raises
        ``Busy`` if another request has saved meanwhile. It costs a block on top of the layer of each key."""
        holds = {folder: self._hold(session, folder) for folder in changes}

        def work(connection: Connection, number: int) -> dict[int, tuple[str, ...]]:
            return {
                folder: keeping.amend(
                    Place(connection, session.context_id, number, folder, hold), changes[folder]
                )
                for folder, hold in holds.items()
            }

        marks = self._write(session, work)
        for folder, hold in holds.items():
            if hold is not None:
                hold.wrote(marks[folder])

    # --- the journal

    def journal(self, session: SessionId, folder: int) -> str | None:
        """What :meth:`write_journal` left, ``None`` if there is nothing."""
        return kept.journal(self._of_folder(session, folder, kept.JOURNAL))

    def write_journal(self, session: SessionId, folder: int, text: str) -> None:
        """Note an intent durably before acting on it. Raises ``Busy`` if another request has saved meanwhile."""

        def work(place: Place) -> tuple[str, ...] | None:
            keeping.write_journal(place, text)
            return None if place.hold is None else place.hold.marks

        self._write_folder(session, folder, work)

    # --- folder numbers

    def folder_refs(self, session: SessionId) -> Sequence[FolderRef]:
        """All folders that have a number in this session, in the order of their numbers."""
        return folder_numbers.refs(row[2:] for row in self._read(session, folder_numbers.NUMBERED))

    def number_folders(
        self, session: SessionId, folders: Sequence[tuple[str, ContentType]]
    ) -> Sequence[FolderRef]:
        """Give each source folder a number from 1 up; one that has a number keeps it for ever. In the order given."""
        refs = {ref.id: ref for ref in self.folder_refs(session)}
        if any(folder_id not in refs for folder_id, _ in folders):
            refs = self._write(
                session,
                lambda connection, row: folder_numbers.assign(connection, session.context_id, row, folders),
            )
        return [refs[folder_id] for folder_id, _ in folders]

    def rename_folder(self, session: SessionId, number: int, folder_id: str) -> None:
        """The folder with this number has another id in the source from now on; see the port."""
        self._write(
            session,
            lambda connection, row: folder_numbers.rename(
                connection, session.context_id, row, number, folder_id
            ),
        )

    # --- fields

    def fields(self, session: SessionId) -> dict[str, str]:
        """What a protocol remembers of a session, and its standing, by one statement."""
        rows = self._read(session, session_fields.FIELDS)
        return devices.fields_of(rows[0][2] if rows else None, (row[3:] for row in rows))

    def write_fields(self, session: SessionId, fields: Mapping[str, str | None]) -> None:
        """Set these fields, remove those that are ``None``; the others stay. A name has at most 128 characters."""
        session_fields.check_length(fields)
        if fields:
            self._write(
                session,
                lambda connection, row: session_fields.write(connection, session.context_id, row, fields),
            )

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
        return {folder for _, _, folder in self._read(session, kept.BEGUN) if folder is not None}

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

    def _write_folder(
        self, session: SessionId, folder: int, work: Callable[[Place], tuple[str, ...] | None]
    ) -> None:
        """Write one folder; ``work`` returns the marks of its heads afterwards, ``None`` where nobody knows them."""
        hold = self._hold(session, folder)
        marks = self._write(
            session,
            lambda connection, number: work(Place(connection, session.context_id, number, folder, hold)),
        )
        if hold is not None:
            hold.wrote(marks)

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
