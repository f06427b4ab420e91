"""What a device adds, changes, deletes and fetches, and what it is told of that."""

from __future__ import annotations

import pytest

from app.eas.versions import Version
from app.usm.errors import ItemRefused
from app.usm.model import Body, BodyKind
from tests.eas.phone import CONTACTS, INBOX, Phone, Reply, known, plain


@pytest.fixture
def ready(phone: Phone) -> Phone:
    return phone.start(CONTACTS, INBOX)


def item(ready: Phone, folder: str, **fields: object) -> tuple[str, str]:
    """An item that the device has: its id in the source and its ServerId."""
    item_id = ready.world.source.put(folder, fields)
    ready.sync(folder)
    return item_id, f"{ready.number(folder)}:{item_id}"


def responses(reply: Reply) -> object:
    return plain(reply.one("AirSync:Responses"))


def fields(ready: Phone, folder: str, item_id: str) -> dict[str, object]:
    return ready.world.source.items[folder][item_id].fields


def change(server_id: str, *data: object) -> tuple[object, ...]:
    return ("Change", ("ServerId", server_id), ("ApplicationData", *data))


@pytest.mark.requirement("MS-ASCMD", 748, 957)
@pytest.mark.requirement("MS-ASCMD", 5255, 3834, 4440)
def test_every_add_is_answered_in_order(ready: Phone) -> None:
    reply = ready.commands(
        CONTACTS,
        ("Add", ("ClientId", "one"), ("ApplicationData", ("Contacts:LastName", "A"))),
        ("Add", ("ClientId", "two"), ("ApplicationData", ("Contacts:Birthday", "never"))),
        ("Add", ("ClientId", "three"), ("ApplicationData", ("Contacts:LastName", "C"))),
    )
    found = [dict(content) for _, content in responses(reply)]  # type: ignore[union-attr]
    assert [(entry["ClientId"], entry["Status"]) for entry in found] == [
        ("one", "1"),
        ("two", "6"),
        ("three", "1"),
    ]
    assert "ServerId" not in found[1]
    assert len(ready.world.source.items[CONTACTS]) == 2


@pytest.mark.requirement("MS-ASCMD", 758, 6412)
@pytest.mark.requirement("MS-ASCMD", 3835)
def test_silence_is_success(ready: Phone) -> None:
    _, server_id = item(ready, CONTACTS, last_name="A")
    _, other = item(ready, CONTACTS, last_name="B")
    reply = ready.commands(
        CONTACTS, change(server_id, ("Contacts:LastName", "Z")), ("Delete", ("ServerId", other))
    )
    assert not reply.all("AirSync:Responses")
    assert reply.text("AirSync:Status") == "1"
    assert [entry.fields.get("last_name") for entry in ready.world.source.items[CONTACTS].values()] == ["Z"]


@pytest.mark.requirement("MS-ASCMD", 4447, 4419, 5256)
def test_an_item_that_is_gone_is_status_8(ready: Phone) -> None:
    item_id, server_id = item(ready, CONTACTS, last_name="A")
    ready.world.source.drop(CONTACTS, item_id)
    reply = ready.commands(CONTACTS, change(server_id, ("Contacts:LastName", "Z")))
    assert responses(reply) == [("Change", [("ServerId", server_id), ("Status", "8")])]


@pytest.mark.parametrize("server_id", ["x", "99:1", "1", ":", "4:"])
def test_an_id_of_another_folder_is_status_8(server_id: str, ready: Phone) -> None:
    reply = ready.commands(
        CONTACTS,
        change(server_id, ("Contacts:LastName", "Z")),
        ("Delete", ("ServerId", server_id)),
        ("Fetch", ("ServerId", server_id)),
    )
    told = [("ServerId", server_id), ("Status", "8")]
    assert responses(reply) == [("Change", told), ("Delete", told), ("Fetch", told)]


@pytest.mark.requirement("MS-ASCMD", 2076, 4420)
@pytest.mark.requirement("MS-ASCMD", 2066, 2068, 2069, 4444)
def test_the_servers_copy_wins_a_conflict_by_default(ready: Phone) -> None:
    item_id, server_id = item(ready, CONTACTS, last_name="A")
    ready.world.source.touch(CONTACTS, item_id, {"last_name": "Server"})
    reply = ready.commands(CONTACTS, change(server_id, ("Contacts:LastName", "Device")))
    assert responses(reply) == [("Change", [("ServerId", server_id), ("Status", "7")])]
    assert known(reply) == ["Change"]
    assert reply.text("Contacts:LastName") == "Server"


@pytest.mark.requirement("MS-ASCMD", 2067)
def test_the_devices_copy_wins_when_it_says_so(ready: Phone) -> None:
    item_id, server_id = item(ready, CONTACTS, last_name="A")
    ready.world.source.touch(CONTACTS, item_id, {"last_name": "Server"})
    reply = ready.sync(
        CONTACTS,
        ("Options", ("Conflict", 0)),
        ("Commands", change(server_id, ("Contacts:LastName", "Device"))),
    )
    assert not reply.all("AirSync:Responses")
    assert fields(ready, CONTACTS, item_id)["last_name"] == "Device"


def test_a_folder_that_takes_nothing(ready: Phone) -> None:
    _, server_id = item(ready, CONTACTS, last_name="A")
    ready.world.source.readonly.add(CONTACTS)
    reply = ready.commands(
        CONTACTS,
        ("Add", ("ClientId", "c"), ("ApplicationData", ("Contacts:LastName", "B"))),
        change(server_id, ("Contacts:LastName", "Z")),
    )
    assert [dict(content)["Status"] for _, content in responses(reply)] == ["6", "6"]  # type: ignore[union-attr]


def test_what_a_device_may_not_delete_comes_back_without_complaint(ready: Phone) -> None:
    _, server_id = item(ready, CONTACTS, last_name="A")
    ready.world.source.readonly.add(CONTACTS)
    reply = ready.commands(CONTACTS, ("Delete", ("ServerId", server_id)))
    assert not reply.all("AirSync:Responses")
    assert reply.one("AirSync:Add").text_of("AirSync:ServerId") == server_id


def test_a_value_that_makes_no_sense_concerns_its_item_alone(ready: Phone) -> None:
    item_id, server_id = item(ready, CONTACTS, last_name="A")
    reply = ready.commands(
        CONTACTS,
        change(server_id, ("Contacts:Birthday", "2026-13-45T00:00:00Z")),
        ("Add", ("ClientId", "c"), ("ApplicationData", ("Contacts:LastName", "B"))),
    )
    statuses = [dict(content)["Status"] for _, content in responses(reply)]  # type: ignore[union-attr]
    assert statuses == ["6", "1"]
    assert fields(ready, CONTACTS, item_id)["last_name"] == "A"


@pytest.mark.requirement("MS-ASCMD", 755)
def test_a_device_adds_no_mail_but_drafts_and_those_from_16_0_on(ready: Phone) -> None:
    add = ("Add", ("ClientId", "c"), ("ApplicationData", ("Email:Subject", "x")))
    reply = ready.commands(INBOX, add)
    first = "1" if ready.version >= Version.V16_0 else "6"
    assert [dict(content)["Status"] for _, content in responses(reply)] == [first]  # type: ignore[union-attr]
    assert [each.fields for each in ready.world.source.items[INBOX].values()] == [{"subject": "x"}] * (
        first == "1"
    )


SMS = ("Add", ("Class", "SMS"), ("ClientId", "d"), ("ApplicationData", ("Email:Subject", "text message")))


@pytest.mark.requirement("MS-ASCMD", 6298)
def test_a_text_message_is_taken_and_forgotten(ready: Phone) -> None:
    if ready.version < Version.V14_0:
        assert dict(responses(ready.commands(INBOX, SMS))[0][1])["Status"] == "6"  # type: ignore[index]
        return
    reply, again = ready.commands(INBOX, SMS), ready.commands(INBOX, SMS)
    told = plain(reply.one("AirSync:Responses").children[0])
    assert [name for name, _ in told] == ["Class", "ClientId", "ServerId", "Status"]  # type: ignore[union-attr]
    assert dict(told)["Status"] == "1"  # type: ignore[call-overload]
    assert dict(told)["Class"] == "SMS"  # type: ignore[call-overload]
    name = reply.text("AirSync:ServerId")
    assert again.text("AirSync:ServerId") == name
    assert ready.world.source.items[INBOX] == {}
    reply = ready.commands(INBOX, change(name, ("Email:Read", "1")), ("Delete", ("ServerId", name)))
    assert not reply.all("AirSync:Responses")
    reply = ready.commands(INBOX, ("Fetch", ("ServerId", name)))
    assert responses(reply) == [("Fetch", [("ServerId", name), ("Status", "8")])]


def test_text_messages_belong_to_mail(ready: Phone) -> None:
    assert dict(responses(ready.commands(CONTACTS, SMS))[0][1])["Status"] == "6"  # type: ignore[index]


def test_a_draft_sent_at_once_has_no_id(ready: Phone) -> None:
    if ready.version < Version.V16_0:
        pytest.skip("no drafts")
    data = ("ApplicationData", ("Email:To", "a@example.org"), ("Email2:Send",))
    reply = ready.commands(INBOX, ("Add", ("ClientId", "c"), data))
    assert responses(reply) == [("Add", [("ClientId", "c"), ("Status", "1")])]
    assert len(ready.world.source.sent) == 1


def test_a_fetch_of_what_the_same_answer_takes_away_is_not_answered(ready: Phone) -> None:
    item_id, server_id = item(ready, CONTACTS, last_name="A")
    ready.world.source.drop(CONTACTS, item_id)
    reply = ready.commands(CONTACTS, ("Fetch", ("ServerId", server_id)))
    assert known(reply) == ["Delete"]
    assert not reply.all("AirSync:Responses")


def test_an_add_with_an_id_the_device_has_is_a_change(ready: Phone) -> None:
    item_id, server_id = item(ready, CONTACTS, last_name="A")
    add = ("Add", ("ServerId", server_id), ("ApplicationData", ("Contacts:LastName", "Z")))
    reply = ready.commands(CONTACTS, add)
    assert not reply.all("AirSync:Responses")
    assert fields(ready, CONTACTS, item_id)["last_name"] == "Z"


def test_an_empty_server_id_in_an_add_counts_for_nothing(ready: Phone) -> None:
    add = ("Add", ("ClientId", "c"), ("ServerId",), ("ApplicationData", ("Contacts:LastName", "Z")))
    reply = ready.commands(CONTACTS, add)
    assert dict(responses(reply)[0][1])["Status"] == "1"  # type: ignore[index]


@pytest.mark.requirement("MS-ASEMAIL", 86, 88, 90, 92, 940, 941, 8800)
@pytest.mark.requirement("MS-ASCMD", 873, 875, 5060, 5061, 5825, 5826)
@pytest.mark.requirement("MS-ASCON", 162, 203, 204, 206, 207, 208, 209, 284, 324, 325, 326, 337)
@pytest.mark.parametrize(
    ("data", "field", "value"),
    [
        (("Email:Read", "1"), "read", True),
        (("Email:Read", "0"), "read", False),
        (("Email:Flag", ("Status", "2"), ("FlagType", "for Follow Up")), "flagged", True),
        (("Email:Flag", ("Status", "1")), "flagged", False),
        (("Email:Flag", ("Status", "0")), "flagged", False),
        (("Email:Flag",), "flagged", False),
        (("Email:Categories", ("Category", "Red")), "categories", ("Red",)),
        (("Email:Categories",), "categories", ()),
    ],
)
def test_marks_on_mail_reach_the_source(data: object, field: str, value: object, ready: Phone) -> None:
    item_id, server_id = item(ready, INBOX, subject="x", read=not value, flagged=not value)
    reply = ready.commands(INBOX, change(server_id, data))
    assert not reply.all("AirSync:Responses")
    assert fields(ready, INBOX, item_id)[field] == value
    assert fields(ready, INBOX, item_id)["subject"] == "x"


@pytest.mark.parametrize(
    ("data", "of_a_draft"),
    [
        (("Email:Subject", "new"), True),
        (("Email:Read", "2"), False),
        (("Email:Read",), False),
        (("Email:Flag", ("Status", "3")), False),
        (("AirSyncBase:Body", ("Type", "1"), ("Data", "x")), True),
        (("Contacts:LastName", "x"), False),
        (("Email:To", "someone@example.org"), True),
    ],
)
def test_nothing_else_of_a_mail_can_be_changed(data: object, of_a_draft: bool, ready: Phone) -> None:
    if of_a_draft and ready.version >= Version.V16_0:
        pytest.skip("from 16.0 on this may be a draft, which the source knows")
    item_id, server_id = item(ready, INBOX, subject="x")
    reply = ready.commands(INBOX, change(server_id, ("Email:Read", "1"), data))
    assert responses(reply) == [("Change", [("ServerId", server_id), ("Status", "6")])]
    assert "read" not in fields(ready, INBOX, item_id)


def test_a_change_of_nothing_is_done_already(ready: Phone) -> None:
    _, server_id = item(ready, INBOX, subject="x")
    calls = list(ready.world.source.calls)
    reply = ready.commands(INBOX, change(server_id))
    assert not reply.all("AirSync:Responses")
    assert "update" not in ready.world.source.calls[len(calls) :]


@pytest.mark.requirement("MS-ASCON", 157, 158, 199, 200, 201)
@pytest.mark.requirement("MS-ASCMD", 2158, 2160, 2161, 5874, 5875)
def test_a_delete_goes_to_the_trash_unless_the_device_says_otherwise(ready: Phone) -> None:
    seen: list[bool] = []
    delete = ready.world.source.delete

    def spy(folder: object, item_id: str, stamp: str | None, to_trash: bool) -> None:
        seen.append(to_trash)
        delete(folder, item_id, stamp, to_trash)  # type: ignore[arg-type]

    ready.world.source.delete = spy  # type: ignore[method-assign, assignment]
    for moves in (None, ("DeletesAsMoves", 1), ("DeletesAsMoves",), ("DeletesAsMoves", 0)):
        _, server_id = item(ready, INBOX, subject="x")
        ready.sync(INBOX, moves, ("Commands", ("Delete", ("ServerId", server_id))))
    assert seen == [True, True, True, False]


@pytest.mark.requirement("MS-ASCMD", 5433)
def test_fetch_brings_an_item_again(ready: Phone) -> None:
    _, server_id = item(ready, INBOX, subject="x", body=Body(BodyKind.TEXT, "hello"))
    fetch = ("Fetch", ("ServerId", server_id))
    reply = ready.commands(INBOX, fetch, fetch, ("Fetch", ("ServerId", f"{ready.number(INBOX)}:999")))
    found = [dict(content) for _, content in responses(reply)]  # type: ignore[union-attr]
    assert [entry["Status"] for entry in found] == ["1", "1", "8"]
    assert dict(found[0]["ApplicationData"])["Subject"] == "x"
    assert "ApplicationData" not in found[2]


def test_fetch_brings_the_whole_of_what_came_cut(ready: Phone) -> None:
    ready.world.source.put(INBOX, {"subject": "x", "body": Body(BodyKind.TEXT, "hello world")})
    wish = ("Options", ("AirSyncBase:BodyPreference", ("Type", 1), ("TruncationSize", 5)))
    first = ready.sync(INBOX, wish)
    assert first.text("AirSyncBase:Data") == "hello"
    fetch = ("Commands", ("Fetch", ("ServerId", first.text("AirSync:ServerId"))))
    assert ready.sync(INBOX, fetch).text("AirSyncBase:Data") == "hello world"
    assert ready.sync(INBOX, wish, fetch).text("AirSyncBase:Data") == "hello"


def test_an_item_that_the_source_refuses_is_status_6(ready: Phone) -> None:
    _, server_id = item(ready, CONTACTS, last_name="A")

    def refuse(name: str) -> None:
        if name == "update":
            raise ItemRefused("no")

    ready.world.source.before = refuse
    reply = ready.commands(CONTACTS, change(server_id, ("Contacts:LastName", "Z")))
    assert responses(reply) == [("Change", [("ServerId", server_id), ("Status", "6")])]


def test_an_item_that_cannot_be_read_is_left_out_and_blocks_nothing(ready: Phone) -> None:
    bad = ready.world.source.put(CONTACTS, {"last_name": "Bad"})
    ready.world.source.put(CONTACTS, {"last_name": "Good"})
    ready.world.source.unreadable.add(bad)
    assert ready.sync(CONTACTS).text("Contacts:LastName") == "Good"
    assert ready.sync(CONTACTS).root is None


def test_an_item_whose_id_no_device_can_hold_is_left_out(ready: Phone) -> None:
    source = ready.world.source
    item_id = source.put(CONTACTS, {"last_name": "Long"})
    source.items[CONTACTS]["9" * 64] = source.items[CONTACTS].pop(item_id)
    source.put(CONTACTS, {"last_name": "Good"})
    assert ready.sync(CONTACTS).text("Contacts:LastName") == "Good"
