"""What is kept of a user, whatever the device: rows of ``usmUserField``."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, and_, delete, insert, select

from app.store.tables import user_fields as table


def read(connection: Connection, context_id: int, user_id: int) -> dict[str, str]:
    """All fields of a user."""
    query = select(table.c.field, table.c.value).where(table.c.cid == context_id, table.c.user == user_id)
    return {row.field: row.value for row in connection.execute(query)}


def write(connection: Connection, context_id: int, user_id: int, fields: Mapping[str, str | None]) -> None:
    """Set these fields, remove those that are ``None``; the others stay."""
    of_user = and_(table.c.cid == context_id, table.c.user == user_id)
    connection.execute(delete(table).where(of_user, table.c.field.in_(sorted(fields))))
    rows = [
        {"cid": context_id, "user": user_id, "field": name, "value": value}
        for name, value in sorted(fields.items())
        if value is not None
    ]
    if rows:
        connection.execute(insert(table), rows)
