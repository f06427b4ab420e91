"""A look without a lock: what it finds out, and when it must not be enough."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from app.usm.journal import Record
from app.usm.model import ChangeKind, ClientChange, ExchangeRequest, ExchangeResult, SessionId, UsmSettings
from tests.usm.conftest import CONTACTS, INBOX, World


class Locks:
    """Counts the locks that are taken, and may do something right before."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        self.taken = 0
        self.before: list[Any] = []
        lock = world.store.lock

        @contextmanager
        def counted(session: SessionId, folder: int) -> Iterator[None]:
            self.taken += 1
            while self.before:
                self.before.pop()()
            with lock(session, folder):
                yield

        monkeypatch.setattr(world.store, "lock", counted)


def ask(world: World, key: str, *changes: ClientChange, glance: bool = True, **more: Any) -> ExchangeResult:
    number = world.number(CONTACTS)
    session = world.session()
    if glance:
        session.glance([number])
    return session.exchange(ExchangeRequest(number, key, tuple(changes), **more))


@pytest.fixture
def key(world: World) -> str:
    """The key of a device that holds three contacts."""
    for name in ("a", "b", "c"):
        world.source.put(CONTACTS, {"last_name": name})
    return ask(world, ask(world, "0").key).key


@pytest.fixture
def locks(world: World, key: str, monkeypatch: pytest.MonkeyPatch) -> Locks:
    world.source.calls.clear()
    return Locks(world, monkeypatch)


def test_no_news_take_no_lock_and_one_look(world: World, key: str, locks: Locks) -> None:
    result = ask(world, key)
    assert (result.key, result.changes, result.more) == (key, (), False)
    assert (locks.taken, world.source.calls) == (0, ["listing"])


def test_news_are_looked_for_once(world: World, key: str, locks: Locks) -> None:
    item = world.source.put(CONTACTS, {"last_name": "d"})
    result = ask(world, key)
    assert [(each.kind, each.item_id) for each in result.changes] == [(ChangeKind.ADD, item)]
    assert (locks.taken, world.source.calls) == (1, ["listing", "read"])


def test_what_was_seen_before_another_request_wrote_counts_no_more(
    world: World, key: str, locks: Locks
) -> None:
    world.source.put(CONTACTS, {"last_name": "d"})
    add = ClientChange(ChangeKind.ADD, client_id="1", fields={"last_name": "e"})
    locks.before = [lambda: ask(world, key, add, glance=False)]
    result = ask(world, key)
    # The device stands on the older key, and has got neither the answer nor the item of its other request.
    assert len(result.changes) == 2
    assert world.source.calls.count("listing") == 3
    assert ask(world, result.key).changes == ()


def test_an_intent_that_was_left_needs_the_lock(world: World, key: str, locks: Locks) -> None:
    world.store.write_journal(world.session().id, world.number(CONTACTS), Record(-1, {}).dumps())
    assert ask(world, key).key == key
    assert locks.taken == 1


def test_an_older_key_and_one_never_given_need_the_lock(world: World, key: str, locks: Locks) -> None:
    world.source.put(CONTACTS, {"last_name": "d"})
    newer = ask(world, key).key
    assert newer != key
    assert len(ask(world, key).changes) == 1
    assert locks.taken == 2


@pytest.mark.parametrize("more", [{"fetch": ("1",)}, {"new_key": True}, {"want_changes": False}])
def test_a_request_that_wants_more_needs_the_lock(
    world: World, key: str, locks: Locks, more: dict[str, Any]
) -> None:
    assert ask(world, key, **more).changes == ()
    assert locks.taken == 1


def test_an_installation_that_wants_new_keys_gets_them(world: World, key: str, locks: Locks) -> None:
    world.settings = UsmSettings(force_new_key=True)
    assert ask(world, key).key != key
    number = world.number(CONTACTS)
    hierarchy = world.session().folders("0").key
    assert world.session().folders(hierarchy).key != hierarchy
    assert number == world.number(CONTACTS)


def test_a_folder_that_is_empty_all_of_a_sudden_needs_the_lock(world: World, locks: Locks) -> None:
    world.settings = UsmSettings(mass_delete_least=2)
    key = ask(world, ask(world, "0").key).key
    for item in list(world.source.items[CONTACTS]):
        world.source.drop(CONTACTS, item)
    taken = locks.taken
    assert ask(world, key).changes == ()
    assert locks.taken == taken + 1
    assert world.store.journal(world.session().id, world.number(CONTACTS)) is not None


def test_an_item_that_could_not_be_converted_and_is_gone_needs_the_lock(
    world: World, key: str, locks: Locks
) -> None:
    item = world.source.put(CONTACTS, {"last_name": "d"})
    world.source.unreadable.add(item)
    newer = ask(world, key).key
    assert ask(world, newer).key == newer
    taken = locks.taken
    world.source.drop(CONTACTS, item)
    assert ask(world, newer).changes == ()
    assert locks.taken == taken + 1


def test_folders_without_news_take_no_lock(world: World, key: str, locks: Locks) -> None:
    hierarchy = world.session().folders("0").key
    taken = locks.taken
    result = world.session().folders(hierarchy)
    assert (result.key, result.changes) == (hierarchy, ())
    assert locks.taken == taken
    world.source.rename(INBOX, None, "Eingang")
    world.source.calls.clear()
    assert world.session().folders(hierarchy).changes
    assert locks.taken == taken + 1
    assert world.source.calls.count("folders") == 1


def test_the_key_of_a_folder_that_was_seen_is_not_asked_for(world: World, key: str, locks: Locks) -> None:
    session, number = world.session(), world.number(CONTACTS)
    session.glance([number, world.number(INBOX)])
    assert (session.key(number), session.key(world.number(INBOX))) == (key, "0")
    assert session.folder(number).id == CONTACTS
    session.glance([])
