"""The rows of ``USMSession``: who syncs, and since when.

Rules:

* A row is made when something is first kept for the session; reading makes none.
* Numbers of sessions are not remembered between calls: a row that an administrator deleted is made anew, and what is
  read is always what the present row owns.
* Whoever writes locks the session's row first (``FOR UPDATE``): writers of one session come one after the other, and
  read only afterwards, so they see what the one before them left.
* ``last_used`` moves at most once in ``TOUCH`` milliseconds, so that reading stays reading.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    Table,
    and_,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from app.store.database import Database
from app.store.moments import moment
from app.store.tables import DEVICE_LENGTH, HEAD_BLOCK, PROTOCOL_LENGTH, folders, sessions, storage
from app.usm.model import SessionId

BATCH: Final = 100
"""So many sessions are worked on in one transaction."""
TOUCH: Final = 60 * 60 * 1000
"""Milliseconds for which ``last_used`` may lag behind."""


@dataclass(frozen=True, slots=True)
class StoredSession:
    """A session as an administrator sees it; moments in UTC. ``folders``: how many folders it has numbered."""

    id: SessionId
    created: datetime
    last_used: datetime
    folders: int


def check_length(session: SessionId) -> None:
    """Raise :class:`ValueError` if the names do not fit: cut short, two devices could become one."""
    for what, name, limit in (
        ("protocol", session.protocol, PROTOCOL_LENGTH),
        ("device id", session.device_id, DEVICE_LENGTH),
    ):
        if len(name) > limit:
            raise ValueError(
                f"the {what} {name[:40]!r}... has {len(name)} characters, at most {limit} are kept"
            )


def is_session(session: SessionId) -> ColumnElement[bool]:
    """The row of this session."""
    return and_(
        sessions.c.cid == session.context_id,
        sessions.c.user == session.user_id,
        sessions.c.protocol == session.protocol,
        sessions.c.device == session.device_id,
    )


def owner(session: SessionId, field: str) -> bytes:
    """Whom a secret field belongs to, as it is signed along with it."""
    names = (str(session.context_id), str(session.user_id), session.protocol, session.device_id, field)
    return "\0".join(names).encode()


def joined(
    table: Table,
    *columns: Any,
    where: Sequence[Any] = (),
    beside: tuple[Table, ColumnElement[bool]] | None = None,
) -> Select[Any]:
    """``id``, ``last_used`` and these columns of the rows in ``table`` of the session that :func:`named` names. One row
    with nothing but the first two if there are no rows; none if there is no session. ``beside``: another table that has
    columns of those rows, and which of its rows belongs to one of them."""
    rows = and_(table.c.cid == sessions.c.cid, table.c.session == sessions.c.id, *where)
    tables = sessions.outerjoin(table, rows)
    return (
        select(sessions.c.id, sessions.c.last_used, *columns)
        .select_from(tables if beside is None else tables.outerjoin(*beside))
        .where(
            sessions.c.cid == bindparam("cid"),
            sessions.c.user == bindparam("user"),
            sessions.c.protocol == bindparam("protocol"),
            sessions.c.device == bindparam("device"),
        )
    )


def named(session: SessionId) -> dict[str, Any]:
    """The parameters of :func:`joined`."""
    return {
        "cid": session.context_id,
        "user": session.user_id,
        "protocol": session.protocol,
        "device": session.device_id,
    }


def locked(connection: Connection, session: SessionId, now: int) -> int | None:
    """The number of a session, its row locked and touched; ``None`` if there is no row."""
    row = connection.execute(
        select(sessions.c.id, sessions.c.last_used).where(is_session(session)).with_for_update()
    ).one_or_none()
    if row is None:
        return None
    if is_stale(row.last_used, now):
        touch(connection, session.context_id, row.id, now)
    return int(row.id)


def is_stale(last_used: int, now: int) -> bool:
    """True if ``last_used`` should be moved."""
    return abs(now - last_used) > TOUCH


def touch(connection: Connection, context_id: int, number: int, now: int) -> None:
    """The session is in use."""
    connection.execute(
        update(sessions).where(sessions.c.cid == context_id, sessions.c.id == number).values(last_used=now)
    )


def create(connection: Connection, session: SessionId, now: int) -> None:
    """Make the row of a session unless somebody else just did."""
    row = {
        "cid": session.context_id,
        "id": secrets.randbelow(2**63 - 1) + 1,
        "user": session.user_id,
        "protocol": session.protocol,
        "device": session.device_id,
        "created": now,
        "last_used": now,
    }
    try:
        with connection.begin_nested():
            connection.execute(insert(sessions).values(row))
    except IntegrityError:
        if connection.execute(select(sessions.c.id).where(is_session(session))).first() is None:
            raise


def remove(connection: Connection, session: SessionId, unless: Collection[str] = ()) -> bool:
    """Forget a session with everything that hangs on it, unless its device stands as one of these says; true if it was
    forgotten."""
    # By its primary key: with few rows, MariaDB would look at all of them, and lock what it looks at.
    query = select(sessions.c.id, sessions.c.standing).where(is_session(session)).with_for_update()
    row = connection.execute(query).one_or_none()
    if row is None or row.standing in unless:
        return False
    rows = and_(sessions.c.cid == session.context_id, sessions.c.id == row.id)
    return connection.execute(delete(sessions).where(rows)).rowcount > 0


def listed(connection: Connection, context_id: int) -> list[StoredSession]:
    """All sessions of a context, by user and device."""
    count = (
        select(func.count())
        .select_from(folders)
        .where(folders.c.cid == sessions.c.cid, folders.c.session == sessions.c.id)
        .scalar_subquery()
    )
    query = (
        select(sessions, count.label("numbered"))
        .where(sessions.c.cid == context_id)
        .order_by(sessions.c.user, sessions.c.protocol, sessions.c.device)
    )
    return [_stored(row) for row in connection.execute(query)]


def noted(connection: Connection, numbers: Collection[int], context_id: int | None) -> list[SessionId]:
    """The sessions of the schema, or of one context, for which anything was ever kept under one of these numbers of
    folders; by context, user and device."""
    query = select(sessions).where(has_kept(numbers))
    if context_id is not None:
        query = query.where(sessions.c.cid == context_id)
    ordered = query.order_by(sessions.c.cid, sessions.c.user, sessions.c.protocol, sessions.c.device)
    return [SessionId(row.cid, row.user, row.protocol, row.device) for row in connection.execute(ordered)]


def has_kept(numbers: Collection[int]) -> ColumnElement[bool]:
    """True in SQL of a session for which anything was ever kept under one of these numbers of folders."""
    return (
        select(storage.c.session)
        .where(
            storage.c.cid == sessions.c.cid,
            storage.c.session == sessions.c.id,
            storage.c.folder.in_([int(number) for number in numbers]),
            storage.c.block == HEAD_BLOCK,
        )
        .exists()
    )


def contexts(connection: Connection) -> list[int]:
    """The contexts of a schema that have sessions."""
    return list(connection.scalars(select(sessions.c.cid).distinct()))


def _stored(row: Row[Any]) -> StoredSession:
    return StoredSession(
        SessionId(row.cid, row.user, row.protocol, row.device),
        moment(row.created),
        moment(row.last_used),
        row.numbered,
    )


def unused(connection: Connection, before: int) -> list[tuple[int, int]]:
    """(context, number) of all sessions that were last used before a moment. What was decided of a device stays."""
    query = select(sessions.c.cid, sessions.c.id).where(
        sessions.c.last_used < before, sessions.c.standing.is_(None)
    )
    return [(row.cid, row.id) for row in connection.execute(query)]


def forget_unused(database: Database, before: int) -> int:
    """Forget all sessions that :func:`unused` tells of; how many went."""
    numbers = database.read(partial(unused, before=before))
    return in_batches(database, numbers, partial(remove_unused, before=before))


def in_batches(database: Database, numbers: Sequence[tuple[int, int]], work: Callable[..., int]) -> int:
    """The sum of what ``work`` returns, a transaction each for :data:`BATCH` of the ``numbers`` of sessions."""
    batches = [numbers[start : start + BATCH] for start in range(0, len(numbers), BATCH)]
    return sum(database.write(partial(work, numbers=batch)) for batch in batches)


def remove_unused(connection: Connection, numbers: Sequence[tuple[int, int]], before: int) -> int:
    """Forget these sessions, except those that came back to life meanwhile; how many went."""
    return sum(
        connection.execute(
            delete(sessions).where(
                sessions.c.cid == cid,
                sessions.c.id == number,
                sessions.c.last_used < before,
                sessions.c.standing.is_(None),
            )
        ).rowcount
        for cid, number in numbers
    )
