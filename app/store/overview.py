"""What a schema holds, in numbers: for administrators."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import add
from typing import Any

from sqlalchemy import Connection, Row, Subquery, Table, and_, case, func, select

from app.store.moments import moment
from app.store.tables import (
    HEAD_BLOCK,
    calendar_uids,
    fields,
    folders,
    page_sessions,
    sessions,
    storage,
)
from app.usm.model import SessionId


@dataclass(frozen=True, slots=True)
class Overview:
    """``last_used``: when a device was last seen, up to :data:`app.store.sessions.TOUCH` late; ``None`` without any."""

    users: int
    devices: int
    last_used: datetime | None


@dataclass(frozen=True, slots=True)
class UserOverview:
    """Somebody who synchronises. ``names``: what the field asked for says of one of his devices; moments in UTC."""

    context_id: int
    user_id: int
    names: str
    devices: int
    created: datetime
    last_used: datetime


@dataclass(frozen=True, slots=True)
class Footprint:
    """What is kept of one session. ``folders``: that have a number; ``keys``: kept ones, two a folder at most;
    ``rows``: of all tables, without its own; ``bytes``: of what lies in them."""

    id: SessionId
    created: datetime
    last_used: datetime
    folders: int
    keys: int
    rows: int
    bytes: int


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session of the web pages; moments in UTC."""

    user_id: int
    created: datetime
    last_used: datetime


def overview(connection: Connection, but_not: str) -> Overview:
    """The numbers of a schema with our tables, devices left out whose ids begin with ``but_not``."""
    counted = ~sessions.c.device.startswith(but_not, autoescape=True)
    users = select(sessions.c.cid, sessions.c.user).where(counted).distinct().subquery()
    row = connection.execute(
        select(func.count().label("devices"), func.max(sessions.c.last_used).label("latest")).where(counted)
    ).one()
    latest = None if row.latest is None else moment(row.latest)
    return Overview(int(connection.scalar(select(func.count()).select_from(users)) or 0), row.devices, latest)


def users(connection: Connection, context_id: int | None, field: str) -> list[UserOverview]:
    """Who synchronises in a schema, or in one context of it; by context and user."""
    named = and_(fields.c.cid == sessions.c.cid, fields.c.session == sessions.c.id, fields.c.field == field)
    query = (
        select(
            sessions.c.cid,
            sessions.c.user,
            func.max(fields.c.value).label("names"),
            func.count().label("devices"),
            func.min(sessions.c.created).label("created"),
            func.max(sessions.c.last_used).label("last_used"),
        )
        .select_from(sessions.outerjoin(fields, named))
        .group_by(sessions.c.cid, sessions.c.user)
        .order_by(sessions.c.cid, sessions.c.user)
    )
    if context_id is not None:
        query = query.where(sessions.c.cid == context_id)
    return [
        UserOverview(
            row.cid, row.user, row.names or "", row.devices, moment(row.created), moment(row.last_used)
        )
        for row in connection.execute(query)
    ]


def footprints(connection: Connection, context_id: int, user_id: int | None = None) -> list[Footprint]:
    """What is kept of the sessions of a context, or of one user of it; by user, protocol and device."""
    parts = [
        _sizes(
            storage, context_id, storage.c.data, func.sum(case((storage.c.block == HEAD_BLOCK, 1), else_=0))
        ),
        _sizes(fields, context_id, fields.c.value),
        _sizes(folders, context_id, folders.c.folder),
        _sizes(calendar_uids, context_id, calendar_uids.c.item),
    ]
    kept, _, numbered, _ = parts
    source: Any = sessions
    for part in parts:
        source = source.outerjoin(part, part.c.session == sessions.c.id)
    query = (
        select(
            sessions,
            func.coalesce(numbered.c["count"], 0).label("numbered"),
            func.coalesce(kept.c.heads, 0).label("heads"),
            _total(parts, "count").label("all_rows"),
            _total(parts, "size").label("all_bytes"),
        )
        .select_from(source)
        .where(sessions.c.cid == context_id)
        .order_by(sessions.c.user, sessions.c.protocol, sessions.c.device)
    )
    if user_id is not None:
        query = query.where(sessions.c.user == user_id)
    return [_footprint(row) for row in connection.execute(query)]


def signed_in(connection: Connection, context_id: int, user_id: int) -> list[SignedIn]:
    """The sessions of a user at the web pages, the latest first; some may have ended by their time."""
    query = (
        select(page_sessions.c.created, page_sessions.c.last_used)
        .where(page_sessions.c.cid == context_id, page_sessions.c.user == user_id)
        .order_by(page_sessions.c.last_used.desc())
    )
    return [
        SignedIn(user_id, moment(row.created), moment(row.last_used)) for row in connection.execute(query)
    ]


def _sizes(table: Table, context_id: int, data: Any, heads: Any = None) -> Subquery:
    """Rows and bytes of each session in a table."""
    columns = [
        table.c.session,
        func.count().label("count"),
        func.sum(func.length(data)).label("size"),
    ]
    if heads is not None:
        columns.append(heads.label("heads"))
    return select(*columns).where(table.c.cid == context_id).group_by(table.c.session).subquery()


def _total(parts: Sequence[Subquery], name: str) -> Any:
    return reduce(add, (func.coalesce(part.c[name], 0) for part in parts))


def _footprint(row: Row[Any]) -> Footprint:
    return Footprint(
        SessionId(row.cid, row.user, row.protocol, row.device),
        moment(row.created),
        moment(row.last_used),
        int(row.numbered),
        int(row.heads),
        int(row.all_rows),
        int(row.all_bytes),
    )
