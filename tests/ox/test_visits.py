"""People who come by themselves, to the pages: sessions with OX that are kept by nobody here."""

from __future__ import annotations

import json

import pytest

from app.ox.sessions import OxSourceProvider
from app.ox.settings import OxSettings
from app.usm.errors import AccessDenied, NotEnabled
from app.usm.model import Credentials, Device
from tests.fakes.clock import ManualClock
from tests.ox.canned import BASE, CannedOx, capabilities, error, standard
from tests.waiting import within

ANTON = Credentials("anton@example.org", "secret")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def ox() -> CannedOx:
    return standard()


@pytest.fixture
def provider(ox: CannedOx, clock: ManualClock) -> OxSourceProvider:
    return OxSourceProvider(OxSettings(BASE), clock, ox)


eventually = within(2.0)


def test_each_visit_is_a_login_of_its_own(provider: OxSourceProvider, ox: CannedOx) -> None:
    user, opens = provider.visit(ANTON)
    assert (user.context_id, user.user_id, user.mail) == (1, 3, "anton@example.org")
    provider.visit(ANTON)
    provider.open(ANTON, Device("EAS", "phone1"))
    assert len(ox.made("login?login")) == 3
    assert provider.count() == 1, "that of the device"
    assert '"secret"' not in opens, "no password is in it"


def test_another_node_goes_on_with_it(ox: CannedOx, provider: OxSourceProvider, clock: ManualClock) -> None:
    user, opens = provider.visit(ANTON)
    ox.calls.clear()
    ox.on("folders?allVisible", {"data": {}})
    there = OxSourceProvider(OxSettings(BASE), clock, ox).visited(opens)
    assert there.user == user
    there.senders()
    assert ox.calls
    assert not ox.made("login?login")
    assert {seen.headers["Cookie"] for seen in ox.calls} == {json.loads(opens)[1]}


def test_a_session_that_ox_has_forgotten_is_not_opened_again(
    provider: OxSourceProvider, ox: CannedOx
) -> None:
    _, opens = provider.visit(ANTON)
    ox.on("multiple?", error("SES-0203", "TRY_AGAIN"))
    ox.on("folders?allVisible", error("SES-0203", "TRY_AGAIN"))
    ox.on("folders?list", error("SES-0203", "TRY_AGAIN"))
    with pytest.raises(AccessDenied):
        provider.visited(opens).folders()
    assert len(ox.made("login?login")) == 1


def test_leaving_logs_out(provider: OxSourceProvider, ox: CannedOx) -> None:
    _, opens = provider.visit(ANTON)
    provider.leave(opens)
    assert eventually(lambda: ox.made("login?logout"))


def test_a_wrong_password_is_asked_of_ox_once(provider: OxSourceProvider, ox: CannedOx) -> None:
    wrong = Credentials(ANTON.login, "wrong")
    for _ in range(3):
        with pytest.raises(AccessDenied):
            provider.visit(wrong)
    assert len(ox.made("login?login")) == 1
    for nothing in (Credentials("", "x"), Credentials("x", ""), Credentials("x", "\udc80")):
        with pytest.raises(AccessDenied):
            provider.visit(nothing)
    assert len(ox.made("login?login")) == 1


def test_who_may_not_synchronise_is_logged_out_again(ox: CannedOx, provider: OxSourceProvider) -> None:
    ox.on("capabilities?all", capabilities("webmail"))
    with pytest.raises(NotEnabled):
        provider.visit(ANTON)
    assert eventually(lambda: ox.made("login?logout"))
