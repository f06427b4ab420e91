"""Answers that are not read again, as a device holds just what they hold (``app.usm.compared``)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.usm import choice
from app.usm.compared import Compared
from app.usm.journal import Record
from app.usm.model import (
    ChangeKind,
    ClientChange,
    ExchangeRequest,
    ExchangeResult,
    SessionId,
    UsmSettings,
    WatchOutcome,
)
from app.usm.ports import Glance, Head, Heads
from tests.usm.conftest import CONTACTS, INBOX, World

TRIPS = "default0/INBOX/Trips"
PHONE = SessionId(1, 3, "EAS", "phone1")
NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


class Reading:
    """Which answers of the source were read, and which were known."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seen: list[str] = []
        for name in ("folders_unless", "listing_unless", "survey_unless"):
            monkeypatch.setattr(world.source, name, self._noting(getattr(world.source, name)))

    def _noting(self, asked: Any) -> Any:
        def ask(*words: Any) -> Any:
            found = asked(*words)
            self.seen.append("known" if found is None else "read")
            return found

        return ask


@pytest.fixture
def reading(world: World, monkeypatch: pytest.MonkeyPatch) -> Reading:
    return Reading(world, monkeypatch)


def ask(
    world: World,
    key: str,
    *changes: ClientChange,
    folder: str = CONTACTS,
    device: str = "phone1",
    **more: Any,
) -> ExchangeResult:
    number = world.number(folder, device)
    session = world.session(device)
    session.glance([number])
    return session.exchange(ExchangeRequest(number, key, tuple(changes), **more))


def began(world: World, folder: str = CONTACTS, device: str = "phone1", **more: Any) -> str:
    """The key of a device that holds all of a folder."""
    key = ask(world, "0", folder=folder, device=device).key
    return ask(world, key, folder=folder, device=device, **more).key


def told(result: ExchangeResult) -> list[tuple[ChangeKind, str]]:
    return [(each.kind, each.item_id) for each in result.changes]


def test_an_answer_is_read_once(world: World, reading: Reading) -> None:
    world.source.put(CONTACTS, {"last_name": "a"})
    key = began(world)
    reading.seen.clear()
    assert [ask(world, key).key for _ in range(3)] == [key] * 3
    assert reading.seen == ["read", "known", "known"]


def test_another_process_reads_it_again(world: World, reading: Reading) -> None:
    world.source.put(CONTACTS, {"last_name": "a"})
    key = began(world)
    ask(world, key)
    world.settings = UsmSettings(max_objects=7)
    reading.seen.clear()
    assert ask(world, key).key == key
    assert reading.seen == ["read"]


def test_what_changed_is_read_and_told(world: World, reading: Reading) -> None:
    item = world.source.put(CONTACTS, {"last_name": "a"})
    key = began(world)
    ask(world, key), ask(world, key)
    world.source.touch(CONTACTS, item, {"last_name": "b"})
    assert told(ask(world, key)) == [(ChangeKind.CHANGE, item)]


def test_what_is_again_as_it_was_is_told_to_who_got_something_else_meanwhile(world: World) -> None:
    first = world.source.put(CONTACTS, {"last_name": "a"})
    key = began(world)
    ask(world, key), ask(world, key)
    stored = world.source.items[CONTACTS].pop(first)
    key = ask(world, key).key
    ask(world, key), ask(world, key)
    world.source.items[CONTACTS][first] = stored
    assert told(ask(world, key)) == [(ChangeKind.ADD, first)]


def test_what_a_device_changes_itself_counts(world: World, reading: Reading) -> None:
    key = began(world)
    add = ClientChange(ChangeKind.ADD, client_id="1", fields={"last_name": "e"})
    world.source.put(CONTACTS, {"last_name": "a"})
    key = ask(world, key).key
    ask(world, key), ask(world, key)
    result = ask(world, key, add)
    assert result.results
    reading.seen.clear()
    assert [told(ask(world, result.key)) for _ in range(2)] == [[], []]
    assert reading.seen == ["read", "known"]


def test_devices_do_not_count_for_each_other(world: World) -> None:
    item = world.source.put(CONTACTS, {"last_name": "a"})
    key = began(world)
    other = ask(world, "0", device="phone2").key
    ask(world, key), ask(world, key)
    assert told(ask(world, other, device="phone2")) == [(ChangeKind.ADD, item)]


def test_what_leaves_the_time_span_is_told(world: World) -> None:
    item = world.source.put(INBOX, {"subject": "old"}, received=NOON)
    world.source.put(INBOX, {"subject": "new"}, received=NOON + timedelta(days=3))
    key = began(world, INBOX, since=NOON - timedelta(days=1))
    for _ in range(2):
        assert told(ask(world, key, folder=INBOX, since=NOON - timedelta(days=1))) == []
    result = ask(world, key, folder=INBOX, since=NOON + timedelta(days=1))
    assert told(result) == [(ChangeKind.FORGET, item)]


def test_what_could_not_be_read_is_tried_again_in_time(world: World, reading: Reading) -> None:
    world.source.put(CONTACTS, {"last_name": "a"})
    item = world.source.put(CONTACTS, {"last_name": "b"})
    world.source.unreadable.add(item)
    key = began(world)
    reading.seen.clear()
    assert [told(ask(world, key)) for _ in range(2)] == [[], []]
    assert reading.seen == ["read", "read"]
    world.source.unreadable.clear()
    world.clock.advance(3 * 24 * 3600)
    assert told(ask(world, key)) == [(ChangeKind.ADD, item)]


def test_an_older_key_is_never_answered_with_nothing(world: World) -> None:
    item = world.source.put(CONTACTS, {"last_name": "a"})
    older = ask(world, "0").key
    key = ask(world, older).key
    ask(world, key), ask(world, key)
    assert told(ask(world, older)) == [(ChangeKind.ADD, item)]


def test_what_was_left_to_be_done_is_done(world: World, reading: Reading) -> None:
    world.source.put(CONTACTS, {"last_name": "a"})
    key = began(world)
    ask(world, key), ask(world, key)
    number = world.number(CONTACTS)
    world.store.write_journal(world.session().id, number, Record(-1, {}).dumps())
    reading.seen.clear()
    assert told(ask(world, key)) == []
    assert reading.seen == []


def test_waiting_reads_an_answer_once(world: World, reading: Reading) -> None:
    numbers = [world.number(CONTACTS), world.number(INBOX)]
    item = world.source.put(CONTACTS, {"last_name": "a"})
    began(world), began(world, INBOX)
    reading.seen.clear()
    for _ in range(3):
        assert world.watch(numbers, 60, {}).outcome is WatchOutcome.TIMEOUT
    assert reading.seen == ["read", "known", "known"]
    world.source.touch(CONTACTS, item, {"last_name": "b"})
    assert world.watch(numbers, 60, {}).folders == (numbers[0],)
    assert reading.seen[3:] == ["read"]


def test_an_answer_that_is_known_is_what_later_looks_are_compared_with(world: World) -> None:
    numbers = [world.number(CONTACTS)]
    world.source.put(CONTACTS, {"last_name": "a"})
    began(world)
    looked = []
    park = world.waiter.park

    def noting(session: Any, source: Any, folders: Any, seconds: Any, look: Any) -> Any:
        def seen() -> Any:
            looked.append(dict(look()))
            return looked[-1]

        return park(session, source, folders, seconds, seen)

    world.waiter.park = noting  # type: ignore[method-assign, assignment]
    for _ in range(2):
        assert world.watch(numbers, 60, {}).outcome is WatchOutcome.TIMEOUT
    assert looked[0] == looked[1] == world.source.probe(world.store.folder_refs(world.session().id)[3:4])


def test_the_folders_are_read_once(world: World, reading: Reading) -> None:
    key = world.session().folders("0").key
    assert [world.session().folders(key).key for _ in range(3)] == [key] * 3
    assert reading.seen == ["read", "known", "known"]


def test_a_folder_that_changed_is_told(world: World, reading: Reading) -> None:
    key = world.session().folders("0").key
    for title in ("Address book", "People", "Address book"):
        world.session().folders(key), world.session().folders(key)
        world.source.tree = [
            replace(folder, title=title) if folder.id == CONTACTS else folder for folder in world.source.tree
        ]
        result = world.session().folders(key)
        assert [each.folder.title for each in result.changes if each.folder] == [title]
        key = result.key


def test_a_folder_that_has_another_number_is_told_though_nothing_else_changed(
    world: World, reading: Reading
) -> None:
    key = world.session().folders("0").key
    world.session().folders(key), world.session().folders(key)
    number = world.number(TRIPS)
    world.store.rename_folder(world.session().id, number, "default0/INBOX/Gone")
    result = world.session().folders(key)
    assert {each.number for each in result.changes if each.kind is ChangeKind.DELETE} == {number}
    assert reading.seen == ["read", "known", "read"]


def test_a_folder_that_is_left_out_by_now_is_told(world: World) -> None:
    key = world.session().folders("0").key
    number = world.number(TRIPS)
    for chosen in ([TRIPS], []):
        world.session().folders(key), world.session().folders(key)
        choice.for_one(world.store, PHONE, chosen)
        world.store.write_fields(PHONE, {choice.DUE: None})
        result = world.session().folders(key)
        assert [each.number for each in result.changes] == [number]
        key = result.key


def test_folders_do_not_count_for_another_device(world: World) -> None:
    keys = {device: world.session(device).folders("0").key for device in ("phone1", "phone2")}
    choice.for_one(world.store, replace(PHONE, device_id="phone2"), [TRIPS])
    for _ in range(2):
        assert world.session().folders(keys["phone1"]).changes == ()
    assert world.session("phone2").folders(keys["phone2"]).changes != ()


def glance_of(mark: object) -> Glance:
    return Glance(None, Heads("a", Head(1, "")), None, mark, dict)


def test_the_first_pairs_are_forgotten_first() -> None:
    compared = Compared(most=2)
    held = [compared.of(PHONE, [(1, glance_of(mark))]) for mark in (1, 2, 3)]
    for each in held:
        each.keep(b"tag", {"31": "text"})
    assert [each.is_known(b"tag") for each in held] == [False, True, True]
    assert held[2].texts == {"31": "text"}


def test_an_answer_without_a_tag_is_not_remembered() -> None:
    pairs = Compared().of(PHONE, [(1, glance_of(1))])
    pairs.keep(b"")
    assert not pairs.is_known(b"")
