"""The life of a phone in every version, before OX of every generation: from its policy to the order to wipe it. What it
does, the same user sees at OX's own interface or on another phone. And what else depends on the generation, or on the
machine: absences, and certificates of signed mail."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any

import pytest

from app.trust import OpenSsl
from app.usm.devices import Standing
from app.wbxml import Element
from lab.device import (
    CommandFailed,
    Phone,
    Wiped,
    calendar,
    certificates,
    folders,
    mail,
    recipients,
    search,
    settings,
)
from lab.device.calendar_items import Change, meeting_request
from lab.device.reading import files_of, open_file, text_of
from lab.device.tasks import task
from tests.end_to_end.mail_world import MailWorld, before, eventually
from tests.trust.test_trust import Made, make

VERSIONS = ("2.5", "12.0", "12.1", "14.0", "14.1", "16.0", "16.1")
GENERATIONS = ("6", "7", "8")
PLACES = (
    *(("2.5", generation) for generation in GENERATIONS),
    *((version, GENERATIONS[number % 3]) for number, version in enumerate(VERSIONS[1:])),
)
INBOX, TRASH, SENT, TASKS, CALENDAR, CONTACTS = 2, 4, 5, 7, 8, 9
SEEN, ANSWERED, FLAGGED, FORWARDED = 32, 1, 8, 256
START = datetime(2027, 3, 8, 9, tzinfo=UTC)


@pytest.fixture(scope="module")
def authority() -> Made:
    """Whom the server trusts in signed mail."""
    return made("Authority", authority=True)


@pytest.fixture(scope="module")
def worlds(
    seed: Path, authority: Made, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, MailWorld]]:
    file = tmp_path_factory.mktemp("trust") / "authorities.pem"
    file.write_bytes(authority.pem)
    with ExitStack() as all_of_them:
        yield {
            generation: all_of_them.enter_context(
                before(
                    generation,
                    seed,
                    tmp_path_factory.mktemp(f"ox{generation}") / "data",
                    OpenSsl(file),
                )
            )
            for generation in GENERATIONS
        }


def made(name: str, by: Made | None = None, *, days: int = 365, **more: bool) -> Made:
    """A certificate that was good for so many days from a year ago on."""
    begins = datetime.now(UTC) - timedelta(days=364)
    return make(name, by, begins=begins, ends=begins + timedelta(days=days), **more)


@dataclass
class Owner:
    """A user with a phone of some version, and a newer one that sees the same."""

    world: MailWorld
    version: str
    phone: Phone
    other: Phone

    def since(self, version: str) -> bool:
        return VERSIONS.index(self.version) >= VERSIONS.index(version)

    def folder(self, kind: int, phone: Phone | None = None) -> str:
        return (phone or self.phone).folder_of_type(kind).server_id

    def named(self, phone: Phone, folder: str, tag: str, text: str) -> list[str]:
        """The items that are called so, after a look at the server."""
        phone.sync_all(folder, body_type=1)
        return [name for name, data in phone.items(folder).items() if data.text_of(tag) == text]

    def one(self, kind: int, tag: str, text: str) -> str:
        (found,) = self.named(self.phone, self.folder(kind), tag, text)
        return found

    def seen(self, kind: int, tag: str, text: str) -> list[Element]:
        """The same on the other phone."""
        folder = self.folder(kind, self.other)
        return [self.other.items(folder)[name] for name in self.named(self.other, folder, tag, text)]


@pytest.fixture(params=PLACES, ids=lambda place: f"{place[0]} before OX {place[1]}")
def owner(request: pytest.FixtureRequest, worlds: dict[str, MailWorld]) -> Iterator[Owner]:
    version, generation = request.param
    world = worlds[generation]
    other = world.phone(version="14.1", user_agent="Other/1.0")
    yield Owner(world, version, world.phone(version=version, user_agent="Life/1.0"), other)
    assert world.odd() == []


def test_a_life(owner: Owner) -> None:
    """One after the other, as each begins with what the one before has left."""
    for chapter in (
        it_takes_the_policy,
        mail_is_read_and_answered,
        mail_is_moved_and_deleted,
        contacts_come_and_go,
        appointments_come_and_go,
        invitations_are_answered,
        tasks_are_done,
        news_wake_it,
        things_are_found,
        it_is_wiped,
    ):
        chapter(owner)


def it_takes_the_policy(owner: Owner) -> None:
    phone = owner.phone
    versions, commands = phone.options()
    assert owner.version in versions
    assert "Provision" in commands
    phone.provision()
    assert phone.policy_key
    assert phone.folder_sync().added == []  # the world's phones know their folders
    for kind in (INBOX, TRASH, SENT, TASKS, CALENDAR, CONTACTS):
        assert owner.folder(kind)
    if not owner.since("14.0"):
        told = {each.name for each in folders.list_mail_folders(phone)}
        assert told == {each.name for each in phone.folders.values() if each.content_class == "Email"}


INVITATION = """\
BEGIN:VCALENDAR
PRODID:-//Other//Calendar//EN
VERSION:2.0
METHOD:REQUEST
BEGIN:VEVENT
UID:{uid}
DTSTAMP:20270105T083000Z
DTSTART:20270310T090000Z
DTEND:20270310T100000Z
SUMMARY:{subject}
ORGANIZER;CN=Zoe:mailto:zoe@example.com
ATTENDEE;CN=Zoe;PARTSTAT=ACCEPTED:mailto:zoe@example.com
ATTENDEE;PARTSTAT=NEEDS-ACTION;RSVP=TRUE:mailto:anton@example.org
END:VEVENT
END:VCALENDAR
"""


def incoming(subject: str) -> bytes:
    made = EmailMessage(policy=SMTP)
    made["From"], made["To"], made["Subject"] = "zoe@example.com", "anton@example.org", subject
    made["Message-ID"] = f"<{subject.replace(' ', '-')}@example.com>"
    made.set_content("Grüße aus Köln\n")
    made.add_attachment(b"a,b\n" * 99, "text", "csv", filename="ü.csv")
    return made.as_bytes()


def mail_is_read_and_answered(owner: Owner) -> None:
    world, phone = owner.world, owner.phone
    subject = f"Plan {owner.version}"
    world.deliver(incoming(subject))
    item = owner.one(INBOX, "Email:Subject", subject)
    data = phone.items(owner.folder(INBOX))[item]
    assert text_of(data).strip() == "Grüße aus Köln"
    assert open_file(phone, files_of(data)["ü.csv"]).data == b"a,b\n" * 99
    assert data.text_of("Email:Read") == "0"
    phone.mark_read(owner.folder(INBOX), item)
    assert world.find("inbox", subject)[0]["flags"] & SEEN
    if owner.since("12.0"):
        flag = [Element("Email:Status", "2"), Element("Email:FlagType", "Flag for follow up")]
        phone.change_item(owner.folder(INBOX), item, [Element("Email:Flag", children=flag)])
        assert world.find("inbox", subject)[0]["flags"] & FLAGGED
    mail.reply(phone, item, mail.message("zoe@example.com", f"Re: {subject}", "Bis bald"))
    mail.forward(phone, item, mail.message("berta@example.org", f"Fwd: {subject}", "Schau mal"))
    mail.send(phone, mail.message("berta@example.org", f"New {subject}", "Hallö"))
    answer, forwarded, new = (parsed(world, "sent", f"{word}{subject}") for word in ("Re: ", "Fwd: ", "New "))
    assert "Bis bald" in words(answer)
    assert "Grüße aus Köln" in words(answer)
    assert [part.get_filename() for part in forwarded.iter_attachments()] == ["ü.csv"]
    assert words(new).strip() == "Hallö"
    eventually(lambda: world.find("inbox", f"New {subject}", "berta"))
    flags = world.find("inbox", subject)[0]["flags"]
    assert flags & ANSWERED
    assert flags & FORWARDED


def parsed(world: MailWorld, kind: str, subject: str) -> EmailMessage:
    (found,) = world.find(kind, subject)
    message = message_from_bytes(world.source(kind, found["id"]), policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def words(message: EmailMessage) -> str:
    part = message.get_body(("plain", "html"))
    return "" if part is None else str(part.get_content())


def mail_is_moved_and_deleted(owner: Owner) -> None:
    world, phone = owner.world, owner.phone
    subject = f"Plan {owner.version}"
    made = folders.create_folder(phone, f"Folder {owner.version}")
    folders.change_folder(phone, made, name=f"Trip {owner.version}")
    item = owner.one(INBOX, "Email:Subject", subject)
    phone.sync(made)
    ((_, moved),) = mail.move(phone, [item], made).items()
    assert world.find("inbox", subject) == []
    assert phone.sync_all(made).from_server == 0
    phone.delete_item(made, moved, deletes_as_moves=True)
    assert len(world.find("trash", subject)) == 1
    folders.delete_folder(phone, made)
    owner.other.folder_sync()
    assert f"Trip {owner.version}" not in {
        each.name for each in owner.other.folders.values() if each.parent_id == "0"
    }


def contacts_come_and_go(owner: Owner) -> None:
    phone, book = owner.phone, owner.folder(CONTACTS)
    name = f"Zoë {owner.version}"
    phone.sync_all(book, body_type=1)
    item = phone.add_contact(book, {"Contacts:FirstName": name, "Contacts:LastName": "Quist"})
    assert [
        each.text_of("Contacts:LastName") for each in owner.seen(CONTACTS, "Contacts:FirstName", name)
    ] == ["Quist"]
    phone.change_item(book, item, {"Contacts:FirstName": name, "Contacts:LastName": "New"})
    assert [
        each.text_of("Contacts:LastName") for each in owner.seen(CONTACTS, "Contacts:FirstName", name)
    ] == ["New"]
    phone.delete_item(book, item)
    assert owner.seen(CONTACTS, "Contacts:FirstName", name) == []


def appointments_come_and_go(owner: Owner) -> None:
    phone, diary = owner.phone, owner.folder(CALENDAR)
    subject = f"Lunch {owner.version}"
    phone.sync_all(diary, body_type=1)
    weekly = (("Type", "1"), ("Interval", "1"), ("Occurrences", "4"), ("DayOfWeek", "2"))
    item = calendar.add_event(
        phone,
        diary,
        Change(subject=subject, start=START, end=START + timedelta(hours=1), reminder=15, recurrence=weekly),
    )
    calendar.change_event(phone, diary, item, Change(location="Room 2"))
    calendar.delete_occurrence(phone, diary, item, START + timedelta(weeks=1))
    (seen,) = owner.seen(CALENDAR, "Calendar:Subject", subject)
    assert seen.text_of("Calendar:Location") == "Room 2"
    assert seen.text_of("Calendar:Reminder") == "15"
    event = calendar.event(seen)
    assert event.deleted == (START + timedelta(weeks=1),)
    phone.delete_item(diary, item)
    assert owner.seen(CALENDAR, "Calendar:Subject", subject) == []


def invitations_are_answered(owner: Owner) -> None:
    if owner.world.ox.generation == "6":
        return  # it reads no invitations out of mail
    phone, subject = owner.phone, f"Come {owner.version}"
    message = EmailMessage(policy=SMTP)
    message["From"], message["To"], message["Subject"] = "zoe@example.com", "anton@example.org", subject
    message.set_content("Please come.")
    message.add_alternative(
        INVITATION.format(uid=f"{owner.version}@elsewhere.example", subject=subject).replace("\n", "\r\n"),
        subtype="calendar",
        params={"method": "REQUEST"},
    )
    owner.world.deliver(message.as_bytes())
    item = owner.one(INBOX, "Email:Subject", subject)
    assert meeting_request(phone.items(owner.folder(INBOX))[item])["StartTime"] == "2027-03-10T09:00:00.000Z"
    entry = calendar.answer(phone, item, calendar.ACCEPT)
    assert owner.one(CALENDAR, "Calendar:Subject", subject) == entry
    (seen,) = owner.seen(CALENDAR, "Calendar:Subject", subject)
    assert seen.text_of("Calendar:ResponseType") == "3"
    phone.delete_item(owner.folder(CALENDAR), entry)


def tasks_are_done(owner: Owner) -> None:
    phone, todo = owner.phone, owner.folder(TASKS)
    subject, due = f"Milk {owner.version}", START.date()
    phone.sync_all(todo, body_type=1)
    item = phone.add_item(todo, task(subject, due=due))
    phone.change_item(todo, item, task(subject, due=due, completed=START))
    (seen,) = owner.seen(TASKS, "Tasks:Subject", subject)
    assert seen.text_of("Tasks:Complete") == "1"
    phone.delete_item(todo, item)
    assert owner.seen(TASKS, "Tasks:Subject", subject) == []


def news_wake_it(owner: Owner) -> None:
    world, phone, inbox = owner.world, owner.phone, owner.folder(INBOX)
    subject = f"News {owner.version}"
    phone.sync_all(inbox, body_type=1)
    assert phone.ping([inbox, owner.folder(CONTACTS)], 60).status == 1

    def arrive() -> frozenset[str]:
        world.deliver(incoming(subject))
        return frozenset({world.folder("inbox")})

    world.waiter.events.append(arrive)
    answer = phone.ping()
    assert (answer.status, answer.folders) == (2, [inbox])
    assert phone.get_item_estimate(inbox) == 1
    assert len(owner.named(phone, inbox, "Email:Subject", subject)) == 1


def things_are_found(owner: Owner) -> None:
    phone = owner.phone
    found = search.search_people(phone, "berta", span="0-9")
    assert "berta@example.org" in {each.text("EmailAddress") for each in found.page}
    (meant,) = recipients.resolve(phone, ["berta@example.org"])
    assert [each.mail for each in meant.recipients] == ["berta@example.org"]
    if owner.since("12.0"):
        subject = f"News {owner.version}"
        (hit,) = search.search_mail(phone, f'subject:"{subject}"', classes=["Email"]).page
        assert hit.text("Subject") == subject
    if owner.since("16.1"):
        assert [each.text("Subject") for each in search.find_mail(phone, f'subject:"{subject}"').page] == [
            subject
        ]


def it_is_wiped(owner: Owner) -> None:
    what, standing = ("account", Standing.WIPE_ACCOUNT) if owner.since("16.1") else ("device", Standing.WIPE)
    owner.world.decide(owner.phone, standing)
    with pytest.raises(Wiped, match=f"the {what} was wiped"):
        owner.phone.sync(owner.folder(INBOX))
    assert not owner.phone.policy_key


# -- absences ------------------------------------------------------------------------------------------------

CHRISTMAS = "2026-12-23T23:00:00.000Z", "2027-01-01T23:00:00.000Z"
"""From the 24th to the 1st, both included, in Berlin."""
FORMS = (("12.0", settings.TEXT), ("14.1", settings.HTML), ("16.1", settings.TEXT))


def rules(world: MailWorld, login: str) -> list[dict[str, Any]]:
    """The vacation notices in OX."""
    return list(world.web(login).call("GET", "mailfilter", "list", flag="vacation"))


@pytest.fixture(params=GENERATIONS)
def world(request: pytest.FixtureRequest, worlds: dict[str, MailWorld]) -> Iterator[MailWorld]:
    yield worlds[request.param]
    assert worlds[request.param].odd() == []


@pytest.mark.parametrize(("version", "form"), FORMS)
def test_an_absence_is_set_and_ended_on_the_phone(world: MailWorld, version: str, form: str) -> None:
    login = "anton"
    phone = world.phone(login, version)
    phone.provision()
    text = f"Bin weg {version}"
    message = text if form == settings.TEXT else f"<html><body><p>{text}</p></body></html>"
    wanted = settings.Absence(settings.TIMED, {settings.AUDIENCES[0]: message}, *CHRISTMAS)
    settings.set_absence(phone, wanted, form)
    told = settings.absence(phone)
    assert (told.state, told.start, told.end) == (settings.TIMED, *CHRISTMAS)
    assert told.messages == dict.fromkeys(settings.AUDIENCES, text)
    assert text in settings.absence(phone, settings.HTML).messages[settings.AUDIENCES[0]]
    (rule,) = rules(world, login)
    assert rule["active"]
    assert [each["text"] for each in rule["actioncmds"] if each["id"] == "vacation"] == [text]
    settings.set_absence(phone, settings.Absence(settings.OFF, {}))
    assert settings.absence(phone).state == settings.OFF
    assert [each["active"] for each in rules(world, login)] == [False]


def test_who_writes_is_answered_as_the_phone_has_set_it(world: MailWorld) -> None:
    phone = world.phone("caesar", "16.1")
    phone.provision()
    settings.set_absence(phone, settings.Absence(settings.ALWAYS, {settings.AUDIENCES[0]: "Bin am Meer"}))
    writer = world.phone("dora", "2.5")
    mail.send(writer, mail.message("caesar@example.org", "Where are you?", "Hallo"))
    (answer,) = eventually(lambda: world.find("inbox", "Auto: Where are you?", "dora"))
    assert b"Bin am Meer" in world.source("inbox", answer["id"], "dora")
    settings.set_absence(phone, settings.Absence(settings.OFF, {}))


def test_an_absence_set_in_ox_is_shown_by_the_phone(world: MailWorld) -> None:
    command = {"id": "vacation", "days": "2", "text": "Im Urlaub", "subject": "Weg"}
    rule = {"rulename": "Urlaub", "active": True, "flags": ["vacation"], "test": {"id": "true"}}
    web = world.web("dora")
    web.call("PUT", "mailfilter", "new", {**rule, "actioncmds": [command]})
    phone = world.phone("dora", "14.0")
    phone.provision()
    told = settings.absence(phone)
    assert (told.state, told.messages[settings.AUDIENCES[2]]) == (settings.ALWAYS, "Im Urlaub")
    settings.set_absence(phone, settings.Absence(settings.OFF, {}))
    (kept,) = rules(world, "dora")
    assert (kept["rulename"], kept["actioncmds"], kept["active"]) == ("Urlaub", [command], False)


def test_what_makes_no_sense_is_refused_and_changes_nothing(world: MailWorld) -> None:
    phone = world.phone("emil", "14.1")
    phone.provision()
    backwards = settings.Absence(settings.TIMED, {settings.AUDIENCES[0]: "x"}, *reversed(CHRISTMAS))
    with pytest.raises(CommandFailed, match="status 6"):
        settings.set_absence(phone, backwards)
    with pytest.raises(CommandFailed, match="status 5"):
        settings.set_absence(phone, settings.Absence(settings.ALWAYS, {}))
    assert rules(world, "emil") == []


# -- certificates --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
def test_certificates_of_signed_mail_are_checked(
    worlds: dict[str, MailWorld], authority: Made, version: str
) -> None:
    phone = worlds["7"].phone(version=version)
    between = made("Between", authority, authority=True)
    asked = [
        made("Anton", between),
        made("Late", authority, days=100),
        made("Stranger"),
    ]
    found = certificates.validate(
        phone, [each.der for each in asked] + [b"0\x03\x02\x01\x05"], chain=[between.der]
    )
    assert found == [certificates.VALID, 7, 4, 10]
    assert certificates.validate(phone, [asked[0].der]) == [4]
    assert certificates.validate(phone, [asked[0].der], chain=[between.der], revocation=True) == [16]
