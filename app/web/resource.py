"""The one address of ActiveSync: who asks, for what, and the way of the answer back to HTTP.

Order of the checks: name and password present (401), body (400, 413, 415), method, query and headers (the protocol's
own rules), name and password right and allowed (401, 403, 503), then the command. ``OPTIONS`` checks the password as
well: devices use it to find out whether an account works.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Final

import falcon

from app.eas import answer as eas_answer
from app.eas.answer import EasResponse
from app.eas.errors import EasError
from app.eas.request import PROTOCOL
from app.eas.server import ActiveSync
from app.usm.errors import NotEnabled
from app.usm.manager import Manager
from app.usm.model import Cost, Credentials, Device
from app.usm.ports import Clock, Tokens
from app.usm.session import Session
from app.web import auth, body, errors, log, metrics

_log = logging.getLogger(__name__)

NO_COMMAND: Final = "-"
"""What logs and metrics call a request whose command is not known."""


@dataclass(slots=True)
class Work:
    """What is known of a request so far, for its log line and the metrics."""

    started: float
    client: str = ""
    subject: log.Subject = field(default_factory=lambda: log.Subject(protocol=PROTOCOL))
    command: str = NO_COMMAND
    version: str = NO_COMMAND
    session: Session | None = None
    reason: str = ""

    @property
    def cost(self) -> Cost:
        """What the request has cost at the source so far."""
        return self.session.cost if self.session is not None else Cost()


class Gateway:
    """Answers every request to the alias path. ``domain_user`` is the pattern of :func:`app.web.auth.login`,
    ``max_body`` the size of the largest body in bytes."""

    def __init__(
        self,
        eas: ActiveSync,
        manager: Manager,
        clock: Clock,
        tokens: Tokens,
        domain_user: str,
        max_body: int,
    ) -> None:
        self._eas = eas
        self._manager = manager
        self._clock = clock
        self._tokens = tokens
        self._domain_user = domain_user
        self._max_body = max_body

    def serve(self, req: falcon.Request, resp: falcon.Response, **_groups: object) -> None:
        """Answer one request, whatever happens on the way: a Falcon sink."""
        log.current_request.set(self._tokens.text())
        work = Work(self._clock.monotonic(), _client(req))
        answer = self._answer(req, work)
        resp.status = answer.status
        resp.set_headers({**eas_answer.headers(), **answer.headers})
        if answer.status == 401:
            resp.set_header("WWW-Authenticate", auth.CHALLENGE)
        if answer.stream is not None:
            resp.set_stream(answer.stream.chunks, answer.stream.size or 0)
        else:
            resp.data = answer.body
        self._report(work, answer.status)

    def _answer(self, request: falcon.Request, work: Work) -> EasResponse:
        """Every error becomes an answer here, and nowhere else."""
        try:
            answer = self._carried_out(request, work)
            work.reason = work.reason or answer.reason
            return answer
        except EasError as error:
            work.reason = str(error)
            return error.response
        except Exception as error:  # noqa: BLE001  (the edge)
            refusal = errors.refusal(error)
            work.reason = str(error)
            if not refusal.foreseen:
                _log.exception("%s ended in an error nobody foresaw", work.command)
                work.reason = "unexpected error, see the lines above"
                metrics.ERRORS.inc()
            return EasResponse(refusal.status, dict(refusal.headers))

    def _carried_out(self, request: falcon.Request, work: Work) -> EasResponse:
        credentials = auth.credentials(request.get_header("Authorization"), self._domain_user)
        work.subject.login = credentials.login
        content = body.read(request, self._max_body)
        if request.method == "OPTIONS":
            return self._options(request, work, credentials)
        headers = {name.lower(): value for name, value in request.headers.items()}
        command = self._eas.parse(request.method, request.query_string, headers, content)
        work.command, work.version = command.name, command.version.text
        try:
            session = self._open(work, credentials, command.device)
        except NotEnabled as error:
            work.reason = str(error)
            return self._eas.refuse(command, error)
        return self._eas.handle(session, command)

    def _options(self, request: falcon.Request, work: Work, credentials: Credentials) -> EasResponse:
        work.command = "OPTIONS"
        self._open(work, credentials, Device(PROTOCOL, request.get_param("DeviceId", default="")))
        return self._eas.options()

    def _open(self, work: Work, credentials: Credentials, device: Device) -> Session:
        work.subject.device_id = device.device_id
        session = self._manager.open(credentials, device)
        work.session = session
        work.subject.context_id = session.user.context_id
        work.subject.user_id = session.user.user_id
        return session

    def _report(self, work: Work, status: int) -> None:
        seconds = self._clock.monotonic() - work.started
        metrics.count(work.command, work.version, status, seconds, work.cost)
        if status == 200 and not work.reason:
            log.executed(work.subject, work.command, seconds, work.cost)
        else:
            reason = work.reason or "as ActiveSync demands"
            log.refused(work.subject, work.command, status, reason, seconds, work.client)


def _client(request: falcon.Request) -> str:
    """The address that asks: the last one in ``X-Forwarded-For``, which is what our own proxy saw, or the peer's."""
    forwarded = request.get_header("X-Forwarded-For") or ""
    return forwarded.rpartition(",")[2].strip() or request.remote_addr
