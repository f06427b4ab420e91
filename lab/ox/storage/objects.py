"""Objects in folders — contacts, appointments, tasks — with change stamps and tombstones."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from lab.ox import clock
from lab.ox.database.groupware import OBJECTS, next_id

# No statement takes more ids than that.
_CHUNK = 500
# Module → kind of its ids.
_SEQUENCE = {"contacts": "contact", "calendar": "calendar", "tasks": "task"}


@dataclass(frozen=True, slots=True)
class Stored:
    """One object. ``fields``: JSON name → stored value, only what is set."""

    id: int
    folder: int
    uid: str | None
    user_id: int | None
    created_by: int
    modified_by: int
    creation_date: int
    last_modified: int
    fields: Mapping[str, Any]


def load(connection: sa.Connection, module: str, cid: int, object_id: int) -> Stored | None:
    """One object by its id, wherever it lies."""
    table = OBJECTS[module][0]
    row = connection.execute(sa.select(table).where(table.c.cid == cid, table.c.id == object_id)).first()
    return _stored(row) if row else None


def load_many(connection: sa.Connection, module: str, cid: int, ids: Sequence[int]) -> dict[int, Stored]:
    """Several objects by id; those that are gone are absent."""
    table = OBJECTS[module][0]
    found: dict[int, Stored] = {}
    for at in range(0, len(ids), _CHUNK):
        chosen = sa.select(table).where(table.c.cid == cid, table.c.id.in_(list(ids[at : at + _CHUNK])))
        found |= {row.id: _stored(row) for row in connection.execute(chosen)}
    return found


def in_folders(
    connection: sa.Connection, module: str, cid: int, folders: Sequence[int], since: int | None = None
) -> list[Stored]:
    """All objects of these folders, by id; with ``since`` only those changed after it."""
    table = OBJECTS[module][0]
    chosen = sa.select(table).where(table.c.cid == cid, table.c.fid.in_(list(folders)))
    if since is not None:
        chosen = chosen.where(table.c.last_modified > since)
    return [_stored(row) for row in connection.execute(chosen.order_by(table.c.id))]


def of_user(connection: sa.Connection, cid: int, user_id: int) -> Stored | None:
    """The contact of a user."""
    table = OBJECTS["contacts"][0]
    row = connection.execute(sa.select(table).where(table.c.cid == cid, table.c.user_id == user_id)).first()
    return _stored(row) if row else None


def deleted_since(
    connection: sa.Connection, module: str, cid: int, folder: int, since: int
) -> list[tuple[int, int]]:
    """What has left a folder after a moment and is not back: (id, when)."""
    table, gone = OBJECTS[module]
    back = sa.select(table.c.id).where(table.c.cid == cid, table.c.fid == folder)
    rows = connection.execute(
        sa.select(gone.c.id, gone.c.changing_date)
        .where(gone.c.cid == cid, gone.c.fid == folder, gone.c.changing_date > since, gone.c.id.not_in(back))
        .order_by(gone.c.changing_date)
    )
    return [(row.id, row.changing_date) for row in rows]


def insert(
    connection: sa.Connection, module: str, cid: int, user_id: int, folder: int, fields: Mapping[str, Any]
) -> Stored:
    """Store a new object."""
    now = clock.stamp()
    stored = Stored(
        id=next_id(connection, _SEQUENCE[module], cid),
        folder=folder,
        uid=fields.get("uid"),
        user_id=None,
        created_by=user_id,
        modified_by=user_id,
        creation_date=now,
        last_modified=now,
        fields={name: value for name, value in fields.items() if name != "uid"},
    )
    connection.execute(OBJECTS[module][0].insert(), [row_of(cid, stored)])
    return stored


def change(
    connection: sa.Connection,
    module: str,
    cid: int,
    user_id: int,
    before: Stored,
    fields: Mapping[str, Any],
    folder: int | None = None,
) -> int:
    """Replace an object's fields and maybe its folder, unless somebody else was faster; returns its new stamp, or
    0 when it has changed since ``before`` was read."""
    now = clock.stamp()
    target = before.folder if folder is None else folder
    table, gone = OBJECTS[module]
    changed = connection.execute(
        table.update()
        .where(table.c.cid == cid, table.c.id == before.id, table.c.last_modified == before.last_modified)
        .values(
            fid=target,
            fields=json.dumps(dict(fields), ensure_ascii=False),
            modified_by=user_id,
            last_modified=now,
        )
    )
    if changed.rowcount == 0:
        return 0
    if target != before.folder:
        _bury(connection, gone, cid, before.id, before.folder, now)
    return now


def touch(connection: sa.Connection, module: str, cid: int, user_id: int, object_id: int) -> int:
    """Note that something belonging to an object has changed; returns its new stamp."""
    now = clock.stamp()
    table = OBJECTS[module][0]
    connection.execute(
        table.update()
        .where(table.c.cid == cid, table.c.id == object_id)
        .values(modified_by=user_id, last_modified=now)
    )
    return now


def bury(connection: sa.Connection, module: str, cid: int, object_id: int, folder: int, when: int) -> None:
    """Leave a tombstone in a folder that an object is not seen in any more."""
    _bury(connection, OBJECTS[module][1], cid, object_id, folder, when)


def remove(connection: sa.Connection, module: str, cid: int, stored: Stored) -> int:
    """Delete an object; returns when."""
    now = clock.stamp()
    table, gone = OBJECTS[module]
    connection.execute(table.delete().where(table.c.cid == cid, table.c.id == stored.id))
    _bury(connection, gone, cid, stored.id, stored.folder, now)
    return now


def row_of(cid: int, stored: Stored) -> dict[str, Any]:
    """The row of an object."""
    return {
        "cid": cid,
        "id": stored.id,
        "fid": stored.folder,
        "uid": stored.uid,
        "user_id": stored.user_id,
        "created_by": stored.created_by,
        "modified_by": stored.modified_by,
        "creation_date": stored.creation_date,
        "last_modified": stored.last_modified,
        "fields": json.dumps(dict(stored.fields), ensure_ascii=False),
    }


def _bury(
    connection: sa.Connection, gone: sa.Table, cid: int, object_id: int, folder: int, when: int
) -> None:
    connection.execute(gone.delete().where(gone.c.cid == cid, gone.c.id == object_id, gone.c.fid == folder))
    connection.execute(gone.insert(), [{"cid": cid, "id": object_id, "fid": folder, "changing_date": when}])


def _stored(row: Any) -> Stored:
    return Stored(
        id=row.id,
        folder=row.fid,
        uid=row.uid,
        user_id=row.user_id,
        created_by=row.created_by,
        modified_by=row.modified_by,
        creation_date=row.creation_date,
        last_modified=row.last_modified,
        fields=json.loads(row.fields),
    )
