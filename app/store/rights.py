"""What a database user of our own may do, and how it comes to be allowed.

Rules:

* On our tables of each schema it may do what work and migrations need; the tables are named one by one, whether they
  are there yet or not. It may read single columns of a few tables of the groupware: who has which context and name.
* It may read neither ``db_pool.login`` nor ``db_pool.password``: whoever steals it has not stolen the groupware's.
* Nothing is granted for a whole schema or server, so a schema that the groupware makes later has to be granted too.
* Whether anything is to be done is asked as that user itself; the administrator's login is used only if there is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, TypeVar

from sqlalchemy import Connection, text
from sqlalchemy.engine import URL

from app.store.configdb import ConfigDb, Login
from app.store.engines import single_use_engine
from app.store.errors import retried
from app.store.tables import VERSION_TABLE, metadata
from app.usm.errors import StoreUnavailable

T = TypeVar("T")

ANYWHERE: Final = "%"
"""The host of an account that may come from anywhere."""

ON_OURS: Final = ("ALTER", "CREATE", "DELETE", "INDEX", "INSERT", "REFERENCES", "SELECT", "UPDATE")
"""What may be done with our tables; no migration drops one."""

OF_CONFIGDB: Final = {
    "server": ("server_id", "name"),
    "context_server2db_pool": ("cid", "server_id", "write_db_pool_id", "db_schema"),
    "db_pool": ("db_pool_id", "url"),
    "login2context": ("cid", "login_info"),
    "context": ("cid",),
}
OF_SCHEMA: Final = {"user": ("cid", "id"), "login2user": ("cid", "uid", "id")}
"""Table of the groupware → the columns that are read."""


@dataclass(frozen=True, slots=True)
class Right:
    """What is needed of one table. ``columns``: of these alone; otherwise of all."""

    schema: str
    table: str
    privileges: tuple[str, ...]
    columns: tuple[str, ...] = ()

    def grant(self) -> str:
        """The statement, with ``:user`` and ``:host`` for the account."""
        columns = f" ({', '.join(map(_quoted, self.columns))})" if self.columns else ""
        what = ", ".join(f"{each}{columns}" for each in self.privileges)
        return f"GRANT {what} ON {_quoted(self.schema)}.{_quoted(self.table)} TO :user@:host"


def of_schema(schema: str) -> Iterator[Right]:
    """What is needed in a schema with contexts."""
    for table in (*sorted(metadata.tables), VERSION_TABLE):
        yield Right(schema, table, ON_OURS)
    for table, columns in OF_SCHEMA.items():
        yield Right(schema, table, ("SELECT",), columns)


def of_configdb(name: str) -> Iterator[Right]:
    """What is needed in the configuration database."""
    for table, columns in OF_CONFIGDB.items():
        yield Right(name, table, ("SELECT",), columns)


def needed(databases: ConfigDb) -> dict[URL, list[Right]]:
    """Everything that is needed, by the server's address as the groupware's user asks it. Raises
    ``StoreUnavailable``."""
    found: defaultdict[URL, list[Right]] = defaultdict(list)
    configdb = databases.address
    found[configdb._replace(database=None)] += of_configdb(configdb.database or "")
    for url in databases.places():
        found[url._replace(database=None)] += of_schema(url.database or "")
    return dict(found)


def lacking(url: URL, own: Login, rights: Iterable[Right]) -> list[Right]:
    """Those of the rights that our user does not have on this server; all if it cannot even log in."""
    try:
        held = _work(own.at(url), _held)
    except StoreUnavailable:
        return list(rights)
    return [right for right in rights if not _is_held(right, held)]


def grant(url: URL, administrator: Login | None, own: Login, host: str, rights: Iterable[Right]) -> list[str]:
    """Makes our user if it is not there, sets its password and grants the rights; as ``administrator``, or as the
    groupware's user. Returns what could not be granted because the table is not there (``schema.table``). Raises
    ``StoreUnavailable``."""
    account = {"user": own.user, "host": host}

    def work(connection: Connection) -> list[str]:
        named = {**account, "password": own.password}
        connection.execute(text("CREATE USER IF NOT EXISTS :user@:host IDENTIFIED BY :password"), named)
        connection.execute(text("ALTER USER :user@:host IDENTIFIED BY :password"), named)
        absent = []
        for right in rights:
            if right.columns and not _is_there(connection, right):
                absent.append(f"{right.schema}.{right.table}")
            else:
                connection.execute(text(right.grant()), account)
        return absent

    return _work(administrator.at(url) if administrator else url, work)


def _work(url: URL, work: Callable[[Connection], T]) -> T:
    """The result of ``work`` on a connection of its own."""

    def transaction() -> T:
        with single_use_engine(url).connect() as connection:
            return work(connection)

    return retried(f"server {url.host}:{url.port}", transaction)


def _held(connection: Connection) -> dict[tuple[str, str, str], set[str]]:
    """Privileges by schema, table and column (``""`` for the whole table), of who asks."""
    held: defaultdict[tuple[str, str, str], set[str]] = defaultdict(set)
    tables = "SELECT table_schema, table_name, '', privilege_type FROM information_schema.table_privileges"
    columns = "SELECT table_schema, table_name, column_name, privilege_type FROM information_schema.column_privileges"
    for query in (tables, columns):
        for schema, table, column, privilege in connection.execute(text(query)):
            held[schema, table.lower(), column].add(privilege)
    return held


def _is_held(right: Right, held: dict[tuple[str, str, str], set[str]]) -> bool:
    table = right.schema, right.table.lower()
    wanted = set(right.privileges)
    return all(wanted <= held[(*table, column)] for column in right.columns or ("",))


def _is_there(connection: Connection, right: Right) -> bool:
    query = "SELECT 1 FROM information_schema.tables WHERE table_schema = :schema AND table_name = :table"
    return connection.scalar(text(query), {"schema": right.schema, "table": right.table}) is not None


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"
