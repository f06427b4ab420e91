"""What the owner of a phone does in a day, beyond reading: an appointment, a task, a note, a mail to oneself that is
filed away and looked for, and oneself looked up in the directory. A second phone of the same owner, which looks
afterwards, must hold all of it, once.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

from app.wbxml import Element
from lab.device import calendar, folders, mail, recipients, search
from lab.device.calendar_items import Change
from lab.device.errors import PhoneError
from lab.device.notes import note
from lab.device.phone import Phone
from lab.device.tasks import task

INBOX, SENT, TASKS, CALENDAR, NOTES = 2, 5, 7, 8, 10
PLAIN_TEXT = 1
PATIENCE = 20.0
"""Seconds until a mail to oneself must have come."""

Errand = Callable[[Phone, str, str], str]


class ErrandFailed(PhoneError):
    """Something is not where it should be, or not once."""


def run(phone: Phone, address: str, other: Phone) -> list[str]:
    """All errands of a phone whose folders are known, and what the other phone sees of each; a line for each.
    ``address``: the owner's own. ``PhoneError`` for what goes wrong."""
    mark = secrets.token_hex(4)
    told = [errand(phone, f"{name} {mark}", address) for name, errand in ERRANDS.items()]
    other.folder_sync()
    for name, (folder_type, tag) in SEEN.items():
        _only(other, _folder(other, folder_type, name, mark), tag, f"{name} {mark}")
    return told


def _appointment(phone: Phone, subject: str, _: str) -> str:
    folder = phone.folder_of_type(CALENDAR).server_id
    phone.sync_all(folder, body_type=PLAIN_TEXT)
    day = datetime.now(UTC).date() + timedelta(days=1)
    begins = datetime(day.year, day.month, day.day, 9, tzinfo=UTC)
    change = Change(subject=subject, start=begins, end=begins + timedelta(hours=1), reminder=15)
    server_id = calendar.add_event(phone, folder, change)
    calendar.change_event(phone, folder, server_id, Change(location="Room 1"))
    return f"an appointment tomorrow at 9, then moved to Room 1: {subject}"


def _task(phone: Phone, subject: str, _: str) -> str:
    folder = phone.folder_of_type(TASKS).server_id
    phone.sync_all(folder, body_type=PLAIN_TEXT)
    due = date.today() + timedelta(days=7)  # noqa: DTZ011 - the owner's own day
    server_id = phone.add_item(folder, task(subject, due=due, text="milk"))
    phone.change_item(folder, server_id, task(subject, due=due, completed=datetime.now(UTC), text="milk"))
    return f"a task for next week, done at once: {subject}"


def _note(phone: Phone, subject: str, _: str) -> str:
    folder = phone.folder_of_type(NOTES).server_id
    phone.sync_all(folder, body_type=PLAIN_TEXT)
    server_id = phone.add_item(folder, note(subject, "first"))
    phone.change_item(folder, server_id, note(subject, "first\nsecond"))
    return f"a note, and a second line for it: {subject}"


def _mail(phone: Phone, subject: str, address: str) -> str:
    inbox, sent = (phone.folder_of_type(number).server_id for number in (INBOX, SENT))
    for folder in (inbox, sent):
        phone.sync_all(folder, body_type=PLAIN_TEXT)
    mail.send(phone, mail.message(address, subject, "to myself", sender=address))
    arrived = _awaited(phone, inbox, subject)
    _only(phone, sent, "Email:Subject", subject)
    place = folders.create_folder(phone, f"Folder of {subject}")
    phone.sync_all(place, body_type=PLAIN_TEXT)
    mail.move(phone, [arrived], place)
    _only(phone, place, "Email:Subject", subject)
    if _named(phone, inbox, "Email:Subject", subject):
        raise ErrandFailed(f"{subject!r} was moved and is in the INBOX still")
    return f"a mail to oneself, one copy in Sent, filed in a new folder: {subject}"


def _search(phone: Phone, subject: str, address: str) -> str:
    wanted = subject.replace("Search", "Mail", 1)
    found = search.search_mail(phone, f'"{wanted}"', classes=["Email"])
    subjects = [result.text("Subject") for result in found.page]
    if subjects != [wanted, wanted]:
        raise ErrandFailed(f"a search for {wanted!r} finds {subjects} instead of the mail and the one sent")
    (meant,) = recipients.resolve(phone, [address])
    people = search.search_people(phone, address)
    if meant.status != recipients.RESOLVED or people.total != 1:
        raise ErrandFailed(f"{address} means {meant.count} people, and the directory has {people.total}")
    return f"the mail and its copy found again, and the owner in the directory: {meant.recipients[0].name}"


ERRANDS: dict[str, Errand] = {
    "Appointment": _appointment,
    "Task": _task,
    "Note": _note,
    "Mail": _mail,
    "Search": _search,
}
SEEN = {
    "Appointment": (CALENDAR, "Calendar:Subject"),
    "Task": (TASKS, "Tasks:Subject"),
    "Note": (NOTES, "Notes:Subject"),
    "Mail": (None, "Email:Subject"),
}
"""Errand → the type of the folder where another phone finds it (none: the new one), and the tag that names it."""


def _folder(phone: Phone, folder_type: int | None, name: str, mark: str) -> str:
    if folder_type is not None:
        return phone.folder_of_type(folder_type).server_id
    title = f"Folder of {name} {mark}"
    found = [folder.server_id for folder in phone.folders.values() if folder.name == title]
    if len(found) != 1:
        raise ErrandFailed(f"another phone sees the new folder {len(found)} times")
    return found[0]


def _named(phone: Phone, folder: str, tag: str, text: str) -> list[str]:
    phone.sync_all(folder, body_type=PLAIN_TEXT)
    return [server_id for server_id, item in phone.items(folder).items() if item.text_of(tag) == text]


def _only(phone: Phone, folder: str, tag: str, text: str) -> Element:
    found = _named(phone, folder, tag, text)
    if len(found) != 1:
        raise ErrandFailed(f"{text!r} is there {len(found)} times instead of once")
    return phone.items(folder)[found[0]]


def _awaited(phone: Phone, folder: str, subject: str) -> str:
    end = time.monotonic() + PATIENCE
    while not (found := _named(phone, folder, "Email:Subject", subject)):
        if time.monotonic() > end:
            raise ErrandFailed(f"{subject!r} has not come within {PATIENCE:.0f} seconds")
        time.sleep(0.2)
    return found[0]
