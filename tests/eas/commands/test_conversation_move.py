"""ItemOperations: conversations that are moved as a whole, and folders that are emptied."""

from __future__ import annotations

import pytest

from app.eas.schema.email import conversation_id
from app.eas.versions import Version
from app.usm.errors import ItemGone
from app.usm.model import ContentType, Folder, FolderRole
from tests.eas.phone import CONTACTS, INBOX, TRIPS, Phone, Reply, World, known, tree

SENT = "default0/Sent"
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
def test_a_conversation_moves_as_a_whole_and_no_folder_tells_of_it(ready: Phone) -> None:
    source = ready.world.source
    for folder in (INBOX, INBOX, SENT):
        source.put(folder, {"subject": "Talk", "conversation": TALK})
    source.put(INBOX, {"subject": "Other", "conversation": "<other@example.com>"})
    ready.sync(INBOX)
    assert status(move(ready, TRIPS, ALWAYS)) == "1"
    assert [each.fields["subject"] for each in source.items[INBOX].values()] == ["Other"]
    assert len(source.items[TRIPS]) == 2
    assert len(source.items[SENT]) == 1
    assert known(ready.sync(INBOX)) == known(ready.sync(TRIPS)) == []
    assert status(move(ready, TRIPS, ALWAYS)) == "6"


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
