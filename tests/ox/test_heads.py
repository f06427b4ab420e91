"""Heads of requests and answers (``app.ox.heads``): what is read here is what the library would have read."""

from __future__ import annotations

import http.client
import io
from typing import Any

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from app.ox import heads

USUAL = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/javascript; charset=UTF-8\r\nDate: Mon, 23 Nov 2026 08:00:00 GMT\r\n"
    b"cache-control:  no-store\r\nEmpty:\r\nCONTENT-LENGTH: 5\r\n\r\n"
)
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


class Line:
    """What an answer takes for a socket; all of ``data`` comes at once, or byte by byte."""

    def __init__(self, data: bytes, size: int = 8192) -> None:
        self.data = data
        self.size = size

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(io.BytesIO(self.data), self.size)


def seen(kind: type[http.client.HTTPResponse], data: bytes, size: int = 8192) -> Any:
    """What becomes of an answer: its head and its body, or the error."""
    line: Any = Line(data, size)
    answer = kind(line, method="GET")
    try:
        answer.begin()
        fields: Any = answer.fields if isinstance(answer, heads.Answer) else answer.headers
        named = {name.lower(): fields[name] for name in fields}
        head = answer.version, answer.status, answer.reason, answer.length, answer.chunked, answer.will_close
        return head, named, answer.read(65536)
    except (http.client.HTTPException, ValueError) as error:
        return type(error)


def by_library(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The heads that the library reads from now on."""
    read: list[bytes] = []
    begin = http.client.HTTPResponse.begin

    def counted(self: http.client.HTTPResponse) -> None:
        read.append(b"")
        begin(self)

    monkeypatch.setattr(http.client.HTTPResponse, "begin", counted)
    return read


@pytest.mark.parametrize(
    "head",
    [
        USUAL,
        CHUNKED,
        USUAL.replace(b" OK", b""),
        USUAL.replace(b"Empty:", b"Connection: Keep-Alive"),
        USUAL.replace(b": 5", b": 0"),
    ],
)
def test_a_usual_head_is_read_as_the_library_reads_it(head: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    data = head + (b"5\r\nhello\r\n0\r\n\r\n" if head is CHUNKED else b"hello")
    wanted = seen(http.client.HTTPResponse, data)
    read = by_library(monkeypatch)
    assert seen(heads.Answer, data) == wanted
    assert not read


UNUSUAL = {
    "another status": USUAL.replace(b"200 OK", b"404 Not Found"),
    "no content": b"HTTP/1.1 204 No Content\r\nServer: x\r\n\r\n",
    "not modified": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
    "HTTP/1.0": b"HTTP/1.0 200 OK\r\nServer: x\r\n\r\n",
    "HTTP/1.0 kept": b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\n",
    "without a length": b"HTTP/1.1 200 OK\r\nServer: x\r\n\r\n",
    "without a line": b"HTTP/1.1 200 OK\r\n\r\n",
    "to be closed": USUAL.replace(b"Empty:", b"Connection: close"),
    "a folded line": USUAL.replace(b"Empty:", b"Empty: not\r\n really"),
    "a folded length": USUAL.replace(b": 5", b":\r\n\t5"),
    "two lengths": USUAL.replace(b"Empty:", b"Content-Length: 3"),
    "length and chunks": USUAL.replace(b"Empty:", b"Transfer-Encoding: chunked"),
    "another coding": USUAL.replace(b"Empty:", b"Transfer-Encoding: gzip"),
    "chunks in capitals": CHUNKED.replace(b"chunked", b"Chunked"),
    "a length that is none": USUAL.replace(b": 5", b": five"),
    "a length below nothing": USUAL.replace(b": 5", b": -5"),
    "a length with a sign": USUAL.replace(b": 5", b": +5"),
    "a length with a space": USUAL.replace(b": 5", b": 5 "),
    "a length of many digits": USUAL.replace(b": 5", b": " + b"0" * 5000 + b"5"),
    "cookies": USUAL.replace(b"Empty:", b"Set-Cookie: a=b\r\nSet-Cookie: c=d"),
    "no colon": USUAL.replace(b"Empty:", b"Empty"),
    "a space before the colon": USUAL.replace(b"Empty:", b"Empty :"),
    "no name": USUAL.replace(b"Empty:", b": empty"),
    "other letters": USUAL.replace(b"Empty:", b"Empty: \xe4"),
    "control characters": USUAL.replace(b"Empty:", b"Empty: a\x00b\x0bc\x85d"),
    "bare ends of lines": USUAL.replace(b"\r\n", b"\n"),
    "continue": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 Continue\r\nX: y\r\n\r\n" + USUAL,
    "early hints": b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + USUAL,
    "no HTTP": b"\x00\x01 what is this\r\n\r\n",
    "another protocol": USUAL.replace(b"HTTP/1.1", b"HTTP/2.0"),
    "no number": USUAL.replace(b"200 OK", b"OK"),
    "nothing": b"",
    "a long line": USUAL.replace(b"Empty:", b"Empty: " + b"x" * 70000),
    "a long first line": USUAL.replace(b"OK", b"x" * 70000),
    "many lines": USUAL.replace(b"Empty:", b"".join(b"X%d: y\r\n" % n for n in range(120)) + b"Empty:"),
    "not quite as many": USUAL.replace(b"Empty:", b"".join(b"X%d: y\r\n" % n for n in range(80)) + b"Empty:"),
}


@pytest.mark.parametrize("name", UNUSUAL)
def test_any_other_is_left_to_the_library(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = UNUSUAL[name] + b"hello"
    wanted = seen(http.client.HTTPResponse, data)
    read = by_library(monkeypatch)
    assert seen(heads.Answer, data) == wanted
    assert read


def test_a_usual_head_in_pieces_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    read = by_library(monkeypatch)
    assert seen(heads.Answer, USUAL + b"hello", size=1) == seen(heads.Answer, USUAL + b"hello")
    assert len(read) == 1


@pytest.mark.parametrize("end", range(1, len(USUAL) - 1))
def test_a_head_that_is_cut_off_is_no_head(end: int) -> None:
    assert issubclass(seen(heads.Answer, USUAL[:end]), http.client.HTTPException)


def test_the_answer_to_head_has_no_body() -> None:
    line: Any = Line(USUAL)
    answer = heads.Answer(line, method="HEAD")
    answer.begin()
    assert (answer.length, answer.read(10)) == (0, b"")


PIECES = [
    *(
        b"HTTP/1.1",
        b"HTTP/1.0",
        b" ",
        b"200",
        b"204",
        b"OK",
        b"\r\n",
        b"\r",
        b"\n",
        b":",
        b"\t",
        b"5",
        b"-",
        b",",
    ),
    *(
        b"Content-Length",
        b"Transfer-Encoding",
        b"Connection",
        b"chunked",
        b"close",
        b"keep-alive",
        b"x",
        b"\xe4",
    ),
    *(
        b"\r\nContent-Length: 5\r\n",
        b"\r\nTransfer-Encoding: chunked\r\n",
        b"\r\n\r\n",
        b"0\r\n\r\n",
        b"\x0c",
    ),
]


@settings(deadline=None, derandomize=True, max_examples=400)
@given(
    st.one_of(
        st.lists(st.sampled_from(PIECES), max_size=25).map(b"".join),
        st.lists(st.sampled_from(PIECES), max_size=12).map(
            lambda more: b"HTTP/1.1 200 OK\r\n" + b"".join(more)
        ),
        st.lists(st.sampled_from(PIECES), max_size=6).map(
            lambda more: USUAL[:-2] + b"".join(more) + b"\r\n\r\nhello"
        ),
    )
)
def test_whatever_comes_is_read_as_the_library_reads_it_or_is_an_error(data: bytes) -> None:
    found = seen(heads.Answer, data)
    if isinstance(found, type):
        wanted = seen(http.client.HTTPResponse, data)
        assert found is wanted or found is http.client.IncompleteRead
    else:
        assert found == seen(http.client.HTTPResponse, data)


def request(**headers: str) -> requests.PreparedRequest:
    made = requests.PreparedRequest()
    made.method = "GET"
    made.headers = dict(headers)  # type: ignore[assignment]
    return made


def test_the_head_of_a_request() -> None:
    assert heads.written(request(Cookie="a=é"), "/ajax/mail?action=all", "ox:8009") == (
        b"GET /ajax/mail?action=all HTTP/1.1\r\nHost: ox:8009\r\nAccept-Encoding: identity\r\nCookie: a=\xe9\r\n\r\n"
    )


@pytest.mark.parametrize("value", ["a\r\nX: y", "a\nb", "a\rb", "a\x00", "a\x7f", "\u20ac", "a\u2028b"])
def test_a_line_that_would_be_two_is_refused(value: str) -> None:
    with pytest.raises(requests.RequestException):
        heads.written(request(Cookie=value), "/", "ox")
    with pytest.raises(requests.RequestException):
        heads.written(request(), f"/{value}", "ox")
