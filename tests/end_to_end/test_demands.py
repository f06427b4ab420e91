"""What users of such servers complain about, tried with a phone; the whole list is in ``docs/demands.md``."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.wbxml import Element
from lab.device import AnswerLost, Change, Phone, calendar, mail
from lab.device.calendar_items import Change as EventChange
from lab.device.notes import note
from lab.device.tasks import task
from tests.end_to_end.mail_world import DOMAIN, MailWorld, before, eventually
from tests.end_to_end.stack import message
from tests.schemas import validate

INBOX, DRAFTS, TASKS, CALENDAR, CONTACTS, NOTES = 2, 3, 7, 8, 9, 10
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NOON = datetime(2031, 3, 10, 12, tzinfo=UTC)
ONE_DAY, TWO_WEEKS, ALL = 1, 4, 0
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def running(seed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailWorld]:
    with before("7", seed, tmp_path_factory.mktemp("demands") / "data") as world:
        yield world


@pytest.fixture
def world(running: MailWorld) -> Iterator[MailWorld]:
    """The running one; fails a test in which a phone found something odd."""
    yield running
    running.ox.calm()
    assert running.odd() == []


@pytest.fixture
def title() -> str:
    """A name that no other item has."""
    return f"Demand {next(_numbers)}"


def folder(phone: Phone, kind: int) -> str:
    return phone.folder_of_type(kind).server_id


def opened(phone: Phone, kind: int, **wishes: Any) -> str:
    """A folder, synchronised to the end."""
    phone.sync_all(folder(phone, kind), body_type=1, **wishes)
    return folder(phone, kind)


def texts(phone: Phone, kind: int, tag: str) -> list[str]:
    """What this tag holds in all items of a folder."""
    return [item.text_of(tag) or "" for item in phone.items(folder(phone, kind)).values()]


def is_quiet(phone: Phone, kind: int, **wishes: Any) -> bool:
    """Whether the server has nothing for the phone, however often it asks."""
    return not any(phone.sync(folder(phone, kind), body_type=1, **wishes).from_server for _ in range(3))


# -- A 1: a client repeats FolderSync 0 ----------------------------------------------------------------------


@pytest.mark.parametrize("version", ["12.1", "14.1", "16.1"])
def test_folder_sync_0_in_the_middle_starts_nothing_over(world: MailWorld, version: str, title: str) -> None:
    for number in range(5):
        world.deliver(message(f"{title} {number}").as_bytes())
    phone = world.phone(version=version, device_type="P20")
    contacts = opened(phone, CONTACTS)
    contact = phone.add_contact(contacts, {"Contacts:FirstName": title, "Contacts:FileAs": title})
    inbox = folder(phone, INBOX)
    phone.sync(inbox)
    phone.sync(inbox, window=2, body_type=1)
    before = dict(phone.folders)
    told = []
    for _ in range(3):
        phone.hierarchy.reset()
        phone.folder_sync()
        result = phone.sync(inbox, window=1, body_type=1)
        told += result.added
    assert phone.folders == before
    phone.sync_all(inbox, window=2, body_type=1)
    found = [subject for subject in texts(phone, INBOX, "Email:Subject") if subject.startswith(f"{title} ")]
    assert sorted(found) == [f"{title} {number}" for number in range(5)]
    assert len(set(told)) == len(told) == 3
    assert is_quiet(phone, INBOX)
    assert is_quiet(phone, CONTACTS)
    assert contact in phone.items(contacts)


# -- A 3: duplicates after a lost answer ---------------------------------------------------------------------


def _task(name: str) -> Any:
    return task(name, due=date(2031, 3, 10))


def _contact(name: str) -> Any:
    return [Element("Contacts:FileAs", name), Element("Contacts:FirstName", name)]


def _note(name: str) -> Any:
    return note(name, "text")


ADDED: dict[int, tuple[str, Callable[[str], Any]]] = {
    TASKS: ("Tasks:Subject", _task),
    CONTACTS: ("Contacts:FileAs", _contact),
    NOTES: ("Notes:Subject", _note),
}


@pytest.mark.parametrize("kind", ADDED)
def test_what_a_phone_adds_again_and_again_is_there_once(world: MailWorld, kind: int, title: str) -> None:
    """The answers to five requests in a row are lost; then another phone looks."""
    tag, fields = ADDED[kind]
    phone, other = world.phone(), world.phone(version="14.1")
    place = opened(phone, kind)
    phone.collection(place).outbox.append(
        Change("Add", client_id=phone.new_client_id(), fields=fields(title))
    )
    for _ in range(5):
        phone.lose_next_answer()
        with pytest.raises(AnswerLost):
            phone.sync(place, body_type=1)
    phone.sync_all(place, body_type=1)
    assert texts(phone, kind, tag).count(title) == 1
    opened(other, kind)
    assert texts(other, kind, tag).count(title) == 1
    assert is_quiet(phone, kind)


def test_an_appointment_added_again_and_again_is_there_once(world: MailWorld, title: str) -> None:
    phone = world.phone()
    place = opened(phone, CALENDAR)
    event = EventChange(subject=title, start=NOON, end=NOON + HOUR)
    phone.lose_next_answer()
    with pytest.raises(AnswerLost):
        calendar.add_event(phone, place, event)
    for _ in range(4):
        phone.lose_next_answer()
        with pytest.raises(AnswerLost):
            phone.sync(place)
    phone.sync_all(place)
    opened(other := world.phone(version="14.1"), CALENDAR)
    for each in (phone, other):
        assert texts(each, CALENDAR, "Calendar:Subject").count(title) == 1


# -- A 4: one broken item ------------------------------------------------------------------------------------


def test_one_broken_mail_neither_blocks_its_folder_nor_is_asked_for_all_the_time(
    world: MailWorld, title: str, caplog: pytest.LogCaptureFixture
) -> None:
    phone = world.phone()
    inbox = opened(phone, INBOX)
    ids = [world.deliver(message(f"{title} {number}").as_bytes()) for number in range(3)]
    world.ox.fault("error", module="mail", action="get", code="MSG-0056", skip=1)
    phone.sync_all(inbox, body_type=1)
    found = [each for each in texts(phone, INBOX, "Email:Subject") if each.startswith(f"{title} ")]
    assert len(found) == 2
    (missing,) = {f"{title} {number}" for number in range(3)} - set(found)
    broken = ids[int(missing.rpartition(" ")[2])]
    assert any(f"item {broken} of folder" in line and "try 1" in line for line in caplog.messages)
    world.ox.forget_calls()
    assert is_quiet(phone, INBOX)
    assert sum(count for call, count in world.ox.calls().items() if call != "mail?all") == 0
    user = world.web()
    user.call("PUT", "mail", "update", {"flags": 8, "value": True}, folder=world.folder("inbox"), id=broken)
    assert len(phone.sync(inbox, body_type=1).added) == 1
    assert missing in texts(phone, INBOX, "Email:Subject")


# -- A 5: a phone's edit or another filter wipes a folder ----------------------------------------------------


@pytest.mark.parametrize("version", ["12.1", "16.1"])
def test_another_filter_deletes_nothing_in_ox(world: MailWorld, version: str, title: str) -> None:
    phone = world.phone(version=version, device_type="P21")
    long_ago = datetime.now(UTC) - 100 * DAY
    received = str(int(long_ago.timestamp() * 1000))
    raw = message(f"{title} old").as_bytes()
    world.ox.control("POST", "deliver", raw, login=f"anton@{DOMAIN}", received=received)
    world.deliver(message(f"{title} new").as_bytes())
    diary = opened(phone, CALENDAR)
    past = EventChange(subject=title, start=long_ago, end=long_ago + HOUR)
    name = calendar.add_event(phone, diary, past)
    inbox = opened(phone, INBOX, filter_type=ALL)
    old = next(
        each for each, item in phone.items(inbox).items() if item.text_of("Email:Subject") == f"{title} old"
    )

    assert old in phone.sync_all(inbox, body_type=1, filter_type=ONE_DAY).soft_deleted
    assert phone.sync_all(diary, body_type=1, filter_type=TWO_WEEKS).soft_deleted == [name]
    assert world.find("inbox", f"{title} old")
    assert is_quiet(phone, INBOX, filter_type=ONE_DAY)

    assert old in phone.sync_all(inbox, body_type=1, filter_type=ALL).added
    assert phone.sync_all(diary, body_type=1, filter_type=ALL).added == [name]
    phone.delete_item(diary, name)


@pytest.mark.parametrize("supported", [None, [], ["Contacts:FirstName", "Contacts:JobTitle"]], ids=str)
def test_what_a_phone_does_not_know_it_does_not_wipe(
    world: MailWorld, supported: list[str] | None, title: str
) -> None:
    """A phone that names the few tags it knows, or says nothing of it, edits a contact that has more."""
    web = world.web()
    place = str(web.call("GET", "config/folder/contacts", ""))
    body = {"folder_id": int(place), "display_name": title, "first_name": title, "last_name": "Quist"}
    more = {"position": "Chef", "nickname": "Zo", "cellular_telephone1": "1", "note": "kept", "tax_id": "9"}
    item = str(web.call("PUT", "contacts", "new", {**body, **more})["id"])
    phone = world.phone(version="14.1", device_type=f"P{len(supported or 'x')}{supported is None}")
    contacts = folder(phone, CONTACTS)
    phone.sync(contacts, supported=supported)
    phone.sync_all(contacts, body_type=1)
    server_id = f"{contacts}:{item}"
    held = phone.items(contacts)[server_id]
    known = {"Contacts:FirstName", "Contacts:JobTitle"}
    whole = [each for each in held if not supported or each.name in known]
    whole = [each for each in whole if each.name not in ("Contacts:JobTitle", "AirSyncBase:NativeBodyType")]
    phone.change_item(contacts, server_id, [*whole, Element("Contacts:JobTitle", "Boss")])
    after = web.call("GET", "contacts", "get", folder=place, id=item)
    told = {name: after.get(name) for name in (*body, *more)}
    assert told == {**body, **more, "position": "Boss", "folder_id": told["folder_id"]}
    assert is_quiet(phone, CONTACTS)


# -- A 6: events appear, then vanish -------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["12.1", "14.0", "14.1", "16.0", "16.1"])
def test_an_event_stays_on_the_phone_that_made_it_and_no_echo_comes(
    world: MailWorld, version: str, title: str
) -> None:
    phone = world.phone(version=version)
    diary = opened(phone, CALENDAR)
    name = calendar.add_event(phone, diary, EventChange(subject=title, start=NOON, end=NOON + HOUR))
    assert is_quiet(phone, CALENDAR)
    uid = calendar.events(phone, diary)[name].uid
    calendar.change_event(phone, diary, name, EventChange(subject=title, location="Room 1"))
    assert is_quiet(phone, CALENDAR)
    other = world.phone(version=version, device_type="P25")
    opened(other, CALENDAR)
    seen = calendar.events(other, folder(other, CALENDAR))
    assert [event.uid for event in seen.values() if event.subject == title] == [uid]
    assert name in phone.items(diary)
    phone.delete_item(diary, name)


# -- A 7: two collections at once ----------------------------------------------------------------------------


def test_two_collections_are_synchronised_at_the_same_time(world: MailWorld, title: str) -> None:
    """A phone asks for its mail; while that hangs in OX, the same phone asks for its contacts and has them."""
    first, second = (_same_phone(world) for _ in range(2))
    for each in (first, second):
        each.folder_sync()
    inbox, contacts = folder(first, INBOX), folder(second, CONTACTS)
    first.sync(inbox)
    second.sync(contacts)
    world.deliver(message(title).as_bytes())
    world.ox.fault("hang", module="mail", action="all", seconds=3)
    slow = threading.Thread(target=lambda: first.sync(inbox, body_type=1))
    slow.start()
    time.sleep(0.5)
    second.sync_all(contacts, body_type=1)
    second.add_contact(contacts, {"Contacts:FirstName": title, "Contacts:FileAs": title})
    assert slow.is_alive()
    slow.join()
    assert title in texts(first, INBOX, "Email:Subject")
    assert is_quiet(second, CONTACTS)
    assert is_quiet(first, INBOX)
    assert first.anomalies == second.anomalies == []
    first.close()
    second.close()


def _same_phone(world: MailWorld) -> Phone:
    return Phone(
        world.url,
        f"anton@{DOMAIN}",
        "secret",
        version="14.1",
        device_id="twocollections",
        on_answer=lambda command, spoken, answer: validate(answer, spoken),
        timeout=30,
    )


# -- A 8: an empty mailbox, and no word in the log -----------------------------------------------------------


def test_the_log_says_why_a_phone_gets_nothing(
    world: MailWorld, title: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "app")
    received = str(int((datetime.now(UTC) - 100 * DAY).timestamp() * 1000))
    raw = message(title).as_bytes()
    world.ox.control("POST", "deliver", raw, login=f"dora@{DOMAIN}", received=received)
    phone = world.phone("dora")
    assert phone.sync_all(folder(phone, INBOX), filter_type=ONE_DAY).from_server == 0
    assert phone.sync_all(folder(phone, TASKS)).from_server == 0
    lines = [line for line in caplog.messages if "nothing sent" in line]
    assert any("default0/INBOX" in line and "the device's filter" in line for line in lines)
    assert any("the folder is empty" in line for line in lines)
    assert all(phone.device_id in line for line in lines)


# -- C -------------------------------------------------------------------------------------------------------


def test_a_mail_without_a_sender_gets_the_users_name_and_address(world: MailWorld, title: str) -> None:
    phone = world.phone()
    raw = f"To: berta@{DOMAIN}\r\nSubject: {title}\r\nMIME-Version: 1.0\r\n\r\nHello\r\n"
    mail.send(phone, raw.encode())
    eventually(lambda: world.find("inbox", title, "berta"))
    (sent,) = world.find("sent", title)
    head = world.source("sent", sent["id"]).partition(b"\r\n\r\n")[0].decode()
    name = str(world.web().call("GET", "user", "get")["display_name"])
    assert name
    assert f"From: {name} <anton@{DOMAIN}>" in head


def test_what_two_people_write_on_one_draft_is_there_twice(world: MailWorld, title: str) -> None:
    """The web interface stores another draft and deletes the old one; the phone's text is not lost."""
    phone = world.phone()
    drafts = opened(phone, DRAFTS)
    mine = mail.add_draft(phone, drafts, to=f"berta@{DOMAIN}", subject=title, text="begun")
    phone.sync_all(drafts, body_type=1)
    (stored,) = world.find("drafts", title)
    web = world.web()
    raw = f"To: berta@{DOMAIN}\r\nSubject: {title}\r\n\r\nfrom the web\r\n"
    web.http.put(
        f"{world.ox.url}mail",
        params={"action": "new", "session": web.session, "folder": world.folder("drafts"), "flags": 4},
        data=raw.encode(),
        timeout=20,
    )
    entry = [{"folder": world.folder("drafts"), "id": stored["id"]}]
    web.call("PUT", "mail", "delete", entry, harddelete=1)
    edited = [Element("Email:Subject", title), mail.body("from the phone")]
    result = phone.sync(drafts, changes=[Change("Change", mine, fields=edited)])
    assert result.statuses.get(mine) == 8
    phone.sync_all(drafts, body_type=1)
    assert mine not in phone.items(drafts)
    words = sorted(
        (item.find("AirSyncBase:Body") or Element("x")).text_of("AirSyncBase:Data") or ""
        for item in phone.items(drafts).values()
        if item.text_of("Email:Subject") == title
    )
    assert [each.strip() for each in words] == ["from the phone", "from the web"]
    assert len(world.find("drafts", title)) == 2


def test_a_flag_counts_although_the_phone_hangs_up(world: MailWorld, title: str) -> None:
    world.deliver(message(title).as_bytes())
    phone = world.phone(version="14.1")
    inbox = opened(phone, INBOX)
    name = next(each for each, item in phone.items(inbox).items() if item.text_of("Email:Subject") == title)
    phone.lose_next_answer()
    with pytest.raises(AnswerLost):
        phone.mark_read(inbox, name)
    (found,) = world.find("inbox", title)
    assert found["flags"] & 32
    phone.sync_all(inbox, body_type=1)
    assert phone.items(inbox)[name].text_of("Email:Read") == "1"
    (found,) = world.find("inbox", title)
    assert found["flags"] & 32
