"""A phone's owner makes, renames, moves and deletes folders (MS-ASCMD 2.2.1.3 to 2.2.1.7)."""

from __future__ import annotations

from app.wbxml import Element
from lab.device.answers import number, required
from lab.device.device import expect
from lab.device.phone import Phone
from lab.device.state import ROOT, Folder

MAIL, CALENDAR, CONTACTS, TASKS = 12, 13, 14, 15
"""Types of folders that a device can make."""


def create_folder(phone: Phone, name: str, *, parent: str = ROOT, folder_type: int = MAIL) -> str:
    """Make a folder; its ServerId. ``CommandFailed`` for a status other than 1."""
    answer = _ask(
        phone,
        "FolderCreate",
        Element("FolderHierarchy:ParentId", parent),
        Element("FolderHierarchy:DisplayName", name),
        Element("FolderHierarchy:Type", str(folder_type)),
    )
    server_id = required(answer, "FolderHierarchy:ServerId")
    if server_id in phone.folders:
        phone.anomalies.append(f"FolderCreate gives the new folder the number {server_id}, which is taken")
    phone.folders[server_id] = Folder(server_id, parent, name, folder_type)
    return server_id


def change_folder(
    phone: Phone, server_id: str, *, name: str | None = None, parent: str | None = None
) -> None:
    """Rename or move a folder. ``CommandFailed`` for a status other than 1."""
    before = phone.folders[server_id]
    wanted = Folder(
        server_id,
        before.parent_id if parent is None else parent,
        before.name if name is None else name,
        before.type,
    )
    _ask(
        phone,
        "FolderUpdate",
        Element("FolderHierarchy:ServerId", server_id),
        Element("FolderHierarchy:ParentId", wanted.parent_id),
        Element("FolderHierarchy:DisplayName", wanted.name),
    )
    phone.folders[server_id] = wanted


def delete_folder(phone: Phone, server_id: str) -> None:
    """Delete a folder, with those under it. ``CommandFailed`` for a status other than 1."""
    _ask(phone, "FolderDelete", Element("FolderHierarchy:ServerId", server_id))
    gone = [server_id]
    while gone:
        folder = gone.pop()
        phone.folders.pop(folder, None)
        phone.collections.pop(folder, None)
        gone += [each.server_id for each in phone.folders.values() if each.parent_id == folder]


def list_mail_folders(phone: Phone) -> list[Folder]:
    """The folders of mail as GetHierarchy lists them, for devices up to 12.1 (MS-ASCMD 2.2.1.7)."""
    answer = phone.command("GetHierarchy", None)
    return [
        Folder(
            required(each, "FolderHierarchy:ServerId"),
            required(each, "FolderHierarchy:ParentId"),
            required(each, "FolderHierarchy:DisplayName"),
            number(each, "FolderHierarchy:Type"),
        )
        for each in answer or ()
    ]


def _ask(phone: Phone, command: str, *children: Element) -> Element:
    key = Element("FolderHierarchy:SyncKey", phone.hierarchy_key)
    answer = phone.answered(command, Element(f"FolderHierarchy:{command}", children=[key, *children]))
    expect(command, number(answer, "FolderHierarchy:Status"))
    phone.hierarchy.key = required(answer, "FolderHierarchy:SyncKey")
    return answer
