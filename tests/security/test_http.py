"""Requests that are no requests: slow ones, large ones, ambiguous ones, and what is slipped into names and paths."""

from __future__ import annotations

import gzip
import socket
import time
import zlib

import pytest

from tests.security.conftest import ALIAS, Attacked, basic
from tests.security.impatient import BODY, HEAD

LOGIN = basic("anton@example.org")["Authorization"]
QUERY = "Cmd=FolderSync&User=anton&DeviceId=httpattack&DeviceType=Phone"


def head(*fields: str, line: str = f"POST {ALIAS}?{QUERY} HTTP/1.1") -> bytes:
    """The head of a request with a password."""
    mine = (
        line,
        "Host: eas.example.org",
        f"Authorization: {LOGIN}",
        "MS-ASProtocolVersion: 14.1",
        "Content-Type: application/vnd.ms-sync.wbxml",
        *fields,
    )
    return "".join(f"{each}\r\n" for each in (*mine, "")).encode("latin-1")


def statuses(answer: bytes) -> list[int]:
    """Of all answers in these bytes."""
    return [int(part[:3]) for part in answer.split(b"HTTP/1.1 ")[1:]]


# -- slow clients --------------------------------------------------------------------------------------------------


def ends_within(attacked: Attacked, first: bytes, drop: bytes, seconds: float) -> bytes:
    """Send ``first`` and then a byte now and then; what is heard until the server has had enough."""
    with socket.create_connection(("127.0.0.1", attacked.port), timeout=0.2) as connection:
        connection.sendall(first)
        end = time.monotonic() + seconds
        answer = b""
        while time.monotonic() < end:
            try:
                connection.sendall(drop)
                block = connection.recv(65536)
            except TimeoutError:
                continue
            except OSError:
                return answer
            if not block:
                return answer
            answer += block
    raise AssertionError(f"still connected after {seconds} seconds")


def test_a_head_that_dribbles_in_ends_the_connection(attacked: Attacked) -> None:
    first = f"POST {ALIAS} HTTP/1.1\r\nHost: x\r\nX-Slow: ".encode()
    assert ends_within(attacked, first, b"a", HEAD * 5) == b""


def test_a_body_that_dribbles_in_is_answered_and_ends_the_connection(attacked: Attacked) -> None:
    answer = ends_within(attacked, head("Content-Length: 10000"), b"a", BODY * 6)
    assert statuses(answer) == [408]
    assert b"connection: close" in answer.lower()


def test_a_chunked_body_that_dribbles_in_is_answered_as_well(attacked: Attacked) -> None:
    answer = ends_within(attacked, head("Transfer-Encoding: chunked"), b"1\r\na\r\n", BODY * 6)
    assert statuses(answer) == [408]


def test_hundreds_of_slow_clients_keep_nobody_waiting(attacked: Attacked) -> None:
    slow = [socket.create_connection(("127.0.0.1", attacked.port)) for _ in range(300)]
    try:
        for number, connection in enumerate(slow):
            connection.sendall(head("Content-Length: 10000") if number % 2 else b"POST / HTTP/1.1\r\nX: ")
        assert attacked.ask("dora@example.org").status_code == 200
    finally:
        for connection in slow:
            connection.close()


# -- large ones ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fields", [("Content-Length: 999999999999",), ("Content-Length: 300001",)])
def test_a_huge_body_is_refused_by_what_it_announces(attacked: Attacked, fields: tuple[str, ...]) -> None:
    answer = attacked.talk(head(*fields, "Connection: close") + b"x" * 310_000)
    assert statuses(answer) == [413]


def test_a_chunked_body_has_no_way_to_be_huge(attacked: Attacked) -> None:
    chunks = b"186a0\r\n" + b"x" * 100_000 + b"\r\n"
    answer = attacked.talk(
        head("Transfer-Encoding: chunked", "Connection: close") + chunks * 5 + b"0\r\n\r\n"
    )
    assert statuses(answer) == [413]


@pytest.mark.parametrize(
    "bomb",
    [
        gzip.compress(bytes(50_000_000)),
        zlib.compress(bytes(50_000_000)),
        gzip.compress(b"x") * 1000,
    ],
    ids=["gzip", "deflate", "many members"],
)
def test_a_bomb_of_compression_is_refused(attacked: Attacked, bomb: bytes) -> None:
    assert len(bomb) < 300_000
    fields = (f"Content-Length: {len(bomb)}", "Content-Encoding: gzip", "Connection: close")
    [status] = statuses(attacked.talk(head(*fields) + bomb))
    assert status in (400, 413)


def test_two_layers_of_compression_are_not_understood(attacked: Attacked) -> None:
    answer = attacked.talk(
        head("Content-Length: 1", "Content-Encoding: gzip, gzip", "Connection: close") + b"x"
    )
    assert statuses(answer) == [415]


@pytest.mark.parametrize(
    "fields",
    [
        [f"X-{number}: a" for number in range(200)],
        ["X-Long: " + "a" * 9_000],
        ["Cookie: " + "a=b; " * 5_000],
    ],
    ids=["many", "long", "cookies"],
)
def test_heads_are_bounded(attacked: Attacked, fields: list[str]) -> None:
    found = statuses(attacked.talk(head(*fields, "Content-Length: 0", "Connection: close")))
    assert found in ([400], [431])


# -- ambiguous ones ---------------------------------------------------------------------------------------------------

HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize(
    "fields",
    [
        ("Content-Length: 5", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: chunked", "Content-Length: 5"),
        ("Content-Length: 5", "Content-Length: 50"),
        ("Content-Length: 5", "Content-Length: 5"),
        ("Content-Length: 5, 5",),
        ("Content-Length: +5",),
        ("Content-Length: 0x5",),
        ("Content-Length: 5 ", "Transfer-Encoding: chunked"),
        ("Content-Length : 5",),
        ("Transfer-Encoding : chunked",),
        ("Transfer-Encoding: xchunked",),
        ("Transfer-Encoding: chunked, chunked",),
        ("Transfer-Encoding: chunked, identity",),
        ("Transfer-Encoding: chunked", "Transfer-Encoding: gzip"),
        ("Transfer-Encoding:\x0bchunked",),
        ("Transfer_Encoding: chunked",),
        ("X: y\r\n Transfer-Encoding: chunked",),
        ("X: y\nTransfer-Encoding: chunked",),
        ("X: y\rTransfer-Encoding: chunked",),
    ],
    ids=repr,
)
def test_no_second_request_is_smuggled_in_a_first(attacked: Attacked, fields: tuple[str, ...]) -> None:
    """Whatever two readers could understand differently has one answer at most, and then the connection ends."""
    answer = attacked.talk(head(*fields) + b"0\r\n\r\n" + HIDDEN, 8.0)
    assert len(statuses(answer)) <= 1 or 404 not in statuses(answer), answer
    assert b"hidden" not in answer


def test_requests_in_a_row_are_answered_one_by_one(attacked: Attacked) -> None:
    """So the test above would see a second answer."""
    whole = head("Content-Length: 0") + HIDDEN
    assert statuses(attacked.talk(whole, 5.0)) == [200, 404]


# -- what is slipped in ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        f"/{ALIAS}",
        f"{ALIAS}/",
        f"{ALIAS};x=y",
        f"{ALIAS}/../usm/metrics",
        f"{ALIAS}/%2e%2e/usm/health",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/..%2f..%2fetc/passwd",
        "/..%5c..%5cetc/passwd",
        "/usm/health",
        "/usm/metrics",
        "/usm/admin",
        "/usm/admin/",
        "/usm/%61dmin/",
        "//usm/admin/",
        "/USM/admin/",
        "/usm/../usm/admin/",
        f"{ALIAS}%00",
        f"{ALIAS}%0d%0aX: y",
        "/autodiscover/autodiscover.xml/../../usm/metrics",
    ],
)
def test_there_is_nothing_beside_the_addresses_of_phones(attacked: Attacked, path: str) -> None:
    line = f"GET {path.replace(' ', '%20')} HTTP/1.1"
    [status] = statuses(attacked.talk(head("Connection: close", line=line)))
    assert status in (400, 404)


@pytest.mark.parametrize(
    "line", ["GET http://evil.example/usm/metrics HTTP/1.1", "CONNECT evil.example:80 HTTP/1.1"]
)
def test_it_is_no_proxy(attacked: Attacked, line: str) -> None:
    [status] = statuses(attacked.talk(head("Connection: close", line=line)))
    assert status in (400, 404)


@pytest.mark.parametrize(
    "query",
    [
        "Cmd=Ping&Cmd=FolderSync&DeviceId=a&DeviceType=b",
        "Cmd=FolderSync&DeviceId=a&DeviceId=b&DeviceType=c&User=x&User=y",
        "Cmd=FolderSync&cmd=Sync&DEVICEID=a&DeviceType=b",
        "Cmd[]=FolderSync&DeviceId=a&DeviceType=b",
        "Cmd=FolderSync;DeviceId=a;DeviceType=b",
        "Cmd=__class__&DeviceId=a&DeviceType=b",
        "Cmd=../../x&DeviceId=../../x&DeviceType=..",
        "DeviceId=" + "a" * 7000 + "&Cmd=FolderSync&DeviceType=b",
        "Cmd=FolderSync&DeviceId=%00&DeviceType=%ff%fe",
        "&" * 5000,
        "%" * 500,
        # In Base64: nothing, garbage, a length that lies.
        "====",
        "jAkJBBD//////w==",
        "jAEJBBAAAAAAAAAAAAAAAAAAAAAAAP8A",
        "A" * 7000,
    ],
)
def test_a_query_that_is_a_trick_is_read_or_refused(attacked: Attacked, query: str) -> None:
    line = f"POST {ALIAS}?{query} HTTP/1.1"
    [status] = statuses(attacked.talk(head("Content-Length: 0", "Connection: close", line=line)))
    assert status in (200, 400, 501)


INJECTION = "%0d%0aSet-Cookie:%20owned=1%0d%0a"


@pytest.mark.parametrize(
    "line",
    [
        f"OPTIONS {ALIAS}?Cmd=x{INJECTION}&DeviceId=a&DeviceType=b HTTP/1.1",
        f"POST {ALIAS}?Cmd=FolderSync&User=a{INJECTION}&DeviceId=a{INJECTION}&DeviceType=b{INJECTION} HTTP/1.1",
        f"GET /autodiscover/autodiscover.json?Email=a{INJECTION}@example.org&Protocol=ActiveSync{INJECTION} HTTP/1.1",
    ],
)
def test_nothing_of_a_request_becomes_a_header_of_its_answer(attacked: Attacked, line: str) -> None:
    answer = attacked.talk(head("Content-Length: 0", "Connection: close", line=line))
    fields = answer.partition(b"\r\n\r\n")[0].lower()
    assert b"set-cookie" not in fields
    assert b"\nowned" not in fields


@pytest.mark.parametrize(
    "field", ["X-Request-Id", "Host", "X-Forwarded-Host", "Cookie", "User-Agent", "MS-ASProtocolVersion"]
)
def test_no_header_is_handed_back_as_it_is(attacked: Attacked, field: str) -> None:
    sent = 'evil.example\x85"><script>alert(1)</script>'
    answer = attacked.talk(head(f"{field}: {sent}", "Content-Length: 0", "Connection: close"))
    assert b"<script" not in answer


@pytest.mark.parametrize(
    "name", ["evil.example", "evil.example/x", "a@evil.example", "evil.example:99999", "..", "["]
)
def test_the_host_of_a_request_leads_nobody_without_a_password_astray(attacked: Attacked, name: str) -> None:
    """The name that a client sends comes back to that client alone, and only if it is a name."""
    answer = attacked.ask(
        path="/autodiscover/autodiscover.json?Email=a@example.org&Protocol=ActiveSync",
        method="GET",
        headers={"Host": name},
    )
    if answer.status_code != 200:
        assert answer.status_code == 400
        return
    url = answer.json()["Url"]
    assert url in (f"https://{name}{ALIAS}", f"https://localhost{ALIAS}")
    assert name == "evil.example" or "evil.example:" in url or "localhost" in url or name == ".."
    assert (
        "no-store" in answer.headers.get("Cache-Control", "") or "private" in answer.headers["Cache-Control"]
    )


def test_a_line_of_the_log_cannot_be_forged(attacked: Attacked) -> None:
    before = len(attacked.app.text())
    forged = "%0a2026-01-01%2000:00:00%20INFO%20FORGED"
    line = f"POST {ALIAS}?Cmd=Sync{forged}&User=x{forged}&DeviceId=d{forged}&DeviceType=t{forged} HTTP/1.1"
    fields = ("User-Agent: a\x85FORGED", "X-Forwarded-For: 1.2.3.4\x85FORGED", "X-Forwarded-Proto: https")
    attacked.talk(head(*fields, "Content-Length: 0", "Connection: close", line=line))
    time.sleep(0.1)
    for written in attacked.app.text()[before:].splitlines():
        assert not written.startswith(("2026-01-01 00:00:00 INFO FORGED", "FORGED"))


@pytest.mark.parametrize("path", [ALIAS, "/autodiscover/autodiscover.xml", "/nothing", "/usm/"])
def test_no_answer_tells_what_it_is_made_of(attacked: Attacked, path: str) -> None:
    """The name of the server, perhaps; no version of a program that somebody could look up."""
    answer = attacked.ask(path=path, method="GET")
    for name, value in answer.headers.items():
        assert not any(word in value.lower() for word in ("python", "gevent", "falcon", "openssl")), name
    assert not any(character.isdigit() for character in answer.headers.get("Server", ""))
    assert "X-Powered-By" not in answer.headers
    assert "Traceback" not in answer.text


def test_a_wrong_request_is_answered_without_a_look_inside(attacked: Attacked) -> None:
    answer = attacked.talk(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 TLS to a plain port\r\n\r\n")
    assert b"gunicorn/" not in answer
    assert b"Traceback" not in answer
