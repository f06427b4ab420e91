"""FolderCreate, FolderUpdate and FolderDelete, as a device sends them."""

from __future__ import annotations

import pytest

from app.eas.versions import Version
from app.usm.errors import ItemFailed, ItemRefused, SourceUnavailable
from app.usm.model import ContentType
from tests.eas.phone import CONTACTS, INBOX, TRIPS, Phone, Reply, tree

PAGE = "FolderHierarchy"
MAIL = 12


@pytest.fixture
def ready(phone: Phone) -> Phone:
    """A phone that knows its folders; its key is in ``keys["0"]``."""
    phone.provision()
    phone.keys["0"] = key(phone.folder_sync())
    return phone


def key(reply: Reply) -> str:
    return reply.text(f"{PAGE}:SyncKey")


def send(phone: Phone, command: str, *children: object, at: str | None = None) -> Reply:
    """A request with the phone's key; the key of the answer is kept."""
    wanted = phone.keys["0"] if at is None else at
    reply = phone.send(command, tree(f"{PAGE}:{command}", ("SyncKey", wanted), *children))
    if reply.root is not None and reply.status == "1":
        phone.keys["0"] = key(reply)
    return reply


def create(phone: Phone, name: str, parent: str = "0", kind: object = MAIL, **more: str) -> Reply:
    children = ("ParentId", parent), ("DisplayName", name), ("Type", kind)
    return send(phone, "FolderCreate", *children, **more)


def update(phone: Phone, number: str, name: str, parent: str = "0", **more: str) -> Reply:
    children = ("ServerId", number), ("ParentId", parent), ("DisplayName", name)
    return send(phone, "FolderUpdate", *children, **more)


def delete(phone: Phone, number: str, **more: str) -> Reply:
    return send(phone, "FolderDelete", ("ServerId", number), **more)


def unchanged(phone: Phone) -> bool:
    """Whether FolderSync has nothing to tell."""
    return phone.folder_sync(phone.keys["0"]).text(f"{PAGE}:Count") == "0"


def fails(phone: Phone, name: str, error: Exception) -> None:
    """Let a call of the source fail."""

    def raise_it(called: str) -> None:
        if called == name:
            raise error

    phone.world.source.before = raise_it


# -- what works ----------------------------------------------------------------------------------------------


@pytest.mark.requirement("MS-ASCMD", 2804)
@pytest.mark.requirement("MS-ASCMD", 79, 97, 98, 99, 139, 140, 3903, 3905, 4569, 5783, 5784, 5872)
@pytest.mark.requirement("MS-ASHTTP", 68, 428, 429, 430, 431, 491, 493, 496)
def test_a_folder_is_made_renamed_moved_and_deleted_without_an_echo(ready: Phone) -> None:
    made = create(ready, "Projects")
    number = made.text(f"{PAGE}:ServerId")
    assert made.status == "1"
    assert unchanged(ready)
    assert update(ready, number, "Projekte").status == "1"
    assert update(ready, number, "Projekte", ready.number(INBOX)).status == "1"
    assert unchanged(ready)
    assert ready.world.source.tree[-1].id == f"{INBOX}/Projekte"
    assert delete(ready, number).status == "1"
    assert unchanged(ready)
    assert [folder.title for folder in ready.world.source.tree].count("Projekte") == 0


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        (1, ContentType.MAIL),
        (12, ContentType.MAIL),
        (13, ContentType.CALENDAR),
        (14, ContentType.CONTACTS),
        (15, ContentType.TASKS),
    ],
)
def test_a_type_says_what_a_folder_holds(ready: Phone, kind: int, content: ContentType) -> None:
    assert create(ready, "New", kind=kind).status == "1"
    assert ready.world.source.tree[-1].content is content


def test_a_repeated_request_gets_the_answer_that_was_lost(ready: Phone) -> None:
    before = ready.keys["0"]
    first = create(ready, "Projects")
    again = create(ready, "Projects", at=before)
    assert (key(again), again.text(f"{PAGE}:ServerId")) == (key(first), first.text(f"{PAGE}:ServerId"))
    number = first.text(f"{PAGE}:ServerId")
    before = ready.keys["0"]
    assert key(update(ready, number, "P")) == key(update(ready, number, "P", at=before))
    before = ready.keys["0"]
    assert key(delete(ready, number)) == key(delete(ready, number, at=before))


def test_a_new_folder_can_be_synchronised_at_once(ready: Phone) -> None:
    number = create(ready, "Friends", kind=14).text(f"{PAGE}:ServerId")
    folder = ready.world.source.tree[-1].id
    assert ready.number(folder) == number
    assert ready.sync(folder).all("AirSync:Status")[0].text == "1"


def test_control_characters_are_no_part_of_a_name(ready: Phone) -> None:
    create(ready, " a\r\nb ")
    assert ready.world.source.tree[-1].title == "a b"


# -- what does not -------------------------------------------------------------------------------------------


@pytest.mark.requirement("MS-ASCMD", 3904, 4040, 4096, 4570, 5785, 5786)
def test_a_failure_has_no_key(ready: Phone) -> None:
    reply = create(ready, "INBOX", parent="999")
    assert reply.status == "5"
    assert not reply.all(f"{PAGE}:SyncKey")


def test_a_name_that_is_taken(ready: Phone) -> None:
    assert create(ready, "Trips", ready.number(INBOX)).status == "2"
    other = create(ready, "Other", ready.number(INBOX)).text(f"{PAGE}:ServerId")
    assert update(ready, other, "Trips", ready.number(INBOX)).status == "2"


@pytest.mark.requirement("MS-ASCMD", 4008, 4042, 4097)
def test_special_folders(ready: Phone) -> None:
    for folder in (INBOX, CONTACTS):
        assert update(ready, ready.number(folder), "Mine").status == "2"
        assert delete(ready, ready.number(folder)).status == "3"


def test_folders_that_are_not_there(ready: Phone) -> None:
    for number in ("999", "x", "0"):
        assert update(ready, number, "P").status == "4"
        assert delete(ready, number).status == "4"
    for number in ("999", "RI"):
        assert create(ready, "P", number).status == "5"
        assert update(ready, ready.number(TRIPS), "P", number).status == "5"


@pytest.mark.requirement("MS-ASCMD", 81, 5769)
@pytest.mark.requirement("MS-ASCMD", 100, 101, 141, 142, 143, 4103, 4104)
def test_the_cache_of_recipients_is_not_a_devices_to_change(ready: Phone) -> None:
    assert create(ready, "P", kind=19).status == "10"
    assert create(ready, "P", "RI").status == "5"
    assert update(ready, "RI", "P").status == "3"
    assert update(ready, ready.number(TRIPS), "P", "RI").status == "5"
    assert delete(ready, "RI").status == "3"


@pytest.mark.requirement("MS-ASCMD", 3102)
def test_a_status_in_a_request_breaks_the_standard(ready: Phone) -> None:
    children = ("ServerId", ready.number(TRIPS)), ("ParentId", "0"), ("DisplayName", "P"), ("Status", 1)
    assert send(ready, "FolderUpdate", *children).status == "10"
    assert unchanged(ready)


def test_a_folder_that_is_gone_since(ready: Phone) -> None:
    ready.world.source.remove(TRIPS)
    assert update(ready, ready.number(TRIPS), "P").status == "4"
    assert create(ready, "P", ready.number(TRIPS)).status == "5"


@pytest.mark.requirement("MS-ASCMD", 4568, 4572, 4573)
def test_a_key_that_is_none(ready: Phone) -> None:
    for at in ("0", "nonsense"):
        assert create(ready, "P", at=at).status == "9"
        assert update(ready, ready.number(TRIPS), "P", at=at).status == "9"
        assert delete(ready, ready.number(TRIPS), at=at).status == "9"


@pytest.mark.parametrize("kind", [0, 2, 7, 11, 16, 18, 19, 20, "x"])
def test_a_type_that_no_device_makes(ready: Phone, kind: object) -> None:
    assert create(ready, "P", kind=kind).status == "10"


def test_notes_are_unknown_to_the_oldest_version(ready: Phone) -> None:
    status = create(ready, "P", kind=17).status
    assert status == ("10" if ready.version is Version.V12_1 else "1")


@pytest.mark.parametrize("name", ["", " ", "\r\n", "x" * 257])
def test_a_name_of_no_use(ready: Phone, name: str) -> None:
    assert create(ready, name).status == "10"
    assert update(ready, ready.number(TRIPS), name).status == "10"


def test_documents_that_lack_something(ready: Phone) -> None:
    for command in ("FolderCreate", "FolderUpdate", "FolderDelete"):
        assert ready.send(command, tree(f"{PAGE}:{command}", ("SyncKey", ready.keys["0"]))).status == "10"
        assert ready.send(command, tree(f"{PAGE}:{command}", ("ServerId", "1"))).status == "10"


@pytest.mark.parametrize(
    ("error", "statuses"),
    [(ItemRefused("no right"), ("3", "2", "3")), (ItemFailed("broken"), ("6", "6", "6"))],
)
def test_what_the_source_says_no_to(ready: Phone, error: Exception, statuses: tuple[str, ...]) -> None:
    trips = ready.number(TRIPS)
    fails(ready, "create_folder", error)
    assert create(ready, "P").status == statuses[0]
    fails(ready, "change_folder", error)
    assert update(ready, trips, "P").status == statuses[1]
    fails(ready, "delete_folder", error)
    assert delete(ready, trips).status == statuses[2]


def test_a_source_that_is_away_asks_the_device_to_wait(ready: Phone) -> None:
    fails(ready, "create_folder", SourceUnavailable("away", 45))
    reply = create(ready, "P")
    assert (reply.http.status, reply.http.headers["Retry-After"]) == (503, "45")
