"""The devices of a schema as rows: what is remembered of them, and what was decided of them.

A standing lies in the row of its session. Whoever reads a session's fields reads it along, by the same statement.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Row, and_, or_, select, update

from app.store.moments import moment
from app.store.tables import fields, sessions
from app.usm.model import SessionId
from app.usm.ports import STANDING, Remembered


def fields_of(standing: str | None, fields: Iterable[tuple[str | None, str]]) -> dict[str, str]:
    """The fields of one session, and its standing."""
    found = {name: value for name, value in fields if name is not None}
    if standing is not None:
        found[STANDING] = standing
    return found


def remembered(
    connection: Connection, context_id: int, user_id: int | None, about: Collection[str]
) -> list[Remembered]:
    """The devices of a user, or of a whole context, by user, protocol and id, with the fields whose names begin with
    one of ``about``."""
    of_session = and_(
        fields.c.cid == sessions.c.cid,
        fields.c.session == sessions.c.id,
        or_(*(fields.c.field.startswith(prefix, autoescape=True) for prefix in about)),
    )
    query = (
        select(sessions, fields.c.field, fields.c.value)
        .select_from(sessions.outerjoin(fields, of_session))
        .where(sessions.c.cid == context_id)
        .order_by(sessions.c.user, sessions.c.protocol, sessions.c.device, fields.c.field)
    )
    if user_id is not None:
        query = query.where(sessions.c.user == user_id)
    groups = (list(rows) for _, rows in groupby(connection.execute(query), key=lambda row: row.id))
    return [remembered_of(rows[0], ((each.field, each.value) for each in rows)) for rows in groups]


def remembered_of(row: Row[Any], fields: Iterable[tuple[str | None, str]]) -> Remembered:
    """A device by the row of its session, with these of its fields."""
    return Remembered(
        SessionId(row.cid, row.user, row.protocol, row.device),
        moment(row.created),
        moment(row.last_used),
        None if row.decided is None or row.standing is None else moment(row.decided),
        fields_of(row.standing, fields),
    )


def decide(
    connection: Connection,
    context_id: int,
    number: int,
    standing: str | None,
    instead_of: Collection[str] | None,
    now: int,
) -> bool:
    """Keep a standing, unless the device stands otherwise than ``instead_of`` says. The row is locked by the caller."""
    row = and_(sessions.c.cid == context_id, sessions.c.id == number)
    stands = connection.scalar(select(sessions.c.standing).where(row))
    if instead_of is not None and (stands or "") not in instead_of:
        return False
    # Drivers know plain texts; an enumeration's member is none to all of them.
    values = (
        {"standing": None, "decided": None}
        if standing is None
        else {"standing": str(standing), "decided": now}
    )
    connection.execute(update(sessions).where(row).values(**values))
    return True


def summon(connection: Connection, context_id: int, number: int, now: int) -> None:
    """Have a device that waits come at once, on whichever node: its standing stays, and counts as decided now. The row
    is locked by the caller."""
    connection.execute(
        update(sessions).where(sessions.c.cid == context_id, sessions.c.id == number).values(decided=now)
    )


def decided(connection: Connection, since: int) -> list[tuple[SessionId, datetime]]:
    """Of which devices of the schema something was decided since a moment, and when."""
    query = select(sessions).where(sessions.c.decided >= since)
    return [
        (SessionId(row.cid, row.user, row.protocol, row.device), moment(row.decided))
        for row in connection.execute(query)
    ]
