"""What Sync refuses to read, and what it reads although others would not."""

from __future__ import annotations

import pytest

from app.eas.versions import Version
from app.usm.model import ContentType, Folder, FolderRole
from tests.eas.calendars import CALENDAR, calendar_world
from tests.eas.phone import CONTACTS, INBOX, Phone, known, plain, tree

ADD = ("Add", ("ClientId", "c1"), ("ApplicationData", ("Contacts:LastName", "A")))
BODY = "AirSyncBase:BodyPreference"


@pytest.fixture
def ready(phone: Phone) -> Phone:
    return phone.start(CONTACTS, INBOX)


def options(*children: object) -> tuple[object, ...]:
    return ("Options", *children)


WRONG_IN_COLLECTION: dict[str, tuple[object, ...]] = {
    "window before options": (options(), ("WindowSize", 5)),
    "commands before window": (("Commands", ADD), ("WindowSize", 5)),
    "options before conversation": (options(), ("ConversationMode", 1)),
    "get changes before moves": (("GetChanges", 1), ("DeletesAsMoves", 1)),
    "window before get changes": (("WindowSize", 5), ("GetChanges", 1)),
    "moves before supported": (("DeletesAsMoves", 1), ("Supported",)),
    "two windows": (("WindowSize", 5), ("WindowSize", 5)),
    "two commands": (("Commands", ADD), ("Commands", ADD)),
    "two keys": (("SyncKey", "1"),),
    "window no number": (("WindowSize", "many"),),
    "window negative": (("WindowSize", "-1"),),
    "window empty": (("WindowSize",),),
    "window fraction": (("WindowSize", "1.5"),),
    "window underscore": (("WindowSize", "1_0"),),
    "window arabic": (("WindowSize", "٥"),),
    "window huge": (("WindowSize", "9" * 30),),
    "get changes 2": (("GetChanges", 2),),
    "get changes text": (("GetChanges", "true"),),
    "moves 2": (("DeletesAsMoves", "2"),),
    "conversation 2": (("ConversationMode", "2"),),
    "filter 9": (options(("FilterType", 9)),),
    "filter text": (options(("FilterType", "all")),),
    "filter empty": (options(("FilterType",)),),
    "two filters": (options(("FilterType", 1), ("FilterType", 2)),),
    "conflict 2": (options(("Conflict", 2)),),
    "mime support 3": (options(("MIMESupport", 3)),),
    "mime truncation 9": (options(("MIMETruncation", 9)),),
    "two body preferences of a type": (options((BODY, ("Type", 1)), (BODY, ("Type", 1))),),
    "body preference without type": (options((BODY, ("TruncationSize", 5))),),
    "body preference of type 0": (options((BODY, ("Type", 0))),),
    "body preference of type 5": (options((BODY, ("Type", 5))),),
    "body preference out of order": (options((BODY, ("TruncationSize", 5), ("Type", 1))),),
    "body preference twice truncated": (
        options((BODY, ("Type", 1), ("TruncationSize", 5), ("TruncationSize", 6))),
    ),
    "truncation too large": (options((BODY, ("Type", 1), ("TruncationSize", 2**32))),),
    "preview 256": (options((BODY, ("Type", 1), ("Preview", 256))),),
    "all or none 2": (options((BODY, ("Type", 1), ("TruncationSize", 5), ("AllOrNone", 2))),),
    "two options": (options(("FilterType", 1)), options(("FilterType", 2))),
    "two options of a class": (options(("Class", "Email")), options(("Class", "Email"))),
    "options of two classes": (options(("Class", "Email")), options(("Class", "Calendar"))),
    "two classes in options": (options(("Class", "Email"), ("Class", "SMS")),),
    "unknown command": (("Commands", ("Responses",)),),
    "soft delete from a device": (("Commands", ("SoftDelete", ("ServerId", "1:1"))),),
    "add without id": (("Commands", ("Add", ("ApplicationData",))),),
    "add with empty ids": (("Commands", ("Add", ("ClientId",), ("ServerId",), ("ApplicationData",))),),
    "add without data": (("Commands", ("Add", ("ClientId", "c"))),),
    "add with two data": (
        ("Commands", ("Add", ("ClientId", "c"), ("ApplicationData",), ("ApplicationData",))),
    ),
    "add with two ids": (("Commands", ("Add", ("ClientId", "c"), ("ClientId", "d"), ("ApplicationData",))),),
    "long client id": (("Commands", ("Add", ("ClientId", "c" * 65), ("ApplicationData",))),),
    "change without id": (("Commands", ("Change", ("ApplicationData",))),),
    "change with empty id": (("Commands", ("Change", ("ServerId",), ("ApplicationData",))),),
    "change without data": (("Commands", ("Change", ("ServerId", "4:1"))),),
    "delete without id": (("Commands", ("Delete",)),),
    "delete with long id": (("Commands", ("Delete", ("ServerId", "4" * 65))),),
    "fetch without id": (("Commands", ("Fetch", ("ServerId",))),),
    "201 commands": (("Commands", *[("Delete", ("ServerId", f"4:{number}")) for number in range(201)]),),
}


@pytest.mark.requirement("MS-ASCMD", 934, 935)
@pytest.mark.requirement("MS-ASCMD", 930, 2053, 4546)
@pytest.mark.requirement("MS-ASCMD", 4430, 4431)
@pytest.mark.parametrize("wrong", list(WRONG_IN_COLLECTION))
@pytest.mark.parametrize("folder", [CONTACTS, INBOX])
def test_a_broken_collection_is_status_4_and_does_nothing(wrong: str, folder: str, ready: Phone) -> None:
    ready.world.source.put(folder, {"last_name": "A"})
    reply = ready.sync(folder, *WRONG_IN_COLLECTION[wrong])
    assert plain(reply.root) == [("Status", "4")]  # type: ignore[arg-type]
    assert len(ready.world.source.items[folder]) == 1


def collection(*children: object) -> tuple[object, ...]:
    return ("Collections", ("Collection", *children))


SYNC = "AirSync:Sync"
WRONG_REQUESTS = {
    "nothing": tree(SYNC),
    "only a wait": tree(SYNC, ("Wait", 5)),
    "only partial": tree(SYNC, ("Partial",)),
    "two lists": tree(SYNC, ("Collections",), ("Collections",)),
    "wait and heartbeat": tree(SYNC, ("Collections",), ("Wait", 5), ("HeartbeatInterval", 300)),
    "wait text": tree(SYNC, ("Collections",), ("Wait", "long")),
    "wait negative": tree(SYNC, ("Collections",), ("Wait", "-5")),
    "heartbeat text": tree(SYNC, ("Collections",), ("HeartbeatInterval", "long")),
    "two waits": tree(SYNC, ("Collections",), ("Wait", 5), ("Wait", 5)),
    "no collection": tree(SYNC, ("Collections", ("SyncKey", "0"))),
    "empty collection": tree(SYNC, collection()),
    "no key": tree(SYNC, collection(("CollectionId", "4"))),
    "empty key": tree(SYNC, collection(("SyncKey",), ("CollectionId", "4"))),
    "long key": tree(SYNC, collection(("SyncKey", "x" * 65), ("CollectionId", "4"))),
    "no id": tree(SYNC, collection(("SyncKey", "0"))),
    "empty id": tree(SYNC, collection(("SyncKey", "0"), ("CollectionId",))),
    "long id": tree(SYNC, collection(("SyncKey", "0"), ("CollectionId", "4" * 65))),
    "id before key": tree(SYNC, collection(("CollectionId", "4"), ("SyncKey", "0"))),
    "supported before id": tree(SYNC, collection(("SyncKey", "0"), ("Supported",), ("CollectionId", "4"))),
    "key 0 gets changes": tree(
        SYNC, collection(("SyncKey", "0"), ("CollectionId", "4"), ("GetChanges", "1"))
    ),
    "key 0 gets changes, empty": tree(
        SYNC, collection(("SyncKey", "0"), ("CollectionId", "4"), ("GetChanges",))
    ),
    "key 0 with commands": tree(SYNC, collection(("SyncKey", "0"), ("CollectionId", "4"), ("Commands", ADD))),
    "a collection twice": tree(
        SYNC,
        (
            "Collections",
            ("Collection", ("SyncKey", "0"), ("CollectionId", "4")),
            ("Collection", ("SyncKey", "0"), ("CollectionId", "4")),
        ),
    ),
}


@pytest.mark.requirement("MS-ASCMD", 2036, 5862)
@pytest.mark.requirement("MS-ASCMD", 3128, 5838, 3162, 4748, 4545, 5778, 5779, 4415)
@pytest.mark.parametrize("wrong", list(WRONG_REQUESTS))
def test_a_broken_request_is_status_4(wrong: str, ready: Phone) -> None:
    assert plain(ready.send("Sync", WRONG_REQUESTS[wrong]).root) == [("Status", "4")]  # type: ignore[arg-type]


@pytest.mark.requirement("MS-ASCMD", 5839)
def test_key_0_may_say_that_it_wants_no_changes(ready: Phone) -> None:
    assert ready.sync(CONTACTS, ("GetChanges", 0), key="0").text("AirSync:Status") == "1"


def test_the_right_order_in_full(ready: Phone) -> None:
    ready.world.source.put(INBOX, {"subject": "x"})
    reply = ready.sync(
        INBOX,
        ("Supported",),
        ("DeletesAsMoves", 0),
        ("GetChanges", 1),
        ("WindowSize", 5),
        ("ConversationMode", 1),
        options(("Class", "Email"), ("FilterType", 0), ("MaxItems", 5)),
        options(("Class", "SMS"), ("FilterType", 1)),
        ("Commands", ("Delete", ("ServerId", "1:77"))),
    )
    assert known(reply) == ["Add"]


def test_conversations_are_for_mail(ready: Phone) -> None:
    assert ready.sync(CONTACTS, ("ConversationMode", 1)).status == "4"


@pytest.mark.requirement("MS-ASCMD", 3043)
def test_the_filter_of_tasks_is_not_for_mail(ready: Phone) -> None:
    assert ready.sync(INBOX, options(("FilterType", 8))).status == "4"
    assert ready.sync(CONTACTS, options(("FilterType", 8))).root is None


TASKS = "40"
FITTING = {INBOX: range(6), CALENDAR: (0, 4, 5, 6, 7), TASKS: (0, 8), CONTACTS: range(9)}


@pytest.mark.requirement("MS-ASCMD", 3041, 3042, 3043, 3045, 3046, 3047, 3069, 3080)
@pytest.mark.requirement("MS-ASCMD", 3054, 3055, 3056, 3057, 3058, 3059, 3060)
@pytest.mark.parametrize("folder", FITTING)
def test_a_filter_that_a_class_has_not_is_a_protocol_error(folder: str) -> None:
    world = calendar_world()
    world.source.tree.append(Folder(TASKS, None, "Tasks", ContentType.TASKS, FolderRole.DEFAULT))
    world.source.items[TASKS] = {}
    phone = world.phone(Version.V14_1).start(folder)
    for number in range(9):
        reply = phone.sync(folder, options(("FilterType", number)))
        status = "1" if reply.root is None else reply.status or reply.text("AirSync:Status")
        assert status == ("1" if number in FITTING[folder] else "4"), number


def test_a_class_is_taken_at_any_place_before_the_options(ready: Phone) -> None:
    number, key = ready.number(CONTACTS), ready.keys[ready.number(CONTACTS)]
    ready.world.source.put(CONTACTS, {"last_name": "A"})
    for children in (
        (("Class", "Contacts"), ("SyncKey", key), ("CollectionId", number)),
        (("SyncKey", key), ("Class", "Contacts"), ("CollectionId", number)),
        (("SyncKey", key), ("CollectionId", number), ("Class", "Contacts")),
    ):
        assert known(ready.send("Sync", tree(SYNC, collection(*children)))) == ["Add"]


def test_up_to_12_1_a_collection_tells_its_class(ready: Phone) -> None:
    for folder, name in ((CONTACTS, "Contacts"), (INBOX, "Email")):
        ready.world.source.put(folder, {"last_name": "A"})
        names = [element.text for element in ready.sync(folder).all("AirSync:Class")]
        assert names == ([name] if ready.version is Version.V12_1 else [])


@pytest.mark.parametrize("folder", ["77", "0", "nonsense", "-1", "1 or 1=1", "4:5"])
def test_an_unknown_folder_is_status_12_of_the_whole_request(folder: str, ready: Phone) -> None:
    ready.world.source.put(CONTACTS, {"last_name": "A"})
    reply = ready.sync_many(
        ready.collection(CONTACTS, ("Commands", ADD)),
        ("Collection", ("SyncKey", "0"), ("CollectionId", folder)),
    )
    assert plain(reply.root) == [("Status", "12")]  # type: ignore[arg-type]
    assert len(ready.world.source.items[CONTACTS]) == 1, "nothing was done before the device was told"


def test_a_folder_that_is_gone_is_status_12(ready: Phone) -> None:
    del ready.world.source.items[CONTACTS]
    reply = ready.sync(CONTACTS)
    assert plain(reply.root) == [("Status", "12")]  # type: ignore[arg-type]


def test_a_folder_of_a_kind_that_the_version_does_not_know(ready: Phone) -> None:
    ready.world.source.tree.append(Folder("30", None, "Notes", ContentType.NOTES, FolderRole.DEFAULT))
    ready.world.source.items["30"] = {}
    ready.folder_sync()
    assert ready.sync("30").status == ("4" if ready.version is Version.V12_1 else None)


@pytest.mark.requirement("MS-ASCMD", 3231)
def test_too_many_collections_are_told_the_limit(ready: Phone) -> None:
    ready.world.configure(max_collections=1)
    reply = ready.sync_many(ready.collection(CONTACTS), ready.collection(INBOX))
    assert plain(reply.root) == [("Status", "15"), ("Limit", "1")]  # type: ignore[arg-type]


@pytest.mark.requirement("MS-ASCMD", 756)
def test_nothing_is_added_to_the_cache_of_recipients(ready: Phone) -> None:
    cache = ("Collection", ("SyncKey", "1"), ("CollectionId", "RI"))
    assert plain(ready.sync_many((*cache, ("Commands", ADD))).root) == [("Status", "4")]  # type: ignore[arg-type]
    assert plain(ready.sync_many(cache).root) == [("Status", "12")]  # type: ignore[arg-type]


@pytest.mark.requirement("MS-ASCMD", 5659)
def test_200_commands_are_carried_out(ready: Phone) -> None:
    adds = [
        ("Add", ("ClientId", f"c{number}"), ("ApplicationData", ("Contacts:LastName", f"N{number}")))
        for number in range(200)
    ]
    reply = ready.commands(CONTACTS, *adds)
    assert len(reply.all("AirSync:ServerId")) == 200
    assert len(ready.world.source.items[CONTACTS]) == 200
