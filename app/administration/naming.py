"""Whom an administrator means: names of contexts, users and devices, and what they stand for.

Contexts and users are named by their numbers, or as the groupware's tables know them; a user also by the login or mail
address with which his devices come. A device is named by its id, in any letter case where that is clear.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from app.eas import memory
from app.eas.request import PROTOCOL
from app.store.database import Databases
from app.store.state import SqlStateStore
from app.usm.devices import LOGIN
from app.usm.model import SessionId
from app.usm.ports import Remembered

ABOUT: Final = ("usm.device.", memory.DEVICE, "eas.policy.", "eas.wipe.", memory.RECOVERY)
"""How the fields begin that tell of a device."""


class Unknown(LookupError):
    """A name that stands for nothing; the message says which."""


class NoDevice(Unknown):
    """The user is known, and has no such device."""


@dataclass(frozen=True, slots=True)
class Named:
    """One device as somebody named it."""

    context: str
    user: str
    device: str


class Names:
    """Finds out what names stand for. Every method may raise ``StoreUnavailable``."""

    def __init__(self, databases: Databases, store: SqlStateStore) -> None:
        self._databases = databases
        self._store = store

    def context(self, name: str) -> int:
        """The number of a context. Raises :class:`Unknown`."""
        number = int(name) if name.isdecimal() else self._databases.context_named(name)
        if number is None:
            raise Unknown(f"there is no context {name}")
        return number

    def user(self, context_id: int, name: str) -> int | None:
        """The number of a user, ``None`` if that cannot be told from the name alone."""
        return int(name) if name.isdecimal() else self._databases.user_named(context_id, name)

    def devices(self, context_id: int, user: str | None, about: Collection[str] = ABOUT) -> list[Remembered]:
        """The devices of a context, or of one user of it, by user and id, with the fields that begin so."""
        number = None if user is None else self.user(context_id, user)
        found = self._store.remembered(context_id, number, about)
        if user is None or number is not None:
            return list(found)
        return [each for each in found if is_login(user, each)]

    def owner(self, context_id: int, user: str, devices: Collection[Remembered]) -> int | None:
        """The number of a user: from the name alone, or else from his ``devices``; ``None`` if it cannot be told."""
        number = self.user(context_id, user)
        users = {each.id.user_id for each in devices} if number is None else {number}
        return users.pop() if len(users) == 1 else None

    def session(self, named: Named) -> tuple[SessionId, bool]:
        """The session that is meant, and whether there is one. Raises :class:`Unknown`."""
        session, device = self._looked_up(named)
        return session, device is not None

    def found(self, named: Named) -> Remembered:
        """The device that is meant. Raises :class:`Unknown`, :class:`NoDevice`."""
        _, device = self._looked_up(named)
        if device is None:
            raise missing(named)
        return device

    def _looked_up(self, named: Named) -> tuple[SessionId, Remembered | None]:
        context_id = self.context(named.context)
        matching = self.devices(context_id, named.user)
        for fold in (str, str.lower):
            for each in matching:
                if fold(each.id.device_id) == fold(named.device):
                    return each.id, each
        number = self.owner(context_id, named.user, matching)
        if number is None:
            raise unseen(named.context, named.user)
        return SessionId(context_id, number, PROTOCOL, named.device), None


def missing(named: Named) -> NoDevice:
    """The error for a device that is not there."""
    return NoDevice(f"there is no device {named.device} of user {named.user}")


def unseen(context: str, user: str) -> Unknown:
    """The error for a user whose number nobody knows."""
    return Unknown(f"no device of {user} in context {context} was ever seen: give the user's number")


def login_of(device: Remembered) -> str:
    """The login with which a device comes, ``""`` where none is known."""
    return (device.fields.get(LOGIN, "").split() or [""])[0]


def is_login(name: str, device: Remembered) -> bool:
    """Whether a device comes with this login or mail address."""
    return name.lower() in device.fields.get(LOGIN, "").lower().split()
