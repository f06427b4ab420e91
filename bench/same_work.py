"""The work that any ActiveSync server can be given, with data that are brought there through ActiveSync itself.

A mailbox is filled once: mails that its owner sends to himself, contacts and appointments that his phone makes. A
second run finds them there and only makes what is missing. Then each piece of work is done as a phone does it, again
and again, and what it took is noted.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final

from app.wbxml import Element
from bench.processes import cpu_of, memory_of
from lab.device import Change, Phone, calendar, mail
from lab.device.calendar_items import Change as EventChange

INBOX, CALENDAR, CONTACTS = 2, 8, 9
KINDS: Final = {"mails": INBOX, "contacts": CONTACTS, "events": CALENDAR}
WISHES: Final[dict[str, dict[str, Any]]] = {
    "mails": {"window": 100, "filter_type": 0, "body_type": 1, "truncation": 5120},
    "contacts": {"window": 100},
    "events": {"window": 100, "filter_type": 0},
}
"""How each kind is asked for, on every server alike."""

HEARTBEAT: Final = 60
"""Seconds a Ping may wait; servers refuse less."""

ARRIVAL: Final = 120.0
"""Seconds until all mails that were sent must be there."""

WORDS: Final = ("quick", "brown", "fox", "jumps", "lazy", "dog", "phones", "sleep", "servers", "wait", "for")
PLACES: Final = ("Rhône", "Malmö", "Łódź", "Brno", "Évora")


@dataclass(frozen=True, slots=True)
class Server:
    """A server with one account on it. ``processes``: those whose processor time and memory are the server's, where it
    runs on this machine; with all that they have begun."""

    name: str
    url: str
    login: str
    password: str
    address: str
    version: str = "14.1"
    verify: bool | str = True
    processes: tuple[int, ...] = ()

    def phone(self) -> Phone:
        """A phone that no server has seen, with its folders."""
        phone = Phone(
            self.url,
            self.login,
            self.password,
            device_id=f"BENCH{uuid.uuid4().hex[:20].upper()}",
            version=self.version,
            verify=self.verify,
            timeout=120.0,
        )
        phone.folder_sync()
        return phone


@dataclass(slots=True)
class Taken:
    """What pieces of work took: seconds each, and seconds of the server's processor for all of them."""

    seconds: list[float] = field(default_factory=list)
    cpu: float = 0.0

    @contextmanager
    def one(self, server: Server) -> Iterator[None]:
        """Times what happens inside."""
        used, began = cpu_of(server.processes), time.monotonic()
        yield
        self.seconds.append(time.monotonic() - began)
        self.cpu += cpu_of(server.processes) - used


class WorkError(Exception):
    """The server did not do the work rightly; the message says what came instead."""


# -- filling ----------------------------------------------------------------------------------------------------


def fill(server: Server, wanted: dict[str, int], say: Callable[[str], None]) -> None:
    """Sees to it that so many of each kind are there. Raises :class:`WorkError`."""
    phone = server.phone()
    for kind, count in wanted.items():
        folder = phone.folder_of_type(KINDS[kind]).server_id
        phone.sync_all(folder, **WISHES[kind])
        missing = count - len(phone.items(folder))
        if missing > 0:
            say(f"{server.name}: making {missing} {kind}")
            MAKERS[kind](phone, server, folder, missing)
        _wait_for(phone, folder, kind, count)


def _wait_for(phone: Phone, folder: str, kind: str, count: int) -> None:
    deadline = time.monotonic() + ARRIVAL
    while len(phone.items(folder)) < count:
        if time.monotonic() > deadline:
            raise WorkError(f"only {len(phone.items(folder))} of {count} {kind} have arrived")
        time.sleep(0.5)
        phone.sync_all(folder, **WISHES[kind])


def _send_mails(phone: Phone, server: Server, folder: str, missing: int) -> None:
    random = Random(folder)
    for number in range(missing):
        lines = [" ".join(random.choices(WORDS, k=12)) for _ in range(80)]
        subject = f"Bench {number:04} {random.choice(PLACES)}"
        text = mail.message(server.address, subject, "\n".join(lines), sender=server.address)
        mail.send(phone, text, save=False)


def _make_contacts(phone: Phone, server: Server, folder: str, missing: int) -> None:
    random = Random(folder)
    contacts = [
        {
            "Contacts:FirstName": f"Bench {number:04}",
            "Contacts:LastName": random.choice(PLACES),
            "Contacts:Email1Address": f"bench{number}@example.org",
            "Contacts:MobilePhoneNumber": f"+49 170 {number:07}",
            "Contacts:BusinessAddressCity": random.choice(PLACES),
            "Contacts:CompanyName": f"{random.choice(PLACES)} & Söhne",
        }
        for number in range(missing)
    ]
    for start in range(0, missing, 50):
        changes = [
            Change(
                "Add",
                client_id=phone.new_client_id(),
                fields=tuple(Element(name, value) for name, value in contact.items()),
            )
            for contact in contacts[start : start + 50]
        ]
        phone.sync(folder, changes=changes)


def _make_events(phone: Phone, server: Server, folder: str, missing: int) -> None:
    random = Random(folder)
    today = datetime.now(UTC).replace(hour=8, minute=0, second=0, microsecond=0)
    for number in range(missing):
        begin = today + timedelta(days=number % 60, hours=number // 60 % 9)
        change = EventChange(
            subject=f"Bench {number:04}",
            start=begin,
            end=begin + timedelta(minutes=30),
            zone="Europe/Berlin",
            location=random.choice(PLACES),
            reminder=15,
        )
        calendar.add_event(phone, folder, change)


MAKERS: Final = {"mails": _send_mails, "contacts": _make_contacts, "events": _make_events}


# -- work -------------------------------------------------------------------------------------------------------


def first_sync(server: Server, kind: str, count: int, taken: Taken) -> None:
    """A new phone fetches all of a kind; provisioning and folders are not counted."""
    phone = server.phone()
    folder = phone.folder_of_type(KINDS[kind]).server_id
    with taken.one(server):
        phone.sync_all(folder, **WISHES[kind])
    if len(phone.items(folder)) < count:
        raise WorkError(f"a first Sync brought {len(phone.items(folder))} of {count} {kind}")
    phone.close()


def settled(server: Server) -> tuple[Phone, str]:
    """A phone that has all mails, and the folder they are in."""
    phone = server.phone()
    folder = phone.folder_of_type(INBOX).server_id
    phone.sync_all(folder, **WISHES["mails"])
    return phone, folder


def look_again(server: Server, phone: Phone, folder: str, times: int, taken: Taken) -> None:
    """Syncs that find nothing new."""
    for _ in range(times):
        with taken.one(server):
            result = phone.sync(folder, **WISHES["mails"])
        if result.added or result.changed or result.deleted:
            raise WorkError("a Sync brought changes where there were none")


def look_at_folders(server: Server, phone: Phone, times: int, taken: Taken) -> None:
    """FolderSyncs that find nothing new."""
    for _ in range(times):
        with taken.one(server):
            changes = phone.folder_sync()
        if changes.added or changes.updated or changes.deleted:
            raise WorkError("a FolderSync brought changes where there were none")


def many_look_again(settlers: Sequence[tuple[Phone, str]], times: int) -> float:
    """All phones at once, each so many Syncs that find nothing new; answers a second."""

    def one(phone: Phone, folder: str) -> None:
        for _ in range(times):
            phone.sync(folder, **WISHES["mails"])

    began = time.monotonic()
    with ThreadPoolExecutor(len(settlers)) as pool:
        for done in [pool.submit(one, *settler) for settler in settlers]:
            done.result()
    return len(settlers) * times / (time.monotonic() - began)


def push(server: Server, waiting: Phone, sender: Phone, folder: str, random: Random) -> float:
    """Seconds from the end of a SendMail to the answer of a Ping that has waited for some seconds."""
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(_timed_ping, waiting, folder)
        time.sleep(random.uniform(2.0, 12.0))
        text = mail.message(server.address, "Bench push", "Is it there?", sender=server.address)
        mail.send(sender, text, save=False)
        sent = time.monotonic()
        came, folders = answer.result()
    if folder not in folders:
        raise WorkError("a mail came, and the Ping did not name its folder")
    waiting.sync_all(folder, **WISHES["mails"])
    return max(0.0, came - sent)


def _timed_ping(phone: Phone, folder: str) -> tuple[float, Iterable[str]]:
    result = phone.ping([folder], HEARTBEAT)
    return time.monotonic(), result.folders


def parked(server: Server, count: int) -> tuple[float, float]:
    """So many phones wait in a Ping: MB of the server's memory for each, and how many seconds a FolderSync of another
    phone takes meanwhile."""
    phones = [settled(server) for _ in range(count)]
    other = server.phone()
    before = memory_of(server.processes)
    with ThreadPoolExecutor(count) as pool:
        waiting = [pool.submit(phone.ping, [folder], HEARTBEAT) for phone, folder in phones]
        time.sleep(HEARTBEAT / 2)
        each = (memory_of(server.processes) - before) / count
        began = time.monotonic()
        other.folder_sync()
        beside = time.monotonic() - began
        for answer in waiting:
            answer.result()
    return each, beside
