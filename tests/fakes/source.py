"""A data source in memory: what OX is to the product, reduced to the port."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from app.usm.errors import (
    AccessDenied,
    FolderGone,
    ItemConflict,
    ItemGone,
    ItemRefused,
    ItemUnreadable,
    NotEnabled,
)
from app.usm.model import (
    BodyKind,
    ContentType,
    Cost,
    Credentials,
    Device,
    Folder,
    FolderRef,
    FolderRole,
    Item,
    Listing,
    User,
    Written,
)

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


class MemorySource:
    """``DataSource`` over dictionaries. ``before``/``after`` are called with the method's name around each call.

    ``unreadable`` holds ids of items that :meth:`read` cannot convert; ``readonly`` ids of folders that take nothing,
    ``missing`` ids that are listed but not found; with ``alters`` nothing new is stored quite as asked.
    """

    def __init__(self, user: User = ANTON, folders: Sequence[Folder] = STANDARD_FOLDERS) -> None:
        self.user = user
        self.tree: list[Folder] = list(folders)
        self.items: dict[str, dict[str, _Stored]] = {folder.id: {} for folder in folders}
        self.unreadable: set[str] = set()
        self.readonly: set[str] = set()
        self.missing: set[str] = set()
        self.alters = False
        self.calls: list[str] = []
        self.before = lambda name: None
        self.after = lambda name: None
        self._last = 0

    @property
    def cost(self) -> Cost:
        return Cost(len(self.calls), 0.001 * len(self.calls))

    # -- what happens on the source's own side ------------------------------------------------------------

    def put(self, folder: str, fields: Mapping[str, Any], received: datetime | None = None) -> str:
        """Somebody else adds an item; its id."""
        item_id, stamp = str(self._tick()), f"v{self._last}"
        self.items[folder][item_id] = _Stored(fields, stamp, "", received)
        return item_id

    def touch(self, folder: str, item_id: str, fields: Mapping[str, Any]) -> None:
        """Somebody else changes an item."""
        stored = self.items[folder][item_id]
        stored.fields.update(fields)
        stored.stamp = f"v{self._tick()}"

    def drop(self, folder: str, item_id: str) -> None:
        """Somebody else deletes an item."""
        del self.items[folder][item_id]

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

    def _items(self, folder: FolderRef) -> dict[str, _Stored]:
        try:
            return self.items[folder.id]
        except KeyError:
            raise FolderGone(f"no folder {folder.id!r}") from None

    def listing(self, folder: FolderRef, since: datetime | None) -> Listing:
        self._called("listing")
        stored = self._items(folder)
        outside = frozenset(
            item for item, entry in stored.items() if since and entry.received and entry.received < since
        )
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

    def create(self, folder: FolderRef, fields: Mapping[str, Any], uid: str) -> Written:
        self._called("create")
        stored = self._items(folder)
        if folder.id in self.readonly:
            raise ItemRefused(f"folder {folder.id!r} is read-only")
        item_id, stamp = str(self._tick()), f"v{self._last}"
        stored[item_id] = _Stored(fields, stamp, uid, None)
        self.after("create")
        return Written(item_id, stamp, self.alters)

    def find_created(self, folder: FolderRef, uids: Sequence[str]) -> Mapping[str, Written]:
        self._called("find_created")
        return {
            entry.uid: Written(item, entry.stamp)
            for item, entry in self._items(folder).items()
            if entry.uid in uids
        }

    def update(
        self, folder: FolderRef, item_id: str, fields: Mapping[str, Any], stamp: str | None
    ) -> Written:
        self._called("update")
        stored = self._items(folder)
        if folder.id in self.readonly:
            raise ItemRefused(f"folder {folder.id!r} is read-only")
        if item_id not in stored:
            raise ItemGone(f"no item {item_id}")
        if stamp is not None and stored[item_id].stamp != stamp:
            raise ItemConflict(f"item {item_id} changed")
        for name, value in fields.items():
            if value is None:
                stored[item_id].fields.pop(name, None)
            else:
                stored[item_id].fields[name] = value
        stored[item_id].stamp = f"v{self._tick()}"
        self.after("update")
        return Written(item_id, stored[item_id].stamp)

    def delete(self, folder: FolderRef, item_id: str, stamp: str | None, to_trash: bool) -> None:
        self._called("delete")
        stored = self._items(folder)
        if folder.id in self.readonly:
            raise ItemRefused(f"folder {folder.id!r} is read-only")
        if stored.pop(item_id, None) is None:
            raise ItemGone(f"no item {item_id}")
        self.after("delete")

    def probe(self, folders: Sequence[FolderRef]) -> Mapping[str, str]:
        self._called("probe")
        return {
            folder.id: repr(sorted((item, entry.stamp) for item, entry in self.items[folder.id].items()))
            for folder in folders
            if folder.id in self.items
        }


class MemoryProvider:
    """``SourceProvider`` for a handful of users; ``passwords``: login → password, ``disabled``: logins."""

    def __init__(self, sources: Mapping[str, MemorySource]) -> None:
        self.sources = dict(sources)
        self.passwords = dict.fromkeys(sources, "secret")
        self.disabled: set[str] = set()

    def open(self, credentials: Credentials, device: Device) -> MemorySource:
        if self.passwords.get(credentials.login) != credentials.password:
            raise AccessDenied(f"login {credentials.login!r} refused")
        if credentials.login in self.disabled:
            raise NotEnabled(f"{credentials.login!r} may not synchronise")
        return self.sources[credentials.login]
