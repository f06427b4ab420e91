"""From a database's errors to USM's, in one place.

Rules:

* What another try may cure at once (deadlock, lock wait, a SQLite file that is busy) is tried again, a few times.
* A connection that turns out to be gone (the server was started anew, or another one took over) is replaced, and what
  was asked is asked once more, unless it may have been carried out.
* What an administrator must cure, or time (no connection, no rights, read-only, disk full, ...), becomes
  ``StoreUnavailable``. Its message holds the server's words and number, never a password or a parameter.
* What only a mistake of ours can cause (a constraint, a value that does not fit) stays as it is, to be seen and mended.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

import pymysql
from sqlalchemy import exc

from app.store.tally import LOST, NO_CONNECTION, OUTAGE, PASSING, TALLY
from app.usm.errors import StoreUnavailable

T = TypeVar("T")

PASSING_MARIADB: Final[frozenset[int]] = frozenset(
    {
        1020,  # the row changed since the snapshot (innodb_snapshot_isolation)
        1205,  # lock wait timeout
        1213,  # deadlock; also a Galera node that lost against another
        1305,  # no such savepoint: a deadlock inside it has taken the whole transaction
    }
)
"""Error numbers of MariaDB after which the same transaction may succeed."""

PASSING_SQLITE: Final[frozenset[int]] = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
"""Primary result codes of SQLite after which the same transaction may succeed."""

UNAVAILABLE_MARIADB: Final[frozenset[int]] = frozenset(
    {
        1044,  # no rights to the schema
        1045,  # wrong user or password
        1049,  # no such schema
        1142,  # no rights to the table
        1143,  # no rights to the column
        1146,  # no such table
        1153,  # packet too large for this server
        1227,  # special privilege needed
        1290,  # server runs with --read-only or the like
    }
)
"""Error numbers of MariaDB that PyMySQL does not count as operational, but that a configuration can cause."""

ATTEMPTS: Final = 8
_PAUSE: Final = 0.02
_AT_ONCE: Final = 1.0
"""Seconds: a server that is silent for longer is not asked twice."""


class DatabaseSettingsError(ValueError):
    """A setting or a ``.properties`` file that names a database is wrong; says which one, and what is wanted."""


class UnknownContext(StoreUnavailable):
    """The configuration database knows no schema for this context."""


class SchemaUnusable(StoreUnavailable):
    """The tables of a schema are missing, not ours, or of another version; says what to do."""


def number_of(error: exc.DBAPIError) -> int | None:
    """The database's own number for an error, if it has one."""
    cause = error.orig
    if isinstance(cause, sqlite3.Error):
        code = getattr(cause, "sqlite_errorcode", None)
        return None if code is None else int(code) & 0xFF
    if isinstance(cause, pymysql.MySQLError) and cause.args and isinstance(cause.args[0], int):
        return cause.args[0]
    return None


def is_passing(error: exc.DBAPIError) -> bool:
    """True if the same transaction may succeed when it is tried again at once."""
    passing = PASSING_SQLITE if isinstance(error.orig, sqlite3.Error) else PASSING_MARIADB
    return number_of(error) in passing


def _is_outage(error: exc.DBAPIError) -> bool:
    if error.connection_invalidated or is_passing(error):
        return True
    if isinstance(error, (exc.OperationalError, exc.InterfaceError, exc.InternalError)):
        return True
    if isinstance(error.orig, sqlite3.Error):
        # A file that is damaged, or no database at all, is a plain DatabaseError.
        return type(error.orig) is sqlite3.DatabaseError
    return number_of(error) in UNAVAILABLE_MARIADB


def _words(error: exc.DBAPIError) -> str:
    cause = error.orig
    arguments = () if cause is None else cause.args
    return " ".join(str(argument) for argument in arguments) or type(error).__name__


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Raise ``StoreUnavailable`` for every outage inside. ``what`` names the database, for the message."""
    try:
        yield
    except exc.TimeoutError as error:
        TALLY.failed(NO_CONNECTION)
        raise StoreUnavailable(f"{what}: all connections of the pool are in use") from error
    except exc.DBAPIError as error:
        if not _is_outage(error):
            raise
        TALLY.failed(OUTAGE)
        raise StoreUnavailable(f"{what}: {_words(error)}") from error


def retried(
    what: str, work: Callable[[], T], seconds: float = 10.0, repeatable: Callable[[], bool] = lambda: True
) -> T:
    """Call ``work``, a whole transaction, again after passing errors: at most ``ATTEMPTS`` times after lost
    deadlocks and the like, and for ``seconds`` while a SQLite file is busy. Once when its connection turned out at once
    to be gone, if it is still ``repeatable``. Raises ``StoreUnavailable``."""
    deadline = time.monotonic() + seconds
    attempt = 0
    with translated(what):
        while True:
            attempt += 1
            begun = time.monotonic()
            try:
                return work()
            except exc.DBAPIError as error:
                is_gone = error.connection_invalidated and time.monotonic() - begun < _AT_ONCE
                if is_gone and attempt == 1 and repeatable():
                    TALLY.failed(LOST)
                    continue
                if not is_passing(error) or time.monotonic() > deadline:
                    raise
                if attempt >= ATTEMPTS and not isinstance(error.orig, sqlite3.Error):
                    raise
                TALLY.failed(PASSING)
            time.sleep(_PAUSE * min(attempt, 5))
