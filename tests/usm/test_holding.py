"""Items that cannot be converted: why, since when, and how they are tried again before their time."""

from __future__ import annotations

import pytest

from app.usm import holding
from app.usm.deeds import Kind
from app.usm.errors import ItemUnreadable
from app.usm.model import ChangeKind, ClientChange, ExchangeRequest, ExchangeResult, Item, WatchOutcome
from tests.usm.conftest import CONTACTS, INBOX, World


def ask(world: World, key: str, *changes: ClientChange, **options: object) -> ExchangeResult:
    request = ExchangeRequest(world.number(CONTACTS), key, changes, **options)  # type: ignore[arg-type]
    return world.session().exchange(request)


def stuck(world: World) -> list[holding.SkippedItem]:
    return holding.skipped(world.store, world.session().id)


def retry(world: World, items: list[str] | None = None) -> int:
    return holding.retry(world.store, world.session().id, world.number(CONTACTS), items)


def now(world: World) -> int:
    return int(world.clock.now().timestamp())


def with_broken(world: World, count: int = 1) -> tuple[str, list[str]]:
    items = [world.source.put(CONTACTS, {"name": f"broken {each}"}) for each in range(count)]
    world.source.unreadable.update(items)
    return ask(world, ask(world, "0").key).key, items


def test_why_and_since_when_is_told(world: World) -> None:
    begun = now(world)
    key, [item] = with_broken(world)
    [found] = stuck(world)
    assert (found.item_id, found.tries, found.since) == (item, 1, begun)
    assert found.why == f"item {item} cannot be read"
    world.clock.advance(100)
    ask(world, key)
    [found] = stuck(world)
    assert (found.tries, found.since, found.due) == (2, begun, now(world) + 300)


def test_another_version_is_another_trouble(world: World) -> None:
    key, [item] = with_broken(world)
    world.clock.advance(100)
    world.source.touch(CONTACTS, item, {"name": "still broken"})
    ask(world, key)
    [found] = stuck(world)
    assert (found.tries, found.since) == (1, now(world))


def test_no_words_of_the_item_are_kept(world: World) -> None:
    world.source.put(CONTACTS, {"name": "n"})

    def render(item: Item) -> object:
        raise ValueError(f"invalid date: {'Divorce of A'!r} {'x' * 300}")

    ask(world, ask(world, "0").key, render=render)
    [found] = stuck(world)
    assert found.why.startswith("invalid date: '…' xxx")
    assert len(found.why) == holding.REASON


def test_what_was_mended_is_stuck_no_more_whatever_was_noted(world: World) -> None:
    key, _ = with_broken(world)
    world.source.unreadable.clear()
    world.clock.advance(100)
    assert len(ask(world, key).changes) == 1
    assert stuck(world) == []


def test_a_note_that_another_request_is_writing_is_done_without(world: World) -> None:
    item = world.source.put(CONTACTS, {"name": "n"})
    world.source.unreadable.add(item)
    key = ask(world, "0").key
    with world.store.lock(world.session().id, Kind.SKIPPED):
        ask(world, key)
    [found] = stuck(world)
    assert (found.item_id, found.tries, found.since, found.why) == (item, 1, 0, "")


def test_an_item_is_tried_again_before_its_time(world: World) -> None:
    key, [item, other] = with_broken(world, 2)
    world.source.unreadable.clear()
    assert ask(world, key).changes == ()
    assert retry(world, [item]) == 1
    assert {each.item_id: each.due for each in stuck(world)}[item] == 0
    result = ask(world, key)
    assert [change.item_id for change in result.changes] == [item]
    assert retry(world) == 1
    assert [change.item_id for change in ask(world, result.key).changes] == [other]
    assert retry(world) == 0


def test_a_device_that_waits_again_hears_of_it_at_once(world: World) -> None:
    with_broken(world)
    number = world.number(CONTACTS)
    assert world.watch([number], 60, {}).outcome is WatchOutcome.TIMEOUT
    retry(world)
    assert world.watch([number], 60, {}).outcome is WatchOutcome.CHANGED


def test_what_is_still_broken_waits_longer_than_before(world: World) -> None:
    key, _ = with_broken(world)
    retry(world)
    ask(world, key)
    [found] = stuck(world)
    assert (found.tries, found.due) == (2, now(world) + 300)


def test_an_answer_that_was_lost_doubles_nothing(world: World) -> None:
    key, [item] = with_broken(world)
    before = ask(world, key, ClientChange(ChangeKind.ADD, client_id="c", fields={"name": "mine"}))
    retry(world)
    world.source.unreadable.clear()
    again = ask(world, key, ClientChange(ChangeKind.ADD, client_id="c", fields={"name": "mine"}))
    assert [change.item_id for change in again.changes] == [item]
    assert len(world.source.items[CONTACTS]) == 2
    assert again.results[0].item_id == before.results[0].item_id
    assert ask(world, again.key).changes == ()


def test_an_item_that_the_device_may_hold_or_not_is_left_to_its_time(world: World) -> None:
    item = world.source.put(CONTACTS, {"name": "n"})
    key = ask(world, ask(world, "0").key).key
    world.source.unreadable.add(item)
    world.source.readonly.add(CONTACTS)
    ask(world, key, ClientChange(ChangeKind.DELETE, item_id=item))
    assert [each.item_id for each in stuck(world)] == [item]
    assert retry(world) == 0


def test_a_changed_item_that_the_device_holds_is_tried_again_too(world: World) -> None:
    item = world.source.put(CONTACTS, {"name": "n"})
    key = ask(world, ask(world, "0").key).key
    world.source.unreadable.add(item)
    world.source.touch(CONTACTS, item, {"name": "m"})
    key = ask(world, key).key
    world.source.unreadable.clear()
    assert retry(world) == 1
    [change] = ask(world, key).changes
    assert (change.kind, change.item_id) == (ChangeKind.CHANGE, item)


def test_a_folder_that_was_never_begun_has_nothing_to_try(world: World) -> None:
    assert holding.retry(world.store, world.session().id, world.number(INBOX)) == 0
    ask(world, "0")
    assert retry(world) == 0


def test_an_item_that_is_listed_and_cannot_be_found_says_so(world: World) -> None:
    item = world.source.put(CONTACTS, {"name": "n"})
    key = ask(world, "0").key
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(world.source, "read", lambda folder, ids, bodies: {item: ItemUnreadable("gone")})
        ask(world, key)
    assert [each.why for each in stuck(world)] == ["gone"]
