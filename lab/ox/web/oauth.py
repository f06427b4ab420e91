"""OX's OAuth provider: calls with an access token in place of a session (``oauth/modules/…``, from 7.8.0 on).

A token stands for a user and some scopes. Not every module can be reached: ``multiple`` and ``capabilities`` do not
take part in it, and there is no login. What is wrong with a token is said by the HTTP status (RFC 6750).
Tokens are made by tests only (:mod:`lab.ox.control`); the authorization server is not played.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import falcon

from lab.ox.errors import fault
from lab.ox.web import envelope
from lab.ox.web.app import Ajax
from lab.ox.web.call import Client
from lab.ox.web.dispatch import Module
from lab.ox.web.groupware import Groupware
from lab.ox.web.sessions import Session

PATH = "oauth/modules/"
SINCE = 7
READING = frozenset(
    ("", "all", "list", "get", "updates", "search", "examine", "root", "allVisible", "attachment")
)

SCOPES = {
    "config": None,
    "user": None,
    "folders": "folders",
    "mail": "mail",
    "contacts": "contacts",
    "calendar": "calendar",
    "chronos": "calendar",
    "tasks": "tasks",
    "reminder": "reminder",
    "attachment": None,
}
"""Module → the second half of its scopes, ``read_…`` and ``write_…``; ``None``: any token will do."""

ALL = frozenset(f"{kind}_{what}" for what in SCOPES.values() if what for kind in ("read", "write"))


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token stands for. ``until``: monotonic."""

    session: Session
    scopes: frozenset[str]
    until: float


class Tokens:
    """All access tokens of a node."""

    def __init__(self) -> None:
        self._grants: dict[str, Grant] = {}

    def make(self, cid: int, user_id: int, login: str, scopes: Collection[str], seconds: float) -> str:
        """A new token of a user."""
        token = secrets.token_urlsafe(24)
        session = Session(cid, user_id, login, "oauth", "", "", "")
        self._grants[token] = Grant(session, frozenset(scopes), time.monotonic() + seconds)
        return token

    def find(self, token: str) -> Grant | None:
        """What a token stands for, ``None`` for one that is not good (any more)."""
        grant = self._grants.get(token)
        return grant if grant is not None and time.monotonic() < grant.until else None

    def forget(self) -> int:
        """Take all tokens back."""
        count = len(self._grants)
        self._grants.clear()
        return count


class OAuth:
    """Answers everything below ``oauth/modules/``."""

    def __init__(self, groupware: Groupware, prefix: str, tokens: Tokens) -> None:
        self._groupware = groupware
        self._prefix = prefix + PATH
        self._tokens = tokens

    def __call__(self, req: falcon.Request, resp: falcon.Response, **_fields: Any) -> None:
        """Falcon's sink."""
        scheme, _, token = (req.get_header("Authorization") or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            resp.status = falcon.HTTP_401
            resp.set_header("WWW-Authenticate", "Bearer")
            return
        grant = self._tokens.find(token.strip())
        if grant is None:
            resp.set_header("WWW-Authenticate", 'Bearer,error="invalid_token"')
            _refuse(resp, falcon.HTTP_401, error="invalid_token", error_description="The token is invalid")
            return
        name = req.path.removeprefix(self._prefix).partition("/")[0]
        if name not in SCOPES:
            resp.content_type = envelope.CONTENT_TYPE
            resp.data = envelope.dump(envelope.of_error(fault("SVL-0007", name)))
            return
        kind = "read" if (req.get_param("action") or "") in READING else "write"
        scope = f"{kind}_{SCOPES[name]}"
        if SCOPES[name] is not None and scope not in grant.scopes:
            _refuse(resp, falcon.HTTP_403, error="insufficient_scope", scope=scope)
            return
        _WithToken(self._groupware, self._prefix, grant.session)(req, resp)


class _WithToken(Ajax):
    """One call whose user is known already."""

    def __init__(self, groupware: Groupware, prefix: str, session: Session) -> None:
        super().__init__(groupware, prefix)
        self._user_session = session

    def _session(self, module: Module, action: str, params: dict[str, str], client: Client) -> Session | None:
        return self._user_session


def add_oauth(app: falcon.App[Any, Any], groupware: Groupware) -> Tokens:
    """Add the provider to an application; the tokens it knows."""
    tokens = Tokens()
    if groupware.generation.number >= SINCE:
        for prefix in groupware.generation.prefixes:
            app.add_sink(OAuth(groupware, prefix, tokens), prefix + PATH)
    return tokens


def _refuse(resp: falcon.Response, status: str, **what: str) -> None:
    resp.status = status
    resp.content_type = "application/json;charset=UTF-8"
    resp.text = json.dumps(what)
