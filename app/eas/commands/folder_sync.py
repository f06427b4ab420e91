"""FolderSync: the device's folder hierarchy (MS-ASCMD 2.2.1.5).

* A FolderSync with key 0 may come at any time; folder numbers and the keys of collections stay as they are.
* Parents come before their children, names at one place differ, and Count is always there: devices break
  without (ZP-842, section 11 of the schema).
* Folders whose content the version does not know are not shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from app.eas.answer import Answer
from app.eas.call import Call
from app.eas.errors import StatusError
from app.eas.folders import ROOT, exists_in, folder_type
from app.eas.hierarchy import MAX_NAME
from app.eas.reading import identifier
from app.eas.schema.text import line
from app.eas.status import FolderSyncStatus
from app.eas.versions import Version
from app.usm.errors import UnknownSyncKey
from app.usm.model import ChangeKind, FolderChange, HierarchyResult
from app.wbxml.element import Element

NAME: Final = "FolderSync"
START: Final = "0"

_TAGS: Final = {ChangeKind.CHANGE: "Update", ChangeKind.DELETE: "Delete", ChangeKind.ADD: "Add"}


def read(document: Element) -> str:
    """The key. Raises ``Malformed``."""
    return identifier(document, "FolderHierarchy:SyncKey")


def do(call: Call, key: str) -> HierarchyResult:
    """Raises ``StatusError`` 9 for a key whose state is gone."""
    if call.command.transient:
        return HierarchyResult("1")
    try:
        return call.session.folders(key)
    except UnknownSyncKey as error:
        raise StatusError(FolderSyncStatus.INVALID_KEY, str(error)) from error


def write(result: HierarchyResult, version: Version) -> Element:
    """The answer."""
    shown = [change for change in result.changes if _is_shown(change, version)]
    names = _names(shown)
    elements = [
        Element(f"FolderHierarchy:{tag}", children=_describe(change, names))
        for kind, tag in _TAGS.items()
        for change in shown
        if change.kind is kind
    ]
    return Element(
        "FolderHierarchy:FolderSync",
        children=[
            Element("FolderHierarchy:Status", str(FolderSyncStatus.SUCCESS.value)),
            Element("FolderHierarchy:SyncKey", result.key),
            Element(
                "FolderHierarchy:Changes",
                children=[Element("FolderHierarchy:Count", str(len(elements))), *elements],
            ),
        ],
    )


def _is_shown(change: FolderChange, version: Version) -> bool:
    """A removal is always told: that the folder is unknown does no harm."""
    if change.folder is None:
        return True
    return exists_in(change.folder.content, version)


def _names(changes: Iterable[FolderChange]) -> dict[int, str]:
    """Folder number → name, different for each folder at one place."""
    names: dict[int, str] = {}
    taken: set[tuple[int, str]] = set()
    for change in changes:
        if change.folder is None:
            continue
        plain = line(change.folder.title)[:MAX_NAME] or str(change.number)
        name, copy = plain, 1
        while (change.parent, name.casefold()) in taken:
            copy += 1
            name = f"{plain} ({copy})"
        taken.add((change.parent, name.casefold()))
        names[change.number] = name
    return names


def _describe(change: FolderChange, names: dict[int, str]) -> Sequence[Element]:
    number = Element("FolderHierarchy:ServerId", str(change.number))
    if change.folder is None:
        return [number]
    return [
        number,
        Element("FolderHierarchy:ParentId", str(change.parent) if change.parent else ROOT),
        Element("FolderHierarchy:DisplayName", names[change.number]),
        Element("FolderHierarchy:Type", str(folder_type(change.folder.content, change.folder.role))),
    ]


def handle(call: Call, document: Element) -> Answer:
    """Answer one FolderSync."""
    key = read(document)
    result = do(call, key)
    return Answer(write(result, call.version), starts_over=key == START)
