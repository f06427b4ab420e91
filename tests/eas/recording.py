"""``python -m tests.eas.recording`` records anew what ``tests/fixtures/exchanges`` holds: one conversation a version.

A phone (``lab/device``) tells the whole of its life to the application, through HTTP's headers and status but without a
network. Nothing is left to chance: the clock goes on by so many seconds a request, keys count, and the source is in
memory. So the same requests get the same answers, byte for byte; ``tests/eas/test_recorded.py`` sends the recorded ones
again.
"""

from __future__ import annotations

import base64
import io
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
from falcon.testing import StartResponseMock, closed_wsgi_iterable, create_environ
from requests.adapters import BaseAdapter

from app.eas.certificates import Verdict
from app.usm.content import Address, Attendee
from app.usm.devices import Standing
from app.usm.manager import Manager
from app.usm.model import Attachment, Body, BodyKind, ContentType, Credentials, Folder, FolderRole
from app.usm.queries import BusyTime, Document, Origin, Person
from app.wbxml import Element
from app.web.application import device_app
from app.web.auth import Schemes
from app.web.resource import Door, Gateway, WebSettings
from lab.device import (
    Change,
    Phone,
    calendar,
    calendar_items,
    certificates,
    documents,
    folders,
    mail,
    recipients,
    search,
    settings,
)
from lab.device.errors import PhoneError
from lab.device.query import COMMAND_CODES
from lab.device.tasks import task
from tests.eas.exchanges import Entry, Event, Exchange, Message, written
from tests.eas.phone import CONTACTS, INBOX, World, tree
from tests.fakes.clock import CountingTokens
from tests.fakes.source import ANTON

FOLDER = Path(__file__).resolve().parents[1] / "fixtures" / "exchanges"
VERSIONS = ("2.5", "12.0", "12.1", "14.0", "14.1", "16.0", "16.1")
IN_BASE64 = ("14.0", "16.0")
"""Versions whose phone writes its queries in that form."""
ALIAS = "/Microsoft-Server-ActiveSync"
DEVICE = "recorded000000000000000000000001"
SENT, DRAFTS, CALENDAR, TASKS, NOTES = "default0/Sent", "default0/Drafts", "50", "40", "60"
START = datetime(2026, 3, 2, 9, tzinfo=UTC)
SECONDS = 7
"""Between two requests."""
SHOWN = frozenset(
    {
        "authorization",
        "content-encoding",
        "content-type",
        "ms-asacceptmultipart",
        "ms-asprotocolversion",
        "user-agent",
        "x-ms-policykey",
    }
)
"""Headers of requests that are recorded, and sent again."""
POLICY = {
    "DevicePasswordEnabled": "1",
    "PasswordRecoveryEnabled": "1",
    "MinDevicePasswordLength": "4",
    "MaxInactivityTimeDeviceLock": "900",
}
MIME = (
    b"From: =?utf-8?q?Zo=C3=AB?= <zoe@example.com>\r\nTo: anton@example.org\r\nSubject: Plan\r\n"
    b"Message-ID: <plan@example.com>\r\nDate: Mon, 02 Mar 2026 09:00:00 +0000\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nSee you t\xc3\xb6day\r\n"
)


# -- where it happens ------------------------------------------------------------------------------------------


class Checker:
    """Says of a certificate what stands in it."""

    def check(
        self, certificate: bytes, chain: Sequence[bytes], moment: datetime, revocation: bool
    ) -> Verdict:
        return Verdict[certificate[2:].decode()]


class Scene:
    """The application with Anton's data behind it. ``entries``: what was said in it."""

    def __init__(self) -> None:
        self.world = world = World()
        world.checker = Checker()
        world.configure(policy=POLICY)
        _fill(world)
        # Whoever counts for itself: another key here changes none there.
        manager = Manager(world.provider, world.store, world.waiter, world.clock, CountingTokens(), world.usm)
        web = WebSettings(Schemes("$USER"), max_body=1_000_000)
        door = Door(manager, world.clock, CountingTokens(), web)
        self._manager = manager
        self.app = device_app(Gateway(world.eas, door), ALIAS)
        self.entries: list[Entry] = []

    def ask(self, request: Message) -> Message:
        """What the application answers."""
        self.world.clock.advance(SECONDS)
        method, _, query = request.first.partition(" ")
        headers = dict(request.headers)
        environ = create_environ(ALIAS, query, method=method, headers=headers, body=request.body)
        begun = StartResponseMock()
        body = b"".join(closed_wsgi_iterable(self.app(environ, begun)))
        told = sorted((name.title(), value) for name, value in begun.headers or ())
        shown = tuple(row for row in told if row[0] not in ("Content-Length", "X-Request-Id"))
        return Message((begun.status or "").partition(" ")[0], shown, body)

    def happen(self, name: str) -> None:
        """Let something happen at the source."""
        EVENTS[name](self)
        self.entries.append(Event(name))

    def decide(self, standing: Standing) -> None:
        """What an administrator does with the device."""
        request = self.world.eas.parse(
            "POST",
            f"Cmd=Sync&User=a&DeviceId={DEVICE}&DeviceType=SmartPhone",
            {"ms-asprotocolversion": "14.1"},
            b"",
        )
        session = self._manager.open(Credentials(ANTON.login, "secret"), request.device)
        self.world.store.decide(session.id, standing)


def _fill(world: World) -> None:
    source = world.source
    for folder in (
        Folder(SENT, None, "Sent", ContentType.MAIL, FolderRole.SENT),
        Folder(DRAFTS, None, "Drafts", ContentType.MAIL, FolderRole.DRAFTS),
        Folder(CALENDAR, None, "Calendar", ContentType.CALENDAR, FolderRole.DEFAULT),
        Folder(TASKS, None, "Tasks", ContentType.TASKS, FolderRole.DEFAULT),
        Folder(NOTES, None, "Notes", ContentType.NOTES, FolderRole.DEFAULT),
    ):
        source.tree.append(folder)
        source.items[folder.id] = {}
    _deliver(world, "Plan")
    _deliver(world, "Another")
    source.put(CONTACTS, {"first_name": "Berta", "last_name": "Björnsen", "email1": "berta@example.org"})
    meeting = {
        "subject": "Meeting",
        "uid": "meeting-1",
        "start": START,
        "end": START + timedelta(hours=1),
        "organized": False,
        "organizer": Address("zoe@example.com", "Zoë"),
        "attendees": (Attendee("anton@example.org"),),
    }
    source.put(CALENDAR, meeting)
    source.directory = [
        Person(Origin.DIRECTORY, {"display_name": "Berta Björnsen", "email1": "berta@example.org"}),
        Person(Origin.DIRECTORY, {"display_name": "Bertram", "email1": "bertram@example.org"}),
    ]
    source.diary = {"berta@example.org": [BusyTime(START, START + timedelta(hours=1))]}
    source.library = [
        Document((), "infostore", True, START, START),
        Document(("My files",), "My files", True, START, START),
        Document(("My files", "a.txt"), "a.txt", False, START, START, 10, "text/plain"),
    ]
    source.files = {("My files", "a.txt"): b"0123456789"}


def _deliver(world: World, subject: str) -> None:
    fields = {
        "subject": subject,
        "from": (Address("zoe@example.com", "Zoë"),),
        "to": (Address("anton@example.org", "Anton"),),
        "received": START,
        "read": False,
        "body": Body(BodyKind.TEXT, "See you töday"),
        "attachments": (Attachment("1", "plan.txt", 10, "text/plain"),),
        "files": {"1": b"0123456789"},
        "mime": MIME,
    }
    world.source.put(INBOX, fields, START)


def _arrives_while_waiting(scene: Scene) -> None:
    def arrive() -> frozenset[str]:
        _deliver(scene.world, "News")
        return frozenset({INBOX})

    scene.world.waiter.events.append(arrive)


EVENTS: Mapping[str, Callable[[Scene], None]] = {
    "a mail arrives": lambda scene: _deliver(scene.world, "Later"),
    "a mail arrives during the next wait": _arrives_while_waiting,
    "the device is to be wiped": lambda scene: scene.decide(Standing.WIPE),
    "the account is to be wiped": lambda scene: scene.decide(Standing.WIPE_ACCOUNT),
}


def command_of(request: Message) -> str:
    """Which command a request is, in either form of the query."""
    method, _, query = request.first.partition(" ")
    if method == "OPTIONS":
        return method
    if "=" in query.rstrip("="):
        return parse_qs(query)["Cmd"][0]
    return next(name for name, code in COMMAND_CODES.items() if code == base64.b64decode(query)[1])


# -- how it is written down ------------------------------------------------------------------------------------


class Wire(BaseAdapter):
    """Carries the requests of a phone to the application, and writes down what is said. ``about``: the words that
    follow the command in the title."""

    def __init__(self, scene: Scene) -> None:
        super().__init__()
        self._scene = scene
        self.about = ""

    def send(self, request: requests.PreparedRequest, *_: object, **__: object) -> requests.Response:
        headers = tuple(
            (name, value.decode() if isinstance(value, bytes) else value)
            for name, value in sorted(request.headers.items())
            if name.lower() in SHOWN
        )
        body = request.body or b""
        content = body.encode() if isinstance(body, str) else body
        asked = Message(f"{request.method} {urlsplit(request.url or '').query}".rstrip(), headers, content)
        answer = self._scene.ask(asked)
        title = f"{command_of(asked)}: {self.about}"
        self._scene.entries.append(Exchange(title, asked, answer))
        response = requests.Response()
        response.status_code = int(answer.first)
        response.headers.update(dict(answer.headers))
        response.raw = io.BytesIO(answer.body)
        response.request = request
        response.url = request.url or ""
        return response

    def close(self) -> None:
        """There is nothing to close."""


class Teller:
    """A phone in a scene, and what it is about."""

    def __init__(self, scene: Scene, version: str) -> None:
        self.scene = scene
        self.wire = Wire(scene)
        self._version = version
        self.phone = self.of("secret")

    def of(self, password: str) -> Phone:
        """The phone of somebody who knows this password."""
        session = requests.Session()
        session.trust_env = False
        session.mount("http://", self.wire)
        session.headers.clear()
        return Phone(
            "http://server/",
            ANTON.login,
            password,
            device_id=DEVICE,
            version=self._version,
            query="base64" if self._version in IN_BASE64 else "plain",
            session=session,
            client_prefix="phone",
        )

    def says(self, about: str) -> Phone:
        """The phone, whose next requests are about that."""
        self.wire.about = about
        return self.phone

    @contextmanager
    def refused(self, about: str) -> Iterator[Phone]:
        """The same for a request that fails."""
        try:
            yield self.says(about)
        except PhoneError:
            return
        raise AssertionError(f"{about}: this did not fail")


# -- what is told ----------------------------------------------------------------------------------------------


def tell(teller: Teller) -> None:
    """The life of a phone from its first word to its last."""
    for chapter in (
        _arrive,
        _order_folders,
        _synchronise,
        _wait,
        _write_mail,
        _write_drafts,
        _read_mail,
        _move,
        _answer,
        _search,
        _recipients,
        _certificates,
        _settings,
        _be_wiped,
    ):
        chapter(teller)


def _since(teller: Teller, version: str) -> bool:
    return VERSIONS.index(teller.phone.version) >= VERSIONS.index(version)


def _arrive(teller: Teller) -> None:
    phone = teller.phone
    with teller.refused("a wrong password"):
        teller.of("wrong").options()
    teller.says("what the server can do").options()
    teller.says("a new phone, and what it does").folder_sync()
    wrong = documents.ask_for_policy(phone.version, phone.about)
    wrong.children[-1] = tree("Provision:Policies", ("Policy", ("PolicyType", "MS-Other")))
    teller.says("a kind of policy that there is not").command("Provision", wrong, check=False)


def _order_folders(teller: Teller) -> None:
    phone = teller.phone
    if not _since(teller, "14.0"):
        folders.list_mail_folders(teller.says("the folders of mail in one list"))
    elif phone.transport.query == "plain":
        teller.says("there is none in this version").raw(command="GetHierarchy")
    if phone.transport.query == "plain":
        teller.says("older than 12.0, and nobody has it").raw(command="CreateCollection")
    made = folders.create_folder(teller.says("a folder at the top"), "Projects")
    with teller.refused("a name that is there already"):
        folders.create_folder(phone, "Projects")
    folders.change_folder(teller.says("another name"), made, name="Plans")
    folders.delete_folder(teller.says("a folder is deleted"), made)
    with teller.refused("a folder that is gone"):
        folders.delete_folder(phone, made)
    gone = tree(
        "FolderHierarchy:FolderUpdate",
        ("SyncKey", phone.hierarchy_key),
        ("ServerId", made),
        ("ParentId", 0),
        ("DisplayName", "Other"),
    )
    teller.says("a folder that is gone").command("FolderUpdate", gone, check=False)
    unknown = tree("FolderHierarchy:FolderSync", ("SyncKey", 4711))
    teller.says("a key that is not known").command("FolderSync", unknown, check=False)


def _id(teller: Teller, folder_type: int) -> str:
    return teller.phone.folder_of_type(folder_type).server_id


def _synchronise(teller: Teller) -> None:
    phone = teller.phone
    inbox, contacts, events, tasks = (_id(teller, each) for each in (2, 9, 8, 7))
    teller.says("the first key of a folder").sync(inbox)
    teller.says("how many are to come").get_item_estimate(inbox)
    with teller.refused("a folder that there is not"):
        phone.get_item_estimate("99")
    teller.says("the first mail of two").sync(inbox, body_type=1, truncation=200, window=1)
    teller.says("the other one").sync(inbox, body_type=1, truncation=200)
    first, second = phone.items(inbox)
    teller.says("a mail was read").mark_read(inbox, first)
    flag = tree("Email:Flag", ("Status", 2), ("FlagType", "Flag for follow up"))
    if _since(teller, "12.0"):
        teller.says("a mail gets a flag").change_item(inbox, first, [flag])
    teller.says("a mail that is not there").sync(inbox, changes=[Change("Fetch", f"{inbox}:99")])
    teller.scene.happen("a mail arrives")
    teller.says("a new mail").sync(inbox, body_type=1, truncation=200)
    teller.says("nothing is new").sync(inbox)
    if _since(teller, "12.1"):
        teller.says("the same again, without a document").sync_again()
    teller.says("a mail is deleted").delete_item(inbox, second)
    teller.says("contacts").sync_all(contacts)
    name = {"Contacts:FirstName": "Zoë", "Contacts:LastName": "Quist", "Contacts:FileAs": "Zoë"}
    contact = teller.says("a new contact").add_contact(contacts, name)
    teller.says("a contact is changed").change_item(contacts, contact, {**name, "Contacts:LastName": "New"})
    teller.says("a contact is deleted").delete_item(contacts, contact)
    teller.says("the calendar").sync_all(events)
    event = calendar_items.Change(
        subject="Lunch", start=START, end=START + timedelta(hours=1), reminder=15, location="Room 1"
    )
    added = calendar.add_event(teller.says("a new appointment"), events, event)
    calendar.change_event(
        teller.says("it takes place elsewhere"), events, added, calendar_items.Change(location="Room 2")
    )
    teller.says("tasks").sync_all(tasks)
    due = START.date()
    todo = teller.says("a new task").add_item(tasks, task("Milk", due=due))
    teller.says("it is done").change_item(tasks, todo, task("Milk", due=due, completed=START))
    if _since(teller, "14.0"):
        notes = _id(teller, 10)
        teller.says("notes").sync_all(notes)
        body = mail.body("first")
        teller.says("a new note").add_item(notes, [Element("Notes:Subject", "Note"), body])
    if _since(teller, "12.1"):
        with teller.refused("the last request again, whose key is no longer the newest"):
            phone.sync_again()
    phone.collection(tasks).sync_key = "4711"
    with teller.refused("a key that is not known"):
        phone.sync(tasks)


def _wait(teller: Teller) -> None:
    inbox = _id(teller, 2)
    teller.says("nothing comes").ping([inbox], 60)
    teller.scene.happen("a mail arrives during the next wait")
    teller.says("a mail comes; the folders are those of the last time").ping()
    teller.says("and is fetched").sync(inbox, body_type=1, truncation=200)
    teller.says("an interval that is too short").ping([inbox], 1)
    if _since(teller, "12.1"):
        teller.says("nothing comes while it waits").sync(inbox, wait=1)
    if _since(teller, "14.0"):
        teller.scene.happen("a mail arrives during the next wait")
        teller.says("a mail comes while it waits").sync(inbox, body_type=1, truncation=200, heartbeat=60)
    contacts = _id(teller, 9)
    teller.scene.happen("a mail arrives")
    teller.says("two folders at once").sync_many([inbox, contacts], get_changes=True)
    if _since(teller, "12.1"):
        with teller.refused("a wait that is too long"):
            teller.phone.sync(inbox, wait=99)


def _write_mail(teller: Teller) -> None:
    item = next(iter(teller.phone.items(_id(teller, 2))))
    gone = f"{_id(teller, 2)}:99"
    message = mail.message("berta@example.org", "Hello", "Wörds")
    mail.send(teller.says("a message"), message)
    with teller.refused("one that the source does not send"):
        mail.send(teller.phone, mail.message("berta@example.org", "Hello", "refused"))
    mail.reply(teller.says("an answer"), item, message)
    with teller.refused("an answer to a mail that is gone"):
        mail.reply(teller.phone, gone, message)
    mail.forward(teller.says("a mail is forwarded"), item, message)
    with teller.refused("a mail that is gone"):
        mail.forward(teller.phone, gone, message)


def _write_drafts(teller: Teller) -> None:
    if not _since(teller, "16.0"):
        return
    drafts = _id(teller, 3)
    teller.says("drafts").sync_all(drafts)
    item = mail.add_draft(
        teller.says("a draft with a file"),
        drafts,
        to="berta@example.org",
        subject="Draft",
        text="Wörds",
        files={"a.txt": b"0123456789"},
    )
    mail.change_draft(teller.says("other words"), item, [mail.body("Others")])
    held = next(iter(teller.phone.items(drafts)))
    mail.send_draft(teller.says("it is sent"), held)


def _read_mail(teller: Teller) -> None:
    phone, inbox = teller.phone, _id(teller, 2)
    item = next(iter(phone.items(inbox)))
    file, gone = f"{item}:1", f"{item}:9"
    if not _since(teller, "14.0"):
        mail.get_attachment(teller.says("a file"), file)
        with teller.refused("a file that is gone"):
            mail.get_attachment(phone, gone)
    elif phone.transport.query == "plain":
        teller.says("there is none in this version").raw(command="GetAttachment")
    if not _since(teller, "12.0"):
        return
    mail.fetch_file(teller.says("a part of a file"), file, span="2-5")
    with teller.refused("a file that is gone"):
        mail.fetch_file(phone, gone)
    mail.fetch_item(teller.says("a mail as it came"), item, mime=True)
    with teller.refused("a mail that is gone"):
        mail.fetch_item(phone, f"{inbox}:99", body_type=1)
    if _since(teller, "12.1"):
        mail.fetch_file(teller.says("a file in a part of its own"), file, multipart=True)
    trash = _id(teller, 4)
    mail.empty_folder(teller.says("the trash is emptied"), trash)


def _move(teller: Teller) -> None:
    phone, inbox = teller.phone, _id(teller, 2)
    trips = next(folder.server_id for folder in phone.folders.values() if folder.name == "Trips")
    item = list(phone.items(inbox))[-1]
    teller.says("the first key of a folder").sync(trips)
    mail.move(teller.says("a mail is moved"), [item], trips)
    with teller.refused("a mail that is gone"):
        mail.move(phone, [f"{inbox}:99"], trips)


def _answer(teller: Teller) -> None:
    phone, events = teller.phone, _id(teller, 8)
    meeting = next(
        name for name, item in phone.items(events).items() if item.text_of("Calendar:Subject") == "Meeting"
    )
    calendar.answer(teller.says("an invitation is accepted"), meeting, calendar.ACCEPT)
    with teller.refused("an appointment that is gone"):
        calendar.answer(phone, f"{events}:99", calendar.ACCEPT)


def _search(teller: Teller) -> None:
    phone = teller.phone
    search.search_people(teller.says("people of the directory"), "bert", span="0-9")
    search.search_people(teller.says("nobody of that name"), "nobody", span="0-9")
    if _since(teller, "12.0"):
        search.search_mail(teller.says("mail with a word"), "Plan", classes=["Email"], span="0-9")
        search.search_documents(teller.says("what a folder holds"), "\\\\ox\\infostore\\My files")
        with teller.refused("a document that there is not"):
            search.search_documents(phone, "\\\\ox\\infostore\\none")
        search.fetch_document(teller.says("a document"), "\\\\ox\\infostore\\My files\\a.txt")
    wrong = tree("Search:Search", ("Store", ("Name", "Moon"), ("Query", "x")))
    teller.says("a place that there is not").command("Search", wrong, check=False)
    if _since(teller, "16.1"):
        search.find_mail(teller.says("mail with a word"), "Plan", span="0-9")
        search.find_people(teller.says("people of the directory"), "bert", span="0-9")
        broken = tree("Find:Find", ("SearchId", "lab"))
        teller.says("nothing is looked for").command("Find", broken, check=False)


def _recipients(teller: Teller) -> None:
    times: dict[str, Any] = {}
    if _since(teller, "14.0"):
        times = {"start": "2026-03-02T08:00:00.000Z", "end": "2026-03-02T12:00:00.000Z"}
    recipients.resolve(teller.says("who has time"), ["berta@example.org"], **times)
    recipients.resolve(teller.says("two who may be meant, and nobody"), ["bert", "nobody"])
    broken = tree("ResolveRecipients:ResolveRecipients", ("Options", ("CertificateRetrieval", 9)))
    teller.says("nobody is asked for").command("ResolveRecipients", broken, check=False)


def _certificates(teller: Teller) -> None:
    good, late = (b"0\0" + verdict.name.encode() for verdict in (Verdict.VALID, Verdict.EXPIRED))
    certificates.validate(teller.says("one that is good"), [good], chain=[good], revocation=True)
    certificates.validate(teller.says("one that has expired, and none at all"), [late, b""])


def _settings(teller: Teller) -> None:
    if not _since(teller, "12.0"):
        with teller.refused("there are none in this version"):
            settings.addresses(teller.phone)
        return
    settings.addresses(teller.says("the user's addresses"))
    times = "2026-12-24T00:00:00.000Z", "2027-01-02T00:00:00.000Z"
    away = settings.Absence(settings.TIMED, {settings.AUDIENCES[0]: "Away"}, *times)
    settings.set_absence(teller.says("the user is away"), away)
    settings.absence(teller.says("what is set"))
    with teller.refused("an absence that ends before it begins"):
        settings.set_absence(teller.phone, settings.Absence(settings.TIMED, away.messages, *reversed(times)))
    settings.keep_password(teller.says("a password is kept"), "1234")
    if _since(teller, "14.1"):
        with teller.refused("there is no rights management"):
            settings.rights(teller.phone)


def _be_wiped(teller: Teller) -> None:
    if _since(teller, "16.1"):
        teller.scene.happen("the account is to be wiped")
    else:
        teller.scene.happen("the device is to be wiped")
    with teller.refused("an order to wipe, and that it was done"):
        teller.phone.folder_sync()


# -- recording -------------------------------------------------------------------------------------------------


def recorded(version: str) -> list[Entry]:
    """What a phone of this version says and hears."""
    scene = Scene()
    teller = Teller(scene, version)
    tell(teller)
    if teller.phone.anomalies:
        raise AssertionError(teller.phone.anomalies)
    return scene.entries


def head(version: str) -> str:
    """What stands at the top of a file."""
    return (
        f"Version {version}: what a phone says from its first word to its last, and what it is answered. "
        "Written by `make exchanges`; tests/eas/exchanges.py says how to read it."
    )


def path(version: str) -> Path:
    return FOLDER / f"{version}.txt"


def main() -> int:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for version in VERSIONS:
        entries = recorded(version)
        path(version).write_text(written(head(version), entries), encoding="utf-8", newline="\n")
        print(f"{path(version).name}: {sum(isinstance(each, Exchange) for each in entries)} exchanges")
    return 0


if __name__ == "__main__":
    sys.exit(main())
