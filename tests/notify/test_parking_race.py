"""A change that meets a request which is about to park is told of, whatever the moment."""

from __future__ import annotations

from collections.abc import Callable

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


def after_the_first_look(parking: Parking, act: Callable[[], None]) -> None:
    """Act when the source has looked for the first time, before anybody hears what it saw."""
    survey = parking.world.source.survey_unless

    def looked_at(wishes, others, is_known):
        seen = survey(wishes, others, is_known)
        act()
        return seen

    parking.world.source.survey_unless = looked_at  # type: ignore[method-assign]


def test_before_it_is_looked_at() -> None:
    parking = Parking(Hub(RealClock(), NEVER))
    parking.change()
    assert found(parking)
    assert parking.calls == ["survey"]


def test_right_before_the_look() -> None:
    parking = Parking(Hub(RealClock(), NEVER))
    parking.world.source.before = once("survey", parking.change)
    assert found(parking)
    assert parking.calls == ["survey"]


def test_between_the_text_of_a_folder_and_its_listing() -> None:
    parking = Parking(Hub(RealClock(), NEVER))
    source = parking.world.source
    texts, acts = source._texts, [parking.change]

    def looked_at(folders):
        seen = texts(folders)
        while acts:
            acts.pop()()
        return seen

    source._texts = looked_at  # type: ignore[method-assign]
    assert found(parking)
    assert parking.calls == ["survey"]


def test_right_after_the_look_without_a_word() -> None:
    parking = Parking(Hub(RealClock(), QUICK))
    after_the_first_look(parking, parking.change)
    assert found(parking)
    assert parking.calls[:2] == ["survey", "probe"]


def test_right_after_the_look_and_announced_before_it_sleeps() -> None:
    parking = Parking(Hub(RealClock(), NEVER))
    user = parking.world.source.user

    def act() -> None:
        parking.change()
        parking.hub.announce(user.context_id, user.user_id, [INBOX])

    after_the_first_look(parking, act)
    assert found(parking)
    assert parking.calls == ["survey", "listing"]
