"""A phone without a network: it speaks bytes to ActiveSync, and every answer it gets is checked against the schemas."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from mmap import mmap

from app.eas.certificates import Checker
from app.eas.server import ActiveSync, EasResponse
from app.eas.settings import EasSettings
from app.eas.versions import Version
from app.usm.compared import Compared
from app.usm.errors import UsmError
from app.usm.manager import Manager
from app.usm.model import Credentials, UsmSettings
from app.usm.ports import outcome
from app.usm.session import Session
from app.wbxml import Element, decode, encode
from tests.fakes.clock import CountingTokens, ManualClock
from tests.fakes.source import ANTON, MemoryProvider, MemorySource
from tests.fakes.store import MemoryStore
from tests.fakes.waiter import ScriptedWaiter
from tests.schemas import validate

CONTACTS = "31"
INBOX = "default0/INBOX"
TRIPS = "default0/INBOX/Trips"


def tree(name: str, *content: object) -> Element:
    """``tree("AirSync:Sync", ("Collections", ...))``: children take their parent's page unless they name one."""
    page, _, _ = name.partition(":")
    children: list[Element] = []
    value: str | bytes | None = None
    for part in content:
        if part is None:
            continue
        if isinstance(part, Element):
            children.append(part)
        elif isinstance(part, tuple):
            tag, *rest = part
            children.append(tree(tag if ":" in tag else f"{page}:{tag}", *rest))
        elif isinstance(part, str | bytes):
            value = part
        else:
            value = str(part)
    return Element(name, value, children)


def plain(element: Element) -> object:
    """An element without its page: a text, or a list of (tag, content) pairs."""
    if element.children:
        return [(child.name.partition(":")[2], plain(child)) for child in element]
    return element.value if isinstance(element.value, bytes) else element.text


@dataclass
class Reply:
    """An answer: its HTTP side and its document, ``None`` when the body is empty."""

    http: EasResponse
    root: Element | None

    @property
    def status(self) -> str | None:
        """The Status right under the root, or in the Result there."""
        assert self.root is not None, f"an empty answer, HTTP {self.http.status}"
        page = self.root.name.partition(":")[0]
        return (self.root.find(f"{page}:Result") or self.root).text_of(f"{page}:Status")

    def everything(self) -> list[Element]:
        """Every element, in the order of the document."""
        found, todo = [], [self.root] if self.root else []
        while todo:
            element = todo.pop(0)
            found.append(element)
            todo = element.children + todo
        return found

    def all(self, name: str) -> list[Element]:
        """Every element with this name, wherever it is."""
        return [element for element in self.everything() if element.name == name]

    def one(self, name: str) -> Element:
        found = self.all(name)
        assert len(found) == 1, f"{len(found)} times {name} in {self.root!r}"
        return found[0]

    def text(self, name: str) -> str:
        return self.one(name).text


def whole(response: EasResponse) -> bytes:
    """The body of an answer, also of one that comes in pieces; their size is as announced."""
    if response.stream is None:
        return response.body
    data = b"".join(response.stream.chunks)
    assert len(data) == response.stream.size
    return data


class World:
    """One user with data in memory, and what a process keeps."""

    def __init__(self, **settings: object) -> None:
        self.clock = ManualClock()
        self.source = MemorySource()
        self.store = MemoryStore()
        self.store.now = self.clock.now
        self.waiter = ScriptedWaiter(self.clock)
        self.tokens = CountingTokens()
        self.provider = MemoryProvider({ANTON.login: self.source})
        self.usm = UsmSettings()
        self._process = self.usm, Compared()
        self.checker: Checker | None = None
        self.configure(**settings)

    def configure(self, **settings: object) -> None:
        """The administrator changes settings and restarts."""
        self.eas = ActiveSync(EasSettings(**settings), self.clock, self.tokens, self.checker)  # type: ignore[arg-type]

    def manager(self) -> Manager:
        """Of a process that ends when USM's settings change."""
        if self._process[0] != self.usm:
            self._process = self.usm, Compared()
        given = (self.provider, self.store, self.waiter, self.clock, self.tokens)
        return Manager(*given, *self._process)

    def phone(self, version: Version = Version.V14_1, **more: object) -> Phone:
        return Phone(self, version, **more)  # type: ignore[arg-type]


class Phone:
    """A device that keeps its keys. ``base64``: which form of the query it uses."""

    def __init__(
        self,
        world: World,
        version: Version = Version.V14_1,
        device_id: str = "phone1",
        device_type: str = "Phone",
        base64: bool = False,
    ) -> None:
        self.world = world
        self.version = version
        self.device_id = device_id
        self.device_type = device_type
        self.base64 = base64
        self.policy_key = ""
        self.keys: dict[str, str] = {}
        self.headers: dict[str, str] = {}

    def query(self, command: str) -> str:
        return f"Cmd={command}&User=anton&DeviceId={self.device_id}&DeviceType={self.device_type}"

    def _headers(self, body: bytes | mmap) -> Mapping[str, str]:
        headers = {"ms-asprotocolversion": self.version.text, "user-agent": "Test/1.0"}
        if self.policy_key:
            headers["x-ms-policykey"] = self.policy_key
        if body:
            headers["content-type"] = "application/vnd.ms-sync.wbxml"
        return headers | self.headers

    def raw(self, command: str, body: bytes | mmap) -> EasResponse:
        """Send bytes as they are."""
        request = self.world.eas.parse("POST", self.query(command), self._headers(body), body)
        try:
            return outcome(self.world.eas.handle(self.session(), request))
        except UsmError as error:
            return self.world.eas.refuse(request, error)

    def session(self) -> Session:
        world = self.world
        request = world.eas.parse("POST", self.query("Sync"), self._headers(b""), b"")
        return world.manager().open(Credentials(ANTON.login, "secret"), request.device)

    def send(self, command: str, root: Element | None = None) -> Reply:
        """Send a document; the answer is checked against the schemas and the version."""
        response = self.raw(command, b"" if root is None else encode(root))
        return self.reply(response)

    def reply(self, response: EasResponse) -> Reply:
        body = whole(response)
        validate(body, self.version.text)
        if not body:
            return Reply(response, None)
        assert response.headers["Content-Type"] == "application/vnd.ms-sync.wbxml"
        return Reply(response, decode(body))

    def information(self) -> Element:
        return tree("Settings:DeviceInformation", ("Set", ("Model", "Lab"), ("OS", "Test 1")))

    @property
    def policy_type(self) -> str:
        is_oldest = self.version < Version.V12_0
        return "MS-WAP-Provisioning-XML" if is_oldest else "MS-EAS-Provisioning-WBXML"

    def ask_policy(self) -> Reply:
        information = self.information() if self.version >= Version.V14_1 else None
        policy = ("Policy", ("PolicyType", self.policy_type))
        return self.send("Provision", tree("Provision:Provision", information, ("Policies", policy)))

    def acknowledge(self, key: str, status: int = 1) -> Reply:
        policy = (
            "Policy",
            ("PolicyType", self.policy_type),
            ("PolicyKey", key),
            ("Status", status),
        )
        self.policy_key = key
        return self.send("Provision", tree("Provision:Provision", ("Policies", policy)))

    def provision(self) -> Phone:
        """Both phases; the phone then carries the final key."""
        temporary = self.ask_policy().text("Provision:PolicyKey")
        self.policy_key = self.acknowledge(temporary).text("Provision:PolicyKey")
        return self

    def folder_sync(self, key: str = "0") -> Reply:
        return self.send("FolderSync", tree("FolderHierarchy:FolderSync", ("SyncKey", key)))

    def collection(self, folder: str, *rest: object, key: str | None = None) -> tuple[object, ...]:
        """A Collection of a Sync request; ``folder`` is the source's id or any other CollectionId."""
        number = self.number(folder)
        key = self.keys.get(number, "0") if key is None else key
        has_class = self.version <= Version.V12_1
        kind = ("Class", "Contacts" if folder == CONTACTS else "Email") if has_class else None
        return ("Collection", kind, ("SyncKey", key), ("CollectionId", number), *rest)

    def number(self, folder: str) -> str:
        refs = self.world.store.folder_refs(self.session().id)
        return next((str(ref.number) for ref in refs if ref.id == folder), folder)

    def sync_many(self, *collections: object, after: tuple[object, ...] = ()) -> Reply:
        """A Sync of several collections; the keys of the answer are kept."""
        reply = self.send("Sync", tree("AirSync:Sync", ("Collections", *collections), *after))
        self.take_keys(reply)
        return reply

    def take_keys(self, reply: Reply) -> None:
        for element in reply.all("AirSync:Collection"):
            self.keys[element.text_of("AirSync:CollectionId") or ""] = (
                element.text_of("AirSync:SyncKey") or ""
            )

    def sync(
        self, folder: str, *rest: object, key: str | None = None, after: tuple[object, ...] = ()
    ) -> Reply:
        return self.sync_many(self.collection(folder, *rest, key=key), after=after)

    def start(self, *folders: str, options: object = None, supported: object = None) -> Phone:
        """A phone that holds the policy and the folders, and has begun these collections."""
        if self.world.eas._settings.provisioning != "off":
            self.provision()
        self.folder_sync()
        for folder in folders:
            self.sync(folder, supported, options, key="0")
        return self

    def commands(self, folder: str, *commands: object, **more: object) -> Reply:
        return self.sync(folder, ("Commands", *commands), **more)  # type: ignore[arg-type]


def known(root: Reply) -> list[str]:
    """The commands of a Sync answer, in order: ``["Add", "Delete"]``."""
    return [child.name.partition(":")[2] for commands in root.all("AirSync:Commands") for child in commands]
