"""Connections to OX that are kept, by the standard library's own HTTP client.

An adapter of ``requests``, and the only part of it that is replaced: what its own one does besides (proxies, redirects,
retries, a pool for each of many servers) is not wanted for one server beside us, and took a tenth of a request without
news. A connection that was used before is looked at before it is used again; when it ends all the same, before a byte
of the answer has come, that is :class:`Dropped`. An answer that is packed, which nobody asked for, is refused.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from requests.adapters import BaseAdapter
from requests.exceptions import ContentDecodingError
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from app.ox import heads

PLAIN: Final = "identity"
"""The coding of an answer that is as it is; the only one that is asked for."""
KINDS: Final = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}

_COPIED: Final = 64 * 1024
"""Bytes of a body that are copied so that they go out together with the head, at most."""

_BLANK: Final = {**vars(requests.Response()), "cookies": None, "history": ()}
"""An answer as it is made, but for the jar of cookies that each gets and nobody looks into."""


class NeverSent(requests.ConnectionError):
    """There is no connection, so that the server cannot have got the request."""


class NotInTime(NeverSent, requests.ConnectTimeout):
    """It did not come about in time."""


class Dropped(requests.ConnectionError):
    """A connection that was open ended before a single byte of the answer."""


class KeepAlive(BaseAdapter):
    """At most ``most`` connections to a server are kept; how many there are at a time is for others to limit."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most
        self._servers: dict[str, _Server] = {}
        self._trust: ssl.SSLContext | None = None

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: bool | str = True,
        cert: Any = None,
        proxies: Any = None,
    ) -> requests.Response:
        """The answer, whose body is still to be read. A body to be sent has a length, or is none. ``timeout``: seconds
        to connect and to read. Certificates are always verified. Raises ``requests.RequestException``."""
        url = request.url or ""
        root = url[: url.index("/", len("https://"))]
        server = self._servers.get(root) or self._servers.setdefault(root, _Server(root, self._most))
        head = heads.written(request, url[len(root) :].partition("#")[0], server.host)
        to_connect, to_read = timeout
        connection = server.taken() or self._connected(server, to_connect)
        try:
            connection.sock.settimeout(to_read)
            _send(connection.sock, head, request.body)
            answer = _answer(connection.sock, request.method)
        except (ConnectionError, http.client.BadStatusLine) as error:
            connection.close()
            raise Dropped(error, request=request) from error
        except TimeoutError as error:
            connection.close()
            raise requests.ReadTimeout(error, request=request) from error
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise requests.ConnectionError(error, request=request) from error
        except BaseException:
            connection.close()
            raise
        body = _Body(server, connection, answer)
        if answer.fields.get("Content-Encoding", PLAIN).lower() != PLAIN:
            body.close()
            raise ContentDecodingError("the answer is packed though nobody asked for it", request=request)
        return _response(request, answer, body)

    def close(self) -> None:
        """Close all connections that are not in use."""
        for server in list(self._servers.values()):
            server.close()

    def _connected(self, server: _Server, seconds: float) -> http.client.HTTPConnection:
        more: dict[str, Any] = {"context": self._context()} if server.scheme == "https" else {}
        connection: http.client.HTTPConnection = KINDS[server.scheme](
            server.name, server.port, timeout=seconds, **more
        )
        try:
            connection.connect()
        except TimeoutError as error:
            connection.close()
            raise NotInTime(error) from error
        except OSError as error:
            connection.close()
            raise NeverSent(error) from error
        except BaseException:
            connection.close()
            raise
        return connection

    def _context(self) -> ssl.SSLContext:
        if self._trust is None:
            self._trust = ssl.create_default_context(cafile=DEFAULT_CA_BUNDLE_PATH)
        return self._trust


class _Server:
    """A server by the beginning of its URLs, and its connections that are not in use."""

    def __init__(self, root: str, most: int) -> None:
        parts = urlsplit(root)
        self.scheme = parts.scheme
        self.name = parts.hostname or ""
        self.port = parts.port
        self.host = parts.netloc.rpartition("@")[2]
        """As it stands in a request (RFC 9110 7.2)."""
        self._most = most
        self._idle: list[http.client.HTTPConnection] = []
        self._lock = threading.Lock()

    def taken(self) -> http.client.HTTPConnection | None:
        """A connection that still stands, if there is one."""
        while True:
            with self._lock:
                connection = self._idle.pop() if self._idle else None
            if connection is None or _is_open(connection.sock):
                return connection
            connection.close()

    def give_back(self, connection: http.client.HTTPConnection) -> None:
        """Keep a connection whose answer was read to its end."""
        with self._lock:
            if len(self._idle) < self._most:
                self._idle.append(connection)
                return
        connection.close()

    def close(self) -> None:
        """Close those that are not in use."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()


class _Body:
    """The body of an answer as ``requests`` reads it; at its end the connection is given back."""

    def __init__(self, server: _Server, connection: http.client.HTTPConnection, answer: heads.Answer) -> None:
        self._server = server
        self._connection: http.client.HTTPConnection | None = connection
        self._original_response = answer
        """By this name the library of cookies finds the headers."""

    def read(self, size: int) -> bytes:
        """At most so many bytes, none at the end. Raises ``http.client.HTTPException`` if it ends too early or has no
        sense."""
        answer = self._original_response
        try:
            block = answer.read(size)
        except ValueError as error:
            raise http.client.HTTPException("a chunk of less than nothing") from error
        if not block and answer.length:
            raise http.client.IncompleteRead(b"", answer.length)
        if answer.isclosed():
            self._end()
        return block

    def close(self) -> None:
        """Nothing more will be read."""
        self._end()

    def _end(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        answer = self._original_response
        if answer.isclosed() and not answer.will_close:
            self._server.give_back(connection)
        else:
            answer.close()
            connection.close()


def _send(connection: socket.socket, head: bytes, body: Any) -> None:
    if isinstance(body, str):
        body = body.encode()
    if body is None:
        connection.sendall(head)
    elif isinstance(body, bytes) and len(body) <= _COPIED:
        connection.sendall(head + body)
    else:
        connection.sendall(head)
        for block in (body,) if isinstance(body, bytes) else body:
            connection.sendall(block)


def _answer(connection: socket.socket, method: str | None) -> heads.Answer:
    answer = heads.Answer(connection, method=method)
    try:
        answer.begin()
    except BaseException:
        answer.close()
        raise
    return answer


def _response(request: requests.PreparedRequest, answer: heads.Answer, body: _Body) -> requests.Response:
    response = requests.Response.__new__(requests.Response)
    vars(response).update(_BLANK)
    response.status_code = answer.status
    response.reason = answer.reason
    response.headers = answer.fields
    response.request = request
    response.url = request.url or ""
    response.raw = body
    return response


def _is_open(connection: socket.socket) -> bool:
    """Whether the other side has neither ended nor said anything unasked."""
    connection.settimeout(0.0)
    try:
        connection.recv(1, *(() if isinstance(connection, ssl.SSLSocket) else (socket.MSG_PEEK,)))
    except (BlockingIOError, ssl.SSLWantReadError):
        return True
    except OSError:
        return False
    return False
