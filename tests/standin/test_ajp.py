"""The connector speaks AJP 1.3 and HTTP on one port; asked by a small client of its own that follows the protocol."""

from __future__ import annotations

import json
import socket
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import urlencode

import pytest
import requests

from lab.ox.process import StandIn

METHODS = {"OPTIONS": 1, "GET": 2, "HEAD": 3, "POST": 4, "PUT": 5}
HEADERS = {"authorization": 5, "content-type": 7, "content-length": 8, "host": 11, "user-agent": 14}
LOGIN = {"name": "anton@example.org", "password": "secret", "client": "test"}
FORM = {"content-type": "application/x-www-form-urlencoded"}


def _text(value: str) -> bytes:
    raw = value.encode("latin-1")
    return struct.pack(">H", len(raw)) + raw + b"\0"


@dataclass
class Answer:
    """What came back. ``asked``: how often a piece of the body was asked for."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    asked: int = 0
    reuse: bool = False


class Web:
    """One connection of a web server."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=20)

    def packet(self, payload: bytes) -> None:
        """Send one."""
        self.socket.sendall(b"\x12\x34" + struct.pack(">H", len(payload)) + payload)

    def receive(self) -> bytes:
        """The payload of the next one; empty when the connection was closed."""
        head = self._exactly(4)
        if not head:
            return b""
        assert head[:2] == b"AB", head
        return self._exactly(struct.unpack(">H", head[2:])[0])

    def is_there(self) -> bool:
        """CPing, and CPong."""
        self.packet(b"\x0a")
        return self.receive() == b"\x09"

    def ask(
        self,
        method: str,
        path: str,
        query: str = "",
        headers: dict[str, str] | None = None,
        body: bytes = b"",
        is_chunked: bool = False,
    ) -> Answer:
        """One request, as mod_proxy_ajp sends it."""
        headers = {"host": "ox.example.org", **(headers or {})}
        headers |= {"transfer-encoding": "chunked"} if is_chunked else {"content-length": str(len(body))}
        self.packet(_forward(method, path, query, headers))
        rest = body
        if body and not is_chunked:
            rest = self._send_piece(rest, 8184)
        return self._receive_answer(rest)

    def _receive_answer(self, rest: bytes) -> Answer:
        answer = Answer()
        while True:
            payload = self.receive()
            kind, content = payload[0], payload[1:]
            if kind == 6:
                answer.asked += 1
                rest = self._send_piece(rest, struct.unpack(">H", content[:2])[0])
            elif kind == 4:
                answer.status, answer.headers = _read_head(content)
            elif kind == 3:
                (length,) = struct.unpack(">H", content[:2])
                assert len(content) == length + 3
                answer.body += content[2 : 2 + length]
            else:
                assert kind == 5
                answer.reuse = bool(content[0])
                return answer

    def _send_piece(self, rest: bytes, most: int) -> bytes:
        piece, rest = rest[:most], rest[most:]
        self.packet(struct.pack(">H", len(piece)) + piece if piece else b"")
        return rest

    def _exactly(self, count: int) -> bytes:
        found = b""
        while len(found) < count and (more := self.socket.recv(count - len(found))):
            found += more
        return found


def _forward(method: str, path: str, query: str, headers: dict[str, str]) -> bytes:
    payload = bytes([2, METHODS[method]]) + _text("HTTP/1.1") + _text(path) + _text("192.0.2.7")
    payload += b"\xff\xff" + _text("ox.example.org") + struct.pack(">HBH", 443, 1, len(headers))
    for name, value in headers.items():
        code = HEADERS.get(name)
        payload += (struct.pack(">BB", 0xA0, code) if code else _text(name)) + _text(value)
    if query:
        payload += b"\x05" + _text(query)
    payload += b"\x0a" + _text("AJP_REMOTE_PORT") + _text("40000") + b"\x0b" + struct.pack(">H", 256)
    return payload + b"\xff"


def _read_head(content: bytes) -> tuple[int, dict[str, str]]:
    place = 2

    def text() -> str:
        nonlocal place
        (length,) = struct.unpack(">H", content[place : place + 2])
        value = content[place + 2 : place + 2 + length].decode("latin-1")
        place += 3 + length
        return value

    text()
    (count,) = struct.unpack(">H", content[place : place + 2])
    place += 2
    headers = {}
    for _ in range(count):
        name = text()
        headers[name.lower()] = text()
    return struct.unpack(">H", content[:2])[0], headers


@pytest.fixture(scope="module")
def node() -> Iterator[StandIn]:
    """A stand-in."""
    with StandIn() as running:
        yield running


@pytest.fixture
def connect(node: StandIn) -> Iterator[Callable[[], Web]]:
    """Opens connections."""
    opened: list[Web] = []

    def open_one() -> Web:
        opened.append(Web(node.port))
        return opened[-1]

    yield open_one
    for web in opened:
        web.socket.close()


def test_one_connection_serves_many_requests(connect: Callable[[], Web]) -> None:
    web = connect()
    for _ in range(3):
        assert web.is_there()
        answer = web.ask("POST", "/ajax/login", "action=login", FORM, urlencode(LOGIN).encode())
        assert (answer.status, answer.reuse, answer.asked) == (200, True, 0)
        assert json.loads(answer.body)["session"]
        assert answer.headers["content-type"].startswith("text/javascript")


def test_ajp_and_http_are_told_apart_by_the_first_byte(connect: Callable[[], Web], node: StandIn) -> None:
    web = connect()
    assert requests.get(f"{node.url}login?action=login", timeout=20).ok
    assert web.ask("GET", "/ajax/login", "action=login").status == 200
    assert web.ask("GET", "/nowhere").status == 404


@pytest.mark.parametrize("is_chunked", [False, True], ids=["length", "chunked"])
@pytest.mark.parametrize("size", [1, 8184, 8185, 100_000])
def test_bodies_of_any_size_come_in_whole(connect: Callable[[], Web], size: int, is_chunked: bool) -> None:
    web = connect()
    body = urlencode(LOGIN).encode() + b"&filler=" + b"x" * size
    answer = web.ask("POST", "/ajax/login", "action=login", FORM, body, is_chunked)
    assert json.loads(answer.body)["session"]
    assert web.is_there()


def test_large_answers_come_in_pieces_and_equal_those_of_http(
    connect: Callable[[], Web], node: StandIn
) -> None:
    raw = b"Subject: large\r\n\r\n" + b"0123456789abcdef" * 5000
    delivered = requests.post(f"{node.root}/lab/deliver?login=anton@example.org", data=raw, timeout=20).json()
    with requests.Session() as http:
        http.headers["User-Agent"] = "test"
        session = http.post(f"{node.url}login?action=login", data=LOGIN | {"client": "x"}, timeout=20).json()
        which = {"session": session["session"], "folder": "default0/INBOX", "id": delivered["id"]}
        query = urlencode({"action": "get", "src": 1, "save": 1, **which})
        by_http = http.get(f"{node.url}mail?{query}", timeout=20)
        cookie = "; ".join(f"{name}={value}" for name, value in http.cookies.items())
    answer = connect().ask("GET", "/ajax/mail", query, {"cookie": cookie, "user-agent": "test"})
    assert answer.body == by_http.content == raw


def test_what_is_no_ajp_ends_the_connection_and_nothing_else(connect: Callable[[], Web]) -> None:
    for nonsense in (b"\x12\x35\0\0", b"\x12\x34\0\x02\x02\xff", b"\x12\x34\0\x05\x02\x02\0\xff\xff"):
        web = connect()
        web.socket.sendall(nonsense)
        web.socket.shutdown(socket.SHUT_WR)
        assert web.receive() == b""
    assert connect().is_there()


def test_an_idle_connection_does_not_keep_the_server_from_ending() -> None:
    with StandIn() as node:
        web = Web(node.port)
        assert web.is_there()
        began = time.monotonic()
    # Five seconds is what it grants to requests under way.
    assert time.monotonic() - began < 4
    assert web.receive() == b""
    web.socket.close()
