"""Passwords of single devices, which open the OX session of their user: the port :class:`app.usm.ports.Keyring`.

OX opens a session for its own password only, so that password has to come from somewhere. It is kept here, but sealed
with the app password itself, which is kept nowhere:

* An app password is ``usm<context>-<id>-<secret>``: where its row is, and 100 random bits.
* scrypt makes two keys of the secret and the row's own salt. The first, compared in constant time, says whether the
  secret is right. With the second, used for this one row and never again, the OX password is sealed for whom it belongs
  to (:mod:`app.store.sealed`).
* So a copy of the database opens nothing, the row of one user cannot be put in another's place, and whoever forgets the
  row has taken back the app password for good.
* When the user's password at OX changes, what is sealed is an old one, OX refuses it, and a new app password is due.
* Rows of the first version were sealed otherwise (:func:`_unsealed_before`). They are read and left as they are: during
  a rollout, and after a rollback, there are nodes that know no other form.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, and_, delete, insert, select, update

from app.store import sealed
from app.store.database import Databases
from app.store.errors import UnknownContext
from app.store.moments import milliseconds, moment
from app.store.tables import app_passwords as table
from app.usm.errors import AccessDenied, StoreUnavailable
from app.usm.model import Credentials, User
from app.usm.ports import Clock

LABEL_LENGTH: Final = 128
LOGIN_LENGTH: Final = 255

_GROUP: Final = 5
_GROUPS: Final = 4
"""Groups of letters in a secret: 20 letters of 5 bits each."""
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz234567"
_SHAPE: Final = re.compile(r"usm([0-9]{1,9})-([a-z2-7]{5})-((?:[a-z2-7]{5}-?){3}[a-z2-7]{5})")

_SALT: Final = 16
_KEY: Final = sealed.KEY
_MAX_PASSWORD: Final = 512
_COST: Final[dict[str, int]] = {"n": 2**14, "r": 8, "p": 1}
_MEMORY: Final = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class AppPassword:
    """One as an administrator sees it; moments in UTC. The password itself is not among it: nobody has it."""

    context_id: int
    id: str
    user_id: int
    login: str
    label: str
    created: datetime
    last_used: datetime | None


@dataclass(frozen=True, slots=True)
class _Named:
    """What an app password says before it is checked."""

    context_id: int
    id: str
    secret: str


class AppPasswords:
    """All app passwords of all contexts."""

    def __init__(self, databases: Databases, clock: Clock) -> None:
        self._databases = databases
        self._clock = clock

    # -- for the service -------------------------------------------------------------------------------------

    def resolve(self, credentials: Credentials) -> Credentials:
        """What OX takes in place of these: the same for an ordinary password. Raises ``AccessDenied`` for an app
        password that is none (any more) or somebody else's, ``StoreUnavailable``."""
        named = _named(credentials.password)
        if named is None or credentials.is_token:
            return credentials
        row = self._row(named)
        if row is None or row.login.casefold() != credentials.login.casefold():
            raise AccessDenied("this app password does not exist, or is not this user's")
        verifier, *keys = _keys(named.secret, row.salt)
        if not hmac.compare_digest(verifier, row.verifier):
            raise AccessDenied("this app password is wrong")
        is_new = len(row.sealed) % sealed.STEP == sealed.OVERHEAD
        try:
            password = (_unsealed if is_new else _unsealed_before)(row.sealed, keys, _owner(named, row.login))
        except sealed.Unreadable as error:
            raise AccessDenied(f"app password {named.id}: {error}") from error
        with suppress(StoreUnavailable):
            self._touch(named)
        return Credentials(row.login, password)

    def is_valid(self, credentials: Credentials) -> bool:
        """Whether an app password that was right is still there; True for any other password. Raises
        ``StoreUnavailable``."""
        named = _named(credentials.password)
        return named is None or credentials.is_token or self._row(named) is not None

    # -- for administrators ----------------------------------------------------------------------------------

    def add(self, user: User, password: str, label: str) -> str:
        """Make an app password for a user whose OX ``password`` this is; it is shown once and never again. Raises
        ``ValueError`` for a label, login or password that is too long, ``StoreUnavailable``, ``UnknownContext``."""
        for what, length, most in (
            ("label", len(label), LABEL_LENGTH),
            ("login", len(user.login), LOGIN_LENGTH),
            ("password", len(password.encode()), _MAX_PASSWORD),
        ):
            if length > most:
                raise ValueError(f"a {what} may have {most} characters at most")
        named = _Named(user.context_id, _letters(_GROUP), _letters(_GROUP * _GROUPS))
        values = {
            "cid": named.context_id,
            "id": named.id,
            "user": user.user_id,
            "login": user.login,
            "label": label,
            "created": milliseconds(self._clock.now()),
            "last_used": None,
            **_secrets(named, user.login, password),
        }
        self._databases.database(user.context_id).write(lambda db: db.execute(insert(table).values(values)))
        return _written(named)

    def listed(self, context_id: int) -> Sequence[AppPassword]:
        """Those of a context, by user and age. Raises ``StoreUnavailable``, ``UnknownContext``."""
        return self._listed(context_id, table.c.cid == context_id)

    def of_user(self, context_id: int, user_id: int) -> Sequence[AppPassword]:
        """Those of a user, by age. Raises ``StoreUnavailable``, ``UnknownContext``."""
        return self._listed(context_id, and_(table.c.cid == context_id, table.c.user == user_id))

    def _listed(self, context_id: int, where: ColumnElement[bool]) -> Sequence[AppPassword]:
        query = select(table).where(where).order_by(table.c.user, table.c.created)
        rows = self._databases.database(context_id).read(lambda db: list(db.execute(query)))
        return [
            AppPassword(
                row.cid, row.id, row.user, row.login, row.label, moment(row.created), _maybe(row.last_used)
            )
            for row in rows
        ]

    def contexts(self) -> list[int]:
        """The contexts that have any. Raises ``StoreUnavailable``."""
        found: set[int] = set()
        query = select(table.c.cid).distinct()
        for schema in self._databases.schemas():
            database = self._databases.database(schema.context_id or 0)
            found |= {row.cid for row in database.read(lambda db: list(db.execute(query)))}
        return sorted(found)

    def revoke(self, context_id: int, app_id: str, user_id: int | None = None) -> bool:
        """Forget one, with ``user_id`` only if it is this user's; False if there is none. Raises ``StoreUnavailable``,
        ``UnknownContext``."""
        statement = delete(table).where(table.c.cid == context_id, table.c.id == app_id)
        if user_id is not None:
            statement = statement.where(table.c.user == user_id)
        return self._databases.database(context_id).write(lambda db: db.execute(statement).rowcount) > 0

    # -- rows ------------------------------------------------------------------------------------------------

    def _row(self, named: _Named) -> Row[Any] | None:
        query = select(table).where(table.c.cid == named.context_id, table.c.id == named.id)
        try:
            database = self._databases.database(named.context_id)
        except UnknownContext:
            return None
        return database.read(lambda db: db.execute(query).first())

    def _touch(self, named: _Named) -> None:
        now = milliseconds(self._clock.now())
        statement = (
            update(table).where(table.c.cid == named.context_id, table.c.id == named.id).values(last_used=now)
        )
        self._databases.database(named.context_id).write(lambda db: db.execute(statement))


def is_app_password(password: str) -> bool:
    """Whether a password looks like one of ours, whether it is one or not."""
    return _named(password) is not None


def _named(password: str) -> _Named | None:
    """What an app password says, ``None`` for any other password. People type it with other cases and blanks."""
    match = _SHAPE.fullmatch("".join(password.split()).lower())
    return None if match is None else _Named(int(match[1]), match[2], match[3].replace("-", ""))


def _written(named: _Named) -> str:
    groups = [named.secret[at : at + _GROUP] for at in range(0, len(named.secret), _GROUP)]
    return "-".join((f"usm{named.context_id}", named.id, *groups))


def _letters(count: int) -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(count))


def _owner(named: _Named, login: str) -> bytes:
    return f"{named.context_id}\0{named.id}\0{login}".encode()


def _keys(secret: str, salt: bytes) -> list[bytes]:
    """To check and to seal with; a third one was in use before."""
    raw = hashlib.scrypt(secret.encode(), salt=salt, maxmem=_MEMORY, dklen=3 * _KEY, **_COST)
    return [raw[at : at + _KEY] for at in range(0, len(raw), _KEY)]


def _secrets(named: _Named, login: str, password: str) -> dict[str, bytes]:
    """What a row keeps of the secret and of the password that it opens."""
    salt = secrets.token_bytes(_SALT)
    verifier, key, _ = _keys(named.secret, salt)
    return {
        "salt": salt,
        "verifier": verifier,
        "sealed": sealed.seal(key, password, _owner(named, login)),
    }


def _unsealed(value: bytes, keys: Sequence[bytes], owner: bytes) -> str:
    return sealed.unseal(keys[0], value, owner)


def _unsealed_before(value: bytes, keys: Sequence[bytes], owner: bytes) -> str:
    """As the first version sealed: a signature, then length and password mixed with a stream of bytes."""
    hiding, signing = keys
    signature, hidden = value[:_KEY], value[_KEY:]
    if not hmac.compare_digest(signature, hmac.digest(signing, owner + b"\0" + hidden, "sha256")):
        raise sealed.Unreadable("this value was tampered with in the database")
    stream = hashlib.shake_256(b"usm app password\0" + hiding).digest(len(hidden))
    plain = bytes(one ^ other for one, other in zip(hidden, stream, strict=True))
    return plain[2 : 2 + int.from_bytes(plain[:2], "big")].decode()


def _maybe(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else moment(milliseconds)
