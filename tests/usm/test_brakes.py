"""Deletions that nobody may have meant: held back on the way to the source, and not believed on the way from it."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

import pytest

from app.usm import brakes, holding
from app.usm.errors import ItemRefused, SourceUnavailable
from app.usm.journal import Record
from app.usm.model import (
    ChangeKind,
    ClientChange,
    ExchangeRequest,
    ExchangeResult,
    Outcome,
    UsmSettings,
    WatchOutcome,
)
from tests.usm.conftest import CONTACTS, INBOX, World

TRASH = "default0/Trash"


def ask(world: World, folder: str, key: str, *changes: ClientChange, **options: object) -> ExchangeResult:
    request = ExchangeRequest(world.number(folder), key, tuple(changes), **options)  # type: ignore[arg-type]
    return world.session().exchange(request)


def filled(world: World, folder: str, count: int) -> tuple[str, list[str]]:
    items = [world.source.put(folder, {"name": f"n{number}"}) for number in range(count)]
    return ask(world, folder, ask(world, folder, "0").key).key, items


def deletions(items: list[str]) -> list[ClientChange]:
    return [ClientChange(ChangeKind.DELETE, item_id=item) for item in items]


def outcomes(result: ExchangeResult) -> set[Outcome]:
    return {answer.outcome for answer in result.results}


def test_a_device_that_deletes_most_of_a_folder_gets_it_back(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    key, items = filled(world, CONTACTS, 40)
    with caplog.at_level(logging.WARNING):
        result = ask(world, CONTACTS, key, *deletions(items[:21]))
    assert outcomes(result) == {Outcome.REFUSED}
    assert len(world.source.items[CONTACTS]) == 40
    assert sorted(change.item_id for change in result.changes) == sorted(items[:21])
    assert {change.kind for change in result.changes} == {ChangeKind.ADD}
    assert "21 deletions in folder 31" in caplog.text
    [held_back] = holding.held_back(world.store, world.session().id)
    assert held_back.items == tuple(sorted(items[:21]))
    assert held_back.title == "Contacts"


def test_half_of_a_folder_may_go(world: World) -> None:
    key, items = filled(world, CONTACTS, 40)
    assert outcomes(ask(world, CONTACTS, key, *deletions(items[:20]))) == {Outcome.DONE}
    assert holding.held_back(world.store, world.session().id) == []


def test_deletions_in_portions_count_together_and_are_forgotten_in_time(world: World) -> None:
    key, items = filled(world, CONTACTS, 40)
    key = ask(world, CONTACTS, key, *deletions(items[:15])).key
    result = ask(world, CONTACTS, key, *deletions(items[15:30]))
    assert outcomes(result) == {Outcome.REFUSED}
    world.clock.advance(brakes.SPAN)
    assert outcomes(ask(world, CONTACTS, result.key, *deletions(items[30:40]))) == {Outcome.DONE}


def test_a_repeated_request_is_not_counted_twice(world: World) -> None:
    key, items = filled(world, CONTACTS, 40)
    for _ in range(3):
        assert outcomes(ask(world, CONTACTS, key, *deletions(items[:15]))) == {Outcome.DONE}


def test_what_others_deleted_as_well_is_gone_without_a_brake(world: World) -> None:
    key, items = filled(world, CONTACTS, 40)
    for item in items[:39]:
        world.source.drop(CONTACTS, item)
    assert outcomes(ask(world, CONTACTS, key, *deletions(items[:39]))) == {Outcome.DONE}


def test_a_small_folder_has_no_brake(world: World) -> None:
    key, items = filled(world, CONTACTS, 19)
    assert outcomes(ask(world, CONTACTS, key, *deletions(items))) == {Outcome.DONE}


def test_a_brake_can_be_taken_off(world: World) -> None:
    world.settings = UsmSettings(mass_delete_share=100)
    key, items = filled(world, CONTACTS, 40)
    assert outcomes(ask(world, CONTACTS, key, *deletions(items))) == {Outcome.DONE}


@pytest.mark.parametrize(
    ("folder", "to_trash", "done"), [(INBOX, True, True), (INBOX, False, False), (TRASH, False, True)]
)
def test_messages_to_the_trash_and_in_it_have_no_brake(
    world: World, folder: str, to_trash: bool, done: bool
) -> None:
    key, items = filled(world, folder, 30)
    result = ask(world, folder, key, *deletions(items), deletes_as_moves=to_trash)
    assert outcomes(result) == {Outcome.DONE if done else Outcome.REFUSED}


def test_what_is_held_back_twice_is_listed_once(world: World) -> None:
    key, items = filled(world, CONTACTS, 40)
    key = ask(world, CONTACTS, key, *deletions(items[:30])).key
    ask(world, CONTACTS, key, *deletions(items[5:40]))
    [held_back] = holding.held_back(world.store, world.session().id)
    assert held_back.items == tuple(sorted(items))


def decided(world: World, let_through: bool) -> int:
    return holding.decide(
        world.store, world.session().id, world.number(CONTACTS), let_through, world.clock, world.tokens
    )


def test_what_is_let_through_is_deleted_with_the_next_request(world: World) -> None:
    key, items = filled(world, CONTACTS, 40)
    key = ask(world, CONTACTS, key, *deletions(items[:30])).key
    world.source.drop(CONTACTS, items[0])
    assert decided(world, let_through=True) == 30
    assert decided(world, let_through=True) == 0
    result = ask(world, CONTACTS, key, want_changes=False)
    assert sorted(world.source.items[CONTACTS], key=int) == items[30:]
    told = ask(world, CONTACTS, result.key)
    assert {change.kind for change in told.changes} == {ChangeKind.DELETE}
    assert ask(world, CONTACTS, told.key).key == told.key


def test_what_is_dropped_stays(world: World) -> None:
    key, items = filled(world, CONTACTS, 40)
    key = ask(world, CONTACTS, key, *deletions(items[:30])).key
    assert decided(world, let_through=False) == 30
    assert ask(world, CONTACTS, key).changes == ()
    assert holding.held_back(world.store, world.session().id) == []


def test_a_source_that_fails_meanwhile_is_asked_again(world: World) -> None:
    key, items = filled(world, CONTACTS, 40)
    key = ask(world, CONTACTS, key, *deletions(items[:30])).key
    decided(world, let_through=True)
    calls: list[str] = []

    def fail(name: str) -> None:
        calls.append(name)
        if calls.count("delete") == 10:
            raise SourceUnavailable("down")
        if calls.count("delete") == 5 and name == "delete":
            raise ItemRefused("not this one")

    world.source.before = fail
    with pytest.raises(SourceUnavailable):
        ask(world, CONTACTS, key)
    world.source.before = lambda name: None
    ask(world, CONTACTS, key)
    assert sorted(world.source.items[CONTACTS], key=int) == items[30:]


def test_a_filter_that_changes_deletes_nothing_at_the_source(world: World) -> None:
    old = datetime(2025, 1, 1, tzinfo=UTC)
    for number in range(30):
        world.source.put(INBOX, {"subject": str(number)}, received=old)
    key = ask(world, INBOX, ask(world, INBOX, "0").key).key
    world.source.calls.clear()
    result = ask(world, INBOX, key, since=datetime(2026, 1, 1, tzinfo=UTC))
    assert {change.kind for change in result.changes} == {ChangeKind.FORGET}
    assert "delete" not in world.source.calls
    again = ask(world, INBOX, result.key)
    assert len(again.changes) == len(world.source.items[INBOX]) == 30


def test_a_folder_that_is_empty_all_of_a_sudden_is_not_emptied_on_the_device(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    key, _ = filled(world, INBOX, 30)
    full, world.source.items[INBOX] = world.source.items[INBOX], {}
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            result = ask(world, INBOX, key)
            assert (result.changes, result.key) == ((), key)
            world.clock.advance(100)
    assert caplog.text.count("is empty all of a sudden") == 1
    world.source.items[INBOX] = full
    assert ask(world, INBOX, key).changes == ()
    journal = world.store.journal(world.session().id, world.number(INBOX))
    assert Record.loads(journal).emptied == 0


def test_a_folder_that_stays_empty_is_emptied_on_the_device(world: World) -> None:
    key, _ = filled(world, INBOX, 30)
    world.source.items[INBOX].clear()
    ask(world, INBOX, key)
    world.clock.advance(brakes.EMPTY)
    assert len(ask(world, INBOX, key).changes) == 30


def test_changes_wait_while_nobody_knows_whether_a_folder_is_empty(world: World) -> None:
    key, items = filled(world, CONTACTS, 30)
    full, world.source.items[CONTACTS] = world.source.items[CONTACTS], {}
    change = ClientChange(ChangeKind.CHANGE, item_id=items[0], fields={"name": "new"})
    with pytest.raises(SourceUnavailable):
        ask(world, CONTACTS, key, change)
    world.source.items[CONTACTS] = full
    assert outcomes(ask(world, CONTACTS, key, change)) == {Outcome.DONE}


def test_a_device_that_waits_is_woken_once_by_a_sudden_emptiness(world: World) -> None:
    key, _ = filled(world, INBOX, 30)
    number = world.number(INBOX)
    world.source.items[INBOX].clear()
    assert world.watch([number], 60, {}).outcome is WatchOutcome.CHANGED
    ask(world, INBOX, key)
    assert world.watch([number], 60, {}).outcome is WatchOutcome.TIMEOUT
    world.clock.advance(brakes.EMPTY)
    assert world.watch([number], 60, {}).outcome is WatchOutcome.CHANGED


def test_what_cannot_be_converted_is_told(world: World) -> None:
    world.source.put(CONTACTS, {"name": "m"})
    item = world.source.put(CONTACTS, {"name": "n"})
    world.source.unreadable.add(item)
    ask(world, CONTACTS, ask(world, CONTACTS, "0").key)
    [skipped] = holding.skipped(world.store, world.session().id)
    assert (skipped.item_id, skipped.tries, skipped.title) == (item, 1, "Contacts")


def test_a_session_without_a_hierarchy_has_nothing_to_tell(world: World) -> None:
    assert holding.held_back(world.store, world.session().id) == []
    assert holding.skipped(world.store, world.session().id) == []
    session = world.session().id
    world.store.number_folders(session, [])
    holding.hold_back(
        world.store, session, world.session().folder(world.number(CONTACTS)), ["1"], world.clock, world.tokens
    )
    world.store._session(session).folders.pop(0)
    assert holding.held_back(world.store, session)[0].title == ""
