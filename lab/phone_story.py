"""What a new phone does, told line by line: it speaks https to Apache on web1 and knows nothing of what is behind.

Two people look on, each with a session of OX's web interface that has nothing to do with the phone's: what the phone
shows must be what OX holds, and what the phone makes must be found in OX.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid

from app.wbxml import Element
from lab import netns
from lab.browser import Browser, BrowserError
from lab.device import AccessRefused, Folder, Phone, PhoneError, PingResult, errands
from lab.plan import Lab
from lab.steps import Steps

LOGIN = "anton@example.org"
REFUSED_LOGIN = "caesar@example.org"
PASSWORD = "secret"
INBOX, CONTACTS = 2, 9
# A phone waits that long for news before it asks again; the mail of the story comes much earlier.
HEARTBEAT = 300
# How long the phone is left waiting before the mail comes: it must really be parked.
PARKED_SECONDS = 3.0
NEWS = 2
FIRST_NAME, LAST_NAME = "Zoë", "Quist"


class StoryError(Exception):
    """Something did not happen as it should have; the message says what."""


@dataclass
class Synced:
    """How many items came to the phone."""

    contacts: int = 0
    mails: int = 0


def tell(lab: Lab, report: Steps) -> Synced:
    """Plays the story and says each part; StoryError names the first that went wrong."""
    story = _Story(lab, report)
    try:
        netns.call_inside(lab.namespace, story.play)
        return story.synced
    except (PhoneError, BrowserError, KeyError) as problem:
        raise StoryError(f"{story.now}: {problem}") from problem


class _Story:
    def __init__(self, lab: Lab, report: Steps) -> None:
        self.report = report
        self.now = ""
        self.synced = Synced()
        self.address = f"https://{lab.host('web1').address}"
        self.authority = str(lab.authority)
        self.phone = self._phone(LOGIN)

    def _phone(self, login: str) -> Phone:
        device_id = f"DEMO{secrets.token_hex(8).upper()}"
        return Phone(self.address, login, PASSWORD, device_id=device_id, verify=self.authority)

    def _browser(self, login: str) -> Browser:
        browser = Browser(f"{self.address}/ajax", self.authority)
        browser.login(login, PASSWORD)
        return browser

    def play(self) -> None:
        for scene in (
            self._options,
            self._provision,
            self._folder_sync,
            self._contacts,
            self._inbox,
            self._ping,
            self._new_contact,
            self._errands,
            self._refused,
        ):
            scene()
        if self.phone.anomalies:
            raise StoryError("the phone saw what a server must not send: " + "; ".join(self.phone.anomalies))

    def _scene(self, what: str, act: Callable[[], str]) -> None:
        """One line: what the phone does, what came of it, and how long it took."""
        self.now = what
        began = time.monotonic()
        told = act()
        milliseconds = (time.monotonic() - began) * 1000
        self.report.say(f"    {what:14} {told}  ({milliseconds:.0f} ms)")

    def _options(self) -> None:
        def act() -> str:
            versions, commands = self.phone.options()
            if self.phone.version not in versions:
                raise StoryError(
                    f"OPTIONS offers {', '.join(versions) or 'no version'}, not {self.phone.version}"
                )
            return f"the server speaks ActiveSync {', '.join(versions)} and knows {len(commands)} commands"

        self._scene("OPTIONS", act)

    def _provision(self) -> None:
        def act() -> str:
            policy = self.phone.provision()
            return f"{LOGIN} is let in; a policy of {len(policy)} settings, key {self.phone.policy_key}"

        self._scene("Provision", act)

    def _folder_sync(self) -> None:
        def act() -> str:
            self.phone.folder_sync()
            names = ", ".join(f"{folder.name} ({folder.type_name})" for folder in self._folders()[:4])
            return f"{len(self.phone.folders)} folders: {names} ..."

        self._scene("FolderSync", act)

    def _folders(self) -> list[Folder]:
        """The well-known folders first."""
        return sorted(self.phone.folders.values(), key=lambda folder: (folder.type in (1, 12), folder.type))

    def _contacts(self) -> None:
        def act() -> str:
            folder = self.phone.folder_of_type(CONTACTS)
            result = self.phone.sync_all(folder.server_id, truncation=None)
            browser = self._browser(LOGIN)
            there = browser.contacts()
            browser.logout()
            people = [row for row in there if not row["mark_as_distributionlist"]]
            if not people or len(result.added) != len(people):
                raise StoryError(f"the phone got {len(result.added)} contacts, OX holds {len(people)}")
            self.synced.contacts += len(people)
            lists = len(there) - len(people)
            return f"{len(people)} contacts, all that OX holds but {lists} distribution lists (ActiveSync has none)"

        self._scene("Sync contacts", act)

    def _inbox(self) -> None:
        def act() -> str:
            folder = self.phone.folder_of_type(INBOX)
            result = self.phone.sync_all(folder.server_id, body_type=1, truncation=512)
            if not result.added:
                raise StoryError("the phone got no mail, but the INBOX holds some")
            self.synced.mails += len(result.added)
            items = self.phone.items(folder.server_id)
            unread = sum(1 for item in items.values() if _text(item, "Email:Read") == "0")
            return f"{len(result.added)} mails, {unread} of them unread"

        self._scene("Sync INBOX", act)

    def _ping(self) -> None:
        inbox = self.phone.folder_of_type(INBOX).server_id
        contacts = self.phone.folder_of_type(CONTACTS).server_id
        waiting = _Waiting(lambda: self.phone.ping([inbox, contacts], HEARTBEAT))
        time.sleep(PARKED_SECONDS)
        if waiting.is_over:
            raise StoryError(f"the Ping was answered before anything happened: {waiting.result()}")
        self.report.say(f"    {'Ping':14} the phone is parked, for up to {HEARTBEAT} s")
        subject = f"Lunch at {datetime.now(UTC):%H:%M:%S}?"
        browser = self._browser(LOGIN)
        browser.deliver(_mail(subject))
        self.report.say(f"    {'':14} a mail arrives in OX, delivered by {browser.node}: {subject!r}")
        browser.logout()

        def act() -> str:
            answer = waiting.result()
            if answer.status != NEWS or inbox not in answer.folders:
                raise StoryError(
                    f"the Ping was answered with status {answer.status} and folders {answer.folders}"
                )
            result = self.phone.sync_all(inbox, body_type=1, truncation=512)
            items = self.phone.items(inbox)
            if subject not in [_text(items[key], "Email:Subject") for key in result.added]:
                raise StoryError("the parked Ping was answered, but the mail was not in the next Sync")
            self.synced.mails += len(result.added)
            return "the Ping is answered, the phone syncs and shows the mail"

        self._scene("", act)

    def _new_contact(self) -> None:
        def act() -> str:
            folder = self.phone.folder_of_type(CONTACTS)
            address = f"zoe.{secrets.token_hex(4)}@example.com"
            typed = {"FirstName": FIRST_NAME, "LastName": LAST_NAME, "Email1Address": address}
            self.phone.add_contact(folder.server_id, {f"Contacts:{tag}": text for tag, text in typed.items()})
            browser = self._browser(LOGIN)
            found = [row for row in browser.contacts() if row["email1"] == address]
            node = browser.node
            browser.logout()
            if len(found) != 1:
                raise StoryError(f"OX holds the phone's new contact {len(found)} times instead of once")
            names = (found[0]["first_name"], found[0]["last_name"])
            if names != (FIRST_NAME, LAST_NAME):
                raise StoryError(f"OX holds the phone's new contact under the name {names}")
            return f"typed on the phone: {' '.join(names)}; found in OX by a browser on {node}"

        self._scene("New contact", act)

    def _errands(self) -> None:
        def act() -> str:
            other = self._phone(LOGIN)
            other.provision()
            told = errands.run(self.phone, LOGIN, other)
            if other.anomalies:
                raise StoryError(
                    "the other phone saw what a server must not send: " + "; ".join(other.anomalies)
                )
            for line in told:
                self.report.say(f"    {'':14} {line}")
            return "all of this is on another phone of the same owner, once"

        self._scene("A day", act)

    def _refused(self) -> None:
        def act() -> str:
            try:
                phone = self._phone(REFUSED_LOGIN)
                phone.provision()
                phone.folder_sync()
            except AccessRefused:
                return f"{REFUSED_LOGIN} has no right to ActiveSync and is refused"
            raise StoryError(f"{REFUSED_LOGIN} was let in without the right to ActiveSync")

        self._scene("Another phone", act)


class _Waiting:
    """A request that is parked in a thread of its own."""

    def __init__(self, ask: Callable[[], PingResult]) -> None:
        self._ask = ask
        self._answer: PingResult | None = None
        self._problem: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="parked Ping", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._answer = self._ask()
        except PhoneError as problem:
            self._problem = problem

    @property
    def is_over(self) -> bool:
        return not self._thread.is_alive()

    def result(self) -> PingResult:
        """The answer; waits for it as long as the phone does."""
        self._thread.join()
        if self._problem is not None:
            raise self._problem
        if self._answer is None:
            raise StoryError("the parked Ping ended without an answer")
        return self._answer


def _mail(subject: str) -> EmailMessage:
    message = EmailMessage()
    message["From"] = "Berta Beispiel <berta@example.org>"
    message["To"] = LOGIN
    message["Subject"] = subject
    message["Date"] = format_datetime(datetime.now(UTC))
    message["Message-ID"] = make_msgid(domain="example.org")
    message.set_content("At the usual place?\n")
    return message


def _text(item: Element, name: str) -> str:
    found = item.find(name)
    return found.text if found is not None else ""
