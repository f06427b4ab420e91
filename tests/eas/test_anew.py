"""A phone that is to begin anew: what it is told, in the words of the protocol, until it holds everything again."""

from __future__ import annotations

from app.usm import anew
from app.usm.content import Address
from tests.eas.phone import CONTACTS, INBOX, Phone, Reply, known, tree


def order(phone: Phone, *folders: str) -> None:
    world = phone.world
    numbers = {int(phone.number(folder)) for folder in folders} or None
    anew.order(world.store, phone.session().id, numbers, world.clock, world.tokens)


def in_use(phone: Phone) -> str:
    """Holds a contact and a message; the key of its folders."""
    phone.world.source.put(CONTACTS, {"display_name": "Berta", "first_name": "Berta"})
    phone.world.source.put(INBOX, {"subject": "Hello", "from": (Address("b@example.org"),)})
    phone.provision()
    key = phone.folder_sync().text("FolderHierarchy:SyncKey")
    for folder in (CONTACTS, INBOX):
        phone.sync(folder)
        phone.sync(folder)
    return key


def refusal(reply: Reply) -> str:
    return reply.text("AirSync:Status")


def ping(phone: Phone, *folders: str) -> str:
    wanted = [
        ("Folder", ("Id", phone.number(folder)), ("Class", "Contacts" if folder == CONTACTS else "Email"))
        for folder in folders
    ]
    request = tree("Ping:Ping", ("HeartbeatInterval", 600), ("Folders", *wanted))
    return phone.send("Ping", request).status or ""


def test_one_folder_comes_anew_and_the_others_go_on(phone: Phone) -> None:
    in_use(phone)
    order(phone, INBOX)
    assert ping(phone, CONTACTS, INBOX) == "2"
    answer = phone.sync_many(phone.collection(CONTACTS), phone.collection(INBOX))
    assert answer.text("AirSync:Status") == "3"
    assert [element.text_of("AirSync:CollectionId") for element in answer.all("AirSync:Collection")] == [
        phone.number(INBOX)
    ]
    phone.sync(INBOX, key="0")
    assert known(phone.sync(INBOX)) == ["Add"]
    assert ping(phone, CONTACTS, INBOX) == "1"


def test_what_the_phone_says_in_the_same_breath_is_done_first(phone: Phone) -> None:
    in_use(phone)
    order(phone, CONTACTS)
    added = phone.commands(
        CONTACTS, ("Add", ("ClientId", "c1"), ("ApplicationData", ("Contacts:FirstName", "Carla")))
    )
    name = added.text("AirSync:ServerId")
    assert refusal(phone.sync(CONTACTS)) == "3"
    phone.sync(CONTACTS, key="0")
    again = phone.sync(CONTACTS)
    assert known(again) == ["Add", "Add"]
    assert name in [element.text for element in again.all("AirSync:ServerId")]
    assert len(phone.world.source.items[CONTACTS]) == 2


def test_everything_comes_anew_under_the_same_numbers(phone: Phone) -> None:
    key = in_use(phone)
    numbers = phone.number(CONTACTS), phone.number(INBOX)
    order(phone)
    assert phone.folder_sync(key).status == "9"
    assert phone.folder_sync().text("FolderHierarchy:Count") == "4"
    assert (phone.number(CONTACTS), phone.number(INBOX)) == numbers
    for folder in (CONTACTS, INBOX):
        assert refusal(phone.sync(folder)) == "3"
        phone.sync(folder, key="0")
        assert known(phone.sync(folder)) == ["Add"]


def test_a_phone_that_begins_with_its_folders_is_sent_to_the_list_of_them_first(phone: Phone) -> None:
    key = in_use(phone)
    order(phone)
    assert refusal(phone.sync(INBOX)) == "3"
    assert refusal(phone.sync(INBOX, key="0")) == "12"
    assert phone.folder_sync(key).status == "9"
    phone.folder_sync()
    phone.sync(INBOX, key="0")
    assert known(phone.sync(INBOX)) == ["Add"]
