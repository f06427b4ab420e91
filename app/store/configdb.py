"""The context's own schema, found as the groupware finds it.

Rules:

* ``context_server2db_pool`` of the configuration database names the schema of a context and the pool, i.e. the
  database server, that takes its writes; ``db_pool`` has the address of that server. Reads go to the same server: a
  replica may lag behind what a device has been told already.
* One pool of connections per database server, whatever the number of schemas: the tables are addressed by schema.
* With a :class:`Login` of our own, neither the groupware's is used nor ``db_pool.password`` read: that user is the same
  on all servers, and need see nothing of it.
* What was found is believed for ``EXPIRY`` seconds, and longer while the configuration database is down.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import (
    Column,
    CompoundSelect,
    Engine,
    Integer,
    MetaData,
    Row,
    Select,
    String,
    Table,
    column,
    func,
    select,
    table,
    union,
)
from sqlalchemy.engine import URL

from app.store.database import Database, Schema, ping
from app.store.engines import lock_engine, make_engine, single_use_engine
from app.store.errors import DatabaseSettingsError, UnknownContext, retried
from app.store.jdbc import ConfigDbAddress, parse_jdbc
from app.store.locks import MariaDbLocker
from app.usm.errors import StoreUnavailable

EXPIRY: Final = 300.0

_server = table("server", column("server_id"), column("name"))
_mapping = table(
    "context_server2db_pool",
    column("cid"),
    column("server_id"),
    column("write_db_pool_id"),
    column("db_schema"),
)
_pool = table("db_pool", column("db_pool_id"), column("url"), column("login"), column("password"))
_contexts = table("context", column("cid"))
_context_names = table("login2context", column("cid"), column("login_info"))
_user_names = Table(
    "login2user",
    MetaData(),
    Column("cid", Integer),
    Column("uid", String(128)),
    Column("id", Integer),
)
"""In a context's own schema, so that it must be a table that can be sought there."""


@dataclass(frozen=True, slots=True)
class Login:
    """A database user of our own."""

    user: str
    password: str = field(repr=False)

    @classmethod
    def of(cls, user: str, password: str) -> Login | None:
        """``None`` without a name."""
        return cls(user, password) if user else None

    def at(self, url: URL) -> URL:
        """The same address, as this user."""
        return url.set(username=self.user, password=self.password)


@dataclass(frozen=True, slots=True)
class _Server:
    """A database server: one pool for work, one for locks."""

    engine: Engine
    locks: MariaDbLocker


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a context lives. ``url`` has the schema as its database."""

    url: URL
    expires: float


class ConfigDb:
    """The databases of all contexts of one installation; see :class:`app.store.database.Databases`."""

    def __init__(
        self,
        address: ConfigDbAddress,
        auto_migrate: bool = True,
        monotonic: Callable[[], float] = time.monotonic,
        login: Login | None = None,
    ) -> None:
        self._server_name = address.server_name
        self._auto_migrate = auto_migrate
        self._monotonic = monotonic
        self._login = login
        self.address = login.at(address.url) if login else address.url
        self._configdb = make_engine(self.address)
        self._places: dict[int, _Place] = {}
        self._servers: dict[URL, _Server] = {}
        self._databases: dict[URL, Database] = {}
        self._guard = threading.Lock()

    def database(self, context_id: int) -> Database:
        """The database of a context, with its tables in place. Raises ``UnknownContext``, ``SchemaUnusable``,
        ``StoreUnavailable``."""
        database = self._database(self._place(context_id))
        database.prepare(self._auto_migrate)
        return database

    def engine(self, context_id: int) -> Engine:
        """The engine of :meth:`database`. Its connections have no default schema."""
        return self.database(context_id).engine

    def schemas(self) -> list[Schema]:
        """All schemas of this installation, each with the lowest of its contexts."""
        query = (
            select(_mapping.c.write_db_pool_id, _mapping.c.db_schema, func.min(_mapping.c.cid).label("cid"))
            .select_from(_mapping.join(_server, _server.c.server_id == _mapping.c.server_id))
            .where(_server.c.name == self._server_name)
            .group_by(_mapping.c.write_db_pool_id, _mapping.c.db_schema)
            .order_by("cid")
        )
        return [Schema(str(row.db_schema), int(row.cid)) for row in self._ask(query)]

    def places(self) -> list[URL]:
        """Of each schema the address, with the schema as its database."""
        return [
            self._place(schema.context_id).url for schema in self.schemas() if schema.context_id is not None
        ]

    def unprepared(self, schema: Schema) -> Database:
        """The database of a schema as it is, whatever tables it has."""
        if schema.context_id is None:
            raise ValueError(f"schema {schema.name} is not one of a configuration database")
        return self._database(self._place(schema.context_id))

    def context_named(self, name: str) -> int | None:
        """The context of a login mapping; ``None`` if there is none of that name."""
        query = select(_context_names.c.cid).where(_context_names.c.login_info == name)
        return next((int(row.cid) for row in self._ask(query)), None)

    def user_named(self, context_id: int, name: str) -> int | None:
        """The user who logs in so; ``None`` if there is none in the context."""
        query = select(_user_names.c.id).where(_user_names.c.cid == context_id, _user_names.c.uid == name)
        number = self.database(context_id).read(lambda connection: connection.scalar(query))
        return None if number is None else int(number)

    def known_contexts(self) -> frozenset[int] | None:
        """All contexts of the configuration database, also those of other servers and those without a schema."""
        found = self._ask(union(select(_contexts.c.cid), select(_mapping.c.cid)))
        return frozenset(int(row.cid) for row in found)

    def check(self) -> None:
        """Ask the configuration database and every server in use. Raises ``StoreUnavailable``."""
        down = []
        engines = [("configdb", self._configdb)]
        engines += [
            (f"on {url.host}:{url.port}", server.engine) for url, server in list(self._servers.items())
        ]
        for name, engine in engines:
            try:
                ping(engine, name)
            except StoreUnavailable as error:
                down.append(str(error))
        if down:
            raise StoreUnavailable("; ".join(down))

    def close(self) -> None:
        """Close all connections that are not in use."""
        self._configdb.dispose()
        for server in list(self._servers.values()):
            server.engine.dispose()
            server.locks.close()

    def _ask(self, query: Select[Any] | CompoundSelect[Any]) -> list[Row[Any]]:
        def transaction() -> list[Row[Any]]:
            with self._configdb.connect() as connection:
                return list(connection.execute(query))

        return retried("configdb", transaction)

    def _place(self, context_id: int) -> _Place:
        known = self._places.get(context_id)
        if known is not None and self._monotonic() < known.expires:
            return known
        try:
            found = self._find(context_id)
        except UnknownContext:
            self._places.pop(context_id, None)
            raise
        except StoreUnavailable:
            if known is None:
                raise
            return known
        self._places[context_id] = found
        return found

    def _find(self, context_id: int) -> _Place:
        logins = () if self._login else (_pool.c.login, _pool.c.password)
        query = (
            select(_mapping.c.db_schema, _pool.c.db_pool_id, _pool.c.url, *logins)
            .select_from(
                _mapping.join(_server, _server.c.server_id == _mapping.c.server_id).join(
                    _pool, _pool.c.db_pool_id == _mapping.c.write_db_pool_id
                )
            )
            .where(_server.c.name == self._server_name, _mapping.c.cid == context_id)
        )
        rows = self._ask(query)
        if not rows:
            raise UnknownContext(
                f"configdb: context {context_id} has no database for server {self._server_name!r}"
                " (tables server, context_server2db_pool, db_pool)"
            )
        row = rows[0]
        try:
            where = f"configdb: db_pool {row.db_pool_id}: url"
            if self._login:
                url = self._login.at(parse_jdbc(row.url, "", "", where))
            else:
                url = parse_jdbc(row.url, row.login, row.password, where)
        except DatabaseSettingsError as error:
            raise StoreUnavailable(str(error)) from error
        return _Place(url.set(database=row.db_schema), self._monotonic() + EXPIRY)

    def _database(self, place: _Place) -> Database:
        with self._guard:
            database = self._databases.get(place.url)
            if database is None:
                database = self._open(place.url)
                self._databases[place.url] = database
            return database

    def _open(self, url: URL) -> Database:
        address = url._replace(database=None)
        server = self._servers.get(address)
        if server is None:
            server = _Server(make_engine(address), MariaDbLocker(lock_engine(address)))
            self._servers[address] = server
        schema = url.database or ""
        engine = server.engine.execution_options(schema_translate_map={None: schema})
        return Database(schema, engine, server.locks, lambda: single_use_engine(url))
