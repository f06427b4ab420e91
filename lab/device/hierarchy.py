"""The folders a phone knows, and how the answer to a FolderSync changes them (MS-ASCMD 2.2.1.5)."""

from __future__ import annotations

from app.wbxml import Element
from lab.device.answers import number, required
from lab.device.state import NO_KEY, ROOT, Anomalies, Folder, FolderChanges


class Hierarchy:
    """The folder table and its key."""

    def __init__(self, anomalies: Anomalies) -> None:
        self.key = NO_KEY
        self.folders: dict[str, Folder] = {}
        self._anomalies = anomalies

    def reset(self) -> None:
        self.key = NO_KEY
        self.folders.clear()

    def apply(self, answer: Element) -> FolderChanges:
        """Take over what the answer to a FolderSync says."""
        if self.key == NO_KEY:
            self.folders.clear()
        self.key = required(answer, "FolderHierarchy:SyncKey")
        done = FolderChanges()
        changes = answer.find("FolderHierarchy:Changes")
        if changes is None:
            return done
        for command in changes:
            self._apply_one(command, done)
        count = number(changes, "FolderHierarchy:Count")
        seen = len(done.added) + len(done.updated) + len(done.deleted)
        if count != seen:
            self._anomalies.append(f"FolderSync counts {count} changes but sends {seen}")
        return done

    def _apply_one(self, command: Element, done: FolderChanges) -> None:
        kind = command.name.partition(":")[2]
        if kind == "Count":
            return
        server_id = required(command, "FolderHierarchy:ServerId")
        if kind == "Delete":
            if self.folders.pop(server_id, None) is None:
                self._anomalies.append(f"FolderSync deletes the unknown folder {server_id}")
            done.deleted.append(server_id)
            return
        if (kind == "Add") is (server_id in self.folders):
            known = "known" if kind == "Add" else "unknown"
            self._anomalies.append(f"FolderSync: {kind} of the {known} folder {server_id}")
        folder = _folder(command, server_id)
        if folder.parent_id not in (ROOT, *self.folders):
            self._anomalies.append(f"folder {server_id} hangs under the unknown folder {folder.parent_id}")
        self.folders[server_id] = folder
        (done.added if kind == "Add" else done.updated).append(server_id)


def _folder(command: Element, server_id: str) -> Folder:
    return Folder(
        server_id,
        required(command, "FolderHierarchy:ParentId"),
        required(command, "FolderHierarchy:DisplayName"),
        number(command, "FolderHierarchy:Type"),
    )
