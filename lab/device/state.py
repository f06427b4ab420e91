"""What a phone remembers and hears, as values.

Whatever a server must not send, but a phone could silently swallow, is written down as an anomaly: a sentence in a
list that tests hold against an empty one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from app.wbxml import Element

ROOT = "0"
NO_KEY = "0"

Anomalies = list[str]

# Folder types of MS-ASCMD 2.2.3.186.3 and the content they hold.
CONTENT_CLASSES = {
    **dict.fromkeys((1, 2, 3, 4, 5, 6, 12), "Email"),
    **dict.fromkeys((7, 15), "Tasks"),
    **dict.fromkeys((8, 13), "Calendar"),
    **dict.fromkeys((9, 14, 19), "Contacts"),
    **dict.fromkeys((10, 17), "Notes"),
}
TYPE_NAMES = {
    1: "folder",
    2: "Inbox",
    3: "Drafts",
    4: "Deleted items",
    5: "Sent items",
    6: "Outbox",
    7: "Tasks",
    8: "Calendar",
    9: "Contacts",
    10: "Notes",
    11: "Journal",
    12: "mail",
    13: "calendar",
    14: "contacts",
    15: "tasks",
    16: "journal",
    17: "notes",
    18: "unknown",
    19: "recipients",
}


@dataclass
class Folder:
    """One folder of the hierarchy, as FolderSync names it."""

    server_id: str
    parent_id: str
    name: str
    type: int

    @property
    def content_class(self) -> str | None:
        return CONTENT_CLASSES.get(self.type)

    @property
    def type_name(self) -> str:
        return TYPE_NAMES.get(self.type, f"type {self.type}")


@dataclass
class FolderChanges:
    """What one FolderSync changed: the ServerIds of folders."""

    added: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Change:
    """What the phone did to an item and has not told the server yet.

    ``kind`` is the tag: ``Add`` (with a ``client_id``), ``Change``, ``Delete`` or ``Fetch`` (with a ``server_id``).
    ``instance``: the InstanceId of the one occurrence of a series that it is about (16.x).
    """

    kind: str
    server_id: str = ""
    client_id: str = ""
    fields: tuple[Element, ...] = ()
    instance: str = ""

    @property
    def name(self) -> str:
        """Under which its status is found."""
        return " ".join(filter(None, (self.client_id or self.server_id, self.instance)))


@dataclass
class SyncResult:
    """What one Sync of one collection brought, by ServerId.

    ``statuses`` are the answers to the phone's own changes: ``Change.name`` (ClientId or ServerId) -> status;
    a change that the server did not mention was taken. ``server_ids`` are the new ones by ClientId.
    """

    key: str
    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    soft_deleted: list[str] = field(default_factory=list)
    statuses: dict[str, int] = field(default_factory=dict)
    server_ids: dict[str, str] = field(default_factory=dict)
    more_available: bool = False
    is_empty: bool = False

    @property
    def from_server(self) -> int:
        """How many commands the server sent."""
        return len(self.added) + len(self.changed) + len(self.deleted) + len(self.soft_deleted)


@dataclass(frozen=True)
class PingResult:
    """The answer to a Ping; the bounds are there only where the server named them."""

    status: int
    folders: list[str]
    heartbeat: int | None = None
    max_folders: int | None = None


def elements(
    fields: Mapping[str, str | bytes | Sequence[Element]] | Sequence[Element],
) -> tuple[Element, ...]:
    """Fields of an item as elements: ``{"Contacts:FirstName": "Zoë"}``, a list for tags with children."""
    if not isinstance(fields, Mapping):
        return tuple(fields)
    return tuple(
        Element(name, value) if isinstance(value, str | bytes) else Element(name, None, value)
        for name, value in fields.items()
    )
