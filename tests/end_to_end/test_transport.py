"""HTTP as clients in the wild speak it, against the service with a stand-in for OX behind it."""

from __future__ import annotations

import base64
import gzip
import itertools
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from click.testing import CliRunner

from app.cli.usmctl import usmctl as cli
from app.wbxml import Element, decode, encode
from lab.device import AccessRefused, AuthenticationFailed
from lab.device.transport import HttpAnswer
from tests.end_to_end.stack import ROOT, Stack

VERSIONS = ("2.5", "12.0", "12.1", "14.0", "14.1", "16.0", "16.1")
ALIAS = "/Microsoft-Server-ActiveSync"
PAGE = "https://example.org/password"
OTHER = "https://eas.example.net/Microsoft-Server-ActiveSync"
OTHER_CONTEXT = "http://127.0.0.2:9/Microsoft-Server-ActiveSync"
FOLDER_SYNC = encode(
    Element("FolderHierarchy:FolderSync", children=[Element("FolderHierarchy:SyncKey", "0")])
)
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    settings: dict[str, Any] = {
        "eas.oauth": "true",
        "eas.oauth.authorization_uri": "https://login.example.org/authorize",
        "eas.redirects": f"*@example.net={OTHER}, context:2=http://127.0.0.2:9/",
        "eas.credential_service_url": PAGE,
        "eas.node": "ox1",
        "eas.provisioning": "optional",
        "ox.failed_login_memory": 0,
    }
    made = Stack(tmp_path_factory.mktemp("transport"), **settings)
    try:
        made.start()
        yield made
    finally:
        made.stop()


def headers(
    login: str = "anton@example.org", password: str = "secret", version: str = "14.1"
) -> dict[str, str]:
    token = base64.b64encode(f"{login}:{password}".encode()).decode()
    return {
        "Host": "eas.example.org",
        "Authorization": f"Basic {token}",
        "MS-ASProtocolVersion": version,
        "User-Agent": "Test/1",
        "Content-Type": "application/vnd.ms-sync.wbxml",
        "Connection": "close",
    }


def talk(stack: Stack, *pieces: bytes) -> tuple[int, dict[str, str], bytes]:
    """One request, piece by piece, on a connection of its own."""
    with socket.create_connection(("127.0.0.1", stack.port), timeout=20) as connection:
        for piece in pieces:
            connection.sendall(piece)
        raw = b""
        while data := connection.recv(65536):
            raw += data
    head, _, body = raw.partition(b"\r\n\r\n")
    if head.startswith(b"HTTP/1.1 100"):
        head, _, body = body.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    named = (line.partition(":") for line in lines[1:])
    return int(lines[0].split()[1]), {name.lower(): value.strip() for name, _, value in named}, body


def head_of(query: str, more: dict[str, str], method: str = "POST") -> bytes:
    lines = [f"{method} {ALIAS}{'?' if query else ''}{query} HTTP/1.1"]
    return "\r\n".join(lines + [f"{name}: {value}" for name, value in more.items()] + ["", ""]).encode(
        "latin-1"
    )


def post(
    stack: Stack, query: str, body: bytes = FOLDER_SYNC, **more: str
) -> tuple[int, dict[str, str], bytes]:
    sent = {**headers(), "Content-Length": str(len(body)), **more}
    return talk(stack, head_of(query, sent) + body)


def plain(device: str = "") -> str:
    return f"Cmd=FolderSync&User=anton&DeviceId={device or f'raw{next(_numbers)}'}&DeviceType=Test"


def status_of(answer: tuple[int, dict[str, str], bytes]) -> str | None:
    assert answer[0] == 200, answer
    body = gzip.decompress(answer[2]) if answer[1].get("content-encoding") == "gzip" else answer[2]
    return decode(body).text_of("FolderHierarchy:Status")


def packed(device: bytes, version: int = 141, code: int = 9, tail: bytes = b"") -> bytes:
    return bytes([version, code, 9, 4, len(device)]) + device + b"\0\4Test" + tail


@pytest.mark.requirement("MS-ASHTTP", 2, 509, 249, 282, 283, 296, 1107)
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("form", ["plain", "base64"])
def test_every_version_in_both_forms(running: Stack, version: str, form: Any) -> None:
    device = f"ver{next(_numbers)}"
    phone = running.phone(version=version, query=form, device_id=device)
    try:
        assert phone.options()[1]
        phone.folder_sync()
        assert phone.folders
    finally:
        phone.close()
    assert phone.anomalies == []


@pytest.mark.parametrize(
    "write",
    [
        lambda raw: base64.b64encode(raw).decode(),
        lambda raw: base64.b64encode(raw).decode().rstrip("="),
        lambda raw: base64.urlsafe_b64encode(raw).decode(),
        lambda raw: quote(base64.b64encode(raw).decode(), safe=""),
        lambda raw: base64.b64encode(raw).decode() + "%20",
        lambda raw: base64.b64encode(raw).decode().replace("+", "%20"),
    ],
)
def test_a_base64_query_however_it_was_written(running: Stack, write: Any) -> None:
    raw = packed(bytes.fromhex("fbefbefffefdfcfb"), tail=b"\x02\x03abc\x05\x01x\x63\x02zz\x07\x01\x00")
    assert status_of(post(running, write(raw))) == "1"


@pytest.mark.parametrize(
    "query",
    [
        "cmd=FolderSync&deviceid={0}",
        "DeviceType=&DeviceId={0}&User=&Cmd=foldersync",
        "User=EXAMPLE%5Canton&Cmd=FolderSync&Cmd=Sync&DeviceId={0}&DeviceId=other&Extra=1&&=x",
        "Cmd=FolderSync&User=%00%0d%0aX-Evil:1&DeviceId={0}&DeviceType=%ff%fe",
        "Cmd=FolderSync&User=j%F6rg&DeviceId={0}",
    ],
)
def test_a_plain_query_as_it_is_seen_in_the_wild(running: Stack, query: str) -> None:
    answer = post(running, query.format(f"wild{next(_numbers)}"))
    assert status_of(answer) == "1"
    assert "x-evil" not in answer[1]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Cmd=FolderSync&DeviceId={hex}", "base64"),
        ("Cmd=FolderSync&DeviceId={upper}", "base64"),
        ("Cmd=FolderSync&DeviceId={guid}", "base64"),
        ("Cmd=FolderSync&DeviceId=%7B{guid}%7D", "Cmd=FolderSync&DeviceId={hex}"),
    ],
)
def test_a_device_is_one_whatever_the_form(running: Stack, first: str, second: str) -> None:
    raw = os.urandom(15) + b"\xff"
    text = raw.hex()
    guid = f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}".upper()
    names = {"hex": text, "upper": text.upper(), "guid": guid}
    before = len(running.app.text())
    for query in (first, second):
        asked = base64.b64encode(packed(raw)).decode() if query == "base64" else query.format(**names)
        assert status_of(post(running, asked)) == "1"
    devices = {
        line.split(": ")[0].rpartition(":")[2]
        for line in running.app.text()[before:].splitlines()
        if "FolderSync" in line
    }
    assert devices == {text}


@pytest.mark.parametrize(
    "content_type",
    [
        "application/vnd.ms-sync",
        "APPLICATION/VND.MS-SYNC.WBXML",
        "application/vnd.ms-sync.wbxml; charset=utf-8",
    ],
)
def test_the_content_type_is_written_in_several_ways(running: Stack, content_type: str) -> None:
    assert status_of(post(running, plain(), **{"Content-Type": content_type})) == "1"


def test_a_body_in_chunks(running: Stack) -> None:
    sent = {**headers(), "Transfer-Encoding": "chunked"}
    half = len(FOLDER_SYNC) // 2
    chunks = [b"%x\r\n%s\r\n" % (len(part), part) for part in (FOLDER_SYNC[:half], FOLDER_SYNC[half:])]
    assert status_of(talk(running, head_of(plain(), sent), *chunks, b"0\r\n\r\n")) == "1"


def test_a_client_that_asks_before_it_sends_its_body(running: Stack) -> None:
    sent = {**headers(), "Content-Length": str(len(FOLDER_SYNC)), "Expect": "100-continue"}
    assert status_of(talk(running, head_of(plain(), sent), FOLDER_SYNC)) == "1"


@pytest.mark.requirement("MS-ASHTTP", 197, 199, 216)
def test_answers_and_requests_in_gzip(running: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    phone = running.phone(device_id=f"zip{next(_numbers)}", compress=True)
    codings = []
    send = phone.transport._send

    def watched(*words: Any, **more: Any) -> HttpAnswer:
        answer = send(*words, **more)
        codings.append(answer.headers.get("Content-Encoding", ""))
        return answer

    monkeypatch.setattr(phone.transport, "_send", watched)
    phone.folder_sync()
    contacts = phone.folder_of_type(9).server_id
    phone.sync(contacts)
    phone.sync(contacts, window=50)
    phone.close()
    assert len(phone.items(contacts)) == 50
    assert phone.anomalies == []
    assert codings == ["", "", "gzip"]


def test_a_bomb_is_refused(running: Stack) -> None:
    bomb = gzip.compress(b"\0" * 60_000_000)
    assert len(bomb) < 100_000
    assert post(running, plain(), bomb, **{"Content-Encoding": "gzip"})[0] == 413


@pytest.mark.requirement("MS-ASHTTP", 186, 443)
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PROPFIND"])
def test_other_methods_are_not_implemented(running: Stack, method: str) -> None:
    status, _, body = talk(running, head_of(plain(), headers(), method))
    assert (status, body) == (501, b"")


@pytest.mark.parametrize("line", [f"POST {ALIAS}?Cmd=Sync\0x HTTP/1.1", f"POST {ALIAS}?Cmd=\x01 HTTP/1.1"])
def test_control_characters_in_the_request_line_break_nothing(running: Stack, line: str) -> None:
    lines = [line, *(f"{name}: {value}" for name, value in headers().items()), "Content-Length: 0", "", ""]
    status, _, _ = talk(running, "\r\n".join(lines).encode("latin-1"))
    assert status in (400, 501)


@pytest.mark.parametrize("charset", ["utf-8", "latin-1"])
def test_a_wrong_password_with_umlauts_is_one_failed_login_at_ox(running: Stack, charset: str) -> None:
    running.control("DELETE", "calls")
    token = base64.b64encode(f"anton@example.org:pässwört{charset}".encode(charset)).decode()
    assert post(running, plain(), Authorization=f"Basic {token}")[0] == 401
    logins = [row for row in running.control("GET", "calls") if row["module"] == "login"]
    assert sum(row["count"] for row in logins) == 1


@pytest.mark.requirement("MS-ASHTTP", 178, 183, 224, 268, 285, 442, 448, 523, 608, 700, 1100)
def test_users_of_other_servers_and_accounts_that_are_shut(running: Stack) -> None:
    status, answer, _ = post(running, plain(), **headers("zoe@example.net"))
    assert (status, answer["x-ms-location"]) == (451, OTHER)
    status, answer, _ = post(running, plain(), **headers("dora@example.org"))
    assert (status, answer["x-ms-location"]) == (451, OTHER_CONTEXT)
    status, answer, _ = post(running, plain(), **headers("bogus@example.org"))
    assert status == 401
    assert "Basic realm=" in answer["www-authenticate"]
    assert "Bearer realm=" in answer["www-authenticate"]
    assert "https://login.example.org/authorize" in answer["www-authenticate"]
    for what, expected in (("locked", 456), ("expired", 457)):
        running.control("POST", "lock", data=json.dumps({"login": "caesar@example.org", what: True}))
        status, answer, _ = post(running, plain(), **headers("caesar@example.org"))
        assert (status, answer["x-ms-credential-service-url"]) == (expected, PAGE)
        phone = running.phone("caesar", device_id=f"shut{next(_numbers)}")
        with pytest.raises(AccessRefused):
            phone.folder_sync()
        phone.close()
    running.control("POST", "lock", data=json.dumps({"login": "caesar@example.org", "locked": False}))
    assert status_of(post(running, plain(), **headers("caesar@example.org"))) == "1"


@pytest.mark.requirement("MS-ASHTTP", 190, 287)
def test_an_ox_that_is_down_is_never_a_question_for_the_password(running: Stack) -> None:
    running.fault(module="login", action="login", kind="http", status=503, times=1)
    status, answer, _ = post(running, plain(), **headers("gisela@example.org"))
    assert status == 503
    assert int(answer["retry-after"]) > 0
    assert "www-authenticate" not in answer


@pytest.mark.requirement("MS-ASHTTP", 904)
def test_a_newer_phone_is_led_back_to_its_node_and_one_without_cookies_works_too(running: Stack) -> None:
    phone = running.phone(device_id=f"cook{next(_numbers)}", version="16.1")
    phone.folder_sync()
    phone.close()
    status, answer, _ = post(running, plain(), **headers(version="16.1"))
    assert status == 200
    cookie = answer["set-cookie"]
    assert cookie.startswith("usm-node=")
    assert {"Secure", "HttpOnly", f"Path={ALIAS}"} <= {part.strip() for part in cookie.split(";")}
    held = cookie.partition(";")[0]
    assert "set-cookie" not in post(running, plain(), **headers(version="16.1"), Cookie=held)[1]
    assert "set-cookie" not in post(running, plain())[1]


def token(stack: Stack, **more: Any) -> str:
    return str(
        stack.control("POST", "token", data=json.dumps({"login": "berta@example.org", **more}))["token"]
    )


@pytest.mark.requirement("MS-ASHTTP", 1411)
def test_a_phone_with_an_access_token_synchronises(running: Stack) -> None:
    phone = running.phone("berta", "", device_id=f"tok{next(_numbers)}", token=token(running))
    phone.provision()
    phone.folder_sync()
    for kind in (2, 9):
        folder = phone.folder_of_type(kind).server_id
        phone.sync(folder)
        phone.sync(folder, window=20)
        assert phone.items(folder)
    phone.close()
    assert phone.anomalies == []


def test_a_token_that_is_not_good_is_answered_with_the_challenge(running: Stack) -> None:
    phone = running.phone("berta", "", device_id=f"tok{next(_numbers)}", token="no-such-token-4c1")
    with pytest.raises(AuthenticationFailed):
        phone.folder_sync()
    phone.close()
    text = running.app.text()
    assert "no-such-token-4c1" not in text
    assert "Traceback" not in text


def usmctl(stack: Stack, *words: str, typed: str = "") -> str:
    command = [sys.executable, "-m", "app.cli", "--etc", str(stack.etc), *words]
    done = subprocess.run(command, cwd=ROOT, input=typed, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def told(stack: Stack, *words: str) -> str:
    """What usmctl prints, called in this process: that takes a tenth of the time."""
    done = CliRunner().invoke(cli, ["--etc", str(stack.etc), *words])
    assert done.exit_code == 0, done.output
    return done.stdout.strip()


def test_a_kept_login_is_listed_and_ended_and_the_phone_goes_on(running: Stack) -> None:
    device = f"end{next(_numbers)}"
    phone = running.phone("berta", device_id=device)
    phone.folder_sync()

    def kept() -> dict[str, Any]:
        rows = json.loads(told(running, "sessions", "logins", "--json"))
        [row] = [each for each in rows if each["device"].lower() == device]
        return dict(row)

    before = kept()
    assert (before["context"], before["login"], before["by"]) == (1, "berta@example.org", "password")
    time.sleep(1.1)  # moments are told by the second
    told(running, "sessions", "end", "1", str(before["user"]), before["device"])
    phone.folder_sync()
    phone.close()
    after = kept()
    assert after["opened"] > before["opened"]
    assert phone.anomalies == []


def test_a_mail_that_ox_would_not_tell_is_listed_and_tried_again_at_once(running: Stack) -> None:
    phone = running.phone("berta", device_id=f"stuck{next(_numbers)}")
    phone.folder_sync()
    inbox = phone.folder_of_type(2)
    phone.sync(inbox.server_id)
    running.fault(kind="error", module="mail", action="get", code="MSG-0056")
    phone.sync_all(inbox.server_id)
    rows = json.loads(told(running, "stuck", "list", "--user", "berta@example.org", "--json"))
    [row] = [each for each in rows if each["device"].lower() == phone.device_id.lower()]
    assert (row["kind"], row["title"], row["tries"]) == ("skipped", inbox.name, 1)
    assert row["why"]
    words = ("1", "berta@example.org", row["device"], str(row["folder"]), row["items"][0])
    assert told(running, "stuck", "retry", *words) == "1 item will be tried again"
    assert len(phone.sync(inbox.server_id).added) == 1
    phone.close()
    assert phone.anomalies == []


def test_a_phone_with_an_app_password_synchronises_until_it_is_taken_back(running: Stack) -> None:
    made = usmctl(
        running,
        "app-passwords",
        "add",
        "berta@example.org",
        "--name",
        "phone",
        "--password-stdin",
        typed="secret\n",
    )
    phone = running.phone("berta", made, device_id=f"app{next(_numbers)}")
    phone.folder_sync()
    assert phone.folders
    usmctl(running, "app-passwords", "revoke", "1", made.split("-")[1])
    another = running.phone("berta", made, device_id=f"app{next(_numbers)}")
    with pytest.raises(AuthenticationFailed):
        another.folder_sync()
    for each in (phone, another):
        each.close()
    log = running.app.text()
    for group in made.split("-")[2:]:
        assert group not in log
    assert "secret" not in log


def test_each_request_is_one_line_without_passwords(running: Stack) -> None:
    before = len(running.app.text())
    post(running, plain())
    post(running, plain(), **headers(password="falsch"))
    lines = [line for line in running.app.text()[before:].splitlines() if line.strip()]
    assert len(lines) == 2, lines
    assert not any("falsch" in line or "secret" in line or "Basic" in line for line in lines)


def test_the_phone_on_the_command_line(running: Stack) -> None:
    command = [sys.executable, "-m", "lab", "device", "--version", "14.1", "--gzip", "--device-id", "cmd1"]
    done = subprocess.run(
        [*command, running.url, "anton@example.org", "secret"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "FolderSync" in done.stdout
