"""A server that answers like OX at next to no cost: it asks the stand-in once, and everybody else gets the same answer.

``python -m bench.echo_ox URL LOGIN PASSWORD``: prints its own port as a line of JSON. It logs in at the stand-in as one
user. Whoever logs in here gets a session of his own and the user id at the end of his name (``user17@example.org`` is
number 17); all other questions are answered as that one user was answered. So thousands of users can be had whose data
are all alike and never change, and what is measured beside it is not slowed down by a groupware.
"""

from __future__ import annotations

from gevent import monkey

monkey.patch_all()

import json  # noqa: E402
import re  # noqa: E402
import secrets  # noqa: E402
import sys  # noqa: E402
from typing import Any, Final  # noqa: E402
from urllib.parse import parse_qsl, unquote_plus, urlencode, urlsplit  # noqa: E402

import requests  # noqa: E402
from gevent import socket  # noqa: E402
from gevent.server import StreamServer  # noqa: E402

AGENT: Final = {"User-Agent": "Open-Xchange USM HTTP Client"}
_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_TYPE: Final = re.compile(rb"\r\ncontent-type: *([^\r]*)", re.IGNORECASE)
_NUMBER: Final = re.compile(r"(\d+)@")


class Echo:
    """What the stand-in once said, by what it was asked."""

    def __init__(self, url: str, login: str, password: str) -> None:
        parts = urlsplit(url)
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._http = requests.Session()
        self._http.trust_env = False
        form = {"name": login, "password": password, "client": "USM-EAS", "version": "1"}
        answer = self._http.post(f"{url}login?action=login&authId=1&timezone=UTC", data=form, headers=AGENT)
        self._login: dict[str, Any] = answer.json()
        self._known: dict[tuple[str, ...], bytes] = {}
        self.calls = 0

    def answer(self, method: str, target: str, content_type: str, body: bytes) -> bytes:
        """The whole answer to a question."""
        self.calls += 1
        path, _, query = target.partition("?")
        asked = dict(parse_qsl(query, keep_blank_values=True))
        if path.endswith("/login"):
            return self._logged_in(body) if asked.get("action") == "login" else _http(b"{}")
        if path == "/calls":
            return _http(str(self.calls).encode())
        asked.pop("session", None)
        question = (method, path, urlencode(sorted(asked.items())), body.decode("latin-1"))
        if question not in self._known:
            self._known[question] = self._asked(method, path, asked, content_type, body)
        return self._known[question]

    def _asked(self, method: str, path: str, asked: dict[str, str], content_type: str, body: bytes) -> bytes:
        answer = self._http.request(
            method,
            self._origin + path,
            params={**asked, "session": self._login["session"]},
            data=body,
            headers={**AGENT, "Content-Type": content_type} if content_type else AGENT,
        )
        return _http(answer.content, answer.headers.get("Content-Type", ""), answer.status_code)

    def _logged_in(self, body: bytes) -> bytes:
        name = dict(part.partition("=")[::2] for part in body.decode("latin-1").split("&")).get("name", "")
        number = _NUMBER.search(unquote_plus(name))
        own = {"session": secrets.token_hex(16)}
        if number:
            own["user_id"] = int(number.group(1))  # type: ignore[assignment]
        cookies = [
            f"Set-Cookie: {cookie.name}={secrets.token_hex(16)}; Path=/; HttpOnly\r\n"
            for cookie in self._http.cookies
        ]
        return _http(json.dumps({**self._login, **own}).encode(), more="".join(cookies))


def _http(body: bytes, content_type: str = "text/javascript", status: int = 200, more: str = "") -> bytes:
    head = f"HTTP/1.1 {status} -\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n{more}\r\n"
    return head.encode() + body


def serve(echo: Echo) -> StreamServer:
    """Listen on a port of the machine's own choice."""

    def talk(connection: socket.socket, _address: object) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        buffer = b""
        while True:
            while b"\r\n\r\n" not in buffer:
                block = connection.recv(65536)
                if not block:
                    return
                buffer += block
            head, _, buffer = buffer.partition(b"\r\n\r\n")
            length = int(found.group(1)) if (found := _LENGTH.search(head)) else 0
            while len(buffer) < length:
                block = connection.recv(65536)
                if not block:
                    return
                buffer += block
            body, buffer = buffer[:length], buffer[length:]
            method, target = head.split(b" ", 2)[:2]
            kind = found.group(1).decode() if (found := _TYPE.search(head)) else ""
            connection.sendall(echo.answer(method.decode(), target.decode(), kind, body))

    server = StreamServer(("127.0.0.1", 0), talk, backlog=1024)
    server.start()
    return server


def main() -> None:
    """Serve until killed."""
    server = serve(Echo(*sys.argv[1:4]))
    print(json.dumps({"port": server.server_port}), flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
