"""ItemOperations: conversations that are moved as a whole, and folders that are emptied."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from app.eas import conversations, memory
from app.eas.memory import Memory
from app.eas.schema.email import conversation_id
from app.eas.versions import Version
from app.usm.errors import ItemGone, SourceUnavailable
from app.usm.model import ContentType, Folder, FolderRole
from tests.eas.phone import CONTACTS, INBOX, TRIPS, Phone, Reply, World, known, tree

SENT, TRASH = "default0/Sent", "default0/Trash"
TALK = "<first@example.com>"
ALWAYS = ("Options", ("MoveAlways",))


@pytest.fixture(params=[Version.V14_0, Version.V16_1], ids=lambda version: version.text)
def ready(request: pytest.FixtureRequest, world: World) -> Phone:
    world.source.tree.append(Folder(SENT, None, "Sent", ContentType.MAIL, FolderRole.SENT))
    world.source.items[SENT] = {}
    return world.phone(request.param).start(INBOX, TRIPS, CONTACTS, SENT)


def move(phone: Phone, target: str, *more: object, name: str = TALK) -> Reply:
    operation = ("Move", ("ConversationId", conversation_id(name)), ("DstFldId", phone.number(target)), *more)
    return phone.send("ItemOperations", tree("ItemOperations:ItemOperations", operation))


def status(reply: Reply) -> str:
    assert reply.status == "1"
    moved = reply.one("ItemOperations:Move")
    assert moved.find("ItemOperations:ConversationId") is not None
    return moved.text_of("ItemOperations:Status") or ""


@pytest.mark.requirement("MS-ASCMD", 201, 7244)
@pytest.mark.requirement("MS-ASCON", 142, 214, 216, 327)
@pytest.mark.requirement("MS-ASCMD", 3465)
def test_a_conversation_moves_as_a_whole_and_both_folders_tell_of_it(ready: Phone) -> None:
    source = ready.world.source
    for folder in (INBOX, INBOX, SENT):
        source.put(folder, {"subject": "Talk", "conversation": TALK})
    source.put(INBOX, {"subject": "Other", "conversation": "<other@example.com>"})
    ready.sync(INBOX)
    assert status(move(ready, TRIPS, ALWAYS)) == "1"
    assert [each.fields["subject"] for each in source.items[INBOX].values()] == ["Other"]
    assert len(source.items[TRIPS]) == 2
    assert len(source.items[SENT]) == 1
    assert known(ready.sync(INBOX)) == ["Delete", "Delete"]
    assert known(ready.sync(TRIPS)) == ["Add", "Add"]
    assert len(source.items[SENT]) == 1
    assert status(move(ready, TRIPS, ALWAYS)) == "1"  # as after an answer that was lost
    assert status(move(ready, TRIPS, ALWAYS, name="<nobody@example.com>")) == "6"


def talk(phone: Phone, folder: str, subject: str, days: float = 0, name: str = TALK) -> None:
    """A message of the conversation that comes now, or came so many days ago."""
    fields = {"subject": subject, "conversation": name}
    moment = phone.world.clock.now() - timedelta(days=days)
    phone.world.source.put(folder, {**fields, "received": moment}, received=moment)


def subjects(phone: Phone, folder: str) -> list[str]:
    return sorted(each.fields["subject"] for each in phone.world.source.items[folder].values())


def test_a_move_that_was_cut_off_anywhere_is_carried_on_by_its_repeat(ready: Phone) -> None:
    source = ready.world.source
    for subject in ("first", "second"):
        talk(ready, INBOX, subject)
    moves = []

    def stop(name: str) -> None:
        moves.append(name)
        if moves.count("move") == 2:
            raise SourceUnavailable("not now")

    source.before = stop
    move(ready, TRIPS, ALWAYS)
    assert len(source.items[TRIPS]) == 1
    source.before = lambda name: None
    (left,) = source.items[INBOX]
    source.items[TRIPS][left] = source.items[INBOX].pop(left)  # as if it had stopped after the last one
    assert status(move(ready, TRIPS, ALWAYS)) == "1"
    talk(ready, INBOX, "later")
    ready.sync(INBOX)
    assert subjects(ready, TRIPS) == ["first", "later", "second"]


@pytest.mark.requirement("MS-ASCON", 130, 172, 213, 215)
def test_what_comes_later_follows_before_the_device_hears_of_it(ready: Phone) -> None:
    talk(ready, INBOX, "first")
    assert status(move(ready, TRIPS, ALWAYS)) == "1"
    ready.world.clock.advance(90000)
    for folder, name in ((INBOX, TALK), (SENT, TALK), (INBOX, "<other@example.com>")):
        talk(ready, folder, f"later in {folder}", name=name)
    reply = ready.sync(INBOX)
    assert known(reply) == ["Add"]
    assert subjects(ready, TRIPS) == ["first", f"later in {INBOX}"]
    assert subjects(ready, SENT) == [f"later in {SENT}"]
    assert known(ready.sync(TRIPS)) == ["Add", "Add"]
    assert known(ready.sync(SENT)) == ["Add"]
    assert known(ready.sync(INBOX)) == []


@pytest.mark.requirement("MS-ASCON", 166)
@pytest.mark.parametrize("version", [Version.V14_0, Version.V16_1], ids=lambda version: version.text)
def test_a_conversation_that_is_ignored_goes_to_the_trash_now_and_later(
    version: Version, world: World
) -> None:
    for folder, role in ((SENT, FolderRole.SENT), (TRASH, FolderRole.TRASH)):
        world.source.tree.append(Folder(folder, None, folder, ContentType.MAIL, role))
        world.source.items[folder] = {}
    ready = world.phone(version).start(INBOX, TRIPS, SENT)
    for folder in (INBOX, TRIPS, SENT):
        talk(ready, folder, f"first in {folder}")
    assert status(move(ready, TRASH, ALWAYS)) == "1"
    for folder in (INBOX, TRIPS, SENT):
        talk(ready, folder, f"later in {folder}")
        ready.sync(folder)
    moved = [f"{when} in {folder}" for when in ("first", "later") for folder in (INBOX, TRIPS)]
    assert subjects(ready, TRASH) == sorted(moved)
    assert subjects(ready, SENT) == [f"first in {SENT}", f"later in {SENT}"]
    assert not subjects(ready, INBOX) + subjects(ready, TRIPS)


def test_a_folder_that_is_seldom_synchronised_misses_nothing(ready: Phone) -> None:
    talk(ready, INBOX, "first")
    move(ready, SENT, ALWAYS)
    move(ready, INBOX, ALWAYS, name="<other@example.com>")
    for day in range(1, 5):
        ready.world.clock.advance(86400)
        talk(ready, TRIPS, f"day {day}")
        ready.sync(INBOX)
    ready.world.clock.advance(30 * 86400)
    talk(ready, TRIPS, "long before", days=60)
    assert known(ready.sync(TRIPS)) == ["Add"]
    assert subjects(ready, SENT) == ["day 1", "day 2", "day 3", "day 4", "first"]


def test_a_conversation_that_is_moved_elsewhere_belongs_there(ready: Phone) -> None:
    talk(ready, INBOX, "first")
    move(ready, TRIPS, ALWAYS)
    assert status(move(ready, INBOX, ALWAYS)) == "1"
    talk(ready, TRIPS, "later")
    ready.sync(TRIPS)
    assert subjects(ready, INBOX) == ["first", "later"]
    assert subjects(ready, TRIPS) == []


def test_where_nothing_belongs_anywhere_nothing_is_searched(ready: Phone) -> None:
    searches: list[str] = []
    ready.world.source.before = searches.append
    ready.sync(INBOX)
    assert "search" not in searches
    talk(ready, INBOX, "first")
    move(ready, TRIPS, ALWAYS)
    searches.clear()
    ready.sync(CONTACTS)
    ready.sync(SENT)
    assert "search" not in searches
    ready.sync(INBOX)
    assert "search" in searches


def test_a_source_that_cannot_search_now_is_asked_the_next_time(ready: Phone) -> None:
    source = ready.world.source
    talk(ready, INBOX, "first")
    move(ready, TRIPS, ALWAYS)
    ready.world.clock.advance(90000)
    talk(ready, INBOX, "later")

    def fail(name: str) -> None:
        if name == "search":
            raise SourceUnavailable("not now")

    source.before = fail
    assert known(ready.sync(INBOX)) == ["Add"]
    source.before = lambda name: None
    source.in_time = False
    kept = Memory(ready.session()).get(memory.CONVERSATIONS)
    assert known(ready.sync(INBOX)) == ["Delete"]
    assert Memory(ready.session()).get(memory.CONVERSATIONS) == kept
    source.in_time = True
    ready.sync(INBOX)
    assert Memory(ready.session()).get(memory.CONVERSATIONS) != kept
    assert subjects(ready, TRIPS) == ["first", "later"]


def test_what_is_moved_while_a_folder_is_looked_at_is_remembered(ready: Phone) -> None:
    other = "<other@example.com>"
    talk(ready, INBOX, "first")
    move(ready, TRIPS, ALWAYS)
    ready.world.clock.advance(90000)
    talk(ready, INBOX, "other", name=other)

    def meanwhile(name: str) -> None:
        if name == "search":
            ready.world.source.before = lambda name: None
            assert status(move(ready, TRIPS, ALWAYS, name=other)) == "1"

    ready.world.source.before = meanwhile
    ready.sync(INBOX)
    talk(ready, INBOX, "later", name=other)
    ready.sync(INBOX)
    assert subjects(ready, TRIPS) == ["first", "later", "other"]


def test_a_conversation_whose_folder_is_gone_stays_where_it_comes(ready: Phone) -> None:
    source = ready.world.source
    talk(ready, INBOX, "first")
    move(ready, TRIPS, ALWAYS)
    source.tree = [folder for folder in source.tree if folder.id != TRIPS]
    del source.items[TRIPS]
    source.in_time = False
    talk(ready, INBOX, "later")
    assert known(ready.sync(INBOX)) == ["Add"]
    assert json.loads(Memory(ready.session()).get(memory.CONVERSATIONS))["targets"] == {}


def test_only_the_newest_are_remembered(ready: Phone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversations, "KEPT", 2)
    names = [f"<{number}@example.com>" for number in range(3)]
    for name in names:
        talk(ready, INBOX, name, name=name)
        move(ready, TRIPS, ALWAYS, name=name)
    kept = json.loads(Memory(ready.session()).get(memory.CONVERSATIONS))
    assert list(kept["targets"]) == [conversation_id(name).hex() for name in names[1:]]


@pytest.mark.parametrize("text", ["[]", "{}", '{"targets": 1}', '{"targets": {"a": "x"}}', "x", "null"])
def test_what_cannot_be_read_is_nothing(text: str, ready: Phone) -> None:
    Memory(ready.session()).write({memory.CONVERSATIONS: text})
    talk(ready, INBOX, "first")
    assert known(ready.sync(INBOX)) == ["Add"]
    assert status(move(ready, TRIPS, ALWAYS)) == "1"


@pytest.mark.requirement("MS-ASCMD", 3475, 4171, 4940)
def test_a_move_without_movealways_is_155(ready: Phone) -> None:
    ready.world.source.put(INBOX, {"conversation": TALK})
    for wishes in ((), (("Options",),)):
        assert status(move(ready, TRIPS, *wishes)) == "155"
    assert len(ready.world.source.items[INBOX]) == 1


@pytest.mark.requirement("MS-ASCON", 338)
@pytest.mark.requirement("MS-ASCMD", 4173, 4942)
@pytest.mark.parametrize("target", [CONTACTS, "99", "x"])
def test_a_target_that_is_no_folder_of_mail_is_156(target: str, ready: Phone) -> None:
    assert status(move(ready, target, ALWAYS)) == "156"


@pytest.mark.requirement("MS-ASCMD", 4936, 4938)
def test_a_conversation_that_moves_in_part_says_so(ready: Phone) -> None:
    source = ready.world.source
    source.put(INBOX, {"conversation": TALK})

    def gone(name: str) -> None:
        if name == "move":
            raise ItemGone("somebody else moved it")

    source.before = gone
    assert status(move(ready, TRIPS, ALWAYS)) == "153"
    source.before = lambda name: None
    source.readonly.add(INBOX)
    assert status(move(ready, TRIPS, ALWAYS)) == "154"


def test_with_no_folder_beside_the_target_there_is_nothing_to_move(world: World) -> None:
    world.source.tree = [folder for folder in world.source.tree if folder.id == INBOX]
    phone = world.phone(Version.V14_1).start(INBOX)
    assert status(move(phone, INBOX, ALWAYS)) == "6"


@pytest.mark.parametrize("missing", ["ConversationId", "DstFldId"])
def test_a_move_of_nothing_to_nowhere_is_a_protocol_error(missing: str, ready: Phone) -> None:
    parts = {"ConversationId": conversation_id(TALK), "DstFldId": "1"}
    del parts[missing]
    operation = ("Move", *parts.items(), ALWAYS)
    assert ready.send("ItemOperations", tree("ItemOperations:ItemOperations", operation)).status == "2"


@pytest.mark.requirement("MS-ASCMD", 199, 200, 2167, 2244)
@pytest.mark.parametrize("below", [False, True])
def test_a_folder_is_emptied_with_its_folders_or_without(below: bool, ready: Phone) -> None:
    source = ready.world.source
    source.put(INBOX, {"subject": "x"})
    wishes = ("Options", ("DeleteSubFolders",)) if below else None
    operation = ("EmptyFolderContents", ("AirSync:CollectionId", ready.number(INBOX)), wishes)
    reply = ready.send("ItemOperations", tree("ItemOperations:ItemOperations", operation))
    answer = reply.one("ItemOperations:EmptyFolderContents")
    assert answer.text_of("ItemOperations:Status") == "1"
    assert source.items[INBOX] == {}
    assert (TRIPS in source.items) is not below
