"""Where a mail server tells of new mail, so that waiting devices hear of it at once: ``PUT`` or ``POST``, with name and
password (RFC 7617).

It is on the listener of the devices, as mail servers are on other hosts, at a path that Apache does not forward; and
it is not there at all until it is configured.
"""

from __future__ import annotations

import hmac
import logging
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Final

import falcon

from app.usm.errors import AccessDenied, LoginPaused
from app.usm.ports import LoginGuard
from app.web import auth, body, metrics
from app.web.origin import Proxies

_log = logging.getLogger(__name__)

LARGEST: Final = 256 * 1024
"""Bytes; sender, subject and the beginning of a message are in it."""

CHALLENGE: Final = 'Basic realm="notify"'

Tell = Callable[[bytes], bool]
"""Takes a notification and says whether it was of new mail; raises ``ValueError`` for what is none."""


@dataclass(frozen=True, slots=True)
class Entrance:
    """How the mail server says who it is."""

    login: str
    password: str


class Notification:
    """The end point; answers as OX's own does."""

    def __init__(
        self, entrance: Entrance, tell: Tell, guard: LoginGuard | None = None, proxies: Proxies | None = None
    ) -> None:
        self._entrance = entrance
        self._tell = tell
        self._guard = guard
        self._proxies = proxies or Proxies()

    def on_put(self, request: falcon.Request, response: falcon.Response) -> None:
        """Take one notification."""
        response.cache_control = ["no-store"]
        try:
            self._ask(request)
        except (AccessDenied, auth.Unauthenticated):
            metrics.NOTICES.labels("refused").inc()
            raise falcon.HTTPUnauthorized(challenges=[CHALLENGE]) from None
        except LoginPaused as error:
            metrics.NOTICES.labels("refused").inc()
            raise falcon.HTTPServiceUnavailable(retry_after=error.retry_after) from None
        try:
            content = bytes(body.read(request, LARGEST))
        except body.BodyError as error:
            raise falcon.HTTPError(error.status, headers={"Connection": "close"}) from None
        try:
            told = self._tell(content)
        except ValueError as error:
            metrics.NOTICES.labels("unclear").inc()
            _log.warning("a notification of new mail cannot be read: %s", error)
            raise falcon.HTTPBadRequest from None
        metrics.NOTICES.labels("taken" if told else "passed over").inc()
        response.media = {"success": True}
        response.content_type = falcon.MEDIA_JSON

    on_post = on_put

    def _ask(self, request: falcon.Request) -> None:
        """Raises ``Unauthenticated``, ``AccessDenied``, ``LoginPaused`` unless this is the mail server."""
        origin = self._proxies.origin(request).address
        given = auth.credentials(request.get_header("Authorization"), auth.Schemes(), origin)
        with self._guard.trying(given, "") if self._guard else nullcontext():
            known = self._entrance
            # Both are compared, whatever comes of the first, and in the same time for whatever is given.
            name = hmac.compare_digest(given.login.encode(), known.login.encode())
            password = hmac.compare_digest(given.password.encode(), known.password.encode())
            if not (name and password):
                raise AccessDenied("this is not the mail server")
