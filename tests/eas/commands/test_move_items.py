"""MoveItems: each item its answer, and 3 is success."""

from __future__ import annotations

import pytest

from app.eas.versions import Version
from app.usm.errors import ItemFailed
from tests.eas.phone import CONTACTS, INBOX, TRIPS, Phone, Reply, World, plain, tree


@pytest.fixture
def ready(phone: Phone) -> Phone:
    return phone.start(INBOX, TRIPS, CONTACTS)


def move(phone: Phone, *moves: tuple[str, str, str]) -> Reply:
    tags = ("SrcMsgId", "SrcFldId", "DstFldId")
    rows = [("Move", *zip(tags, each, strict=True)) for each in moves]
    return phone.send("MoveItems", tree("Move:MoveItems", *rows))


def answers(reply: Reply) -> list[object]:
    return [plain(response) for response in reply.all("Move:Response")]


@pytest.mark.requirement("MS-ASCMD", 285, 290, 2219, 3978, 5870, 5879, 5882)
@pytest.mark.requirement("MS-ASHTTP", 499)
@pytest.mark.requirement("MS-ASCON", 170, 217, 218)
def test_an_item_is_moved_and_has_another_name(ready: Phone) -> None:
    inbox, trips = ready.number(INBOX), ready.number(TRIPS)
    item = ready.world.source.put(INBOX, {"subject": "x"})
    reply = move(ready, (f"{inbox}:{item}", inbox, trips))
    (moved,) = ready.world.source.items[TRIPS]
    expected = [("SrcMsgId", f"{inbox}:{item}"), ("Status", "3"), ("DstMsgId", f"{trips}:{moved}")]
    assert answers(reply) == [expected]
    assert answers(move(ready, (f"{inbox}:{item}", inbox, trips))) == [expected]
    assert ready.world.source.calls.count("move") == 1


@pytest.mark.requirement("MS-ASCMD", 4201, 4203)
def test_each_item_has_its_own_answer(ready: Phone) -> None:
    inbox, trips = ready.number(INBOX), ready.number(TRIPS)
    one, two = (ready.world.source.put(INBOX, {}) for _ in range(2))
    reply = move(
        ready,
        (f"{inbox}:{one}", inbox, trips),
        (f"{inbox}:999", inbox, trips),
        (f"{trips}:{one}", inbox, trips),
        (f"{inbox}:{two}", "nonsense", trips),
        (f"{inbox}:{two}", inbox, "nonsense"),
        (f"{inbox}:{two}", inbox, "98"),
        (f"{inbox}:{two}", inbox, inbox),
    )
    assert [response.text_of("Move:Status") for response in reply.all("Move:Response")] == [
        "3", "1", "1", "1", "2", "2", "4"
    ]  # fmt: skip


def test_a_folder_that_takes_nothing(ready: Phone) -> None:
    inbox, trips = ready.number(INBOX), ready.number(TRIPS)
    item = ready.world.source.put(INBOX, {})
    ready.world.source.readonly.add(TRIPS)
    assert move(ready, (f"{inbox}:{item}", inbox, trips)).text("Move:Status") == "5"
    assert item in ready.world.source.items[INBOX]


@pytest.mark.requirement("MS-ASCMD", 4225)
def test_a_passing_fault_is_told_as_one(ready: Phone) -> None:
    def fail(name: str) -> None:
        if name == "move":
            raise ItemFailed("for now")

    inbox, trips = ready.number(INBOX), ready.number(TRIPS)
    item = ready.world.source.put(INBOX, {})
    ready.world.source.before = fail
    assert move(ready, (f"{inbox}:{item}", inbox, trips)).text("Move:Status") == "5"
    ready.world.source.before = lambda name: None
    assert move(ready, (f"{inbox}:{item}", inbox, trips)).text("Move:Status") == "3"


@pytest.mark.requirement("MS-ASCMD", 5653)
@pytest.mark.parametrize(
    "content",
    [
        (),
        (("SrcMsgId", "1"),),
        (("Move",),),
        (("Move", ("SrcMsgId", "2:1"), ("SrcFldId", "2")),),
        (("Move", ("SrcMsgId", "x" * 65), ("SrcFldId", "2"), ("DstFldId", "3")),),
        tuple(("Move", ("SrcMsgId", "2:1"), ("SrcFldId", "2"), ("DstFldId", "3")) for _ in range(1001)),
    ],
)
def test_a_document_that_is_none(world: World, content: tuple[object, ...]) -> None:
    phone = world.phone(Version.V16_1).start(INBOX)
    assert phone.send("MoveItems", tree("Move:MoveItems", *content)).status == "103"
