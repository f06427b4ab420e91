"""One call of one action, as modules see it, and the kinds of answers they give."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from lab.ox import zones
from lab.ox.errors import OXError, fault
from lab.ox.generation import Generation
from lab.ox.storage import users
from lab.ox.storage.users import User
from lab.ox.web.sessions import Session

if TYPE_CHECKING:
    from lab.ox.web.groupware import Groupware

_NOTHING = object()


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that came in a multipart form."""

    name: str
    filename: str
    content_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Client:
    """Who asks: address, User-Agent, cookies."""

    address: str
    user_agent: str
    cookies: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer in the usual envelope."""

    data: Any = None
    timestamp: int | None = None
    warnings: Sequence[OXError] = ()


@dataclass(frozen=True, slots=True)
class Bare:
    """A JSON value without an envelope, maybe with cookies to set."""

    value: Any
    cookies: Mapping[str, str] = field(default_factory=dict)
    dropped_cookies: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Binary:
    """Bytes as they are."""

    data: bytes
    content_type: str
    filename: str = ""


@dataclass(frozen=True, slots=True)
class Empty:
    """An empty body with a status."""

    status: int = 200
    dropped_cookies: Sequence[str] = ()


Result = Answer | Bare | Binary | Empty


class Call:
    """One call. Parameters come from the URL, the body from a PUT or a form."""

    def __init__(
        self,
        groupware: Groupware,
        client: Client,
        params: Mapping[str, str],
        path: Sequence[str] = (),
        session: Session | None = None,
        body: bytes = b"",
        value: Any = _NOTHING,
        form: Mapping[str, str] | None = None,
        files: Sequence[Upload] = (),
    ) -> None:
        self.groupware = groupware
        self.client = client
        self.params = params
        self.path = tuple(path)
        self.body = body
        self.form = form or {}
        self.files = files
        self._session = session
        self._value = value

    @property
    def generation(self) -> Generation:
        """The generation the server plays."""
        return self.groupware.generation

    @property
    def session(self) -> Session:
        """The session of the call; only for actions that need one."""
        if self._session is None:
            raise fault("SES-0201")
        return self._session

    @property
    def cid(self) -> int:
        """The context of the session."""
        return self.session.cid

    @cached_property
    def user(self) -> User:
        """The user of the session; gone or disabled, the session has expired."""
        with self.read() as connection:
            found = users.load_user(connection, self.session.cid, self.session.user_id)
        if found is None:
            raise fault("SES-0203", self.session.id)
        return found

    @cached_property
    def zone(self) -> ZoneInfo:
        """The zone of Time values: the parameter ``timezone`` or the user's own."""
        return zones.zone(self.params.get("timezone") or self.user.timezone)

    def read(self) -> AbstractContextManager[sa.Connection]:
        """A reading transaction in the user's schema."""
        return self.groupware.platform.read(self.session.cid)

    def write(self) -> AbstractContextManager[sa.Connection]:
        """A writing transaction in the user's schema."""
        return self.groupware.platform.write(self.session.cid)

    def need(self, name: str) -> str:
        """A parameter that must be there."""
        value = self.params.get(name)
        if value is None or value == "":
            raise fault("SVL-0002", name)
        return value

    def integer(self, name: str, default: int | None = None) -> int:
        """A parameter as a number; without a default it must be there."""
        text = self.params.get(name)
        if not text and default is not None:
            return default
        return number(self.need(name), name)

    def flag(self, name: str, default: bool = False) -> bool:
        """A parameter that is true or false."""
        text = self.params.get(name, "").strip().lower()
        return text in ("true", "1", "yes") if text else default

    def json(self) -> Any:
        """The JSON value of the body."""
        if self._value is not _NOTHING:
            return self._value
        text = self.form.get("json_0") or self.form.get("json")
        raw: str | bytes = text if text is not None else self.body
        if not raw:
            raise fault("SVL-0023")
        return parsed(raw)

    def json_object(self) -> dict[str, Any]:
        """The body, which must be a JSON object."""
        value = self.json()
        if not isinstance(value, dict):
            raise fault("SVL-0009", "an object is expected")
        return value

    def json_array(self) -> list[Any]:
        """The body, which must be a JSON array."""
        value = self.json()
        if not isinstance(value, list):
            raise fault("SVL-0009", "an array is expected")
        return value


def parsed(raw: str | bytes) -> Any:
    """A JSON text's value; a bad one is SVL-0009."""
    try:
        return json.loads(raw)
    except (ValueError, UnicodeDecodeError) as error:
        raise fault("SVL-0009", error) from None


def number(value: Any, name: str) -> int:
    """A whole number given as number or text."""
    try:
        return int(value)
    except (TypeError, ValueError):
        raise fault("SVL-0010", name, value) from None
