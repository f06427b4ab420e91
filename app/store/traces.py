"""Whose requests are written down, and until when: the switches of ``usmctl trace``.

They all lie in one schema, the first by its name, whatever context they are about: every worker of every node looks for
them every few seconds, and that must cost one small statement however many schemas there are. They live for hours, so
what becomes of a context meanwhile does not matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import bindparam, delete, insert, select, update

from app.store.database import Database, Databases
from app.store.moments import milliseconds, moment
from app.store.reading import Query
from app.store.tables import DEVICE_LENGTH
from app.store.tables import traces as table
from app.usm.ports import Clock, Tokens

LOGIN_LENGTH: Final = 255
_ID_BITS: Final = 32

_COLUMNS: Final = (
    table.c.id,
    table.c.cid,
    table.c.user,
    table.c.device,
    table.c.login,
    table.c.bodies,
    table.c.begun,
    table.c.ends,
)
_RUNNING: Final = Query(
    select(*_COLUMNS).where(table.c.ends > bindparam("now")).order_by(table.c.begun, table.c.id)
)


@dataclass(frozen=True, slots=True)
class Switch:
    """One trace; moments in UTC. Of a user, and with ``device`` of that one alone; or, with ``login``, of all requests
    that come with this name (lower case), whether it is anybody's or not. ``bodies``: with what is personal."""

    id: str
    context_id: int
    user_id: int
    device: str
    login: str
    bodies: bool
    begun: datetime
    ends: datetime


class Traces:
    """All switches. Every method may raise ``StoreUnavailable``."""

    def __init__(self, databases: Databases, clock: Clock, tokens: Tokens) -> None:
        self._databases = databases
        self._clock = clock
        self._tokens = tokens
        self._home: Database | None = None

    def running(self) -> Sequence[Switch]:
        """Those that are on now, the oldest first."""
        return [_switch(row) for row in self._database().rows(_RUNNING, now=milliseconds(self._clock.now()))]

    def switch_on(
        self,
        ends: datetime,
        *,
        context_id: int = 0,
        user_id: int = 0,
        device: str = "",
        login: str = "",
        bodies: bool = False,
    ) -> Switch:
        """Begin a trace; others, also of the same user, go on. Raises ``ValueError`` for names that are too long."""
        for what, name, most in (("device id", device, DEVICE_LENGTH), ("login", login, LOGIN_LENGTH)):
            if len(name) > most:
                raise ValueError(f"a {what} has {most} characters at most")
        made = Switch(
            f"{self._tokens.number(_ID_BITS):08x}",
            context_id,
            user_id,
            device,
            login.casefold(),
            bodies,
            self._clock.now(),
            ends,
        )
        values = {
            "cid": made.context_id,
            "id": made.id,
            "user": made.user_id,
            "device": made.device,
            "login": made.login,
            "bodies": int(made.bodies),
            "begun": milliseconds(made.begun),
            "ends": milliseconds(made.ends),
        }
        now = milliseconds(made.begun)

        def write(connection: Any) -> None:
            connection.execute(delete(table).where(table.c.ends <= now))
            connection.execute(insert(table).values(values))

        self._database().write(write)
        return made

    def switch_off(self, ids: Sequence[str]) -> int:
        """End these now; how many were on."""
        now = milliseconds(self._clock.now())
        ended = update(table).where(table.c.id.in_(ids), table.c.ends > now).values(ends=now)
        return self._database().write(lambda connection: int(connection.execute(ended).rowcount))

    def _database(self) -> Database:
        if self._home is None:
            first = min(self._databases.schemas(), key=lambda schema: schema.name)
            self._home = self._databases.database(first.context_id or 0)
        return self._home


def _switch(row: Sequence[Any]) -> Switch:
    number, context_id, user_id, device, login, bodies, begun, ends = row
    return Switch(number, context_id, user_id, device, login, bool(bodies), moment(begun), moment(ends))
