"""The conventions of the OX HTTP API: session, envelope, ``multiple``, uploads (``facts``: HTTP API section 1).

* Errors come with HTTP 200; ``error`` may stand beside ``data`` when it is only a warning.
* ``timezone=UTC`` goes with every request, so that every Time is true UTC.
* ``PUT`` bodies are bare JSON. Upload answers are JSON wrapped in HTML.
* A session that OX has forgotten is renewed once, and the call repeated: OX checks the session before it acts.
"""

from __future__ import annotations

import hashlib
import json
import mimetypes
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from email.message import Message
from types import MappingProxyType
from typing import Any, Final, TypeVar

from urllib3.filepost import encode_multipart_formdata

from app.ox.errors import Scope, SessionExpired, Unsupported, refusal, translate
from app.ox.meter import Meter
from app.ox.spool import Spool
from app.ox.transport import Cookies, Request, Transport
from app.usm.errors import AccessDenied, NotEnabled, SourceUnavailable, UsmError
from app.usm.model import Cost, Download
from app.usm.pieces import Pieces, Stored, Text
from app.usm.ports import Clock, IsKnown

JSON_TYPE: Final = "application/json; charset=UTF-8"
MESSAGE_TYPE: Final = "message/rfc822"

OAUTH: Final = "oauth/modules/"
"""What stands before a module for calls with an access token: OX's OAuth provider, from 7.8.0 on."""

FORCE: Final = str(2**53 - 1)
"""A ``timestamp`` later than any change: write over whatever is there (section 1.4)."""

Params = Mapping[str, Any]
NONE: Final[Params] = MappingProxyType({})

_ANY_FILE: Final = "application/octet-stream"
_LARGEST_REFUSAL: Final = 16 * 1024
"""Bytes of an envelope that stands in for a file, at most."""
_WRAPPED: Final = re.compile(rb"\((\{.*\})\)", re.DOTALL)


_LISTS: Final = frozenset((list,))

_T = TypeVar("_T")


class OxSession:
    """A login at OX, shared by all requests of one device. ``used``: when a call was last made (monotonic). With an
    OAuth access ``token`` there is no login and no id: each call goes to OX's OAuth provider and names the token.
    ``opened``: in seconds since 1970."""

    def __init__(self, session_id: str, cookies: Cookies, used: float, token: str = "") -> None:  # nosec B107 # no token
        self.id = session_id
        self.cookies = cookies
        self.used = used
        self.token = token
        self.opened = 0.0


@dataclass(frozen=True, slots=True)
class Answer:
    """A good answer. ``timestamp``: the largest last-modified value of what it holds, in milliseconds."""

    data: Any
    timestamp: int | None = None
    warned: bool = False

    @property
    def fields(self) -> dict[str, Any]:
        """``data`` as an object, without fields if it is something else."""
        return self.data if isinstance(self.data, dict) else {}

    def rows(self, columns: Sequence[int]) -> list[dict[int, Any]]:
        """``data`` as rows of these columns: column id → value. Anything else in it is left out."""
        return [dict(zip(columns, row, strict=True)) for row in self.lists(len(columns))]

    def lists(self, width: int) -> list[list[Any]]:
        """``data`` as rows of so many columns, as they came: for long listings. Raises ``SourceUnavailable``."""
        if not isinstance(self.data, list):
            raise SourceUnavailable(f"OX answers {type(self.data).__name__} where rows were asked for")
        rows = (
            self.data
            if set(map(type, self.data)) <= _LISTS
            else [row for row in self.data if type(row) is list]
        )
        if set(map(len, rows)) - {width}:
            raise _misfit(next(row for row in rows if len(row) != width), width)
        return rows


_UNREAD: Final = Answer(None)


def good(answer: Answer | UsmError) -> Answer:
    """One answer of several. Raises an error that stands in its place."""
    if isinstance(answer, UsmError):
        raise answer
    return answer


def rowed(row: Sequence[Any], columns: Sequence[int]) -> dict[int, Any]:
    """One row as column id → value. Raises ``SourceUnavailable`` for a row of another length."""
    if len(row) != len(columns):
        raise _misfit(row, len(columns))
    return dict(zip(columns, row, strict=True))


def _misfit(row: Sequence[Any], width: int) -> SourceUnavailable:
    return SourceUnavailable(f"OX answers a row of {len(row)} values to {width} columns")


class Check:
    """Looks at an answer before it is read: whether one is known that was the same, to the same request. ``wanted``:
    all that decides, besides request and answer, what is read out of it."""

    def __init__(self, wanted: object, is_known: IsKnown) -> None:
        self._wanted = repr(wanted).encode("utf-8", "surrogatepass")
        self._is_known = is_known
        self.tag = b""
        """Of the answer, once there is one (:data:`app.usm.ports.IsKnown`)."""
        self.hit = False
        """Whether it is known. Then nothing was read of it."""

    def is_hit(self, request: Request, body: bytes) -> bool:
        """Whether it is known."""
        asked = f"{request.path} {request.params} ".encode("utf-8", "surrogatepass")
        self.tag = hashlib.sha256(b"".join((self._wanted, asked, request.data or b"", body))).digest()
        self.hit = self._is_known(self.tag)
        return self.hit


@dataclass(frozen=True, slots=True)
class Call:
    """One entry of ``multiple``."""

    module: str
    action: str
    params: Mapping[str, Any] = field(default_factory=dict)
    data: Any = None
    scope: Scope = Scope.FOLDER

    def entry(self) -> dict[str, Any]:
        """As it goes over the wire (section 1.5)."""
        entry = {"module": self.module, "action": self.action, "timezone": "UTC", **self.params}
        return entry if self.data is None else {**entry, "data": self.data}


class OxClient:
    """Calls of one user's OX session, counted in ``meter``.

    ``renew`` gets the session that OX has forgotten and gives a living one; without it the session is not renewed.
    Every method raises in USM's words, as :mod:`app.ox.errors` says for its ``scope``.
    """

    def __init__(
        self,
        transport: Transport,
        clock: Clock,
        session: OxSession,
        meter: Meter,
        renew: Callable[[OxSession], OxSession] | None = None,
    ) -> None:
        self._transport = transport
        self._clock = clock
        self._session = session
        self._renew = renew
        self._meter = meter

    @property
    def cost(self) -> Cost:
        """What this client's calls have cost so far."""
        return self._meter.cost

    def get(
        self,
        module: str,
        action: str = "",
        params: Params = NONE,
        scope: Scope = Scope.FOLDER,
        check: Check | None = None,
    ) -> Answer:
        """A ``GET``. An empty answer where ``check`` hits."""
        request = Request("GET", module, _params(action, params), repeatable=True)

        def read(body: bytes) -> Answer:
            known = check is not None and check.is_hit(request, body)
            return _UNREAD if known else _opened(_object(body, request), scope)

        return self._in_session(request, read)

    def put(
        self,
        module: str,
        action: str,
        body: Any,
        params: Params = NONE,
        scope: Scope = Scope.WRITE,
        repeatable: bool = False,
    ) -> Answer:
        """A ``PUT`` with a JSON body."""
        request = _json_put(module, _params(action, params), body, repeatable)
        return self._in_session(request, lambda answer: _opened(_object(answer, request), scope))

    def upload(
        self,
        module: str,
        action: str,
        body: Any,
        file: tuple[str, bytes | Stored, str],
        params: Params = NONE,
        number: str = "",
    ) -> Answer:
        """A ``POST`` of JSON with a file (name, bytes, content type); the answer comes wrapped in HTML. ``number``:
        what some modules want after the names of the two parts. A file that is not in memory goes out block by
        block."""
        data = {f"json{number}": _dumps(body).encode("utf-8", "replace")}
        name, content, kind = file
        if isinstance(content, bytes):
            files = {f"file{number}": (name, content, kind)}
            request = Request("POST", module, _params(action, params), data=data, files=files)
        else:
            form, boundary = _form(data, f"file{number}", name, content, kind)
            request = Request("POST", module, _params(action, params), data=form, content_type=boundary)
        return self._in_session(request, lambda answer: _opened(_unwrapped(answer, request), Scope.WRITE))

    def download(self, path: str, params: Params, limit: int) -> bytes:
        """The bytes of a binary answer of at most ``limit`` bytes; an envelope in their place is an error."""
        request = Request("GET", path, _params("", params), limit=limit, repeatable=True)

        def bytes_of(body: bytes) -> bytes:
            _check_binary(body)
            return body

        return self._in_session(request, bytes_of)

    def fetch(self, path: str, params: Params, limit: int) -> Download:
        """A binary answer of any size up to ``limit`` bytes, kept in a temporary file: the connection to OX is free
        again before the first piece is handed on, however slowly that goes."""
        request = Request("GET", path, _params("", params), limit=limit, repeatable=True)
        return self._renewing(lambda: _download(*self._spooled(request)))

    def store(self, path: str, params: Params, limit: int) -> Spool:
        """The same, to be read in any order and as often as wanted."""
        request = Request("GET", path, _params("", params), limit=limit, repeatable=True)
        return self._renewing(lambda: self._spooled(request)[0])

    def send_text(self, module: str, action: str, body: Text, params: Params = NONE) -> Answer:
        """A ``PUT`` of a whole message (RFC 5322); one in pieces goes out block by block."""
        request = Request("PUT", module, _params(action, params), data=body, content_type=MESSAGE_TYPE)
        return self._in_session(request, lambda answer: _opened(_unwrapped(answer, request), Scope.WRITE))

    def multiple(
        self, calls: Sequence[Call], repeatable: bool = False, check: Check | None = None
    ) -> list[Answer | UsmError]:
        """Many calls in one; the answers in their order, an error in place of an answer that failed. Empty answers
        where ``check`` hits."""
        if not calls:
            return []
        if self._session.token:
            return [self._alone(call) for call in calls]
        entries = [call.entry() for call in calls]
        request = _json_put("multiple", {"continue": "true"}, entries, repeatable)

        def read(body: bytes) -> list[Answer | UsmError]:
            known = check is not None and check.is_hit(request, body)
            return [_UNREAD] * len(calls) if known else _each(body, calls, request)

        return self._in_session(request, read)

    def together(self, calls: Sequence[Call], check: Check | None = None) -> list[Answer | UsmError]:
        """The same for calls that only read, a single one by itself."""
        if len(calls) == 1:
            return [self._alone(calls[0], check)]
        return self.multiple(calls, repeatable=True, check=check)

    def logout(self) -> None:
        """End the session at OX. Raises ``SourceUnavailable``, also for a session that is gone already."""
        if self._session.token:
            return  # it is the device's to give up
        request = Request("GET", "login", {"action": "logout"})
        with self._meter.call(request):
            self._send(request)

    def renew(self, before: datetime) -> None:
        """Go on with a new session if this one was opened before that moment, and end this one. Raises what a login
        raises."""
        stale = self._session
        if self._renew is None or stale.opened >= before.timestamp():
            return
        try:
            self._session = self._renew(stale)
        finally:
            with suppress(UsmError):
                OxClient(self._transport, self._clock, stale, self._meter).logout()

    def _alone(self, call: Call, check: Check | None = None) -> Answer | UsmError:
        """One entry of ``multiple``, also for whoever comes with a token, to whom OX does not offer that. A call with
        data is not checked."""
        try:
            if call.data is None:
                return self.get(call.module, call.action, call.params, call.scope, check)
            return self.put(call.module, call.action, call.data, call.params, call.scope)
        except Unsupported as error:
            return error
        except (AccessDenied, NotEnabled, SourceUnavailable):
            raise
        except UsmError as error:
            return error

    def _in_session(self, request: Request, read: Callable[[bytes], _T]) -> _T:
        def attempt() -> _T:
            with self._meter.call(request) as call:
                body = self._send(request)
                call.answered()
                return read(body)

        return self._renewing(attempt)

    def _renewing(self, attempt: Callable[[], _T]) -> _T:
        try:
            return attempt()
        except SessionExpired as error:
            if self._renew is None:
                raise SourceUnavailable(f"a fresh session is refused: {error}") from error
        self._session = self._renew(self._session)
        try:
            return attempt()
        except SessionExpired as error:
            raise SourceUnavailable(f"OX forgets its sessions at once: {error}") from error

    def _send(self, request: Request) -> bytes:
        blocks: list[bytes] = []
        self._receive(request, blocks.append)
        return b"".join(blocks)

    def _receive(self, request: Request, take: Callable[[bytes], object]) -> Mapping[str, str]:
        session = self._session
        session.used = self._clock.monotonic()
        return self._transport.receive(_of_session(request, session), session.cookies, take)

    def _spooled(self, request: Request) -> tuple[Spool, Mapping[str, str]]:
        spool = Spool()
        try:
            with self._meter.call(request) as call:
                headers = self._receive(request, spool.write)
                call.answered()
                if spool.size <= _LARGEST_REFUSAL:
                    _check_binary(spool.head(spool.size))
        except BaseException:
            spool.close()
            raise
        return spool, headers


def _form(
    data: Mapping[str, bytes], field_name: str, name: str, content: Stored, kind: str
) -> tuple[Pieces, str]:
    """A form with a file, and its content type (RFC 7578)."""
    place = uuid.uuid4().hex.encode()
    whole, form_type = encode_multipart_formdata({**data, field_name: (name, place, kind)})
    before, _, after = whole.partition(place)
    return Pieces((before, content, after)), form_type


def _download(spool: Spool, headers: Mapping[str, str]) -> Download:
    spool.head(0)
    name = _file_name(headers.get("Content-Disposition", ""))
    return Download(spool, _content_type(headers.get("Content-Type", ""), name), spool.size, name)


def _of_session(request: Request, session: OxSession) -> Request:
    if session.token:
        return replace(request, path=OAUTH + request.path, authorization=f"Bearer {session.token}")
    return replace(request, params={**request.params, "session": session.id})


def login(
    transport: Transport, clock: Clock, meter: Meter, form: Mapping[str, str]
) -> tuple[OxSession, Mapping[str, Any]]:
    """Open an OX session (section 1.6): the session and what OX answers about it.

    ``form``: ``name``, ``password``, ``client``, ``version``; they go in the body, as newer generations refuse them in
    the URL. Raises ``AccessDenied``, ``NotEnabled``, ``SourceUnavailable``.
    """
    cookies = Cookies()
    params = {"action": "login", "authId": str(uuid.uuid4()), "timezone": "UTC"}
    request = Request("POST", "login", params, data=dict(form))
    try:
        with meter.call(request) as call:
            body = transport.send(request, cookies)
            call.answered()
            envelope = _object(body, request)
            _opened(envelope, Scope.LOGIN)
    except SessionExpired as error:
        raise SourceUnavailable(str(error)) from error
    session_id = envelope.get("session")
    if not isinstance(session_id, str) or not session_id:
        raise SourceUnavailable("OX answers a login without a session")
    return OxSession(session_id, cookies, clock.monotonic()), envelope


def _params(action: str, params: Mapping[str, Any]) -> dict[str, str]:
    named = {"action": action} if action else {}
    values = {name: str(value).encode("utf-8", "replace").decode() for name, value in params.items()}
    return {**named, "timezone": "UTC", **values}


def _dumps(body: Any) -> str:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def _json_put(module: str, params: Mapping[str, str], body: Any, repeatable: bool) -> Request:
    data = _dumps(body).encode("utf-8", "replace")
    return Request("PUT", module, params, data=data, content_type=JSON_TYPE, repeatable=repeatable)


def _json(body: bytes, request: Request) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        message = f"OX answers something else than JSON to {request}"
        raise SourceUnavailable(message, in_doubt=True) from error


def _object(body: bytes, request: Request) -> dict[str, Any]:
    envelope = _json(body, request)
    if not isinstance(envelope, dict):
        message = f"OX answers {type(envelope).__name__} instead of an object to {request}"
        raise SourceUnavailable(message, in_doubt=True)
    return envelope


def _check_binary(body: bytes) -> None:
    """An envelope in place of a file is an error."""
    if body[:1] == b"{" and (envelope := _maybe_object(body)) is not None:
        _opened(envelope, Scope.READ)


def _file_name(disposition: str) -> str:
    """The file name in a Content-Disposition header (RFC 6266), ``""`` without one."""
    header = Message()
    header["Content-Disposition"] = disposition
    return " ".join((header.get_filename() or "").split())


def _content_type(header: str, name: str) -> str:
    """OX calls every file to be saved an octet-stream: its name may tell more."""
    told = header.partition(";")[0].strip().lower()
    return told if told not in ("", _ANY_FILE) else mimetypes.guess_type(name)[0] or _ANY_FILE


def _maybe_object(body: bytes) -> dict[str, Any] | None:
    try:
        envelope = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return envelope if isinstance(envelope, dict) and "error" in envelope else None


def _unwrapped(body: bytes, request: Request) -> dict[str, Any]:
    wrapped = None if body.lstrip()[:1] == b"{" else _WRAPPED.search(body)
    return _object(wrapped[1] if wrapped else body, request)


def _opened(envelope: Mapping[str, Any], scope: Scope) -> Answer:
    error = refusal(envelope)
    if error is not None:
        raise translate(error, scope)
    timestamp = envelope.get("timestamp")
    warned = bool(envelope.get("error") or envelope.get("warnings"))
    return Answer(envelope.get("data"), timestamp if isinstance(timestamp, int) else None, warned)


def _each(body: bytes, calls: Sequence[Call], request: Request) -> list[Answer | UsmError]:
    answers = _json(body, request)
    if isinstance(answers, dict):
        _opened(answers, Scope.LOGIN)  # an error of the whole request, such as a bad session
    if not isinstance(answers, list) or len(answers) != len(calls):
        raise SourceUnavailable(f"OX does not answer all of {len(calls)} calls in one")
    return [_one(answer, call.scope) for answer, call in zip(answers, calls, strict=True)]


def _one(envelope: Any, scope: Scope) -> Answer | UsmError:
    if not isinstance(envelope, dict):
        return Answer(envelope)
    try:
        return _opened(envelope, scope)
    except UsmError as error:
        return error
