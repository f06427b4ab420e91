"""Logins: kept, shared, checked, refused, renewed (``app.ox.sessions``)."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import pytest
import requests

from app.ox.sessions import Kept, OxSourceProvider
from app.ox.settings import OxSettings
from app.ox.transport import USER_AGENT
from app.usm.errors import AccessDenied, NotEnabled, SourceUnavailable
from app.usm.model import ContentType, Credentials, Device, FolderRef
from tests.fakes.clock import ManualClock
from tests.ox.canned import BASE, CannedOx, Reply, capabilities, error, standard

SETTINGS = OxSettings(BASE)
ANTON = Credentials("anton@example.org", "secret")
PHONE = Device("EAS", "phone1")
INBOX = FolderRef(1, "default0/INBOX", ContentType.MAIL)


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def ox():
    return standard().on("mail?all", {"data": []})


@pytest.fixture
def provider(ox, clock):
    return OxSourceProvider(SETTINGS, clock, ox)


def with_settings(ox, clock, **changes):
    return OxSourceProvider(replace(SETTINGS, **changes), clock, ox)


def eventually(condition):
    for _ in range(200):
        if condition():
            return True
        time.sleep(0.01)
    return False


def test_a_login_tells_who_the_user_is(provider):
    user = provider.open(ANTON, PHONE).user
    assert (user.context_id, user.user_id, user.login) == (1, 3, "anton@example.org")
    assert user.mail == "anton@example.org"


def test_a_login_identifies_as_the_mobility_gateway(provider, ox):
    provider.open(ANTON, PHONE)
    seen = ox.made("login?login")[0]
    assert seen.form["client"] == "USM-EAS"
    assert seen.headers["User-Agent"] == USER_AGENT == "Open-Xchange USM HTTP Client"
    assert seen.params["authId"]
    assert "password" not in seen.params
    assert "name" not in seen.params


def test_every_call_carries_utc_the_session_and_its_cookies_only(provider, ox):
    provider.open(ANTON, PHONE).listing(INBOX, None)
    provider.open(ANTON, Device("EAS", "phone2")).listing(INBOX, None)
    first, second = ox.made("mail?all")
    assert first.params["timezone"] == "UTC"
    assert first.headers["User-Agent"] == USER_AGENT
    assert first.params["session"] == "session1"
    assert first.headers["Cookie"] == "open-xchange-secret-abc=secret1"
    assert second.headers["Cookie"] == "open-xchange-secret-abc=secret2"


def test_cookies_for_the_public_host_name_and_https_are_kept(ox, clock):
    cookies = ("secret=1; Domain=webmail.example.org; Path=/; Secure; HttpOnly", "JSESSIONID=a.OX1; Path=/")
    ox.on("login?login", Reply({"session": "s", "user_id": 3, "context_id": 1}, cookies=cookies))
    OxSourceProvider(SETTINGS, clock, ox).open(ANTON, PHONE)
    assert sorted(ox.calls[-1].headers["Cookie"].split("; ")) == ["JSESSIONID=a.OX1", "secret=1"]


def test_the_second_request_of_a_device_needs_no_call_at_all(provider, ox):
    provider.open(ANTON, PHONE)
    before = len(ox.calls)
    source = provider.open(ANTON, PHONE)
    assert len(ox.calls) == before
    assert source.cost.calls == 0


def test_each_device_has_a_session_of_its_own(provider, ox):
    provider.open(ANTON, PHONE)
    provider.open(ANTON, Device("EAS", "phone2"))
    assert len(ox.made("login?login")) == 2
    assert provider.count() == 2


def test_the_cost_of_logging_in_counts(provider):
    assert provider.open(ANTON, PHONE).cost.calls == 4
    assert provider.open(ANTON, PHONE).cost.calls == 0


@pytest.mark.parametrize(
    "credentials", [Credentials("", "x"), Credentials("a", ""), Credentials("a", "\udc80")]
)
def test_a_name_or_password_that_is_none_is_refused_without_asking(provider, ox, credentials):
    with pytest.raises(AccessDenied):
        provider.open(credentials, PHONE)
    assert not ox.calls


def test_a_wrong_password_is_tried_once(provider, ox, clock):
    wrong = Credentials(ANTON.login, "wrong")
    for _ in range(5):
        with pytest.raises(AccessDenied):
            provider.open(wrong, PHONE)
    with pytest.raises(AccessDenied):
        provider.open(wrong, Device("EAS", "another"))
    assert len(ox.made("login?login")) == 1
    clock.advance(SETTINGS.refusal_seconds + 1)
    with pytest.raises(AccessDenied):
        provider.open(wrong, PHONE)
    assert len(ox.made("login?login")) == 2


def test_a_wrong_password_never_opens_a_kept_session_nor_hurts_it(provider, ox):
    provider.open(ANTON, PHONE)
    with pytest.raises(AccessDenied):
        provider.open(Credentials(ANTON.login, "wrong"), PHONE)
    assert provider.open(ANTON, PHONE).user.user_id == 3
    assert len(ox.made("login?login")) == 2


def test_the_right_password_is_not_held_up_by_a_wrong_one(provider):
    with pytest.raises(AccessDenied):
        provider.open(Credentials(ANTON.login, "wrong"), PHONE)
    assert provider.open(ANTON, PHONE).user.user_id == 3


def test_refusals_are_bounded(ox, clock):
    provider = with_settings(ox, clock, refusals=3)
    for number in range(5):
        with pytest.raises(AccessDenied):
            provider.open(Credentials("x", str(number)), PHONE)
    with pytest.raises(AccessDenied):
        provider.open(Credentials("x", "0"), PHONE)
    assert len(ox.made("login?login")) == 6


def test_a_changed_password_replaces_the_session(ox, clock):
    provider = OxSourceProvider(SETTINGS, clock, ox)
    provider.open(ANTON, PHONE)
    ox.on("login?login", Reply({"session": "fresh", "user_id": 3, "context_id": 1}))
    provider.open(Credentials(ANTON.login, "new"), PHONE)
    assert provider.count() == 1
    assert eventually(lambda: ox.made("login?logout"))
    assert ox.made("login?logout")[0].params["session"] == "session1"


def test_a_user_without_the_rights_is_not_enabled_and_logged_out(provider, ox):
    ox.on("capabilities?all", capabilities("webmail", "contacts", "usm"))
    for _ in range(3):
        with pytest.raises(NotEnabled, match="active_sync"):
            provider.open(ANTON, PHONE)
    assert len(ox.made("login?login")) == 1
    assert provider.count() == 0
    assert eventually(lambda: ox.made("login?logout"))


def test_a_user_who_was_enabled_meanwhile_gets_in_soon(provider, ox, clock):
    ox.on("capabilities?all", capabilities("webmail"))
    with pytest.raises(NotEnabled):
        provider.open(ANTON, PHONE)
    ox.on("capabilities?all", capabilities("usm", "active_sync", "webmail"))
    clock.advance(SETTINGS.disabled_seconds + 1)
    assert provider.open(ANTON, PHONE).user.user_id == 3


def test_rights_are_asked_for_again_by_one_call(provider, ox, clock):
    provider.open(ANTON, PHONE)
    clock.advance(SETTINGS.rights_age + 1)
    before = len(ox.calls)
    provider.open(ANTON, PHONE)
    provider.open(ANTON, PHONE)
    assert len(ox.calls) == before + 1


def test_a_user_who_lost_the_right_is_put_out(provider, ox, clock):
    provider.open(ANTON, PHONE)
    ox.on("capabilities?all", capabilities("webmail"))
    clock.advance(SETTINGS.rights_age + 1)
    with pytest.raises(NotEnabled):
        provider.open(ANTON, PHONE)
    assert provider.count() == 0


def test_rights_that_could_not_be_asked_for_are_asked_for_by_the_next_request(provider, ox, clock):
    provider.open(ANTON, PHONE)
    clock.advance(SETTINGS.rights_age + 1)
    ox.on("capabilities?all", Reply(status=503))
    for _ in range(2):
        with pytest.raises(SourceUnavailable):
            provider.open(ANTON, PHONE)
    assert provider.count() == 1


@pytest.mark.parametrize("code", ["SES-0203", "SES-0206", "SES-0205", "SES-0009", "SES-0202"])
def test_a_forgotten_session_is_renewed_unseen(provider, ox, code):
    source = provider.open(ANTON, PHONE)
    answers = iter([error(code, "TRY_AGAIN"), {"data": [["7", 0, 32, 0]]}, {"data": []}])
    ox.on("mail?all", lambda seen: next(answers))
    assert source.listing(INBOX, None).stamps == {"7": "32"}
    first, second = ox.made("mail?all")
    assert (first.params["session"], second.params["session"]) == ("session1", "session2")
    source.listing(INBOX, None)
    assert ox.made("mail?all")[-1].params["session"] == "session2"
    assert provider.count() == 1


def test_a_session_that_another_request_renewed_is_taken_over(provider, ox):
    one, two = provider.open(ANTON, PHONE), provider.open(ANTON, PHONE)
    ox.on(
        "mail?all",
        lambda seen: error("SES-0203") if seen.params["session"] == "session1" else {"data": []},
    )
    one.listing(INBOX, None)
    two.listing(INBOX, None)
    assert len(ox.made("login?login")) == 2


def test_kept_logins_are_told_without_what_opens_them(provider, clock):
    opened = clock.now().timestamp()
    provider.open(ANTON, PHONE)
    clock.advance(60)
    provider.open(ANTON, Device("EAS", "tablet"))
    phone, tablet = provider.kept()
    assert phone == Kept(1, 3, "anton@example.org", "phone1", opened, opened, False)
    assert (tablet.device, tablet.opened) == ("tablet", opened + 60)
    assert "session1" not in repr(provider.kept())
    assert "secret" not in repr(provider.kept())


def test_a_session_that_an_administrator_ended_is_opened_anew_once(provider, ox, clock):
    one, two = provider.open(ANTON, PHONE), provider.open(ANTON, PHONE)
    ox.on("login?logout", Reply(b""))
    clock.advance(60)
    ended = clock.now()
    clock.advance(60)
    for source in (one, two, provider.open(ANTON, PHONE)):
        source.renew(ended)
        source.renew(ended)
        source.listing(INBOX, None)
    assert {seen.params["session"] for seen in ox.made("mail?all")} == {"session2"}
    assert len(ox.made("login?login")) == 2
    assert {seen.params["session"] for seen in ox.made("login?logout")} == {"session1"}


def test_a_session_is_ended_though_the_password_is_another_by_now(provider, ox, clock):
    source = provider.open(ANTON, PHONE)
    ox.on("login?login", error("LGI-0006", "USER_INPUT")).on("login?logout", error("SES-0203"))
    clock.advance(60)
    with pytest.raises(AccessDenied):
        source.renew(clock.now())
    assert len(ox.made("login?logout")) == 1
    with pytest.raises(AccessDenied):
        provider.open(ANTON, PHONE)


def test_an_ox_that_forgets_sessions_at_once_is_unavailable_not_a_wrong_password(provider, ox):
    source = provider.open(ANTON, PHONE)
    ox.on("mail?all", error("SES-0203", "TRY_AGAIN"))
    with pytest.raises(SourceUnavailable):
        source.listing(INBOX, None)
    assert len(ox.made("login?login")) == 2


def test_a_password_that_was_changed_meanwhile_shows_when_the_session_ends(provider, ox):
    source = provider.open(ANTON, PHONE)
    ox.on("mail?all", error("SES-0203", "TRY_AGAIN"))
    ox.on("login?login", error("LGI-0006", "USER_INPUT"))
    with pytest.raises(AccessDenied):
        source.listing(INBOX, None)
    with pytest.raises(AccessDenied):
        provider.open(ANTON, PHONE)
    assert len(ox.made("login?login")) == 2


def test_a_login_that_became_another_users_shows_nobody_elses_data(provider, ox):
    source = provider.open(ANTON, PHONE)
    ox.on("mail?all", error("SES-0203", "TRY_AGAIN"))
    ox.on("login?login", Reply({"session": "other", "user_id": 9, "context_id": 1}))
    with pytest.raises(AccessDenied):
        source.listing(INBOX, None)


@pytest.mark.parametrize(
    "answer",
    [
        error("SES-0007", "USER_INPUT"),
        error("LGI-0005", "SERVICE_DOWN"),
        error("LGI-0028", "USER_INPUT"),
        error("DBP-0001", "SERVICE_DOWN"),
        error("UPD-0002"),
        error("SVL-0011"),
        error("XYZ-0001", "PERMISSION_DENIED"),
        {"user_id": 3, "context_id": 1},
        Reply(b"<html>maintenance</html>"),
        Reply(b""),
        Reply(status=500),
        Reply(status=502),
        Reply(status=302, headers={"Location": "http://elsewhere.invalid/"}),
        Reply(status=401),
        Reply(status=403),
        requests.ConnectTimeout("slow"),
        requests.ConnectionError("refused"),
        requests.exceptions.ChunkedEncodingError("cut"),
        OSError("no route"),
    ],
    ids=str,
)
def test_an_ox_that_fails_at_the_login_is_never_a_wrong_password(ox, clock, answer):
    ox.on("login?login", answer)
    provider = OxSourceProvider(SETTINGS, clock, ox)
    for tried in (1, 2):
        with pytest.raises(SourceUnavailable):
            provider.open(ANTON, PHONE)
        assert len(ox.made("login?login")) == tried


@pytest.mark.parametrize("answer", [error("SVL-0011"), Reply(status=503), {"data": None}], ids=str)
def test_an_ox_that_fails_to_tell_the_rights_is_unavailable(ox, clock, answer):
    ox.on("capabilities?all", answer)
    with pytest.raises(SourceUnavailable):
        OxSourceProvider(SETTINGS, clock, ox).open(ANTON, PHONE)


def test_too_many_requests_are_told_with_the_time_to_wait(provider, ox):
    source = provider.open(ANTON, PHONE)
    ox.on("mail?all", Reply(status=429, headers={"Retry-After": "120"}))
    with pytest.raises(SourceUnavailable) as caught:
        source.listing(INBOX, None)
    assert caught.value.retry_after == 120


def test_no_error_shows_the_password_or_the_session(provider, ox, clock):
    source = provider.open(Credentials(ANTON.login, "secret"), PHONE)
    for answer in (Reply(status=500), requests.ConnectionError("http://x/?session=session1"), Reply(b"<")):
        ox.on("mail?all", answer)
        with pytest.raises(SourceUnavailable) as caught:
            source.listing(INBOX, None)
        assert "secret" not in str(caught.value)
        assert "session1" not in str(caught.value)
    assert "secret" not in repr(ANTON)


def test_unused_sessions_are_logged_out(provider, ox, clock):
    provider.open(ANTON, PHONE)
    clock.advance(SETTINGS.session_idle + 1)
    provider.open(ANTON, Device("EAS", "phone2"))
    assert provider.count() == 1
    assert eventually(lambda: [seen.params["session"] for seen in ox.made("login?logout")] == ["session1"])


def test_a_session_that_a_waiting_request_uses_is_not_unused(provider, ox, clock):
    waiting = provider.open(ANTON, PHONE)
    for _ in range(3):
        clock.advance(SETTINGS.session_idle / 2 + 1)
        waiting.listing(INBOX, None)
        provider.open(ANTON, Device("EAS", "phone2"))
    assert {seen.params["session"] for seen in ox.made("mail?all")} == {"session1"}
    assert provider.count() == 2


def test_the_password_is_checked_again_in_the_end_however_busy_the_session(provider, ox, clock):
    provider.open(ANTON, PHONE)
    for _ in range(int(SETTINGS.session_age / 600) + 1):
        clock.advance(600)
        provider.open(ANTON, PHONE).listing(INBOX, None)
    assert len(ox.made("login?login")) == 2


def test_the_number_of_sessions_is_bounded(ox, clock):
    provider = with_settings(ox, clock, sessions=3)
    for number in range(5):
        provider.open(ANTON, Device("EAS", f"phone{number}"))
    assert provider.count() == 3
    assert eventually(lambda: len(ox.made("login?logout")) == 2)


def test_closing_logs_every_session_out_even_when_ox_does_not_answer(provider, ox):
    provider.open(ANTON, PHONE)
    provider.open(ANTON, Device("EAS", "phone2"))
    ox.on("login?logout", requests.ConnectionError("gone"))
    provider.close()
    assert len(ox.made("login?logout")) == 2
    assert provider.count() == 0


def test_requests_at_the_same_time_log_in_once(ox, clock):
    login = ox.answers["login?login"]

    def slow(seen):
        time.sleep(0.1)
        return login(seen)

    ox.on("login?login", slow)
    provider = OxSourceProvider(SETTINGS, clock, ox)
    users = []
    threads = [
        threading.Thread(target=lambda: users.append(provider.open(ANTON, PHONE).user)) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(users) == 8
    assert len(ox.made("login?login")) == 1


def test_wrong_passwords_at_the_same_time_are_tried_once(ox, clock):
    def slow(seen):
        time.sleep(0.1)
        return error("LGI-0006", "USER_INPUT")

    ox.on("login?login", slow)
    provider = OxSourceProvider(SETTINGS, clock, ox)
    refused = []

    def attempt(number):
        try:
            provider.open(ANTON, Device("EAS", str(number)))
        except AccessDenied:
            refused.append(number)

    threads = [threading.Thread(target=attempt, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 8
    assert len(ox.made("login?login")) == 1


def test_an_ox_without_capabilities_is_asked_by_its_config_tree(clock):
    ox = CannedOx()
    ox.on("login?login", {"session": "s", "random": "r"})
    modules = {"mail": {"module": True}, "contacts": {"module": False}, "usm": {"module": True, "eas": True}}
    ox.on("config/modules", {"data": modules})
    ox.on("config/identifier", {"data": 5})
    ox.on("config/context_id", {"data": "42"})
    ox.on("config/mail/defaultaddress", {"data": "anton@example.org"})
    source = OxSourceProvider(SETTINGS, clock, ox).open(ANTON, PHONE)
    assert (source.user.context_id, source.user.user_id, source.user.mail) == (42, 5, "anton@example.org")


@pytest.mark.parametrize(
    ("answer", "name"),
    [
        ({"data": {"display_name": "Anton  Ärmel", "first_name": "A."}}, "Anton Ärmel"),
        ({"data": {"first_name": "Anton", "last_name": "Ärmel"}}, "Anton Ärmel"),
        ({"data": {"display_name": None, "last_name": "Ärmel"}}, "Ärmel"),
        ({"data": []}, ""),
        (error("USR-0010"), ""),
        (Reply(status=404), ""),
    ],
)
def test_a_user_is_called_as_ox_does(clock, answer, name):
    ox = standard().on("user?get", answer)
    provider = OxSourceProvider(SETTINGS, clock, ox)
    assert provider.open(ANTON, PHONE).user.name == name
    assert provider.open(ANTON, PHONE).user.name == name
    assert len(ox.made("user?get")) == 1


@pytest.mark.parametrize("usm", [{"module": True}, {"module": True, "eas": False}, {"eas": True}, None])
def test_an_ox_without_capabilities_refuses_who_has_no_right(clock, usm):
    ox = CannedOx()
    ox.on("login?login", {"session": "s"})
    ox.on("config/modules", {"data": {"mail": {"module": True}, **({"usm": usm} if usm else {})}})
    with pytest.raises(NotEnabled):
        OxSourceProvider(SETTINGS, clock, ox).open(ANTON, PHONE)
