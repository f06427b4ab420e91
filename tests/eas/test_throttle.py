"""A device in a loop is asked to pause, and nobody else notices."""

from __future__ import annotations

import pytest

from app.eas import throttle
from app.eas.errors import Throttled
from app.eas.request import Command
from app.eas.throttle import Limits, Load, Throttle
from app.eas.versions import Version
from app.usm.model import Device, SessionId
from tests.eas.phone import World
from tests.fakes.clock import ManualClock

ONE, OTHER = SessionId(1, 3, "EAS", "one"), SessionId(1, 3, "EAS", "other")


def command(content: bytes = b"", name: str = "Sync") -> Command:
    return Command(name, Version.V14_1, Device("EAS", "one"), content=content)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def ask(counts: Throttle, session: SessionId = ONE, content: bytes = b"") -> None:
    """One request, a second after the last one."""
    counts._clock.advance(1)  # type: ignore[attr-defined]
    with counts.passing(session, command(content)):
        pass


def test_the_same_request_again_and_again_is_a_loop(clock: ManualClock) -> None:
    counts = Throttle(Limits(300, 0, 3, 0), clock)
    for _ in range(3):
        ask(counts)
    clock.advance(96)
    with pytest.raises(Throttled, match="the same Sync in 4 of 300 seconds") as raised:
        ask(counts)
    assert raised.value.reason == "RecentCommands"
    assert raised.value.retry_after == 202


def test_a_burst_is_no_loop(clock: ManualClock) -> None:
    counts = Throttle(Limits(300, 0, 3, 0), clock)
    for _ in range(3):
        for _ in range(1000):
            with counts.passing(ONE, command()):
                pass
        clock.advance(1)
    with pytest.raises(Throttled):
        ask(counts)


def test_of_many_different_requests_only_some_are_told_apart(clock: ManualClock) -> None:
    counts = Throttle(Limits(1000, 0, 1, 0), clock)
    for number in range(throttle.DIFFERENT):
        ask(counts, content=b"%d" % number)
    for _ in range(3):
        ask(counts, content=b"one more")
    with pytest.raises(Throttled):
        ask(counts, content=b"0")


def test_requests_that_get_on_are_no_loop(clock: ManualClock) -> None:
    counts = Throttle(Limits(300, 0, 3, 0), clock)
    for number in range(200):
        ask(counts, content=b"key %d" % number)


def test_too_many_of_any_kind_are_too_many(clock: ManualClock) -> None:
    counts = Throttle(Limits(300, 10, 0, 0), clock)
    for number in range(10):
        ask(counts, content=b"%d" % number)
    with pytest.raises(Throttled, match="11 requests in 300 seconds") as raised:
        ask(counts, content=b"x")
    assert raised.value.reason == "CommandFrequency"


def test_after_the_span_all_is_well(clock: ManualClock) -> None:
    counts = Throttle(Limits(300, 2, 1, 0), clock)
    ask(counts)
    with pytest.raises(Throttled):
        ask(counts)
    clock.advance(300)
    ask(counts)


def test_another_device_notices_nothing(clock: ManualClock) -> None:
    counts = Throttle(Limits(300, 2, 1, 1), clock)
    for _ in range(50):
        try:
            ask(counts)
        except Throttled:
            continue
    ask(counts, OTHER)


def test_requests_at_the_same_time_are_limited(clock: ManualClock) -> None:
    counts = Throttle(Limits(300, 0, 0, 2), clock)
    with counts.passing(ONE, command()), counts.passing(ONE, command()):
        with pytest.raises(Throttled, match="2 requests at the same time") as raised:
            ask(counts)
        assert raised.value.retry_after == throttle.PAUSE
        ask(counts, OTHER)
    ask(counts)


def test_0_means_any_number(clock: ManualClock) -> None:
    counts = Throttle(Limits(300, 0, 0, 0), clock)
    for _ in range(1000):
        ask(counts)


def test_memory_is_bounded(clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttle, "DEVICES", 10)
    counts = Throttle(Limits(300, 0, 1, 0), clock)
    ask(counts)
    for number in range(10):
        ask(counts, SessionId(1, 3, "EAS", f"d{number}"))
    assert len(counts._counts) == 10
    ask(counts)  # forgotten, so the count began anew


def test_a_request_that_fails_is_no_longer_under_way(clock: ManualClock) -> None:
    counts = Throttle(Limits(300, 0, 0, 1), clock)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), counts.passing(ONE, command()):
            raise ZeroDivisionError
    ask(counts)


@pytest.mark.requirement("MS-ASHTTP", 273)
def test_a_storm_of_pings_gets_503_with_retry_after(version: Version) -> None:
    world = World(throttle=Limits(300, 0, 5, 0))
    phone = world.phone(version)
    answers = []
    for _ in range(7):
        world.clock.advance(1)
        answers.append(phone.raw("Ping", b""))
    assert [answer.status for answer in answers][-2:] == [503, 503]
    assert answers[-1].headers["Retry-After"] == "295"
    assert answers[-1].headers["X-MS-ASThrottle"] == "RecentCommands"
    assert answers[-1].refused == "throttled"
    assert "the same Ping in 7 of 300 seconds" in answers[-1].reason
    assert world.phone(version, device_id="calm").raw("Ping", b"").status == 200


def test_who_asks_most_is_told_those_refused_first(clock: ManualClock) -> None:
    assert World().eas.busiest(10) == []
    assert World().eas.pausing == 0
    counts = Throttle(Limits(300, 3, 0, 0), clock)
    assert counts.busiest(10) == []
    ask(counts, OTHER)
    for number in range(3):
        ask(counts, content=b"%d" % (number // 2))
    with pytest.raises(Throttled):
        ask(counts)
    for name in "abcd":
        ask(counts, SessionId(1, 4, "EAS", name))
    assert counts.busiest(2) == [Load(ONE, 4, 2, 1), Load(OTHER, 1, 1, 0)]
    assert counts.pausing == 1
    clock.advance(300)
    assert counts.busiest(10) == []
    assert counts.pausing == 0
    with counts.passing(ONE, command(b"x")):
        assert counts.busiest(1) == [Load(ONE, 1, 1, 0)]
