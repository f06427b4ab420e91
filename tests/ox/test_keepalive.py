"""Connections that are kept, also over TLS."""

from __future__ import annotations

import datetime
import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from requests.cookies import RequestsCookieJar, extract_cookies_to_jar

from app.ox import keepalive
from app.ox.heads import Answer
from app.ox.keepalive import Dropped, KeepAlive, NeverSent, NotInTime

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
TIMES = 1.0, 2.0


class Listener:
    """Answers each request of each connection in the same way."""

    def __init__(self, data: bytes = ANSWER, tls: ssl.SSLContext | None = None) -> None:
        self.data = data
        self.tls = tls
        self.ends = False
        """Whether each answer is the last of its connection."""
        self.slow = False
        """Whether it comes byte by byte."""
        self.heard = b""
        self.wanted = 0
        """Bytes of the body of a request."""
        self.stopped = threading.Event()
        self.connections: list[socket.socket] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        with suppress(OSError):
            while True:
                plain, _ = self.listener.accept()
                threading.Thread(target=self._serve, args=(plain,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError):
            if self.tls is not None:
                connection = self.tls.wrap_socket(connection, server_side=True)
            self.connections.append(connection)
            while self._hear(connection):
                size = 1 if self.slow else len(self.data) or 1
                for start in range(0, len(self.data), size):
                    connection.sendall(self.data[start : start + size])
                if self.ends:
                    connection.shutdown(socket.SHUT_RDWR)
        self.stopped.set()

    def _hear(self, connection: socket.socket) -> bytes:
        data = b""
        while b"\r\n\r\n" not in data or len(data.partition(b"\r\n\r\n")[2]) < self.wanted:
            block = connection.recv(65536)
            if not block:
                return b""
            data += block
        self.heard = data
        return data

    def close(self) -> None:
        self.listener.close()
        for each in self.connections:
            each.close()


@pytest.fixture
def listener() -> Iterator[Listener]:
    made = Listener()
    yield made
    made.close()


class Blocks:
    """A body in pieces."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def __iter__(self) -> Iterator[bytes]:
        return (self.data[start : start + 10_000] for start in range(0, len(self.data), 10_000))


def get(listener: Listener) -> requests.PreparedRequest:
    return requests.Request("GET", f"http://127.0.0.1:{listener.port}/").prepare()


def asked(adapter: KeepAlive, listener: Listener, scheme: str = "http", data: bytes | None = None) -> bytes:
    url = f"{scheme}://127.0.0.1:{listener.port}/ajax/mail"
    request = requests.Request("PUT" if data else "GET", url, data=data).prepare()
    with adapter.send(request, stream=True, timeout=TIMES) as response:
        assert response.status_code == 200
        return b"".join(response.iter_content(3))


def test_a_connection_is_used_again(listener: Listener) -> None:
    adapter = KeepAlive(2)
    assert [asked(adapter, listener) for _ in range(3)] == [b"hello"] * 3
    assert asked(adapter, listener, data=b"[]") == b"hello"
    assert len(listener.connections) == 1
    adapter.close()
    assert asked(adapter, listener) == b"hello"
    assert len(listener.connections) == 2


def test_one_that_was_closed_meanwhile_is_not(listener: Listener) -> None:
    adapter = KeepAlive(2)
    asked(adapter, listener)
    listener.connections[0].shutdown(socket.SHUT_RDWR)
    assert asked(adapter, listener, data=b"[]") == b"hello"
    assert len(listener.connections) == 2


def test_one_that_said_something_unasked_is_not(listener: Listener) -> None:
    adapter = KeepAlive(2)
    asked(adapter, listener)
    listener.connections[0].sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong")
    assert asked(adapter, listener) == b"hello"
    assert len(listener.connections) == 2


def test_one_whose_answer_was_not_read_to_its_end_is_not(listener: Listener) -> None:
    adapter = KeepAlive(2)
    request = requests.Request("GET", f"http://127.0.0.1:{listener.port}/").prepare()
    with adapter.send(request, timeout=TIMES) as response:
        assert next(response.iter_content(2)) == b"he"
    asked(adapter, listener)
    assert len(listener.connections) == 2


def test_one_that_the_server_wants_to_end_is_not(listener: Listener) -> None:
    listener.data = ANSWER.replace(b"OK\r\n", b"OK\r\nConnection: close\r\n")
    adapter = KeepAlive(2)
    asked(adapter, listener)
    asked(adapter, listener)
    assert len(listener.connections) == 2


def test_no_more_are_kept_than_wanted(listener: Listener) -> None:
    adapter = KeepAlive(1)
    request = requests.Request("GET", f"http://127.0.0.1:{listener.port}/").prepare()
    responses = [adapter.send(request, timeout=TIMES) for _ in range(3)]
    assert [response.content for response in responses] == [b"hello"] * 3
    for _ in range(2):
        asked(adapter, listener)
    assert len(listener.connections) == 3


def test_without_a_listener_nothing_was_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with pytest.raises(NeverSent):
        KeepAlive(1).send(requests.Request("GET", f"http://127.0.0.1:{port}/").prepare(), timeout=TIMES)


@pytest.mark.parametrize(
    ("fault", "seen"), [(TimeoutError, NotInTime), (socket.gaierror, NeverSent), (KeyboardInterrupt, None)]
)
def test_a_connection_that_does_not_come_about(
    fault: type[BaseException], seen: type[Exception] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def connect(self: http.client.HTTPConnection) -> None:
        raise fault

    monkeypatch.setattr(http.client.HTTPConnection, "connect", connect)
    request = requests.Request("GET", "http://127.0.0.1:1/").prepare()
    with pytest.raises(seen or fault):
        KeepAlive(1).send(request, timeout=TIMES)


@pytest.mark.parametrize(
    ("fault", "seen"),
    [
        (ConnectionResetError, Dropped),
        (http.client.RemoteDisconnected, Dropped),
        (TimeoutError, requests.ReadTimeout),
        (http.client.LineTooLong, requests.ConnectionError),
        (KeyboardInterrupt, None),
    ],
)
def test_a_request_that_is_not_answered(
    listener: Listener,
    fault: type[BaseException],
    seen: type[Exception] | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def begin(self: http.client.HTTPResponse) -> None:
        raise fault("x")

    adapter = KeepAlive(1)
    with monkeypatch.context() as patch:
        patch.setattr(Answer, "begin", begin)
        with pytest.raises(seen or fault):
            asked(adapter, listener)
    assert asked(adapter, listener) == b"hello"
    assert len(listener.connections) == 2


def headed(line: bytes, status: bytes = b"HTTP/1.1 200 OK", length: bytes = b"5") -> bytes:
    """The answer with one more line."""
    return status + b"\r\n" + line + b"\r\nContent-Length: " + length + b"\r\n\r\nhello"


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

UNREADABLE: dict[str, tuple[bytes, type[Exception]]] = {
    "no head": (b"", Dropped),
    "garbage": (b"\x00\x01 what is this\r\n\r\n", Dropped),
    "half a first line": (b"HTTP/1.1 2", Dropped),
    "a first line": (b"HTTP/1.1 200 OK\r\n", requests.ConnectionError),
    "half a head": (b"HTTP/1.1 200 OK\r\nServer: x\r\n", requests.ConnectionError),
    "continue and no more": (b"HTTP/1.1 100 Continue\r\n\r\n", Dropped),
    "another protocol": (b"HTTP/3.0 200 OK\r\n\r\nhello", requests.ConnectionError),
    "a long first line": (b"HTTP/1.1 200 " + b"x" * 70000 + b"\r\n\r\n", requests.ConnectionError),
    "a long line": (headed(b"X: " + b"x" * 70000), requests.ConnectionError),
    "many lines": (headed(b"X: y\r\n" * 200 + b"Z:"), requests.ConnectionError),
    "packed": (headed(b"Content-Encoding: br"), requests.exceptions.ContentDecodingError),
    "a body that is cut off": (headed(b"X: y", length=b"6"), http.client.IncompleteRead),
    "a chunk that is cut off": (CHUNKED + b"6\r\nhello", http.client.IncompleteRead),
    "chunks without an end": (CHUNKED + b"5\r\nhello\r\n", http.client.HTTPException),
    "a chunk of no size": (CHUNKED + b"five\r\nhello\r\n0\r\n\r\n", http.client.HTTPException),
    "a chunk below nothing": (CHUNKED + b"-5\r\nhello\r\n0\r\n\r\n", http.client.HTTPException),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_an_answer_that_cannot_be_read_is_an_error(listener: Listener, name: str) -> None:
    listener.data, error = UNREADABLE[name]
    listener.ends = True
    with pytest.raises(error):
        asked(KeepAlive(1), listener)


READABLE: dict[str, tuple[bytes, bool]] = {
    "usual": (headed(b"Server: x"), True),
    "kept": (headed(b"Connection: Keep-Alive"), True),
    "continue": (b"HTTP/1.1 100 Continue\r\n\r\n" + headed(b"X: y"), True),
    "a folded line": (headed(b"X: y\r\n z"), True),
    "cookies": (headed(b"Set-Cookie: a=b\r\nSet-Cookie: c=d"), True),
    "chunks": (CHUNKED + b"3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n", True),
    "chunks with something after": (CHUNKED + b"5;x=y\r\nhello\r\n0\r\nDigest: x\r\n\r\n", True),
    "one that closes": (headed(b"Connection: close"), False),
    "HTTP/1.0": (headed(b"X: y", b"HTTP/1.0 200 OK"), False),
    "without a length": (b"HTTP/1.0 200 OK\r\n\r\nhello", False),
    "a length that is none": (headed(b"X: y", length=b"-5"), False),
    "no colon": (headed(b"no colon"), False),
}


@pytest.mark.parametrize("name", READABLE)
def test_an_answer_is_read_to_its_end_and_its_connection_kept_where_it_may_be(
    listener: Listener, name: str
) -> None:
    listener.data, kept = READABLE[name]
    listener.ends = not kept
    adapter = KeepAlive(1)
    assert [asked(adapter, listener) for _ in range(3)] == [b"hello"] * 3
    assert len(listener.connections) == (1 if kept else 3)


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
def test_an_answer_that_has_no_body_keeps_its_connection(listener: Listener, status: bytes) -> None:
    listener.data = b"HTTP/1.1 " + status + b"\r\n\r\n"
    adapter = KeepAlive(1)
    for _ in range(2):
        with adapter.send(get(listener), timeout=TIMES) as response:
            assert (response.status_code, response.content) == (int(status[:3]), b"")
    assert len(listener.connections) == 1


def test_an_answer_in_many_pieces(listener: Listener) -> None:
    listener.slow = True
    adapter = KeepAlive(1)
    assert [asked(adapter, listener) for _ in range(2)] == [b"hello"] * 2
    assert len(listener.connections) == 1


def test_cookies_and_other_lines_are_found_by_any_name(listener: Listener) -> None:
    listener.data = headed(b"set-cookie: a=b; Path=/")
    jar = RequestsCookieJar()
    with KeepAlive(1).send(get(listener), timeout=TIMES) as response:
        assert (response.headers["CONTENT-length"], response.headers["Set-Cookie"]) == ("5", "a=b; Path=/")
        extract_cookies_to_jar(jar, response.request, response.raw)
    assert jar.get_dict() == {"a": "b"}


def test_what_is_not_read_is_closed_at_once(listener: Listener) -> None:
    response = KeepAlive(1).send(get(listener), timeout=TIMES)
    response.close()
    assert listener.stopped.wait(5)
    assert response.status_code == 200  # still held, so that it is not its end that closes


@pytest.mark.parametrize("size", [0, 2, 65536, 65537, 500_000])
def test_a_body_goes_out_after_its_head(listener: Listener, size: int) -> None:
    body = b"x" * size
    adapter = KeepAlive(1)
    for data in (body, Blocks(body)):
        request = get(listener)
        request.method, request.body = "PUT", data  # type: ignore[assignment]
        request.headers["Content-Length"] = str(size)
        listener.wanted = size
        with adapter.send(request, timeout=TIMES) as response:
            assert response.content == b"hello"
        head, _, sent = listener.heard.partition(b"\r\n\r\n")
        assert head.startswith(b"PUT / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n" % listener.port)
        assert sent == body
    assert len(listener.connections) == 1


def test_a_form_goes_out_as_text(listener: Listener) -> None:
    request = requests.Request("POST", f"http://127.0.0.1:{listener.port}/#x", data={"name": "ä"}).prepare()
    with KeepAlive(1).send(request, timeout=TIMES) as response:
        assert response.content == b"hello"
    assert listener.heard.startswith(b"POST / HTTP/1.1\r\n")
    assert listener.heard.endswith(b"\r\n\r\nname=%C3%A4")


def certificate(folder: Path) -> tuple[Path, Path]:
    """Certificate and key of 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "OX")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return folder / "cert.pem", folder / "key.pem"


def test_only_a_certificate_that_is_trusted_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, key = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path, key)
    listener = Listener(tls=context)
    with pytest.raises(NeverSent, match="certificate"):
        asked(KeepAlive(1), listener, "https")
    monkeypatch.setattr(keepalive, "DEFAULT_CA_BUNDLE_PATH", str(path))
    adapter = KeepAlive(1)
    assert [asked(adapter, listener, "https") for _ in range(3)] == [b"hello"] * 3
    assert len(listener.connections) == 1
    listener.connections[0].shutdown(socket.SHUT_RDWR)
    assert asked(adapter, listener, "https") == b"hello"
    listener.close()
