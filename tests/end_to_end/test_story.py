"""A phone from its first word on, over HTTP: what a person does with a new phone."""

from __future__ import annotations

import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from lab.device import AnswerLost, certificates
from lab.device.phone import Phone
from lab.ox.seed import expected
from tests.end_to_end.stack import message, wait_until
from tests.trust.test_trust import make

INBOX, CONTACTS = 2, 9
NOTHING, NEWS = 1, 2


class Waiting(threading.Thread):
    """A request in the background that the server may hold; ``took`` is its time in seconds."""

    def __init__(self, request: Callable[[], Any]) -> None:
        super().__init__(daemon=True)
        self._request = request
        self.found: Any = None
        self.error: Exception | None = None
        self.took = 0.0

    def run(self) -> None:
        started = time.monotonic()
        try:
            self.found = self._request()
        except Exception as error:  # noqa: BLE001
            self.error = error
        self.took = time.monotonic() - started

    def answer(self, seconds: float = 30) -> Any:
        self.join(seconds)
        assert not self.is_alive(), "the request was never answered"
        if self.error:
            raise self.error
        return self.found


class Ping(Waiting):
    """A Ping in the background."""

    def __init__(self, phone: Phone, folders: list[str], heartbeat: int) -> None:
        super().__init__(lambda: phone.ping(folders, heartbeat))


def set_up(phone: Phone) -> tuple[str, str]:
    """Provisioned, with contacts and INBOX synchronised: their ids."""
    phone.provision()
    phone.folder_sync()
    contacts = phone.folder_of_type(CONTACTS).server_id
    inbox = phone.folder_of_type(INBOX).server_id
    phone.sync_all(contacts, body_type=1)
    phone.sync_all(inbox, body_type=1, truncation=500)
    return contacts, inbox


def unique(word: str) -> str:
    return f"{word} {uuid.uuid4().hex[:8]}"


@pytest.mark.parametrize("query", ["plain", "base64"])
def test_a_new_phone_gets_everything(new_phone, version, query):
    there = expected("caesar@example.org")
    phone = new_phone("caesar", version, query=query)
    versions, commands = phone.options()
    assert version in versions
    assert {"FolderSync", "Sync", "Ping", "Provision", "GetItemEstimate", "Settings"} <= set(commands)
    contacts, inbox = set_up(phone)
    assert phone.policy_key
    # A distribution list is no person: ActiveSync has no word for it.
    people = [name for name in there.contacts if not name.startswith("Verteiler")]
    assert len(phone.items(contacts)) == len(people) >= 100
    subjects = Counter(mail.subject or "" for mail in there.inbox)
    found = Counter(item.text_of("Email:Subject") or "" for item in phone.items(inbox).values())
    assert sum(found.values()) == sum(subjects.values()) >= 200
    plain = {subject for subject in subjects if subject.isascii() and subject.strip() == subject}
    assert {subject: found[subject] for subject in plain} == {subject: subjects[subject] for subject in plain}
    unread = sum(item.text_of("Email:Read") == "0" for item in phone.items(inbox).values())
    assert unread == there.unread


def test_html_and_plain_bodies_come_as_asked_for(new_phone, stack):
    subject = unique("with html")
    mail = message(subject, "plain words")
    mail.add_alternative("<p>rich <b>words</b></p>", subtype="html")
    stack.browser().deliver(mail)
    for body_type, words in ((1, "words"), (2, "<b>words</b>")):
        phone = new_phone()
        phone.provision()
        phone.folder_sync()
        inbox = phone.folder_of_type(INBOX).server_id
        phone.sync_all(inbox, body_type=body_type, window=25)
        item = next(item for item in phone.items(inbox).values() if item.text_of("Email:Subject") == subject)
        body = item.find("AirSyncBase:Body")
        assert body is not None
        assert body.text_of("AirSyncBase:Type") == str(body_type)
        assert words in (body.text_of("AirSyncBase:Data") or "")


def test_a_contact_made_on_the_phone_appears_in_ox_and_on_another_phone(new_phone, stack, version):
    phone, other = new_phone(version=version), new_phone()
    contacts, _ = set_up(phone)
    others, _ = set_up(other)
    name = unique("Zoë")
    phone.add_contact(contacts, {"Contacts:FirstName": name, "Contacts:LastName": "Quist"})
    assert [row for row in stack.browser().contacts() if row["first_name"] == name]
    other.sync_all(others)
    assert name in {item.text_of("Contacts:FirstName") for item in other.items(others).values()}


def test_a_contact_changed_and_deleted_on_one_phone_is_so_on_the_other(new_phone, stack):
    phone, other = new_phone(), new_phone()
    contacts, _ = set_up(phone)
    name = unique("Änne")
    server_id = phone.add_contact(contacts, {"Contacts:FirstName": name, "Contacts:LastName": "Old"})
    others, _ = set_up(other)

    def seen() -> list[str | None]:
        other.sync_all(others)
        mine = [item for item in other.items(others).values() if item.text_of("Contacts:FirstName") == name]
        return [item.text_of("Contacts:LastName") for item in mine]

    assert seen() == ["Old"]
    phone.change_item(contacts, server_id, {"Contacts:FirstName": name, "Contacts:LastName": "New"})
    assert seen() == ["New"]
    phone.delete_item(contacts, server_id)
    assert seen() == []
    assert name not in {row["first_name"] for row in stack.browser().contacts()}


def test_the_read_flag_goes_both_ways(new_phone, stack):
    phone, other = new_phone(), new_phone()
    subject = unique("flag")
    stack.browser().deliver(message(subject))
    _, inbox = set_up(phone)
    _, others = set_up(other)

    def read(which: Phone, folder: str) -> str | None:
        which.sync_all(folder)
        items = which.items(folder).values()
        return next(item for item in items if item.text_of("Email:Subject") == subject).text_of("Email:Read")

    assert read(phone, inbox) == "0"
    server_id = next(
        key for key, item in phone.items(inbox).items() if item.text_of("Email:Subject") == subject
    )
    phone.mark_read(inbox, server_id)
    assert read(other, others) == "1"
    other_id = next(
        key for key, item in other.items(others).items() if item.text_of("Email:Subject") == subject
    )
    other.mark_read(others, other_id, is_read=False)
    assert read(phone, inbox) == "0"


def test_a_new_mail_wakes_a_waiting_phone_and_is_there_when_it_looks(new_phone, stack, version):
    phone = new_phone(version=version)
    contacts, inbox = set_up(phone)
    ping = Ping(phone, [inbox, contacts], 60)
    ping.start()
    assert wait_until(lambda: stack.parked() == 1, 10)
    subject = unique("wake up")
    stack.browser().deliver(message(subject))
    answer = ping.answer()
    assert (answer.status, answer.folders) == (NEWS, [inbox])
    assert ping.took < 20
    phone.sync_all(inbox, body_type=1)
    assert subject in {item.text_of("Email:Subject") for item in phone.items(inbox).values()}
    assert wait_until(lambda: stack.parked() == 0, 10)


def test_a_change_by_another_phone_wakes_at_once(new_phone, stack):
    phone, other = new_phone(), new_phone()
    contacts, _ = set_up(phone)
    others, _ = set_up(other)
    ping = Ping(phone, [contacts], 60)
    ping.start()
    assert wait_until(lambda: stack.parked() == 1, 10)
    other.add_contact(others, {"Contacts:FirstName": unique("Neu"), "Contacts:LastName": "Person"})
    answer = ping.answer()
    assert (answer.status, answer.folders) == (NEWS, [contacts])


def test_without_news_a_ping_ends_after_its_time(new_phone):
    phone = new_phone()
    contacts, _ = set_up(phone)
    started = time.monotonic()
    answer = phone.ping([contacts], 2)
    assert (answer.status, answer.folders) == (NOTHING, [])
    assert 1.8 <= time.monotonic() - started < 6


def test_a_newer_ping_of_the_same_phone_ends_the_older_one(new_phone, stack):
    phone = new_phone()
    contacts, inbox = set_up(phone)
    again = new_phone(device_id=phone.device_id)
    again.transport.policy_key = phone.policy_key
    older = Ping(phone, [contacts, inbox], 60)
    older.start()
    assert wait_until(lambda: stack.parked() == 1, 10)
    newer = Ping(again, [contacts, inbox], 3)
    newer.start()
    assert older.answer(10).status == NOTHING
    assert older.took < 10
    assert newer.answer(20).status == NOTHING


def test_waiting_costs_ox_little_however_many_phones_wait(new_phone, stack):
    phones = [new_phone("berta") for _ in range(4)]
    folders = [set_up(phone) for phone in phones]
    pings = [Ping(phone, list(each), 8) for phone, each in zip(phones, folders, strict=True)]
    for ping in pings:
        ping.start()
    assert wait_until(lambda: stack.parked() == 4, 10)
    time.sleep(1)
    started = time.monotonic()
    stack.control("DELETE", "calls")
    time.sleep(3)
    calls = sum(row["count"] for row in stack.control("GET", "calls") if not row["within"])
    periods = (time.monotonic() - started) / 0.3
    for ping in pings:
        assert ping.answer().status == NOTHING
    # Two looks a period, at mail and at the rest: for all four phones together, not for each.
    assert 2 <= calls <= 2 * periods + 4


def test_a_waiting_sync_brings_the_mail_itself(new_phone, stack):
    phone = new_phone()
    _, inbox = set_up(phone)
    waiting = Waiting(lambda: phone.sync(inbox, body_type=1, heartbeat=60))
    waiting.start()
    assert wait_until(lambda: stack.parked() == 1, 10)
    subject = unique("in the answer")
    stack.browser().deliver(message(subject))
    result = waiting.answer()
    assert [phone.items(inbox)[key].text_of("Email:Subject") for key in result.added] == [subject]


def test_a_sync_without_news_costs_one_call(new_phone, stack):
    phone = new_phone("gustav")
    for folder in set_up(phone):
        stack.control("DELETE", "calls")
        assert phone.sync(folder).from_server == 0
        assert sum(row["count"] for row in stack.control("GET", "calls") if not row["within"]) <= 1


def test_a_lost_answer_loses_nothing_and_doubles_nothing(new_phone, stack, version):
    phone = new_phone(version=version)
    contacts, inbox = set_up(phone)
    name = unique("Once")
    phone.lose_next_answer()
    with pytest.raises(AnswerLost):
        phone.add_contact(contacts, {"Contacts:FirstName": name, "Contacts:LastName": "Only"})
    phone.sync_all(contacts)
    assert [row["first_name"] for row in stack.browser().contacts()].count(name) == 1
    mine = [item for item in phone.items(contacts).values() if item.text_of("Contacts:FirstName") == name]
    assert len(mine) == 1
    subject = unique("not lost")
    stack.browser().deliver(message(subject))
    phone.lose_next_answer()
    with pytest.raises(AnswerLost):
        phone.sync(inbox, body_type=1)
    phone.sync_all(inbox, body_type=1)
    assert [item.text_of("Email:Subject") for item in phone.items(inbox).values()].count(subject) == 1


def test_an_estimate_says_how_much_there_is(new_phone):
    phone = new_phone()
    phone.provision()
    phone.folder_sync()
    inbox = phone.folder_of_type(INBOX).server_id
    phone.sync(inbox)
    estimate = phone.get_item_estimate(inbox)
    phone.sync_all(inbox, body_type=1)
    assert estimate == len(phone.items(inbox))


def test_certificates_are_checked_against_those_that_the_machine_trusts(new_phone):
    phone = new_phone()
    phone.provision()
    assert certificates.validate(phone, [make("Stranger").der, b"0\x03\x02\x01\x05"]) == [4, 10]
