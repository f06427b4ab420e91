"""Sync in full, by phones of every version before an OX: conversations, bodies, old versions, many folders at once."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import pytest

from app.wbxml import Element
from lab.device import CommandFailed, Phone, mail
from lab.device.state import Change
from tests.end_to_end.mail_world import MailWorld, before

VERSIONS = ("2.5", "12.0", "12.1", "14.0", "14.1", "16.0", "16.1")
INBOX, DRAFTS, TASKS, CONTACTS = 2, 3, 7, 9
DAY = 86_400_000
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def running(seed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailWorld]:
    with before("7", seed, tmp_path_factory.mktemp("ox") / "data") as world:
        yield world


@pytest.fixture
def world(running: MailWorld) -> Iterator[MailWorld]:
    yield running
    running.ox.calm()
    assert running.odd() == []


@pytest.fixture
def title() -> str:
    return f"Sync {next(_numbers)}"


def message(title: str, name: str, answers: tuple[str, ...] = (), html: str | None = None) -> bytes:
    made = EmailMessage(policy=SMTP)
    made["From"], made["To"], made["Subject"] = "zoe@example.com", "anton@example.org", f"{title} {name}"
    made["Message-ID"] = f"<{title.replace(' ', '-')}-{name}@example.com>"
    if answers:
        made["References"] = " ".join(f"<{title.replace(' ', '-')}-{each}@example.com>" for each in answers)
    made.set_content("Yes.\n\nOn Monday Zoë wrote:\n> Are you coming?\n")
    if html:
        made.add_alternative(html, subtype="html")
    return made.as_bytes()


def arrive(world: MailWorld, raw: bytes, days: int = 0) -> None:
    received = int(time.time() * 1000) - days * DAY
    world.ox.control("POST", "deliver", raw, login="anton@example.org", received=received)


def folder(phone: Phone, kind: int) -> str:
    return phone.folder_of_type(kind).server_id


def mails(phone: Phone, title: str) -> dict[str, Element]:
    """The messages of this test on the phone, by the last word of their subjects."""
    found = {}
    for data in phone.items(folder(phone, INBOX)).values():
        subject = data.text_of("Email:Subject") or ""
        if subject.startswith(title + " "):
            found[subject.rpartition(" ")[2]] = data
    return found


@pytest.mark.parametrize("version", ["14.0", "16.1"])
def test_a_filter_with_whole_conversations(world: MailWorld, version: str, title: str) -> None:
    arrive(world, message(title, "first"), days=40)
    arrive(world, message(title, "second", ("first",)), days=30)
    arrive(world, message(title, "other"), days=30)
    phone = world.phone(version=version)
    inbox = folder(phone, INBOX)
    wishes = {"filter_type": 3, "body_type": 1, "conversations": True}
    phone.sync_all(inbox, **wishes)
    assert mails(phone, title) == {}
    arrive(world, message(title, "third", ("first", "second")))
    phone.sync_all(inbox, **wishes)
    found = mails(phone, title)
    assert set(found) == {"first", "second", "third"}
    names = {data.find("Email2:ConversationId").value for data in found.values()}  # type: ignore[union-attr]
    assert len(names) == 1
    assert found["third"].find("AirSyncBase:Body").text_of("AirSyncBase:Data")  # type: ignore[union-attr]
    assert not found["first"].find("AirSyncBase:Body").text_of("AirSyncBase:Data")  # type: ignore[union-attr]
    assert phone.get_item_estimate(inbox) == 0
    assert phone.get_item_estimate(inbox, filter_type=3) == 0
    result = phone.sync_all(inbox, filter_type=3, body_type=1, conversations=False)
    assert len(result.soft_deleted) >= 2  # there may be those of another version's test
    assert set(mails(phone, title)) == {"third"}
    assert len(world.web().call("GET", "mail", "all", folder="default0/INBOX", columns="600")) >= 4


@pytest.mark.parametrize("version", VERSIONS)
def test_a_message_with_a_file_in_every_version(world: MailWorld, version: str, title: str) -> None:
    made = EmailMessage(policy=SMTP)
    made["From"], made["To"], made["Subject"] = "zoe@example.com", "anton@example.org", f"{title} file"
    made.set_content("Grüße\n" + "x" * 3000)
    made.add_attachment(b"a,b\n" * 99, "text", "csv", filename="ü.csv")
    arrive(world, made.as_bytes())
    phone = world.phone(version=version)
    inbox = folder(phone, INBOX)
    phone.sync_all(inbox, body_type=1, truncation=1024)
    data = mails(phone, title)["file"]
    if version == "2.5":
        assert data.text_of("Email:BodyTruncated") == "1"
        assert len((data.text_of("Email:Body") or "").encode()) == 1024
        (entry,) = data.find("Email:Attachments")  # type: ignore[misc]
        assert entry.text_of("Email:DisplayName") == "ü.csv"
        reference = entry.text_of("Email:AttName") or ""
    else:
        body = data.find("AirSyncBase:Body")
        assert body is not None
        assert len((body.text_of("AirSyncBase:Data") or "").encode()) == 1024
        reference = mail.references(data)["ü.csv"]
    fetch = mail.get_attachment if version in ("2.5", "12.0", "12.1") else mail.fetch_file
    assert fetch(phone, reference).data == b"a,b\n" * 99
    (server_id,) = [name for name, each in phone.items(inbox).items() if each is data]
    phone.mark_read(inbox, server_id)
    (seen,) = world.find("inbox", f"{title} file")
    assert seen["flags"] & 32


NEW = {CONTACTS: ("Contacts:LastName", "Contacts:Body"), TASKS: ("Tasks:Subject", "Tasks:Body")}


@pytest.mark.parametrize("version", ["2.5", "12.0", "16.1"])
@pytest.mark.parametrize("kind", NEW)
def test_a_note_of_an_item_in_every_version(world: MailWorld, version: str, kind: int, title: str) -> None:
    name, old_body = NEW[kind]
    phone = world.phone(version=version)
    other = world.phone(version="14.1")
    where = folder(phone, kind)

    def body(text: str) -> Element:
        return Element(old_body, text) if version == "2.5" else mail.body(text)

    item = phone.add_item(where, [Element(name, title), body("first")])
    phone.change_item(where, item, [Element(name, title), body("second")])
    phone.change_item(where, item, [Element(name, title + "!")])
    other.sync_all(folder(other, kind), body_type=1)
    (held,) = [
        each for each in other.items(folder(other, kind)).values() if each.text_of(name) == title + "!"
    ]
    assert held.find("AirSyncBase:Body").text_of("AirSyncBase:Data") == "second"  # type: ignore[union-attr]


@pytest.mark.parametrize("version", ["14.1", "16.1"])
def test_the_own_part_of_an_answer(world: MailWorld, version: str, title: str) -> None:
    html = "<p>Yes, <b>gladly</b>.</p><blockquote>Are you coming?</blockquote>"
    arrive(world, message(title, "answer", ("question",), html))
    phone = world.phone(version=version)
    phone.sync_all(folder(phone, INBOX), body_type=2, preview=100, part=True)
    data = mails(phone, title)["answer"]
    whole, part = data.find("AirSyncBase:Body"), data.find("AirSyncBase:BodyPart")
    assert whole is not None
    assert part is not None
    assert "Are you coming?" in (whole.text_of("AirSyncBase:Data") or "")
    assert "Are you coming?" not in (part.text_of("AirSyncBase:Data") or "")
    assert part.text_of("AirSyncBase:Preview") == "Yes, gladly."


@pytest.mark.parametrize("version", ["12.1", "16.1"])
def test_several_folders_at_once_and_the_request_again(world: MailWorld, version: str, title: str) -> None:
    phone = world.phone(version=version)
    inbox, contacts = folder(phone, INBOX), folder(phone, CONTACTS)
    for each in (inbox, contacts):
        phone.sync_all(each)
    assert phone.sync_many([inbox, contacts]) == {}
    arrive(world, message(title, "one"))
    assert set(phone.sync_again()) == {inbox}
    phone.collection(contacts).outbox.append(
        Change("Add", client_id=phone.new_client_id(), fields=(Element("Contacts:LastName", title),))
    )
    arrive(world, message(title, "two"))
    results = phone.sync_many([inbox, contacts])
    assert set(mails(phone, title)) == {"one", "two"}
    assert len(results[contacts].server_ids) == 1
    assert phone.sync_many([inbox, contacts]) == {}
    arrive(world, message(title, "three"))
    assert set(phone.sync_many([contacts], partial=True)) == {inbox}
    with pytest.raises(
        CommandFailed
    ) as failed:  # the last answer brought a new key, which the phone must name
        phone.sync_again()
    assert failed.value.status == 13
    assert phone.sync_many([inbox, contacts]) == {}
    assert phone.sync_again() == {}


def test_a_draft_with_a_file_is_written_changed_and_sent(world: MailWorld, title: str) -> None:
    phone = world.phone(version="16.0")
    drafts = folder(phone, DRAFTS)
    phone.sync_all(drafts)
    first = mail.add_draft(phone, drafts, to="berta@example.org", subject=title, files={"a.txt": b"a"})
    phone.sync_all(drafts)
    assert phone.items(drafts)[first].text_of("Email2:IsDraft") == "1"
    names = mail.references(phone.items(drafts)[first])
    bcc = Element("Email2:Bcc", "caesar@example.org")
    mail.change_draft(phone, first, [bcc, mail.attachments({"b.txt": b"b"}, [names["a.txt"]])])
    phone.sync_all(drafts)
    ((second, data),) = [
        (name, each) for name, each in phone.items(drafts).items() if each.text_of("Email:Subject") == title
    ]
    assert data.text_of("Email2:Bcc") == '"caesar@example.org" <caesar@example.org>'
    assert set(mail.references(data)) == {"b.txt"}
    mail.send_draft(phone, second)
    phone.sync_all(drafts)
    assert second not in phone.items(drafts)
    assert [len(world.find("inbox", title, login)) for login in ("berta", "caesar")] == [1, 1]
