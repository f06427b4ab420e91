"""A database with our tables in it, and the choice of one for a context.

Rules:

* :class:`Database` is what the store works with: transactions, locks, a name for messages.
* :class:`Databases` finds the one of a context. :class:`SingleDatabase` has one for all contexts;
  :class:`app.store.configdb.ConfigDb` asks the groupware's configuration database.
* The first use of a schema in a process checks its tables, and makes or upgrades them if ``auto_migrate`` is set.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

from sqlalchemy import Connection, Engine, text

from app.store.engines import WRITING, is_memory, lock_engine, make_engine, parse_url
from app.store.errors import DatabaseSettingsError, SchemaUnusable, retried, translated
from app.store.locks import FileLocker, Locker, MariaDbLocker, MemoryLocker
from app.store.migrations import migrate, status
from app.store.reading import Query
from app.store.tally import TALLY
from app.usm.errors import Busy, StoreUnavailable

T = TypeVar("T")

PATIENCE: Final = 15.0
"""Seconds that a request waits for another one that checks or makes the tables."""


@dataclass(frozen=True, slots=True)
class Schema:
    """A schema that holds our tables. ``context_id``: one of its contexts, ``None`` where one schema serves all."""

    name: str
    context_id: int | None


class Database:
    """One schema, its connections and its locks. ``name`` appears in messages and lock names."""

    def __init__(self, name: str, engine: Engine, locker: Locker, own_engine: Callable[[], Engine]) -> None:
        self.name = name
        self.engine = engine
        self._locker = locker
        self._own_engine = own_engine
        self._guard = threading.Lock()
        self._prepared = False

    def prepare(self, auto_migrate: bool) -> None:
        """See to it that the tables are there, once a process. Raises ``SchemaUnusable``, ``StoreUnavailable``."""
        if self._prepared:
            return
        # While the database does not answer, requests must not queue up here, each to wait for it in turn.
        if not self._guard.acquire(timeout=PATIENCE):
            raise StoreUnavailable(f"database {self.name}: its tables are still being checked")
        try:
            if not self._prepared:
                self._check_tables(auto_migrate)
                self._prepared = True
        finally:
            self._guard.release()

    def _check_tables(self, auto_migrate: bool) -> None:
        engine = self.migration_engine()
        if auto_migrate:
            migrate(engine, self.name)
            return
        found = status(engine, self.name)
        if not found.ready:
            raise SchemaUnusable(f"schema {self.name}: {found.advice}")

    def is_ready(self) -> bool:
        """True if the tables are there and of the newest revision. Raises ``StoreUnavailable``."""
        return self._prepared or status(self.migration_engine(), self.name).ready

    def migration_engine(self) -> Engine:
        """An engine whose default schema is this one, for :mod:`app.store.migrations`."""
        return self._own_engine()

    def examine(self, work: Callable[[Engine], T]) -> T:
        """The result of ``work``, which only reads, on an engine whose default schema is this one. Raises
        ``StoreUnavailable``."""
        engine = self.migration_engine()
        return retried(f"database {self.name}", lambda: work(engine))

    def read(self, work: Callable[[Connection], T]) -> T:
        """The result of ``work`` in a transaction that only reads. Raises ``StoreUnavailable``."""

        def transaction() -> T:
            with self.engine.connect() as connection, connection.begin():
                return work(connection)

        return retried(f"database {self.name}", transaction)

    def rows(self, query: Query, **values: Any) -> list[tuple[Any, ...]]:
        """The rows of one statement that only reads. Raises ``StoreUnavailable``."""
        return retried(f"database {self.name}", lambda: query.rows(self.engine, values))

    def write(self, work: Callable[[Connection], T]) -> T:
        """The result of ``work`` in one transaction, which is kept whole or not at all; ``work`` is called again
        after a deadlock. Raises ``StoreUnavailable``."""
        in_doubt = False

        def transaction() -> T:
            nonlocal in_doubt
            in_doubt = False
            with self.engine.connect().execution_options(**{WRITING: True}) as connection, connection.begin():
                result = work(connection)
                in_doubt = True  # until the server has said that it is kept
                return result

        return retried(f"database {self.name}", transaction, repeatable=lambda: not in_doubt)

    @contextmanager
    def lock(self, name: str, seconds: float) -> Iterator[None]:
        """Hold a lock of this schema. Raises ``Busy`` after ``seconds``, ``StoreUnavailable``."""
        begun, is_held = time.monotonic(), False
        try:
            with self._locker.hold(f"{self.name}\0{name}", seconds):
                is_held = True
                TALLY.locked(time.monotonic() - begun)
                yield
        except Busy:
            if not is_held:
                TALLY.timed_out(time.monotonic() - begun)
            raise


class Databases(Protocol):
    """Finds the database of a context."""

    def database(self, context_id: int) -> Database:
        """The database of a context, with its tables in place. Raises ``UnknownContext``, ``SchemaUnusable``,
        ``StoreUnavailable``."""
        ...

    def engine(self, context_id: int) -> Engine:
        """The engine of :meth:`database`; it finds the tables of :mod:`app.store.tables` in the right schema."""
        ...

    def schemas(self) -> list[Schema]:
        """All schemas, each once. Raises ``StoreUnavailable``."""
        ...

    def unprepared(self, schema: Schema) -> Database:
        """The database of a schema as it is, whatever tables it has: for migrations."""
        ...

    def context_named(self, name: str) -> int | None:
        """The context that the groupware calls so; ``None`` where it is unknown, or nothing is known of names. Raises
        ``StoreUnavailable``."""
        ...

    def user_named(self, context_id: int, name: str) -> int | None:
        """The user of a context who logs in so; ``None`` as with :meth:`context_named`. Raises ``UnknownContext``,
        ``StoreUnavailable``."""
        ...

    def known_contexts(self) -> frozenset[int] | None:
        """All contexts that the groupware knows, wherever they live; ``None`` where nothing is known of them. Raises
        ``StoreUnavailable``."""
        ...

    def check(self) -> None:
        """Ask for a sign of life. Raises ``StoreUnavailable``, which says what is down."""
        ...

    def close(self) -> None:
        """Close all connections that are not in use."""
        ...


def ping(engine: Engine, name: str) -> None:
    """Raise ``StoreUnavailable`` if the database does not answer."""
    with translated(f"database {name}"), engine.connect() as connection:
        connection.execute(text("SELECT 1"))


class SingleDatabase:
    """One database for all contexts: ``sqlite:////path/to/file``, ``sqlite://`` (in memory, for tests) or
    ``mysql+pymysql://user:password@host:port/database``. Raises ``DatabaseSettingsError``."""

    def __init__(self, url: str, auto_migrate: bool = True) -> None:
        parsed = parse_url(url)
        self._auto_migrate = auto_migrate
        self._engine = make_engine(parsed)
        self._locker: Locker
        name = parsed.database or "memory"
        if is_memory(parsed):
            self._locker = MemoryLocker()
        elif parsed.get_backend_name() == "sqlite":
            path = Path(name).absolute()
            self._locker = FileLocker(path.with_name(f"{path.name}-lock"))
        elif parsed.database:
            self._locker = MariaDbLocker(lock_engine(parsed))
        else:
            raise DatabaseSettingsError(
                "the database URL names no database: put its name behind the last slash"
            )
        self._database = Database(name, self._engine, self._locker, lambda: self._engine)

    def database(self, context_id: int) -> Database:
        """See :class:`Databases`."""
        self._database.prepare(self._auto_migrate)
        return self._database

    def engine(self, context_id: int) -> Engine:
        """See :class:`Databases`."""
        return self.database(context_id).engine

    def schemas(self) -> list[Schema]:
        """See :class:`Databases`."""
        return [Schema(self._database.name, None)]

    def unprepared(self, schema: Schema) -> Database:
        """See :class:`Databases`."""
        return self._database

    def context_named(self, name: str) -> int | None:
        """Nothing is known of names here."""
        return None

    def user_named(self, context_id: int, name: str) -> int | None:
        """Nothing is known of names here."""
        return None

    def known_contexts(self) -> frozenset[int] | None:
        """Nothing is known of contexts here."""
        return None

    def check(self) -> None:
        """See :class:`Databases`."""
        ping(self._engine, self._database.name)

    def close(self) -> None:
        """See :class:`Databases`."""
        self._locker.close()
        self._engine.dispose()
