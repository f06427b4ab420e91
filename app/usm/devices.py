"""The devices of a user: which there are, how each stands, and whether there is room for another.

Rules

* A device is **remembered** from its first request on. One that was not used for long is forgotten when another one of
  the user comes: it starts over if it ever returns, and nothing is lost. There may be a limit to their number.
* Some programs call themselves a new device again and again. Such devices are **twins** when the protocol gives them
  the same ``kind``: only some of them are remembered, and they never use up the room of the others.
* What an administrator decided (:class:`Standing`) is kept with the session and travels with its fields, so that asking
  costs nothing. It stays until he forgets the device: such a device neither grows old nor makes room.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from app.usm import choice
from app.usm.model import SessionId
from app.usm.ports import STANDING, Clock, Remembered, StateStore

DEVICE_TYPE: Final = "usm.device.type"
"""The field with what the device calls its own make."""
AGENT: Final = "usm.device.agent"
"""The field with the name of the program that speaks on the device."""
VERSION: Final = "usm.device.version"
"""The field with the version of the protocol that the device speaks."""
LOGIN: Final = "usm.device.login"
"""The field with the names of its user, separated by blanks: the login, and the mail address if there is one."""
KIND: Final = "usm.device.kind"
"""The field with the kind that makes it a twin of others."""
ORDERED_BY_USER: Final = "usm.wipe.user"
"""The field of a device whose user ordered himself to erase it: how it stood before, ``""`` for undecided. An
administrator's decision removes it."""

IDLE: Final = timedelta(days=1)
"""A twin that was in use lately is not forgotten unless there is no other room."""

ADMISSION: Final = 0
"""Which lock keeps two new devices of one user apart: that of no folder of no device."""


class Standing(StrEnum):
    """What was decided of a device. A wipe is ordered first, and done when the device says so."""

    ALLOWED = "allowed"
    BLOCKED = "blocked"
    QUARANTINED = "quarantined"
    WIPE = "wipe"
    WIPE_ACCOUNT = "wipe-account"
    WIPED = "wiped"
    ACCOUNT_WIPED = "account-wiped"

    @classmethod
    def parse(cls, text: str) -> Standing | None:
        """``None`` for nothing. A word of a newer program blocks: it was hardly meant to let the device in."""
        if not text:
            return None
        return next((each for each in cls if each.value == text), cls.BLOCKED)


DONE: Final[Mapping[Standing, Standing]] = {
    Standing.WIPE: Standing.WIPED,
    Standing.WIPE_ACCOUNT: Standing.ACCOUNT_WIPED,
}
"""What an ordered wipe becomes when the device has carried it out."""


@dataclass(frozen=True, slots=True)
class Limits:
    """``most`` devices of one user, ``twins`` of one kind; ``expire`` after so many days without use. 0: no limit."""

    most: int = 1000
    twins: int = 5
    expire: int = 180


class Registry:
    """The devices of the user of one session."""

    def __init__(self, session: SessionId, store: StateStore, clock: Clock) -> None:
        self._session = session
        self._store = store
        self._clock = clock

    def admit(self, about: Mapping[str, str], kind: str, limits: Limits) -> bool:
        """Remember a new device with these fields; ``False`` when there is no room for it. Forgets others as the rules
        say. Raises ``Busy``, ``StoreUnavailable``."""
        with self._store.lock(self._nobody(), ADMISSION):
            others = self._others()
            gone = going(others, kind, limits, self._clock.now())
            if gone is None:
                return False
            for other in gone:
                self._store.forget(other)
            chosen = choice.inherited(self._store, self._session)
            self._store.write_fields(self._session, {**about, **chosen, KIND: kind or None})
        return True

    def decide(self, standing: Standing | None, instead_of: Collection[str] | None = None) -> bool:
        """Keep what was decided of the session's device, ``None`` to take it back. ``False`` if meanwhile it stands
        otherwise than ``instead_of`` says, and nothing is changed then."""
        return self._store.decide(self._session, standing, instead_of)

    def _nobody(self) -> SessionId:
        return SessionId(self._session.context_id, self._session.user_id, self._session.protocol, "")

    def _others(self) -> Sequence[Remembered]:
        return [
            each
            for each in self._store.remembered(self._session.context_id, self._session.user_id, (KIND,))
            if each.id.protocol == self._session.protocol and each.id != self._session
        ]


def going(
    others: Sequence[Remembered], kind: str, limits: Limits, now: datetime
) -> Sequence[SessionId] | None:
    """Which of a user's devices go when a new one of this kind comes; ``None`` when it finds no room."""
    free = sorted(
        (each for each in others if not each.fields.get(STANDING)), key=lambda device: device.last_used
    )
    gone = [each for each in free if limits.expire and each.last_used < now - timedelta(days=limits.expire)]
    twins = [each for each in free if kind and each.fields.get(KIND) == kind and each not in gone]
    if limits.twins:
        too_many = max(0, len(twins) + 1 - limits.twins)
        gone += [each for each in twins[:too_many] if each.last_used < now - IDLE]
    if limits.most:
        room = [each for each in twins if each not in gone]
        too_many = max(0, len(others) - len(gone) + 1 - limits.most)
        if too_many > len(room):
            return None
        gone += room[:too_many]
    return [each.id for each in gone]
