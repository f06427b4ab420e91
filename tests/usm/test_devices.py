"""Which devices of a user are remembered, which make room, and which never do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app.usm.devices import KIND, Limits, Registry, Standing, going
from app.usm.model import SessionId
from app.usm.ports import STANDING, Remembered
from tests.fakes.clock import ManualClock
from tests.fakes.store import MemoryStore

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
FREE = Limits(0, 0, 0)


def phone(name: str, idle: float = 0, kind: str = "", standing: str = "") -> Remembered:
    """A device that was idle for so many days."""
    fields = {name: text for name, text in ((KIND, kind), (STANDING, standing)) if text}
    moment = NOW - timedelta(days=idle)
    return Remembered(SessionId(1, 3, "EAS", name), moment, moment, None, fields)


def names(others: list[Remembered], limits: Limits, kind: str = "") -> list[str] | None:
    gone = going(others, kind, limits, NOW)
    return None if gone is None else [each.device_id for each in gone]


def test_without_limits_everybody_stays() -> None:
    assert names([phone("a", 9999), phone("b", kind="k")], FREE, "k") == []


def test_a_device_that_was_not_used_for_long_goes_when_another_comes() -> None:
    others = [phone("fresh", 29), phone("old", 31), phone("older", 300)]
    assert names(others, Limits(0, 0, 30)) == ["older", "old"]


@pytest.mark.parametrize("standing", list(Standing))
def test_what_was_decided_is_never_forgotten_by_itself(standing: Standing) -> None:
    others = [phone("a", 9999, "k", standing)]
    assert names(others, Limits(0, 1, 1), "k") == []
    assert names(others, Limits(1, 1, 1), "k") is None


def test_where_there_is_no_room_the_new_one_is_refused() -> None:
    others = [phone("a"), phone("b")]
    assert names(others, Limits(3)) == []
    assert names(others, Limits(2)) is None


def test_room_that_old_devices_leave_is_used() -> None:
    assert names([phone("a"), phone("old", 40)], Limits(2, 0, 30)) == ["old"]


def test_of_twins_the_newest_stay() -> None:
    others = [
        phone("t1", 5, "k"),
        phone("t2", 4, "k"),
        phone("t3", 3, "k"),
        phone("other", 9),
        phone("o2", 9, "x"),
    ]
    assert names(others, Limits(0, 2, 0), "k") == ["t1", "t2"]
    assert names(others, Limits(0, 2, 0)) == []


def test_a_twin_in_use_stays_while_there_is_room() -> None:
    others = [phone("t1", 0.5, "k"), phone("t2", 0.1, "k")]
    assert names(others, Limits(3, 1, 0), "k") == []


def test_twins_make_room_for_each_other_before_one_is_refused() -> None:
    others = [phone("t1", 0.5, "k"), phone("t2", 0.1, "k"), phone("mine", 2)]
    assert names(others, Limits(3, 5, 0), "k") == ["t1"]
    assert names(others, Limits(2, 5, 0), "k") == ["t1", "t2"]
    assert names(others, Limits(1, 5, 0), "k") is None
    assert names(others, Limits(3, 5, 0)) is None


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


def registry(store: MemoryStore, device: str, protocol: str = "EAS") -> Registry:
    return Registry(SessionId(1, 3, protocol, device), store, ManualClock())


def test_a_device_is_remembered_with_what_is_told_of_it(store: MemoryStore) -> None:
    assert registry(store, "a").admit({"x": "1"}, "", Limits(1, 0, 0))
    assert store.fields(SessionId(1, 3, "EAS", "a")) == {"x": "1"}
    assert not registry(store, "b").admit({"x": "1"}, "", Limits(1, 0, 0))
    assert store.fields(SessionId(1, 3, "EAS", "b")) == {}


def test_a_device_does_not_stand_in_its_own_way_nor_in_another_protocols(store: MemoryStore) -> None:
    for _ in range(2):
        assert registry(store, "a").admit({"x": "1"}, "", Limits(1, 0, 0))
    assert registry(store, "a", "other").admit({"x": "1"}, "", Limits(1, 0, 0))


def test_twins_that_go_lose_their_state(store: MemoryStore) -> None:
    for name in ("a", "b", "c"):
        assert registry(store, name).admit({}, "k", Limits(2, 0, 0))
    left = [each.id.device_id for each in store.remembered(1, 3, (KIND,))]
    assert len(left) == 2
    assert "c" in left


def test_a_decision_is_kept_only_in_place_of_the_one_it_knows(store: MemoryStore) -> None:
    mine = registry(store, "a")
    assert mine.decide(Standing.WIPE)
    assert not mine.decide(Standing.WIPED, instead_of=("",))
    assert mine.decide(Standing.WIPED, instead_of=(Standing.WIPE,))
    assert mine.decide(None)
    assert store.fields(SessionId(1, 3, "EAS", "a")) == {}


def test_an_unknown_word_blocks() -> None:
    assert Standing.parse("") is None
    assert Standing.parse("wipe") is Standing.WIPE
    assert Standing.parse("banished") is Standing.BLOCKED
