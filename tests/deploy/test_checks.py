"""What the deployment asks afterwards: a wrong answer is named, a right one is not, and in time."""

from __future__ import annotations

import base64
import json
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from app.wbxml import Element, decode, encode
from tasks import checks, phone, report
from tasks.nodes import Node
from tests.deploy import fakes

PATH = "/Microsoft-Server-ActiveSync"
LOGIN = base64.b64encode(b"anton@example.org:secret").decode()
Reply = tuple[int, dict[str, str], bytes]


@dataclass
class Server:
    """A server as a phone wants it; ``wrong`` replaces the answer to some requests, by ``OPTIONS`` or a command."""

    provisions: bool = True
    wrong: dict[str, Reply | Callable[[Element], Reply]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    devices: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    url: str = ""

    def answer(self, method: str, target: str, headers: Any, body: bytes) -> Reply:
        self.names.add(headers["Host"])
        parts = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        name = query.get("Cmd", method)
        if parts.path == "/usm/health":
            return self.wrong.get("health", (404, {}, b""))  # type: ignore[return-value]
        if parts.path == "/usm/tables":
            return self.wrong.get("tables", (404, {}, b""))  # type: ignore[return-value]
        if parts.path == "/ajax/folders":
            return self.wrong.get("ox", (200, {}, b'{"error": "no session", "code": "SES-0201"}'))  # type: ignore[return-value]
        if headers.get("Authorization") != f"Basic {LOGIN}":
            return self.wrong.get("refused", (401, {"WWW-Authenticate": 'Basic realm="x"'}, b""))  # type: ignore[return-value]
        self.asked.append(name)
        if "DeviceId" in query:
            self.devices.add(query["DeviceId"])
        if wrong := self.wrong.get(name):
            return wrong(decode(body)) if callable(wrong) else wrong
        if method == "OPTIONS":
            return 200, {"MS-ASProtocolVersions": "12.1,14.0,14.1"}, b""
        return self.command(name, decode(body), headers)

    def command(self, name: str, request: Element, headers: Any) -> Reply:
        if name == "Provision":
            policy = request.find("Provision:Policies").find("Provision:Policy")  # type: ignore[union-attr]
            again = policy.text_of("Provision:PolicyKey") is not None  # type: ignore[union-attr]
            return wbxml(provisioned("2" if again else "1"))
        if self.provisions and headers.get("X-MS-PolicyKey") != "2":
            return 449, {}, b""
        if name == "FolderSync":
            return wbxml(folders())
        collection = request.find("AirSync:Collections").find("AirSync:Collection")  # type: ignore[union-attr]
        return wbxml(synced("1" if collection.text_of("AirSync:SyncKey") == "0" else "2"))  # type: ignore[union-attr]


def wbxml(tree: Element) -> Reply:
    return 200, {"Content-Type": "application/vnd.ms-sync.wbxml"}, encode(tree)


def leaf(name: str, value: str) -> Element:
    return Element(name, value)


def provisioned(key: str) -> Element:
    policy = [leaf("Provision:Status", "1"), leaf("Provision:PolicyKey", key)]
    policies = Element("Provision:Policies", None, [Element("Provision:Policy", None, policy)])
    return Element("Provision:Provision", None, [leaf("Provision:Status", "1"), policies])


def folders(*types: str, status: str = "1") -> Element:
    added = [
        Element(
            "FolderHierarchy:Add",
            None,
            [leaf("FolderHierarchy:ServerId", str(at)), leaf("FolderHierarchy:Type", kind)],
        )
        for at, kind in enumerate(types or ("8", "2"))
    ]
    changes = Element("FolderHierarchy:Changes", None, added)
    children = [leaf("FolderHierarchy:Status", status), leaf("FolderHierarchy:SyncKey", "1"), changes]
    return Element("FolderHierarchy:FolderSync", None, children)


def synced(key: str, status: str = "1", items: int = 3) -> Element:
    adds = [Element("AirSync:Add", None, [leaf("AirSync:ServerId", str(at))]) for at in range(items)]
    collection = [
        leaf("AirSync:SyncKey", key),
        leaf("AirSync:CollectionId", "1"),
        leaf("AirSync:Status", status),
        Element("AirSync:Commands", None, adds) if key != "1" else None,
    ]
    return Element(
        "AirSync:Sync",
        None,
        [Element("AirSync:Collections", None, [Element("AirSync:Collection", None, collection)])],
    )


@contextmanager
def serving(server: Server, certificate: Path | None = None) -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        def respond(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            status, headers, content = server.answer(self.command, self.path, self.headers, body)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_OPTIONS = do_POST = respond

        def log_message(self, *words: Any) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    scheme = "http"
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
        http.socket = context.wrap_socket(http.socket, server_side=True)
        scheme = "https"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        server.url = f"{scheme}://127.0.0.1:{http.server_port}"
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(Server()) as started:
        yield started


def ask(server: Server, **more: Any) -> phone.Findings:
    given = {"login": "anton@example.org", "password": "secret", "seconds": 10.0, **more}
    return phone.ask(phone.Question("USMDEPLOYCHECK1", server.url, PATH, **given))


# the phone


def test_a_phone_provisions_and_synchronises_folders_and_inbox(server: Server) -> None:
    found = ask(server, ox_url=f"{server.url}/ajax/")
    assert (found.problems, found.folders, found.items) == ([], 2, 3)
    assert server.asked == ["OPTIONS", "FolderSync", "Provision", "Provision", "FolderSync", "Sync", "Sync"]
    assert server.devices == {"USMDEPLOYCHECK1"}


def test_a_server_without_a_policy_is_not_asked_for_one(server: Server) -> None:
    server.provisions = False
    assert ask(server).problems == []
    assert "Provision" not in server.asked


def test_without_an_account_only_the_refusals_are_looked_at(server: Server) -> None:
    assert ask(server, login="", password="").problems == []
    assert server.asked == []


def empty(_: Element) -> Reply:
    return 200, {}, b""


WRONG: list[tuple[str, Any, str]] = [
    ("refused", (200, {}, b""), "OPTIONS without a password is answered with 200 instead of 401"),
    ("refused", (401, {}, b""), "is refused without asking for a password (WWW-Authenticate)"),
    ("OPTIONS", (401, {}, b""), "answered with 401 instead of 200: the password is wrong"),
    ("OPTIONS", (403, {}, b""), "answered with 403 instead of 200: the account may not synchronise"),
    ("OPTIONS", (200, {"MS-ASProtocolVersions": "2.5"}, b""), "does not name the versions of the protocol"),
    ("FolderSync", (503, {}, b""), "FolderSync as anton@example.org is answered with 503 instead of 200"),
    ("FolderSync", (449, {}, b""), "FolderSync as anton@example.org wants the device to provision, again"),
    ("FolderSync", (200, {}, b"<html>"), "FolderSync as anton@example.org is answered with what is no WBXML"),
    ("FolderSync", wbxml(folders(status="6")), "FolderSync as anton@example.org is answered with status 6"),
    ("FolderSync", wbxml(folders("8", "9")), "names 2 folders, and no inbox among them"),
    ("FolderSync", empty, "FolderSync as anton@example.org is answered with status none"),
    ("Provision", (200, {}, b"x"), "Provision as anton@example.org is answered with what is no WBXML"),
    (
        "Sync",
        wbxml(synced("1", status="12")),
        "Sync of the inbox as anton@example.org is answered with status 12",
    ),
]


@pytest.mark.parametrize(("what", "reply", "problem"), WRONG, ids=[problem[:40] for _, _, problem in WRONG])
def test_a_wrong_answer_is_named(server: Server, what: str, reply: Any, problem: str) -> None:
    server.wrong[what] = reply
    found = ask(server)
    assert any(problem in each for each in found.problems), found.problems
    assert "secret" not in str(found)


def test_an_inbox_without_news_may_be_answered_with_nothing(server: Server) -> None:
    def reply(request: Element) -> Reply:
        collection = request.find("AirSync:Collections").find("AirSync:Collection")  # type: ignore[union-attr]
        first = collection.text_of("AirSync:SyncKey") == "0"  # type: ignore[union-attr]
        return wbxml(synced("1")) if first else (200, {}, b"")

    server.provisions = False
    server.wrong["Sync"] = reply
    assert ask(server).problems == []


@pytest.mark.parametrize("reply", [(200, {}, b"<html>It works!</html>"), (404, {}, b"{}"), (200, {}, b"[]")])
def test_what_is_not_open_xchange_at_ox_url_is_noticed(server: Server, reply: Reply) -> None:
    server.wrong["ox"] = reply
    [problem] = ask(server, ox_url=f"{server.url}/ajax/").problems
    assert "/ajax/ (ox_url) answers" in problem
    assert problem.endswith("but not as Open-Xchange does")


def test_a_server_that_takes_too_long_is_given_up(server: Server) -> None:
    def late(_: Element) -> Reply:
        time.sleep(3)
        return 200, {}, b""

    server.wrong["FolderSync"] = late
    began = time.monotonic()
    [problem] = ask(server, seconds=1.0).problems
    assert "does not answer" in problem
    assert time.monotonic() - began < 2.5


def test_nobody_there_is_named() -> None:
    [problem] = phone.ask(phone.Question("X", "http://127.0.0.1:1", PATH)).problems
    assert problem.startswith("http://127.0.0.1:1 does not answer")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority, and a certificate that it has signed for the name mail.example.org, for 10 days."""
    folder = tmp_path_factory.mktemp("certificates")
    (folder / "extensions").write_text("subjectAltName=DNS:mail.example.org\n")
    new = ["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    for command in (
        [*new, "-x509", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Authority", "-days", "30"],
        [*new, "-keyout", "key.pem", "-out", "request.pem", "-subj", "/CN=mail.example.org"],
        [
            *("openssl", "x509", "-req", "-in", "request.pem", "-CA", "ca.pem", "-CAkey", "ca.key"),
            *("-CAcreateserial", "-extfile", "extensions", "-days", "10", "-out", "cert.pem"),
        ],
    ):
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return folder


def test_a_certificate_must_be_signed_by_the_authority_and_be_for_the_name(certificates: Path) -> None:
    authority = str(certificates / "ca.pem")
    with serving(Server(), certificates) as server:
        found = ask(server, authority=authority, name="mail.example.org")
        assert found.problems == []
        assert 9 * checks.DAY < found.certificate_ends - time.time() < 11 * checks.DAY
        [stranger] = ask(server, name="mail.example.org").problems
        assert "certificate verify failed" in stranger
        [other] = ask(server, authority=authority, name="other.example.org").problems
        assert "mail.example.org" in other or "Hostname mismatch" in other


def test_from_http_a_phone_follows_to_https(certificates: Path) -> None:
    with serving(Server(), certificates) as secure, serving(Server()) as plain:
        port = urlsplit(secure.url).port
        location = f"https://mail.example.org:{port}{PATH}"
        plain.wrong["refused"] = plain.wrong["OPTIONS"] = (301, {"Location": location}, b"")
        found = ask(plain, authority=str(certificates / "ca.pem"))
        assert (found.problems, found.items) == ([], 3)
        assert found.certificate_ends > time.time()
        assert plain.asked == []


# the node


RELEASE = {"version": "1.0.0", "build": "46bf80ce"}
HEALTHY = {"live": True, "ready": True, **RELEASE, "checks": {"ox": {"up": True}}}
INSTALLED = Node(version="1.0.0", build="46bf80ce")
WELL = json.dumps({"problems": [], "folders": 2, "items": 3, "certificate_ends": 0})


def problems(state: Node, health: Any, asked: str = WELL, **settings: Any) -> list[str]:
    host = fakes.node(state=state, check_timeout=1, **settings)
    said = health if isinstance(health, str) else json.dumps(health)
    host.answers = {checks.PROBE: (bool(said), said), "phone": (True, asked), "-c": (True, asked)}
    with fakes.on(host):
        return [fakes.plain(command) for command in checks.node()]


def test_a_node_that_is_well_is_left_alone() -> None:
    assert problems(INSTALLED, HEALTHY) == []


def test_a_node_of_before_versions_were_told_is_believed() -> None:
    assert problems(INSTALLED, {"live": True, "ready": True, "checks": {}}) == []


def test_the_revision_of_a_package_does_not_count() -> None:
    assert problems(Node(version="1.0.0-1"), {**HEALTHY, "build": ""}) == []


@pytest.mark.parametrize(
    ("health", "problem"),
    [
        (
            {**HEALTHY, "build": "00000000"},
            "version 1.0.0 (00000000) answers, but 1.0.0 (46bf80ce) is installed",
        ),
        (
            {**RELEASE, "version": "0.9", "build": ""},
            "version 0.9 (no build) answers, but 1.0.0 (46bf80ce) is",
        ),
        (
            {**HEALTHY, "ready": False, "checks": {"ox": {"up": False, "error": "no route"}}},
            "the service is not ready: ox: no route",
        ),
        ("gibberish", "the service says 'gibberish' about its health"),
        ("", "the service does not answer: "),
    ],
)
def test_what_is_wrong_with_a_node_is_named_within_its_time(health: Any, problem: str) -> None:
    began = time.monotonic()
    found = problems(INSTALLED, health)
    assert time.monotonic() - began < 3
    assert len(found) == 1
    assert problem in found[0]


def test_a_node_that_needs_a_moment_is_given_it() -> None:
    host = fakes.node(state=INSTALLED, check_timeout=10)
    down = {**HEALTHY, "ready": False}
    host.answers = {checks.PROBE: (True, json.dumps(down)), "-c": (True, WELL)}
    asked = 0

    def run_shell_command(command: Any, **options: Any) -> Any:
        nonlocal asked
        asked += 1
        if asked == 3:
            host.answers[checks.PROBE] = (True, json.dumps(HEALTHY))
        return fakes.FakeHost.run_shell_command(host, command, **options)

    host.run_shell_command = run_shell_command  # type: ignore[method-assign]
    with fakes.on(host):
        assert list(checks.node()) == []
    assert asked == 4


def test_what_a_phone_finds_on_the_node_fails_it() -> None:
    told = json.dumps({"problems": ["Sync is answered with 500 instead of 200"]})
    [problem] = problems(INSTALLED, HEALTHY, told)
    assert problem == "fail: asked on the node itself: Sync is answered with 500 instead of 200"


def test_the_password_goes_to_the_node_on_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USM_TEST_PASSWORD", "hush-hush")
    host = fakes.node(state=INSTALLED, test_login="anton@example.org")
    host.answers = {checks.PROBE: (True, json.dumps(HEALTHY)), "-c": (True, WELL)}
    with fakes.on(host):
        assert list(checks.node()) == []
    line, stdin = host.asked[-1]
    assert "hush-hush" not in line
    assert json.loads(stdin)["password"] == "hush-hush"
    assert json.loads(stdin)["device"].startswith(checks.DEVICE)


def test_the_vendors_bundles_have_no_service_to_ask() -> None:
    assert problems(Node(), "", product="bundles") == []


def test_nothing_is_asked_before_the_run() -> None:
    host = fakes.node(state=INSTALLED)
    with fakes.on(host, executing=False):
        assert list(checks.node()) == []
    assert host.asked == []


# the web server


def web(server: Server, **settings: Any) -> list[str]:
    chosen = {"public_url": server.url, "allow_plain_http": True, **settings}
    with fakes.on(fakes.FakeHost("web1", ["web"], fakes.defaults(**chosen))):
        return list(checks._problems_of_web())


def test_who_serves_over_tls_only_has_to_say_where_or_hears_that_nothing_was_tried(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "notes", [])
    [problem] = web(server, allow_plain_http=False)
    assert problem == f"without TLS, {server.url} answers a phone with 401 instead of refusing it with 403"
    server.wrong["refused"] = (403, {}, b"TLS only")
    assert web(server, allow_plain_http=False) == []
    assert {note.text.partition(":")[0] for note in report.notes} == {"no phone was tried here"}


def test_health_must_not_be_forwarded(server: Server) -> None:
    assert web(server) == []
    server.wrong["health"] = (200, {}, b"{}")
    assert web(server) == ["/usm/health is answered with 200 to the outside; it must not be forwarded"]


def test_a_certificate_that_ends_soon_is_a_warning(
    certificates: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "notes", [])
    with serving(Server(), certificates) as server:
        server.url = server.url.replace("127.0.0.1", "mail.example.org")
        monkeypatch.setattr("socket.create_connection", towards("127.0.0.1"))
        assert web(server, public_ca=str(certificates / "ca.pem")) == []
        assert web(server, public_ca=str(certificates / "ca.pem"), certificate_warning_days=5) == []
    [note] = report.notes
    assert (note.kind, note.host) == ("warning", "web1")
    assert note.text.startswith("the certificate ends in 9 days (")


def test_each_web_server_is_asked_by_its_own_address_for_the_site(
    certificates: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "notes", [])
    settings = {
        "public_url": "",
        "tls_certificate": "mine.pem",
        "server_name": "mail.example.org",
        "public_ca": str(certificates / "ca.pem"),
    }
    with serving(Server(), certificates) as server, serving(Server()) as plain:
        ports = {443: urlsplit(server.url).port, 80: urlsplit(plain.url).port}
        monkeypatch.setattr("socket.create_connection", towards("127.0.0.1", ports))
        [problem] = web(server, address="192.0.2.1", **settings)
        assert (
            problem
            == "without TLS, mail.example.org answers a phone with 401 instead of refusing it with 403"
        )
        plain.wrong["refused"] = (403, {}, b"TLS only")
        assert web(server, address="192.0.2.1", **settings) == []
        assert server.names == plain.names == {"mail.example.org"}


def towards(address: str, ports: dict[int, Any] | None = None) -> Callable[..., Any]:
    """Every name leads there."""
    import socket

    real = socket.create_connection
    chosen = ports or {}
    return lambda place, *words, **options: real((address, chosen.get(place[1], place[1])), *words, **options)
