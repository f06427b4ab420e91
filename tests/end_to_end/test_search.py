"""Looking for mail, people and documents: phones before OX of every generation."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest

from lab.device import CommandFailed, Phone, mail, recipients, search, story
from lab.device.calendar import add_event
from lab.device.calendar_items import Change
from tests.end_to_end.mail_world import MailWorld, before

VERSIONS = ("12.1", "14.1", "16.1")
INBOX, CALENDAR, CONTACTS, SENT = 2, 8, 9, 5
_numbers = itertools.count(1)


@pytest.fixture(scope="module", params=["6", "7", "8"])
def running(
    request: pytest.FixtureRequest, seed: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MailWorld]:
    folder = tmp_path_factory.mktemp(f"ox{request.param}") / "data"
    with before(str(request.param), seed, folder) as world:
        yield world


@pytest.fixture
def world(running: MailWorld) -> Iterator[MailWorld]:
    """The running one; fails a test in which a phone found something odd."""
    yield running
    assert running.odd() == []


@pytest.fixture
def word() -> str:
    return f"giraffe{next(_numbers)}x"


def deliver(world: MailWorld, subject: str, text: str = "Hello") -> str:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "Zoë <zoe@example.com>", "anton@example.org", subject
    message["Message-ID"] = f"<{next(_numbers)}@example.com>"
    message.set_content(text)
    return world.deliver(message.as_bytes())


@pytest.mark.parametrize("version", VERSIONS)
def test_a_mail_is_found_opened_and_answered(world: MailWorld, version: str, word: str) -> None:
    phone = world.phone(version=version)
    inbox = phone.folder_of_type(INBOX).server_id
    item = deliver(world, f"Plan {word}", f"Bring {word} bread")
    deliver(world, "Something else")
    found = search.search_mail(phone, f"{word} bread", body_type=1)
    assert found.names == [f"{inbox}:{item}"]
    (hit,) = found.page
    assert (hit.folder, hit.content_class, hit.text("Subject")) == (inbox, "Email", f"Plan {word}")
    assert "bread" in (hit.properties["Body"].text_of("AirSyncBase:Data") or "")
    assert (found.span, found.total) == ("0-0", 1)
    _, body = mail.fetch_item(phone, hit.name, body_type=1)
    assert b"bread" in body
    answer = mail.message("zoe@example.com", f"Re: {word}", "Thanks")
    mail.reply(phone, hit.name, answer)
    assert search.search_mail(phone, f"Re: {word}", folders=[phone.folder_of_type(SENT).server_id]).total == 1


@pytest.mark.parametrize("version", VERSIONS)
def test_dates_folders_and_pages(world: MailWorld, version: str, word: str) -> None:
    phone = world.phone(version=version)
    inbox = phone.folder_of_type(INBOX).server_id
    names = [f"{inbox}:{deliver(world, f'{word} {number}')}" for number in range(3)]
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    assert search.search_mail(phone, word, after=tomorrow).total == 0
    assert set(search.search_mail(phone, word, before=tomorrow, folders=["0"]).names) == set(names)
    assert search.search_mail(phone, word, folders=[phone.folder_of_type(SENT).server_id]).total == 0
    page = search.search_mail(phone, word, folders=[inbox], below=True, span="1-1")
    assert (len(page.page), page.span, page.total) == (1, "1-1", 3)
    with pytest.raises(CommandFailed) as failure:
        search.search_mail(phone, word, span="0-500")
    assert failure.value.status == 12


def test_contacts_and_appointments_are_found_too(world: MailWorld, word: str) -> None:
    phone = world.phone()
    contacts, calendar = (phone.folder_of_type(kind).server_id for kind in (CONTACTS, CALENDAR))
    contact = phone.add_contact(contacts, {"Contacts:FirstName": "Zoë", "Contacts:LastName": word})
    start = datetime(2026, 9, 1, 10, tzinfo=UTC)
    event = add_event(
        phone, calendar, Change(subject=f"Meet {word}", start=start, end=start + timedelta(hours=1))
    )
    found = search.search_mail(phone, word)
    assert set(found.names) == {contact, event}
    assert search.search_mail(phone, word, classes=["Contacts"]).names == [contact]


def test_find_of_16_1(world: MailWorld, word: str) -> None:
    phone = world.phone()
    inbox = phone.folder_of_type(INBOX).server_id
    item = f"{inbox}:{deliver(world, f'Plan {word}', 'First line')}"
    other = f"{inbox}:{deliver(world, 'Lunch', word)}"
    assert set(search.find_mail(phone, word).names) == {item, other}
    assert search.find_mail(phone, f"from:zoe subject:plan {word}", folder=inbox, below=True).names == [item]
    (hit,) = search.find_mail(phone, f"subject:{word}").page
    assert (hit.text("Preview"), hit.text("HasAttachments"), hit.text("Read")) == ("First line", "0", "0")
    assert [each.text("EmailAddress") for each in search.find_people(phone, "berta").page] == [
        "berta@example.org"
    ]


@pytest.mark.parametrize("version", VERSIONS)
def test_people_of_the_directory(world: MailWorld, version: str) -> None:
    phone = world.phone(version=version)
    found = search.search_people(phone, "björn", pictures=5)
    (berta,) = found.page
    assert (berta.text("DisplayName"), berta.text("Alias")) == ("Berta Björnsen", "berta")
    assert ("Picture" in berta.properties) == (version >= "14.1")
    assert search.search_people(phone, "nobody").total == 0


@pytest.mark.parametrize("version", VERSIONS)
def test_recipients_and_when_they_have_time(world: MailWorld, version: str, word: str) -> None:
    phone = world.phone(version=version)
    day = datetime(2027, 1, 1, tzinfo=UTC) + timedelta(days=next(_numbers))
    calendar = phone.folder_of_type(CALENDAR).server_id
    begin, end = day.replace(hour=9), day.replace(hour=10)
    add_event(phone, calendar, Change(subject=word, start=begin, end=end))
    found = recipients.resolve(
        phone,
        ["anton", "berta@example.org", "nobody"],
        start=f"{day:%Y-%m-%d}T08:00:00.000Z",
        end=f"{day:%Y-%m-%d}T11:00:00.000Z",
        certificates=True,
    )
    assert [(each.status, each.count) for each in found] == [(1, 1), (1, 1), (4, 0)]
    anton, berta = found[0].recipients[0], found[1].recipients[0]
    assert (anton.mail, anton.kind, anton.certificates) == ("anton@example.org", 1, 7)
    if version >= "14.0":
        assert (anton.availability, anton.free_busy) == (1, "002200")
        assert (berta.availability, berta.free_busy) == (1, "000000")
    else:
        assert (anton.availability, anton.free_busy) == (0, None)


@pytest.mark.parametrize("version", VERSIONS)
def test_documents_are_listed_and_opened(world: MailWorld, version: str) -> None:
    user = world.web()
    name, data = f"Report {next(_numbers)}.txt", b"0123456789" * 50_000
    parent = user.http.get(
        f"{world.ox.url}config/folder/infostore", params={"session": user.session}, timeout=20
    ).json()["data"]
    user.http.post(
        f"{world.ox.url}infostore",
        params={"action": "new", "session": user.session},
        data={"json": json.dumps({"folder_id": str(parent), "filename": name, "title": name})},
        files={"file": (name, data, "text/plain")},
        timeout=20,
    )
    phone = world.phone(version=version)
    top = search.search_documents(phone, "\\\\ox\\infostore\\userstore")
    folder = next(each for each in top.page[1:] if each.text("IsFolder") == "1")
    inside = search.search_documents(phone, folder.text("LinkId"))
    file = next(each for each in inside.page if each.text("DisplayName") == name)
    assert (file.text("IsFolder"), file.text("ContentLength")) == ("0", str(len(data)))
    link = file.text("LinkId")
    assert link.startswith("\\\\ox\\infostore\\userstore\\")
    assert search.fetch_document(phone, link).data == data
    part = search.fetch_document(phone, link, span="5-14", multipart=True)
    assert (part.data, part.span) == (b"5678901234", ("5-14", len(data)))
    with pytest.raises(CommandFailed) as failure:
        search.search_documents(phone, f"{link}.gone")
    assert failure.value.status == 6


def test_a_search_is_one_call_of_ox_however_many_folders(world: MailWorld, word: str) -> None:
    phone: Phone = world.phone()
    deliver(world, word)
    search.search_mail(phone, word, classes=["Email"])
    world.ox.forget_calls()
    assert search.search_mail(phone, word, classes=["Email"]).total == 1
    assert sum(world.ox.calls().values()) == 2  # one to search, one to read what was found


def test_what_the_command_line_tells(world: MailWorld, word: str) -> None:
    phone = world.phone()
    deliver(world, f"Plan {word}")
    lines: list[str] = []
    story.look_for(phone, word, lines.append)
    story.resolve_names(phone, ["berta", "nobody"], lines.append)
    text = "\n".join(lines)
    assert text.count(f"Plan {word}") == 2  # by Search and by Find
    assert "userstore" in text
    assert "Berta Björnsen <berta@example.org>" in text
    assert "nobody: status 4" in text
