"""Waiting ends for a real change, and for nothing else."""

from __future__ import annotations

import pytest

from app.usm.errors import FolderGone, SourceUnavailable
from app.usm.model import ExchangeRequest, WatchOutcome, WatchResult
from tests.usm.conftest import CONTACTS, INBOX, World


def synced(world: World, *folders: str) -> list[int]:
    numbers = [world.number(folder) for folder in folders]
    for number in numbers:
        key = world.session().exchange(ExchangeRequest(number, "0")).key
        world.session().exchange(ExchangeRequest(number, key))
    return numbers


def test_time_runs_out_when_nothing_happens(world: World) -> None:
    numbers = synced(world, CONTACTS, INBOX)
    assert world.watch(numbers, 60, {}) == WatchResult(WatchOutcome.TIMEOUT)


def test_what_is_pending_already_ends_the_wait_at_once(world: World) -> None:
    numbers = synced(world, CONTACTS, INBOX)
    world.source.put(INBOX, {"subject": "new"})
    assert world.watch(numbers, 60, {}) == WatchResult(WatchOutcome.CHANGED, (numbers[1],))


def test_a_real_change_wakes(world: World) -> None:
    numbers = synced(world, CONTACTS, INBOX)

    def arrive() -> frozenset[str]:
        world.source.put(INBOX, {"subject": "new"})
        return frozenset({INBOX})

    world.waiter.events = [arrive]
    assert world.watch(numbers, 60, {}).folders == (numbers[1],)


def test_a_hint_without_a_change_does_not_wake(world: World) -> None:
    numbers = synced(world, INBOX)
    world.waiter.events = [lambda: frozenset({INBOX})]
    before = world.clock.monotonic()
    assert world.watch(numbers, 60, {}).outcome is WatchOutcome.TIMEOUT
    assert world.clock.monotonic() - before == 60


def test_all_folders_are_looked_at_by_one_call(world: World) -> None:
    numbers = synced(world, CONTACTS, INBOX)
    world.source.calls.clear()
    assert world.watch(numbers, 60, {}).outcome is WatchOutcome.TIMEOUT
    assert world.source.calls == ["survey"]


def test_a_folder_that_is_gone_at_the_start_sends_the_device_to_the_hierarchy(world: World) -> None:
    numbers = synced(world, CONTACTS, INBOX)
    world.source.put(CONTACTS, {"last_name": "Meier"})
    del world.source.items[INBOX]
    assert world.watch(numbers, 60, {}).outcome is WatchOutcome.HIERARCHY


def test_a_newer_request_takes_over(world: World) -> None:
    numbers = synced(world, INBOX)
    world.waiter.events = [lambda: None]
    assert world.watch(numbers, 60, {}).outcome is WatchOutcome.SUPERSEDED


def test_a_folder_never_synchronised_is_left_out(world: World) -> None:
    world.source.put(CONTACTS, {"last_name": "Meier"})
    assert world.watch([world.number(CONTACTS)], 60, {}).outcome is WatchOutcome.TIMEOUT
    assert world.waiter.parked == [()]


def test_a_folder_that_goes_away_sends_the_device_to_the_hierarchy(world: World) -> None:
    numbers = synced(world, CONTACTS)

    def vanish() -> frozenset[str]:
        del world.source.items[CONTACTS]
        return frozenset({CONTACTS})

    world.waiter.events = [vanish]
    assert world.watch(numbers, 60, {}).outcome is WatchOutcome.HIERARCHY


def test_a_source_that_is_down_at_the_start_is_an_error(world: World) -> None:
    numbers = synced(world, CONTACTS)

    def fail(name: str) -> None:
        raise SourceUnavailable("down")

    world.source.before = fail
    with pytest.raises(SourceUnavailable):
        world.watch(numbers, 60, {})


def test_a_hint_that_cannot_be_checked_counts(world: World) -> None:
    numbers = synced(world, CONTACTS)

    def break_down() -> frozenset[str]:
        def fail(name: str) -> None:
            raise SourceUnavailable("down")

        world.source.before = fail
        return frozenset({CONTACTS})

    world.waiter.events = [break_down]
    assert world.watch(numbers, 60, {}).outcome is WatchOutcome.CHANGED


def test_an_unknown_folder_is_gone(world: World) -> None:
    with pytest.raises(FolderGone):
        world.watch([42], 60, {})


def test_what_the_device_was_told_already_does_not_end_the_wait_again(world: World) -> None:
    numbers = synced(world, CONTACTS, INBOX)
    world.source.put(INBOX, {"subject": "new"})
    assert world.watch(numbers, 60, {}, told=[numbers[1]]).outcome is WatchOutcome.TIMEOUT
    world.waiter.events = [lambda: frozenset({INBOX})]
    assert world.watch(numbers, 60, {}, told=[numbers[1]]).folders == (numbers[1],)


def test_no_time_to_wait_is_no_wait(world: World) -> None:
    number = world.number(CONTACTS)
    world.session().exchange(ExchangeRequest(number, "0"))
    assert world.watch([number], 0, {}).outcome is WatchOutcome.TIMEOUT
