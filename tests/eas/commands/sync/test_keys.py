"""Sync keys from the device's side: nothing twice, nothing lost, Status 3 only when the state is gone."""

from __future__ import annotations

import pytest

from app.usm.model import UsmSettings
from tests.eas.phone import CONTACTS, INBOX, Phone, known

ANNA = ("Add", ("ClientId", "c1"), ("ApplicationData", ("Contacts:LastName", "Anna")))


@pytest.fixture
def ready(phone: Phone) -> Phone:
    return phone.start(CONTACTS, INBOX)


@pytest.mark.requirement("MS-ASCMD", 5051, 5053)
@pytest.mark.requirement("MS-ASCMD", 648, 5032, 5555, 3129)
def test_the_first_sync_gives_a_key_and_no_data(phone: Phone) -> None:
    phone.provision().folder_sync()
    phone.world.source.put(CONTACTS, {"last_name": "A"})
    reply = phone.sync(CONTACTS)
    assert reply.text("AirSync:Status") == "1"
    assert reply.text("AirSync:SyncKey") != "0"
    assert not known(reply)


@pytest.mark.requirement("MS-ASCMD", 654)
def test_a_new_key_with_every_answer_that_says_something(ready: Phone) -> None:
    ready.world.source.put(CONTACTS, {"last_name": "A"})
    before = ready.keys[ready.number(CONTACTS)]
    reply = ready.sync(CONTACTS)
    assert reply.text("AirSync:SyncKey") != before
    assert ready.sync(CONTACTS).root is None


@pytest.mark.requirement("MS-ASCMD", 4599, 4606, 5034)
def test_a_refusal_comes_with_a_new_key(ready: Phone) -> None:
    before = ready.keys[ready.number(CONTACTS)]
    nonsense = ("Add", ("ClientId", "c1"), ("ApplicationData", ("Contacts:Birthday", "2026-13-45T00:00:00Z")))
    reply = ready.commands(CONTACTS, nonsense)
    assert reply.one("AirSync:Add").text_of("AirSync:Status") == "6"
    assert reply.text("AirSync:SyncKey") != before


def test_a_lost_answer_can_be_asked_for_again(ready: Phone) -> None:
    ready.world.source.put(CONTACTS, {"last_name": "A"})
    key = ready.keys[ready.number(CONTACTS)]
    lost = ready.sync(CONTACTS, key=key)
    again = ready.sync(CONTACTS, key=key)
    assert known(again) == ["Add"]
    assert again.text("AirSync:SyncKey") == lost.text("AirSync:SyncKey")
    assert again.text("AirSync:ServerId") == lost.text("AirSync:ServerId")


def test_an_add_repeated_after_a_lost_answer_finds_its_item(ready: Phone) -> None:
    key = ready.keys[ready.number(CONTACTS)]
    first = ready.commands(CONTACTS, ANNA, key=key)
    second = ready.commands(CONTACTS, ANNA, key=key)
    assert second.text("AirSync:ServerId") == first.text("AirSync:ServerId")
    assert len(ready.world.source.items[CONTACTS]) == 1


def test_a_change_of_the_device_does_not_come_back_to_it(ready: Phone) -> None:
    ready.commands(CONTACTS, ANNA)
    assert ready.sync(CONTACTS).root is None


@pytest.mark.requirement("MS-ASCMD", 4425)
@pytest.mark.parametrize("key", ["1", "{abc}5", "nonsense", "x" * 64])
def test_an_unknown_key_is_status_3(key: str, ready: Phone) -> None:
    reply = ready.sync(CONTACTS, key=key)
    assert reply.text("AirSync:Status") == "3"
    assert reply.text("AirSync:SyncKey") == "0"


def test_a_key_older_than_the_one_before_is_status_3(ready: Phone) -> None:
    oldest = ready.keys[ready.number(CONTACTS)]
    for name in ("A", "B"):
        ready.world.source.put(CONTACTS, {"last_name": name})
        ready.sync(CONTACTS)
    assert ready.sync(CONTACTS, key=oldest).text("AirSync:Status") == "3"


@pytest.mark.requirement("MS-ASCMD", 4602, 5556)
def test_starting_over_brings_everything_again(ready: Phone) -> None:
    ready.world.source.put(CONTACTS, {"last_name": "A"})
    ready.sync(CONTACTS)
    ready.sync(CONTACTS, key="0")
    assert known(ready.sync(CONTACTS)) == ["Add"]


@pytest.mark.requirement("MS-ASCMD", 3125)
def test_get_changes_0_only_takes_and_loses_nothing(ready: Phone) -> None:
    ready.world.source.put(CONTACTS, {"last_name": "A"})
    reply = ready.sync(CONTACTS, ("GetChanges", 0), ("Commands", ANNA))
    assert not known(reply)
    assert reply.all("AirSync:Responses")
    assert known(ready.sync(CONTACTS)) == ["Add"]


def test_get_changes_0_without_commands_says_nothing(ready: Phone) -> None:
    ready.world.source.put(CONTACTS, {"last_name": "A"})
    assert ready.sync(CONTACTS, ("GetChanges", 0)).root is None


@pytest.mark.requirement("MS-ASDTYPE", 4, 5, 6, 7)
@pytest.mark.requirement("MS-ASCMD", 3126, 3127)
@pytest.mark.parametrize("value", [("GetChanges",), ("GetChanges", 1)])
def test_get_changes_may_be_empty_or_1(value: object, ready: Phone) -> None:
    ready.world.source.put(CONTACTS, {"last_name": "A"})
    assert known(ready.sync(CONTACTS, value)) == ["Add"]


def test_an_empty_sync_can_be_made_to_change_the_key(ready: Phone) -> None:
    ready.world.usm = UsmSettings(force_new_key=True)
    before = ready.keys[ready.number(CONTACTS)]
    reply = ready.sync(CONTACTS)
    assert reply.text("AirSync:SyncKey") != before
    assert not known(reply)
