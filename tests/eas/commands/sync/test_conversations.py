"""ConversationMode: within the time span of the filter, whole conversations (MS-ASCMD 2.2.3.36)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.eas.versions import Version
from app.usm.model import Body, BodyKind
from tests.eas.phone import CONTACTS, INBOX, TRIPS, Phone, Reply, World, known, plain, tree

MODE = ("ConversationMode", 1)
WEEK = ("Options", ("FilterType", 3), ("AirSyncBase:BodyPreference", ("Type", 2), ("Preview", 20)))
HTML = Body(BodyKind.HTML, "<p>What shall <b>we</b> do?</p>", native=BodyKind.HTML)


@pytest.fixture(params=[Version.V14_0, Version.V16_1], ids=lambda version: version.text)
def ready(request: pytest.FixtureRequest) -> Phone:
    return World().phone(request.param).start(CONTACTS, INBOX, TRIPS)


def put(ready: Phone, subject: str, days: int, conversation: str | None, folder: str = INBOX) -> str:
    received = ready.world.clock.now() - timedelta(days=days)
    fields = {"subject": subject, "received": received, "body": HTML, "conversation": conversation}
    kept = {name: value for name, value in fields.items() if value is not None}
    return ready.world.source.put(folder, kept, received=received)


def subjects(reply: Reply) -> set[str]:
    return {element.text for element in reply.all("Email:Subject")}


@pytest.mark.requirement("MS-ASCON", 180, 242, 330)
@pytest.mark.requirement("MS-ASCMD", 2107, 2110, 2111, 2112)
def test_an_old_message_comes_with_the_new_one_of_its_conversation(ready: Phone) -> None:
    put(ready, "new", 1, "a")
    put(ready, "old", 30, "a")
    put(ready, "other", 30, "b")
    put(ready, "nameless", 30, None)
    put(ready, "elsewhere", 30, "a", TRIPS)
    assert subjects(ready.sync(INBOX, MODE, WEEK)) == {"new", "old"}


@pytest.mark.requirement("MS-ASCMD", 2109)
def test_without_it_the_filter_alone_counts(ready: Phone) -> None:
    put(ready, "new", 1, "a")
    put(ready, "old", 30, "a")
    assert subjects(ready.sync(INBOX, ("ConversationMode", 0), WEEK)) == {"new"}


@pytest.mark.requirement("MS-ASCMD", 2108)
def test_of_an_old_message_only_the_preview_comes_until_it_is_fetched(ready: Phone) -> None:
    put(ready, "new", 1, "a")
    old = put(ready, "old", 30, "a")
    bodies = {}
    for each in ready.sync(INBOX, MODE, WEEK).all("AirSync:ApplicationData"):
        body = each.find("AirSyncBase:Body")
        assert body is not None
        bodies[each.text_of("Email:Subject")] = dict(plain(body))  # type: ignore[call-overload]
    assert bodies["new"]["Data"] == HTML.text
    assert "Data" not in bodies["old"]
    assert (bodies["old"]["Truncated"], bodies["old"]["Preview"]) == ("1", "What shall we do?")
    reply = ready.commands(INBOX, ("Fetch", ("ServerId", f"{ready.number(INBOX)}:{old}")))
    assert reply.text("AirSyncBase:Data") == HTML.text


def test_an_answer_brings_the_conversation_and_its_end_takes_it_away(ready: Phone) -> None:
    put(ready, "old", 30, "a")
    assert known(ready.sync(INBOX, MODE, WEEK)) == []
    new = put(ready, "new", 0, "a")
    assert subjects(ready.sync(INBOX, MODE)) == {"new", "old"}
    ready.world.source.drop(INBOX, new)
    assert sorted(known(ready.sync(INBOX, MODE))) == ["Delete", "SoftDelete"]
    assert len(ready.world.source.items[INBOX]) == 1


def test_it_stays_in_force_until_the_device_says_otherwise(ready: Phone) -> None:
    put(ready, "new", 1, "a")
    put(ready, "old", 30, "a")
    ready.sync(INBOX, MODE, WEEK)
    assert ready.sync(INBOX).root is None
    assert known(ready.sync(INBOX, ("ConversationMode", 0))) == ["SoftDelete"]
    ready.sync(INBOX, MODE)
    ready.sync(INBOX, key="0")
    assert subjects(ready.sync(INBOX, WEEK)) == {"new"}


@pytest.mark.requirement("MS-ASCON", 116)
def test_the_mode_without_a_value_is_on(ready: Phone) -> None:
    put(ready, "new", 1, "a")
    put(ready, "old", 30, "a")
    assert subjects(ready.sync(INBOX, ("ConversationMode",), WEEK)) == {"new", "old"}


def test_a_wait_and_a_ping_do_not_take_the_old_messages_for_changes(ready: Phone) -> None:
    put(ready, "new", 1, "a")
    put(ready, "old", 30, "a")
    ready.sync(INBOX, MODE, WEEK)
    began = ready.world.clock.monotonic()
    assert ready.sync(INBOX, MODE, after=(("HeartbeatInterval", 300),)).root is None
    assert ready.world.clock.monotonic() - began == 300
    folder = ("Folder", ("Id", ready.number(INBOX)), ("Class", "Email"))
    ping = tree("Ping:Ping", ("HeartbeatInterval", 300), ("Folders", folder))
    assert ready.send("Ping", ping).status == "1"


@pytest.mark.requirement("MS-ASCON", 211, 332)
@pytest.mark.requirement("MS-ASCMD", 2096, 2097, 2098)
def test_an_estimate_counts_as_the_next_sync_would(ready: Phone) -> None:
    ready.sync(INBOX, MODE, WEEK)
    put(ready, "new", 1, "a")
    put(ready, "old", 30, "a")
    put(ready, "elsewhere", 1, "a", TRIPS)

    def estimate(*mode: object) -> str:
        keys = (("AirSync:SyncKey", ready.keys[ready.number(INBOX)]), ("CollectionId", ready.number(INBOX)))
        collection = ("Collection", *keys, *mode, ("AirSync:Options", ("FilterType", 3)))
        reply = ready.send(
            "GetItemEstimate", tree("GetItemEstimate:GetItemEstimate", ("Collections", collection))
        )
        return reply.text("GetItemEstimate:Estimate")

    assert estimate() == "2"
    assert estimate(("AirSync:ConversationMode", 1)) == "2"
    assert estimate(("AirSync:ConversationMode", 0)) == "1"


@pytest.mark.requirement("MS-ASCMD", 2117)
@pytest.mark.parametrize("mode", [0, 1])
def test_folders_of_anything_else_have_no_conversations(mode: int, ready: Phone) -> None:
    assert ready.sync(CONTACTS, ("ConversationMode", mode)).status == "4"


@pytest.mark.requirement("MS-ASCON", 70, 76, 77, 192, 194, 195, 196, 501, 502, 503, 5033)
@pytest.mark.requirement("MS-ASEMAIL", 343, 345, 348, 350, 354, 1003)
def test_messages_of_one_conversation_have_one_id(ready: Phone) -> None:
    for subject, conversation in (("1", "a"), ("2", "a"), ("3", "b"), ("4", None), ("5", None)):
        put(ready, subject, 1, conversation)
    told = {}
    for each in ready.sync(INBOX).all("AirSync:ApplicationData"):
        name = each.find("Email2:ConversationId")
        index = each.find("Email2:ConversationIndex")
        assert name is not None
        assert index is not None
        assert isinstance(name.value, bytes)
        assert isinstance(index.value, bytes)
        assert (len(name.value), len(index.value)) == (16, 5)
        told[each.text_of("Email:Subject")] = name.value
    assert told["1"] == told["2"]
    assert len(set(told.values())) == 4


@pytest.mark.requirement("MS-ASEMAIL", 347)
def test_a_device_names_no_conversation(ready: Phone) -> None:
    item = put(ready, "new", 1, "a")
    ready.sync(INBOX)
    change = (
        "Change",
        ("ServerId", f"{ready.number(INBOX)}:{item}"),
        ("ApplicationData", ("Email2:ConversationId", b"1234")),
    )
    reply = ready.commands(INBOX, change)
    assert reply.one("AirSync:Change").text_of("AirSync:Status") == "6"


def test_before_14_0_there_are_no_conversations() -> None:
    phone = World().phone(Version.V12_1).start(INBOX)
    put(phone, "new", 1, "a")
    assert not phone.sync(INBOX).all("Email2:ConversationId")
