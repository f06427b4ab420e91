"""Signing in and out, and what a session is worth."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from falcon import testing

from app.main import create_app
from app.store import page_sessions
from tests.end_to_end.stack import wait_until
from tests.pages.conftest import HOST, PASSWORD, Office, Person

SESSION = "__Host-usm-session"


def test_it_opens_the_list(office: Office) -> None:
    person = Person(office)
    assert person.get("/usm").headers["location"] == "/usm/"
    assert person.get("/usm/").headers["location"] == "/usm/sign-in"
    result = person.sign_in()
    assert (result.status_code, result.headers["location"]) == (303, "/usm/")
    person.follow(result)
    assert "anton@example.org" in person.seen
    assert "No device is connected" in person.seen


def test_the_cookie_is_for_this_host_alone_and_no_script_sees_it(office: Office) -> None:
    person = Person(office)
    cookie = person.sign_in().cookies[SESSION]
    assert (cookie.secure, cookie.http_only, cookie.same_site, cookie.path) == (True, True, "Strict", "/")
    assert cookie.domain is None
    assert cookie.max_age is None, "it goes with the browser"


@pytest.mark.parametrize(
    ("login", "password"),
    [
        ("nobody@example.org", "Zq7 nobody"),
        ("anton@example.org", "Zq7 wrong"),
        ("anton@example.org", ""),
        ("", ""),
        ("anton@example.org' OR '1'='1", "Zq7 sql"),
        ("anton@example.org\r\nSet-Cookie: a=b", "Zq7 header"),
    ],
)
def test_a_refusal_tells_nothing(office: Office, login: str, password: str) -> None:
    person = Person(office, address="192.0.2.50")
    assert person.sign_in(login, password).status_code == 403
    assert "The name or the password is wrong." in person.seen
    assert SESSION not in person.cookies
    assert "Zq7" not in person.page
    assert office.rows("SELECT * FROM usmPageSession") == []


def test_wrong_passwords_are_paused_for_their_sender_alone(office: Office) -> None:
    thief = Person(office, address="198.51.100.77")
    for count in range(30):
        result = thief.sign_in("caesar@example.org", f"guess {count}")
        if result.status_code == 429:
            break
        assert result.status_code == 403
    assert "too many wrong passwords" in thief.seen
    assert int(result.headers["retry-after"]) >= 60
    tries = office.ox.calls()["login?login"]
    assert thief.sign_in("caesar@example.org", "guess again").status_code == 429
    assert office.ox.calls()["login?login"] == tries
    assert Person(office).sign_in("anton@example.org").status_code == 303


def test_a_wrong_password_is_asked_of_ox_once(office: Office) -> None:
    person = Person(office, address="192.0.2.51")
    for _ in range(3):
        assert person.sign_in("dora@example.org", "always the same").status_code == 403
    assert office.ox.calls()["login?login"] == 1


def test_a_user_without_the_right_is_told_so(office: Office) -> None:
    office.ox.control("POST", "rights", {"login": "emil@example.org", "remove": ["active_sync"]})
    person = Person(office, address="192.0.2.52")
    assert person.sign_in("emil@example.org", "Zq7 wrong").status_code == 403
    assert "The name or the password is wrong." in person.seen
    assert person.sign_in("emil@example.org").status_code == 403
    assert "may not be synchronised" in person.seen
    assert SESSION not in person.cookies


def test_a_token_from_before_is_worth_nothing_after(office: Office) -> None:
    planted = "1." + "A" * 42 + "E"
    person = Person(office, cookies={SESSION: planted})
    assert person.get("/usm/").headers["location"] == "/usm/sign-in?ended"
    person.cookies[SESSION] = planted
    person.sign_in()
    assert person.cookies[SESSION] != planted
    thief = Person(office, cookies={SESSION: planted})
    assert thief.get("/usm/").status_code == 303


def test_who_is_signed_in_needs_not_do_so_again(office: Office, anton: Person) -> None:
    assert anton.get("/usm/sign-in").headers["location"] == "/usm/"


def test_signing_in_from_another_tab_ends_the_session_before(office: Office) -> None:
    person, tab = Person(office), Person(office)
    tab.get("/usm/sign-in")
    person.sign_in()
    before = person.cookies[SESSION]
    tab.cookies[SESSION] = before
    assert tab.post("/usm/sign-in", {"login": "anton@example.org", "password": PASSWORD}).status_code == 303
    assert tab.cookies[SESSION] != before
    assert person.get("/usm/").status_code == 303
    assert office.rows("SELECT count(*) FROM usmPageSession") == [(1,)]


def test_signing_out_ends_the_session_here_and_at_ox(office: Office, anton: Person) -> None:
    token = anton.cookies[SESSION]
    office.ox.forget_calls()
    anton.get("/usm/")
    result = anton.post("/usm/sign-out")
    assert result.headers["location"] == "/usm/sign-in?left"
    anton.follow(result)
    assert "You are signed out." in anton.seen
    assert SESSION not in anton.cookies
    assert office.rows("SELECT * FROM usmPageSession") == []
    assert Person(office, cookies={SESSION: token}).get("/usm/").headers["location"] == "/usm/sign-in?ended"
    assert wait_until(lambda: office.ox.calls().get("login?logout", 0) > 0)


def test_a_session_ends_when_nobody_uses_it(office: Office, anton: Person) -> None:
    aged = page_sessions.IDLE + 60_000
    office.rows(f"UPDATE usmPageSession SET last_used = last_used - {aged}")
    assert anton.get("/usm/").headers["location"] == "/usm/sign-in?ended"
    anton.get("/usm/sign-in?ended")
    assert "You were signed out" in anton.seen
    assert SESSION not in anton.cookies


def test_a_session_in_use_goes_on_but_not_for_ever(office: Office, anton: Person) -> None:
    (used,) = office.rows("SELECT last_used FROM usmPageSession")[0]
    office.rows(f"UPDATE usmPageSession SET last_used = last_used - {page_sessions.IDLE - 60_000}")
    assert anton.get("/usm/").status_code == 200
    assert office.rows("SELECT last_used FROM usmPageSession")[0][0] >= used
    office.rows(f"UPDATE usmPageSession SET created = created - {page_sessions.LIFE + 1}")
    assert anton.get("/usm/").status_code == 303


def test_any_node_knows_the_session(office: Office, anton: Person) -> None:
    other = create_app(office.settings)
    try:
        there = Person(Office(other, office.settings, office.store, office.ox, office.databases))
        there.cookies = dict(anton.cookies)
        assert there.get("/usm/").status_code == 200
        assert there.get("/usm/folders").status_code == 200, "the session with OX is known there too"
    finally:
        other.close()


def test_a_copy_of_the_database_opens_nothing(office: Office, anton: Person) -> None:
    (row,) = office.rows("SELECT cid, id, user, created, last_used, sealed FROM usmPageSession")
    kept = repr(row)
    token = anton.cookies[SESSION].partition(".")[2]
    for secret in (PASSWORD, token, "anton", "JSESSIONID", "open-xchange"):
        assert secret not in kept
        assert secret.encode() not in row[5]
    stolen = Person(office, cookies={SESSION: f"1.{row[1][:43]}"})
    assert stolen.get("/usm/").status_code == 303


def test_nobody_can_put_a_row_in_the_place_of_another(office: Office, anton: Person) -> None:
    berta = Person(office)
    berta.sign_in("berta@example.org")
    ids = [row[0] for row in office.rows("SELECT id FROM usmPageSession")]
    sealed = {row[0]: row[1] for row in office.rows("SELECT id, hex(sealed) FROM usmPageSession")}
    office.rows(f"UPDATE usmPageSession SET sealed = x'{sealed[ids[1]]}' WHERE id = '{ids[0]}'")
    office.rows(f"UPDATE usmPageSession SET sealed = x'{sealed[ids[0]]}' WHERE id = '{ids[1]}'")
    assert anton.get("/usm/").status_code == 303
    assert berta.get("/usm/").status_code == 303


def test_a_user_has_so_many_sessions_and_no_more(office: Office) -> None:
    first = Person(office)
    first.sign_in()
    office.rows("UPDATE usmPageSession SET last_used = last_used - 1000")
    (row,) = office.rows("SELECT cid, user, created, last_used, sealed FROM usmPageSession")
    for number in range(page_sessions.MOST + 5):
        values = f"{row[0]}, 'x{number}', {row[1]}, {row[2]}, {row[3] + number}, x'00'"
        office.rows(
            f"INSERT INTO usmPageSession (cid, id, user, created, last_used, sealed) VALUES ({values})"
        )
    Person(office).sign_in()
    assert office.rows("SELECT count(*) FROM usmPageSession") == [(page_sessions.MOST,)]
    assert first.get("/usm/").status_code == 303


def test_without_tls_no_password_is_taken(office: Office) -> None:
    person = Person(office, tls=False)
    assert person.get("/usm/sign-in").status_code == 403
    assert "secure connection" in person.seen
    assert (
        person.post("/usm/sign-in", {"login": "anton@example.org", "password": PASSWORD}).status_code == 403
    )
    assert office.ox.calls().get("login?login") is None


def test_an_app_password_opens_no_page(office: Office, anton: Person) -> None:
    anton.get("/usm/app-passwords")
    anton.follow(anton.post("/usm/app-passwords", {"label": "Phone", "password": PASSWORD}))
    made = anton.page.split('<code class="secret" tabindex="0">')[1].partition("<")[0]
    other = Person(office)
    assert other.sign_in("anton@example.org", made).status_code == 403
    assert "app password" in other.seen
    assert other.sign_in("anton@example.org", made.upper().replace("-", " - ")).status_code == 403


def test_where_ox_does_not_answer_one_is_asked_to_come_later(office: Office) -> None:
    office.ox.fault("http", module="login", status=503, times=5)
    person = Person(office)
    result = person.sign_in("berta@example.org")
    assert result.status_code == 503
    assert int(result.headers["retry-after"]) > 0
    assert "try again" in person.seen


def test_the_log_tells_who_and_from_where_and_no_secret(
    office: Office, anton: Person, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO"):
        Person(office, address="203.0.113.9").sign_in("berta@example.org")
        Person(office, address="203.0.113.9").sign_in("berta@example.org\nforged", "wrong too")
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("app.pages")]
    assert any("1:4:berta@example.org:PAGES" in line and "203.0.113.9" in line for line in lines)
    assert not any("\n" in line or PASSWORD in line or "wrong too" in line for line in lines)


def test_a_cookie_of_nonsense_is_nobody(office: Office) -> None:
    for nonsense in (
        "",
        "x",
        "1.",
        "1.x",
        "-1." + "A" * 43,
        "99999999999." + "A" * 43,
        "1." + "é" * 43,
        json.dumps({}),
    ):
        person = Person(office, cookies={SESSION: nonsense})
        assert person.get("/usm/").status_code == 303


def test_a_context_that_there_is_not_is_nobody(office: Office) -> None:
    assert Person(office, cookies={SESSION: "999999999." + "A" * 43}).get("/usm/").status_code == 303


def test_pages_are_on_the_devices_port_only_and_can_be_switched_off(office: Office) -> None:
    client = testing.TestClient(office.app)
    on_admin = client.simulate_get("/usm/sign-in", port=office.settings.admin_port, host=HOST)
    assert on_admin.status_code == 404
    assert client.simulate_get("/usm/admin/", port=8010).status_code == 404
    without = create_app(replace(office.settings, pages=False))
    try:
        environ = testing.create_environ("/usm/sign-in", port=8010)
        answered: list[str] = []
        list(without(environ, lambda status, headers, *_: answered.append(status)))  # type: ignore[arg-type]
        assert answered == ["404 Not Found"]
    finally:
        without.close()
