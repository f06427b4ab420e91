"""The folder tree as one user sees it: groupware folders, shared ones below their owners, mail folders.

Trees: ``0`` as stored, mail below ``default0``; ``1`` as Outlook shows it, mail directly below the private root;
``20`` what the user wants on devices: the default folders, and what was added to them.

Where a client asks for content of the type ``event`` (from generation 8 on), calendars have ids like ``cal://0/31``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from lab.ox.columns.folders import FOLDER_COLUMNS
from lab.ox.columns.table import ColumnDef, shown
from lab.ox.errors import fault
from lab.ox.storage import folders, mail, rights, users
from lab.ox.storage.folders import Folder
from lab.ox.storage.mail import Counts, MailFolder
from lab.ox.storage.users import User
from lab.ox.web.call import Call

TREES = ("0", "1", "20")
OX_TREE, OUTLOOK_TREE, EAS_TREE = TREES
EVENT_ACCOUNT = "cal://0/"
_ACCOUNTS = (EVENT_ACCOUNT, "con://0/")
_ALWAYS = ("system", "unbound")
_RIGHT_OF_MODULE = {
    "tasks": "tasks",
    "calendar": "calendar",
    "contacts": "contacts",
    "infostore": "infostore",
}
_MAIL_RIGHTS = "lrswipkxtecda"
_ROOTS = ("1", "2", "3", "9")
# Titles of the folders at the top, which are stored under short names.
_TITLES = {1: "Private folders", 2: "Public folders", 3: "Shared folders", 9: "Infostore"}

Node = dict[str, Any]


class FolderTree:
    """All nodes that a user sees, by id. Moments are ms UTC."""

    def __init__(self, call: Call, connection: sa.Connection) -> None:
        self._call = call
        self._user = call.user
        self.tree = call.params.get("tree", OX_TREE)
        if self.tree not in TREES:
            raise fault("SVL-0010", "tree", self.tree)
        self._visible = folders.visible(connection, self._user)
        self.nodes: dict[str, Node] = {}
        self._add_groupware(connection)
        if self._user.may("webmail"):
            self._add_mail(connection)
        self._choose(connection)
        self._mark_parents()
        if self._shows_events():
            self._name_events()

    @property
    def visible_ids(self) -> list[int]:
        """Ids of the groupware folders the user sees."""
        return list(self._visible)

    def folder(self, node_id: str) -> Folder:
        """The groupware folder of an id; FLD-0003 for one the user may not see, FLD-0008 for none at all."""
        plain = self.plain(node_id)
        if not plain.isdigit():
            raise fault("FLD-0008", node_id, self.tree)
        found = self._visible.get(int(plain))
        if found is None:
            with self._call.read() as connection:
                exists = folders.load(connection, self._user, int(plain))
            raise (
                fault("FLD-0003", node_id, self._user.id, self._user.cid)
                if exists
                else fault("FLD-0008", node_id, self.tree)
            )
        return found

    def node(self, node_id: str) -> Node:
        """A node by its id; raises like :meth:`folder`."""
        if node_id not in self.nodes and self.plain(node_id) in self.nodes:
            node_id = self.plain(node_id)
        if node_id not in self.nodes:
            if node_id.startswith(mail.ACCOUNT):
                raise fault("IMAP-1002", node_id)
            self.folder(node_id)
            raise fault("FLD-0008", node_id, self.tree)
        return self.nodes[node_id]

    def plain(self, node_id: str) -> str:
        """The id without the account in front that the newest generation may write there."""
        if self._call.generation.number >= 8 and node_id.startswith(_ACCOUNTS):
            return node_id.rpartition("/")[2]
        return node_id

    def shown_id(self, folder: Folder) -> str:
        """The id of a folder as this client knows it."""
        if self._shows_events() and folder.module == "calendar":
            return f"{EVENT_ACCOUNT}{folder.id}"
        return str(folder.id)

    def children(self, parent: str, unsubscribed: bool = True) -> list[Node]:
        """The nodes below a node: standard folders first, then by title."""
        found = [
            node
            for node in self.nodes.values()
            if node["folder_id"] == parent and (unsubscribed or node["subscribed"] or node["subscr_subflds"])
        ]
        return sorted(
            found, key=lambda node: (not node["standard_folder"], node["_order"], node["title"].casefold())
        )

    def path(self, node_id: str) -> list[Node]:
        """The node and everything above it."""
        found = [self.node(node_id)]
        while found[-1]["folder_id"] in self.nodes:
            found.append(self.nodes[found[-1]["folder_id"]])
        return found

    def _add_groupware(self, connection: sa.Connection) -> None:
        owners: dict[int, str] = {}
        for folder in self._visible.values():
            right = _RIGHT_OF_MODULE.get(folder.module)
            if right and not self._user.may(right):
                continue
            shared = folder.type == folders.TYPE_PRIVATE and folder.created_by != self._user.id
            if shared and not self._user.may("read_create_shared_folders"):
                continue
            node = self._groupware_node(folder, shared)
            self.nodes[node["id"]] = node
            if shared:
                owner = users.load_user(connection, self._user.cid, folder.created_by)
                owners[folder.created_by] = owner.display_name if owner else str(folder.created_by)
                node["com.openexchange.folderstorage.displayName"] = owners[folder.created_by]
        for owner_id, name in owners.items():
            self._add_owner(owner_id, name)
        for node in self.nodes.values():
            if node["folder_id"] not in self.nodes and node["folder_id"] != "0":
                node["folder_id"] = {1: "1", 2: "2", 3: "3"}.get(node["type"], "0")

    def _groupware_node(self, folder: Folder, shared: bool) -> Node:
        is_system = folder.type == folders.TYPE_SYSTEM
        standard_type = (
            folders.STANDARD_TYPES.get(folder.module, 0) if folder.is_default and not shared else 0
        )
        return _node(
            id=str(folder.id),
            created_by=folder.created_by,
            modified_by=folder.modified_by,
            creation_date=folder.creation_date,
            last_modified=folder.last_modified,
            last_modified_utc=folder.last_modified,
            folder_id=f"u:{folder.created_by}" if shared else str(folder.parent),
            title=_TITLES.get(folder.id, folder.name),
            module=folder.module,
            type=folders.TYPE_SHARED if shared else folder.type,
            own_rights=folder.own_rights,
            permissions=[
                {"entity": each.entity, "group": each.group, "bits": each.bits} for each in folder.permissions
            ],
            standard_folder=standard_type != 0 or is_system,
            standard_folder_type=standard_type,
            _order=folder.id if is_system else standard_type,
        )

    def _add_owner(self, owner_id: int, name: str) -> None:
        self.nodes[f"u:{owner_id}"] = _node(
            id=f"u:{owner_id}",
            created_by=owner_id,
            modified_by=owner_id,
            creation_date=0,
            last_modified=0,
            last_modified_utc=0,
            folder_id="3",
            title=name,
            module="system",
            type=folders.TYPE_SYSTEM,
            own_rights=rights.SEE,
            permissions=[{"entity": self._user.id, "group": False, "bits": rights.SEE}],
        )

    def _add_mail(self, connection: sa.Connection) -> None:
        found = mail.folders(connection, self._user.cid, self._user.id)
        if not found:
            return
        totals = mail.counts(connection, self._user.cid, self._user.id)
        created = min(folder.changed for folder in found)
        root = self._mail_node(mail.ACCOUNT, "1", "E-Mail", created)
        root |= {"standard_folder": True, "total": None, "unread": None, "new": None, "deleted": None}
        root["own_rights"] = rights.SEE | rights.SUBFOLDERS
        self.nodes[mail.ACCOUNT] = root
        for folder in found:
            node_id = f"{mail.ACCOUNT}/{folder.fullname}"
            parent = f"{mail.ACCOUNT}/{folder.parent}" if folder.parent else mail.ACCOUNT
            node = self._mail_node(node_id, parent, folder.title, folder.changed)
            node |= _counted(totals.get(folder.id, Counts(0, 0, 0, 0)))
            standard_type = mail.STANDARD_TYPES.get(folder.kind, 0)
            node |= {
                "standard_folder": standard_type != 0,
                "standard_folder_type": standard_type,
                "subscribed": folder.subscribed,
                "_order": standard_type or 99,
            }
            self.nodes[node_id] = node

    def _mail_node(self, node_id: str, parent: str, title: str, changed: int) -> Node:
        owner = rights.owner(self._user.id).bits
        return _node(
            id=node_id,
            created_by=self._user.id,
            modified_by=self._user.id,
            creation_date=changed,
            last_modified=changed,
            last_modified_utc=changed,
            folder_id=parent,
            title=title,
            module="mail",
            type=folders.TYPE_MAIL,
            own_rights=owner,
            permissions=[{"entity": self._user.id, "group": False, "bits": owner, "rights": _MAIL_RIGHTS}],
            capabilities=0b11001,
            supported_capabilities=["permissions", "quota", "sort", "subscription"],
            account_id=mail.ACCOUNT,
        )

    def _shows_events(self) -> bool:
        """Whether the client knows calendars as folders of events."""
        if self._call.generation.number < 8:
            return False
        named = [self._call.params.get(name, "") for name in ("id", "parent", "folder_id")]
        return (
            self._call.params.get("content_type") == "event"
            or "event" in self._call.params.get("allowed_modules", "").split(",")
            or any(each.startswith(EVENT_ACCOUNT) for each in named)
        )

    def _name_events(self) -> None:
        calendars = {node_id for node_id, node in self.nodes.items() if node["module"] == "calendar"}
        for node in self.nodes.values():
            if node["folder_id"] in calendars:
                node["folder_id"] = EVENT_ACCOUNT + node["folder_id"]
        for node_id in calendars:
            node = self.nodes.pop(node_id)
            node |= {
                "id": EVENT_ACCOUNT + node_id,
                "module": "event",
                "account_id": EVENT_ACCOUNT.rstrip("/"),
            }
            self.nodes[node["id"]] = node

    def _choose(self, connection: sa.Connection) -> None:
        allowed = [
            name.strip() for name in self._call.params.get("allowed_modules", "").split(",") if name.strip()
        ]
        if "event" in allowed and self._call.generation.number >= 8:
            allowed.append("calendar")
        if allowed:
            self.nodes = {
                node_id: node
                for node_id, node in self.nodes.items()
                if node["module"] in (*allowed, *_ALWAYS)
            }
        if self.tree == OUTLOOK_TREE:
            self.nodes.pop(mail.ACCOUNT, None)
            for node in self.nodes.values():
                if node["folder_id"] == mail.ACCOUNT:
                    node["folder_id"] = "1"
        if self.tree == EAS_TREE:
            added = folders.chosen(connection, self._user, int(EAS_TREE))
            chosen = {
                node_id: node
                for node_id, node in self.nodes.items()
                if node["standard_folder_type"] in (1, 2, 3, 7, 9, 10, 11, 12)
                or node_id == "1"
                or node_id in added
            }
            for node in chosen.values():
                node["folder_id"] = "0" if node["id"] == "1" else "1"
            self.nodes = chosen

    def _mark_parents(self) -> None:
        for node in self.nodes.values():
            above = self.nodes.get(node["folder_id"])
            if above is not None:
                above["subfolders"] = True
                above["subscr_subflds"] = above["subscr_subflds"] or bool(node["subscribed"])


def roots(tree: FolderTree) -> list[Node]:
    """The nodes below the root folder 0."""
    return [tree.nodes[node_id] for node_id in _ROOTS if node_id in tree.nodes]


def root_node(user: User) -> Node:
    """The root folder itself."""
    return _node(
        id="0",
        created_by=users.CONTEXT_ADMIN,
        modified_by=users.CONTEXT_ADMIN,
        creation_date=0,
        last_modified=0,
        last_modified_utc=0,
        folder_id="",
        title="root",
        module="system",
        type=folders.TYPE_SYSTEM,
        own_rights=rights.SEE,
        permissions=[{"entity": users.ALL_USERS, "group": True, "bits": rights.SEE}],
        subfolders=True,
        standard_folder=True,
    )


def row(call: Call, node: Mapping[str, Any], columns: list[ColumnDef]) -> list[Any]:
    """The columns of a node."""
    return [shown(column, node.get(column.name), call.zone) for column in columns]


def as_object(call: Call, node: Mapping[str, Any]) -> dict[str, Any]:
    """All fields of a node."""
    return {
        column.name: shown(column, node[column.name], call.zone)
        for column in FOLDER_COLUMNS
        if node.get(column.name) is not None
    }


def mail_name(node_id: str) -> str:
    """The name of a mail folder in the mail store. IMAP-1002 for what is no mail folder of the primary account."""
    account, _, fullname = node_id.partition("/")
    if account != mail.ACCOUNT or not fullname:
        raise fault("IMAP-1002", node_id)
    return fullname


def open_mail_folder(call: Call, connection: sa.Connection, node_id: str) -> MailFolder:
    """The mail folder of an id."""
    found = mail.find_folder(connection, call.cid, call.user.id, mail_name(node_id))
    if found is None:
        raise fault("IMAP-1002", node_id)
    return found


def _counted(counts: Counts) -> Node:
    return {"total": counts.total, "unread": counts.unread, "new": counts.recent, "deleted": counts.deleted}


def _node(**values: Any) -> Node:
    return {
        "subfolders": False,
        "subscribed": True,
        "subscr_subflds": False,
        "standard_folder": False,
        "standard_folder_type": 0,
        "capabilities": 0,
        "supported_capabilities": ["permissions"],
        "com.openexchange.publish.publicationFlag": False,
        "com.openexchange.subscribe.subscriptionFlag": False,
        "_order": 0,
        **values,
    }
