"""Database servers and the schemas on them: MariaDB/MySQL, or a directory with one SQLite file a schema.

A URL names a server, never a schema: ``mysql+pymysql://user:password@host/`` or ``sqlite:///DIR``.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import URL, make_url

CONFIGDB = "configdb"


class DatabaseServer:
    """One server. Connections are opened when needed and kept."""

    def __init__(self, url: str) -> None:
        self.url = make_url(url)
        if self.url.get_backend_name() not in ("sqlite", "mysql", "mariadb"):
            raise ValueError(f"unknown kind of database server: {self.url.get_backend_name()}")
        self._engines: dict[str, sa.Engine] = {}
        self._lock = threading.Lock()

    @property
    def is_sqlite(self) -> bool:
        """Whether the schemas are files."""
        return self.url.get_backend_name() == "sqlite"

    @property
    def directory(self) -> Path:
        """Where the files of an SQLite server lie."""
        return Path(self.url.database or ".")

    @property
    def jdbc_url(self) -> str:
        """The server as ``db_pool.url`` names it."""
        if self.is_sqlite:
            return f"jdbc:sqlite:{self.directory.resolve()}/"
        port = f":{self.url.port}" if self.url.port else ""
        return (
            f"jdbc:mysql://{self.url.host or 'localhost'}{port}/?useUnicode=true&characterEncoding=UTF-8"
            "&autoReconnect=false&useUnicode=true&useServerPrepStmts=false&useTimezone=true&serverTimezone=UTC"
            "&connectTimeout=15000&socketTimeout=15000"
        )

    def schema_url(self, schema: str) -> URL:
        """The SQLAlchemy URL of one schema."""
        if self.is_sqlite:
            return self.url.set(database=str(self.directory / f"{schema}.db"))
        return self.url.set(database=schema).update_query_dict({"charset": "utf8mb4"})

    def engine(self, schema: str) -> sa.Engine:
        """The engine of one schema."""
        with self._lock:
            if schema not in self._engines:
                self._engines[schema] = self._make_engine(schema)
            return self._engines[schema]

    def create(self, schema: str) -> None:
        """Create the schema unless it is there."""
        if self.is_sqlite:
            self.directory.mkdir(parents=True, exist_ok=True)
            return
        engine = sa.create_engine(self.url.set(database=None))
        try:
            with engine.begin() as connection:
                connection.exec_driver_sql(
                    f"CREATE DATABASE IF NOT EXISTS `{schema}` CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci"
                )
        finally:
            engine.dispose()

    def exists(self, schema: str) -> bool:
        """Whether the schema is there."""
        if self.is_sqlite:
            return (self.directory / f"{schema}.db").exists()
        engine = sa.create_engine(self.url.set(database=None))
        try:
            with engine.connect() as connection:
                return bool(
                    connection.execute(
                        sa.text("SELECT 1 FROM information_schema.schemata WHERE schema_name = :name"),
                        {"name": schema},
                    ).first()
                )
        finally:
            engine.dispose()

    @contextmanager
    def read(self, schema: str) -> Iterator[sa.Connection]:
        """A transaction that only reads."""
        with self.engine(schema).connect() as connection:
            yield connection

    @contextmanager
    def write(self, schema: str) -> Iterator[sa.Connection]:
        """A transaction that writes: all of it or nothing."""
        with self.engine(schema).connect().execution_options(writes=True) as connection, connection.begin():
            yield connection

    def dispose(self) -> None:
        """Close all kept connections."""
        with self._lock:
            for engine in self._engines.values():
                engine.dispose()
            self._engines.clear()

    def _make_engine(self, schema: str) -> sa.Engine:
        url = self.schema_url(schema)
        if not self.is_sqlite:
            return sa.create_engine(
                url,
                pool_pre_ping=True,
                pool_recycle=300,
                pool_size=8,
                max_overflow=24,
                isolation_level="READ COMMITTED",
                connect_args={"connect_timeout": 10, "read_timeout": 120},
            )
        engine = sa.create_engine(url, connect_args={"timeout": 30, "check_same_thread": False})
        sa.event.listen(engine, "connect", _prepare_sqlite)
        sa.event.listen(engine, "begin", _begin_sqlite)
        return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # The driver's own BEGIN comes too late for a transaction that reads before it writes.
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=OFF", "busy_timeout=30000"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
