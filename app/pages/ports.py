"""What the users' pages need of the rest; :mod:`app.main` hands it in. Every method may raise ``StoreUnavailable``."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from app.usm.model import Credentials, SessionId, User
from app.usm.ports import DataSource, StateStore

Key = tuple[int, str, bytes]
"""Where a page session is kept: the context, its name there, and 32 bytes that open it."""


class Visits(Protocol):
    """Signs people in at the source."""

    def visit(self, credentials: Credentials) -> tuple[User, str]:
        """Who that is, and a secret by which the source knows him again. Raises ``AccessDenied``, ``NotEnabled``,
        ``SourceUnavailable``."""
        ...

    def visited(self, opens: str) -> DataSource:
        """His data. It raises ``AccessDenied`` when the source has forgotten him."""
        ...

    def leave(self, opens: str) -> None:
        """The source may forget him. Raises nothing."""
        ...


class Sessions(Protocol):
    """Keeps who is signed in, for all nodes."""

    def begin(self, key: Key, user_id: int, content: Mapping[str, Any]) -> None:
        """Keep a new session."""
        ...

    def find(self, key: Key) -> dict[str, Any] | None:
        """What it holds; ``None`` if it has ended."""
        ...

    def change(self, key: Key, content: Mapping[str, Any]) -> None:
        """Keep something else in it."""
        ...

    def end(self, key: Key) -> None:
        """Forget it."""
        ...


class AppPassword(Protocol):
    """One as its user sees it."""

    @property
    def id(self) -> str:
        """Its name within the context."""
        ...

    @property
    def label(self) -> str:
        """Which device it is for."""
        ...

    @property
    def created(self) -> datetime:
        """When it was made."""
        ...

    @property
    def last_used(self) -> datetime | None:
        """When a device logged in with it."""
        ...


class AppPasswords(Protocol):
    """Passwords of single devices."""

    def add(self, user: User, password: str, label: str) -> str:
        """Make one for a user whose own ``password`` this is. Raises ``ValueError`` for what is too long."""
        ...

    def of_user(self, context_id: int, user_id: int) -> Sequence[AppPassword]:
        """Those of a user, by age."""
        ...

    def revoke(self, context_id: int, app_id: str, user_id: int | None = None) -> bool:
        """Forget one, if it is this user's; ``False`` if there is none."""
        ...


class Phones(StateStore, Protocol):
    """What is kept of devices, and what the pages ask of it besides."""

    def begun(self, session: SessionId) -> Collection[int]:
        """The numbers of the folders that the device synchronises."""
        ...

    def forget_unless(self, session: SessionId, standings: Collection[str]) -> bool:
        """Forget a device unless it stands as one of these says; whether it was forgotten."""
        ...

    def summon(self, session: SessionId) -> None:
        """Have a device that waits come at once."""
        ...
