"""Sessions: who they are, and what protocols keep in them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

import pytest

from app.usm.errors import AccessDenied, ItemUnreadable, NotEnabled, SourceUnavailable, UnknownSyncKey
from app.usm.manager import Manager
from app.usm.model import (
    ChangeKind,
    ClientChange,
    ContentType,
    Cost,
    Credentials,
    Device,
    Event,
    ExchangeRequest,
    Move,
    MoveOutcome,
    SessionId,
)
from app.usm.ports import ENDED
from app.usm.session import Session
from tests.fakes.source import ANTON
from tests.usm.conftest import CONTACTS, INBOX, World


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


def happened(world: World, *requests: Callable[[Session], object]) -> list[Event]:
    """What is noted of these, each of them a request by itself; one that fails is noted as well."""
    events: list[Event] = []
    for request in requests:
        session = world.session()
        with suppress(UnknownSyncKey):
            request(session)
        events += session.events
    return events


def test_it_is_noted_where_a_device_stands(world: World) -> None:
    inbox = world.number(INBOX)
    keys = [world.session().exchange(ExchangeRequest(inbox, "0")).key]
    for count in range(2):
        world.source.put(INBOX, {"subject": str(count)})
        keys.append(world.session().exchange(ExchangeRequest(inbox, keys[-1])).key)

    def sync(key: str, number: int = inbox) -> Callable[[Session], object]:
        return lambda session: session.exchange(ExchangeRequest(number, key))

    assert happened(world, sync(keys[2])) == []
    assert happened(world, sync(keys[1])) == [Event.ITEMS_RESENT]
    assert happened(world, sync(keys[0]), sync("never-1")) == [Event.ITEMS_LOST] * 2
    assert happened(world, sync("0"), sync("0", world.number("default0/INBOX/Trips"))) == [
        Event.ITEMS_RESET,
        Event.ITEMS_FIRST,
    ]


def test_it_is_noted_where_a_device_stands_with_its_folders(world: World) -> None:
    first = happened(world, lambda session: session.folders("0"), lambda session: session.folders("0"))
    assert first == [Event.FOLDERS_FIRST, Event.FOLDERS_RESET]
    key = world.session().folders("0").key
    world.source.rename("default0/INBOX/Trips", "default0/INBOX", "Journeys")
    assert world.session().folders(key).key != key
    again = happened(world, lambda session: session.folders(key), lambda session: session.folders("never-1"))
    assert again == [Event.FOLDERS_RESENT, Event.FOLDERS_LOST]


def test_an_item_that_is_left_out_is_noted_each_time(world: World) -> None:
    inbox = world.number(INBOX)
    key = world.session().exchange(ExchangeRequest(inbox, "0")).key
    world.source.put(INBOX, {"subject": "x"})

    def fails(item: object) -> object:
        raise ItemUnreadable("no")

    def sync(session: Session) -> None:
        nonlocal key
        key = session.exchange(ExchangeRequest(inbox, key, render=fails)).key

    assert happened(world, sync) == [Event.SKIPPED]
    assert happened(world, sync) == []
    world.clock.advance(100)
    assert happened(world, sync) == [Event.SKIPPED_AGAIN]


def test_the_brakes_are_noted(world: World) -> None:
    inbox, contacts = world.number(INBOX), world.number(CONTACTS)
    keys = {}
    for folder, name in ((INBOX, inbox), (CONTACTS, contacts)):
        for count in range(30):
            world.source.put(folder, {"name": str(count)})
        first = world.session().exchange(ExchangeRequest(name, "0")).key
        keys[name] = world.session().exchange(ExchangeRequest(name, first)).key
    everything = tuple(ClientChange(ChangeKind.DELETE, item) for item in world.source.items[CONTACTS])
    world.source.items[INBOX] = {}
    assert happened(
        world,
        lambda session: session.exchange(ExchangeRequest(contacts, keys[contacts], everything)),
        lambda session: session.exchange(ExchangeRequest(inbox, keys[inbox])),
        lambda session: session.exchange(ExchangeRequest(inbox, keys[inbox])),
    ) == [Event.HELD_BACK, Event.EMPTIED]


def test_a_login_that_an_administrator_ended_is_checked_again(world: World) -> None:
    session = world.session()
    session.fields()
    assert world.source.renewed == []
    session.write_fields({ENDED: "1768478400.5"})
    assert session.fields()[ENDED] == "1768478400.5"
    assert world.source.renewed == [datetime(2026, 1, 15, 12, 0, 0, 500_000, UTC)]
