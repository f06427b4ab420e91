"""Folders: OX rows and USM folders (``facts``: HTTP API section 2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from app.ox.mapping import values
from app.usm.model import ContentType, Folder, FolderRole

ID: Final = 1
PARENT: Final = 20
TITLE: Final = 300
MODULE: Final = 301
TYPE: Final = 302
SUBFOLDERS: Final = 304
OWN_RIGHTS: Final = 305
STANDARD: Final = 316
OWNER: Final = 3030

COLUMNS: Final = (ID, PARENT, TITLE, MODULE, TYPE, SUBFOLDERS, OWN_RIGHTS, STANDARD, OWNER)
LEGACY_COLUMNS: Final = COLUMNS[:-1]
"""Generation 6 does not know the owner's name of a shared folder."""

PRIVATE, PUBLIC, SHARED = 1, 2, 3
MAIL_ROOT: Final = "default0"
"""The root of the primary mail account: no folder for a device; other accounts and virtual views begin otherwise."""

SEPARATOR: Final = "/"
"""Between the names in the id of a folder of mail."""

MODULES: Final[Mapping[ContentType, str]] = {
    ContentType.MAIL: "mail",
    ContentType.CONTACTS: "contacts",
    ContentType.CALENDAR: "calendar",
    ContentType.TASKS: "tasks",
}
"""Content type → ``module`` of a folder, which is also the ``content_type`` of ``allVisible``."""

LEFT_OUT: Final = frozenset({"6", "16"})
"""The global address book, which is searched and not copied, and the contacts of guests."""

ROLES: Final[Mapping[int, FolderRole]] = {
    1: FolderRole.DEFAULT,
    2: FolderRole.DEFAULT,
    3: FolderRole.DEFAULT,
    7: FolderRole.INBOX,
    9: FolderRole.DRAFTS,
    10: FolderRole.SENT,
    11: FolderRole.SPAM,
    12: FolderRole.TRASH,
}
"""Column 316 → role."""

BESIDE: Final = (9, 10, 12)
"""Column 316 of drafts, sent and trash, beside which a user's own folders stand."""

_CREATE_OBJECTS: Final = 2
_LONGEST_TITLE: Final = 255


def right(rights: Any, field: int) -> int:
    """One field of permission bits (2.3): 0 folder, 1 read, 2 write, 3 delete; all when OX does not tell."""
    if isinstance(rights, bool) or not isinstance(rights, int):
        return 64
    return (rights >> 7 * field) & 127


def readable(row: Mapping[int, Any]) -> bool:
    """Whether the user may read anything in the folder."""
    return right(row.get(OWN_RIGHTS), 1) > 0


def writable(row: Mapping[int, Any]) -> bool:
    """Whether the user may create, change and delete items in the folder."""
    rights = row.get(OWN_RIGHTS)
    return right(rights, 0) >= _CREATE_OBJECTS and right(rights, 2) > 0 and right(rights, 3) > 0


def role(row: Mapping[int, Any]) -> FolderRole:
    """What the folder is for. Somebody else's default folder is none of ours."""
    if row.get(TYPE) in (PUBLIC, SHARED):
        return FolderRole.NONE
    number = row.get(STANDARD)
    return ROLES.get(number, FolderRole.NONE) if isinstance(number, int) else FolderRole.NONE


def title(row: Mapping[int, Any]) -> str:
    """The title as one line; a shared folder's names its owner, a nameless one is called by its id."""
    name = values.line(row.get(TITLE)) or values.line(str(row[ID]).rsplit("/", 1)[-1]) or "?"
    owner = _owner(row)
    full = f"{name}{_of(owner)}" if owner and owner not in name else name
    return full[:_LONGEST_TITLE]


def bare_title(title: str, row: Mapping[int, Any]) -> str:
    """The title to write when a device calls the folder of this row by that name: without its owner's."""
    owner = _owner(row)
    return title.removesuffix(_of(owner)) or title if owner else title


def _owner(row: Mapping[int, Any]) -> str | None:
    return values.line(row.get(OWNER)) if row.get(TYPE) == SHARED else None


def _of(owner: str) -> str:
    return f" ({owner})"


def folder_of(row: Mapping[int, Any], content: ContentType, parent_id: str | None) -> Folder:
    """The folder that a row tells of."""
    return Folder(str(row[ID]), parent_id, title(row), content, role(row), writable(row))
