"""Sessions: how much is kept of each device, and the end of what is kept of logins.

The service keeps a login at Open-Xchange for each device, in the memory of the process that serves it, and pages keep
one for each browser. :meth:`Sessions.end` has all of them checked anew: the next request of the device logs in with the
password that it brings, on whichever node; a browser is signed out at once.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TypedDict

from app.administration.estate import iso
from app.administration.naming import Named, Names
from app.store import overview, page_sessions
from app.store.database import Databases
from app.store.overview import Footprint
from app.store.state import SqlStateStore
from app.usm.devices import LOGIN
from app.usm.model import SessionId
from app.usm.ports import ENDED, Clock


class Row(TypedDict):
    """What a list tells of what is kept of a device. ``folders``: that have a number; ``keys``: sync keys; ``rows`` and
    ``bytes``: in all tables. Moments are ISO 8601, UTC."""

    context: int
    user: int
    device: str
    folders: int
    keys: int
    rows: int
    bytes: int
    first_seen: str
    last_seen: str


class Sessions:
    """Every method may raise :class:`app.administration.naming.Unknown`, ``StoreUnavailable``."""

    def __init__(self, databases: Databases, names: Names, store: SqlStateStore, clock: Clock) -> None:
        self._databases = databases
        self._names = names
        self._store = store
        self._clock = clock

    def rows(
        self, context: str | None = None, user: str | None = None, largest: int | None = None
    ) -> Iterator[Row]:
        """Those of all devices, of a context, of a user; by context, user and device, or the largest first."""
        found = self._footprints(context, user)
        if largest is not None:
            found = iter(heapq.nlargest(largest, found, key=lambda each: each.bytes))
        return map(_row, found)

    def end(self, context: str, user: str, device: str | None = None) -> tuple[list[SessionId], int]:
        """Have the password checked anew of one device, or of all of a user, who is signed out of the pages too: which
        devices, and how many sessions of the pages."""
        context_id = self._names.context(context)
        if device is not None:
            ended = [self._names.found(Named(context, user, device)).id]
        else:
            ended = [each.id for each in self._names.devices(context_id, user, (LOGIN,))]
        moment = str(self._clock.now().timestamp())
        for session in ended:
            self._store.write_fields(session, {ENDED: moment})
        return ended, 0 if device is not None else self._signed_out(context_id, user, ended)

    def _signed_out(self, context_id: int, user: str, ended: Sequence[SessionId]) -> int:
        number = self._names.user(context_id, user)
        users = {each.user_id for each in ended} if number is None else {number}
        return sum(
            self._databases.database(context_id).write(
                partial(page_sessions.end_all, context_id=context_id, user_id=each)
            )
            for each in users
        )

    def _footprints(self, context: str | None, user: str | None) -> Iterator[Footprint]:
        for each in self._store.contexts() if context is None else [self._names.context(context)]:
            number = None if user is None else self._names.user(each, user)
            devices = None
            if user is not None and number is None:  # only the devices know him by this name
                devices = {found.id for found in self._names.devices(each, user, (LOGIN,))}
                if not devices:
                    continue
            for found in self._of(each, number):
                if devices is None or found.id in devices:
                    yield found

    def _of(self, context_id: int, user_id: int | None) -> list[Footprint]:
        return self._databases.database(context_id).read(
            lambda connection: overview.footprints(connection, context_id, user_id)
        )


def _row(each: Footprint) -> Row:
    return {
        "context": each.id.context_id,
        "user": each.id.user_id,
        "device": each.id.device_id,
        "folders": each.folders,
        "keys": each.keys,
        "rows": each.rows,
        "bytes": each.bytes,
        "first_seen": iso(each.created),
        "last_seen": iso(each.last_used),
    }
