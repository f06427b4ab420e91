"""A phone's line to its server, watched: every request is recorded, a refusal for now is tried again.

The line can be cut from outside, as when a person switches the phone off: that is how a load of phones ends although
many of them wait for news.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from random import Random
from typing import Any
from urllib.parse import parse_qs, urlsplit, urlunsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from lab.device.record import Exchange, Record

IDLE_SECONDS = 0.5
"""A connection unused for so long is not used again: Apache closes it after 5 seconds (KeepAliveTimeout), sooner when
all its threads are busy, and which of the two is quicker says nothing about the service."""

LONGEST_PAUSE = 1.0
"""A refused phone comes again after ``Retry-After``, but no later than this, to see how long the trouble really was."""

PATIENCE = 60.0
"""Seconds after which a phone that is refused again and again gives up."""


class Line(requests.Session):
    """See the module; the ``session`` of a :class:`lab.device.Phone`. ``nodes``: the addresses of a service's nodes,
    without a path; each request goes to one of them, as a balancer without memory sends it."""

    def __init__(self, phone: str, record: Record, verify: bool | str, nodes: Sequence[str] = ()) -> None:
        super().__init__()
        self.trust_env = False
        self.verify = verify
        self.is_cut = threading.Event()
        self.waits = False
        """Whether what is sent now asks the server to wait for news: then the time of the answer says nothing."""
        self._phone = phone
        self._record = record
        self._nodes = nodes
        self._random = Random(phone)
        self._used = 0.0
        self._sockets: set[socket.socket] = set()
        adapter = _Adapter(self._sockets, max(1, len(nodes)))
        for scheme in ("http://", "https://"):
            self.mount(scheme, adapter)

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **more: Any) -> requests.Response:
        """As in requests, with everything recorded; a 503 that names a time is repeated."""
        command = _command(str(method), str(url))
        refused: float | None = None
        while True:
            began = self._record.now()
            try:
                response = self._once(command, began, method, self._at_any_node(str(url)), *args, **more)
            except requests.RequestException:
                if refused is not None and self.waits and self.is_cut.is_set():
                    self._record.served(self._phone, refused + self._record.now() - began)
                raise
            pause = _retry_after(response)
            if pause is None:
                break
            refused = began if refused is None else refused
            if self.is_cut.is_set():
                return response
            if began - refused > PATIENCE:
                self._record.served(self._phone, refused)
                return response
            self.is_cut.wait(min(pause, LONGEST_PAUSE))
        if refused is not None:
            # Who waits for news was served when the server let it wait.
            waited = self._record.now() - began if self.waits else 0.0
            self._record.served(self._phone, refused + waited)
        return response

    def cut(self) -> None:
        """End the connections; a request under way fails, and no failure is recorded any more."""
        self.is_cut.set()
        for connection in list(self._sockets):
            # By a duplicate: the descriptor's owner is another thread, which may be closing it just now.
            with suppress(OSError, ValueError), socket.socket(fileno=_duplicate(connection)) as ours:
                ours.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        """Requests are possible, and recorded, again."""
        self.close()
        self._sockets.clear()
        self.is_cut.clear()

    def _at_any_node(self, url: str) -> str:
        if not self._nodes:
            return url
        parts = urlsplit(url)
        return self._random.choice(self._nodes) + urlunsplit(("", "", parts.path, parts.query, ""))

    def _once(self, command: str, began: float, *args: Any, **more: Any) -> requests.Response:
        if time.monotonic() - self._used > IDLE_SECONDS:
            self.close()
            self._sockets.clear()
        try:
            response = super().request(*args, **more)
        except requests.RequestException as error:
            if not self.is_cut.is_set():
                self._note(command, began, 0, _problem(error))
            raise
        finally:
            self._used = time.monotonic()
        self._note(command, began, response.status_code, "", _retry_after(response))
        return response

    def _note(
        self, command: str, began: float, status: int, problem: str, retry_after: int | None = None
    ) -> None:
        seconds = self._record.now() - began
        self._record.add(
            Exchange(self._phone, command, began, seconds, status, self.waits, problem, retry_after)
        )


def _retry_after(response: requests.Response) -> int | None:
    text = response.headers.get("Retry-After", "")
    return int(text) if response.status_code == 503 and text.isdecimal() else None


def _command(method: str, url: str) -> str:
    return parse_qs(urlsplit(url).query).get("Cmd", [method])[0]


def _problem(error: requests.RequestException) -> str:
    cause = error.args[0] if error.args else error
    reason = getattr(cause, "reason", None) or cause
    return f"{type(error).__name__}: {reason}"[:200]


def _duplicate(connection: socket.socket) -> int:
    return socket.dup(connection.fileno())


class _Adapter(HTTPAdapter):
    """Connections that are noted in a set when they are made."""

    def __init__(self, sockets: set[socket.socket], servers: int) -> None:
        self._sockets = sockets
        super().__init__(pool_connections=servers, pool_maxsize=2)

    def init_poolmanager(self, *args: Any, **more: Any) -> None:
        super().init_poolmanager(*args, **more)
        self.poolmanager.pool_classes_by_scheme = _pools(self._sockets)


def _pools(sockets: set[socket.socket]) -> dict[str, type[HTTPConnectionPool]]:
    class Plain(HTTPConnection):
        def connect(self) -> None:
            super().connect()
            sockets.add(self.sock)

    class Secure(HTTPSConnection):
        def connect(self) -> None:
            super().connect()
            sockets.add(self.sock)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}
