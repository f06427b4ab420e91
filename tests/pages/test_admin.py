"""The administrators' pages, from the front: who gets in, what is seen, what is decided."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from falcon import testing

from app.administration.desk import Desk
from app.administration.naming import Unknown
from app.administration.storms import Storms
from app.config import Settings
from app.eas.admission_rules import DeviceRules, parse
from app.eas.throttle import Load
from app.main import SystemTokens, create_app
from app.pages.admin import logins, signing, views
from app.pages.admin.sessions import IDLE, LIFE, Sessions
from app.store import SingleDatabase, SqlStateStore
from app.store.sealed import Ring
from app.usm import anew, holding
from app.usm.model import HIERARCHY, ContentType, SessionId
from app.usm.ports import STANDING
from app.web import admin
from app.web.login_throttle import LoginThrottle
from tests.fakes.clock import CountingTokens, ManualClock

NAME, PASSWORD = "anna", "correct horse battery"
KEPT = (
    "scrypt$14$8$1$AAAAAAAAAAAAAAAAAAAAAA==$"
    + base64.b64encode(
        hashlib.scrypt(PASSWORD.encode(), salt=bytes(16), n=1 << 14, r=8, p=1, dklen=32)
    ).decode()
)
"""As an older program may have made it: cheap."""
NASTY = "<script>alert(1)</script>"
PHONE = SessionId(1, 3, "EAS", "phone/1 &x")


@dataclass
class Office:
    """The pages over a database, and a browser in front of them."""

    store: SqlStateStore
    clock: ManualClock
    client: testing.TestClient
    cookies: dict[str, str] = field(default_factory=dict)
    proof: str = ""
    page: str = ""
    loads: list[Load] = field(default_factory=list)

    def _request(self, method: str, path: str, body: str | None = None, **headers: str) -> testing.Result:
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        sent = {"Cookie": cookies, "Host": "ox1:8011"} | {k.replace("_", "-"): v for k, v in headers.items()}
        if body is not None:
            sent.setdefault("Content-Type", "application/x-www-form-urlencoded")
        split = urlsplit(path)
        result = self.client.simulate_request(
            method, f"/usm/admin/{split.path}", query_string=split.query, body=body, headers=sent
        )
        for name, cookie in result.cookies.items():
            self.cookies[name] = cookie.value
        return result

    def get(self, path: str = "") -> testing.Result:
        result = self._request("GET", path)
        self.page = html.unescape(result.text)
        if (match := re.search(r'name="proof" value="([^"]+)"', result.text)) is not None:
            self.proof = match[1]
        return result

    def post(self, path: str, **fields: Any) -> testing.Result:
        values = {"proof": self.proof} | {key: value for key, value in fields.items() if value is not None}
        return self._request("POST", path, urlencode(values, doseq=True))

    def follow(self, result: testing.Result) -> str:
        """The page that a form is answered by."""
        assert result.status_code == 303, result.text
        self.get(result.headers["location"].removeprefix("/usm/admin/"))
        return self.page

    def sign_in(self, name: str = NAME, password: str = PASSWORD) -> testing.Result:
        self.get("sign-in")
        return self.post("sign-in", name=name, password=password)


def opened(tmp_path: Path, rules: DeviceRules | None = None, kept: dict[str, str] | None = None) -> Office:
    databases = SingleDatabase(f"sqlite:///{tmp_path / 'state.sqlite'}")
    clock = ManualClock()
    store = SqlStateStore(databases, now=lambda: clock.now().timestamp(), touches=False)
    loads: list[Load] = []
    storms = Storms(lambda most: loads, None)
    desk = Desk(databases, store, rules or DeviceRules(), clock, SystemTokens(), storms, Ring([bytes(32)]))
    sessions = Sessions(tmp_path / "administrators", lambda: clock.now().timestamp())
    guard = LoginThrottle(signing.LIMITS, clock, b"key")
    app = views.create(desk, {NAME: KEPT} if kept is None else kept, sessions, guard, Unknown)
    joined = admin.joined(admin.create({}), app)
    made = Office(store, clock, testing.TestClient(joined), loads=loads)
    made.databases = databases  # type: ignore[attr-defined]
    return made


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = opened(tmp_path)
    yield made
    made.databases.close()  # type: ignore[attr-defined]


@pytest.fixture
def signed_in(office: Office) -> Office:
    assert office.sign_in().status_code == 303
    office.get()
    return office


def seen(store: SqlStateStore, session: SessionId = PHONE, **more: str) -> SessionId:
    about = {
        "usm.device.login": "anton anton@example.org",
        "usm.device.type": "iPhone",
        "usm.device.agent": "Apple-iPhone12C1/1801.1",
        "usm.device.version": "16.1",
        "eas.device.Model": "iPhone 12",
    }
    store.write_fields(session, {**about, **more})
    return session


def where(session: SessionId = PHONE) -> str:
    return f"{session.context_id}/{session.user_id}/{session.device_id}"


def query(session: SessionId = PHONE) -> str:
    return urlencode({"context": session.context_id, "user": session.user_id, "device": session.device_id})


def standing(office: Office, session: SessionId = PHONE) -> str:
    return office.store.fields(session).get(STANDING, "")


# -- who gets in ---------------------------------------------------------------------------------------------------


PAGES = (
    "",
    "devices",
    f"device?{query()}",
    f"sure?{query()}&action=wipe",
    "quarantine",
    "stuck",
    "storms",
    "versions",
)


@pytest.mark.parametrize("path", PAGES)
def test_nobody_sees_anything_without_signing_in(path: str, office: Office) -> None:
    seen(office.store)
    result = office.get(path)
    assert (result.status_code, result.headers["location"]) == (303, "/usm/admin/sign-in")
    assert "anton" not in result.text


@pytest.mark.parametrize("path", ["device", "quarantine", "stuck"])
def test_nobody_decides_anything_without_signing_in(path: str, office: Office) -> None:
    seen(office.store)
    office.get("sign-in")
    assert office.post(path, action="block", where=where()).status_code == 403
    office.cookies["usm-admin-session"] = "0." + "A" * 43
    assert office.post(path, action="block", where=where()).status_code == 403
    assert standing(office) == ""


def test_an_administrator_signs_in_and_out(office: Office) -> None:
    result = office.sign_in()
    assert (result.status_code, result.headers["location"]) == (303, "/usm/admin/")
    cookie = result.cookies["usm-admin-session"]
    assert (cookie.http_only, cookie.same_site, cookie.path) == (True, "Strict", "/usm/admin")
    assert office.get().status_code == 200
    assert NAME in office.page
    assert office.get("sign-in").status_code == 303
    office.get()
    kept = dict(office.cookies)
    assert office.post("sign-out").status_code == 303
    office.cookies = kept  # who has kept a copy of the cookie is out as well
    assert office.get().status_code == 303


@pytest.mark.parametrize(
    ("name", "password"), [(NAME, "wrong"), ("nobody", PASSWORD), ("", ""), (NAME, PASSWORD + " ")]
)
def test_a_wrong_name_and_a_wrong_password_look_the_same(name: str, password: str, office: Office) -> None:
    result = office.sign_in(name, password)
    assert result.status_code == 403
    assert "This is not a name with its password." in result.text
    assert password == "" or password not in result.text
    assert office.get().status_code == 303


def test_whoever_tries_on_has_to_wait_even_with_the_right_password(office: Office) -> None:
    for number in range(5):
        assert office.sign_in(password=f"wrong {number}").status_code == 403
    result = office.sign_in()
    assert result.status_code == 429
    assert 0 < int(result.headers["retry-after"]) <= 10
    office.clock.advance(11)
    assert office.sign_in().status_code == 303


def test_a_session_ends_when_idle_when_old_and_with_its_password(tmp_path: Path, signed_in: Office) -> None:
    office = signed_in
    for _ in range(int(LIFE / (IDLE - 60))):
        office.clock.advance(IDLE - 60)
        assert office.get().status_code == 200
    office.clock.advance(IDLE - 60)
    assert office.get().status_code == 303
    assert office.sign_in().status_code == 303
    office.clock.advance(IDLE + 1)
    assert office.get().status_code == 303
    assert office.sign_in().status_code == 303
    other = opened(tmp_path, kept={NAME: logins.hashed("another password")})
    other.clock.advance((office.clock.now() - other.clock.now()).total_seconds())
    other.cookies = office.cookies
    assert other.get().status_code == 303
    other.databases.close()  # type: ignore[attr-defined]


def test_workers_of_a_node_share_sessions_and_their_files_open_nothing(
    tmp_path: Path, signed_in: Office
) -> None:
    other = opened(tmp_path)
    other.cookies = signed_in.cookies
    assert other.get().status_code == 200
    (path,) = (tmp_path / "administrators").iterdir()
    secret = signed_in.cookies["usm-admin-session"].removeprefix("0.")
    assert secret not in path.name + path.read_text()
    assert path.stat().st_mode & 0o77 == 0
    other.databases.close()  # type: ignore[attr-defined]


def test_there_are_only_so_many_sessions(tmp_path: Path) -> None:
    sessions = Sessions(tmp_path, lambda: 1000.0)
    tokens = [sessions.begin("anna", "m") for _ in range(views_most() + 1)]
    assert sum(sessions.find(token) is not None for token in tokens) == views_most()
    assert sessions.find(tokens[-1]) is not None


def views_most() -> int:
    from app.pages.admin.sessions import MOST

    return MOST


def test_a_form_of_another_session_or_site_does_nothing(signed_in: Office) -> None:
    office = signed_in
    seen(office.store)
    assert office.post("device", proof="forged", action="block", where=where()).status_code == 403
    body = urlencode({"proof": office.proof, "action": "block", "where": where()})
    for header, value in (("Origin", "https://evil.example"), ("Sec_Fetch_Site", "cross-site")):
        assert office._request("POST", "device", body, **{header: value}).status_code == 403
    assert office._request("POST", "device", body, Content_Type="text/plain").status_code == 415
    assert office._request("GET", f"device?{query()}&action=block&proof={office.proof}").status_code == 200
    assert standing(office) == ""


def test_the_pages_are_on_the_listener_of_administrators_alone(tmp_path: Path) -> None:
    app = testing.TestClient(admin.joined(admin.create({}), None))
    result = app.simulate_get("/usm/admin/")
    assert (result.status_code, "admin.logins is empty" in result.text) == (404, True)
    assert app.simulate_get("/usm/administrator").text != result.text
    assert app.simulate_get("/usm/health/live").status_code == 200
    settings = Settings(
        admin_logins={NAME: KEPT}, database_url=f"sqlite:///{tmp_path / 'state'}", etc=tmp_path
    )
    whole = create_app(settings)
    client = testing.TestClient(whole)
    try:
        for path in (
            "/usm/admin",
            "/usm/admin/",
            "/usm/admin/sign-in",
            "/usm/admin/static/pages.css",
            "/usm//admin/",
        ):
            for method in ("GET", "POST"):
                outside = client.simulate_request(method, path, port=settings.listen_port)
                assert (outside.status_code in (403, 404), "dministrator" in outside.text) == (True, False), (
                    path
                )
        for path, expected in (("/usm/admin/sign-in", 200), ("/usm/admin/", 303), ("/usm/metrics", 200)):
            assert client.simulate_get(path, port=settings.admin_port).status_code == expected
    finally:
        whole.close()


# -- what is seen --------------------------------------------------------------------------------------------------


def test_the_estate_at_a_glance(signed_in: Office) -> None:
    office = signed_in
    seen(office.store)
    office.store.decide(seen(office.store, SessionId(2, 9, "EAS", "other")), "blocked")
    office.get()
    numbers = re.findall(r"<dt>([^<]+)</dt><dd>(?:<a[^>]*>)?(\d+)", office.page)
    assert ("Devices", "2") in numbers
    assert ("Users with devices", "2") in numbers
    assert ("blocked", "1") in numbers
    assert ("allowed", "0") in numbers


def test_devices_are_found_by_any_part_of_what_is_known(signed_in: Office) -> None:
    office = signed_in
    seen(office.store)
    seen(
        office.store,
        SessionId(1, 4, "EAS", "BERTA1"),
        **{"usm.device.login": "berta", "eas.device.Model": "Pixel"},
    )
    office.store.decide(SessionId(1, 4, "EAS", "BERTA1"), "allowed")
    for asked, found in (
        ("", ["BERTA1", PHONE.device_id]),
        ("?text=ANTON@", [PHONE.device_id]),
        ("?text=pixel", ["BERTA1"]),
        ("?text=berta1", ["BERTA1"]),
        ("?text=4", ["BERTA1"]),
        ("?text=%25", []),
        ("?standing=allowed", ["BERTA1"]),
        ("?standing=-", [PHONE.device_id]),
        ("?standing=nonsense", ["BERTA1", PHONE.device_id]),
        ("?device_type=iphone", []),
        ("?context=2", []),
        ("?context=nowhere", []),
        ("?unseen=day", []),
        ("?seen=day&problem=refused", []),
    ):
        assert office.get(f"devices{asked}").status_code == 200
        links = re.findall(r'href="/usm/admin/device\?([^"]+)"', office.page)
        assert sorted(parse_qs(link)["device"][0] for link in links) == sorted(found), asked


def test_a_list_goes_on_where_the_page_before_ended(signed_in: Office) -> None:
    office = signed_in
    for number in range(120):
        office.store.write_fields(
            SessionId(1 + number % 3, 5, "EAS", f"d{number:03}"), {"usm.device.login": "x"}
        )
    for order in ("name", "seen", "first"):
        path, names, pages = f"devices?order={order}&text=x", [], 0
        while path:
            office.get(path)
            pages += 1
            names += re.findall(r"device=(d\d+)", office.page)
            following = re.search(r'href="/usm/admin/(devices\?[^"]+)" rel="next"', office.page)
            path = following[1] if following else ""
        assert (pages, len(names), len(set(names))) == (3, 120, 120)
    office.get("devices?after=garbage")
    assert len(re.findall(r"device=d\d+", office.page)) == 50
    office.get("devices")
    assert "120 devices" in office.page


def test_what_a_device_says_of_itself_stays_text(signed_in: Office) -> None:
    office = signed_in
    session = seen(
        office.store,
        PHONE,
        **{"eas.device.Model": NASTY, "eas.device.FriendlyName": NASTY, "usm.device.login": NASTY},
    )
    office.store.decide(session, "quarantined")
    for path in ("", "devices", f"device?{query()}", f"sure?{query()}&action=wipe", "quarantine", "versions"):
        result = office.get(path)
        assert result.status_code == 200
        assert "<script" not in result.text
    assert "&lt;script&gt;" in office.get("quarantine").text


def test_a_device_that_is_not_there_is_a_page_that_says_so(signed_in: Office) -> None:
    for path in (f"device?{query()}", "device", f"device?{query()}&context=2", f"sure?{query()}&action=wipe"):
        assert signed_in.get(path).status_code == 404
    seen(signed_in.store)
    assert signed_in.get(f"sure?{query()}&action=allow").status_code == 404
    assert signed_in.get("nothing").status_code == 404


def test_what_is_in_use_is_counted(signed_in: Office) -> None:
    office = signed_in
    seen(office.store)
    seen(office.store, SessionId(1, 4, "EAS", "b"), **{"usm.device.version": "14.1"})
    office.get("versions")
    for row in (("16.1", "1"), ("14.1", "1"), ("iPhone", "2"), ("iPhone 12", "2")):
        assert re.search(rf"<td>{re.escape(row[0])}</td><td><a[^>]+>{row[1]}</a>", office.page), row


def test_who_asks_most_is_shown(signed_in: Office) -> None:
    office = signed_in
    office.get("storms")
    assert "Nobody asks more than usual." in office.page
    office.loads += [Load(seen(office.store), 4000, 120, 7), Load(SessionId(1, 9, "EAS", "calm"), 3, 1, 0)]
    office.get("storms")
    assert re.search(r"<td>4000</td>\s*<td>120</td>\s*<td><span class=\"badge bad\">7</span>", office.page)
    assert "calm" not in office.page


# -- what is decided -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "kept"),
    [("allow", "allowed"), ("block", "blocked"), ("quarantine", "quarantined"), ("undecide", "")],
)
def test_a_decision_is_kept_and_written_down(
    action: str,
    kept: str,
    signed_in: Office,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    office = signed_in
    seen(office.store)
    office.get(f"device?{query()}")
    monkeypatch.setattr(logging.getLogger(), "level", logging.ERROR)
    page = office.follow(office.post("device", action=action, where=where()))
    assert 'class="notice' in page
    assert standing(office) == kept
    lines = [each.getMessage() for each in caplog.records if each.name == "usm.audit"]
    assert lines == [f"administrator anna (127.0.0.1): {action}: context 1 user 3 device phone/1 &x"]


@pytest.mark.parametrize("action", ["wipe", "wipe-account", "forget"])
def test_nothing_is_erased_without_a_question(action: str, signed_in: Office) -> None:
    office = signed_in
    seen(office.store)
    office.get(f"device?{query()}")
    page = office.follow(office.post("device", action=action, where=where()))
    assert "Yes, this device and no other." in page
    assert standing(office) == ""
    page = office.follow(office.post("device", action=action, where=where(), sure="yes"))
    assert 'class="notice' in page
    if action == "forget":
        assert office.store.fields(PHONE) == {}
    else:
        assert standing(office) == action
        office.get(f"device?{query()}")
        page = office.follow(office.post("device", action="allow", where=where()))
        assert "An order to erase the device was taken back by that." in page


def test_a_word_that_is_no_action_does_nothing(signed_in: Office) -> None:
    seen(signed_in.store)
    signed_in.get(f"device?{query()}")
    for path, fields in (
        ("device", {"action": "delete", "where": where()}),
        ("device", {"action": "block", "where": "1/x/y"}),
        ("device", {"action": "block"}),
        ("quarantine", {"action": "wipe", "where": where()}),
        ("stuck", {"action": "wipe", "where": where(), "folder": "1"}),
        ("stuck", {"action": "drop", "where": where(), "folder": "x"}),
    ):
        assert signed_in.post(path, **fields).status_code == 400
    assert signed_in.post("devices", action="block").status_code == 405
    assert signed_in.post("device", action="block", where="1/3/missing").status_code == 303
    assert standing(signed_in) == ""


def folders(office: Office, session: SessionId = PHONE) -> None:
    refs = office.store.number_folders(
        session, [(each, ContentType.MAIL) for each in ("Inbox", "Sent", "Work")]
    )
    office.store.begin(session, HIERARCHY, "g", "")
    shown: dict[str, str | None] = {
        str(ref.number): json.dumps([ref.id, 0, "mail", "", True]) for ref in refs
    }
    office.store.save(session, HIERARCHY, 1, shown, "")
    for ref in refs[:2]:
        office.store.begin(session, ref.number, "g", "")


def ordered(office: Office) -> list[int]:
    found = office.store.newest(PHONE, [1, 2, 3])
    return [number for number, stamps in found.items() if anew.is_ordered(stamps)]


def test_folders_are_sent_anew(signed_in: Office) -> None:
    office = signed_in
    seen(office.store)
    folders(office)
    office.get(f"device?{query()}")
    assert all(title in office.page for title in ("Inbox", "Sent", "Work"))
    assert "Nothing was chosen" in office.follow(office.post("device", action="resync", where=where()))
    page = office.follow(office.post("device", action="resync", where=where(), folder=["2"]))
    assert "gets it anew" in page
    assert ordered(office) == [2]
    office.follow(office.post("device", action="resync", where=where(), all="yes"))
    assert ordered(office) == [1, 2]


def test_a_recovery_password_is_shown_once_and_written_down(
    signed_in: Office, caplog: pytest.LogCaptureFixture
) -> None:
    office = signed_in
    seen(office.store)
    office.get(f"device?{query()}")
    assert "recovery" not in office.page
    result = office.post("device", action="recovery", where=where())
    assert "The device has sent no recovery password." in result.text
    sealing = SqlStateStore(office.databases, ring=Ring([bytes(32)]))  # type: ignore[attr-defined]
    sealing.keep_secret(PHONE, "eas.recovery", "2A9K-hush")
    assert "2A9K" not in office.get(f"device?{query()}").text
    with caplog.at_level(logging.INFO):
        result = office.post("device", action="recovery", where=where())
    assert "2A9K-hush" in result.text
    assert result.headers["cache-control"] == "no-store"
    assert "recovery-password: context 1 user 3" in caplog.text
    assert "2A9K" not in caplog.text


def test_many_are_let_in_at_once(tmp_path: Path) -> None:
    rules = DeviceRules(quarantine=parse("type:Android*"))
    office = opened(tmp_path, rules)
    office.sign_in()
    waiting = [SessionId(1, 5, "EAS", f"a{number}") for number in range(60)]
    for session in waiting:
        office.clock.advance(1)
        seen(office.store, session, **{"usm.device.type": "Android", "eas.device.FriendlyName": "mine"})
    office.clock.advance(1)
    seen(office.store)
    decided = seen(office.store, SessionId(1, 6, "EAS", "z"))
    office.store.decide(decided, "quarantined")
    office.get("quarantine")
    names = re.findall(r'name="where" value="([^"]+)"', office.page)
    assert names == [where(session) for session in waiting[:50]]
    assert "rule type:Android*" in office.page
    assert "FriendlyName mine" in office.page
    following = re.search(r'href="/usm/admin/(quarantine\?[^"]+)"', office.page)
    assert following is not None
    office.get(following[1])
    assert re.findall(r'name="where" value="([^"]+)"', office.page)[-1] == where(decided)
    chosen = [*names[:3], "1/5/never seen", "9/x/nonsense"]
    assert office.post("quarantine", action="allow", where=[*chosen]).status_code == 400
    page = office.follow(office.post("quarantine", action="allow", where=names[:3]))
    assert "Allowed: 3" in page
    assert [standing(office, each) for each in waiting[:4]] == ["allowed"] * 3 + [""]
    assert "Nothing was chosen" in office.follow(office.post("quarantine", action="block"))
    page = office.follow(office.post("quarantine", action="block", where=[where(decided)]))
    assert standing(office, decided) == "blocked"
    office.databases.close()  # type: ignore[attr-defined]


def test_what_is_stuck_is_shown_and_decided(signed_in: Office) -> None:
    office = signed_in
    seen(office.store)
    folders(office)
    office.get("stuck")
    assert "Nothing is stuck." in office.page
    refs = {ref.number: ref for ref in office.store.folder_refs(PHONE)}
    clock, tokens = office.clock, CountingTokens()
    holding.hold_back(office.store, PHONE, refs[1], ["i1", "i2"], clock, tokens)
    office.store.save(PHONE, 2, 1, {"x<y": "!3:5:stamp"}, "")
    fault = holding.Fault(3, "no such zone")
    holding.note_skipped(office.store, PHONE, 2, {"x<y": fault}, clock, tokens)
    office.get("stuck")
    assert "2 deletions held back" in office.page
    assert "no such zone" in office.page
    assert office.get("stuck?context=2").status_code == 200
    assert "Nothing is stuck." in office.page
    assert office.get("stuck?context=nowhere").status_code == 200
    office.get(f"device?{query()}")
    assert "2 deletions held back" in office.page
    page = office.follow(office.post("stuck", action="retry", where=where(), folder="2", item="x<y"))
    assert "Tried again at the next request of the device: 1" in page
    page = office.follow(office.post("stuck", action="drop", where=where(), folder="1"))
    assert "Deletions dropped: 2" in page
    page = office.follow(office.post("stuck", action="release", where=where(), folder="1"))
    assert "nothing to do (any more)" in page


def test_the_pages_speak_german(signed_in: Office) -> None:
    seen(signed_in.store)
    signed_in.post(
        "language",
        proof=re.findall(r'name="proof" value="([^"]+)"', signed_in.page)[-1],
        language="de",
        back="",
    )
    for path in PAGES:
        signed_in.get(path)
        assert '<html lang="de">' in signed_in.page
        assert "Übersicht" in signed_in.page
