"""usmctl doctor: every question by itself, with what it is about made up; the whole is in tests/end_to_end."""

from __future__ import annotations

import base64
import datetime as dt
import http.server
import json
import os
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from app.administration.doctor import around, asking, host, outside, waiting
from app.administration.doctor.asking import Question, examine
from app.administration.doctor.case import Case
from app.administration.findings import Finding, State, ok
from app.cli.usmctl import usmctl
from app.config import Settings
from app.main import SystemClock, ox_settings
from app.ox import examination
from app.ox.examination import Welcome
from app.store import SingleDatabase
from app.store.database import Database, Schema
from app.usm.errors import AccessDenied, NotEnabled, StoreUnavailable
from app.usm.model import ContentType, Credentials, User
from app.web import release

Answer = Callable[[http.server.BaseHTTPRequestHandler], tuple[int, dict[str, str], bytes]]

REALM = {"WWW-Authenticate": 'Basic realm="Microsoft-Server-ActiveSync"'}


class Server:
    """Answers every request as a test says."""

    def __init__(self, answer: Answer, context: ssl.SSLContext | None = None) -> None:
        asked: list[tuple[str, str, str]] = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def handle_any(self) -> None:
                asked.append((self.command, self.path, self.headers.get("Authorization", "")))
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status, headers, body = answer(self)
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_OPTIONS = do_PUT = do_POST = handle_any

            def log_message(self, *words: object) -> None:
                pass

        self.asked = asked
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]  # of those who hang up
        if context is not None:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def serving(answer: Answer, context: ssl.SSLContext | None = None) -> Iterator[Server]:
    server = Server(answer, context)
    try:
        yield server
    finally:
        server.stop()


def says(status: int, body: object = b"", **headers: str) -> Answer:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _: (status, named, content)


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def case(tmp_path: Path) -> Callable[..., Case]:
    """Makes a case; ``settings`` are those that differ from the default."""

    def make(settings: dict[str, Any] | None = None, **more: Any) -> Case:
        for name in ("usm.properties", "eas.properties"):
            (tmp_path / name).touch()
        made = Settings(etc=tmp_path, **(settings or {}))
        roots = {"roots": (tmp_path / "apache2",)}
        return Case(tmp_path, SystemClock(), made, ox=ox_settings(made), **{**roots, **more})

    return make


def states(found: Iterator[Finding] | list[Finding]) -> list[tuple[str, State]]:
    return [(each.name, each.state) for each in found]


# --- how it asks


def test_questions_are_asked_side_by_side_and_told_in_their_order(case: Callable[..., Case]) -> None:
    met = threading.Barrier(3, timeout=10)

    def ask(name: str) -> Callable[[Case], list[Finding]]:
        return lambda _: [ok(name, str(met.wait() >= 0))]

    questions = [Question(name, ask(name)) for name in "abc"]
    assert [each.name for each in examine(case(), questions)] == ["a", "b", "c"]


def test_one_that_hangs_is_told_and_holds_up_nobody(case: Callable[..., Case]) -> None:
    never = threading.Event()

    def hang(_: Case) -> Iterator[Finding]:
        yield ok("slow", "began")
        never.wait(20)

    begun = time.monotonic()
    found = list(
        examine(case(), [Question("slow", hang, lambda _: 0.1), Question("b", lambda _: [ok("b", "")])])
    )
    never.set()
    assert time.monotonic() - begun < 10
    assert [(each.name, each.state) for each in found][-2:] == [("slow", State.WRONG), ("b", State.OK)]
    assert "hangs" in found[-2].text


def test_one_that_breaks_is_told_without_its_words(case: Callable[..., Case]) -> None:
    def broken(_: Case) -> list[Finding]:
        raise RuntimeError("the password is topsecret")

    [found] = examine(case(), [Question("x", broken)])
    assert (found.state, "topsecret" in found.text) == (State.WRONG, False)


def test_without_settings_the_rest_is_still_told(tmp_path: Path) -> None:
    (tmp_path / "usm.properties").write_text("com.openexchange.usm.workers=many\n")
    (tmp_path / "eas.properties").write_text("")
    done = CliRunner().invoke(usmctl, ["--etc", str(tmp_path), "doctor", "--format", "csv"])
    assert done.exit_code == 1
    assert "workers=many" in done.output
    assert "not asked" in done.output
    assert "Traceback" not in done.output
    assert len(asking.QUESTIONS) <= len(done.output.splitlines())


# --- this host


def test_the_program_tells_its_versions(case: Callable[..., Case]) -> None:
    found = {each.name: each.text for each in host.program(case())}
    assert sys.version.split()[0] in found["system"]
    assert "sqlalchemy 2." in found["libraries"]


def test_settings_are_examined(case: Callable[..., Case], tmp_path: Path) -> None:
    made = case()
    assert states(host.settings(made)) == [("settings", State.OK)]
    (tmp_path / "usm.properties").write_text("vendor.key=1\ncom.openexchange.usm.ox.failed_login_memory=0\n")
    assert [state for _, state in states(host.settings(made))] == [State.WARNING, State.WARNING]
    (tmp_path / "usm.properties").write_text("com.openexchange.usm.workers=many\n")
    assert State.WRONG in [state for _, state in states(host.settings(made))]


def health(**more: object) -> dict[str, object]:
    return {"live": True, "draining": False, "ready": True, "checks": {}, "pid": os.getpid(), **more}


def service(case: Callable[..., Case], answer: Answer, **settings: Any) -> dict[str, Finding]:
    with serving(answer) as server:
        found = host.service(case({"admin_port": server.port, **settings}))
        return {each.name: each for each in found}


def test_a_service_that_runs_tells_process_and_workers(case: Callable[..., Case]) -> None:
    found = service(case, says(200, health()))
    assert found["service"].state is State.OK
    assert f"process {os.getpid()} for " in found["service"].text
    assert found["admin listener"].state is State.OK


def test_workers_that_are_missing_are_told(case: Callable[..., Case]) -> None:
    assert service(case, says(200, health()), workers=200)["service"].state is State.WARNING


def test_what_is_down_is_told_by_the_service_itself(case: Callable[..., Case]) -> None:
    checks = {"ox": {"up": False, "error": "nobody there"}, "database": {"up": True}}
    found = service(case, says(503, health(ready=False, checks=checks)))
    assert found["admin listener"].state is State.WRONG
    assert "ox: nobody there" in found["admin listener"].text
    draining = service(case, says(503, health(draining=True)))
    assert draining["admin listener"].state is State.WARNING


def test_another_build_than_the_installed_one_asks_for_a_restart(
    case: Callable[..., Case], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(release, "read", lambda: {"version": "2.0.0", "build": "bb"})
    found = service(case, says(200, health(version="1.0.0", build="aa")))
    assert found["running program"].advice == "restart open-xchange-usm"
    same = service(case, says(200, health(version="2.0.0", build="bb")))
    assert "running program" not in same


@pytest.mark.parametrize("answer", [says(200, b"<html>"), says(200, []), says(404, {"error": 1})])
def test_somebody_else_at_the_port_is_no_service(case: Callable[..., Case], answer: Answer) -> None:
    assert service(case, answer)["service"].state is State.WRONG


def test_a_service_that_is_down_or_elsewhere_is_told(case: Callable[..., Case]) -> None:
    assert states(host.service(case({"admin_port": closed_port()}))) == [("service", State.WRONG)]
    found = service(case, says(200, health(pid=2**22 + 1)))
    assert found["service"].state is State.WARNING


def test_the_log_must_be_writable(case: Callable[..., Case], tmp_path: Path) -> None:
    path = tmp_path / "usm.log"
    for given, state in (
        ("-", State.NOT_ASKED),
        (str(path), State.OK),
        (str(tmp_path / "no" / "x"), State.WRONG),
    ):
        [found] = host.log(case({"log_file": given}))
        assert found.state is state
    path.write_text("a line\n")
    [found] = host.log(case({"log_file": str(path)}))
    assert "written 0 min ago" in found.text


@pytest.mark.parametrize(
    ("mode", "owner", "group", "may"),
    [
        (0o600, 7, 8, True),
        (0o400, 7, 8, False),
        (0o660, 1, 9, True),
        (0o640, 1, 9, False),
        (0o606, 1, 1, True),
        (0o660, 1, 1, False),
    ],
)
def test_who_may_write_is_told_by_the_mode(mode: int, owner: int, group: int, may: bool) -> None:
    class File:
        def stat(self) -> os.stat_result:
            return os.stat_result((mode, 0, 0, 0, owner, group, 0, 0, 0, 0))

    account = host._Account("somebody", 7, frozenset({8, 9}))
    assert account.may_write(File()) is may  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("free", "inodes", "state"),
    [(50, 50, State.OK), (9, 50, State.WARNING), (1, 50, State.WRONG), (50, 1, State.WRONG)],
)
def test_a_full_disk_is_told_before_it_is_full(
    case: Callable[..., Case], monkeypatch: pytest.MonkeyPatch, free: int, inodes: int, state: State
) -> None:
    gib = 2**30
    usage = type("Usage", (), {"total": 100 * gib, "free": free * gib})
    files = type("Files", (), {"f_files": 100, "f_favail": inodes})
    monkeypatch.setattr(host.shutil, "disk_usage", lambda _: usage)
    monkeypatch.setattr(host.os, "statvfs", lambda _: files)
    assert host._room(Path("/"), "log").state is state
    assert {each for _, each in states(host.disk(case({"log_file": "/tmp/log"})))} == {state}


def test_a_disk_on_which_nothing_can_be_written_is_told_all_the_same(
    case: Callable[..., Case], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses() -> str:
        raise FileNotFoundError

    monkeypatch.setattr(host.tempfile, "gettempdir", refuses)
    monkeypatch.setattr(host.shutil, "disk_usage", lambda _: type("Usage", (), {"total": 2**30, "free": 0}))
    assert {each for _, each in states(host.disk(case({"log_file": "/tmp/log"})))} == {State.WRONG}


# --- around it


@pytest.fixture
def database(tmp_path: Path) -> Iterator[SingleDatabase]:
    made = SingleDatabase(f"sqlite:///{tmp_path / 'state.db'}")
    yield made
    made.close()


def test_the_database_tells_revision_and_server(case: Callable[..., Case], database: SingleDatabase) -> None:
    assert states(around.database(case(databases=database)))[0] == ("schema", State.WRONG)
    database.database(1)
    assert states(around.database(case(databases=database))) == [
        ("schema", State.OK),
        ("database server", State.OK),
    ]
    assert states(around.database(case())) == [("database", State.NOT_ASKED)]


@pytest.mark.parametrize(
    ("grants", "state"),
    [
        ("GRANT USAGE ON *.* TO `usm`@`%`\nGRANT ALL PRIVILEGES ON `oxdb\\_5`.* TO `usm`@`%`", State.OK),
        ("GRANT SELECT, INSERT ON `oxdb_5`.* TO `usm`@`%`", State.WRONG),
        ("GRANT SELECT, INSERT, UPDATE, DELETE ON `oxdb_5`.`USMSession` TO `usm`@`%`", State.WARNING),
        (
            "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, INDEX, REFERENCES (`cid`) ON `oxdb_5`.* TO `u`@`%`",
            State.OK,
        ),
        ("GRANT ALL PRIVILEGES ON `other`.* TO `usm`@`%`", State.WRONG),
    ],
)
def test_grants_are_read(grants: str, state: State) -> None:
    assert around._grants(grants, Schema("oxdb_5", 1)).state is state


@pytest.mark.parametrize(("drift", "state"), [(0, State.OK), (-30, State.WARNING), (3600, State.WRONG)])
def test_clocks_that_differ_are_told(drift: float, state: State) -> None:
    assert around._drift("clock", time.time() + drift).state is state


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (says(404, b"nothing"), State.OK, "generation 6"),
        (says(200, {"error": "no module", "code": "SVL-0007"}), State.OK, "generation 6"),
        (says(200, {"error": "no session", "code": "SES-0201"}), State.OK, "generation 7"),
        (says(200, b"<html>hello</html>"), State.WARNING, "not as OX does"),
        (says(200, {"data": 1}), State.WARNING, "not as OX does"),
        (says(503), State.WRONG, "503"),
    ],
)
def test_which_generation_of_ox_answers_shows_without_a_login(
    case: Callable[..., Case], answer: Answer, state: State, words: str
) -> None:
    with serving(answer) as server:
        found = next(iter(around.ox(case({"ox_url": f"http://127.0.0.1:{server.port}/ajax/"}))))
    assert (found.state, words in found.text) == (state, True), found


def test_an_ox_that_is_down_is_told(case: Callable[..., Case]) -> None:
    made = case(
        {"ox_url": f"http://127.0.0.1:{closed_port()}/ajax/"}, credentials=Credentials("a", "topsecret")
    )
    assert states(around.ox(made)) == [("ox", State.WRONG)]
    [found] = around.user(made)
    assert (found.state, "topsecret" in found.text) == (State.WRONG, False)


def test_a_redis_that_is_down_is_told_without_its_password(case: Callable[..., Case]) -> None:
    [found] = around.redis(case({"redis_url": f"redis://:topsecret@127.0.0.1:{closed_port()}/0"}))
    assert (found.state, "topsecret" in found.text) == (State.WRONG, False)
    assert states(around.redis(case())) == [("redis", State.NOT_ASKED)]


@pytest.mark.parametrize(("status", "state"), [(200, State.OK), (401, State.WRONG), (500, State.WRONG)])
def test_the_entrance_of_dovecot_is_tried_with_the_password(
    case: Callable[..., Case], status: int, state: State
) -> None:
    with serving(says(status)) as server:
        settings = {"listen_port": server.port, "dovecot_push_password": "topsecret"}
        [found] = around.dovecot(case(settings))
    assert (found.state, "topsecret" in found.text) == (state, False)
    [(method, _, word)] = server.asked
    assert (method, base64.b64decode(word.split()[1])) == ("PUT", b"dovecot:topsecret")


def test_without_a_password_nobody_tells_of_mail(case: Callable[..., Case]) -> None:
    assert states(around.dovecot(case())) == [("dovecot", State.NOT_ASKED)]
    down = {"listen_port": closed_port(), "dovecot_push_password": "x"}
    assert states(around.dovecot(case(down))) == [("dovecot", State.WRONG)]


# --- from outside


def web(request: http.server.BaseHTTPRequestHandler) -> tuple[int, dict[str, str], bytes]:
    """A web server that forwards what it should."""
    if request.path.startswith("/usm/"):
        return 404, {}, b"nothing"
    if request.headers.get("Authorization"):
        return 200, {"MS-ASProtocolVersions": "2.5,16.1"}, b""
    return 401, REALM, b""


def test_what_a_phone_meets_is_told(case: Callable[..., Case]) -> None:
    with serving(web) as server:
        made = case(url=f"http://127.0.0.1:{server.port}", credentials=Credentials("a", "topsecret"))
        found = {each.name: each for each in outside.paths(made)}
    assert {name: each.state for name, each in found.items()} == {
        "outside": State.OK,
        "phone's login": State.OK,
        "autodiscover": State.OK,
        "administration": State.OK,
        "tls": State.WRONG,
    }
    assert "16.1" in found["phone's login"].text


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (says(404), "answers with 404"),
        (says(502), "answers with 502"),
        (says(401, WWW_Authenticate='Basic realm="vpn"'), "another password"),
        (
            says(301, Location="https://elsewhere.example.org/x?y"),
            "leads elsewhere (301 to https://elsewhere",
        ),
    ],
)
def test_what_is_not_ours_is_told(case: Callable[..., Case], answer: Answer, words: str) -> None:
    with serving(answer) as server:
        found = {each.name: each for each in outside.paths(case(url=f"http://127.0.0.1:{server.port}/"))}
    assert found["outside"].state is State.WRONG
    assert words in found["outside"].text
    assert found["autodiscover"].state is State.WARNING


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/usm/health", {"live": True}),
        ("/usm/metrics", b"usm_requests_total 1"),
        ("/usm/tables", {"ready": True, "schemas": {}}),
        ("/usm/admin/", b'<form action="/usm/admin/login">'),
    ],
)
def test_what_only_administrators_may_have_is_looked_for(
    case: Callable[..., Case], path: str, body: object
) -> None:
    answer = says(200, body)
    with serving(lambda request: answer(request) if request.path == path else web(request)) as server:
        found = {each.name: each for each in outside.paths(case(url=f"http://127.0.0.1:{server.port}"))}
    assert found["administration"].state is State.WRONG
    assert path in found["administration"].text


def test_nobody_said_where_phones_come(case: Callable[..., Case]) -> None:
    assert states(outside.paths(case())) == [("outside", State.NOT_ASKED)]
    assert states(outside.certificate(case(url="http://127.0.0.1"))) == [("certificate", State.NOT_ASKED)]
    url = f"http://127.0.0.1:{closed_port()}/"
    assert states(outside.paths(case({"autodiscover_url": url}))) == [("outside", State.WRONG)]


def test_the_password_is_not_sent_without_tls(case: Callable[..., Case]) -> None:
    there = outside.site(case(url="http://192.0.2.1", credentials=Credentials("a", "topsecret")))
    assert there is not None
    assert outside._welcome(there).state is State.NOT_ASKED
    made = case(url="http://192.0.2.1", credentials=Credentials("a", "topsecret"), probe_heartbeat=1)
    assert states(outside.heartbeat(made)) == [("heartbeat", State.NOT_ASKED)]


# --- certificates


@pytest.fixture(scope="module")
def key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def certified(
    folder: Path, key: ec.EllipticCurvePrivateKey, days: int, *names: str
) -> tuple[ssl.SSLContext, Path]:
    """What a server shows that signed its certificate itself, and the file to trust it by."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=400))
        .not_valid_after(now + dt.timedelta(days=days, minutes=5))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(each) for each in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "certificate.pem"
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = folder / "key.pem"
    form, protection = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    private.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, protection))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path, private)
    return context, path


@pytest.mark.parametrize(
    ("days", "trusted", "expected"),
    [
        (90, True, [("certificate", State.OK), ("certificate's end", State.OK)]),
        (10, True, [("certificate", State.OK), ("certificate's end", State.WARNING)]),
        (-3, True, [("certificate", State.WRONG), ("certificate's end", State.WRONG)]),
        (90, False, [("certificate", State.WRONG), ("certificate's end", State.OK)]),
    ],
)
def test_a_certificate_tells_trust_and_end(
    case: Callable[..., Case],
    tmp_path: Path,
    key: ec.EllipticCurvePrivateKey,
    days: int,
    trusted: bool,
    expected: list[tuple[str, State]],
) -> None:
    context, path = certified(tmp_path, key, days, "localhost")
    with serving(web, context) as server:
        url = f"https://localhost:{server.port}"
        found = list(outside.certificate(case(url=url, authorities=path if trusted else None)))
    assert states(found) == expected


def test_the_password_goes_to_a_trusted_certificate_only(
    case: Callable[..., Case], tmp_path: Path, key: ec.EllipticCurvePrivateKey
) -> None:
    context, path = certified(tmp_path, key, 90, "localhost")
    with serving(web, context) as server:
        known = {"url": f"https://localhost:{server.port}", "credentials": Credentials("a", "topsecret")}
        found = {each.name: each for each in outside.paths(case(**known))}
        assert found["outside"].state is State.OK
        assert found["phone's login"].state is State.WRONG
        assert [word for _, _, word in server.asked if word] == []
        found = {each.name: each for each in outside.paths(case(**known, authorities=path))}
        assert found["phone's login"].state is State.OK


def test_names_of_a_certificate_are_held_against_autodiscover(
    case: Callable[..., Case], key: ec.EllipticCurvePrivateKey, tmp_path: Path
) -> None:
    certified(tmp_path, key, 90, "eas.example.org")
    found = x509.load_pem_x509_certificate((tmp_path / "certificate.pem").read_bytes())
    there = outside.site(case(url="https://eas.example.org"))
    assert there is not None
    assert states(outside._judged(there, found, ""))[-1] == ("certificate's names", State.WARNING)


# --- how long a request may wait

FORWARD = 'ProxyPass "/Microsoft-Server-ActiveSync" "balancer://usm/Microsoft-Server-ActiveSync"\n'


@pytest.mark.parametrize(
    ("text", "state", "words"),
    [
        (
            '<Proxy "balancer://usm">\nBalancerMember "http://a" timeout=1900\n</Proxy>\n' + FORWARD,
            State.OK,
            "1900",
        ),
        (
            '<Proxy "balancer://usm">\nBalancerMember "http://a" timeout=900\n</Proxy>\n' + FORWARD,
            State.WRONG,
            "900 s",
        ),
        ("ProxyPass /Microsoft-Server-ActiveSync http://a/x timeout=1784\n", State.WRONG, "1784"),
        (
            "Timeout 100\nProxyTimeout 2000\nProxyPass /Microsoft-Server-ActiveSync http://a/\n",
            State.OK,
            "2000",
        ),
        ("Timeout 100\nProxyPass /Microsoft-Server-ActiveSync http://a/\n", State.WRONG, "100 s"),
        (
            "# Timeout 4000\nProxyPass /Microsoft-Server-ActiveSync http://a/\n",
            State.WRONG,
            "60 s (Apache's default)",
        ),
        (
            '<Proxy "balancer://other">\nBalancerMember "http://a" timeout=1\n</Proxy>\n'
            '<Proxy "balancer://usm">\nBalancerMember "http://a" timeout=1900\n</Proxy>\n' + FORWARD,
            State.OK,
            "1900",
        ),
        ("ProxyPass /elsewhere http://a/ timeout=5\n", State.NOT_ASKED, "no Apache"),
    ],
)
def test_apaches_patience_is_read_from_its_configuration(
    case: Callable[..., Case], tmp_path: Path, text: str, state: State, words: str
) -> None:
    enabled, available = tmp_path / "apache2" / "conf-enabled", tmp_path / "apache2" / "conf-available"
    for folder in (enabled, available):
        folder.mkdir(parents=True)
    (enabled / "usm.conf").write_text(text)
    (available / "other.conf").write_text("ProxyPass /Microsoft-Server-ActiveSync http://a/ timeout=3\n")
    [found] = outside.heartbeat(case())
    assert (found.state, words in found.text) == (state, True), found


def test_a_probe_that_is_cut_off_says_after_how_long(case: Callable[..., Case]) -> None:
    class Proxy:
        """Lets commands through, and cuts off whoever waits."""

        def __call__(self, request: http.server.BaseHTTPRequestHandler) -> tuple[int, dict[str, str], bytes]:
            return (502, {}, b"") if "Cmd=Ping" in request.path else (200, {}, ANSWERS[command(request)])

    with serving(Proxy()) as server:
        made = case(
            url=f"http://127.0.0.1:{server.port}", credentials=Credentials("a", "b"), probe_heartbeat=5
        )
        [found] = outside.heartbeat(made)
    assert found.state is State.WRONG
    assert "a wait of 5 s was cut off after 0 s: Ping is answered with HTTP status 502" in found.text


def command(request: http.server.BaseHTTPRequestHandler) -> str:
    return request.path.partition("Cmd=")[2].partition("&")[0]


def tree(name: str, *children: object) -> waiting.Element:
    texts = [child for child in children if isinstance(child, str)]
    return waiting.Element(
        name, texts[0] if texts else None, [c for c in children if isinstance(c, waiting.Element)]
    )


ANSWERS = {
    "Provision": waiting.encode(tree("Provision:Provision", tree("Provision:Status", "1"))),
    "FolderSync": waiting.encode(
        tree(
            "FolderHierarchy:FolderSync",
            tree("FolderHierarchy:Status", "1"),
            tree(
                "FolderHierarchy:Changes",
                tree(
                    "FolderHierarchy:Add",
                    tree("FolderHierarchy:ServerId", "5"),
                    tree("FolderHierarchy:Type", "7"),
                ),
            ),
        )
    ),
    "Sync": waiting.encode(
        tree(
            "AirSync:Sync",
            tree(
                "AirSync:Collections",
                tree("AirSync:Collection", tree("AirSync:SyncKey", "1"), tree("AirSync:Status", "1")),
            ),
        )
    ),
}


@pytest.mark.parametrize(
    ("answers", "state", "words"),
    [
        ({"Ping": tree("Ping:Ping", tree("Ping:Status", "2"))}, State.WARNING, "something changed"),
        (
            {"Ping": tree("Ping:Ping", tree("Ping:Status", "5"), tree("Ping:HeartbeatInterval", "1770"))},
            State.WARNING,
            "1770 s at most",
        ),
        ({"Ping": tree("Ping:Ping", tree("Ping:Status", "7"))}, State.WRONG, "status 7"),
        ({"FolderSync": tree("FolderHierarchy:FolderSync")}, State.WARNING, "no folder"),
        ({"Sync": tree("AirSync:Sync")}, State.WARNING, "no folder"),
        ({"FolderSync": b"<html>login</html>"}, State.WRONG, "somebody else"),
    ],
)
def test_what_a_probe_hears_is_told(
    case: Callable[..., Case], answers: dict[str, Any], state: State, words: str
) -> None:
    bodies = {
        name: each if isinstance(each, bytes) else waiting.encode(each) for name, each in answers.items()
    }
    with serving(lambda request: (200, {}, {**ANSWERS, **bodies}[command(request)])) as server:
        made = case(
            url=f"http://127.0.0.1:{server.port}", credentials=Credentials("a", "b"), probe_heartbeat=5
        )
        [found] = outside.heartbeat(made)
    assert (found.state, words in found.text) == (state, True), found


def test_a_probe_needs_to_know_where_and_who(case: Callable[..., Case]) -> None:
    assert states(outside.heartbeat(case(probe_heartbeat=5))) == [("heartbeat", State.NOT_ASKED)]


# --- databases that fail, and very many of them


class Schemas:
    """Databases of which some do not answer. ``found``: name → a database, or why there is none."""

    def __init__(
        self, found: dict[str, SingleDatabase | str], contexts: frozenset[int] | str | None = None
    ) -> None:
        self._found = found
        self._contexts = contexts

    def schemas(self) -> list[Schema]:
        if "down" in self._found:
            raise StoreUnavailable("configdb: no route to 192.0.2.1")
        return [Schema(name, number) for number, name in enumerate(self._found, 1)]

    def unprepared(self, schema: Schema) -> Database:
        found = self._found[schema.name]
        if isinstance(found, str):
            raise StoreUnavailable(found)
        return found.unprepared(schema)

    def known_contexts(self) -> frozenset[int] | None:
        if isinstance(self._contexts, str):
            raise StoreUnavailable(self._contexts)
        return self._contexts


def told(case: Callable[..., Case], *words: Any) -> dict[str, list[Finding]]:
    found: dict[str, list[Finding]] = {}
    for each in around.database(case(databases=Schemas(*words))):
        found.setdefault(each.name, []).append(each)
    return found


def test_a_configdb_that_is_down_is_all_there_is_to_say(case: Callable[..., Case]) -> None:
    found = told(case, {"down": "x"})
    assert [(name, [each.state for each in lines]) for name, lines in found.items()] == [
        ("database", [State.WRONG])
    ]


def test_a_schema_that_is_down_holds_up_no_other(case: Callable[..., Case], database: SingleDatabase) -> None:
    database.database(1)
    found = told(case, {"a": "database a: no rights", "b": database}, frozenset({1, 2}))
    assert [each.state for each in found["schema"]] == [State.WRONG, State.OK]
    assert found["contexts"][0].text == "Open-Xchange knows 2 contexts"
    assert len(found["database server"]) == 1


def test_very_many_schemas_are_counted(case: Callable[..., Case], database: SingleDatabase) -> None:
    database.database(1)
    found = told(case, {str(number): database for number in range(around.SCHEMAS_TOLD + 7)})
    assert len(found["schema"]) == around.SCHEMAS_TOLD + 1
    assert found["schema"][-1].text == "7 more schemas are up to date"


def test_an_installation_without_contexts_is_told(case: Callable[..., Case]) -> None:
    assert told(case, {})["schema"][0].state is State.WRONG


def test_contexts_that_cannot_be_read_are_a_warning(
    case: Callable[..., Case], database: SingleDatabase
) -> None:
    database.database(1)
    found = told(case, {"a": database}, "configdb: SELECT command denied")
    assert found["contexts"][0].state is State.WARNING
    assert "purge" in found["contexts"][0].advice


def test_a_server_that_answers_slowly_is_told(
    case: Callable[..., Case], database: SingleDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.database(1)
    monkeypatch.setattr(around, "SLOW", -1.0)
    assert told(case, {"a": database})["database server"][0].state is State.WARNING


# --- what a user may


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (
            Welcome(
                User(1, 3, "a", "a@b.c", ""), "7.10.6", False, True, {"usm": True}, frozenset(ContentType)
            ),
            {"user": State.OK, "ox version": State.OK, "rights": State.OK, "modules": State.OK},
        ),
        (
            Welcome(
                User(1, 3, "a", "", ""), "", True, None, {"usm": True, "active_sync": False}, frozenset()
            ),
            {"user": State.OK, "ox version": State.OK, "rights": State.WRONG, "modules": State.WARNING},
        ),
        (AccessDenied("no"), {"user": State.WRONG}),
        (NotEnabled("no webmail"), {"user": State.WRONG}),
    ],
)
def test_rights_of_a_user_are_told(
    case: Callable[..., Case],
    monkeypatch: pytest.MonkeyPatch,
    found: Welcome | Exception,
    expected: dict[str, State],
) -> None:
    def log_in(*_: object) -> Welcome:
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr(examination, "log_in", log_in)
    assert dict(states(around.user(case(credentials=Credentials("a", "b"))))) == expected


@pytest.mark.parametrize(
    ("granted", "counts"),
    [
        ("*", True),
        ("`oxdatabase_5`", True),
        ("`oxdatabase\\_5`", True),
        ("`oxdatabase\\_%`", True),
        ("`ox%`", True),
        ("`oxdatabase_55`", False),
        ("`oxdatabase_51`", False),
        ("`oxdatabase\\_`", False),
        ("`configdb`", False),
    ],
)
def test_a_grant_counts_for_the_schemas_that_its_pattern_means(granted: str, counts: bool) -> None:
    needed = ", ".join(sorted(around.NEEDED | around.FOR_UPGRADES))
    found = around._grants(
        f"GRANT USAGE ON *.* TO `usm`@`%`\nGRANT {needed} ON {granted}.* TO `usm`@`%`",
        Schema("oxdatabase_5", 1),
    )
    assert (found.state is State.OK) == counts
