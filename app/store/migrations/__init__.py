"""Making and upgrading the tables: Alembic, numbered, forward only.

Rules:

* The version table (``usmSchemaVersion``) is made before anything else. Where it is, the tables are ours; where it is
  missing but one of our names is taken, the tables belong to an older product. Those are never touched.
* One process migrates a schema at a time, on whichever node: MariaDB by a named lock of the very connection that
  migrates, SQLite by the write lock of the file. Whoever comes second finds nothing left to do.
* A migration may only add what the version before can do without: while nodes are changed one after the other, and
  after one has gone back, a program works on tables of a newer revision. It leaves them as they are.
* A migration that was killed is run again: SQLite takes all of it back; on MariaDB, where every change of a table
  stands by itself, each step must bear being repeated.

How tables stand is told by the numbers of the migrations' files; Alembic itself is loaded only where it has work to do,
so that every start of the service is spared it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    inspect,
    select,
    text,
)

from app.store.engines import WRITING
from app.store.errors import SchemaUnusable, retried
from app.store.locks import digest
from app.store.tables import VERSION_TABLE, metadata
from app.usm.errors import StoreUnavailable

WAIT: Final = 120
"""Seconds to wait for another process that migrates the same schema."""

DIGITS: Final = 4
"""Of a revision's number."""

_DIRECTORY: Final = Path(__file__).parent

# Alembic keeps the migration that runs in module variables: one at a time in this process.
_one_at_a_time = threading.Lock()

_version = Table(
    VERSION_TABLE,
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name=f"{VERSION_TABLE}_pkc"),
    mysql_engine="InnoDB",
    mariadb_engine="InnoDB",
)


@dataclass(frozen=True, slots=True)
class Status:
    """How a schema's tables stand. ``current``: their revision, ``None`` without any; ``newest``: the one this
    version of the program wants; ``foreign``: tables that have our names and are not ours; ``known``: whether this
    version of the program knows the current revision. Revisions are numbers of four digits that grow."""

    current: str | None
    newest: str
    foreign: tuple[str, ...] = ()
    known: bool = True

    @property
    def ready(self) -> bool:
        """True if the store can work with the tables."""
        return self.current == self.newest or self.newer

    @property
    def newer(self) -> bool:
        """True if a newer version of the program has made or changed the tables."""
        return not self.known and self.current is not None and self.current > self.newest

    @property
    def advice(self) -> str:
        """What is wrong and what to do, in one sentence."""
        if self.newer:
            return (
                f"the tables have revision {self.current}, made by a newer version of this program, which knows "
                f"them up to {self.newest} and can work with them"
            )
        if self.ready:
            return f"the tables are up to date (revision {self.current})"
        if self.foreign:
            return (
                f"the tables {', '.join(self.foreign)} are there without {VERSION_TABLE}, so they belong to an "
                "earlier USM product; nothing was changed. Run the upgrade of the deployment, which saves and drops "
                "them, or drop them by hand"
            )
        if not self.known:
            return (
                f"the tables have revision {self.current}, which this program does not know; it knows them up to "
                f"{self.newest}: install the version that made them, or look into {VERSION_TABLE}"
            )
        if self.current is None:
            return "the tables are missing; run the migration"
        return f"the tables have revision {self.current}, wanted is {self.newest}; run the migration"


def status(engine: Engine, name: str) -> Status:
    """How the tables in the engine's default schema stand; ``name`` is for messages. Changes nothing. Raises
    ``StoreUnavailable``."""

    def look() -> Status:
        with engine.connect() as connection:
            return _status(connection)

    return retried(f"database {name}", look)


def migrate(engine: Engine, name: str) -> bool:
    """Bring the tables in the engine's default schema to the newest revision; ``name`` is for messages. True if
    anything was changed. Raises ``SchemaUnusable``, ``StoreUnavailable``."""
    if status(engine, name).ready:
        return False
    with _one_at_a_time:
        return retried(f"database {name}", lambda: _migrate(engine, name), WAIT)


def _migrate(engine: Engine, name: str) -> bool:
    with (
        engine.connect().execution_options(**{WRITING: True}) as connection,
        _exclusively(connection, name),
        connection.begin(),
    ):
        found = _status(connection)
        if found.ready:
            return False
        if found.foreign or not found.known:
            raise SchemaUnusable(f"schema {name}: {found.advice}")
        _version.create(connection, checkfirst=True)
        _upgrade(connection)
    return True


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_DIRECTORY).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def revisions() -> list[str]:
    """All that this version of the program knows, the newest last: a migration's file begins with its revision."""
    return sorted(path.name[:DIGITS] for path in (_DIRECTORY / "versions").glob("[0-9]*.py"))


def _status(connection: Connection) -> Status:
    tables = set(inspect(connection).get_table_names())
    known = revisions()
    if VERSION_TABLE not in tables:
        return Status(None, known[-1], foreign=tuple(name for name in metadata.tables if name in tables))
    current = connection.scalar(select(_version.c.version_num))
    return Status(current, known[-1], known=current is None or current in known)


def lock_name(name: str) -> str:
    """The server's lock for work on the tables of a schema."""
    return f"usm-migrate:{digest(name)[:48]}"


@contextmanager
def _exclusively(connection: Connection, name: str) -> Iterator[None]:
    """On MariaDB, hold the lock of this migration; SQLite does it by its transaction."""
    if connection.dialect.name == "sqlite":
        yield
        return
    lock = lock_name(name)
    taken = connection.scalar(text("SELECT GET_LOCK(:lock, :seconds)"), {"lock": lock, "seconds": WAIT})
    connection.rollback()
    if not taken:
        raise StoreUnavailable(f"database {name}: another node still migrates it after {WAIT} seconds")
    try:
        yield
    finally:
        if not connection.invalidated:
            connection.execute(text("DO RELEASE_LOCK(:lock)"), {"lock": lock})
            connection.commit()
