"""A good request for each command that is served, for mutations to begin with.

``REQUESTS`` has a row for each; a test fails where a served command has none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from app.wbxml import Element
from tests.eas.phone import tree

WBXML: Final = "application/vnd.ms-sync.wbxml"
MAIL: Final = "message/rfc822"
MIME: Final = (
    b"From: anton@example.org\r\nTo: berta@example.org\r\nSubject: Hello\r\nMIME-Version: 1.0\r\n"
    b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nHi\r\n'
    b"--b\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\niVBORw0KGgo=\r\n--b--\r\n"
)


@dataclass(frozen=True)
class Place:
    """What a device knows of its folders: the keys of the hierarchy and of two folders, their numbers and an item."""

    hierarchy: str = "0"
    inbox: int = 1
    inbox_key: str = "0"
    mail: str = "1"
    contacts: int = 4
    contacts_key: str = "0"
    contact: str = "2"


@dataclass(frozen=True)
class Sample:
    """A request: its document, or bytes of another kind; ``query`` goes into the address."""

    document: Element | None = None
    body: bytes = b""
    content_type: str = WBXML
    query: Mapping[str, str] = field(default_factory=dict)


def _sync(place: Place) -> Sample:
    options = (
        "Options",
        ("FilterType", 3),
        ("Conflict", 1),
        ("MIMESupport", 1),
        ("MIMETruncation", 4),
        ("AirSyncBase:BodyPreference", ("Type", 2), ("TruncationSize", 500), ("AllOrNone", 0)),
    )
    flag = ("Email:Flag", ("Status", 2), ("FlagType", "Flag for follow up"))
    mail = (
        "Collection",
        ("SyncKey", place.inbox_key),
        ("CollectionId", place.inbox),
        ("GetChanges",),
        ("WindowSize", 10),
        options,
        (
            "Commands",
            ("Change", ("ServerId", place.mail), ("ApplicationData", ("Email:Read", 1), flag)),
            ("Fetch", ("ServerId", place.mail)),
            ("Delete", ("ServerId", f"{place.inbox}:99")),
        ),
    )
    body = ("AirSyncBase:Body", ("Type", 1), ("Data", "Notes of a person"))
    data = (
        "ApplicationData",
        ("Contacts:LastName", "Quist"),
        ("Contacts:Birthday", "1980-02-29T11:59:00.000Z"),
        ("Contacts:Picture", "iVBORw0KGgo="),
        ("Contacts:Categories", ("Category", "Friends")),
        body,
    )
    contacts = (
        "Collection",
        ("SyncKey", place.contacts_key),
        ("CollectionId", place.contacts),
        (
            "Commands",
            ("Add", ("ClientId", "c1"), data),
            ("Change", ("ServerId", place.contact), data),
        ),
    )
    return Sample(tree("AirSync:Sync", ("Collections", mail, contacts), ("WindowSize", 100)))


def _send(name: str) -> Callable[[Place], Sample]:
    def sample(place: Place) -> Sample:
        source = None
        if name != "SendMail":
            source = ("Source", ("FolderId", place.inbox), ("ItemId", place.mail))
        parts = (("ClientId", "m1"), source, ("SaveInSentItems",), ("Mime", MIME))
        return Sample(tree(f"ComposeMail:{name}", *parts))

    return sample


def _folder(name: str, *parts: tuple[str, object]) -> Callable[[Place], Sample]:
    return lambda place: Sample(
        tree(f"FolderHierarchy:{name}", ("SyncKey", place.hierarchy), *parts),
    )


def _estimate(place: Place) -> Sample:
    collection = ("Collection", ("AirSync:SyncKey", place.inbox_key), ("CollectionId", place.inbox))
    options = ("AirSync:Options", ("FilterType", 2), ("Class", "Email"))
    return Sample(tree("GetItemEstimate:GetItemEstimate", ("Collections", (*collection, options))))


def _settings(place: Place) -> Sample:
    message = (
        "OofMessage",
        ("AppliesToInternal",),
        ("Enabled", 1),
        ("ReplyMessage", "Away"),
        ("BodyType", "Text"),
    )
    oof = ("Oof", ("Set", ("OofState", 1), message))
    device = ("DeviceInformation", ("Set", ("Model", "Lab"), ("OS", "Test 1")))
    return Sample(tree("Settings:Settings", oof, device, ("UserInformation", ("Get",))))


def _move(place: Place) -> Sample:
    move = ("Move", ("SrcMsgId", place.mail), ("SrcFldId", place.inbox), ("DstFldId", place.inbox + 1))
    return Sample(tree("Move:MoveItems", move))


def _answer(place: Place) -> Sample:
    request = ("Request", ("UserResponse", 1), ("CollectionId", place.inbox), ("RequestId", place.mail))
    return Sample(tree("MeetingResponse:MeetingResponse", request))


def _operations(place: Place) -> Sample:
    item = (("Store", "Mailbox"), ("AirSync:CollectionId", place.inbox), ("AirSync:ServerId", place.mail))
    preference = ("AirSyncBase:BodyPreference", ("Type", 2), ("TruncationSize", 500))
    fetch = ("Fetch", *item, ("Options", ("Range", "0-99"), preference))
    empty = (
        "EmptyFolderContents",
        ("AirSync:CollectionId", place.inbox + 2),
        ("Options", ("DeleteSubFolders",)),
    )
    return Sample(tree("ItemOperations:ItemOperations", fetch, empty))


def _search(place: Place) -> Sample:
    later = ("GreaterThan", ("Email:DateReceived",), ("Value", "2026-01-01T00:00:00.000Z"))
    query = ("Query", ("And", ("AirSync:Class", "Email"), ("FreeText", "Hello"), later))
    options = ("Options", ("Range", "0-9"), ("RebuildResults",), ("DeepTraversal",))
    return Sample(tree("Search:Search", ("Store", ("Name", "Mailbox"), query, options)))


def _find(place: Place) -> Sample:
    query = (
        "Query",
        ("FreeText", "Hello"),
        ("AirSync:Class", "Email"),
        ("AirSync:CollectionId", place.inbox),
    )
    criterion = ("MailBoxSearchCriterion", query, ("Options", ("Range", "0-9"), ("DeepTraversal",)))
    identity = ("SearchId", "f7c2ab4f-8b53-4b0e-9d2b-0a7a2d7b1c11")
    return Sample(tree("Find:Find", identity, ("ExecuteSearch", criterion)))


def _recipients(place: Place) -> Sample:
    times = (("StartTime", "2026-01-15T00:00:00.000Z"), ("EndTime", "2026-01-16T00:00:00.000Z"))
    options = ("Options", ("CertificateRetrieval", 2), ("MaxCertificates", 5), ("Availability", *times))
    return Sample(tree("ResolveRecipients:ResolveRecipients", ("To", "anton"), options))


def _certificates(place: Place) -> Sample:
    chain = ("Certificates", ("Certificate", "MIIBszCCAVmgAwIBAgIU"))
    return Sample(tree("ValidateCert:ValidateCert", chain, ("CheckCRL", 1)))


def _ping(place: Place) -> Sample:
    folder = ("Folder", ("Id", place.inbox), ("Class", "Email"))
    return Sample(tree("Ping:Ping", ("HeartbeatInterval", 60), ("Folders", folder)))


def _provision(place: Place) -> Sample:
    policy = ("Policy", ("PolicyType", "MS-EAS-Provisioning-WBXML"), ("PolicyKey", "1"), ("Status", 1))
    device = ("Settings:DeviceInformation", ("Set", ("Model", "Lab")))
    return Sample(tree("Provision:Provision", device, ("Policies", policy), ("RemoteWipe", ("Status", 1))))


REQUESTS: Final[Mapping[str, Callable[[Place], Sample]]] = {
    "Sync": _sync,
    "FolderSync": _folder("FolderSync"),
    "FolderCreate": _folder("FolderCreate", ("ParentId", 0), ("DisplayName", "New"), ("Type", 12)),
    "FolderDelete": _folder("FolderDelete", ("ServerId", 2)),
    "FolderUpdate": _folder("FolderUpdate", ("ServerId", 2), ("ParentId", 0), ("DisplayName", "Other")),
    "GetItemEstimate": _estimate,
    "Settings": _settings,
    "SendMail": _send("SendMail"),
    "SmartReply": _send("SmartReply"),
    "SmartForward": _send("SmartForward"),
    "MoveItems": _move,
    "MeetingResponse": _answer,
    "ItemOperations": _operations,
    "Search": _search,
    "Find": _find,
    "ResolveRecipients": _recipients,
    "GetAttachment": lambda place: Sample(query={"AttachmentName": f"{place.mail}:2"}),
    "GetHierarchy": lambda place: Sample(),
    "ValidateCert": _certificates,
    "Ping": _ping,
    "Provision": _provision,
}
"""Command → what makes a good request of what the device knows."""
