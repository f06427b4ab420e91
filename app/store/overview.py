"""What a schema holds, in numbers: for administrators."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, func, select

from app.store.tables import sessions


@dataclass(frozen=True, slots=True)
class Overview:
    """``last_used``: when a device was last seen, up to :data:`app.store.sessions.TOUCH` late; ``None`` without any."""

    users: int
    devices: int
    last_used: datetime | None


def overview(connection: Connection, but_not: str) -> Overview:
    """The numbers of a schema with our tables, devices left out whose ids begin with ``but_not``."""
    counted = ~sessions.c.device.startswith(but_not, autoescape=True)
    users = select(sessions.c.cid, sessions.c.user).where(counted).distinct().subquery()
    row = connection.execute(
        select(func.count().label("devices"), func.max(sessions.c.last_used).label("latest")).where(counted)
    ).one()
    latest = None if row.latest is None else datetime.fromtimestamp(row.latest / 1000, UTC)
    return Overview(int(connection.scalar(select(func.count()).select_from(users)) or 0), row.devices, latest)
