"""Groups and resources of a context."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from lab.ox import clock
from lab.ox.database.groupware import (
    del_groups,
    del_resource,
    groups,
    groups_member,
    next_id,
    resource,
    user,
)
from lab.ox.storage.users import ALL_USERS


@dataclass(frozen=True, slots=True)
class Group:
    """Users under one name. ``last_modified``: ms UTC."""

    id: int
    name: str
    display_name: str
    members: tuple[int, ...]
    last_modified: int


@dataclass(frozen=True, slots=True)
class Resource:
    """A thing that can be booked. ``last_modified``: ms UTC."""

    id: int
    name: str
    display_name: str
    mail: str
    available: bool
    description: str
    last_modified: int


def load_groups(connection: sa.Connection, cid: int, ids: Sequence[int] | None = None) -> list[Group]:
    """The groups of a context by id, or some of them. Group 0 holds every user."""
    chosen = sa.select(groups).where(groups.c.cid == cid).order_by(groups.c.id)
    if ids is not None:
        chosen = chosen.where(groups.c.id.in_(list(ids)))
    rows = connection.execute(chosen).all()
    members: dict[int, list[int]] = {row.id: [] for row in rows}
    joined = sa.select(groups_member).where(groups_member.c.cid == cid, groups_member.c.id.in_(list(members)))
    for row in connection.execute(joined.order_by(groups_member.c.member)):
        members[row.id].append(row.member)
    if ALL_USERS in members:
        members[ALL_USERS] = list(
            connection.execute(sa.select(user.c.id).where(user.c.cid == cid).order_by(user.c.id)).scalars()
        )
    return [
        Group(row.id, row.identifier, row.displayName, tuple(members[row.id]), row.lastModified)
        for row in rows
    ]


def load_resources(connection: sa.Connection, cid: int, ids: Sequence[int] | None = None) -> list[Resource]:
    """The resources of a context by id, or some of them."""
    chosen = sa.select(resource).where(resource.c.cid == cid).order_by(resource.c.id)
    if ids is not None:
        chosen = chosen.where(resource.c.id.in_(list(ids)))
    return [
        Resource(
            row.id,
            row.identifier,
            row.displayName,
            row.mail or "",
            bool(row.available),
            row.description or "",
            row.lastModified,
        )
        for row in connection.execute(chosen)
    ]


def save_group(
    connection: sa.Connection,
    cid: int,
    name: str,
    display_name: str,
    members: Sequence[int],
    group_id: int = 0,
) -> Group:
    """Store a new group, or what has become of one."""
    now = clock.stamp()
    values = {"identifier": name, "displayName": display_name, "lastModified": now}
    group_id = _save(connection, groups, cid, group_id, "principal", values)
    connection.execute(
        groups_member.delete().where(groups_member.c.cid == cid, groups_member.c.id == group_id)
    )
    rows = [{"cid": cid, "id": group_id, "member": each} for each in sorted(set(members))]
    if rows:
        connection.execute(groups_member.insert(), rows)
    return load_groups(connection, cid, [group_id])[0]


def save_resource(
    connection: sa.Connection, cid: int, fields: dict[str, Any], resource_id: int = 0
) -> Resource:
    """Store a new resource, or what has become of one. ``fields``: ``name``, ``display_name``, ``mail``,
    ``available``, ``description``."""
    values = {
        "identifier": fields["name"],
        "displayName": fields["display_name"],
        "mail": fields["mail"],
        "available": fields["available"],
        "description": fields["description"],
        "lastModified": clock.stamp(),
    }
    resource_id = _save(connection, resource, cid, resource_id, "resource", values)
    return load_resources(connection, cid, [resource_id])[0]


def remove_group(connection: sa.Connection, cid: int, group_id: int) -> int:
    """Delete a group; returns when."""
    connection.execute(
        groups_member.delete().where(groups_member.c.cid == cid, groups_member.c.id == group_id)
    )
    return _remove(connection, groups, del_groups, cid, group_id)


def remove_resource(connection: sa.Connection, cid: int, resource_id: int) -> int:
    """Delete a resource; returns when."""
    return _remove(connection, resource, del_resource, cid, resource_id)


def groups_gone_since(connection: sa.Connection, cid: int, since: int) -> list[tuple[int, int]]:
    """Groups deleted after a moment: (id, when)."""
    return _gone(connection, del_groups, cid, since)


def resources_gone_since(connection: sa.Connection, cid: int, since: int) -> list[tuple[int, int]]:
    """Resources deleted after a moment: (id, when)."""
    return _gone(connection, del_resource, cid, since)


def _save(
    connection: sa.Connection, table: sa.Table, cid: int, known: int, kind: str, values: dict[str, Any]
) -> int:
    if known:
        connection.execute(table.update().where(table.c.cid == cid, table.c.id == known).values(**values))
        return known
    new_id = next_id(connection, kind, cid)
    connection.execute(table.insert(), [{"cid": cid, "id": new_id, **values}])
    return new_id


def _remove(connection: sa.Connection, table: sa.Table, gone: sa.Table, cid: int, object_id: int) -> int:
    now = clock.stamp()
    connection.execute(table.delete().where(table.c.cid == cid, table.c.id == object_id))
    connection.execute(gone.delete().where(gone.c.cid == cid, gone.c.id == object_id))
    connection.execute(gone.insert(), [{"cid": cid, "id": object_id, "lastModified": now}])
    return now


def _gone(connection: sa.Connection, table: sa.Table, cid: int, since: int) -> list[tuple[int, int]]:
    rows = connection.execute(
        sa.select(table)
        .where(table.c.cid == cid, table.c.lastModified > since)
        .order_by(table.c.lastModified)
    )
    return [(row.id, row.lastModified) for row in rows]
