"""What phones hold against what OX holds, item by item: nothing twice, nothing lost.

OX is asked as a browser asks it, so that neither side of the comparison comes from the application.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from itertools import count
from random import Random

from app.wbxml import Element
from lab.browser import INBOX, Browser, BrowserError
from lab.device.owner import Owner

SUBJECT = "607"
DELIVERERS = 20
"""Mail comes to so many users at most: each needs a session at OX."""

TRIES = 3

Item = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stock:
    """The items of one user, or of one phone."""

    contacts: Counter[Item]
    mails: Counter[Item]


@dataclass(slots=True)
class Differences:
    """Sentences; ``twice``: more often on a phone (or in OX) than there should be; ``lost``: missing on a phone."""

    twice: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)

    def add(self, whose: str, found: Counter[Item], expected: Counter[Item]) -> None:
        self.twice += [f"{whose} holds too much: {_named(item)}" for item in (found - expected).elements()]
        self.lost += [f"{whose} lacks {_named(item)}" for item in (expected - found).elements()]


class Mailbox(Browser):
    """A user at the web interface, with a view on the INBOX as well."""

    def subjects(self) -> list[str]:
        """The subjects of all mails in the INBOX."""
        return [str(row[0] or "") for row in self._get("mail", "all", folder=INBOX, columns=SUBJECT)]


def stock_of_user(ox: str, login: str, password: str, verify: bool | str) -> Stock:
    """What OX holds of a user, without distribution lists (ActiveSync has none). Raises ``BrowserError`` when OX cannot
    be asked at the third try either."""
    for _ in range(TRIES - 1):
        with suppress(BrowserError):
            return _stock_of_user(ox, login, password, verify)
    return _stock_of_user(ox, login, password, verify)


def _stock_of_user(ox: str, login: str, password: str, verify: bool | str) -> Stock:
    browser = Mailbox(ox, verify)
    browser.login(login, password)
    try:
        people = [row for row in browser.contacts() if not row["mark_as_distributionlist"]]
        keys = ("first_name", "last_name", "email1")
        return Stock(
            Counter(tuple(str(row[key] or "") for key in keys) for row in people),
            Counter((subject,) for subject in browser.subjects()),
        )
    finally:
        browser.logout()


def stock_of_phone(owner: Owner) -> Stock:
    """What a phone shows."""
    names = ("Contacts:FirstName", "Contacts:LastName", "Contacts:Email1Address")
    return Stock(
        _counted(owner.phone.items(owner.contacts).values(), names),
        _counted(owner.phone.items(owner.inbox).values(), ("Email:Subject",)),
    )


def compare(owners: Sequence[Owner], ox: str, password: str, verify: bool | str) -> Differences:
    """Every phone against its user's items in OX, and OX against what was written on the phones."""
    found = Differences()
    for login in sorted({owner.login for owner in owners}):
        theirs = stock_of_user(ox, login, password, verify)
        mine = [owner for owner in owners if owner.login == login]
        for owner in mine:
            held = stock_of_phone(owner)
            found.add(f"{owner.name} ({login})", held.contacts, theirs.contacts)
            found.add(f"{owner.name} ({login})", held.mails, theirs.mails)
        written: Counter[Item] = Counter((name, "Load", "") for owner in mine for name in owner.written)
        made = Counter({item: n for item, n in theirs.contacts.items() if item in written})
        found.add(f"OX for {login}", made, written)
    return found


class Post(threading.Thread):
    """Delivers mails to users at random, so many a second, until stopped. One that OX does not take in time is given
    up: what counts is what OX holds at the end."""

    def __init__(
        self, ox: str, logins: Iterable[str], password: str, verify: bool | str, rate: float
    ) -> None:
        super().__init__(name="post", daemon=True)
        self.delivered = 0
        self.stop = threading.Event()
        self._rate = rate
        self._random = Random("post")
        self._browsers: list[tuple[str, Browser]] = []
        for login in list(logins)[:DELIVERERS]:
            browser = Browser(ox, verify)
            browser.login(login, password)
            self._browsers.append((login, browser))

    def run(self) -> None:
        run = int(time.time())
        for number in count(1):
            if self.stop.wait(self._random.expovariate(self._rate)):
                return
            login, browser = self._random.choice(self._browsers)
            with suppress(BrowserError):
                browser.deliver(_mail(login, f"News {run}-{number}"))
                self.delivered += 1

    def end(self) -> None:
        """Wait for the last delivery, and log out."""
        self.stop.set()
        if self.ident is not None:
            self.join()
        for _, browser in self._browsers:
            with suppress(BrowserError):
                browser.logout()


def _mail(login: str, subject: str) -> EmailMessage:
    mail = EmailMessage()
    mail["From"] = "Zoë Quist <zoe@example.com>"
    mail["To"] = login
    mail["Subject"] = subject
    mail["Date"] = format_datetime(datetime.now(UTC))
    mail.set_content("Hello\n")
    return mail


def _counted(items: Iterable[Element], names: Sequence[str]) -> Counter[Item]:
    return Counter(tuple(item.text_of(name) or "" for name in names) for item in items)


def _named(item: Item) -> str:
    return " ".join(filter(None, item)) or "(an item without a name)"
