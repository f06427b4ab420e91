"""How connections to each kind of database are made.

Rules:

* Pools are bounded and short-tempered: a request waits ten seconds for a connection at most, a server that does not
  answer costs thirty. Connections that were idle are tested before use, all are renewed before a server or firewall
  ends them. What a crowd needed is kept a while for the next one (:mod:`app.store.pools`).
* No connection is held between two calls of the store; locks have connections of their own (:mod:`app.store.locks`).
* Outside of transactions each statement stands for itself (:mod:`app.store.reading`); a transaction says where it
  begins, and whatever is left of it is undone when its connection goes back.
* On SQLite a writing transaction takes the write lock at its beginning (``BEGIN IMMEDIATE``): a transaction that reads
  first and writes later could be refused in the middle.
* Parameters never reach an error message or a log.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any, Final

import pymysql
from sqlalchemy import Connection, Engine, create_engine, event, exc
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import ConnectionPoolEntry, NullPool, PoolResetState

from app.store import pools, tally
from app.store.errors import DatabaseSettingsError

WRITING: Final = "usm_writing"
"""Execution option of connections whose transactions write."""

POOL: Final[Mapping[str, Any]] = {
    "pool_size": 20,
    "max_overflow": 0,
    "pool_timeout": 10,
    "pool_recycle": 240,
    "pool_use_lifo": True,
}
LOCK_POOL: Final[Mapping[str, Any]] = {**POOL, "pool_size": 100}

ONE_CONNECTION: Final[Mapping[str, Any]] = {"pool_size": 1, "max_overflow": 0, "pool_timeout": 30}
"""A database in memory lives in its only connection, which all share, one at a time, and which never goes."""

MARIADB: Final[Mapping[str, Any]] = {
    "charset": "utf8mb4",
    "autocommit": True,
    "connect_timeout": 5,
    "read_timeout": 30,
    "write_timeout": 30,
    # A value that does not fit must be refused: cut short, two ids could become one.
    "sql_mode": "STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION",
    # Shorter than read_timeout, so that a wait ends in an error and not in a lost connection.
    "init_command": "SET SESSION innodb_lock_wait_timeout = 5",
}
"""What PyMySQL is told unless the URL says otherwise; times in seconds."""

IDLE: Final = 1.0
"""Seconds without use after which a connection is tested."""
_BEGUN: Final = "usm_begun"

_SQLITE_WAIT: Final = 0.1
"""Seconds that SQLite itself waits for a busy file; it blocks the whole process, so the rest is done by retrying."""


def parse_url(text: str) -> URL:
    """A database URL of a kind that the store can use. Raises :class:`DatabaseSettingsError`."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise DatabaseSettingsError(
            "not a database URL; wanted is mysql+pymysql://user:password@host:3306/database or sqlite:////path/to/file"
        ) from None
    kind = url.get_backend_name()
    if kind == "sqlite":
        return url.set(drivername="sqlite")
    if kind not in ("mysql", "mariadb"):
        raise DatabaseSettingsError(
            f"databases of kind {kind!r} are not supported; use MariaDB, MySQL or SQLite"
        )
    if not url.host and "unix_socket" not in url.query:
        raise DatabaseSettingsError("the database URL names no host")
    return url.set(drivername="mysql+pymysql")


def is_memory(url: URL) -> bool:
    """True for a SQLite database that has no file."""
    return url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:")


def make_engine(url: URL, pool: Mapping[str, Any] = POOL) -> Engine:
    """An engine with a pool of its own."""
    if url.get_backend_name() == "sqlite":
        pool = ONE_CONNECTION if is_memory(url) else pool
        return _noted(_sqlite(url, pool), tally.WORK, pool)
    return _noted(_mariadb(url, dict(pool)), tally.WORK, pool)


def _noted(engine: Engine, kind: str, pool: Mapping[str, Any]) -> Engine:
    tally.note(engine, kind, pool)
    return engine


def lock_engine(url: URL) -> Engine:
    """An engine for connections that each hold one named lock and have no transaction."""
    return _noted(_mariadb(url, dict(LOCK_POOL)), tally.LOCKS, LOCK_POOL)


def single_use_engine(url: URL) -> Engine:
    """An engine that keeps no connection open, for work done once. DDL may take its time."""
    return _mariadb(url, {"poolclass": NullPool}, read_timeout=600)


def _mariadb(url: URL, options: dict[str, Any], **arguments: Any) -> Engine:
    options.setdefault("poolclass", pools.SparingPool)
    engine = create_engine(
        url,
        connect_args={
            name: value for name, value in {**MARIADB, **arguments}.items() if name not in url.query
        },
        hide_parameters=True,
        pool_reset_on_return=None,
        **options,
    )
    event.listen(engine, "begin", _begin_mariadb)
    event.listen(engine, "reset", _end_mariadb)
    event.listen(engine, "checkin", pools.note_use)
    event.listen(engine, "checkout", _test_idle)
    return engine


def _begin_mariadb(connection: Connection) -> None:
    connection.info[_BEGUN] = True
    connection.exec_driver_sql("START TRANSACTION")


def _end_mariadb(connection: Any, record: ConnectionPoolEntry, state: PoolResetState) -> None:
    if record.info.pop(_BEGUN, False) and not state.terminate_only:
        connection.rollback()


def _test_idle(connection: Any, record: ConnectionPoolEntry, _proxy: object) -> None:
    """One that was in use a moment ago is believed to be there; if it is not, its statement is repeated."""
    if pools.unused(record) < IDLE:
        return
    try:
        connection.ping(reconnect=False)
    except (pymysql.Error, OSError) as error:
        raise exc.InvalidatePoolError from error


def _sqlite(url: URL, pool: Mapping[str, Any]) -> Engine:
    engine = create_engine(
        url,
        connect_args={"check_same_thread": False, "timeout": _SQLITE_WAIT},
        hide_parameters=True,
        poolclass=pools.SparingPool,
        **pool,
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    event.listen(engine, "checkin", pools.note_use)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # BEGIN is ours to say, see below
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA journal_mode = WAL")


def _begin_sqlite(connection: Connection) -> None:
    writing = connection.get_execution_options().get(WRITING, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")
