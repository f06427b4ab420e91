"""A data source in memory: what OX is to the product, reduced to the port."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

from app.usm.content import AttendeeRole, Occurrence, Reply
from app.usm.errors import (
    AccessDenied,
    FolderGone,
    ItemConflict,
    ItemGone,
    ItemRefused,
    ItemUnreadable,
    NotEnabled,
    UsmError,
)
from app.usm.model import (
    Absence,
    BodyKind,
    ContentType,
    Cost,
    Credentials,
    Device,
    Download,
    Folder,
    FolderRef,
    FolderRole,
    Item,
    Listing,
    Outgoing,
    User,
    Written,
)
from app.usm.pieces import InMemory, Stored, beginning
from app.usm.ports import IsKnown, Survey, Tree, Wish
from tests.fakes.searching import Searchable

_Tagged = TypeVar("_Tagged", Listing, Survey, Tree)

ANTON = User(1, 3, "anton@example.org", "anton@example.org", "Anton")

STANDARD_FOLDERS = (
    Folder("default0/INBOX", None, "INBOX", ContentType.MAIL, FolderRole.INBOX),
    Folder("default0/INBOX/Trips", "default0/INBOX", "Trips", ContentType.MAIL),
    Folder("default0/Trash", None, "Trash", ContentType.MAIL, FolderRole.TRASH),
    Folder("31", None, "Contacts", ContentType.CONTACTS, FolderRole.DEFAULT),
)


class _Stored:
    def __init__(self, fields: Mapping[str, Any], stamp: str, uid: str, received: datetime | None) -> None:
        self.fields = dict(fields)
        self.stamp = stamp
        self.uid = uid
        self.received = received
        self.trace = uid or stamp
        """Stays when the item moves, as a Message-ID does."""


class MemorySource(Searchable):
    """``DataSource`` over dictionaries. ``before``/``after`` are called with the method's name around each call.

    ``unreadable`` holds ids of items that :meth:`read` cannot convert; ``readonly`` ids of folders that take nothing,
    ``missing`` ids that are listed but not found; with ``alters`` nothing new is stored quite as asked.
    ``tells_was``: a folder that is renamed on the source's own side names its former id; ``tells_series``: what a
    series became by losing an occurrence is told. ``marks``: the fields of a message in which two versions are told
    apart without reading them. ``sent``: the messages that went out, and ``replies`` the answers
    that were stored, each as often as it happened. Messages get another id when they
    are moved, and their folders when they are renamed; all else keeps its own. A draft that is changed becomes a new
    message, and one that is sent is gone (``Written``).
    """

    def __init__(self, user: User = ANTON, folders: Sequence[Folder] = STANDARD_FOLDERS) -> None:
        super().__init__()
        self.user = user
        self.tree: list[Folder] = list(folders)
        self.items: dict[str, dict[str, _Stored]] = {folder.id: {} for folder in folders}
        self.unreadable: set[str] = set()
        self.renewed: list[datetime] = []
        self.readonly: set[str] = set()
        self.missing: set[str] = set()
        self.alters = False
        self.known_as: dict[str, str] = {}
        """Folder → its identity."""
        self.tells_was = False
        self.tells_series = True
        self.marks = frozenset(("read", "flagged", "categories"))
        self.versions: dict[str, Mapping[str, Any]] = {}
        """Stamp → the fields of the item that had it."""
        self.tells_organizers = False
        self.away: Absence | None = Absence(False)
        self.sent: list[Outgoing] = []
        self.replies: list[tuple[str, str, Reply, str, datetime | None]] = []
        self.calls: list[str] = []
        self.before = lambda name: None
        self.after = lambda name: None
        self._last = 0

    @property
    def cost(self) -> Cost:
        return Cost(len(self.calls), 0.001 * len(self.calls))

    def renew(self, before: datetime) -> None:
        self._called("renew")
        self.renewed.append(before)

    # -- what happens on the source's own side ------------------------------------------------------------

    def put(self, folder: str, fields: Mapping[str, Any], received: datetime | None = None) -> str:
        """Somebody else adds an item; its id."""
        item_id, stamp = str(self._tick()), f"v{self._last}"
        self.items[folder][item_id] = _Stored(fields, stamp, "", received)
        self.versions[stamp] = dict(fields)
        return item_id

    def touch(self, folder: str, item_id: str, fields: Mapping[str, Any]) -> None:
        """Somebody else changes an item."""
        stored = self.items[folder][item_id]
        stored.fields.update(fields)
        self._stamp(stored)

    def drop(self, folder: str, item_id: str) -> None:
        """Somebody else deletes an item."""
        del self.items[folder][item_id]

    def shift(self, folder: str, item_id: str, target: str) -> str:
        """Somebody else moves a message; its id in the other folder."""
        moved = str(self._tick())
        self.items[target][moved] = self.items[folder].pop(item_id)
        return moved

    def rename(self, folder: str, parent: str | None, title: str) -> str:
        """Somebody else renames or moves a folder; its id."""
        return self._rename(folder, parent, title, self.tells_was).id

    def remove(self, folder: str) -> None:
        """Somebody else deletes a folder with those under it."""
        for each in self._under(folder):
            self.tree.remove(each)
            del self.items[each.id]

    def _under(self, folder: str) -> list[Folder]:
        found, ids = [], {folder}
        for each in self.tree:
            if each.id in ids or each.parent_id in ids:
                ids.add(each.id)
                found.append(each)
        return found

    def _rename(self, folder: str, parent: str | None, title: str, tell: bool) -> Folder:
        ids: dict[str, str] = {}
        renamed = []
        for each in self._under(folder):
            above = parent if each.id == folder else ids[each.parent_id or ""]
            name = title if each.id == folder else each.title
            mine = _path(above, name) if each.content is ContentType.MAIL else each.id
            ids[each.id] = mine
            renamed.append(
                replace(
                    each,
                    id=mine,
                    parent_id=above,
                    title=name,
                    was=each.id if tell and mine != each.id else None,
                )
            )
            self.tree.remove(each)
        for before, after in ids.items():
            self.items[after] = self.items.pop(before)
        self.tree += renamed  # parents before children: what they hang on was there before
        return renamed[0]

    def _stamp(self, item: _Stored) -> None:
        item.stamp = f"v{self._tick()}"
        self.versions[item.stamp] = dict(item.fields)

    def _tick(self) -> int:
        self._last += 1
        return self._last

    # -- the port ------------------------------------------------------------------------------------------

    def _called(self, name: str) -> None:
        self.calls.append(name)
        self.before(name)

    def folders(self) -> Sequence[Folder]:
        self._called("folders")
        return list(self.tree)

    def folders_unless(self, is_known: IsKnown) -> Tree | None:
        tree = self.folders()
        return _unless(Tree(tree, _tag(tree)), is_known)

    def identities(self, folders: Sequence[FolderRef]) -> Mapping[str, str]:
        self._called("identities")
        return {folder.id: self.known_as[folder.id] for folder in folders if folder.id in self.known_as}

    def _items(self, folder: FolderRef) -> dict[str, _Stored]:
        try:
            return self.items[folder.id]
        except KeyError:
            raise FolderGone(f"no folder {folder.id!r}") from None

    def listing(self, folder: FolderRef, since: datetime | None, conversations: bool = False) -> Listing:
        return self.listings([Wish(folder, since, conversations)])[0]

    def listing_unless(self, wish: Wish, is_known: IsKnown) -> Listing | None:
        (listing,) = self.listings([wish])
        return _unless(replace(listing, tag=_tag(wish, listing)), is_known)

    def listings(self, wishes: Sequence[Wish]) -> list[Listing]:
        self._called("listing")
        return [self._listed(wish.folder, wish.since, wish.conversations) for wish in wishes]

    def _listed(self, folder: FolderRef, since: datetime | None, conversations: bool) -> Listing:
        stored = self._items(folder)
        old = {item for item, entry in stored.items() if since and entry.received and entry.received < since}
        alive = {stored[item].fields.get("conversation") for item in stored.keys() - old if conversations}
        outside = frozenset(item for item in old if stored[item].fields.get("conversation", "") not in alive)
        newest_first = sorted(stored, key=int, reverse=True)
        return Listing({item: stored[item].stamp for item in newest_first if item not in outside}, outside)

    def read(
        self, folder: FolderRef, ids: Sequence[str], bodies: Sequence[BodyKind]
    ) -> Mapping[str, Item | Exception]:
        self._called("read")
        stored = self._items(folder)
        found: dict[str, Item | Exception] = {}
        for item in ids:
            if item in self.unreadable:
                found[item] = ItemUnreadable(f"item {item} cannot be read")
            elif item in stored and item not in self.missing:
                found[item] = Item(item, stored[item].stamp, folder.content, dict(stored[item].fields))
        return found

    def difference(self, folder: FolderRef, before: str, after: str) -> Mapping[str, Any] | None:
        old, new = self.versions[before], self.versions[after]
        differing = {name for name in old.keys() | new.keys() if old.get(name) != new.get(name)}
        if folder.content is not ContentType.MAIL or not differing <= self.marks:
            return None
        return {name: new.get(name) for name in differing}

    def create(self, folder: FolderRef, fields: Mapping[str, Any], uid: str) -> Written:
        self._called("create")
        stored = self._items(folder)
        if folder.id in self.readonly:
            raise ItemRefused(f"folder {folder.id!r} is read-only")
        if fields.get("send"):
            self.sent.append(Outgoing(str(fields.get("born", "")).encode(), mark=uid))
            self.after("create")
            return Written("", "")
        item_id, stamp = str(self._tick()), f"v{self._last}"
        fields = _with_roles(fields, {})
        stored[item_id] = _Stored(fields, stamp, uid, None)
        self.versions[stamp] = dict(fields)
        self.after("create")
        return Written(item_id, stamp, self.alters)

    def find_created(self, folder: FolderRef, uids: Sequence[str]) -> Mapping[str, Written]:
        self._called("find_created")
        found = {
            entry.uid: Written(item, entry.stamp)
            for item, entry in self._items(folder).items()
            if entry.uid in uids
        }
        return found | {each.mark: Written("", "") for each in self.sent if each.mark in uids}

    def find_elsewhere(self, folder: FolderRef, uids: Sequence[str]) -> Collection[str]:
        self._called("find_elsewhere")
        others = (each for each in self.tree if each.content is folder.content and each.id != folder.id)
        return {entry.uid for each in others for entry in self.items[each.id].values() if entry.uid in uids}

    def update(
        self,
        folder: FolderRef,
        item_id: str,
        fields: Mapping[str, Any],
        stamp: str | None,
        occurrence: datetime | None = None,
    ) -> Written:
        self._called("update")
        item = self._writable(folder, item_id, stamp)
        fields = _with_roles(fields, item.fields)
        if occurrence is not None:
            self._except(item, Occurrence(occurrence, fields=dict(fields)))
            written = Written(item_id, item.stamp)
            self.after("update")
            return written
        if fields.get("send"):
            del self._items(folder)[item_id]
            self.sent.append(Outgoing(str(item.fields.get("born", "")).encode(), mark=item.trace))
            self.after("update")
            return Written("", "")
        for name, value in fields.items():
            if value is None:
                item.fields.pop(name, None)
            else:
                item.fields[name] = value
        self._stamp(item)
        if item.fields.get("draft"):
            del self._items(folder)[item_id]
            item_id = str(self._tick())
            self._items(folder)[item_id] = item
        written = Written(item_id, item.stamp)
        self.after("update")
        return written

    def delete(
        self,
        folder: FolderRef,
        item_id: str,
        stamp: str | None,
        to_trash: bool,
        occurrence: datetime | None = None,
    ) -> Written | None:
        self._called("delete")
        item = self._writable(folder, item_id, stamp)
        if occurrence is None:
            del self._items(folder)[item_id]
            self.after("delete")
            return None
        if any(each.original == occurrence and each.deleted for each in item.fields.get("exceptions", ())):
            raise ItemGone(f"that occurrence of {item_id} is gone")
        self._except(item, Occurrence(occurrence, deleted=True))
        self.after("delete")
        return Written(item_id, item.stamp) if self.tells_series else None

    def _writable(self, folder: FolderRef, item_id: str, stamp: str | None) -> _Stored:
        stored = self._items(folder)
        if folder.id in self.readonly:
            raise ItemRefused(f"folder {folder.id!r} is read-only")
        if item_id not in stored:
            raise ItemGone(f"no item {item_id}")
        if stamp is not None and stored[item_id].stamp != stamp:
            raise ItemConflict(f"item {item_id} changed")
        return stored[item_id]

    def _except(self, item: _Stored, occurrence: Occurrence) -> None:
        others = [each for each in item.fields.get("exceptions", ()) if each.original != occurrence.original]
        item.fields["exceptions"] = tuple(sorted([*others, occurrence], key=lambda each: each.original))
        self._stamp(item)

    def move(self, folder: FolderRef, item_id: str, target: FolderRef) -> Written:
        self._called("move")
        stored, others = self._items(folder), self._items(target)
        if {folder.id, target.id} & self.readonly:
            raise ItemRefused(f"item {item_id} may not move")
        if item_id not in stored:
            raise ItemGone(f"no item {item_id}")
        item = stored.pop(item_id)
        moved = str(self._tick()) if folder.content is ContentType.MAIL else item_id
        others[moved] = item
        written = Written(moved, item.stamp, self.alters)
        self.after("move")
        return written

    def traces(self, folder: FolderRef, ids: Sequence[str]) -> Mapping[str, str]:
        self._called("traces")
        stored = self._items(folder)
        return {item: stored[item].trace for item in ids if item in stored}

    def find_moved(self, folder: FolderRef, traces: Sequence[str]) -> Mapping[str, Written]:
        self._called("find_moved")
        return {
            item.trace: Written(item_id, item.stamp)
            for item_id, item in self._items(folder).items()
            if item.trace in traces
        }

    def attachment(self, folder: FolderRef, item_id: str, attachment_id: str) -> Download:
        self._called("attachment")
        data: Mapping[str, bytes] = self._writable(folder, item_id, None).fields.get("files", {})
        if attachment_id not in data:
            raise ItemGone(f"item {item_id} has no file {attachment_id}")
        return Download(iter([data[attachment_id]]), size=len(data[attachment_id]))

    def mime(self, folder: FolderRef, item_id: str) -> bytes:
        self._called("mime")
        item = self._items(folder).get(item_id)
        if item is None:
            raise ItemGone(f"no item {item_id}")
        return bytes(item.fields["mime"])

    def stored_mime(self, folder: FolderRef, item_id: str) -> Stored:
        return InMemory(self.mime(folder, item_id))

    def send(self, message: Outgoing) -> None:
        self._called("send")
        if b"refused" in beginning(message.mime):
            raise ItemRefused("this message is not sent")
        self.sent.append(message)
        self.after("send")

    def find_sent(self, message: Outgoing) -> bool | None:
        self._called("find_sent")
        return any(each.mark == message.mark for each in self.sent) if message.copy else None

    def senders(self) -> Sequence[str]:
        self._called("senders")
        return [self.user.mail]

    def absence(self) -> Absence | None:
        self._called("absence")
        return self.away

    def set_absence(self, absence: Absence) -> None:
        self._called("set_absence")
        if self.away is None or (absence.active and not absence.text):
            raise ItemRefused("no vacation notice here")
        self.away = absence

    def empty(self, folder: FolderRef, subfolders: bool) -> None:
        self._called("empty")
        self._items(folder).clear()
        if subfolders:
            for each in self._under(folder.id)[1:]:
                self.remove(each.id)

    def reply(
        self,
        folder: FolderRef,
        item_id: str,
        reply: Reply,
        comment: str = "",
        occurrence: datetime | None = None,
    ) -> str:
        self._called("reply")
        if item_id not in self._items(folder):
            raise ItemGone(f"no item {item_id}")
        self.replies.append((folder.id, item_id, reply, comment, occurrence))
        self.after("reply")
        return f"appointment of {item_id}"

    def create_folder(self, parent: FolderRef | None, title: str, content: ContentType) -> Folder:
        self._called("create_folder")
        above = self._place(parent, title, content)
        folder_id = _path(above, title) if content is ContentType.MAIL else str(self._tick())
        folder = Folder(folder_id, above, title, content)
        self.tree.append(folder)
        self.items[folder_id] = {}
        self.after("create_folder")
        return folder

    def change_folder(self, folder: FolderRef, parent: FolderRef | None, title: str) -> Folder:
        self._called("change_folder")
        self._items(folder)
        above = self._place(parent, title, folder.content, but=folder.id)
        changed = self._rename(folder.id, above, title, tell=False)
        self.after("change_folder")
        return changed

    def delete_folder(self, folder: FolderRef) -> None:
        self._called("delete_folder")
        self._items(folder)
        self.remove(folder.id)
        self.after("delete_folder")

    def _place(self, parent: FolderRef | None, title: str, content: ContentType, but: str = "") -> str | None:
        """The id of the folder to put one into. Raises what the port says."""
        above = None if parent is None else parent.id
        if parent is not None:
            self._items(parent)
        if any(
            each.parent_id == above and each.title == title and each.content is content and each.id != but
            for each in self.tree
        ):
            raise ItemConflict(f"there is a folder {title!r} already")
        return above

    def probe(self, folders: Sequence[FolderRef]) -> Mapping[str, str]:
        self._called("probe")
        return self._texts(folders)

    def _texts(self, folders: Sequence[FolderRef]) -> dict[str, str]:
        return {
            folder.id: repr(sorted((item, entry.stamp) for item, entry in self.items[folder.id].items()))
            for folder in folders
            if folder.id in self.items
        }

    def survey_unless(
        self, wishes: Sequence[Wish], others: Sequence[FolderRef], is_known: IsKnown
    ) -> Survey | None:
        self._called("survey")
        texts = self._texts([*(wish.folder for wish in wishes), *others])
        listings = [self._listed(wish.folder, wish.since, wish.conversations) for wish in wishes]
        return _unless(Survey(listings, texts, _tag(wishes, others, listings, texts)), is_known)


def _tag(*answered: object) -> bytes:
    return hashlib.sha256(repr(answered).encode()).digest()


def _unless(answer: _Tagged, is_known: IsKnown) -> _Tagged | None:
    return None if is_known(answer.tag) else answer


def _with_roles(fields: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """Those whom a device names without a role are what they were, and have answered what they had."""
    if not fields.get("attendees"):
        return dict(fields)
    known = {each.mail: each for each in before.get("attendees") or ()}
    unsaid = AttendeeRole.UNSAID
    invited = (
        known.get(each.mail, replace(each, role=AttendeeRole.REQUIRED)) if each.role is unsaid else each
        for each in fields["attendees"]
    )
    return {**fields, "attendees": tuple(invited)}


def _path(parent: str | None, title: str) -> str:
    return f"{parent or 'default0'}/{title}"


class MemoryProvider:
    """``SourceProvider`` for a handful of users; ``passwords``: login → password, ``disabled``: logins, ``refuses``:
    login → why, ``tokens``: access token → login. ``opened``: the logins that were tried."""

    def __init__(self, sources: Mapping[str, MemorySource]) -> None:
        self.sources = dict(sources)
        self.passwords = dict.fromkeys(sources, "secret")
        self.disabled: set[str] = set()
        self.refuses: dict[str, UsmError] = {}
        self.tokens: dict[str, str] = {}
        self.opened: list[str] = []

    def open(self, credentials: Credentials, device: Device) -> MemorySource:
        self.opened.append(credentials.login)
        if credentials.is_token:
            if credentials.password not in self.tokens:
                raise AccessDenied("the access token is refused")
            return self.sources[self.tokens[credentials.password]]
        if credentials.login in self.refuses:
            raise self.refuses[credentials.login]
        if self.passwords.get(credentials.login) != credentials.password:
            raise AccessDenied(f"login {credentials.login!r} refused")
        if credentials.login in self.disabled:
            raise NotEnabled(f"{credentials.login!r} may not synchronise")
        return self.sources[credentials.login]
