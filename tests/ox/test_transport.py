"""Faults of the network, made by a server that misbehaves for real (``app.ox.transport``)."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests

from app.ox.errors import TooLarge, Unsupported
from app.ox.settings import OxSettings
from app.ox.transport import Cookies, Request, Transport, prepared
from app.usm.errors import SourceUnavailable

GET = Request("GET", "mail", {"action": "all", "session": "hidden"}, repeatable=True)
PUT = replace(GET, method="PUT", data=b"[]", repeatable=False)


class SystemClock:
    def monotonic(self):
        return time.monotonic()


def answer(body: bytes, head: str = "", length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    return f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n{head}\r\n".encode() + body


class Server:
    """Accepts connections and lets a script treat each: it gets the connection and its number."""

    def __init__(self, script: Callable[[socket.socket, int], None]) -> None:
        self.script = script
        self.requests: list[bytes] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}/ajax/"
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        number = 0
        with suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                number += 1
                threading.Thread(target=self._treat, args=(connection, number), daemon=True).start()

    def _treat(self, connection: socket.socket, number: int) -> None:
        with connection, suppress(OSError):
            self.script(connection, number)

    def take(self, connection: socket.socket) -> bytes:
        """One request; ``b""`` when the client has gone."""
        data = b""
        while b"\r\n\r\n" not in data:
            block = connection.recv(65536)
            if not block:
                return b""
            data += block
        head, _, body = data.partition(b"\r\n\r\n")
        for line in head.split(b"\r\n"):
            if line.lower().startswith(b"content-length:"):
                wanted = int(line.split(b":")[1])
                while len(body) < wanted:
                    body += connection.recv(65536)
        self.requests.append(data)
        return data

    def close(self) -> None:
        self.listener.close()


@pytest.fixture
def serve():
    servers = []

    def start(script, **changes):
        def bound(connection, number):
            script(server, connection, number)

        server = Server(bound)
        servers.append(server)
        limits = {"connect_timeout": 1.0, "read_timeout": 0.5, "connection_wait": 0.3, **changes}
        return server, Transport(OxSettings(server.url, **limits), SystemClock())

    yield start
    for server in servers:
        server.close()


def always(data: bytes):
    def script(server, connection, number):
        while server.take(connection):
            connection.sendall(data)

    return script


def test_a_whole_answer_comes_back(serve):
    server, transport = serve(always(answer(b"hello")))
    assert transport.send(GET, Cookies()) == b"hello"
    assert server.requests[0].startswith(b"GET /ajax/mail?action=all&session=hidden HTTP/1.1")


def test_nobody_listening_is_unavailable(serve):
    server, transport = serve(always(b""))
    server.close()
    dead = socket.create_server(("127.0.0.1", 0))
    port = dead.getsockname()[1]
    dead.close()
    transport = Transport(OxSettings(f"http://127.0.0.1:{port}/ajax/", connect_timeout=1.0), SystemClock())
    with pytest.raises(SourceUnavailable, match="cannot be reached"):
        transport.send(GET, Cookies())


def test_silence_ends_in_a_timeout(serve):
    def script(server, connection, number):
        server.take(connection)
        time.sleep(3)

    server, transport = serve(script)
    begun = time.monotonic()
    with pytest.raises(SourceUnavailable, match="did not answer in time"):
        transport.send(GET, Cookies())
    assert time.monotonic() - begun < 2
    assert len(server.requests) == 1


def test_an_answer_that_drips_for_ever_ends_too(serve):
    def script(server, connection, number):
        server.take(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        for _ in range(100):
            connection.sendall(b"." * 70000)
            time.sleep(0.1)

    _, transport = serve(script, call_timeout=0.5)
    begun = time.monotonic()
    with pytest.raises(SourceUnavailable, match="did not end its answer"):
        transport.send(GET, Cookies())
    assert time.monotonic() - begun < 3


@pytest.mark.parametrize("head", ["", "Transfer-Encoding: chunked\r\n"])
def test_an_answer_that_is_cut_is_never_taken_for_whole(serve, head):
    def script(server, connection, number):
        server.take(connection)
        connection.sendall(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel"
            if head
            else answer(b"hel", "", 100)
        )

    _, transport = serve(script)
    with pytest.raises(SourceUnavailable):
        transport.send(GET, Cookies())


def test_a_connection_that_ended_while_idle_is_not_an_error_for_reading(serve):
    def script(server, connection, number):
        while server.take(connection):
            if number == 1 and len(server.requests) == 2:
                return  # closed at the moment it is taken up again
            connection.sendall(answer(b"hello"))

    server, transport = serve(script)
    transport.send(GET, Cookies())
    assert transport.send(GET, Cookies()) == b"hello"
    assert len(server.requests) == 3


def test_what_might_have_been_written_is_never_sent_again(serve):
    def script(server, connection, number):
        server.take(connection)

    server, transport = serve(script)
    with pytest.raises(SourceUnavailable):
        transport.send(PUT, Cookies())
    assert len(server.requests) == 1


def test_an_answer_beyond_the_limit_is_not_held(serve):
    _, transport = serve(always(answer(b"x" * 500_000)))
    with pytest.raises(TooLarge):
        transport.send(replace(GET, limit=100_000), Cookies())
    assert len(transport.send(GET, Cookies())) == 500_000


def test_an_answer_that_is_packed_is_not_unpacked(serve):
    import gzip

    packed = gzip.compress(b"x" * 50_000_000)
    _, transport = serve(always(answer(packed, "Content-Encoding: gzip\r\n")), read_timeout=5.0)
    with pytest.raises(SourceUnavailable):
        transport.send(replace(GET, limit=100_000), Cookies())


@pytest.mark.parametrize(
    ("status", "raised"),
    [
        ("301 Moved", SourceUnavailable),
        ("404 Not Found", Unsupported),
        ("429 Too Many Requests", SourceUnavailable),
        ("500 Oops", SourceUnavailable),
        ("503 Down", SourceUnavailable),
        ("204 No Content", SourceUnavailable),
    ],
)
def test_any_other_status_is_unavailable_and_names_the_call_without_the_session(serve, status, raised):
    head = "Location: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
    server, transport = serve(always(f"HTTP/1.1 {status}\r\n{head}".encode()))
    with pytest.raises(raised) as caught:
        transport.send(GET, Cookies())
    assert type(caught.value) is raised
    assert "mail?action=all" in str(caught.value)
    assert "hidden" not in str(caught.value)
    assert len(server.requests) == 1


def test_bytes_that_are_no_http_are_unavailable(serve):
    _, transport = serve(always(b"\x00\x01\x02 what is this\r\n\r\n"))
    with pytest.raises(SourceUnavailable):
        transport.send(GET, Cookies())


def test_the_number_of_connections_is_bounded(serve):
    busy = threading.Event()

    def script(server, connection, number):
        while server.take(connection):
            busy.set()
            time.sleep(0.8)
            connection.sendall(answer(b"late"))

    server, transport = serve(script, connections=1, read_timeout=5.0)
    results = []
    other = threading.Thread(target=lambda: results.append(transport.send(GET, Cookies())))
    other.start()
    busy.wait(2)
    with pytest.raises(SourceUnavailable, match="all 1 connections"):
        transport.send(GET, Cookies())
    other.join()
    assert results == [b"late"]
    assert transport.send(GET, Cookies()) == b"late"
    assert len(server.requests) == 2


def test_environment_and_netrc_do_not_reach_the_calls(serve, monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password hidden\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1/")
    server, transport = serve(always(answer(b"ok")))
    assert transport.send(GET, Cookies()) == b"ok"
    assert b"Authorization" not in server.requests[0]


@pytest.mark.parametrize(
    "request_",
    [
        GET,
        PUT,
        replace(
            GET,
            params={"action": "all", "folder": "default0/Entwürfe & Ä+ö", "columns": "1,20", "q": "~*'()"},
        ),
        replace(GET, path="contacts", params={"action": "get", "id": "", "name": "a b/c?d=e#f%20"}),
    ],
)
def test_a_request_is_written_as_requests_would_write_it(request_):
    base, headers = "http://127.0.0.1:8009/ajax/", {"User-Agent": "somebody"}
    made = prepared(base, request_, headers)
    wanted = requests.Request(
        request_.method, base + request_.path, params=request_.params, data=request_.data, headers=headers
    ).prepare()
    assert (made.method, made.body, dict(made.headers)) == (wanted.method, wanted.body, dict(wanted.headers))
    assert parse_qsl(urlsplit(made.url).query, keep_blank_values=True) == list(request_.params.items())
    assert made.url == wanted.url


@pytest.mark.parametrize("path", ["image/../x", "image/a b", "mail?x=1"])
def test_an_unusual_path_is_left_to_requests(path):
    made = prepared("http://127.0.0.1:8009/ajax/", replace(GET, path=path, params={}), {})
    assert made.url == requests.Request("GET", "http://127.0.0.1:8009/ajax/" + path).prepare().url


def test_a_header_of_two_lines_is_refused(serve):
    server, transport = serve(always(answer(b"hello")))
    with pytest.raises(SourceUnavailable):
        transport.send(replace(GET, authorization="Bearer a\r\nX: y"), Cookies())
    assert not server.requests
    assert transport.send(GET, Cookies()) == b"hello"


def test_a_write_without_a_body_says_so():
    made = prepared("http://127.0.0.1:8009/ajax/", replace(PUT, data=None), {})
    assert (made.body, made.headers["Content-Length"]) == (None, "0")


def test_a_body_that_stops_coming_is_an_answer_that_is_not_in_time(serve):
    def script(server, connection, number):
        server.take(connection)
        connection.sendall(answer(b"hel", length=5))
        time.sleep(2)

    _, transport = serve(script)
    with pytest.raises(SourceUnavailable, match="did not answer in time"):
        transport.send(GET, Cookies())
