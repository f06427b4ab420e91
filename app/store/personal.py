"""What the tables hold of one person, or of all of a context: as rows to read, and to delete.

Whose a row is shows by its columns: ``cid`` and ``user``, or the ``session`` it hangs on. A table with neither is told
apart by nobody here, and a test sees to it that there is none.

Whoever deletes locks the rows of the sessions first, as whoever writes does, and takes a few at a time: no request
waits long for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, func, select, true

from app.store.database import Database
from app.store.tables import metadata, sessions, traces

BATCH: Final = 50
"""So many sessions go in one transaction."""

OF_USER: Final[tuple[Table, ...]] = tuple(table for table in metadata.sorted_tables if "user" in table.c)
"""Tables whose rows name their user."""
OF_SESSION: Final[tuple[Table, ...]] = tuple(
    table for table in metadata.sorted_tables if "session" in table.c
)
"""Tables whose rows hang on a session."""


def owners(connection: Connection) -> set[tuple[int, int]]:
    """(context, user) of all of whom the schema holds anything. Traces do not count: they lie in one schema for the
    users of all, and end soon."""
    found: set[tuple[int, int]] = set()
    for table in OF_USER:
        if table is traces:
            continue
        rows = connection.execute(select(table.c.cid, table.c.user).distinct())
        found |= {(row.cid, row.user) for row in rows}
    return found


def rows(connection: Connection, cid: int, user: int) -> Iterator[tuple[Table, dict[str, Any]]]:
    """Every row of a person with its table, by table and key."""
    for table in metadata.sorted_tables:
        query = select(table).order_by(*table.primary_key.columns)
        if table in OF_SESSION:
            query = query.join(sessions, _joined(table))
            query = query.where(sessions.c.cid == cid, sessions.c.user == user)
        elif table in OF_USER:
            query = query.where(table.c.cid == cid, table.c.user == user)
        else:
            continue
        for row in connection.execute(query):
            yield table, dict(row._mapping)


def count(connection: Connection, cid: int, user: int | None) -> Counter[str]:
    """How many rows each table holds of a person; of the whole context without one."""
    found: Counter[str] = Counter()
    for table in (*OF_USER, *OF_SESSION):
        query = select(func.count()).select_from(table).where(_of(table, cid, user))
        found[table.name] += connection.scalar(query) or 0
    return +found


def remove(
    database: Database, cid: int, user: int | None, only_if: ColumnElement[bool] | None = None
) -> Counter[str]:
    """Delete all rows of a person, or of a context; how many, by table. ``only_if``: asked in each transaction, which
    deletes nothing where it does not hold. Raises ``StoreUnavailable``."""
    gone: Counter[str] = Counter()
    condition = true() if only_if is None else only_if
    while some := database.write(lambda connection: _remove_sessions(connection, cid, user, condition)):
        gone += some
    gone += database.write(lambda connection: _remove_rest(connection, cid, user, condition))
    return gone


def _remove_sessions(
    connection: Connection, cid: int, user: int | None, condition: ColumnElement[bool]
) -> Counter[str]:
    if not connection.scalar(select(condition)):
        return Counter()
    query = select(sessions.c.id).where(_of(sessions, cid, user)).limit(BATCH).with_for_update()
    numbers = list(connection.scalars(query))
    gone: Counter[str] = Counter()
    if not numbers:
        return gone
    for table in OF_SESSION:
        statement = delete(table).where(table.c.cid == cid, table.c.session.in_(numbers))
        gone[table.name] = connection.execute(statement).rowcount
    statement = delete(sessions).where(sessions.c.cid == cid, sessions.c.id.in_(numbers))
    gone[sessions.name] = connection.execute(statement).rowcount
    return +gone


def _remove_rest(
    connection: Connection, cid: int, user: int | None, condition: ColumnElement[bool]
) -> Counter[str]:
    gone: Counter[str] = Counter()
    if connection.scalar(select(condition)):
        for table in OF_USER:
            if table is not sessions:
                gone[table.name] = connection.execute(delete(table).where(_of(table, cid, user))).rowcount
    return +gone


def _joined(table: Table) -> ColumnElement[bool]:
    return and_(table.c.cid == sessions.c.cid, table.c.session == sessions.c.id)


def _of(table: Table, cid: int, user: int | None) -> ColumnElement[bool]:
    if user is None:
        return table.c.cid == cid
    if table in OF_USER:
        return and_(table.c.cid == cid, table.c.user == user)
    numbers = select(sessions.c.id).where(sessions.c.cid == cid, sessions.c.user == user)
    return and_(table.c.cid == cid, table.c.session.in_(numbers))
