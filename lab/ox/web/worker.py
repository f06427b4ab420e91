"""The worker of the server process: HTTP and AJP on one port, told apart by the first byte of a connection.

The connector of generation 6 speaks AJP, and the web server of that time is told so; everybody else asks by HTTP.
"""

from __future__ import annotations

import io
import logging
import select
import socket
from typing import Any
from urllib.parse import unquote

from gunicorn.workers.ggevent import GeventWorker

from lab.ox.web import ajp

log = logging.getLogger(__name__)
# Seconds after which an idle connection is looked at again, so that the process can end.
_LOOK = 0.5


class _Incoming:
    """What comes in; nothing is read ahead, so that whether there is more can be seen from the socket."""

    def __init__(self, client: socket.socket) -> None:
        self._client = client

    def read(self, count: int) -> bytes:
        found = b""
        while len(found) < count and (piece := self._client.recv(count - len(found))):
            found += piece
        return found


class Worker(GeventWorker):  # type: ignore[misc]
    """gunicorn's gevent worker, with AJP."""

    def handle(self, listener: Any, client: socket.socket, addr: Any) -> None:
        """One connection, from its first byte to its end."""
        client.setblocking(True)
        try:
            speaks_ajp = client.recv(1, socket.MSG_PEEK) == ajp.MAGIC[:1]
        except OSError:
            client.close()
            return
        if not speaks_ajp:
            super().handle(listener, client, addr)
            return
        with client:
            try:
                self._converse(client)
            except (ajp.AjpError, OSError) as error:
                log.warning("AJP: %r", error)
            except EOFError:
                pass

    def _converse(self, client: socket.socket) -> None:
        stream = _Incoming(client)
        while self._is_spoken_to(client):
            payload = ajp.read_packet(stream)
            if payload[:1] == bytes([ajp.CPING]):
                client.sendall(ajp.pong())
                continue
            request = ajp.parse_request(payload)
            body = ajp.read_body(request, stream, client.sendall)
            self._answer(client, request, body)

    def _is_spoken_to(self, client: socket.socket) -> bool:
        while self.alive:
            if select.select([client], [], [], _LOOK)[0]:
                return True
        return False

    def _answer(self, client: socket.socket, request: ajp.Request, body: bytes) -> None:
        head: list[tuple[str, list[tuple[str, str]]]] = []

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            head[:] = [(status, headers)]
            return None

        pieces = self.wsgi(_environ(request, body, client), start_response)
        try:
            status, headers = head[0]
            code, _, reason = status.partition(" ")
            client.sendall(ajp.answer_head(int(code), reason, headers))
            for piece in pieces:
                client.sendall(ajp.answer_body(piece))
            client.sendall(ajp.answer_end())
        finally:
            if hasattr(pieces, "close"):
                pieces.close()


def _environ(request: ajp.Request, body: bytes, client: socket.socket) -> dict[str, Any]:
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote(request.path, "latin-1"),
        "QUERY_STRING": request.query,
        "SERVER_NAME": request.server_name,
        # Where it came in, as for HTTP; not what the web server calls its own.
        "SERVER_PORT": str(client.getsockname()[1]),
        "SERVER_PROTOCOL": request.protocol,
        "REMOTE_ADDR": request.remote_address,
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "https" if request.is_secure else "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in request.headers:
        if name in ("content-type", "content-length"):
            environ.setdefault(name.upper().replace("-", "_"), value)
        else:
            key = "HTTP_" + name.upper().replace("-", "_")
            environ[key] = f"{environ[key]}, {value}" if key in environ else value
    return environ
