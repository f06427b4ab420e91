"""Why a device got nothing stands in the log."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

import pytest

from app.usm.model import ExchangeRequest, Listing, UsmSettings
from app.usm.silence import reason
from tests.usm.conftest import INBOX, World
from tests.usm.test_exchange import ask, start

DAY = timedelta(days=1)


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "app.usm")
    return caplog


def test_a_folder_that_is_empty(world: World, said: pytest.LogCaptureFixture) -> None:
    ask(world, INBOX, start(world, INBOX))
    assert "nothing sent: the folder is empty" in said.text
    assert "device_id='phone1'" in said.text


def test_a_filter_that_shuts_everything_out(world: World, said: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        world.source.put(INBOX, {"subject": "old"}, received=world.clock.now() - 30 * DAY)
    since = world.clock.now() - DAY
    assert ask(world, INBOX, start(world, INBOX), since=since).changes == ()
    assert f"nothing sent: 3 from before {since:%Y-%m-%d}, the device's filter" in said.text


def test_items_that_cannot_be_converted(world: World, said: pytest.LogCaptureFixture) -> None:
    item = world.source.put(INBOX, {"subject": "broken"})
    world.source.unreadable.add(item)
    key = ask(world, INBOX, start(world, INBOX)).key
    assert "nothing sent: 1 that cannot be converted" in said.text
    said.clear()
    ask(world, INBOX, key)
    assert "nothing sent: 1 that cannot be converted" in said.text


def test_a_device_that_does_not_ask(world: World, said: pytest.LogCaptureFixture) -> None:
    world.source.put(INBOX, {"subject": "there"})
    ask(world, INBOX, start(world, INBOX), want_changes=False)
    assert "nothing sent: the device did not ask for changes" in said.text


def test_who_holds_something_is_talked_of_only_when_everything_is(
    world: World, said: pytest.LogCaptureFixture
) -> None:
    world.source.put(INBOX, {"subject": "there"})
    key = ask(world, INBOX, start(world, INBOX)).key
    ask(world, INBOX, key)
    assert "nothing sent" not in said.text
    said.set_level(logging.DEBUG, "app.usm")
    ask(world, INBOX, key)
    assert "nothing sent: 1 held by the device" in said.text


def test_what_is_too_much_for_a_folder(world: World, said: pytest.LogCaptureFixture) -> None:
    world.settings = UsmSettings(max_objects=0)
    world.source.put(INBOX, {"subject": "too many"})
    ask(world, INBOX, start(world, INBOX))
    assert "nothing sent: 1 beyond the most that a folder may have" in said.text


def test_nothing_at_all_to_say() -> None:
    assert reason(ExchangeRequest(1, "k"), {}, Listing({"a": "1"})) == "nothing left to tell"
    since = datetime(2027, 1, 2, tzinfo=UTC)
    told = reason(ExchangeRequest(1, "k", since=since), {"a": "1"}, Listing({"a": "1"}, frozenset("bc")))
    assert told.startswith("1 held by the device, 2 from before 2027-01-02")
