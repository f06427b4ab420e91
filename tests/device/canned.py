"""A server on loopback that notes what it is sent and plays canned answers, one a request."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote

from app.wbxml import Element, decode, encode


@dataclass
class Received:
    """One request as it came."""

    method: str
    query: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def command(self) -> str:
        return parse_qs(self.query)["Cmd"][0]

    @property
    def tree(self) -> Element:
        return decode(self.body)

    def parameter(self, name: str) -> str:
        return parse_qs(self.query)[name][0]

    @property
    def bare_query(self) -> str:
        return unquote(self.query)


@dataclass
class Canned:
    """One answer; a tree is sent as WBXML."""

    body: Element | bytes = b""
    status: int = 200
    headers: Mapping[str, str] | None = None

    def bytes_of_body(self) -> bytes:
        return encode(self.body) if isinstance(self.body, Element) else self.body


Answer = Canned | Element | Callable[[Received], Canned | Element]


class CannedServer:
    """``with CannedServer() as server: server.play(answer, ...)``; ``server.received`` lists the requests."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self._answers: deque[Answer] = deque()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}/"

    @property
    def last(self) -> Received:
        return self.received[-1]

    @property
    def commands(self) -> list[str]:
        return [request.command for request in self.received]

    @property
    def all_played(self) -> bool:
        return not self._answers

    def play(self, *answers: Answer) -> None:
        self._answers.extend(answers)

    def answer(self, request: Received) -> Canned:
        self.received.append(request)
        if not self._answers:
            return Canned(b"nothing is left to play", 599)
        answer = self._answers.popleft()
        if callable(answer):
            answer = answer(request)
        return Canned(answer) if isinstance(answer, Element) else answer

    def __enter__(self) -> CannedServer:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()


def _handler(server: CannedServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            query = self.path.partition("?")[2]
            canned = server.answer(Received(self.command, query, self.headers, body))
            with suppress(ConnectionError):  # a phone may have lost its patience
                self.send(canned)

        def send(self, canned: Canned) -> None:
            self.send_response(canned.status)
            content = canned.bytes_of_body()
            for name, value in (canned.headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_OPTIONS = do_POST

        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    return Handler
