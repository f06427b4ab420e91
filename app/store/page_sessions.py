"""Who is signed in to the web pages: rows that any node can read, if the browser brings what opens them.

Rules

* A row is found by a digest of the browser's token, and what is in it is sealed with another one
  (:mod:`app.store.sealed`). The token itself is kept nowhere, so a copy of the database opens no session, and nobody's
  row can be put in another's place.
* A session ends when nobody used it for :data:`IDLE`, :data:`LIFE` after it began, and when its row is gone.
* ``last_used`` moves at most once in :data:`TOUCH`, so that looking at pages stays reading.
* A user has :data:`MOST` sessions; the oldest goes when another one begins. What has ended is removed then as well.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, and_, delete, insert, or_, select, update

from app.store import sealed
from app.store.database import Databases
from app.store.errors import UnknownContext
from app.store.tables import page_sessions as table

IDLE: Final = 15 * 60 * 1000
LIFE: Final = 8 * 60 * 60 * 1000
TOUCH: Final = 60 * 1000
"""All in milliseconds. A session may be found idle a minute early, never late."""

MOST: Final = 20


Key = tuple[int, str, bytes]
"""What opens one session: its context and the name of its row there, and what unseals it (32 bytes)."""


class PageSessions:
    """All of them. ``now`` gives seconds since 1970. Every method may raise ``StoreUnavailable``."""

    def __init__(self, databases: Databases, now: Callable[[], float] = time.time) -> None:
        self._databases = databases
        self._now = now

    def begin(self, key: Key, user_id: int, content: Mapping[str, Any]) -> None:
        """Keep a new session. ``content`` can be written as JSON."""
        now = self._milliseconds()
        context_id, name, _ = key
        values = {
            "cid": context_id,
            "id": name,
            "user": user_id,
            "created": now,
            "last_used": now,
            "sealed": _sealed(key, content),
        }

        def work(connection: Connection) -> None:
            connection.execute(delete(table).where(table.c.cid == context_id, over(now)))
            of_user = and_(table.c.cid == context_id, table.c.user == user_id)
            kept = select(table.c.id).where(of_user).order_by(table.c.last_used.desc(), table.c.id)
            if surplus := list(connection.scalars(kept))[MOST - 1 :]:
                connection.execute(delete(table).where(of_user, table.c.id.in_(surplus)))
            connection.execute(insert(table).values(values))

        self._databases.database(context_id).write(work)

    def find(self, key: Key) -> dict[str, Any] | None:
        """What a session holds; ``None`` for one that has ended, or never was."""
        try:
            database = self._databases.database(key[0])
        except UnknownContext:
            return None
        now = self._milliseconds()
        query = select(table.c.last_used, table.c.sealed).where(_row(key), ~over(now))
        row = database.read(lambda connection: connection.execute(query).one_or_none())
        if row is None:
            return None
        try:
            content: dict[str, Any] = json.loads(sealed.unseal(key[2], row.sealed, _owner(key)))
        except sealed.Unreadable:
            return None
        if abs(now - row.last_used) > TOUCH:
            touched = update(table).where(_row(key)).values(last_used=now)
            database.write(lambda connection: connection.execute(touched))
        return content

    def change(self, key: Key, content: Mapping[str, Any]) -> None:
        """Keep something else in a session. One that has ended meanwhile stays so."""
        statement = update(table).where(_row(key)).values(sealed=_sealed(key, content))
        self._databases.database(key[0]).write(lambda connection: connection.execute(statement))

    def end(self, key: Key) -> None:
        """Forget a session."""
        self._databases.database(key[0]).write(
            lambda connection: connection.execute(delete(table).where(_row(key)))
        )

    def _milliseconds(self) -> int:
        return int(self._now() * 1000)


def end_all(connection: Connection, context_id: int, user_id: int) -> int:
    """Forget all sessions of a user; how many there were."""
    of_user = and_(table.c.cid == context_id, table.c.user == user_id)
    return connection.execute(delete(table).where(of_user)).rowcount


def over(now: int) -> ColumnElement[bool]:
    """True in SQL of a session that has ended by then."""
    return or_(table.c.last_used < now - IDLE, table.c.created < now - LIFE)


def _sealed(key: Key, content: Mapping[str, Any]) -> bytes:
    return sealed.seal(key[2], json.dumps(content, separators=(",", ":")), _owner(key))


def _owner(key: Key) -> bytes:
    """Whom a row belongs to, as it is signed along with it."""
    return f"{key[0]}\0{key[1]}".encode()


def _row(key: Key) -> ColumnElement[bool]:
    return and_(table.c.cid == key[0], table.c.id == key[1])
