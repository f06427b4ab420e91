"""How folders and items are called in the protocol: types, classes and ids (MS-ASCMD 2.2.3.186.3, 2.2.3.27)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from app.eas.versions import Version
from app.usm.model import ContentType, FolderRole

TYPES: Final[Mapping[tuple[ContentType, FolderRole], int]] = {
    (ContentType.MAIL, FolderRole.INBOX): 2,
    (ContentType.MAIL, FolderRole.DRAFTS): 3,
    (ContentType.MAIL, FolderRole.TRASH): 4,
    (ContentType.MAIL, FolderRole.SENT): 5,
    (ContentType.TASKS, FolderRole.DEFAULT): 7,
    (ContentType.CALENDAR, FolderRole.DEFAULT): 8,
    (ContentType.CONTACTS, FolderRole.DEFAULT): 9,
    (ContentType.NOTES, FolderRole.DEFAULT): 10,
}
"""Types of the default folders."""

USER_TYPES: Final[Mapping[ContentType, int]] = {
    ContentType.MAIL: 12,
    ContentType.CALENDAR: 13,
    ContentType.CONTACTS: 14,
    ContentType.TASKS: 15,
    ContentType.NOTES: 17,
}
"""Types of all other folders."""

CLASSES: Final[Mapping[ContentType, str]] = {
    ContentType.MAIL: "Email",
    ContentType.CONTACTS: "Contacts",
    ContentType.CALENDAR: "Calendar",
    ContentType.TASKS: "Tasks",
    ContentType.NOTES: "Notes",
}
"""Names of the item classes."""

SINCE: Final[Mapping[ContentType, Version]] = {ContentType.NOTES: Version.V14_0}
"""Content types that the first version did not know yet."""

ROOT: Final = "0"
"""The parent of the folders at the top."""

RECIPIENT_CACHE: Final = "RI"
"""The name of the cache of recipients, which is no folder here and cannot be changed anywhere (MS-ASCMD 2.2.1.4)."""

MAX_ID: Final = 64
"""Longest ServerId, ClientId, CollectionId and SyncKey, in characters."""


def exists_in(content: ContentType, version: Version) -> bool:
    """Whether a version knows this content."""
    return version >= SINCE.get(content, version)


def folder_type(content: ContentType, role: FolderRole) -> int:
    """The Type of a folder."""
    return TYPES.get((content, role), USER_TYPES[content])


def folder_number(collection_id: str) -> int | None:
    """The folder number that a CollectionId stands for, ``None`` if no folder can have it."""
    text = collection_id.strip()
    return int(text) if text.isascii() and text.isdigit() and 0 < len(text) < 10 and text[0] != "0" else None


def server_id(folder: int, item_id: str) -> str:
    """The ServerId of an item; unique over all folders, because some devices keep all items in one table."""
    return f"{folder}:{item_id}"


def item_id(folder: int, server_id: str) -> str | None:
    """The item behind a ServerId, ``None`` if it cannot be one of this folder."""
    head, separator, tail = server_id.strip().partition(":")
    return tail if separator and tail and head == str(folder) else None
