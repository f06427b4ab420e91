"""The requests of a phone as trees, with what differs between protocol versions.

The order of children is the standard's; servers may refuse any other (MS-ASCMD 2.2.1, 2.2.3).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from app.wbxml import Element
from lab.device.state import Change

POLICY_TYPE = "MS-EAS-Provisioning-WBXML"
POLICY_TYPE_OF_2_5 = "MS-WAP-Provisioning-XML"
CLASS_IN_COLLECTION = ("2.5", "12.0", "12.1")
NO_SETTINGS = ("2.5",)
PREVIEWS = ("14.0", "14.1", "16.0", "16.1")
# Truncation of 2.5: bytes that are wanted -> its number, the next smaller one.
TRUNCATIONS = (
    (102400, 8),
    (51200, 7),
    (20480, 6),
    (10240, 5),
    (5120, 4),
    (2048, 3),
    (1024, 2),
    (512, 1),
    (0, 0),
)
DEVICE_INFORMATION_IN_PROVISION = ("14.1", "16.0", "16.1")


@dataclass(frozen=True)
class SyncOptions:
    """How the phone wants a collection; ``None`` leaves the choice to the server.

    ``filter_type`` as in MS-ASCMD 2.2.3.68.2 (mail: 0 all, 1 a day ... 5 a month); ``body_type`` 1 plain, 2 HTML,
    4 MIME; ``truncation`` in bytes of the body; ``mime_support`` 0 to 2; ``conflict`` 0 client, 1 server wins;
    ``preview`` in characters (14.0); ``part``: with what of a message is its author's own (14.1). A phone of 2.5 says
    what it can say of that.
    """

    filter_type: int | None = None
    body_type: int | None = None
    truncation: int | None = None
    mime_support: int | None = None
    conflict: int | None = None
    all_or_none: bool | None = None
    preview: int | None = None
    part: bool = False


@dataclass(frozen=True)
class SyncRequest:
    """A Sync of one collection; ``wait`` in minutes or ``heartbeat`` in seconds lets the server hold the answer."""

    version: str
    collection_id: str
    content_class: str | None
    sync_key: str
    window: int | None = None
    get_changes: bool | None = None
    deletes_as_moves: bool | None = None
    supported: Sequence[str] | None = None
    conversations: bool | None = None
    options: SyncOptions = field(default_factory=SyncOptions)
    changes: Sequence[Change] = ()
    wait: int | None = None
    heartbeat: int | None = None

    @property
    def seconds(self) -> int:
        """How long the server may hold its answer."""
        return self.heartbeat or (self.wait or 0) * 60


def _optional(name: str, value: object) -> Element | None:
    if value is None:
        return None
    return Element(name, str(int(value)) if isinstance(value, bool) else str(value))


def _parent(name: str, children: Iterable[Element | None]) -> Element | None:
    element = Element(name, None, children)
    return element if element.children else None


def sync(*requests: SyncRequest, partial: bool = False, window: int | None = None) -> Element:
    """A Sync of collections (MS-ASCMD 2.2.1.21); how long to wait is the first one's to say. ``partial``: the other
    collections are those of the last request."""
    return Element(
        "AirSync:Sync",
        None,
        [
            Element("AirSync:Collections", None, map(_collection, requests)) if requests else None,
            _optional("AirSync:Wait", requests[0].wait if requests else None),
            _optional("AirSync:HeartbeatInterval", requests[0].heartbeat if requests else None),
            _optional("AirSync:WindowSize", window),
            Element("AirSync:Partial") if partial else None,
        ],
    )


def _collection(request: SyncRequest) -> Element:
    supported = None if request.supported is None else [Element(name) for name in request.supported]
    return Element(
        "AirSync:Collection",
        None,
        [
            _class("AirSync:Class", request.version, request.content_class),
            Element("AirSync:SyncKey", request.sync_key),
            Element("AirSync:CollectionId", request.collection_id),
            None if supported is None else Element("AirSync:Supported", None, supported),
            _optional("AirSync:DeletesAsMoves", request.deletes_as_moves),
            _optional("AirSync:GetChanges", request.get_changes),
            _optional("AirSync:WindowSize", request.window),
            _optional("AirSync:ConversationMode", request.conversations),
            _options(request.options, request.version),
            _parent("AirSync:Commands", map(_command, request.changes)),
        ],
    )


def _class(name: str, version: str, content_class: str | None) -> Element | None:
    return _optional(name, content_class) if version in CLASS_IN_COLLECTION else None


def _options(options: SyncOptions, version: str) -> Element | None:
    old = version == "2.5"
    return _parent(
        "AirSync:Options",
        [
            _optional("AirSync:FilterType", options.filter_type),
            _optional("AirSync:Truncation", _truncation(options.truncation)) if old else None,
            None
            if old or options.body_type is None
            else _body("BodyPreference", options.body_type, options, version),
            _body("BodyPartPreference", 2, options, version) if options.part else None,
            _optional("AirSync:Conflict", options.conflict),
            _optional("AirSync:MIMESupport", options.mime_support),
        ],
    )


def _truncation(size: int | None) -> int | None:
    return None if size is None else next(number for least, number in TRUNCATIONS if size >= least)


def _body(name: str, body_type: int, options: SyncOptions, version: str) -> Element:
    return Element(
        f"AirSyncBase:{name}",
        None,
        [
            _optional("AirSyncBase:Type", body_type),
            _optional("AirSyncBase:TruncationSize", options.truncation),
            _optional("AirSyncBase:AllOrNone", options.all_or_none),
            _optional("AirSyncBase:Preview", options.preview) if version in PREVIEWS else None,
        ],
    )


def _command(change: Change) -> Element:
    with_data = change.kind in ("Add", "Change")
    return Element(
        f"AirSync:{change.kind}",
        None,
        [
            Element("AirSync:ClientId", change.client_id) if change.client_id else None,
            Element("AirSync:ServerId", change.server_id) if change.server_id else None,
            Element("AirSyncBase:InstanceId", change.instance) if change.instance else None,
            Element("AirSync:ApplicationData", None, change.fields) if with_data else None,
        ],
    )


def folder_sync(key: str) -> Element:
    """A FolderSync (MS-ASCMD 2.2.1.5)."""
    return Element("FolderHierarchy:FolderSync", None, [Element("FolderHierarchy:SyncKey", key)])


def get_item_estimate(request: SyncRequest) -> Element:
    """How much is there to come (MS-ASCMD 2.2.1.9); the order of children changed with 14.0."""
    key = Element("AirSync:SyncKey", request.sync_key)
    collection_id = Element("GetItemEstimate:CollectionId", request.collection_id)
    filter_type = _optional("AirSync:FilterType", request.options.filter_type)
    if request.version in CLASS_IN_COLLECTION:
        content_class = _class("GetItemEstimate:Class", request.version, request.content_class)
        children = [content_class, collection_id, filter_type, key]
    else:
        children = [key, collection_id, _parent("AirSync:Options", [filter_type])]
    collection = Element("GetItemEstimate:Collection", None, children)
    collections = Element("GetItemEstimate:Collections", None, [collection])
    return Element("GetItemEstimate:GetItemEstimate", None, [collections])


def ping(heartbeat: int | None, folders: Sequence[tuple[str, str]]) -> Element | None:
    """A Ping of ``folders`` (ServerId, class); ``None``, an empty body, repeats the last one."""
    rows = [
        Element("Ping:Folder", None, [Element("Ping:Id", server_id), Element("Ping:Class", content_class)])
        for server_id, content_class in folders
    ]
    return _parent(
        "Ping:Ping", [_optional("Ping:HeartbeatInterval", heartbeat), _parent("Ping:Folders", rows)]
    )


def device_information(about: Mapping[str, str]) -> Element:
    """What the device says of itself, as part of Settings or Provision (MS-ASCMD 2.2.3.45)."""
    fields = [Element(f"Settings:{tag}", value) for tag, value in about.items()]
    return Element("Settings:DeviceInformation", None, [Element("Settings:Set", None, fields)])


def settings(child: Element) -> Element:
    return Element("Settings:Settings", None, [child])


def ask_for_policy(version: str, about: Mapping[str, str]) -> Element:
    """The first phase of Provision (MS-ASPROV 3.1.5.1.1); the device describes itself there from 14.1 on."""
    policy = Element("Provision:Policy", None, [Element("Provision:PolicyType", policy_type(version))])
    described = device_information(about) if version in DEVICE_INFORMATION_IN_PROVISION else None
    return Element("Provision:Provision", None, [described, Element("Provision:Policies", None, [policy])])


def policy_type(version: str) -> str:
    """In which form a phone takes the policy (MS-ASPROV 2.2.2.43)."""
    return POLICY_TYPE_OF_2_5 if version == "2.5" else POLICY_TYPE


def acknowledge_policy(version: str, policy_key: int) -> Element:
    """The second phase (MS-ASPROV 3.1.5.1.2): the policy is in force."""
    policy = Element(
        "Provision:Policy",
        None,
        [
            Element("Provision:PolicyType", policy_type(version)),
            Element("Provision:PolicyKey", str(policy_key)),
            Element("Provision:Status", "1"),
        ],
    )
    return Element("Provision:Provision", None, [Element("Provision:Policies", None, [policy])])
