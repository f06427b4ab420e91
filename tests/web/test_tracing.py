"""Traces: what is written down of whom, and what never is."""

from __future__ import annotations

import base64
import json
import logging
import os
import stat
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.ox.client import Meter, login
from app.ox.observer import NOBODY
from app.ox.settings import OxSettings
from app.ox.sight import Sight
from app.ox.transport import Cookies, Request, Transport
from app.store import SingleDatabase
from app.store.traces import Switch, Traces
from app.usm import keys
from app.usm.errors import SourceUnavailable, StoreUnavailable
from app.usm.model import SessionId
from app.usm.pieces import InMemory, Pieces
from app.wbxml import encode
from app.web import log
from app.web.parking import PARK, PARKED, Offer
from app.web.tracing import Recorder, Recording, TraceFiles, recording
from app.web.tracing.files import DAY, read
from app.web.tracing.recording import current
from tests.eas.phone import tree
from tests.fakes.clock import CountingTokens, ManualClock
from tests.fakes.source import ANTON
from tests.ox.canned import BASE, CannedOx, Reply, error
from tests.web.conftest import LATIN, Front, basic

SUBJECT = "Dinner-With-Zoë"
ALWAYS = datetime(2200, 1, 1, tzinfo=UTC)
FIRST, SECOND = "0000000a", "0000000b"
FOLDER_SYNC = encode(tree("FolderHierarchy:FolderSync", ("SyncKey", "0")))


def switch(
    trace_id: str = FIRST,
    *,
    user: int = 3,
    device: str = "",
    login: str = "",
    bodies: bool = False,
    **more: Any,
) -> Switch:
    who = (0, 0) if login else (1, user)
    return Switch(trace_id, *who, device, login, bodies, more.get("begun", ALWAYS), more.get("ends", ALWAYS))


class Traced(Front):
    """A front door with traces on."""

    def __init__(self, folder: Path, *switches: Switch, **settings: Any) -> None:
        self.files = TraceFiles(folder / "traces")
        self.switches = list(switches)
        super().__init__(recorder=self._recorder, **settings)

    def _recorder(self, clock: Any) -> Recorder:
        self.recorder = Recorder(lambda: self.switches, self.files, clock, interval=3600)
        self.recorder.look()
        return self.recorder

    def events(self, trace_id: str = FIRST) -> list[dict[str, Any]]:
        path = self.files.path(trace_id)
        return list(read(path.read_bytes().splitlines())) if path.exists() else []

    def kinds(self, trace_id: str = FIRST) -> list[str]:
        """What happened, but for what was logged: that depends on the level."""
        return [event["event"] for event in self.events(trace_id) if event["event"] != "log"]

    def one(self, kind: str, trace_id: str = FIRST) -> dict[str, Any]:
        [event] = [each for each in self.events(trace_id) if each["event"] == kind]
        return event

    def text(self, trace_id: str = FIRST) -> str:
        path = self.files.path(trace_id)
        return path.read_text() if path.exists() else ""

    def sync_contacts(self) -> None:
        """A phone brings a contact and gets another."""
        self.source.put("31", {"last_name": SUBJECT})
        self.command(body=FOLDER_SYNC)
        number = self.number("31")
        self.sync(number, "0")
        [key] = [each for each in self.keys(number) if each != "0"]
        name = tree(
            "AirSync:Add", ("ClientId", "c1"), ("ApplicationData", ("Contacts:LastName", SUBJECT[::-1]))
        )
        self.sync(number, key, ("Commands", name))

    def number(self, folder: str) -> str:
        return str(next(iter(ref.number for ref in self.store.folder_refs(self.session) if ref.id == folder)))

    def keys(self, number: str) -> list[str]:
        heads = self.store.heads(self.session, int(number))
        assert heads is not None
        return [keys.text(heads.generation, heads.newest.counter)]

    @property
    def session(self) -> SessionId:
        return SessionId(1, 3, "EAS", "phone1")

    def sync(self, number: str, key: str, *more: Any) -> Any:
        collection = ("Collection", ("SyncKey", key), ("CollectionId", number), *more)
        return self.command("Sync", encode(tree("AirSync:Sync", ("Collections", collection))))


@pytest.fixture(autouse=True)
def nobody_else() -> Iterator[None]:
    yield
    assert current.get() is None


@pytest.fixture
def traced(tmp_path: Path) -> Traced:
    return Traced(tmp_path, switch())


def test_a_request_and_its_answer_are_written_down_with_what_was_asked_of_usm(traced):
    traced.command(body=FOLDER_SYNC)
    assert traced.kinds()[:2] == ["request", "body"]
    assert traced.kinds()[-1] == "answer"
    request, answer = traced.one("request"), traced.one("answer")
    assert request["method"] == "POST"
    assert ["Cmd", "FolderSync"] in request["query"]
    assert request["headers"]["ms-asprotocolversion"] == "14.1"
    assert request["client"] == "127.0.0.1"
    assert "<SyncKey>0</SyncKey>" in traced.one("body")["document"]
    assert answer["status"] == 200
    assert "<Status>1</Status>" in answer["document"]
    assert answer["headers"]["x-request-id"] == request["request"]
    [folders] = [each for each in traced.events() if each.get("call") == "folders"]
    assert folders["asked"] == {"key": "0"}
    assert [each["kind"] for each in folders["result"]["changes"]] == ["add"] * 4
    assert {"time", "at", "ms"} <= folders.keys()


def test_what_is_personal_is_left_out_unless_it_is_asked_for(tmp_path):
    traced = Traced(tmp_path, switch(), switch(SECOND, bodies=True))
    traced.sync_contacts()
    assert SUBJECT not in traced.text()
    assert SUBJECT[::-1] not in traced.text()
    assert "hidden=" in traced.text()
    assert "Trips" not in traced.text()
    assert SUBJECT in traced.text(SECOND)
    assert SUBJECT[::-1] in traced.text(SECOND)
    assert "default0/INBOX/Trips" in traced.text(SECOND)
    assert traced.kinds() == traced.kinds(SECOND)


def test_what_was_decided_of_a_folder_is_told_without_what_its_items_hold(traced):
    traced.sync_contacts()
    rounds = [each for each in traced.events() if each.get("call") == "exchange"]
    assert next(each["asked"]["request"]["key"] for each in rounds) == "0"
    last = rounds[-1]
    assert last["asked"]["request"]["changes"][0]["client_id"] == "c1"
    assert last["result"]["results"][0]["outcome"]
    assert last["result"]["changes"][0]["kind"] == "add"
    assert last["result"]["key"] != last["asked"]["request"]["key"]


@pytest.mark.parametrize("bodies", [False, True])
def test_passwords_tokens_and_cookies_are_written_in_no_case(tmp_path, bodies):
    traced = Traced(tmp_path, switch(bodies=bodies))
    password = traced.provider.passwords[ANTON.login] = "Secret-Password-1"
    headers = {
        **basic(ANTON.login, password),
        "Cookie": "usm-node=Secret-Cookie",
        "X-Auth-Token": "Secret-Token",
        "X-MS-Note": f"so it says {password}",
    }
    query = f"Cmd=FolderSync&User=anton&DeviceId=phone1&DeviceType=Phone&pw={password}&Location=home"
    settings = tree("Settings:Settings", ("DevicePassword", ("Set", ("Password", "Secret-Recovery"))))
    traced.command(body=FOLDER_SYNC, headers=headers, query=query)
    traced.command("Settings", encode(settings), headers=basic(ANTON.login, password))
    assert traced.kinds().count("answer") == 2
    assert "Secret-" not in traced.text()
    assert base64.b64encode(f"{ANTON.login}:{password}".encode()).decode() not in traced.text()
    assert "[not shown]" in traced.text()


def test_requests_of_others_leave_nothing(tmp_path):
    traced = Traced(tmp_path, switch(user=99))
    traced.command(body=FOLDER_SYNC)
    traced.command(body=FOLDER_SYNC, headers=basic(ANTON.login, "wrong"))
    traced.command(body=FOLDER_SYNC, headers=basic(LATIN.login))
    assert traced.files.listed() == []


def test_a_trace_of_one_device_is_not_about_the_others(tmp_path):
    traced = Traced(tmp_path, switch(device="phone2"))
    traced.command(body=FOLDER_SYNC)
    assert traced.events() == []
    traced.command(query="Cmd=FolderSync&User=anton&DeviceId=phone2&DeviceType=Phone", body=FOLDER_SYNC)
    assert "answer" in traced.kinds()


def test_a_trace_ends_by_itself(tmp_path):
    traced = Traced(tmp_path)
    traced.switches.append(switch(ends=traced.clock.now() + timedelta(hours=1)))
    traced.recorder.look()
    traced.command(body=FOLDER_SYNC)
    seen = len(traced.events())
    assert seen
    traced.clock.advance(3601)
    traced.command(body=FOLDER_SYNC)
    assert len(traced.events()) == seen


def test_failed_logins_are_traced_by_their_name(tmp_path):
    traced = Traced(tmp_path, switch(login=ANTON.login), switch(SECOND))
    traced.command(body=FOLDER_SYNC, headers=basic(ANTON.login.upper(), "wrong"))
    assert traced.kinds() == ["request", "body", "answer"]
    assert traced.one("answer")["status"] == 401
    assert traced.one("answer")["reason"]
    assert traced.events(SECOND) == []
    traced.command(body=FOLDER_SYNC)
    assert traced.kinds().count("answer") == 2
    assert traced.kinds(SECOND).count("answer") == 1
    traced.request("POST", query_string="Cmd=Sync&DeviceId=phone1&DeviceType=Phone")
    assert traced.kinds().count("answer") == 2


def test_a_refusal_tells_its_reason(traced):
    traced.source_fails(SourceUnavailable("OX is away", 17))
    traced.command(body=FOLDER_SYNC)
    answer = traced.one("answer")
    assert (answer["status"], answer["reason"], answer["headers"]["retry-after"]) == (503, "OX is away", "17")
    [call] = [each for each in traced.events() if "error" in each]
    assert (call["call"], call["error"]) == ("folders", "SourceUnavailable")


def test_what_is_logged_of_the_request_stands_in_its_trace(traced):
    logger = logging.getLogger("app")
    level = logger.level
    logger.setLevel(logging.INFO)
    try:
        traced.sync("1", "{key-of-nobody}9")
    finally:
        logger.setLevel(level)
    assert any("executed" in each["message"] for each in traced.events() if each["event"] == "log")


def test_a_body_that_is_no_document_is_told_as_such(traced):
    traced.command("Sync", b"\x03\x01no WBXML")
    assert "no WBXML" in traced.one("body")["problem"]
    traced.command(
        "SendMail", b"Subject: Secret-Subject\r\n\r\nhello", headers={"Content-Type": "message/rfc822"}
    )
    assert traced.events()[-1]["event"] == "answer"
    [mail] = [each for each in traced.events() if each.get("type") == "message/rfc822"]
    assert mail["bytes"] == 32
    assert "Secret-Subject" not in traced.text()


def test_a_message_is_shown_to_who_asks_for_bodies(tmp_path):
    traced = Traced(tmp_path, switch(bodies=True))
    traced.command(
        "SendMail", b"Subject: My-Subject\r\n\r\nhello", headers={"Content-Type": "message/rfc822"}
    )
    assert "My-Subject" in traced.one("body")["text"]
    space = "http://schemas.microsoft.com/exchange/autodiscover/mobilesync/"
    request = (
        f'<Autodiscover xmlns="{space}requestschema/2006"><Request><EMailAddress>{ANTON.login}</EMailAddress>'
        f"<AcceptableResponseSchema>{space}responseschema/2006</AcceptableResponseSchema></Request></Autodiscover>"
    )
    headers = {**basic(ANTON.login), "Content-Type": "text/xml"}
    traced.request("POST", "/autodiscover/autodiscover.xml", body=request.encode(), headers=headers)
    assert any("<EMailAddress>" in str(each.get("text")) for each in traced.events())


def test_a_base64_query_is_kept_as_it_came(traced):
    query = "jAkJBAZwaG9uZTEABVBob25l"
    traced.command(query=query, body=FOLDER_SYNC)
    assert traced.one("request")["query"] == query


# -- waiting --------------------------------------------------------------------------------------------------


def ping(traced: Traced) -> bytes:
    traced.sync_contacts()
    folder = ("Folder", ("Id", traced.number("31")), ("Class", "Contacts"))
    return encode(tree("Ping:Ping", ("HeartbeatInterval", "480"), ("Folders", folder)))


class Connection:
    """What an offer to park looks at."""

    class unreader:
        class buf:
            @staticmethod
            def getbuffer() -> memoryview:
                return memoryview(b"")


def test_a_request_that_waits_tells_when_it_was_parked_and_what_woke_it(traced):
    body = ping(traced)
    traced.waiter.events = [lambda: frozenset({"31"})]
    before = len(traced.events())
    traced.command("Ping", body)
    events = traced.events()[before:]
    kinds = [each["event"] for each in events]
    assert kinds.index("parked") < kinds.index("woken") < kinds.index("waited") < kinds.index("answer")
    parked, *_ = [each for each in events if each["event"] == "parked"]
    assert parked["folders"] == [int(traced.number("31"))]
    assert all(each["after"] >= 0 for each in events if each["event"] == "woken")
    assert [each["outcome"] for each in events if each["event"] == "waited"] == ["timeout"]


def test_while_a_request_is_parked_its_trace_can_be_read(traced):
    body = ping(traced)
    offer = Offer(Connection(), lambda: False)
    traced.command("Ping", body, extras={PARK: offer})
    assert traced.kinds()[-1] == "parked"
    assert current.get() is None
    waiting = offer.taken_by
    assert waiting is not None
    traced.request("POST", extras={PARKED: waiting})
    assert traced.kinds()[-3:] == ["woken", "waited", "answer"]


def test_a_device_that_hangs_up_while_it_waits_is_noted(traced):
    body = ping(traced)
    offer = Offer(Connection(), lambda: False)
    traced.command("Ping", body, extras={PARK: offer})
    assert offer.taken_by is not None
    offer.taken_by.give_up()
    assert "gone" in traced.kinds()


def test_a_wait_that_fails_is_noted(traced):
    body = ping(traced)

    def fail() -> frozenset[str]:
        raise SourceUnavailable("OX is away")

    traced.waiter.events = [fail]
    traced.command("Ping", body)
    [end] = [each for each in traced.events() if each["event"] == "waited"]
    assert (end["outcome"], end["error"]) == ("failed", "SourceUnavailable")


# -- OX ---------------------------------------------------------------------------------------------------------


class Calls:
    """Calls to an OX of prepared answers, within a request that is recorded."""

    def __init__(self, folder: Path, bodies: bool) -> None:
        self.files = TraceFiles(folder)
        self.clock = ManualClock()
        self.ox = CannedOx()
        self.recording = Recording("4711abcd", [switch(bodies=bodies)], self.files, self.clock)
        self.transport = Transport(
            OxSettings(BASE), self.clock, self.ox, Sight(log.current_number, current.get)
        )
        self.cookies = Cookies()

    def __enter__(self) -> Calls:
        current.set(self.recording)
        log.current_request.set("4711abcd")
        return self

    def __exit__(self, *_: object) -> None:
        current.set(None)
        log.current_request.set("-")
        assert self.recording.belongs(1, 3, "phone1", "anton")
        self.recording.write()

    def send(
        self, path: str, action: str = "", data: Any = None, method: str = "PUT", **params: str
    ) -> bytes:
        named = {"action": action} if action else {}
        request = Request(method, path, {**named, "session": "Secret-Session", **params}, data=data)
        return self.transport.send(request, self.cookies)

    def events(self) -> list[dict[str, Any]]:
        return list(read(self.files.path(FIRST).read_bytes().splitlines()))

    def text(self) -> str:
        return self.files.path(FIRST).read_text()


@pytest.mark.parametrize("bodies", [False, True])
def test_a_call_to_ox_is_told_without_its_session(tmp_path, bodies):
    with Calls(tmp_path, bodies) as calls:
        calls.ox.on("contacts?all", {"data": [["1", SUBJECT]], "timestamp": 5})
        calls.send(
            "contacts", "all", b'{"pattern":"Zo"}', folder="default0/INBOX/Lovers", id="31", pattern="Zo"
        )
        calls.ox.on("folders?get", Reply(status=500))
        with pytest.raises(SourceUnavailable):
            calls.send("folders", "get", method="GET", folder="default0/INBOX")
    first, second = calls.events()
    assert first["request"] == "4711abcd"
    assert (first["status"], first["params"]["id"], first["answer"]["rows"]) == (200, "31", 1)
    assert first["params"]["session"] == "[not shown]"
    assert (second["status"], second["error"], second["params"]["folder"]) == (
        500,
        "SourceUnavailable",
        "default0/INBOX",
    )
    assert "Secret-" not in calls.text()
    assert (SUBJECT in calls.text()) is bodies
    assert ("Lovers" in calls.text()) is bodies
    assert calls.ox.calls[0].headers["X-Request-Id"] == "4711abcd"


def test_of_many_calls_in_one_each_is_told(tmp_path):
    with Calls(tmp_path, False) as calls:
        calls.ox.on("mail?get", {"data": {"subject": SUBJECT}})
        calls.ox.on("mail?delete", error("MSG-0032", text=SUBJECT))
        entries = [
            {"module": "mail", "action": "get", "id": "1"},
            {"module": "mail", "action": "delete", "data": [SUBJECT]},
        ]
        calls.send("multiple", data=json.dumps(entries).encode())
    [event] = calls.events()
    assert [each["action"] for each in event["sent"]["calls"]] == ["get", "delete"]
    assert event["answer"]["answers"] == [{}, {"code": "MSG-0032", "categories": "ERROR", "error_id": "1-1"}]
    assert SUBJECT not in calls.text()


@pytest.mark.parametrize("bodies", [False, True])
def test_a_login_is_told_by_the_names_of_its_fields(tmp_path, bodies):
    with Calls(tmp_path, bodies) as calls:
        answer = {
            "session": "Secret-Id",
            "random": "Secret-Random",
            "user": "anton",
            "nested": [{"token": "Secret-2"}],
        }
        calls.ox.on("login?login", Reply(answer, cookies=("JSESSIONID=Secret-Cookie; path=/",)))
        form = {"name": "anton", "password": "Secret-Password"}
        login(calls.transport, calls.clock, Meter(calls.clock), form)
    [event] = calls.events()
    assert event["sent"] == {"fields": ["name", "password"]}
    assert "Secret-" not in calls.text()
    assert ('"user": "anton"' in event["answer"].get("body", "")) is bodies


def test_a_call_without_an_answer_is_told(tmp_path):
    with Calls(tmp_path, True) as calls:
        calls.ox.on("mail?new", ConnectionRefusedError())
        with pytest.raises(SourceUnavailable):
            calls.send("mail", "new", Pieces((b"head", InMemory(b"file"))))
    [event] = calls.events()
    assert (event["status"], event["error"], event["sent"]) == (0, "SourceUnavailable", {"bytes": 8})
    assert "answer" not in event


@pytest.mark.parametrize(
    "body", [b"<html>", b'"text"', b"[" * 100_000, b"x" * 300_000, b'{"data": [' + b"1," * 9000 + b"1]}"]
)
def test_an_answer_of_any_kind_is_told_by_its_size(tmp_path, body):
    with Calls(tmp_path, True) as calls:
        calls.ox.on("x", body if not body.startswith(b"{") else Reply(body))
        calls.ox.on("x", Reply(body))
        calls.send("x", data=b"no JSON")
    [event] = calls.events()
    assert event["answer"]["bytes"] == len(body)
    assert len(event["answer"].get("body", "")) < 5000


def test_nobody_looks_on_outside_of_a_request():
    sight = Sight(log.current_number, current.get)
    assert sight.request_id() == ""
    request = Request("GET", "mail", {})
    assert sight.witness(request) is None
    assert (NOBODY.request_id(), NOBODY.witness(request)) == ("", None)


# -- files --------------------------------------------------------------------------------------------------------


def test_only_the_service_can_read_a_trace(traced):
    traced.command(body=FOLDER_SYNC)
    path = traced.files.path(FIRST)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.with_suffix(".key").stat().st_mode) == 0o600


def test_a_file_that_is_full_says_so_and_grows_no_more(tmp_path):
    files = TraceFiles(tmp_path, size=200)
    files.write(FIRST, [{"event": "one"}])
    files.write(FIRST, [{"event": "x" * 300}])
    size = files.path(FIRST).stat().st_size
    files.write(FIRST, [{"event": "two"}])
    assert files.path(FIRST).stat().st_size == size < 200
    assert [each["event"] for each in read(files.path(FIRST).read_bytes().splitlines())] == ["one", "full"]


def test_files_are_kept_for_some_days(tmp_path):
    files = TraceFiles(tmp_path, days=7)
    for name, days in ((FIRST, 8), (SECOND, 6)):
        files.write(name, [{"event": "one"}])
        files.key(name)
        then = datetime.now(UTC).timestamp() - days * DAY
        os.utime(files.path(name), (then, then))
    (tmp_path / "notes.jsonl").write_text("not ours")
    assert [each.id for each in files.listed()] == [FIRST, SECOND]
    assert files.remove_old() == 1
    left = {each.name for each in tmp_path.iterdir()}
    assert left == {f"{SECOND}.jsonl", f"{SECOND}.key", "notes.jsonl"}


def test_a_folder_that_cannot_be_written_harms_nobody(tmp_path, caplog):
    (tmp_path / "traces").write_text("a file where the folder should be")
    traced = Traced(tmp_path, switch())
    assert traced.command(body=FOLDER_SYNC).status_code == 200
    assert traced.command(body=FOLDER_SYNC).status_code == 200
    assert caplog.text.count("traces cannot be written") == 1


def test_an_id_leads_to_no_other_file(tmp_path):
    for name in ("../../etc/passwd", "", "x", "0000000a/../b", "0000000A"):
        with pytest.raises(ValueError, match="not the id"):
            TraceFiles(tmp_path).path(name)


def test_workers_have_the_same_sign_for_a_name_and_traces_others(tmp_path):
    files, others = TraceFiles(tmp_path), TraceFiles(tmp_path)
    assert files.key(FIRST) == others.key(FIRST) != files.key(SECOND)


def test_lines_that_are_cut_off_are_left_out():
    assert list(read([b'{"event":"one"}', b'{"event":', b"5", b""])) == [{"event": "one"}]


# -- which are on -------------------------------------------------------------------------------------------------


def test_traces_are_found_in_the_database_by_every_worker(tmp_path):
    clock = ManualClock()
    databases = SingleDatabase(f"sqlite:///{tmp_path / 'state.sqlite'}")
    switches = Traces(databases, clock, CountingTokens())
    later = clock.now() + timedelta(hours=1)
    first = switches.switch_on(later, context_id=1, user_id=3, device="phone1", bodies=True)
    second = switches.switch_on(later + timedelta(hours=1), login="Anton@Example.org")
    found = Traces(databases, clock, CountingTokens()).running()
    assert sorted(found, key=lambda each: each.ends) == [first, second]
    assert second.login == "anton@example.org"
    clock.advance(3601)
    assert list(switches.running()) == [second]
    assert switches.switch_off([first.id]) == 0
    assert switches.switch_off([second.id]) == 1
    assert list(switches.running()) == []
    with pytest.raises(ValueError, match="255 characters"):
        switches.switch_on(later, login="x" * 256)
    databases.close()


def test_a_database_that_does_not_answer_changes_nothing(tmp_path):
    answers: list[Callable[[], list[Switch]]] = []

    def running() -> list[Switch]:
        return answers.pop(0)()

    def away() -> list[Switch]:
        raise StoreUnavailable("the database is down")

    recorder = Recorder(running, TraceFiles(tmp_path), ManualClock(), interval=3600)
    answers += [lambda: [switch()], away, list]
    recorder.look()
    assert recorder.begin("1") is not None
    recorder.look()
    assert recorder.begin("2") is not None
    recorder.look()
    assert recorder.begin("3") is None
    recorder.close()


def test_the_first_request_begins_the_looking_and_a_mistake_does_not_end_it(tmp_path, caplog):
    looked = threading.Event()
    looks: list[int] = []

    def running() -> list[Switch]:
        looks.append(1)
        if len(looks) == 1:
            raise RuntimeError("a mistake")
        looked.set()
        return [switch()]

    recorder = Recorder(running, TraceFiles(tmp_path), ManualClock(), interval=0.01)
    assert not looks
    assert recorder.begin("1") is None
    assert looked.wait(10)
    recorder.close()
    assert "looking for traces failed" in caplog.text


@pytest.mark.parametrize(("personal", "told"), [(True, "folder default0/Trips"), (False, "folder ~")])
def test_a_line_of_the_log_names_no_folder_unless_that_was_asked_for(personal: bool, told: str) -> None:
    record = logging.LogRecord(
        "app.usm.silence", logging.INFO, "", 0, "folder %s has %d", ("default0/Trips", 3), None
    )
    line = recording._line(record, recording.View(personal, b"key", str.isdigit))
    assert line.startswith(told)
    assert line.endswith(" has 3")
