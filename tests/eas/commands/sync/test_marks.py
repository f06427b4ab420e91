"""What a device hears of a message that it holds: the marks that differ, or all of it (MS-ASEMAIL 3.2.5.4.1)."""

from __future__ import annotations

from itertools import chain, combinations

import pytest

from app.eas.versions import ADVERTISED, Version
from app.usm.model import Body, BodyKind
from tests.eas.phone import INBOX, Phone, Reply, World, known, plain

READ, FLAG, CATEGORIES, OTHER, HIDDEN = "read", "flagged", "categories", "subject", "size"
TAGS = {READ: "Email:Read", FLAG: "Email:Flag", CATEGORIES: "Email:Categories"}
SINCE = {READ: Version.V2_5, FLAG: Version.V12_0, CATEGORIES: Version.V14_0}
NEW = {READ: True, FLAG: True, CATEGORIES: ("Red",), OTHER: "New", HIDDEN: 4711}
"""``size`` stands for all that a source knows of a message and no device is told."""
ALL = list(chain.from_iterable(combinations(NEW, count) for count in range(len(NEW) + 1)))
MARKED = [names for names in ALL if OTHER not in names]
WIDER = [names for names in ALL if OTHER in names]


def changed(version: Version, *names: str) -> Reply:
    """What a phone of this version hears after somebody else changed these fields of a message."""
    phone = World().phone(version).start(INBOX)
    source = phone.world.source
    source.marks |= {HIDDEN}
    name = source.put(INBOX, {"subject": "Old", "body": Body(BodyKind.TEXT, "Hello")})
    phone.sync(INBOX)
    source.calls.clear()
    source.touch(INBOX, name, {field: NEW[field] for field in names})
    reply = phone.sync(INBOX)
    assert ("read" in source.calls) is (OTHER in names)
    again = phone.sync(INBOX)
    assert again.root is None or not known(again)
    return reply


def tags(reply: Reply) -> list[str]:
    assert known(reply) == ["Change"]
    return [element.name for element in reply.one("AirSync:ApplicationData")]


@pytest.mark.requirement("MS-ASEMAIL", 75, 76, 78, 80, 81, 93, 96, 97, 100, 101, 104, 105)
@pytest.mark.requirement("MS-ASEMAIL", 10600, 10601, 10604, 10605, 10608, 10609, 10612, 10613)
@pytest.mark.parametrize("names", MARKED, ids="+".join)
@pytest.mark.parametrize("version", ADVERTISED)
def test_of_marks_only_those_that_changed_are_sent(version: Version, names: tuple[str, ...]) -> None:
    reply = changed(version, *names)
    expected = [tag for field, tag in TAGS.items() if field in names and version >= SINCE[field]]
    if expected:
        assert tags(reply) == expected
    else:
        assert reply.root is None or not known(reply)


@pytest.mark.requirement("MS-ASEMAIL", 77, 80, 94, 95, 98, 99, 102, 103, 106, 10602, 10603, 10606, 10607)
@pytest.mark.requirement("MS-ASEMAIL", 10610, 10611, 10614, 10615, 10616)
@pytest.mark.parametrize("names", WIDER, ids="+".join)
def test_with_anything_else_the_whole_message_is_sent(names: tuple[str, ...], version: Version) -> None:
    reply = changed(version, *names)
    assert {"Email:Subject", "Email:DateReceived", "Email:From", "AirSyncBase:Body"} <= set(tags(reply))
    assert reply.text("Email:Subject") == "New"
    assert reply.text("Email:Read") == ("1" if READ in names else "0")


def test_marks_that_are_taken_off_are_told_too(world: World, version: Version) -> None:
    phone = world.phone(version).start(INBOX)
    name = world.source.put(INBOX, {READ: True, FLAG: True, CATEGORIES: ("Red",)})
    phone.sync(INBOX)
    world.source.touch(INBOX, name, {READ: False, FLAG: False, CATEGORIES: None})
    data = plain(phone.sync(INBOX).one("AirSync:ApplicationData"))
    assert data == [("Read", "0"), ("Flag", ""), ("Categories", "")][: 3 if version >= Version.V14_0 else 2]


def test_marks_of_an_answer_that_was_lost_are_told_again(ready: Phone) -> None:
    name = ready.world.source.put(INBOX, {"subject": "x"})
    ready.sync(INBOX)
    key = ready.keys[ready.number(INBOX)]
    for field in (READ, FLAG):
        ready.world.source.touch(INBOX, name, {field: True})
        ready.sync(INBOX, key=key)
    reply = ready.sync(INBOX, key=key)
    assert [element.name for element in reply.one("AirSync:ApplicationData")] == [TAGS[READ], TAGS[FLAG]]


def test_a_message_that_could_not_be_read_comes_whole(ready: Phone) -> None:
    source = ready.world.source
    name = source.put(INBOX, {"subject": "x"})
    ready.sync(INBOX)
    source.unreadable.add(name)
    source.touch(INBOX, name, {"subject": "y"})
    ready.sync(INBOX)
    source.unreadable.clear()
    source.touch(INBOX, name, {READ: True})
    assert ready.sync(INBOX).text("Email:Subject") == "y"


@pytest.fixture
def ready(phone: Phone) -> Phone:
    return phone.start(INBOX)
