"""What a protocol remembers of a session: rows of ``USMSessionFields``."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from sqlalchemy import Connection, delete, insert

from app.store import sessions as session_rows
from app.store.reading import Query
from app.store.tables import FIELD_LENGTH, sessions
from app.store.tables import fields as table

FIELDS: Final = Query(
    session_rows.joined(table, sessions.c.standing, table.c.field, table.c.value),
)
"""The session's standing, and each field with its value."""


def check_length(names: Collection[str]) -> None:
    """Raise :class:`ValueError` if a name does not fit: cut short, two fields could become one."""
    for name in names:
        if len(name) > FIELD_LENGTH:
            raise ValueError(f"the field name {name[:40]!r}... is longer than {FIELD_LENGTH} characters")


def write(connection: Connection, context_id: int, row: int, values: Mapping[str, str | None]) -> None:
    """Set these fields, remove those that are ``None``; the others stay. ``row``: the session's number."""
    connection.execute(
        delete(table).where(
            table.c.cid == context_id, table.c.session == row, table.c.field.in_(list(values))
        )
    )
    key = {"cid": context_id, "session": row}
    rows = [key | {"field": name, "value": value} for name, value in values.items() if value is not None]
    if rows:
        connection.execute(insert(table), rows)
