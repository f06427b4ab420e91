"""A device begins anew with a folder because an administrator says so: when it hears of it, and what stays."""

from __future__ import annotations

import pytest

from app.usm import anew, holding
from app.usm.errors import UnknownSyncKey
from app.usm.model import ChangeKind, ClientChange, ExchangeRequest, UsmSettings, WatchOutcome
from tests.usm.conftest import CONTACTS, INBOX, World


@pytest.fixture
def number(world: World) -> int:
    """The contacts, begun, with an item that the device holds."""
    world.source.put(CONTACTS, {"born": "first"})
    return world.number(CONTACTS)


def begun(world: World, number: int) -> str:
    session = world.session()
    key = session.exchange(ExchangeRequest(number, "0")).key
    return session.exchange(ExchangeRequest(number, key)).key


def order(world: World, *folders: int) -> list[int]:
    ordered = anew.order(
        world.store, world.session().id, set(folders) if folders else None, world.clock, world.tokens
    )
    return [ref.number for ref in ordered]


def added(world: World, number: int, key: str) -> list[str]:
    result = world.session().exchange(ExchangeRequest(number, key))
    return [change.item_id for change in result.changes if change.kind is ChangeKind.ADD]


def test_a_device_gets_a_folder_once_more_under_the_same_names(world: World, number: int) -> None:
    key = begun(world, number)
    assert order(world, number) == [number]
    for _ in range(2):  # for as long as it does not start over
        with pytest.raises(UnknownSyncKey, match="an administrator says"):
            world.session().exchange(ExchangeRequest(number, key))
    key = world.session().exchange(ExchangeRequest(number, "0")).key
    assert added(world, number, key) == list(world.source.items[CONTACTS])
    assert world.number(CONTACTS) == number


def test_what_the_device_has_to_say_is_heard_first(world: World, number: int) -> None:
    key = begun(world, number)
    order(world, number)
    change = ClientChange(ChangeKind.ADD, client_id="c1", fields={"born": "mine"})
    request = ExchangeRequest(number, key, (change,))
    world.session().exchange(request)
    again = world.session().exchange(request)  # the answer was lost: its key is the older one
    assert len(world.source.items[CONTACTS]) == 2
    with pytest.raises(UnknownSyncKey):
        world.session().exchange(ExchangeRequest(number, again.key))


def test_a_repeated_request_is_answered_as_ever(world: World, number: int) -> None:
    session = world.session()
    key = session.exchange(ExchangeRequest(number, "0")).key
    session.exchange(ExchangeRequest(number, key))
    order(world, number)
    assert added(world, number, key) == list(world.source.items[CONTACTS])


def test_deletions_let_through_are_carried_out_first(world: World, number: int) -> None:
    world.settings = UsmSettings(mass_delete_least=1, mass_delete_share=10)
    for name in "abc":
        world.source.put(CONTACTS, {"born": name})
    key = begun(world, number)
    deletions = tuple(ClientChange(ChangeKind.DELETE, item_id=item) for item in world.source.items[CONTACTS])
    key = world.session().exchange(ExchangeRequest(number, key, deletions)).key
    session = world.session().id
    assert holding.held_back(world.store, session)
    order(world, number)
    holding.decide(world.store, session, number, True, world.clock, world.tokens)
    key = world.session().exchange(ExchangeRequest(number, key)).key
    assert not world.source.items[CONTACTS]
    with pytest.raises(UnknownSyncKey):
        world.session().exchange(ExchangeRequest(number, key))


def test_deletions_held_back_stay_so(world: World, number: int) -> None:
    world.settings = UsmSettings(mass_delete_least=1, mass_delete_share=10)
    for name in "abc":
        world.source.put(CONTACTS, {"born": name})
    key = begun(world, number)
    deletions = tuple(ClientChange(ChangeKind.DELETE, item_id=item) for item in world.source.items[CONTACTS])
    world.session().exchange(ExchangeRequest(number, key, deletions))
    order(world)
    [held_back] = holding.held_back(world.store, world.session().id)
    assert (held_back.folder, len(held_back.items)) == (number, 4)


def test_a_waiting_device_hears_of_it_at_once(world: World, number: int) -> None:
    key = begun(world, number)
    order(world, number)
    result = world.watch([number], 60, {})
    assert (result.outcome, result.folders) == (WatchOutcome.CHANGED, (number,))
    assert world.session().estimate(number, key, None) == 1


def test_everything_is_the_hierarchy_too_and_folders_never_begun_are_left_alone(
    world: World, number: int
) -> None:
    begun(world, number)
    hierarchy = world.session().folders("0").key
    inbox = world.number(INBOX)
    assert order(world, inbox) == []
    assert world.session().folders(hierarchy).key == hierarchy
    assert order(world) == [number]
    with pytest.raises(UnknownSyncKey):
        world.session().folders(hierarchy)
    numbers = {change.number for change in world.session().folders("0").changes}
    assert {number, inbox} <= numbers


def test_a_device_that_never_came_has_nothing_to_begin_anew(world: World) -> None:
    assert order(world) == []
