"""The hierarchy as devices get it."""

from __future__ import annotations

import pytest

from app.eas.folders import TYPES, USER_TYPES, folder_number, folder_type, item_id, server_id
from app.eas.versions import Version
from app.usm.errors import SourceUnavailable
from app.usm.model import ContentType, Folder, FolderRole
from tests.eas.phone import CONTACTS, INBOX, TRIPS, Phone, Reply, tree


def folders(reply: Reply, kind: str = "Add") -> dict[str, tuple[str, str, str]]:
    """DisplayName → (ServerId, ParentId, Type)."""
    return {
        element.text_of("FolderHierarchy:DisplayName") or "": (
            element.text_of("FolderHierarchy:ServerId") or "",
            element.text_of("FolderHierarchy:ParentId") or "",
            element.text_of("FolderHierarchy:Type") or "",
        )
        for element in reply.all(f"FolderHierarchy:{kind}")
    }


def key(reply: Reply) -> str:
    return reply.text("FolderHierarchy:SyncKey")


@pytest.fixture
def ready(phone: Phone) -> Phone:
    return phone.provision()


@pytest.mark.requirement("MS-ASCMD", 113, 116, 5008, 5020, 5440, 5775, 5860)
def test_the_first_answer_has_all_folders_with_parents_before_children(ready: Phone) -> None:
    reply = ready.folder_sync()
    found = folders(reply)
    assert {name: kind for name, (_, _, kind) in found.items()} == {
        "INBOX": "2",
        "Trips": "12",
        "Trash": "4",
        "Contacts": "9",
    }
    assert found["Trips"][1] == found["INBOX"][0]
    assert found["INBOX"][1] == "0"
    assert list(found).index("INBOX") < list(found).index("Trips")


@pytest.mark.requirement("MS-ASCMD", 2120)
def test_nothing_new_keeps_the_key_and_counts_0(ready: Phone) -> None:
    first = key(ready.folder_sync())
    again = ready.folder_sync(first)
    assert (key(again), again.text("FolderHierarchy:Count")) == (first, "0")


@pytest.mark.requirement("MS-ASCMD", 5024, 5863)
@pytest.mark.requirement("MS-ASCMD", 3625, 3916, 4665, 5885, 4578)
def test_changes_come_as_update_delete_add(ready: Phone) -> None:
    source = ready.world.source
    first = key(ready.folder_sync())
    numbers = {folder: ready.number(folder) for folder in (INBOX, TRIPS, "default0/Trash")}
    source.tree = [
        source.tree[0],
        Folder(TRIPS, "default0/INBOX", "Journeys", ContentType.MAIL),
        source.tree[3],
        Folder("default0/Spam", None, "Spam", ContentType.MAIL, FolderRole.SPAM),
    ]
    reply = ready.folder_sync(first)
    changes = reply.one("FolderHierarchy:Changes")
    assert [child.name.partition(":")[2] for child in changes] == ["Count", "Update", "Delete", "Add"]
    assert reply.text("FolderHierarchy:Count") == "3"
    assert folders(reply, "Update") == {"Journeys": (numbers[TRIPS], numbers[INBOX], "12")}
    assert (
        reply.one("FolderHierarchy:Delete").text_of("FolderHierarchy:ServerId") == numbers["default0/Trash"]
    )
    assert folders(reply)["Spam"][2] == "12"


def test_a_lost_answer_can_be_asked_for_again(ready: Phone) -> None:
    first = key(ready.folder_sync())
    ready.world.source.tree.append(Folder("99", None, "New", ContentType.CONTACTS))
    lost = ready.folder_sync(first)
    again = ready.folder_sync(first)
    assert folders(again) == folders(lost)
    assert key(again) == key(lost)


@pytest.mark.requirement("MS-ASCMD", 5012)
@pytest.mark.requirement("MS-ASCMD", 119)
def test_starting_over_keeps_numbers_and_collections(ready: Phone) -> None:
    ready.start(CONTACTS)
    ready.world.source.put(CONTACTS, {"last_name": "A"})
    before = folders(ready.folder_sync())
    assert folders(ready.folder_sync()) == before
    assert ready.sync(CONTACTS).text("Contacts:LastName") == "A"


@pytest.mark.requirement("MS-ASCMD", 4068, 4071)
@pytest.mark.requirement("MS-ASCMD", 4580, 4581)
@pytest.mark.parametrize("wrong", ["1", "nonsense", "{x}7", "00", "-1", "x" * 64])
def test_an_unknown_key_is_status_9(wrong: str, ready: Phone) -> None:
    ready.folder_sync()
    assert ready.folder_sync(wrong).status == "9"


def test_a_key_before_the_first_sync_is_status_9(ready: Phone) -> None:
    assert ready.folder_sync("1").status == "9"


MALFORMED = [
    tree("FolderHierarchy:FolderSync"),
    tree("FolderHierarchy:FolderSync", ("SyncKey",)),
    tree("FolderHierarchy:FolderSync", ("SyncKey", "x" * 65)),
    tree("FolderHierarchy:FolderSync", ("SyncKey", "0"), ("SyncKey", "0")),
    tree("FolderHierarchy:FolderSync", ("AirSync:SyncKey", "0")),
    tree("FolderHierarchy:FolderSync", ("Changes", ("SyncKey", "0"))),
]


@pytest.mark.parametrize("document", MALFORMED)
def test_a_broken_document_is_status_10(document: object, ready: Phone) -> None:
    assert ready.send("FolderSync", document).status == "10"  # type: ignore[arg-type]


@pytest.mark.requirement("MS-ASCMD", 2198, 5416)
def test_names_at_one_place_differ_and_have_no_control_characters(ready: Phone) -> None:
    ready.world.source.tree = [
        Folder("a", None, "Work", ContentType.MAIL),
        Folder("b", None, "work", ContentType.CONTACTS),
        Folder("c", None, "Work", ContentType.CONTACTS),
        Folder("d", "a", "Work", ContentType.MAIL),
        Folder("e", None, "A\x00b\nc\x1b\ufffe\ud800", ContentType.MAIL),
        Folder("f", None, " \x01 ", ContentType.MAIL),
        Folder("g", None, "n" * 1000, ContentType.MAIL),
    ]
    names = [element.text for element in ready.folder_sync().all("FolderHierarchy:DisplayName")]
    assert names == ["Work", "work (2)", "Work (3)", "Work", "A b c", "6", "n" * 256]


def test_notes_are_not_shown_to_a_version_that_does_not_know_them(ready: Phone) -> None:
    ready.world.source.tree += [
        Folder("default0/Notes", None, "Notes", ContentType.NOTES, FolderRole.DEFAULT),
        Folder("32", None, "Tasks", ContentType.TASKS, FolderRole.DEFAULT),
    ]
    shown = folders(ready.folder_sync())
    assert shown["Tasks"][2] == "7"
    assert ("Notes" in shown) is (ready.version >= Version.V14_0)


@pytest.mark.requirement("MS-ASCMD", 4666)
def test_every_folder_has_a_type_and_default_folders_have_their_own() -> None:
    for content in ContentType:
        assert folder_type(content, FolderRole.NONE) == USER_TYPES[content]
    assert len(set(TYPES.values()) | set(USER_TYPES.values())) == len(TYPES) + len(USER_TYPES)
    assert folder_type(ContentType.MAIL, FolderRole.SPAM) == 12


@pytest.mark.parametrize("text", ["", "0", "01", "-1", "1.0", "x", "1x", "٣", "1" * 10, "RI"])
def test_ids_that_no_folder_has(text: str) -> None:
    assert folder_number(text) is None


def test_item_ids_belong_to_their_folder() -> None:
    assert item_id(5, server_id(5, "default0/x:7")) == "default0/x:7"
    for wrong in ("", "7", "5:", ":7", "6:7", "05:7", "x"):
        assert item_id(5, wrong) is None


@pytest.mark.requirement("MS-ASCMD", 4070)
def test_the_source_is_away(ready: Phone) -> None:
    def fail(name: str) -> None:
        raise SourceUnavailable("OX does not answer", 60)

    ready.world.source.before = fail
    reply = ready.folder_sync()
    assert (reply.http.status, reply.http.headers["Retry-After"]) == (503, "60")
