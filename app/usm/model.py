"""The nouns of USM: frozen values that know neither a protocol nor a data source.

Two numbers run through everything:

* a **folder number** is what a device calls a folder: small, stable, allotted once per session and kept over
  renames (table ``usmIdMapping``). Number 0 is the folder hierarchy itself;
* a **stamp** is a short text that differs whenever a device must hear of an item again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, StrEnum
from typing import Any

from app.usm.pieces import Text

HIERARCHY = 0
"""The folder number under which the state of the folder hierarchy itself is kept."""


class ContentType(StrEnum):
    """What a folder holds."""

    MAIL = "mail"
    CONTACTS = "contacts"
    CALENDAR = "calendar"
    TASKS = "tasks"
    NOTES = "notes"


class FolderRole(StrEnum):
    """What a folder is for. At most one folder of a session has each role and content type together."""

    NONE = "none"
    DEFAULT = "default"
    """The default folder of its content type, other than mail."""
    INBOX = "inbox"
    DRAFTS = "drafts"
    SENT = "sent"
    TRASH = "trash"
    SPAM = "spam"


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a person typed in, or was given: with ``is_token`` the password is an OAuth access token (RFC 6750), and the
    login only what the device says of its user."""

    login: str
    password: str = field(repr=False)
    is_token: bool = False
    origin: str = field(default="", compare=False)
    """The address that asks, ``""`` where it is not known."""


@dataclass(frozen=True, slots=True)
class Login:
    """Somebody has tried to log in. ``name`` and ``device`` are what he said of himself, ``address`` is where he came
    from; ``mark`` stands for name and password, and tells nothing of them."""

    name: str
    device: str
    address: str
    mark: str
    is_good: bool


@dataclass(frozen=True, slots=True)
class User:
    """A user of the source. ``mail`` is the default sender address, ``""`` where there is none."""

    context_id: int
    user_id: int
    login: str
    mail: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Device:
    """One device, as its protocol names it. ``protocol`` is for example ``"EAS"``."""

    protocol: str
    device_id: str
    device_type: str = ""


@dataclass(frozen=True, slots=True)
class SessionId:
    """The identity of a session: one user on one device over one protocol."""

    context_id: int
    user_id: int
    protocol: str
    device_id: str


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of the source. ``id`` is the source's own; ``parent_id`` is ``None`` at the top. ``was``: the id that it
    had before, where a source knows that it is the same folder; it keeps its number then."""

    id: str
    parent_id: str | None
    title: str
    content: ContentType
    role: FolderRole = FolderRole.NONE
    writable: bool = True
    was: str | None = None


@dataclass(frozen=True, slots=True)
class FolderRef:
    """A folder as a session knows it: its number for the device and its identity in the source."""

    number: int
    id: str
    content: ContentType


@dataclass(frozen=True, slots=True)
class Listing:
    """The items of a folder now. ``stamps``: item id → stamp, the most important item first.

    ``outside`` holds the ids of items that exist, but lie outside the wanted time span: a device that has
    one of them forgets its copy, and nobody deletes the item. ``tag``: see :data:`app.usm.ports.IsKnown`.
    """

    stamps: Mapping[str, str]
    outside: frozenset[str] = frozenset()
    tag: bytes = field(default=b"", compare=False, repr=False)


class BodyKind(StrEnum):
    """The forms a text body can have."""

    TEXT = "text"
    HTML = "html"
    MIME = "mime"


@dataclass(frozen=True, slots=True)
class Body:
    """A text body. ``text`` for TEXT and HTML; ``mime`` holds the bytes of a whole message for MIME.

    ``native`` is the form in which the source keeps it.
    """

    kind: BodyKind
    text: str = ""
    mime: bytes = b""
    native: BodyKind = BodyKind.TEXT


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that hangs on an item. ``id`` is the source's own within the item; ``size`` is in bytes."""

    id: str
    name: str
    size: int
    content_type: str = "application/octet-stream"
    content_id: str | None = None
    inline: bool = False


@dataclass(frozen=True, slots=True)
class Download:
    """A file on its way, in pieces; it is never in memory as a whole. ``size`` in bytes, ``None`` where the source does
    not tell. ``modified``: when a document was last changed, UTC. Whoever gets it reads ``chunks`` to their end or
    closes them."""

    chunks: Iterator[bytes]
    content_type: str = "application/octet-stream"
    size: int | None = None
    name: str = ""
    modified: datetime | None = None


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to be sent. ``mime``: all of it, as the device or the protocol made it (RFC 5322), a large one in
    pieces (:mod:`app.usm.pieces`). ``copy``: one is kept in the folder of sent messages. ``answers``, ``forwards``: the
    message that it answers or forwards, folder and item. ``mark``: the same whenever the same message is sent again; a
    source makes a Message-ID of it for a message that has none."""

    mime: Text = field(repr=False)
    copy: bool = True
    answers: tuple[FolderRef, str] | None = None
    forwards: tuple[FolderRef, str] | None = None
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """One item. ``fields`` uses the names and types of :mod:`app.usm.content`; a field without a value is
    absent. In a change, ``None`` means: clear this field."""

    id: str
    stamp: str
    content: ContentType
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Written:
    """What the source says after it stored an item. ``altered``: not quite as asked, so that the device must get it.

    After a change ``id`` is another one where the source keeps a changed item as a new one (a draft), and ``""`` where
    the item is no longer there (a draft that was sent).
    """

    id: str
    stamp: str
    altered: bool = False


class ChangeKind(Enum):
    """What happened to an item or folder."""

    ADD = "add"
    CHANGE = "change"
    DELETE = "delete"
    FORGET = "forget"
    """The device drops its copy; the item lives on (it left the wanted time span)."""


class ConflictRule(Enum):
    """Who wins when both sides changed the same item."""

    SERVER_WINS = "server"
    CLIENT_WINS = "client"


class Outcome(Enum):
    """What became of a client's change."""

    DONE = "done"
    CONFLICT = "conflict"
    """The source's copy won; it is on its way to the device."""
    GONE = "gone"
    REFUSED = "refused"
    FAILED = "failed"
    """A passing fault at this item only: the device may try again."""


@dataclass(frozen=True, slots=True)
class ClientChange:
    """One change that a device made. ``client_id``: the device's name for an item it adds.

    ``fields`` follows the rules of :class:`Item`. ``occurrence``: of a series only the one that its rule lets begin
    then (UTC); such a DELETE takes that one out of the series.
    """

    kind: ChangeKind
    item_id: str = ""
    client_id: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)
    occurrence: datetime | None = None


@dataclass(frozen=True, slots=True)
class ClientResult:
    """The answer to a :class:`ClientChange`. ``item_id`` is set when the item exists now."""

    change: ClientChange
    outcome: Outcome
    item_id: str = ""


@dataclass(frozen=True, slots=True)
class ServerChange:
    """One change that a device must get. ``payload`` is what ``ExchangeRequest.render`` made of the item,
    ``None`` for DELETE and FORGET."""

    kind: ChangeKind
    item_id: str
    payload: Any = None


@dataclass(frozen=True, slots=True)
class ExchangeRequest:
    """What a device asks of one folder.

    ``folder``: its number. ``key``: the sync key the device holds, ``"0"`` to begin. ``window``: at most so many
    server changes. ``since``: only items from then on (UTC), ``None`` for all; with ``conversations`` also the older
    messages of a conversation that has a newer one. ``bodies``: the body forms the
    device can take, best first. ``render`` turns an item into the protocol's form; when it raises
    :class:`~app.usm.errors.ItemUnreadable` or :class:`ValueError`, the item is skipped and recorded.
    ``render_part`` is given an item that the device holds, with no other fields than those that differ since, where the
    source can tell them by its stamps; it returns ``None`` where the protocol has nothing to say of them. Without it
    each changed item is read and rendered as a whole.
    ``fetch``: ids of items wanted again in full. ``new_key``: even if nothing changes, as the answer says something
    that the device must hear.
    """

    folder: int
    key: str
    changes: tuple[ClientChange, ...] = ()
    want_changes: bool = True
    window: int = 100
    since: datetime | None = None
    conversations: bool = False
    bodies: tuple[BodyKind, ...] = ()
    conflict: ConflictRule = ConflictRule.SERVER_WINS
    deletes_as_moves: bool = True
    fetch: tuple[str, ...] = ()
    new_key: bool = False
    render: Callable[[Item], Any] = lambda item: item
    render_part: Callable[[Item], Any] | None = None


@dataclass(frozen=True, slots=True)
class ExchangeResult:
    """The answer to an :class:`ExchangeRequest`. ``fetched``: item id → payload, or ``None`` if it is gone.

    ``more``: changes are left over for the next request.
    """

    key: str
    results: tuple[ClientResult, ...] = ()
    changes: tuple[ServerChange, ...] = ()
    fetched: Mapping[str, Any] = field(default_factory=dict)
    more: bool = False


@dataclass(frozen=True, slots=True)
class FolderChange:
    """One change of the hierarchy. ``parent``: the number of the parent folder, 0 at the top.

    ``folder`` is ``None`` for DELETE.
    """

    kind: ChangeKind
    number: int
    parent: int = 0
    folder: Folder | None = None


@dataclass(frozen=True, slots=True)
class HierarchyResult:
    """The answer to a request for the folder hierarchy; parents come before their children."""

    key: str
    changes: tuple[FolderChange, ...] = ()


@dataclass(frozen=True, slots=True)
class FolderWritten:
    """What became of a folder that a device made, changed or deleted: the new key of the hierarchy, and its number."""

    key: str
    number: int


class SendOutcome(Enum):
    """What became of a message that a device sent."""

    SENT = "sent"
    REPEATED = "repeated"
    """It was sent before, and was not sent again."""


@dataclass(frozen=True, slots=True)
class Move:
    """An item that a device moves; ``folder`` and ``target`` are numbers."""

    item_id: str
    folder: int
    target: int


class MoveOutcome(Enum):
    """What became of a :class:`Move`."""

    DONE = "done"
    SAME_FOLDER = "same folder"
    GONE = "gone"
    """The item, or the folder it was in."""
    TARGET_GONE = "target gone"
    REFUSED = "refused"
    FAILED = "failed"
    """A passing fault: the device may try again."""
    BUSY = "busy"
    """Another request is at work on one of the folders."""


@dataclass(frozen=True, slots=True)
class MoveResult:
    """The answer to a :class:`Move`. ``item_id``: the item's in the target folder, if it is there now."""

    move: Move
    outcome: MoveOutcome
    item_id: str = ""


class WatchOutcome(Enum):
    """Why waiting ended."""

    CHANGED = "changed"
    TIMEOUT = "timeout"
    SUPERSEDED = "superseded"
    """A newer request of the same device took over."""
    HIERARCHY = "hierarchy"
    """A watched folder is gone, or is not known: the device must fetch the hierarchy."""


@dataclass(frozen=True, slots=True)
class WatchResult:
    """The end of a wait; ``folders``: the numbers of the folders that changed."""

    outcome: WatchOutcome
    folders: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Absence:
    """What the source answers, while the user is away, to those who write: ``text`` without markup. From ``start`` to
    ``end``, each ``None`` where it is not bounded; a source may know whole days only."""

    active: bool
    text: str = ""
    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class UsmSettings:
    """What an administrator may choose. ``max_objects``: at most so many items of a folder are synchronised.

    ``force_new_key``: a new sync key even when nothing changed, for devices that insist on it. ``doubt_seconds``: how
    long a source may still be carrying out a request that it never answered. ``mass_delete_share``: at most so many
    percent of a folder of at least ``mass_delete_least`` items may one device delete in one go.
    """

    max_objects: int = 65535
    force_new_key: bool = False
    doubt_seconds: int = 60
    mass_delete_share: int = 50
    mass_delete_least: int = 20


class Event(StrEnum):
    """What may happen in a request that an administrator wants to have counted. A session notes each as often as it
    happens: :attr:`app.usm.session.Session.events`."""

    ITEMS_FIRST = "items first"
    """A device begins with a folder that it never synchronised."""
    ITEMS_RESET = "items reset"
    """A device starts over with a folder, of itself or because it was told to."""
    ITEMS_LOST = "items lost"
    """A device stands on a key of which nothing is kept: it is told to start over."""
    ITEMS_RESENT = "items resent"
    """A device repeats an older key: an answer was lost, and is given again."""
    FOLDERS_FIRST = "folders first"
    """The same four of the folder hierarchy."""
    FOLDERS_RESET = "folders reset"
    FOLDERS_LOST = "folders lost"
    FOLDERS_RESENT = "folders resent"
    SKIPPED = "skipped"
    """An item cannot be converted: it is left out for a while (:mod:`app.usm.held`)."""
    SKIPPED_AGAIN = "skipped again"
    """The same of an item in a version that was left out before."""
    HELD_BACK = "held back"
    """A device deletes too much at once: nothing of it is deleted (:mod:`app.usm.brakes`)."""
    EMPTIED = "emptied"
    """A folder is empty all of a sudden, and not believed to be so for now (:mod:`app.usm.brakes`)."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a request cost at the source: number of calls and seconds spent in them."""

    calls: int = 0
    seconds: float = 0.0
