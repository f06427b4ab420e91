"""Endpoints for tests below ``/lab/``: never there unless the server is started with ``--control``.

``POST /lab/deliver?login=L`` (body: the message) · ``POST /lab/fault`` (JSON, :class:`lab.ox.web.injection.Fault`) ·
``DELETE /lab/fault`` · ``POST /lab/session/expire[?login=L]`` · ``GET|DELETE /lab/calls`` ·
``POST /lab/rights`` (``{"login", "add": […], "remove": […]}``) · ``GET /lab/outbox`` · ``POST /lab/lock``
(``{"login", "locked": bool, "expired": bool}``) · ``POST /lab/token`` (``{"login", "scopes": […], "seconds"}``) ·
``DELETE /lab/token``.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import falcon
import sqlalchemy as sa

from lab.ox import permissions
from lab.ox.database.groupware import outbox
from lab.ox.delivery import Mailbox, deliver
from lab.ox.modules.login import EXPIRED, LOCKED
from lab.ox.storage import users
from lab.ox.web import oauth
from lab.ox.web.groupware import Groupware
from lab.ox.web.injection import Fault

_KINDS = ("error", "http", "hang", "cut")


class Control:
    """All control endpoints, one method each."""

    def __init__(self, groupware: Groupware, tokens: oauth.Tokens) -> None:
        self._groupware = groupware
        self._tokens = tokens
        groupware.calls.enabled = True

    def deliver(self, request: falcon.Request) -> Any:
        """Put a message into a user's INBOX."""
        cid, user_id = self._user(request.get_param("login", required=True))
        received = request.get_param_as_int("received")
        raw = request.bounded_stream.read()
        uid = deliver(self._groupware.platform, Mailbox(cid, user_id), raw, received)
        return {"id": str(uid)}

    def fault(self, request: falcon.Request) -> Any:
        """Let a fault wait for its calls."""
        try:
            wanted = Fault(**_json(request))
        except TypeError as error:
            raise falcon.HTTPBadRequest(title=str(error)) from error
        if wanted.kind not in _KINDS:
            raise falcon.HTTPBadRequest(title=f"kind must be one of {', '.join(_KINDS)}")
        self._groupware.faults.add(wanted)
        return {"waiting": self._groupware.faults.waiting()}

    def no_faults(self, _request: falcon.Request) -> Any:
        """Forget all faults; says how many strikes were left."""
        left = self._groupware.faults.waiting()
        self._groupware.faults.clear()
        return {"waiting": left}

    def expire(self, request: falcon.Request) -> Any:
        """Drop sessions."""
        return {"expired": self._groupware.sessions.expire(request.get_param("login", default=""))}

    def calls(self, _request: falcon.Request) -> Any:
        """The calls made since the count began."""
        return self._groupware.calls.listing()

    def forget_calls(self, _request: falcon.Request) -> Any:
        """Begin the count anew."""
        self._groupware.calls.clear()
        return {}

    def rights(self, request: falcon.Request) -> Any:
        """Give or take rights by capability name."""
        body = _json(request)
        cid, user_id = self._user(body["login"])
        with self._groupware.platform.write(cid) as connection:
            user = users.load_user(connection, cid, user_id)
            if user is None:
                raise falcon.HTTPNotFound
            changed = user.rights | permissions.bits(list(body.get("add", [])))
            changed &= ~permissions.bits(list(body.get("remove", [])))
            users.set_rights(connection, cid, user_id, changed)
        return {"rights": permissions.names(changed)}

    def lock(self, request: falcon.Request) -> Any:
        """Lock or unlock an account, or let its password expire."""
        body = _json(request)
        cid, user_id = self._user(body["login"])
        with self._groupware.platform.write(cid) as connection:
            for name, wanted in (
                (LOCKED, body.get("locked", "expired" not in body)),
                (EXPIRED, body.get("expired")),
            ):
                users.set_attribute(connection, cid, user_id, name, "true" if wanted else None)
        return {}

    def token(self, request: falcon.Request) -> Any:
        """An access token of a user, with all scopes and for an hour unless told otherwise."""
        body = _json(request)
        cid, user_id = self._user(body["login"])
        scopes, seconds = body.get("scopes", oauth.ALL), body.get("seconds", 3600)
        return {"token": self._tokens.make(cid, user_id, body["login"], scopes, seconds)}

    def no_tokens(self, _request: falcon.Request) -> Any:
        """Take all access tokens back."""
        return {"forgotten": self._tokens.forget()}

    def outbox(self, _request: falcon.Request) -> Any:
        """What was sent to addresses outside, oldest first."""
        sent = []
        platform = self._groupware.platform
        for schema in platform.schemas():
            with platform.databases.read(schema) as connection:
                sent += [
                    {
                        "context_id": row.cid,
                        "user_id": row.user,
                        "recipients": json.loads(row.recipients),
                        "message": base64.b64encode(row.raw).decode(),
                    }
                    for row in connection.execute(sa.select(outbox).order_by(outbox.c.number))
                ]
        return sent

    def _user(self, login: str) -> tuple[int, int]:
        found = self._groupware.platform.resolve(login)
        if found is not None:
            cid, _, names = found
            with self._groupware.platform.read(cid) as connection:
                user_id = users.find_user_id(connection, cid, names)
            if user_id is not None:
                return cid, user_id
        raise falcon.HTTPNotFound(title=f"no user {login}")


class _Endpoint:
    def __init__(self, **handlers: Any) -> None:
        for verb, handle in handlers.items():
            setattr(self, f"on_{verb}", _responder(handle))


def _responder(handle: Any) -> Any:
    def respond(request: falcon.Request, response: falcon.Response) -> None:
        response.media = handle(request)

    return respond


def _json(request: falcon.Request) -> dict[str, Any]:
    try:
        body = json.loads(request.bounded_stream.read())
    except ValueError as error:
        raise falcon.HTTPBadRequest(title=f"bad JSON: {error}") from error
    if not isinstance(body, dict):
        raise falcon.HTTPBadRequest(title="an object is expected")
    return body


def add_control(app: falcon.App[Any, Any], groupware: Groupware, tokens: oauth.Tokens) -> None:
    """Add the endpoints to an application. ``tokens``: those of its OAuth provider."""
    control = Control(groupware, tokens)
    app.add_route("/lab/deliver", _Endpoint(post=control.deliver))
    app.add_route("/lab/fault", _Endpoint(post=control.fault, delete=control.no_faults))
    app.add_route("/lab/session/expire", _Endpoint(post=control.expire))
    app.add_route("/lab/calls", _Endpoint(get=control.calls, delete=control.forget_calls))
    app.add_route("/lab/rights", _Endpoint(post=control.rights))
    app.add_route("/lab/lock", _Endpoint(post=control.lock))
    app.add_route("/lab/token", _Endpoint(post=control.token, delete=control.no_tokens))
    app.add_route("/lab/outbox", _Endpoint(get=control.outbox))
