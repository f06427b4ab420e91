"""Appointments and meetings by phone: every version before OX of every generation, what one phone enters read by
another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any

import pytest

from lab.device import Change as DeviceChange
from lab.device import CommandFailed, Phone, calendar
from lab.device import mail as device_mail
from lab.device.calendar_items import Change, Event, meeting_request
from tests.end_to_end.mail_world import MailWorld, before

VERSIONS = ("12.1", "14.0", "14.1", "16.0", "16.1")
PLACES = (("6", "12.1"), ("7", "14.1"), ("7", "16.1"), ("8", "14.0"), ("8", "16.0"))
"""Every generation, and every version, at least once."""
INBOX, CALENDAR = 2, 8
HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(weeks=1)
START = datetime(2027, 3, 8, 9, tzinfo=UTC)
"""Monday, ten in the morning in Berlin."""
SUMMER = [START + WEEK, START + 2 * WEEK, START + 3 * WEEK - HOUR, START + 4 * WEEK - HOUR]
"""The following Mondays; the clocks change on March 28."""
WEEKLY = (("Type", "1"), ("Interval", "1"), ("Occurrences", "8"), ("DayOfWeek", "2"))


@pytest.fixture(scope="module")
def worlds(seed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, MailWorld]]:
    """A world before each generation."""
    with ExitStack() as all_of_them:
        yield {
            generation: all_of_them.enter_context(
                before(generation, seed, tmp_path_factory.mktemp(f"ox{generation}") / "data")
            )
            for generation in ("6", "7", "8")
        }


@pytest.fixture(params=PLACES, ids=lambda place: f"{place[1]} before OX {place[0]}")
def place(request: pytest.FixtureRequest, worlds: dict[str, MailWorld]) -> Iterator[tuple[MailWorld, str]]:
    generation, version = request.param
    world = worlds[generation]
    yield world, version
    odd = world.odd()
    diary = Diary(world, "anton", version)
    names = list(diary.events())
    diary.phone.sync(diary.folder, changes=[DeviceChange("Delete", name) for name in names])
    assert odd == []


class Diary:
    """A user's calendar on a phone."""

    def __init__(self, world: MailWorld, login: str, version: str) -> None:
        self.world = world
        self.phone: Phone = world.phone(login, version)
        self.folder = self.phone.folder_of_type(CALENDAR).server_id

    def events(self) -> dict[str, Event]:
        """After a look at the server."""
        self.phone.sync_all(self.folder, body_type=1)
        return calendar.events(self.phone, self.folder)

    def named(self, subject: str) -> Event:
        return self.events()[self.server_id(subject)]

    def server_id(self, subject: str) -> str:
        found = [name for name, event in self.events().items() if event.subject == subject]
        assert len(found) == 1, f"{len(found)} times {subject}"
        return found[0]

    def add(self, change: Change) -> str:
        self.events()
        return calendar.add_event(self.phone, self.folder, change)


def diaries(place: tuple[MailWorld, str], login: str = "anton") -> tuple[Diary, Diary]:
    """The same calendar on two phones: one of this version, and one of the other kind."""
    world, version = place
    return Diary(world, login, version), Diary(world, login, "14.1" if version >= "16" else "16.1")


def test_an_appointment_goes_there_and_back(place: tuple[MailWorld, str]) -> None:
    mine, other = diaries(place)
    entered = Change(
        subject="Dentist", start=START, end=START + HOUR, location="Main St 1", text="bring card\nand money",
        reminder=30, sensitivity=2, categories=["health", "teeth"],
    )  # fmt: skip
    name = mine.add(entered)
    for diary in (mine, other):
        event = diary.named("Dentist")
        assert (event.start, event.end, event.all_day) == (START, START + HOUR, False)
        assert (event.location, event.text, event.reminder) == ("Main St 1", "bring card\nand money", 30)
        assert event.categories == ("health", "teeth")
    assert mine.named("Dentist").uid == other.named("Dentist").uid
    calendar.change_event(mine.phone, mine.folder, name, Change(location="", reminder=-1, subject="Doctor"))
    event = other.named("Doctor")
    assert (event.location, event.reminder, event.start) == ("", None, START)
    assert event.text == "bring card\nand money"
    mine.phone.delete_item(mine.folder, name)
    assert "Doctor" not in [event.subject for event in other.events().values()]


def test_whole_days_stay_where_they_are(place: tuple[MailWorld, str]) -> None:
    mine, other = diaries(place)
    mine.add(Change(subject="Holiday", start=date(2027, 3, 27), end=date(2027, 3, 30)))
    for diary in (mine, other):
        event = diary.named("Holiday")
        assert (event.all_day, event.start, event.end) == (True, date(2027, 3, 27), date(2027, 3, 30))


def test_a_series_with_exceptions_across_the_change_of_the_clocks(place: tuple[MailWorld, str]) -> None:
    mine, other = diaries(place)
    name = mine.add(Change(subject="Weekly", start=START, end=START + HOUR, recurrence=WEEKLY))
    mine.events()
    calendar.delete_occurrence(mine.phone, mine.folder, name, SUMMER[0])
    moved = Change(subject="Moved", start=SUMMER[2] + DAY, end=SUMMER[2] + DAY + 2 * HOUR)
    calendar.change_occurrence(mine.phone, mine.folder, name, SUMMER[2], moved)
    calendar.change_occurrence(mine.phone, mine.folder, name, SUMMER[3], Change(location="Elsewhere"))
    for diary in (other, mine):
        event = diary.named("Weekly")
        assert event.start == START
        assert {tag: event.rule[tag] for tag in ("Type", "Occurrences", "DayOfWeek")} == {
            "Type": "1", "Occurrences": "8", "DayOfWeek": "2",
        }  # fmt: skip
        assert event.deleted == (SUMMER[0],)
        assert set(event.changed) == {SUMMER[2], SUMMER[3]}
        change = event.changed[SUMMER[2]]
        assert (change.subject, change.start, change.end) == (
            "Moved", SUMMER[2] + DAY, SUMMER[2] + DAY + 2 * HOUR,
        )  # fmt: skip
        assert event.changed[SUMMER[3]].location == "Elsewhere"
        assert event.changed[SUMMER[3]].start == SUMMER[3]
    back = other.server_id("Weekly")
    calendar.change_occurrence(other.phone, other.folder, back, SUMMER[3], Change(subject="Edited"))
    calendar.delete_occurrence(other.phone, other.folder, back, SUMMER[1])
    event = mine.named("Weekly")
    assert sorted(event.deleted) == SUMMER[:2]
    assert event.changed[SUMMER[3]].subject == "Edited"
    assert event.changed[SUMMER[3]].location == "Elsewhere"
    assert event.changed[SUMMER[2]].subject == "Moved"


def test_a_series_that_is_moved_keeps_its_exceptions_up_to_14_1(place: tuple[MailWorld, str]) -> None:
    mine, other = diaries(place)
    if mine.phone.version >= "16":
        mine, other = other, mine
    name = mine.add(Change(subject="Old hour", start=START, end=START + HOUR, recurrence=WEEKLY))
    calendar.change_occurrence(mine.phone, mine.folder, name, SUMMER[1], Change(subject="Special"))
    calendar.delete_occurrence(mine.phone, mine.folder, name, SUMMER[2])
    moved = Change(subject="New hour", start=START + HOUR, end=START + 2 * HOUR)
    calendar.change_event(mine.phone, mine.folder, name, moved)
    for diary in (other, mine):
        event = diary.named("New hour")
        assert event.start == START + HOUR
        assert event.deleted == (SUMMER[2] + HOUR,)
        assert [change.subject for change in event.changed.values()] == ["Special"]
        assert set(event.changed) == {SUMMER[1] + HOUR}


RULES: tuple[dict[str, str], ...] = (
    {"Type": "0", "Interval": "3", "Occurrences": "4"},
    {"Type": "1", "Interval": "2", "DayOfWeek": "62", "Occurrences": "9"},
    {"Type": "2", "Interval": "1", "DayOfMonth": "8"},
    {"Type": "3", "Interval": "1", "WeekOfMonth": "2", "DayOfWeek": "2", "Occurrences": "4"},
    {"Type": "5", "Interval": "1", "DayOfMonth": "8", "MonthOfYear": "3"},
    {"Type": "6", "Interval": "1", "WeekOfMonth": "2", "DayOfWeek": "2", "MonthOfYear": "3"},
    {"Type": "0", "Interval": "1", "Until": "20270402T080000Z"},
)


def test_every_kind_of_series(place: tuple[MailWorld, str]) -> None:
    mine, other = diaries(place)
    mine.events()
    for number, rule in enumerate(RULES):
        change = Change(subject=f"{number}", start=START, end=START + HOUR, recurrence=tuple(rule.items()))
        calendar.add_event(mine.phone, mine.folder, change)
    for diary in (other, mine):
        events = {event.subject: event for event in diary.events().values()}
        for number, rule in enumerate(RULES):
            found = events[f"{number}"]
            assert {tag: found.rule.get(tag) for tag in rule} == rule
            assert found.start == START


def invitation(diary: Diary, subject: str) -> tuple[str, dict[str, Any]]:
    """The mail that invites: its ServerId, and what it tells."""
    phone = diary.phone
    inbox = phone.folder_of_type(INBOX).server_id
    phone.sync_all(inbox)
    found = [
        (name, meeting_request(data))
        for name, data in phone.items(inbox).items()
        if subject in (data.text_of("Email:Subject") or "") and meeting_request(data)
    ]
    assert len(found) == 1, [data.text_of("Email:Subject") for data in phone.items(inbox).values()]
    return found[0]


def state(diary: Diary, subject: str, mail: str) -> int:
    [attendee] = [each for each in diary.named(subject).attendees if each.mail == mail]
    return attendee.status


INVITATION = """\
BEGIN:VCALENDAR
PRODID:-//Other//Calendar//EN
VERSION:2.0
METHOD:REQUEST
BEGIN:VEVENT
UID:{uid}
SEQUENCE:1
DTSTAMP:20270105T083000Z
DTSTART:20270310T090000Z
DTEND:20270310T100000Z
SUMMARY:{subject}
ORGANIZER;CN=Anton:mailto:anton@example.org
ATTENDEE;CN=Anton;PARTSTAT=ACCEPTED:mailto:anton@example.org
ATTENDEE;CN=Dora;PARTSTAT=NEEDS-ACTION;RSVP=TRUE:mailto:dora@example.org
END:VEVENT
END:VCALENDAR
"""


@pytest.mark.parametrize(
    ("reply", "count"), [(calendar.ACCEPT, 1), (calendar.DECLINE, 0)], ids=["accepted", "declined"]
)
def test_an_invitation_from_elsewhere_is_answered_once(
    place: tuple[MailWorld, str], reply: int, count: int
) -> None:
    world, version = place
    if world.ox.generation == "6":
        pytest.skip("OX 6 reads no invitations out of mail")
    subject = f"Invitation {version} {reply}"
    message = EmailMessage(policy=SMTP)
    message["From"], message["To"] = "anton@example.org", "dora@example.org"
    message["Subject"] = subject
    message.set_content("Please come.")
    text = INVITATION.format(uid=f"{version}-{reply}@elsewhere.example", subject=subject)
    message.add_alternative(text, subtype="calendar", params={"method": "REQUEST"})
    world.ox.deliver("dora@example.org", message.as_bytes())
    guest = Diary(world, "dora", version)
    mail, told = invitation(guest, subject)
    assert (told["UID"], told["StartTime"]) == (
        f"{version}-{reply}@elsewhere.example",
        "2027-03-10T09:00:00.000Z",
    )
    appointment = calendar.answer(guest.phone, mail, reply, tell=version >= "16")
    assert calendar.answer(guest.phone, mail, reply, tell=version >= "16") == appointment
    assert bool(appointment) is bool(count)
    held = [name for name, event in guest.events().items() if event.subject == subject]
    if count:
        assert held == [appointment]
        assert guest.events()[appointment].response_type == (3 if version >= "14" else None)
    if version < "16":
        own = own_reply(told["UID"], "ACCEPTED" if count else "DECLINED", subject)
        device_mail.send(guest.phone, own)
    answers = [each for each in world.mails("inbox", "anton") if subject in each["subject"]]
    assert len(answers) == 1


def own_reply(uid: str, state: str, subject: str) -> EmailMessage:
    """The mail that a phone up to 14.1 sends of itself."""
    message = EmailMessage(policy=SMTP)
    message["From"], message["To"] = "dora@example.org", "anton@example.org"
    message["Subject"] = f"{state.title()}: {subject}"
    message.set_content("When: then")
    text = (
        "BEGIN:VCALENDAR\r\nPRODID:x\r\nVERSION:2.0\r\nMETHOD:REPLY\r\nBEGIN:VEVENT\r\n"
        f"UID:{uid}\r\nDTSTAMP:20270105T083000Z\r\nATTENDEE;PARTSTAT={state}:mailto:dora@example.org\r\n"
        "END:VEVENT\r\nEND:VCALENDAR\r\n"
    )
    message.add_alternative(text, subtype="calendar", params={"method": "REPLY"})
    return message


@pytest.mark.requirement("MS-ASCMD", 5094, 7478, 7480, 7481)
@pytest.mark.requirement("MS-ASEMAIL", 16, 17, 1074)
def test_a_meeting_among_users_is_proposed_and_answered_from_the_mail(place: tuple[MailWorld, str]) -> None:
    world, version = place
    if world.ox.generation == "8":
        pytest.skip("OX 8 puts meetings among its users into their calendars, and writes no mail")
    subject = f"Meeting in {version}"
    host, guest = Diary(world, "anton", version), Diary(world, "berta", version)
    change = Change(
        subject=subject, start=START + DAY, end=START + DAY + HOUR, attendees=["berta@example.org"]
    )
    host.add(change)
    assert host.named(subject).meeting_status == 1
    mail, told = invitation(guest, subject)
    assert told["StartTime"] == "2027-03-09T09:00:00.000Z"
    appointment = calendar.answer(guest.phone, mail, calendar.ACCEPT, tell=version >= "16", comment="")
    assert guest.server_id(subject) == appointment
    assert guest.named(subject).meeting_status == 3
    assert guest.named(subject).uid == told["UID"] == host.named(subject).uid
    assert state(host, subject, "berta@example.org") == 3


def test_files_are_added_and_taken_away_from_16_0(place: tuple[MailWorld, str]) -> None:
    mine, other = diaries(place)
    if mine.phone.version < "16":
        mine, other = other, mine
    files = {"a.txt": b"text", "b.bin": bytes(range(256))}
    name = mine.add(Change(subject="Files", start=START, end=START + HOUR, add_files=files))
    held = mine.named("Files").files
    assert set(held) == set(files)
    for title, reference in held.items():
        assert device_mail.fetch_file(mine.phone, reference).data == files[title]
    change = Change(remove_files=[held["a.txt"]], add_files={"c.txt": b"more"})
    calendar.change_event(mine.phone, mine.folder, name, change)
    assert set(mine.named("Files").files) == {"b.bin", "c.txt"}
    assert other.named("Files").files == {}


def test_a_meeting_is_answered_from_the_calendar(place: tuple[MailWorld, str]) -> None:
    world, version = place
    subject = f"Calendar in {version}"
    host, guest = Diary(world, "anton", version), Diary(world, "caesar", version)
    host.add(
        Change(
            subject=subject,
            start=START + 2 * DAY,
            end=START + 2 * DAY + HOUR,
            attendees=["caesar@example.org"],
        )
    )
    name = guest.server_id(subject)
    assert calendar.answer(guest.phone, name, calendar.TENTATIVE) == name
    assert state(host, subject, "caesar@example.org") == 2
    assert calendar.answer(guest.phone, name, calendar.DECLINE) == ""
    assert state(host, subject, "caesar@example.org") == 4


def test_what_makes_no_sense_is_refused_alone(place: tuple[MailWorld, str]) -> None:
    mine, _ = diaries(place)
    with pytest.raises(CommandFailed) as refused:
        mine.add(Change(subject="Never", start=START, end=START - HOUR))
    assert refused.value.status == 6
    mine.add(Change(subject="After all", start=START, end=START + HOUR))
    assert mine.named("After all")
