"""The requests of a phone as trees, with what differs between protocol versions.

The order of children is the standard's; servers may refuse any other (MS-ASCMD 2.2.1, 2.2.3).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from app.wbxml import Element
from lab.device.state import Change

POLICY_TYPE = "MS-EAS-Provisioning-WBXML"
CLASS_IN_COLLECTION = ("12.0", "12.1")
DEVICE_INFORMATION_IN_PROVISION = ("14.1", "16.0", "16.1")


@dataclass(frozen=True)
class SyncOptions:
    """How the phone wants a collection; ``None`` leaves the choice to the server.

    ``filter_type`` as in MS-ASCMD 2.2.3.68.2 (mail: 0 all, 1 a day ... 5 a month); ``body_type`` 1 plain, 2 HTML,
    4 MIME; ``truncation`` in bytes of the body; ``mime_support`` 0 to 2; ``conflict`` 0 client, 1 server wins.
    """

    filter_type: int | None = None
    body_type: int | None = None
    truncation: int | None = None
    mime_support: int | None = None
    conflict: int | None = None


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


def sync(request: SyncRequest) -> Element:
    """A Sync of one collection (MS-ASCMD 2.2.1.21)."""
    supported = None if request.supported is None else [Element(name) for name in request.supported]
    collection = Element(
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
            _options(request.options),
            _parent("AirSync:Commands", map(_command, request.changes)),
        ],
    )
    return Element(
        "AirSync:Sync",
        None,
        [
            Element("AirSync:Collections", None, [collection]),
            _optional("AirSync:Wait", request.wait),
            _optional("AirSync:HeartbeatInterval", request.heartbeat),
        ],
    )


def _class(name: str, version: str, content_class: str | None) -> Element | None:
    return _optional(name, content_class) if version in CLASS_IN_COLLECTION else None


def _options(options: SyncOptions) -> Element | None:
    body = None
    if options.body_type is not None:
        body = Element(
            "AirSyncBase:BodyPreference",
            None,
            [
                _optional("AirSyncBase:Type", options.body_type),
                _optional("AirSyncBase:TruncationSize", options.truncation),
            ],
        )
    return _parent(
        "AirSync:Options",
        [
            _optional("AirSync:FilterType", options.filter_type),
            body,
            _optional("AirSync:Conflict", options.conflict),
            _optional("AirSync:MIMESupport", options.mime_support),
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
    policy = Element("Provision:Policy", None, [Element("Provision:PolicyType", POLICY_TYPE)])
    described = device_information(about) if version in DEVICE_INFORMATION_IN_PROVISION else None
    return Element("Provision:Provision", None, [described, Element("Provision:Policies", None, [policy])])


def acknowledge_policy(policy_key: int) -> Element:
    """The second phase (MS-ASPROV 3.1.5.1.2): the policy is in force."""
    policy = Element(
        "Provision:Policy",
        None,
        [
            Element("Provision:PolicyType", POLICY_TYPE),
            Element("Provision:PolicyKey", str(policy_key)),
            Element("Provision:Status", "1"),
        ],
    )
    return Element("Provision:Provision", None, [Element("Provision:Policies", None, [policy])])
