"""Sessions: who they are, and what protocols keep in them."""

from __future__ import annotations

import pytest

from app.usm.errors import AccessDenied, NotEnabled, SourceUnavailable
from app.usm.manager import Manager
from app.usm.model import (
    ContentType,
    Cost,
    Credentials,
    Device,
    ExchangeRequest,
    Move,
    MoveOutcome,
    SessionId,
)
from tests.fakes.source import ANTON
from tests.usm.conftest import INBOX, World


def test_a_session_is_one_user_on_one_device_over_one_protocol(world: World) -> None:
    assert world.session("phone1").id == SessionId(1, 3, "EAS", "phone1")
    assert world.session("phone1").user == ANTON


def test_fields_outlive_the_request(world: World) -> None:
    world.session().write_fields({"policy": "7", "other": "x"})
    world.session().write_fields({"other": None})
    assert world.session().fields() == {"policy": "7"}
    assert world.session("phone2").fields() == {}


def test_what_a_request_costs_is_known(world: World) -> None:
    session = world.session()
    assert session.cost == Cost()
    session.folders("0")
    assert session.cost.calls == 1


def test_wrong_passwords_and_users_without_the_right_are_told_apart(world: World) -> None:
    manager = Manager(world.provider, world.store, world.waiter, world.clock, world.tokens)
    with pytest.raises(AccessDenied):
        manager.open(Credentials(ANTON.login, "wrong"), Device("EAS", "x"))
    world.provider.disabled.add(ANTON.login)
    with pytest.raises(NotEnabled):
        manager.open(Credentials(ANTON.login, "secret"), Device("EAS", "x"))


def test_a_password_is_never_printed() -> None:
    assert "hunter2" not in repr(Credentials("anton", "hunter2"))


def test_a_folder_that_the_device_empties_is_empty_at_once(world: World) -> None:
    session = world.session()
    number = world.number(INBOX)
    for count in range(30):
        world.source.put(INBOX, {"subject": str(count)})
    key = session.exchange(ExchangeRequest(number, session.exchange(ExchangeRequest(number, "0")).key)).key
    session.empty(number, subfolders=False)
    assert len(session.exchange(ExchangeRequest(number, key)).changes) == 30


def test_an_item_that_is_relocated_is_told_by_both_folders(world: World) -> None:
    session = world.session()
    inbox, trips = world.number(INBOX), world.number("default0/INBOX/Trips")
    item = world.source.put(INBOX, {"subject": "x"})
    keys = {number: world.session().exchange(ExchangeRequest(number, "0")).key for number in (inbox, trips)}
    keys[inbox] = world.session().exchange(ExchangeRequest(inbox, keys[inbox])).key
    wanted = [
        Move(item, 99, trips),
        Move(item, inbox, 99),
        Move(item, inbox, inbox),
        Move(item, inbox, trips),
    ]
    outcomes = [result.outcome for result in session.relocate([*wanted, wanted[-1]])]
    assert outcomes == [
        MoveOutcome.GONE,
        MoveOutcome.TARGET_GONE,
        MoveOutcome.SAME_FOLDER,
        MoveOutcome.DONE,
        MoveOutcome.GONE,
    ]
    for number in (inbox, trips):
        assert len(world.session().exchange(ExchangeRequest(number, keys[number])).changes) == 1


def test_what_was_relocated_before_the_source_failed_is_announced(world: World) -> None:
    inbox, trips = world.number(INBOX), world.number("default0/INBOX/Trips")
    moves = [Move(world.source.put(INBOX, {"subject": name}), inbox, trips) for name in "ab"]
    calls = []

    def fail(name: str) -> None:
        calls.append(name)
        if calls.count("move") == 2:
            raise SourceUnavailable("not now")

    world.source.before = fail
    world.waiter.announced.clear()
    with pytest.raises(SourceUnavailable):
        world.session().relocate(moves)
    assert world.waiter.announced == [(1, 3, (INBOX, "default0/INBOX/Trips"), None)]


def test_a_folder_can_begin_before_the_hierarchy_does(world: World) -> None:
    session = world.session()
    [ref] = world.store.number_folders(session.id, [(INBOX, ContentType.MAIL)])
    assert session.exchange(ExchangeRequest(ref.number, "0")).key != "0"
