"""Whether a schema's tables are built as they should be, and whether what lies in them holds together.

Everything here only reads, a portion at a time: it may run beside the service. What it compares with is
:mod:`app.store.tables`; how those get there is :mod:`app.store.migrations`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from sqlalchemy import (
    Connection,
    Engine,
    ForeignKeyConstraint,
    Row,
    Select,
    Table,
    UniqueConstraint,
    and_,
    case,
    func,
    inspect,
    or_,
    select,
    text,
)
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.engine.reflection import Inspector
from sqlalchemy.types import TypeEngine

from app.store import layers
from app.store.database import Database
from app.store.locks import digest
from app.store.personal import OF_SESSION
from app.store.tables import HEAD_BLOCK, JOURNAL_BLOCK, folders, metadata, sessions, storage

_ENGINE: Final = "InnoDB"
_COLLATION: Final = "utf8mb4_bin"


@dataclass(frozen=True, slots=True)
class Place:
    """Whose state something is, and in which folder."""

    context: int
    user: int
    device: str
    folder: int


# --- how the tables are built


def structure(engine: Engine) -> list[tuple[str, str]]:
    """What is otherwise than it should be, as (table, sentence); ``engine`` has the schema as its default. Columns and
    indexes beside ours are passed over: a newer version of the program may have added them."""
    looked = inspect(engine)
    there = set(looked.get_table_names())
    found = []
    for table in metadata.sorted_tables:
        if table.name not in there:
            found.append((table.name, "is missing"))
            continue
        found += [(table.name, each) for each in _of_table(looked, table, engine.dialect)]
    if engine.dialect.name != "sqlite":
        found += _of_server(engine, there)
    return found


def _of_table(looked: Inspector, table: Table, dialect: Dialect) -> Iterator[str]:
    columns = {str(each["name"]): each for each in looked.get_columns(table.name)}
    for column in table.columns:
        there = columns.get(column.name)
        if there is None:
            yield f"lacks the column {column.name}"
            continue
        is_type, should = _written(there["type"], dialect), _written(column.type, dialect)
        if is_type != should:
            yield f"has the column {column.name} as {is_type}, wanted is {should}"
        if there["nullable"] != column.nullable:
            yield f"has the column {column.name} {'with' if there['nullable'] else 'without'} NULL"
    key = [str(name) for name in looked.get_pk_constraint(table.name)["constrained_columns"]]
    if key != [column.name for column in table.primary_key.columns]:
        yield f"has the primary key ({', '.join(key)})"
    yield from _of_indexes(looked, table)
    yield from _of_foreign_keys(looked, table)


def _of_indexes(looked: Inspector, table: Table) -> Iterator[str]:
    found = [[str(name) for name in each["column_names"]] for each in looked.get_indexes(table.name)]
    unique = [
        [str(name) for name in each["column_names"]] for each in looked.get_unique_constraints(table.name)
    ]
    for index in table.indexes:
        names = [column.name for column in index.columns]
        if names not in found + unique:
            yield f"lacks the index {index.name} ({', '.join(names)})"
    for constraint in table.constraints:
        if isinstance(constraint, UniqueConstraint):
            names = [column.name for column in constraint.columns]
            if names not in unique:
                yield f"lacks the unique key {constraint.name} ({', '.join(names)})"


def _of_foreign_keys(looked: Inspector, table: Table) -> Iterator[str]:
    found = {
        (
            tuple(each["constrained_columns"]),
            each["referred_table"].lower(),
            each["options"].get("ondelete", "").upper(),
        )
        for each in looked.get_foreign_keys(table.name)
    }
    for constraint in table.constraints:
        if isinstance(constraint, ForeignKeyConstraint):
            wanted = (
                tuple(constraint.column_keys),
                constraint.referred_table.name.lower(),
                (constraint.ondelete or "").upper(),
            )
            if wanted not in found:
                yield f"lacks the foreign key {constraint.name}: rows may stay without their session"


def _written(kind: TypeEngine[Any], dialect: Dialect) -> str:
    """A type as SQL, without what says the same in other words."""
    words = kind.compile(dialect=dialect).upper().replace('"', "").replace("`", "")
    words = re.sub(r" CHARACTER SET UTF8MB4\b", "", words)
    # The server names a column's own only where it is not the table's, which is looked at by itself.
    words = re.sub(rf" COLLATE {_COLLATION.upper()}\b", "", words)
    words = re.sub(r"\b(INTEGER|INT|BIGINT)\(\d+\)", r"\1", words)
    return re.sub(r"\bINT\b", "INTEGER", words)


def _of_server(engine: Engine, there: set[str]) -> list[tuple[str, str]]:
    query = text(
        "SELECT table_name AS name, engine AS kind, table_collation AS collation FROM information_schema.tables"
        " WHERE table_schema = DATABASE()"
    )
    found = []
    with engine.connect() as connection:
        for row in connection.execute(query):
            if row.name in metadata.tables and row.name in there:
                if row.kind != _ENGINE:
                    found.append((str(row.name), f"is a table of {row.kind}, wanted is {_ENGINE}"))
                if row.collation != _COLLATION:
                    found.append((str(row.name), f"compares by {row.collation}, wanted is {_COLLATION}"))
    return found


def sizes(engine: Engine) -> dict[str, tuple[int, int | None]]:
    """Rows and bytes of each of our tables; on a server both are its estimates, without one the bytes are not known."""
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            return {
                name: (connection.scalar(select(func.count()).select_from(table)) or 0, None)
                for name, table in metadata.tables.items()
            }
    query = text(
        "SELECT table_name AS name, table_rows AS amount, data_length + index_length AS size"
        " FROM information_schema.tables WHERE table_schema = DATABASE()"
    )
    with engine.connect() as connection:
        return {
            str(row.name): (int(row.amount or 0), int(row.size or 0))
            for row in connection.execute(query)
            if row.name in metadata.tables
        }


# --- what lies in them


def orphans(engine: Engine) -> dict[str, int]:
    """Table → how many of its rows hang on a session that is not there. Looks at every row."""
    with engine.connect() as connection:
        return _orphans(connection)


def _orphans(connection: Connection) -> dict[str, int]:
    found = {}
    for table in OF_SESSION:
        joined = and_(table.c.cid == sessions.c.cid, table.c.session == sessions.c.id)
        query = (
            select(func.count()).select_from(table.outerjoin(sessions, joined)).where(sessions.c.id.is_(None))
        )
        found[table.name] = connection.scalar(query) or 0
    return {name: count for name, count in found.items() if count}


Some = Mapping[int, Sequence[int]]
"""Numbers of sessions, by context."""


def portions(database: Database, size: int) -> Iterator[Some]:
    """All sessions, so many at a time. Raises ``StoreUnavailable``."""
    after = 0, -1
    while True:
        numbers = database.read(partial(_numbers, after=after, size=size))
        some: dict[int, list[int]] = {}
        for cid, number in numbers:
            some.setdefault(cid, []).append(number)
        if some:
            yield some
        if len(numbers) < size:
            return
        after = numbers[-1]


def _numbers(connection: Connection, after: tuple[int, int], size: int) -> list[tuple[int, int]]:
    cid, number = after
    query = (
        select(sessions.c.cid, sessions.c.id)
        .where(or_(sessions.c.cid > cid, and_(sessions.c.cid == cid, sessions.c.id > number)))
        .order_by(sessions.c.cid, sessions.c.id)
        .limit(size)
    )
    return [(int(row.cid), int(row.id)) for row in connection.execute(query)]


def headless(connection: Connection, some: Some) -> list[Place]:
    """Folders of these sessions of which items are kept and no key: nobody can ever ask for them."""
    heads = func.sum(case((storage.c.block == HEAD_BLOCK, 1), else_=0))
    blocks = func.sum(case((storage.c.block >= 0, 1), else_=0))
    keys = sessions.c.cid, sessions.c.user, sessions.c.device, storage.c.folder
    query = select(*keys).group_by(*keys, storage.c.session).having(and_(heads == 0, blocks > 0))
    return [_place(row) for row in _of(connection, query, storage, some)]


def mistaken_numbers(connection: Connection, some: Some) -> list[Place]:
    """Folders of these sessions whose digest is not that of their id: the number will never be found by it."""
    number = folders.c.number.label("folder")
    query = select(
        sessions.c.cid,
        sessions.c.user,
        sessions.c.device,
        number,
        folders.c.digest,
        folders.c.folder.label("id"),
    )
    return [_place(row) for row in _of(connection, query, folders, some) if row.digest != digest(row.id)]


def unreadable(connection: Connection, some: Some) -> list[Place]:
    """Folders of these sessions with a block that cannot be read, or holds something else than it says."""
    query = select(storage, sessions.c.user, sessions.c.device)
    found = {_place(row): None for row in _of(connection, query, storage, some) if not _is_readable(row)}
    return list(found)


def _of(connection: Connection, query: Select[Any], table: Table, some: Some) -> Iterator[Row[Any]]:
    joined = and_(sessions.c.cid == table.c.cid, sessions.c.id == table.c.session)
    for cid, numbers in some.items():
        ours = and_(table.c.cid == cid, table.c.session.in_(numbers))
        yield from connection.execute(query.join_from(sessions, table, joined).where(ours))


def _place(row: Row[Any]) -> Place:
    return Place(row.cid, row.user, row.device, row.folder)


def _is_readable(row: Row[Any]) -> bool:
    try:
        value = layers.unpack(row.data)
    except Exception:  # noqa: BLE001  (whatever the bytes are, they are no block)
        return False
    if row.block == HEAD_BLOCK:
        return isinstance(value, list) and len(value) == 3 and all(isinstance(each, str) for each in value)
    if row.block == JOURNAL_BLOCK:
        return isinstance(value, str)
    if not isinstance(value, list) or len(value) != 2 or not all(isinstance(each, list) for each in value):
        return False
    ids, stamps = value
    return bool(len(ids) == len(stamps) == row.entries)


def server(connection: Connection) -> Mapping[str, str]:
    """``version`` of the database server, ``grants`` of our user without any password, and ``clock``: its seconds since
    1970."""
    if connection.dialect.name == "sqlite":
        version = connection.exec_driver_sql("SELECT sqlite_version()").scalar()
        return {"version": f"SQLite {version}"}
    version, seconds = connection.execute(text("SELECT VERSION(), UNIX_TIMESTAMP(NOW(6))")).one()
    grants = [str(row[0]) for row in connection.execute(text("SHOW GRANTS"))]
    return {
        "version": str(version),
        "clock": str(seconds),
        "grants": "\n".join(re.sub(r" IDENTIFIED .*", "", each) for each in grants),
    }
