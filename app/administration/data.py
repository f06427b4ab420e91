"""All that is stored of a person: to hand out, and to delete.

What a schema holds is found by its columns (:mod:`app.store.personal`), so that nothing is left out that a later one
keeps; :mod:`app.administration.inventory` says what each table is for. Secrets are neither opened nor shown.

A context lives in one schema; orders to trace somebody all live in the first one, so both are looked into.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from app.administration import inventory
from app.administration.naming import Names, Unknown
from app.eas import memory
from app.store import layers, personal
from app.store.database import Database, Databases
from app.store.tables import HEAD_BLOCK, JOURNAL_BLOCK
from app.usm.errors import StoreUnavailable

MOMENTS: Final = frozenset({"created", "last_used", "decided", "begun", "ends"})
"""Columns that hold milliseconds since 1970."""

SEALED: Final = "(encrypted)"
UNREADABLE: Final = "(cannot be read: see usmctl db check)"


def whose(names: Names, context: str, user: str | None) -> tuple[int, int | None]:
    """The numbers of context and user. Raises ``Unknown``, ``StoreUnavailable``."""
    context_id = names.context(context)
    if user is None:
        return context_id, None
    number = names.owner(context_id, user, names.devices(context_id, user))
    if number is None:
        raise Unknown(f"no user {user} in context {context} is known by that name: give the user's number")
    return context_id, number


def export(databases: Databases, context_id: int, user_id: int, now: datetime) -> dict[str, Any]:
    """All that is stored of a person, as JSON values: by table its rows, and what the table is for. Raises
    ``StoreUnavailable``, ``UnknownContext``."""
    tables: dict[str, list[dict[str, Any]]] = {}
    for database in _databases(databases, context_id):
        found = database.read(lambda connection: list(personal.rows(connection, context_id, user_id)))
        for table, row in found:
            tables.setdefault(table.name, []).append(_readable(table.name, row))
    return {
        "context": context_id,
        "user": user_id,
        "made": now.isoformat(timespec="seconds"),
        "about": {name: _about(name) for name in tables},
        "tables": tables,
    }


def count(databases: Databases, context_id: int, user_id: int | None) -> Counter[str]:
    """How many rows there are of a person, or of a whole context, by table."""
    found: Counter[str] = Counter()
    for database in _databases(databases, context_id):
        found += database.read(lambda connection: personal.count(connection, context_id, user_id))
    return found


def delete(databases: Databases, context_id: int, user_id: int | None) -> Counter[str]:
    """Delete all rows of a person, or of a whole context; how many, by table. A device that comes again starts over,
    and is remembered anew. Raises ``StoreUnavailable``, ``UnknownContext``."""
    gone: Counter[str] = Counter()
    for database in _databases(databases, context_id):
        gone += personal.remove(database, context_id, user_id)
    return gone


def _databases(databases: Databases, context_id: int) -> Iterator[Database]:
    own = databases.database(context_id)
    yield own
    schemas = databases.schemas()
    if not schemas:
        raise StoreUnavailable("no schema is known")
    first = databases.unprepared(min(schemas, key=lambda schema: schema.name))
    if first is not own and first.is_ready():
        yield first


def _about(table: str) -> list[str]:
    return [entry.what for entry in inventory.COLUMNS if entry.place == table]


def _readable(table: str, row: Mapping[str, Any]) -> dict[str, Any]:
    if table == "USMDataStorage":
        return {**{name: row[name] for name in row if name != "data"}, **_block(row)}
    if table == "USMSessionFields" and row["field"] in memory.SECRETS:
        return {**row, "value": SEALED}
    return {name: _value(name, value) for name, value in row.items()}


def _value(name: str, value: Any) -> Any:
    if isinstance(value, bytes):
        return SEALED
    if name in MOMENTS and isinstance(value, int):
        return datetime.fromtimestamp(value / 1000, UTC).isoformat(timespec="seconds")
    if name == "value" and isinstance(value, str) and value[:1] in ("{", "["):
        return _json(value)
    return value


def _block(row: Mapping[str, Any]) -> dict[str, Any]:
    """What a block of ``USMDataStorage`` holds; see :mod:`app.store.layers`."""
    try:
        value = layers.unpack(row["data"])
        if row["block"] == HEAD_BLOCK:
            generation, _, record = value  # type: ignore[misc]
            return {"key": generation, "done": _json(record)}  # type: ignore[has-type]
        if row["block"] == JOURNAL_BLOCK:
            return {"journal": _json(value)}
        ids, marks = value  # type: ignore[misc]
        return {"items": dict(zip(ids, map(_json, marks), strict=True))}  # type: ignore[has-type]
    except Exception:  # noqa: BLE001  (damaged bytes are still to be told of)
        return {"data": UNREADABLE}


def _json(text: Any) -> Any:
    if not isinstance(text, str) or text[:1] not in ("{", "["):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text
