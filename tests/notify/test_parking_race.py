"""A change that meets a request which is about to park is told of, whatever the moment."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from app.notify.hub import Hub
from app.usm.model import ExchangeRequest, WatchOutcome, WatchResult
from tests.notify.test_hub import NEVER, QUICK, RealClock
from tests.usm.conftest import CONTACTS, INBOX, World


class Parking:
    """A device that holds two folders, before a waiting room with real threads."""

    def __init__(self, hub: Hub) -> None:
        self.world = World()
        self.numbers = [self.world.number(INBOX), self.world.number(CONTACTS)]
        for number in self.numbers:
            key = self.world.session().exchange(ExchangeRequest(number, "0")).key
            self.world.session().exchange(ExchangeRequest(number, key))
        self.hub = self.world.waiter = hub
        self.calls = self.world.source.calls
        self.calls.clear()

    def change(self) -> None:
        """Another mail comes."""
        self.world.source.put(INBOX, {"subject": "new"})

    def wait(self) -> WatchResult:
        return self.world.watch(self.numbers, 20, {})


def once(name: str, act: Callable[[], None]) -> Callable[[str], None]:
    """A hook of the source that acts at the first call of this name."""
    acts = [act]

    def hook(called: str) -> None:
        if called == name and acts:
            acts.pop()()

    return hook


def found(parking: Parking) -> bool:
    return parking.wait() == WatchResult(WatchOutcome.CHANGED, (parking.numbers[0],))


def test_before_it_is_looked_at() -> None:
    parking = Parking(Hub(RealClock(), NEVER))
    parking.change()
    assert found(parking)
    assert parking.calls == ["probe", "listing"]


@pytest.mark.parametrize("name", ["probe", "listing"])
def test_right_before_either_look(name: str) -> None:
    parking = Parking(Hub(RealClock(), NEVER))
    parking.world.source.before = once(name, parking.change)
    assert found(parking)
    assert parking.calls == ["probe", "listing"]


def test_right_after_the_last_look_without_a_word() -> None:
    parking = Parking(Hub(RealClock(), QUICK))
    source = parking.world.source
    listings, looks = source.listings, [0]

    def looked_at(wishes):
        shown = listings(wishes)
        looks[0] += 1
        if looks[0] == 1:
            parking.change()
        return shown

    source.listings = looked_at  # type: ignore[method-assign]
    assert found(parking)
    assert looks == [2]
    assert parking.calls[:2] == ["probe", "listing"]


def test_right_after_the_last_look_and_announced_before_it_sleeps() -> None:
    parking = Parking(Hub(RealClock(), NEVER))
    source = parking.world.source
    listings, looks = source.listings, [0]

    def looked_at(wishes):
        shown = listings(wishes)
        looks[0] += 1
        if looks[0] == 1:
            parking.change()
            parking.hub.announce(source.user.context_id, source.user.user_id, [INBOX])
        return shown

    source.listings = looked_at  # type: ignore[method-assign]
    assert found(parking)
    assert parking.calls == ["probe", "listing", "listing"]
