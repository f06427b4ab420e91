"""What is remembered of a device: for good, or for as long as a request lasts."""

from __future__ import annotations

from app.eas.memory import Memory
from tests.eas.phone import Phone, World


def test_who_waits_sees_what_others_wrote_meanwhile(world: World) -> None:
    session = Phone(world).session()
    mine = Memory(session)
    mine.write({"one": "1"})
    Memory(session).write({"one": "2"})
    assert mine.get("one") == "1"
    mine.let_go()
    assert mine.get("one") == "2"


def test_of_a_device_that_only_tries_nothing_outlives_the_request(world: World) -> None:
    session = Phone(world).session()
    trial = Memory(session, lasting=False)
    trial.write({"one": "1"})
    trial.keep_secret("two", "secret")
    trial.let_go()
    assert trial.get("one") == "1"
    assert Memory(session).get("one") == ""
