"""One phone in its owner's pocket: set up once, then the life that its habit prescribes, until it is stopped.

Three habits, in the shares in which :func:`habit` deals them out: most phones wait in a Ping for news of INBOX and
contacts and fetch what they are told of; some are in use (they look every few seconds, and write now and then); some
wait in a Sync instead of a Ping. All of them do what a phone does after a failure: come again with the old keys.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from random import Random

from app.wbxml import WbxmlError, decode
from lab.device.answers import number
from lab.device.errors import AccessRefused, AuthenticationFailed, CommandFailed, PhoneError
from lab.device.line import Line
from lab.device.phone import INVALID_HIERARCHY_KEY, Phone
from lab.device.record import Record
from lab.device.state import NO_KEY, Change, SyncResult, elements

INBOX, CONTACTS = 2, 9
CHANGED, HIERARCHY_CHANGED = 2, 7
INVALID_KEY = 3
RETRY_SECONDS = 1.0
MAX_ROUNDS = 100
PREVIEW = {"body_type": 1, "truncation": 512}
"""How mail is wanted: plain text, the beginning of it."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds: bounds of a Ping's interval, bounds of the pause between two looks; shares from 0 to 1 of the looks that
    write."""

    heartbeat: tuple[int, int] = (60, 120)
    pause: tuple[float, float] = (5.0, 20.0)
    adds: float = 0.15
    reads: float = 0.15


class Owner:
    """``name`` tells the phones of a load apart. The life runs in the caller's thread."""

    def __init__(
        self,
        name: str,
        url: str,
        login: str,
        password: str,
        *,
        record: Record,
        stop: threading.Event,
        pace: Pace,
        habit: str,
        verify: bool | str = True,
        nodes: Sequence[str] = (),
    ) -> None:
        self.name = name
        self.login = login
        self.habit = habit
        self.is_set_up = False
        self.written: list[str] = []
        """Names of the contacts made on this phone."""
        self._record = record
        self._stop = stop
        self._pace = pace
        self._random = Random(name)
        self.line = Line(name, record, verify, nodes)
        self.phone = Phone(
            url,
            login,
            password,
            device_id=f"LOAD{name.upper()}",
            session=self.line,
            verify=verify,
            on_answer=self._look_at,
        )

    @property
    def inbox(self) -> str:
        """The collection id of the INBOX."""
        return self.phone.folder_of_type(INBOX).server_id

    @property
    def contacts(self) -> str:
        """The collection id of the address book."""
        return self.phone.folder_of_type(CONTACTS).server_id

    def set_up(self) -> None:
        """Provision, folders, first synchronisation. Raises :class:`PhoneError`."""
        self.phone.provision()
        self.phone.folder_sync()
        for collection in (self.contacts, self.inbox):
            self.fetch(collection)
        self.is_set_up = True

    def live(self) -> None:
        """Until stopped. Failures are the record's; nothing a server does raises."""
        act: Mapping[str, Callable[[], None]] = {
            "ping": self._ping,
            "look": self._look,
            "hang": self._hang,
        }
        while not self._stop.is_set():
            try:
                act[self.habit]()
            except CommandFailed as error:
                self._refused(error)
            except (AuthenticationFailed, AccessRefused) as error:
                self._record.started_over(self.name, str(error))
                self._stop.wait(RETRY_SECONDS)
            except PhoneError:
                # The record has it already.
                self._stop.wait(RETRY_SECONDS)

    def finish(self) -> None:
        """Fetch what is left, as the last thing, over a new line. Raises :class:`PhoneError`."""
        self.line.mend()
        for collection in (self.contacts, self.inbox):
            self.fetch(collection)

    def fetch(self, collection: str) -> None:
        """Rounds until the server has no more."""
        wishes = PREVIEW if collection == self.inbox else {}
        for _ in range(MAX_ROUNDS):
            first = self.phone.collection(collection).sync_key == NO_KEY
            result = self._sync(collection, **wishes)
            if not first and not result.more_available:
                return
        self._record.odd(self.name, f"Sync of {collection} does not end")

    # -- habits ----------------------------------------------------------------------------------------------

    def _ping(self) -> None:
        with self._waiting():
            heartbeat = self._random.randint(*self._pace.heartbeat)
            answer = self.phone.ping([self.inbox, self.contacts], heartbeat)
        if answer.status == CHANGED:
            for collection in answer.folders:
                self.fetch(collection)
        elif answer.status == HIERARCHY_CHANGED:
            self._record.started_over(self.name, "Ping says that the folders have changed (status 7)")
            self.phone.folder_sync()

    def _look(self) -> None:
        self._stop.wait(self._random.uniform(*self._pace.pause))
        chance = self._random.random()
        if chance < self._pace.adds:
            self._add_contact()
        elif chance < self._pace.adds + self._pace.reads:
            self._read_a_mail()
        elif chance < 0.9:
            self.fetch(self._random.choice([self.inbox, self.contacts]))
        else:
            self.phone.folder_sync()

    def _hang(self) -> None:
        with self._waiting():
            self._sync(self.inbox, heartbeat=self._random.randint(*self._pace.heartbeat), **PREVIEW)
        self.fetch(self.inbox)

    @contextmanager
    def _waiting(self) -> Iterator[None]:
        self.line.waits = True
        try:
            yield
        finally:
            self.line.waits = False

    def _add_contact(self) -> None:
        name = f"{self.name} {len(self.written) + 1}"
        self.written.append(name)
        fields = {"Contacts:FirstName": name, "Contacts:LastName": "Load"}
        self.phone.add_contact(self.contacts, fields)

    def _read_a_mail(self) -> None:
        mails = sorted(self.phone.items(self.inbox))
        if mails:
            fields = elements({"Email:Read": self._random.choice("01")})
            self._sync(self.inbox, changes=[Change("Change", self._random.choice(mails), fields=fields)])

    def _sync(self, collection: str, **wishes: object) -> SyncResult:
        try:
            return self.phone.sync(collection, **wishes)  # type: ignore[arg-type]
        except CommandFailed as error:
            if error.status == INVALID_KEY:
                self._record.started_over(self.name, f"Sync of {collection} is to start over (status 3)")
            raise

    # -- what the server says --------------------------------------------------------------------------------

    def _refused(self, error: CommandFailed) -> None:
        if error.status != INVALID_KEY:
            self._record.odd(self.name, str(error))
        self._stop.wait(RETRY_SECONDS)

    def _look_at(self, command: str, version: str, body: bytes) -> None:
        """Signs that the phone is to start over which the phone itself obeys without a word."""
        if not self.is_set_up or command not in ("FolderSync", "Provision"):
            return
        if command == "Provision":
            self._record.started_over(self.name, "the phone had to provision again")
            return
        with suppress(WbxmlError):
            if number(decode(body), "FolderHierarchy:Status", 1) == INVALID_HIERARCHY_KEY:
                self._record.started_over(self.name, "FolderSync is to start over (status 9)")


HABITS = ("ping", "look", "ping", "ping", "look", "ping", "ping", "look", "ping", "hang")


def habit(index: int) -> str:
    """The habit of a load's phone by its number: six of ten ping, three are in use, one hangs in Sync."""
    return HABITS[index % len(HABITS)]
