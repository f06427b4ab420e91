"""Where the tables may be: every schema of this installation, each once, and a way into it.

Rules:

* One connection a place, which commits every statement by itself, and is patient: counting a large table takes time.
* While it is open it holds the lock of the migrations, so that neither another node nor our own migration works on the
  same schema.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, create_engine, text
from sqlalchemy.engine import URL
from sqlalchemy.pool import NullPool

from app.store.database import Databases
from app.store.engines import MARIADB
from app.store.legacy.errors import LegacyError, told
from app.store.migrations import lock_name

Tell = Callable[[str, str], None]
"""Hears of every step before it is taken: the place's key, and a line."""

PATIENCE: Final = 1800
"""Seconds that one statement may take: the longest reads a whole table."""

HELD: Final = 7 * 24 * 3600
"""Seconds for which the server keeps a connection that says nothing, while a dump is read by another program."""

WAIT: Final = 2
"""Seconds to wait for another process that works on the same schema."""


@dataclass(frozen=True, slots=True)
class Place:
    """A schema. ``key`` names it in messages and files: its name, with the server's address where two servers have a
    schema of that name. ``context_id``: one of its contexts, ``None`` where one schema serves all."""

    key: str
    url: URL
    context_id: int | None

    @property
    def schema(self) -> str:
        """The name of the schema on its server."""
        return self.url.database or ""

    @property
    def server(self) -> str:
        """The address of its server."""
        return _address(self.url)

    @contextmanager
    def connected(self) -> Iterator[Connection]:
        """A connection whose default schema is this one. Raises :class:`LegacyError`, also for what goes wrong
        inside."""
        options = {**MARIADB, "read_timeout": PATIENCE, "write_timeout": PATIENCE}
        engine = create_engine(
            self.url.set(
                query={name: value for name, value in self.url.query.items() if name not in options}
            ),
            connect_args=options,
            hide_parameters=True,
            poolclass=NullPool,
            isolation_level="AUTOCOMMIT",
        )
        with told(self.key), engine.connect() as connection:
            yield connection

    @contextmanager
    def worked_on(self) -> Iterator[Connection]:
        """A connection that holds the lock of this schema. Raises :class:`LegacyError`."""
        with self.connected() as connection:
            connection.execute(text(f"SET SESSION wait_timeout = {HELD}"))
            lock = {"lock": lock_name(self.schema), "seconds": WAIT}
            if not connection.scalar(text("SELECT GET_LOCK(:lock, :seconds)"), lock):
                raise LegacyError(
                    f"{self.key}: another process works on the tables of USM in this schema; run the command again when"
                    " it has ended"
                )
            # The lock goes with the connection.
            yield connection


def places(sources: Iterable[Databases]) -> list[Place]:
    """Every schema on a MariaDB or MySQL server that these know, each once. SQLite is left out: no earlier product
    used it. Raises ``StoreUnavailable``."""
    found: dict[str, tuple[URL, int | None]] = {}
    for databases in sources:
        for schema in databases.schemas():
            url = databases.unprepared(schema).migration_engine().url
            if url.get_backend_name() != "sqlite":
                found.setdefault(f"{_address(url)}/{url.database}", (url, schema.context_id))
    names = [url.database for url, _ in found.values()]
    return [
        Place(str(url.database) if names.count(url.database) == 1 else _distinct(url), url, context)
        for url, context in found.values()
    ]


def _address(url: URL) -> str:
    socket = url.query.get("unix_socket")
    return str(socket) if socket else f"{url.host}:{url.port or 3306}"


def _distinct(url: URL) -> str:
    return f"{url.database}@{_address(url).replace('/', '_').replace(':', '_')}"
