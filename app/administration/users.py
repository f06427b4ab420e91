"""Who synchronises: all users in a list, and one of them with all that is known of him and his devices."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, TypedDict

from app.administration import estate
from app.administration.estate import iso
from app.administration.naming import Names, Unknown
from app.administration.stuck import Stuck
from app.eas import memory
from app.store import overview
from app.store.app_passwords import AppPasswords
from app.store.database import Databases
from app.store.overview import UserOverview
from app.store.state import SqlStateStore
from app.usm import anew, held, hierarchy
from app.usm.devices import LOGIN, Standing
from app.usm.model import SessionId
from app.usm.ports import STANDING, Clock, Remembered

REFUSED: Final[Mapping[str, str]] = {
    Standing.BLOCKED: "an administrator keeps it out",
    Standing.QUARANTINED: "it gets nothing until an administrator lets it in",
    Standing.WIPE: "it is to erase everything, and has not said that it did",
    Standing.WIPE_ACCOUNT: "it is to erase this account, and has not said that it did",
    Standing.WIPED: "it was wiped, and is kept out since",
    Standing.ACCOUNT_WIPED: "its account was wiped, and it is kept out since",
}
"""Standings with which a device gets nothing, and what they mean."""


class Row(TypedDict):
    """What a list tells of a user; moments are ISO 8601, UTC. ``last_seen`` is up to an hour late."""

    context: int
    user: int
    login: str
    devices: int
    first_seen: str
    last_seen: str


class Folder(TypedDict):
    """A folder that a device has. ``items``: that it holds; ``stuck``: that cannot be converted. ``items`` is ``None``
    where the device has never asked for what is in it."""

    device: str
    number: int
    title: str
    content: str
    items: int | None
    stuck: int


class Problem(TypedDict):
    """What keeps a device from getting something. ``folder``: its title, "" for the whole device."""

    device: str
    problem: str
    folder: str
    count: int
    since: str | None
    why: str


class Users:
    """Every method may raise :class:`app.administration.naming.Unknown`, ``StoreUnavailable``."""

    def __init__(
        self, databases: Databases, names: Names, store: SqlStateStore, stuck: Stuck, clock: Clock
    ) -> None:
        self._databases = databases
        self._names = names
        self._store = store
        self._stuck = stuck
        self._clock = clock

    def rows(
        self,
        context: str | None = None,
        user: str | None = None,
        idle: timedelta | None = None,
        devices: int = 1,
    ) -> Iterator[Row]:
        """All users with a device, or those of a context; of this name; whose devices all were not seen for so long;
        with so many devices at least. By context and user."""
        now = self._clock.now()
        known: dict[int, int | None] = {}
        for each in self._overviews(context):
            if user is not None and not self._is_named(each, user, known):
                continue
            if each.devices >= devices and (idle is None or each.last_used < now - idle):
                yield _row(each)

    def show(self, context: str, user: str) -> dict[str, object]:
        """One user with all his devices, folders, problems, app passwords and sessions at the web pages, as JSON
        values."""
        context_id = self._names.context(context)
        devices = self._names.devices(context_id, user)
        user_id = self._names.owner(context_id, user, devices)
        keys = (
            [] if user_id is None else AppPasswords(self._databases, self._clock).of_user(context_id, user_id)
        )
        if user_id is None or not (devices or keys):
            raise Unknown(f"nothing is known of a user {user} in context {context_id}")
        problems = [problem for each in devices for problem in self.problems(each)]
        signed_in = self._databases.database(context_id).read(
            lambda connection: overview.signed_in(connection, context_id, user_id)
        )
        logins = [each.fields[LOGIN] for each in devices if LOGIN in each.fields]
        return {
            "context": context_id,
            "user": user_id,
            "login": (" ".join(logins).split() or [""])[0],
            "devices": [_without(estate.row(each), "context", "user", "login") for each in devices],
            "folders": [folder for each in devices for folder in self.folders(each.id)],
            "problems": problems,
            "app_passwords": [
                {
                    "id": key.id,
                    "name": key.label,
                    "created": iso(key.created),
                    "last_used": _maybe(key.last_used),
                }
                for key in keys
            ],
            "page_sessions": [
                {"created": iso(each.created), "last_used": iso(each.last_used)} for each in signed_in
            ],
        }

    def folders(self, session: SessionId) -> Iterator[Folder]:
        """The folders that a device was told of, and what it holds of them."""
        titles = hierarchy.shown(self._store, session)
        refs = [ref for ref in self._store.folder_refs(session) if ref.number in titles]
        kept = self._store.newest(session, [ref.number for ref in refs])
        for ref in refs:
            stamps = kept.get(ref.number)
            yield {
                "device": session.device_id,
                "number": ref.number,
                "title": titles[ref.number][0],
                "content": ref.content.value,
                "items": None if stamps is None else sum(map(held.on_device, anew.without(stamps).values())),
                "stuck": sum(held.Skipped.parse(stamp) is not None for stamp in (stamps or {}).values()),
            }

    def problems(self, device: Remembered) -> Iterator[Problem]:
        """What keeps this device from getting something."""
        standing = device.fields.get(STANDING, "")
        if standing in REFUSED:
            yield _problem(device, standing, REFUSED[standing], _maybe(device.decided))
        if refused := device.fields.get(memory.WIPE_FAILED, ""):
            why = "the device said that it could not erase what it should"
            yield _problem(device, "wipe failed", why, estate.moment(refused))
        for row in self._stuck.of(device):
            yield {
                "device": device.id.device_id,
                "problem": row["kind"],
                "folder": row["title"],
                "count": row["count"],
                "since": row["since"],
                "why": row["why"],
            }

    def _overviews(self, context: str | None) -> Iterator[UserOverview]:
        if context is not None:
            number = self._names.context(context)
            databases = [self._databases.database(number)]
        else:
            number = None
            unprepared = map(self._databases.unprepared, self._databases.schemas())
            databases = [each for each in unprepared if each.is_ready()]
        for database in databases:
            yield from database.read(lambda connection: overview.users(connection, number, LOGIN))

    def _is_named(self, each: UserOverview, name: str, known: dict[int, int | None]) -> bool:
        if each.context_id not in known:
            known[each.context_id] = self._names.user(each.context_id, name)
        number = known[each.context_id]
        return each.user_id == number if number is not None else name.lower() in each.names.lower().split()


def _row(each: UserOverview) -> Row:
    return {
        "context": each.context_id,
        "user": each.user_id,
        "login": (each.names.split() or [""])[0],
        "devices": each.devices,
        "first_seen": iso(each.created),
        "last_seen": iso(each.last_used),
    }


def _problem(device: Remembered, problem: str, why: str, since: str | None) -> Problem:
    return {
        "device": device.id.device_id,
        "problem": problem,
        "folder": "",
        "count": 1,
        "since": since,
        "why": why,
    }


def _without(row: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


def _maybe(moment: datetime | None) -> str | None:
    return None if moment is None else iso(moment)
