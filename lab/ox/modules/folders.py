"""``/folders`` (http-api section 2)."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from lab.ox.columns.folders import FOLDER_COLUMNS
from lab.ox.errors import fault
from lab.ox.modules.folder_tree import (
    FolderTree,
    Node,
    as_object,
    mail_name,
    open_mail_folder,
    root_node,
    roots,
    row,
)
from lab.ox.storage import folders, mail, objects, rights
from lab.ox.storage.folders import Folder
from lab.ox.storage.mail import MailFolder
from lab.ox.storage.rights import Permission
from lab.ox.web.call import Answer, Call, Result
from lab.ox.web.dispatch import Action, Module

_CREATABLE = ("calendar", "contacts", "tasks", "mail", "infostore")
_MODULE_ALIASES = {"event": "calendar", "addressdata": "contacts"}


def root(call: Call) -> Result:
    """The folders at the top."""
    columns = FOLDER_COLUMNS.pick(call.params.get("columns"))
    tree = _tree(call)
    return _rows(call, roots(tree), columns)


def get_list(call: Call) -> Result:
    """The folders below one."""
    columns = FOLDER_COLUMNS.pick(call.params.get("columns"))
    parent = call.need("parent")
    tree = _tree(call)
    if parent == "0":
        return _rows(call, roots(tree), columns)
    tree.node(parent)
    return _rows(call, tree.children(parent, unsubscribed=call.flag("all")), columns)


def path(call: Call) -> Result:
    """A folder and those above it."""
    columns = FOLDER_COLUMNS.pick(call.params.get("columns"))
    return _rows(call, _tree(call).path(call.need("id")), columns)


def get(call: Call) -> Result:
    """One folder in full."""
    wanted = call.need("id")
    node = root_node(call.user) if wanted == "0" else _tree(call).node(wanted)
    return Answer(as_object(call, node), node["last_modified_utc"])


def updates(call: Call) -> Result:
    """Folders of the whole tree that changed after a moment, then the ids of those that are gone. Mail folders only
    with ``mail=1``; gone ones not with ``ignore=deleted``."""
    columns = FOLDER_COLUMNS.pick(call.params.get("columns"))
    since = call.integer("timestamp")
    with_mail = call.flag("mail")
    with call.read() as connection:
        tree = FolderTree(call, connection)
        changed = [
            node
            for node in tree.nodes.values()
            if node["last_modified_utc"] > since and (with_mail or node["module"] != "mail")
        ]
        gone: list[tuple[str, int]] = []
        if "deleted" not in call.params.get("ignore", ""):
            gone = [
                (str(folder_id), when)
                for folder_id, when in folders.gone_since(connection, call.user, since, tree.visible_ids)
            ]
            if with_mail:
                gone += [
                    (f"{mail.ACCOUNT}/{name}", when)
                    for name, when in mail.gone_since(connection, call.cid, call.user.id, since)
                ]
    newest = max([since, *(node["last_modified_utc"] for node in changed), *(when for _, when in gone)])
    data = [row(call, node, columns) for node in changed]
    return Answer([*data, *(node_id for node_id, _ in gone)], newest)


def all_visible(call: Call) -> Result:
    """All folders of one kind of content, by whose they are."""
    columns = FOLDER_COLUMNS.pick(call.params.get("columns"))
    content_type = call.need("content_type")
    module = _MODULE_ALIASES.get(content_type, content_type)
    if module not in _CREATABLE:
        raise fault("FLD-1018", content_type)
    groups: dict[str, list[Any]] = {}
    names = {
        folders.TYPE_PRIVATE: "private",
        folders.TYPE_MAIL: "private",
        folders.TYPE_PUBLIC: "public",
        folders.TYPE_SHARED: "shared",
        folders.TYPE_SYSTEM: "public",
    }
    tree = _tree(call)
    newest = 0
    for node in sorted(
        tree.nodes.values(), key=lambda node: (not node["standard_folder"], node["title"].casefold())
    ):
        if node["module"] == module:
            groups.setdefault(names[node["type"]], []).append(row(call, node, columns))
            newest = max(newest, node["last_modified_utc"])
    return Answer(groups, newest)


def new(call: Call) -> Result:
    """Make a folder below another."""
    parent_id = call.need("folder_id")
    body = _folder_body(call)
    title = str(body.get("title") or "").strip()
    if not title:
        raise fault("SVL-0002", "title")
    module = _MODULE_ALIASES.get(str(body.get("module")), str(body.get("module")))
    if parent_id.startswith(mail.ACCOUNT):
        module = "mail"
    if module not in _CREATABLE:
        raise fault("FLD-1018", body.get("module"))
    tree = _tree(call)
    parent = tree.node(parent_id)
    _check_name(tree, parent_id, title)
    with call.write() as connection:
        if module == "mail":
            return _new_mail_folder(call, connection, tree, parent_id, title)
        if parent["module"] not in (module, "system"):
            raise fault("FLD-1012", module, parent_id)
        if not rights.field(parent["own_rights"], "folder") & (rights.SUBFOLDERS | rights.FULL):
            raise fault("FLD-1029", parent_id)
        permissions = _permissions(body) or [rights.owner(call.user.id)]
        made = folders.create(connection, call.user, tree.folder(parent_id), title, module, permissions)
    return Answer(str(made.id), made.last_modified)


def update(call: Call) -> Result:
    """Change title, parent, permissions or subscription; the answer is the id, which is another one for a mail
    folder that got a new name or place."""
    node_id = call.need("id")
    body = _folder_body(call)
    tree = _tree(call)
    node = tree.node(node_id)
    since = call.params.get("timestamp")
    if node["module"] == "mail":
        return _update_mail_folder(call, tree, node, body)
    folder = tree.folder(node_id)
    _must_administer(folder)
    if since and folder.last_modified > call.integer("timestamp"):
        raise fault("FLD-1022", node_id)
    title = str(body["title"]).strip() if body.get("title") else None
    parent = _new_parent(tree, folder, body)
    if title and title != folder.name:
        if folder.is_default:
            raise fault("FLD-1027", node_id)
        _check_name(tree, str(parent or node["folder_id"]), title)
    with call.write() as connection:
        when = folders.change(connection, call.user, folder, title, parent, _permissions(body))
    return Answer(node_id, when)


def delete(call: Call) -> Result:
    """Delete folders; the answer lists those that were changed meanwhile and stay."""
    kept: list[str] = []
    newest = 0
    for value in call.json_array():
        node_id = str(value)
        tree = _tree(call)
        node = tree.node(node_id)
        if node["standard_folder"]:
            raise fault("FLD-1026", node_id)
        if node["module"] == "mail":
            _delete_mail_folder(call, node_id)
            continue
        folder = tree.folder(node_id)
        _must_administer(folder)
        if call.params.get("timestamp") and folder.last_modified > call.integer("timestamp"):
            kept.append(node_id)
            continue
        with call.write() as connection:
            folders.remove(connection, call.user, folder)
        newest = max(newest, folder.last_modified)
    return Answer(kept, newest or None)


def clear(call: Call) -> Result:
    """Delete everything in some folders; the answer lists those that were not cleared."""
    kept: list[str] = []
    for value in call.json_array():
        node_id = str(value)
        tree = _tree(call)
        node = tree.node(node_id)
        with call.write() as connection:
            if node["module"] == "mail":
                mail.clear(connection, call.cid, call.user.id, open_mail_folder(call, connection, node_id))
            elif not _clear_objects(call, connection, tree.folder(node_id)):
                kept.append(node_id)
    return Answer(kept)


def _tree(call: Call) -> FolderTree:
    with call.read() as connection:
        return FolderTree(call, connection)


def _rows(call: Call, nodes: list[Node], columns: list[Any]) -> Answer:
    newest = max((node["last_modified_utc"] for node in nodes), default=0)
    return Answer([row(call, node, columns) for node in nodes], newest)


def _folder_body(call: Call) -> dict[str, Any]:
    """The folder in a body, in the old shape or wrapped as ``folder``."""
    body = call.json_object()
    inner = body.get("folder")
    return inner if isinstance(inner, dict) else body


def _permissions(body: dict[str, Any]) -> list[Permission] | None:
    given = body.get("permissions")
    if given is None:
        return None
    return [
        Permission.unpacked(int(each["entity"]), bool(each.get("group")), int(each["bits"])) for each in given
    ]


def _check_name(tree: FolderTree, parent_id: str, title: str) -> None:
    if any(child["title"].casefold() == title.casefold() for child in tree.children(parent_id)):
        raise fault("FLD-1014", title, parent_id)


def _must_administer(folder: Folder) -> None:
    if folder.type == folders.TYPE_SYSTEM or not folder.own_rights >> 28 & 1:
        raise fault("FLD-1027", folder.id)


def _new_parent(tree: FolderTree, folder: Folder, body: dict[str, Any]) -> int | None:
    wanted = body.get("folder_id")
    if wanted in (None, "", str(folder.parent), folder.parent):
        return None
    target = tree.node(str(wanted))
    below = str(folder.id) in (node["id"] for node in tree.path(str(wanted)))
    if folder.is_default or below or target["module"] not in (folder.module, "system"):
        raise fault("FLD-1013", folder.id, wanted)
    return int(str(wanted))


def _clear_objects(call: Call, connection: sa.Connection, folder: Folder) -> bool:
    if folder.module not in ("contacts", "calendar", "tasks"):
        return False
    if rights.field(folder.own_rights, "delete") < rights.ALL:
        return False
    for stored in objects.in_folders(connection, folder.module, call.cid, [folder.id]):
        objects.remove(connection, folder.module, call.cid, stored)
    return True


def _new_mail_folder(
    call: Call, connection: sa.Connection, tree: FolderTree, parent_id: str, title: str
) -> Answer:
    if "/" in title:
        raise fault("FLD-1033", title)
    if parent_id == "1":
        parent_id = mail.ACCOUNT
    fullname = title if parent_id == mail.ACCOUNT else f"{mail_name(parent_id)}/{title}"
    if mail.find_folder(connection, call.cid, call.user.id, fullname):
        raise fault("IMAP-1004", fullname)
    made = mail.create_folder(connection, call.cid, call.user.id, fullname)
    return Answer(f"{mail.ACCOUNT}/{fullname}", made.changed)


def _update_mail_folder(call: Call, tree: FolderTree, node: Node, body: dict[str, Any]) -> Answer:
    node_id = node["id"]
    with call.write() as connection:
        folder = open_mail_folder(call, connection, node_id)
        title = str(body.get("title") or folder.title).strip()
        parent = folder.parent
        if body.get("folder_id") not in (None, ""):
            wanted = str(body["folder_id"])
            parent = "" if wanted in ("1", mail.ACCOUNT) else mail_name(wanted)
        fullname = f"{parent}/{title}" if parent else title
        if fullname == folder.fullname:
            return Answer(node_id)
        if folder.kind:
            raise fault("FLD-1027", node_id)
        if "/" in title:
            raise fault("FLD-1033", title)
        if (parent + "/").startswith(folder.fullname + "/"):
            raise fault("FLD-1013", node_id, parent)
        if mail.find_folder(connection, call.cid, call.user.id, fullname):
            raise fault("IMAP-1004", fullname)
        mail.rename_folder(connection, call.cid, call.user.id, folder, fullname)
    return Answer(f"{mail.ACCOUNT}/{fullname}")


def _delete_mail_folder(call: Call, node_id: str) -> None:
    with call.write() as connection:
        folder = open_mail_folder(call, connection, node_id)
        trash = mail.standard_folder(connection, call.cid, call.user.id, "trash")
        if call.flag("hardDelete") or trash is None or folder.fullname.startswith(trash.fullname + "/"):
            mail.delete_folder(connection, call.cid, call.user.id, folder)
            return
        mail.rename_folder(
            connection, call.cid, call.user.id, folder, _free_name(call, connection, trash, folder)
        )


def _free_name(call: Call, connection: sa.Connection, trash: MailFolder, folder: MailFolder) -> str:
    name = f"{trash.fullname}/{folder.title}"
    number = 1
    while mail.find_folder(connection, call.cid, call.user.id, name):
        number += 1
        name = f"{trash.fullname}/{folder.title} {number}"
    return name


MODULE = Module(
    "folders",
    {
        "root": Action(root),
        "list": Action(get_list),
        "path": Action(path),
        "get": Action(get),
        "updates": Action(updates),
        "allVisible": Action(all_visible),
        "new": Action(new),
        "update": Action(update),
        "delete": Action(delete),
        "clear": Action(clear),
    },
)
