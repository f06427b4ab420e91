"""The one address of ActiveSync: who asks, for what, and the way of the answer back to HTTP.

Order of the checks: TLS (403), name and password present (401), the user's own server (451), body (400, 413, 415),
method, query and headers (the protocol's own rules), name and password right and allowed (401, 403, 456, 457, 503),
then the command.
``OPTIONS`` checks the password as well: devices use it to find out whether an account works.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import falcon

from app.eas import answer as eas_answer
from app.eas.answer import EasResponse
from app.eas.errors import EasError
from app.eas.request import PROTOCOL
from app.eas.server import ActiveSync
from app.eas.versions import STICKY
from app.usm.errors import NotEnabled
from app.usm.manager import Manager
from app.usm.model import Cost, Credentials, Device
from app.usm.ports import Clock, Steps, Ticket, Tokens
from app.usm.session import Session
from app.web import auth, body, compression, errors, log, metrics, parking
from app.web.admission import Admission, Limits, Overloaded, Turn
from app.web.origin import Origin, PlainHttp, Proxies
from app.web.places import Elsewhere, Places
from app.web.tracing import Recorder, Recording
from app.web.tracing.recording import current
from app.web.tracing.session import TracedSession

_log = logging.getLogger(__name__)

NO_COMMAND: Final = "-"
"""What logs and metrics call a request whose command is not known."""

OPTIONS: Final = "OPTIONS"
REQUEST_ID: Final = "X-Request-Id"
"""The header in which the proxy tells its number of a request, and by which the device is told."""
ROUTE: Final = "usm-node"
"""The cookie by which a balancer finds the node that knows the device; what follows its dot is the node's name."""
ROUTE_LIFE: Final = timedelta(hours=12)
"""Not for ever: phones that fled from a node that was changed spread again."""

HUNG_UP: Final = 499
"""What log and metrics say of a request whose device did not wait for the answer; nobody is sent that."""


@dataclass(slots=True)
class Work:
    """What is known of a request so far, for its log line and the metrics."""

    id: str
    started: float
    origin: Origin = field(default_factory=lambda: Origin("", False))
    subject: log.Subject = field(default_factory=lambda: log.Subject(protocol=PROTOCOL))
    command: str = NO_COMMAND
    version: str = NO_COMMAND
    session: Session | None = None
    reason: str = ""
    line: str = ""
    """The line that it waits in: :func:`line_of`."""
    parked: float | None = None
    """Since when it waits for changes, if it does (monotonic)."""
    waited: float = 0.0
    """Seconds for which it has waited for changes."""
    statuses: tuple[int, ...] = ()
    """Those of the protocol in the answer."""
    turn: Turn | None = None
    """Its turn to be carried out, once it has come."""
    is_overload: bool = False
    """Whether it was refused for what others ask; that is told of many such requests together."""
    recording: Recording | None = None
    """What notes its events, where it may be traced."""
    sticky: bool = False
    """Whether the device has to return cookies (MS-ASHTTP 2.2.1.1.2.4)."""

    @property
    def cost(self) -> Cost:
        """What the request has cost at the source so far."""
        return self.session.cost if self.session is not None else Cost()


@dataclass(frozen=True, slots=True)
class WebSettings:
    """What an administrator may set about the way in. ``max_body`` is in bytes; ``credential_url``: where users change
    their password, ``""`` for nowhere; ``node``: the name of this node for balancers, ``""`` for no cookie;
    ``proxies``: who may say where a request comes from; ``plain_http``: whether a password may come without TLS."""

    schemes: auth.Schemes = field(default_factory=auth.Schemes)
    places: Places = field(default_factory=Places)
    max_body: int = 36_700_160
    credential_url: str = ""
    node: str = ""
    limits: Limits = field(default_factory=Limits)
    proxies: Proxies = field(default_factory=Proxies)
    plain_http: bool = False


Asker = Callable[[falcon.Request, Work], EasResponse | Steps[EasResponse]]
"""Carries out a request once its log line has begun; whatever it raises becomes an answer."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A request that waits for changes: :class:`app.web.parking.Parked`."""

    work: Work
    steps: Steps[EasResponse]
    ticket: Ticket
    report: Callable[[Work, int], None]

    def when_awake(self, call: Callable[[], None]) -> None:
        """See :class:`app.web.parking.Parked`."""
        self.ticket.when_awake(call)

    def give_up(self) -> None:
        """See :class:`app.web.parking.Parked`."""
        log.current_request.set(self.work.id)
        current.set(self.work.recording)
        self.steps.close()
        self.work.reason = "the device hung up"
        self.report(self.work, HUNG_UP)
        _end_recording(self.work)


class Door:
    """What all addresses have in common: the log line, errors as answers, the challenge, and who asks."""

    def __init__(
        self,
        manager: Manager,
        clock: Clock,
        tokens: Tokens,
        settings: WebSettings,
        recorder: Recorder | None = None,
    ) -> None:
        """``recorder``: who writes down the requests of some, for a time."""
        self.settings = settings
        self._recorder = recorder
        self._manager = manager
        self._clock = clock
        self._tokens = tokens
        self._admission = Admission(settings.limits, clock, metrics.OVERLOADED.inc)

    def answer(self, req: falcon.Request, resp: falcon.Response, carry_out: Asker) -> None:
        """Answer one request, whatever happens on the way; or park it, if it waits and the server can do that."""
        parked: Waiting | None = req.env.get(parking.PARKED)
        steps = parked.steps if parked else None
        work = parked.work if parked else self._begun(req)
        log.current_request.set(work.id)
        current.set(work.recording)
        offer: parking.Offer | None = req.env.get(parking.PARK)
        try:
            if steps is not None:
                self._goes_on(work)
                self.admit(work, is_certain=True)
            answer = self._answer(req, work, carry_out, steps, offer)
        finally:
            self._make_room(work)
        if isinstance(answer, Waiting):
            if offer is not None:
                work.parked = self._clock.monotonic()
                offer.take(answer)
            current.set(None)
            return
        self._send(req, resp, answer, work)
        self._report(work, resp.status_code)
        if work.recording is not None:
            content = None if answer.stream is not None else answer.body
            about = {"command": work.command, "reason": work.reason}
            work.recording.answered(resp.status_code, resp.headers.items(), content, **about)
            _end_recording(work)

    def _begun(self, req: falcon.Request) -> Work:
        work = Work(self._number(req), self._clock.monotonic(), self.settings.proxies.origin(req))
        if self._recorder is not None and (recording := self._recorder.begin(work.id)) is not None:
            work.recording = recording
            recording.asked(req.method, req.path, req.query_string, req.headers, work.origin.address)
        return work

    def _number(self, request: falcon.Request) -> str:
        """By which a request is found in all logs: the proxy's own number for it, or a new one."""
        return number_of(request, self.settings.proxies) or self._tokens.text()

    def admit(self, work: Work, is_certain: bool = False) -> None:
        """Wait until the request may be carried out, once it is read. Raises ``Overloaded``."""
        work.turn = self._admission.enter(work.line, is_certain)

    @property
    def is_crowded(self) -> bool:
        """Whether it is worth asking :meth:`refuse`."""
        return self._admission.is_crowded

    def refuse(self, authorization: str) -> int | None:
        """Refuse a request by its ``Authorization`` alone, if it would be refused anyway for what others ask: seconds
        until it may come again. One whose password nobody can read goes on, and is told so."""
        try:
            found = auth.credentials(authorization, self.settings.schemes)
        except auth.Unauthenticated:
            return None
        later = self._admission.refuse(line_of(found))
        if later is not None:
            metrics.count(NO_COMMAND, NO_COMMAND, 503, None)
        return later

    @property
    def load(self) -> tuple[int, int]:
        """How many requests are carried out now, and how many wait for their turn."""
        return self._admission.load

    def _make_room(self, work: Work) -> None:
        """The request is carried out, or waits for changes: it is the next one's turn."""
        if work.turn is not None:
            self._admission.leave(work.turn)
            work.turn = None

    def credentials(self, request: falcon.Request, work: Work) -> Credentials:
        """Who says to ask. Raises ``Unauthenticated``, ``Elsewhere``, ``PlainHttp``."""
        found = self.asking(request, work)
        work.sticky = found.is_token
        url = self.settings.places.of_login(found.login, hosts(request))
        if url is not None:
            raise Elsewhere(url)
        return found

    def asking(self, request: falcon.Request, work: Work) -> Credentials:
        """The same, wherever the user belongs."""
        if not (work.origin.is_secure or self.settings.plain_http):
            raise PlainHttp("it came without TLS, as far as the proxy says")
        header = request.get_header("Authorization")
        found = auth.credentials(header, self.settings.schemes, work.origin.address)
        work.subject.login, work.line = found.login, line_of(found)
        if work.recording is not None:
            work.recording.hide(found.password)
        return found

    def open(self, request: falcon.Request, work: Work, credentials: Credentials, device: Device) -> Session:
        """The session of who asks. Raises like :meth:`session`, and ``Elsewhere``."""
        session = self.session(work, credentials, device)
        url = self.settings.places.of_context(session.user.context_id, hosts(request))
        if url is not None:
            raise Elsewhere(url)
        return session

    def session(self, work: Work, credentials: Credentials, device: Device) -> Session:
        """The session of who asks, wherever the user belongs. Raises ``AccessDenied``, ``NotEnabled``,
        ``SourceUnavailable``."""
        work.subject.device_id = device.device_id
        session = self._manager.open(credentials, device)
        work.session = session
        user = session.user
        work.subject.context_id, work.subject.user_id = user.context_id, user.user_id
        work.subject.login = work.subject.login or user.login
        if work.recording is not None:
            return self._recorded(session, work, work.recording)
        return session

    def _recorded(self, session: Session, work: Work, recording: Recording) -> Session:
        """The session before the recording, if that is about its user; otherwise it ends here."""
        user = session.user
        if recording.belongs(user.context_id, user.user_id, session.device.device_id, work.subject.login):
            return TracedSession.of(session, recording, self._clock)
        work.recording = None
        current.set(None)
        return session

    def now(self) -> datetime:
        """The present moment, UTC."""
        return self._clock.now()

    def number(self, bits: int) -> int:
        """A number by which a request can be found again."""
        return self._tokens.number(bits)

    def _answer(
        self,
        request: falcon.Request,
        work: Work,
        carry_out: Asker,
        steps: Steps[EasResponse] | None,
        offer: parking.Offer | None,
    ) -> EasResponse | Waiting:
        """Every error becomes an answer here, and nowhere else. ``steps``: where a request that was parked goes on."""
        try:
            answer = self._outcome(steps or carry_out(request, work), work, offer)
            if isinstance(answer, Waiting):
                return answer
            work.reason = work.reason or answer.reason
            work.statuses = answer.statuses
            if answer.refused:
                metrics.REFUSED.labels(answer.refused).inc()
            return answer
        except EasError as error:
            work.reason, work.statuses = str(error), error.response.statuses
            return error.response
        except Exception as error:  # noqa: BLE001  (the edge)
            refusal = errors.refusal(error)
            work.is_overload = isinstance(error, Overloaded)
            work.reason = str(error)
            metrics.count_refused_login(error)
            if not refusal.foreseen:
                _log.exception("%s ended in an error nobody foresaw", work.command)
                work.reason = "unexpected error, see the lines above"
                metrics.ERRORS.inc()
            return EasResponse(refusal.status, dict(refusal.headers), refusal.body)

    def _outcome(
        self, answer: EasResponse | Steps[EasResponse], work: Work, offer: parking.Offer | None
    ) -> EasResponse | Waiting:
        if isinstance(answer, EasResponse):
            return answer
        try:
            ticket = next(answer)
            while offer is None or not offer.stands:
                self._make_room(work)
                ticket = next(answer)
        except StopIteration as end:
            whole: EasResponse = end.value
            return whole
        return Waiting(work, answer, ticket, self._report)

    def _send(self, req: falcon.Request, resp: falcon.Response, answer: EasResponse, work: Work) -> None:
        resp.status = self._status(answer)
        resp.set_headers({**eas_answer.headers(), REQUEST_ID: work.id, **answer.headers})
        if resp.status_code == 401:
            resp.set_header("WWW-Authenticate", self.settings.schemes.challenge())
        if resp.status_code in (456, 457) and self.settings.credential_url:
            resp.set_header("X-MS-Credential-Service-Url", self.settings.credential_url)
        if work.sticky and resp.status_code == 200:
            self._keep_route(req, resp)
        if answer.stream is not None:
            resp.set_stream(answer.stream.chunks, answer.stream.size or 0)
        else:
            resp.data = self._body(req, resp, answer.body)

    def _status(self, answer: EasResponse) -> int:
        """457 must say where to change the password (MS-ASHTTP 3.2.5.1); who cannot say that asks for it."""
        return 401 if answer.status == 457 and not self.settings.credential_url else answer.status

    def _body(self, req: falcon.Request, resp: falcon.Response, whole: bytes) -> bytes:
        if resp.status_code != 200 or not compression.is_wanted(req.get_header("Accept-Encoding")):
            return whole
        smaller = compression.compressed(whole)
        if smaller is None:
            return whole
        resp.set_header("Content-Encoding", "gzip")
        resp.set_header("Vary", "Accept-Encoding")
        return smaller

    def _keep_route(self, req: falcon.Request, resp: falcon.Response) -> None:
        node = self.settings.node
        held = (req.get_cookie_values(ROUTE) or [""])[0]
        if not node or held.rpartition(".")[2] == node:
            return
        value, expires = f"{self._tokens.text()}.{node}", self._clock.now() + ROUTE_LIFE
        resp.set_cookie(ROUTE, value, expires=expires, path=req.path, secure=True, http_only=True)

    def _goes_on(self, work: Work) -> None:
        """It waits for changes no more."""
        if work.parked is not None:
            work.waited += self._clock.monotonic() - work.parked
            work.parked = None

    def _report(self, work: Work, status: int) -> None:
        seconds = self._clock.monotonic() - work.started
        self._goes_on(work)
        events = work.session.events if work.session is not None else ()
        worked = seconds - work.waited
        metrics.count(work.command, work.version, status, worked, work.cost, work.statuses, events)
        if work.waited:
            metrics.WAITED.labels(work.command).observe(work.waited)
        if work.is_overload:
            return
        if status == 200 and not work.reason:
            log.executed(work.subject, work.command, seconds, work.cost)
        else:
            reason = work.reason or "as ActiveSync demands"
            log.refused(work.subject, work.command, status, reason, seconds, work.origin.address)


class Gateway:
    """Answers every request to the alias path."""

    def __init__(self, eas: ActiveSync, door: Door) -> None:
        self._eas = eas
        self._door = door

    def serve(self, req: falcon.Request, resp: falcon.Response, **_groups: object) -> None:
        """Answer one request: a Falcon sink."""
        self._door.answer(req, resp, self._carried_out)

    def _carried_out(self, request: falcon.Request, work: Work) -> EasResponse | Steps[EasResponse]:
        door = self._door
        credentials = door.credentials(request, work)
        content = body.read(request, door.settings.max_body)
        if work.recording is not None:
            work.recording.body(request.get_header("Content-Type") or "", content)
        door.admit(work)
        if request.method == OPTIONS:
            work.command = OPTIONS
            door.open(request, work, credentials, self._eas.device(request.query_string))
            return self._eas.options()
        headers = {name.lower(): value for name, value in request.headers.items()}
        command = self._eas.parse(request.method, request.query_string, headers, content)
        work.command, work.version = command.name, command.version.text
        work.sticky = work.sticky or command.version >= STICKY
        try:
            session = door.open(request, work, credentials, command.device)
        except NotEnabled as error:
            work.reason = str(error)
            metrics.count_refused_login(error)
            return self._eas.refuse(command, error)
        return self._eas.handle(session, command)


def number_of(request: falcon.Request, proxies: Proxies) -> str:
    """The number that the proxy has given a request, ``""`` without one."""
    sent = log.request_id(request.get_header(REQUEST_ID))
    return sent if sent and proxies.are_believed(request) else ""


def hosts(request: falcon.Request) -> list[str]:
    """The host names by which this server was asked, as the device and as the proxies in between wrote them."""
    forwarded = (request.get_header("X-Forwarded-Host") or "").split(",")
    return [name.strip() for name in (*forwarded, request.get_header("Host") or "") if name.strip()]


def _end_recording(work: Work) -> None:
    """Write what was noted of a request that has ended, or forget it."""
    recording, work.recording = work.recording, None
    if recording is not None and (recording.is_known or recording.belongs_to_nobody(work.subject.login)):
        recording.write()
    current.set(None)


def line_of(credentials: Credentials) -> str:
    """The line of a user: told by his login, or by his token, as his name is only known once OX has read that."""
    return credentials.login.casefold() or f"token {hash(credentials.password)}"
