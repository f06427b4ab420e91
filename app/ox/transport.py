"""HTTP to OX: one bounded pool of connections a process, every fault as ``SourceUnavailable``.

An adapter of ``requests`` sends to one server only, follows no redirect, reads no environment and keeps no cookies: the
cookies belong to an OX session (:class:`Cookies`), and one session's must never travel with another's request.
"""

from __future__ import annotations

import http.client
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from http.cookiejar import Cookie, CookiePolicy
from queue import Empty, SimpleQueue
from typing import Any, Final
from urllib.parse import quote_plus

import requests
from requests.adapters import BaseAdapter
from requests.cookies import RequestsCookieJar, extract_cookies_to_jar

from app.ox.errors import TOKEN_REFUSED, NoConnection, TooLarge, http_failure, token_failure
from app.ox.keepalive import Dropped, KeepAlive, NeverSent
from app.ox.observer import NOBODY, Observer, Witness
from app.ox.settings import OxSettings
from app.usm.errors import SourceUnavailable
from app.usm.pieces import Pieces
from app.usm.ports import Clock

USER_AGENT: Final = "Open-Xchange USM HTTP Client"
"""Constant over a session's life: the names of its cookies are a hash of it (section 1.6), and OX's rate limit spares
it (section 1.7)."""

REQUEST_ID: Final = "X-Request-Id"
"""The header that tells OX, and who reads its log, for which request of a device it is called."""

_HEADERS: Final = {"User-Agent": USER_AGENT, "Accept": "*/*"}
_PLAIN: Final = re.compile(r"[A-Za-z0-9/_-]+")
"""A path that needs no quoting."""
_quoted: Final = lru_cache(512)(quote_plus)
_BLOCK: Final = 64 * 1024


class _AnyCookie(CookiePolicy):
    """Take and keep every cookie. OX is asked on a loopback address, often over plain HTTP, while its cookies may
    be for the public host name and "secure": a browser's rules would drop them."""

    netscape = True
    rfc2965 = False
    hide_cookie2 = True

    def set_ok(self, cookie: Cookie, request: Any) -> bool:
        return True


class Cookies:
    """The cookies of one OX session; for several threads at once."""

    def __init__(self) -> None:
        self._jar = RequestsCookieJar(policy=_AnyCookie())
        self._lock = threading.Lock()
        self._header = ""

    def take(self, response: requests.Response) -> None:
        """Keep what an answer sets, forget what it lets expire."""
        if "Set-Cookie" not in response.headers:
            return
        with self._lock:
            extract_cookies_to_jar(self._jar, response.request, response.raw)  # type: ignore[no-untyped-call]
            self._header = "; ".join(f"{name}={value}" for name, value in self._jar.get_dict().items())

    def header(self) -> str:
        """The value of the ``Cookie`` header, ``""`` without any."""
        return self._header

    def bring(self, header: str) -> None:
        """Have what :meth:`header` said of other ones."""
        with self._lock:
            for part in header.split("; ") if header else ():
                name, _, value = part.partition("=")
                self._jar.set(name, value)
            self._header = header


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request. ``path`` is relative to the base URL; ``repeatable`` when doing it twice does no harm."""

    method: str
    path: str
    params: Mapping[str, str]
    data: Any = None
    files: Any = None
    content_type: str = ""
    limit: int = 0
    repeatable: bool = False
    authorization: str = field(default="", repr=False)

    def __str__(self) -> str:
        """What to say in an error: never a parameter, for the session's id is one."""
        action = self.params.get("action", "")
        return f"{self.path}?action={action}" if action else self.path


class Transport:
    """Sends requests to OX. ``adapter`` is the seam for tests; by default a bounded pool of connections."""

    def __init__(
        self,
        settings: OxSettings,
        clock: Clock,
        adapter: BaseAdapter | None = None,
        observer: Observer = NOBODY,
    ) -> None:
        self._settings = settings
        self._observer = observer
        self._clock = clock
        self._places: SimpleQueue[None] = SimpleQueue()
        # A queue of places and no semaphore: to give one of those back turns gevent's loop, 3 µs each time.
        for _ in range(settings.connections):
            self._places.put(None)
        self._adapter = adapter or KeepAlive(settings.connections)
        self._base = requests.Request("GET", settings.base).prepare().url or ""

    def send(self, request: Request, cookies: Cookies) -> bytes:
        """The body of the answer.

        Raises ``SourceUnavailable`` for anything but a whole answer with status 200, :class:`TooLarge` above
        ``request.limit`` bytes.
        """
        blocks: list[bytes] = []
        self.receive(request, cookies, blocks.append)
        return b"".join(blocks)

    def receive(
        self, request: Request, cookies: Cookies, take: Callable[[bytes], object]
    ) -> Mapping[str, str]:
        """Give the body of the answer to ``take``, block by block; the headers. Raises like :meth:`send`, and
        whatever ``take`` raises but ``OSError``, which counts as a fault of the way."""
        witness = self._observer.witness(request)
        if witness is None:
            return self._receive(request, cookies, take)
        begun = self._clock.monotonic()

        def heard(block: bytes) -> None:
            witness.hear(block)
            take(block)

        try:
            headers = self._receive(request, cookies, heard, witness)
        except Exception as error:
            witness.end(self._clock.monotonic() - begun, error)
            raise
        witness.end(self._clock.monotonic() - begun, None)
        return headers

    def _receive(
        self,
        request: Request,
        cookies: Cookies,
        take: Callable[[bytes], object],
        witness: Witness | None = None,
    ) -> Mapping[str, str]:
        self._take_place(request)
        try:
            return self._tried(request, cookies, take, witness)
        finally:
            self._places.put(None)

    def _tried(
        self,
        request: Request,
        cookies: Cookies,
        take: Callable[[bytes], object],
        witness: Witness | None,
    ) -> Mapping[str, str]:
        try:
            return self._exchange(request, cookies, take, witness)
        except Dropped as error:
            if not request.repeatable:
                raise _failed(request, error) from error
        except (requests.RequestException, http.client.HTTPException, OSError) as error:
            raise _failed(request, error) from error
        # OX closed an idle connection at the moment it was taken up again: nothing is wrong with OX.
        try:
            return self._exchange(request, cookies, take, witness)
        except (requests.RequestException, http.client.HTTPException, OSError) as error:
            raise _failed(request, error) from error

    @property
    def in_use(self) -> int:
        """Requests that are under way now."""
        return self._settings.connections - self._places.qsize()

    def close(self) -> None:
        """Close all connections."""
        self._adapter.close()

    def _take_place(self, request: Request) -> None:
        try:
            self._places.get(timeout=self._settings.connection_wait)
        except Empty as error:
            message = f"all {self._settings.connections} connections to OX are in use, for {request}"
            raise NoConnection(message) from error

    def _exchange(
        self,
        request: Request,
        cookies: Cookies,
        take: Callable[[bytes], object],
        witness: Witness | None,
    ) -> Mapping[str, str]:
        held = cookies.header()
        headers = {"Cookie": held} if held else {}
        if request_id := self._observer.request_id():
            headers[REQUEST_ID] = request_id
        if request.content_type:
            headers["Content-Type"] = request.content_type
        if request.authorization:
            headers["Authorization"] = request.authorization
        # What ``Session.request`` does on top of this for redirects, proxies and cookies is not wanted here, and took
        # as long as the rest.
        response = self._adapter.send(
            prepared(self._base, request, {**_HEADERS, **headers}),
            stream=True,
            timeout=(self._settings.connect_timeout, self._settings.read_timeout),
            verify=True,
        )
        with response:
            if witness is not None:
                witness.answered(response.status_code)
            cookies.take(response)
            if request.authorization and response.status_code in TOKEN_REFUSED:
                raise token_failure(response.status_code, str(request))
            if response.status_code != 200:
                raise http_failure(response.status_code, response.headers.get("Retry-After"), str(request))
            self._body(response, request, take)
            return response.headers

    def _body(self, response: requests.Response, request: Request, take: Callable[[bytes], object]) -> None:
        limit = request.limit or self._settings.answer_bytes
        deadline = self._clock.monotonic() + self._settings.call_timeout
        size = 0
        for block in response.iter_content(_BLOCK):
            size += len(block)
            if size > limit:
                raise TooLarge(f"OX answers more than {limit} bytes to {request}")
            if self._clock.monotonic() > deadline:
                raise SourceUnavailable(
                    f"OX did not end its answer to {request} in {self._settings.call_timeout:.0f} seconds",
                    in_doubt=True,
                )
            take(block)


def prepared(base: str, request: Request, headers: Mapping[str, str]) -> requests.PreparedRequest:
    """A request as an adapter takes it. ``base``: as ``requests`` writes it. Most requests have a plain path, and a
    body as it goes out or none; the rest is left to ``requests``, which takes several times as long."""
    data = _Body(request.data) if isinstance(request.data, Pieces) else request.data
    if request.files or isinstance(data, Mapping) or not _PLAIN.fullmatch(request.path):
        return requests.Request(
            request.method,
            base + request.path,
            params=request.params,
            data=data,
            files=request.files,
            headers=headers,
        ).prepare()
    made = requests.PreparedRequest()
    made.method = request.method
    made.url = f"{base}{request.path}?{_query(request.params)}"
    made.headers = dict(headers)  # type: ignore[assignment]  # nobody asks for one by its name
    made.body = data  # type: ignore[assignment]  # whatever has a length and gives bytes
    if data is not None or request.method != "GET":
        made.headers["Content-Length"] = str(len(data or b""))
    return made


def _query(params: Mapping[str, str]) -> str:
    """As ``urlencode`` writes it. Most values are a word, and most others come again and again."""
    pairs = [
        f"{_quoted(name)}={value if value.isascii() and value.isalnum() else _quoted(value)}"
        for name, value in params.items()
    ]
    return "&".join(pairs)


class _Body:
    """A message in pieces as a body of known length; it goes out from its beginning, block by block."""

    def __init__(self, pieces: Pieces) -> None:
        self._pieces = pieces

    def __len__(self) -> int:
        return self._pieces.size

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._pieces)


def _failed(request: Request, error: Exception) -> SourceUnavailable:
    what = (
        "did not answer in time"
        if isinstance(error, requests.Timeout | TimeoutError)
        else "cannot be reached"
    )
    message = f"OX {what} for {request}: {type(error).__name__}"
    return SourceUnavailable(message, in_doubt=not isinstance(error, NeverSent))
