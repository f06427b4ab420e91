"""Fields of sessions that are secret: sealed for one device each, read again by administrators only.

:meth:`app.store.state.SqlStateStore.keep_secret` writes them. A field that dates from before there were keys is plain;
it is read all the same, and :meth:`SecretFields.reseal` seals it, as it does with what an older key has sealed.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Row, and_, select, update

from app.store.database import Databases
from app.store.sealed import Ring, Unreadable, is_sealed
from app.store.sessions import is_session, owner
from app.store.tables import fields, sessions
from app.usm.model import SessionId

_ROWS: Final = select(sessions, fields.c.session, fields.c.field, fields.c.value).join_from(
    sessions, fields, and_(fields.c.cid == sessions.c.cid, fields.c.session == sessions.c.id)
)


@dataclass(frozen=True, slots=True)
class Resealed:
    """How many fields were sealed anew, and how many nobody can open any more."""

    done: int = 0
    lost: int = 0


class SecretFields:
    """The secret fields of all sessions, for whoever has the keys."""

    def __init__(self, databases: Databases, ring: Ring | None) -> None:
        """Without a ``ring`` only what was never sealed can be read."""
        self._databases = databases
        self._ring = ring

    def read(self, session: SessionId, field: str) -> str | None:
        """The text of a field, ``None`` if there is none. Raises ``Unreadable``, ``StoreUnavailable``,
        ``UnknownContext``."""
        query = _ROWS.where(is_session(session), fields.c.field == field)
        row = self._databases.database(session.context_id).read(lambda db: db.execute(query).first())
        return None if row is None else self._opened(row)

    def reseal(self, context_id: int, names: Collection[str]) -> Resealed:
        """Seal these fields with the newest key in the whole schema that this context lies in. Nothing is lost if a
        device writes at the same time. Raises ``StoreUnavailable``, ``UnknownContext``."""
        if self._ring is None:
            return Resealed()
        database = self._databases.database(context_id)
        query = _ROWS.where(fields.c.field.in_(list(names)))
        done = lost = 0
        for row in database.read(lambda db: list(db.execute(query))):
            if self._ring.is_newest(row.value):
                continue
            try:
                text = self._opened(row)
            except Unreadable:
                lost += 1
                continue
            statement = (
                update(fields)
                .where(
                    fields.c.cid == row.cid,
                    fields.c.session == row.session,
                    fields.c.field == row.field,
                    fields.c.value == row.value,
                )
                .values(value=self._ring.seal(text, _owner(row)))
            )
            done += database.write(lambda db, change=statement: db.execute(change).rowcount)  # type: ignore[misc]
        return Resealed(done, lost)

    def unreadable(self, context_id: int, names: Collection[str]) -> list[SessionId]:
        """Whose fields of these no key opens, in the whole schema that this context lies in. Raises
        ``StoreUnavailable``, ``UnknownContext``."""
        query = _ROWS.where(fields.c.field.in_(list(names)))
        rows = self._databases.database(context_id).read(lambda db: list(db.execute(query)))
        found = []
        for row in rows:
            try:
                self._opened(row)
            except Unreadable:
                found.append(SessionId(row.cid, row.user, row.protocol, row.device))
        return found

    def _opened(self, row: Row[tuple[object, ...]]) -> str:
        if self._ring is not None:
            return self._ring.unseal(row.value, _owner(row))
        if is_sealed(row.value):
            raise Unreadable("com.openexchange.usm.secret_keys is empty, this value was sealed with a key")
        return str(row.value)


def _owner(row: Row[tuple[object, ...]]) -> bytes:
    return owner(SessionId(row.cid, row.user, row.protocol, row.device), row.field)
