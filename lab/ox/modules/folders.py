"""``/folders`` (http-api section 2)."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from lab.ox.calendar import store as calendar_store
from lab.ox.columns.folders import FOLDER_COLUMNS
from lab.ox.errors import fault
from lab.ox.modules import access
from lab.ox.modules.folder_tree import (
    EAS_TREE,
    FolderTree,
    Node,
    as_object,
    mail_name,
    open_mail_folder,
    root_node,
    roots,
    row,
)
from lab.ox.storage import folders, mail, objects, rights, tasks
from lab.ox.storage.folders import Folder
from lab.ox.storage.mail import MailFolder
from lab.ox.storage.rights import Permission
from lab.ox.web.call import Answer, Call, Result
from lab.ox.web.dispatch import Action, Module

_CREATABLE = ("calendar", "contacts", "tasks", "mail", "infostore")
# The shared root holds what others let one see, the global address book users.
_NO_FOLDERS_BELOW = ("3", "6")
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
        if _MODULE_ALIASES.get(node["module"], node["module"]) == module:
            groups.setdefault(names[node["type"]], []).append(row(call, node, columns))
            newest = max(newest, node["last_modified_utc"])
    return Answer(groups, newest)


def shares(call: Call) -> Result:
    """The user's own folders of one kind of content that others may use."""
    columns = FOLDER_COLUMNS.pick(call.params.get("columns"))
    content_type = call.need("content_type")
    module = _MODULE_ALIASES.get(content_type, content_type)
    found = [
        node
        for node in _tree(call).nodes.values()
        if _MODULE_ALIASES.get(node["module"], node["module"]) == module
        and node["type"] == folders.TYPE_PRIVATE
        and len(node["permissions"]) > 1
    ]
    return _rows(call, sorted(found, key=lambda node: node["title"].casefold()), columns)


def subscribe(call: Call) -> Result:
    """Add folders to the tree of the user's devices: ``[{"id": …, "subscribe": true|false}]``. The shape is not
    verified."""
    return _subscribe(call, True)


def unsubscribe(call: Call) -> Result:
    """Take folders out of the tree of the user's devices. The shape is not verified."""
    return _subscribe(call, False)


def _subscribe(call: Call, wanted: bool) -> Result:
    if call.params.get("tree") != EAS_TREE:
        raise fault("SVL-0010", "tree", call.params.get("tree"))
    entries = [each if isinstance(each, dict) else {"id": each} for each in call.json_array()]
    with call.write() as connection:
        for entry in entries:
            node_id = str(entry.get("id") or "")
            if node_id.startswith(mail.ACCOUNT):
                open_mail_folder(call, connection, node_id)
            else:
                found = folders.load(connection, call.user, access.folder_number(node_id))
                if found is None:
                    raise fault("FLD-0008", node_id, EAS_TREE)
                if not found.own_rights:
                    raise fault("FLD-0003", node_id, call.user.id, call.cid)
            is_wanted = wanted and str(entry.get("subscribe", True)).lower() == "true"
            folders.choose(connection, call.user, int(EAS_TREE), node_id, is_wanted)
    return Answer([])


def new(call: Call) -> Result:
    """Make a folder below another. Made in the tree of the devices, it is in that tree too."""
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
        parent_module = _MODULE_ALIASES.get(parent["module"], parent["module"])
        if parent_module not in (module, "system") or parent_id in _NO_FOLDERS_BELOW:
            raise fault("FLD-1012", module, parent_id)
        _must_make_subfolders(call, parent)
        permissions = _permissions(body) or _inherited(call, tree, parent)
        _check_permissions(call, permissions, parent["type"] == folders.TYPE_PUBLIC or parent_id == "2")
        made = folders.create(connection, call.user, tree.folder(parent_id), title, module, permissions)
        if tree.tree == EAS_TREE:
            folders.choose(connection, call.user, int(EAS_TREE), str(made.id), True)
    return Answer(tree.shown_id(made), made.last_modified)


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
    parent = _new_parent(call, tree, folder, body)
    if title and title != folder.name:
        if folder.is_default:
            raise fault("FLD-1027", node_id)
        _check_name(tree, str(parent or node["folder_id"]), title)
    permissions = _permissions(body)
    if permissions is not None:
        _check_permissions(call, permissions, folder.type == folders.TYPE_PUBLIC)
        if not any(each.admin for each in permissions):
            raise fault("FLD-0019", node_id)
    with call.write() as connection:
        when = folders.change(connection, call.user, folder, title, parent, permissions)
        if permissions is not None and call.flag("cascadePermissions"):
            _cascade(call, connection, folder, permissions)
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
            _discard(call, connection, folder)
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


def _must_make_subfolders(call: Call, parent: Node) -> None:
    level = rights.field(parent["own_rights"], "folder")
    is_public = parent["id"] == str(folders.PUBLIC) or parent["type"] == folders.TYPE_PUBLIC
    if level < rights.SUBFOLDERS or (is_public and not call.user.may("edit_public_folders")):
        raise fault("FLD-1029", parent["id"])


def _inherited(call: Call, tree: FolderTree, parent: Node) -> list[Permission]:
    """The permissions of a folder whose maker names none: those of the one above, and all for the maker."""
    if parent["module"] == "system":
        return [rights.owner(call.user.id)]
    above = tree.folder(parent["id"])
    own = rights.owner(folders.owner_below(call.user, above))
    return [own, *(each for each in above.permissions if each.entity != own.entity)]


def _check_permissions(call: Call, permissions: list[Permission], is_public: bool) -> None:
    """Who may not share may not let others into private folders either."""
    others = any(each.entity != call.user.id for each in permissions)
    if others and not is_public and not call.user.may("read_create_shared_folders"):
        raise fault("FLD-0074")


def _cascade(call: Call, connection: sa.Connection, folder: Folder, permissions: list[Permission]) -> None:
    for child in folders.children(connection, call.user, folder.id):
        if child.own_rights >> 28 & 1:
            folders.change(connection, call.user, child, permissions=permissions)
        _cascade(call, connection, child, permissions)


def _new_parent(call: Call, tree: FolderTree, folder: Folder, body: dict[str, Any]) -> int | None:
    wanted = tree.plain(str(body.get("folder_id") or ""))
    if wanted in ("", str(folder.parent)):
        return None
    target = tree.node(wanted)
    below = str(folder.id) in (tree.plain(node["id"]) for node in tree.path(target["id"]))
    module = _MODULE_ALIASES.get(target["module"], target["module"])
    kind = folders.TYPE_PUBLIC if wanted == str(folders.PUBLIC) else target["type"]
    stays_private = folder.type == folders.TYPE_PRIVATE and (
        wanted == str(folders.PRIVATE) or kind == folders.TYPE_PRIVATE
    )
    stays_public = folder.type == folders.TYPE_PUBLIC and kind == folders.TYPE_PUBLIC
    if folder.is_default or below or module not in (folder.module, "system"):
        raise fault("FLD-1013", folder.id, wanted)
    if not (stays_private or stays_public):
        raise fault("FLD-1013", folder.id, wanted)
    _must_make_subfolders(call, target)
    return int(wanted)


def _discard(call: Call, connection: sa.Connection, folder: Folder) -> None:
    """Delete what is in a folder and below it, so that everybody who sees it elsewhere is told."""
    for child in folders.children(connection, call.user, folder.id):
        _discard(call, connection, child)
    _discard_own(call, connection, folder)


def _discard_own(call: Call, connection: sa.Connection, folder: Folder) -> None:
    if folder.module == "tasks":
        for task in objects.in_folders(connection, "tasks", call.cid, [folder.id]):
            tasks.remove(connection, call.cid, task)
    if folder.module == "calendar":
        for event in calendar_store.in_folder(connection, call.cid, folder.id):
            if event.folder == folder.id:
                calendar_store.remove(connection, call.cid, event)


def _clear_objects(call: Call, connection: sa.Connection, folder: Folder) -> bool:
    if folder.module not in ("contacts", "calendar", "tasks"):
        return False
    if rights.field(folder.own_rights, "delete") < rights.ALL:
        return False
    if folder.module != "contacts":
        _discard_own(call, connection, folder)
        return True
    for stored in objects.in_folders(connection, folder.module, call.cid, [folder.id]):
        if stored.user_id is None:
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
    if tree.tree == EAS_TREE:
        folders.choose(connection, call.user, int(EAS_TREE), f"{mail.ACCOUNT}/{fullname}", True)
    return Answer(f"{mail.ACCOUNT}/{fullname}", made.changed)


def _update_mail_folder(call: Call, tree: FolderTree, node: Node, body: dict[str, Any]) -> Answer:
    node_id = node["id"]
    with call.write() as connection:
        folder = open_mail_folder(call, connection, node_id)
        if body.get("subscribed") is not None:
            wanted = str(body["subscribed"]).lower() == "true"
            mail.subscribe(connection, call.cid, call.user.id, folder, wanted)
        title = str(body.get("title") or folder.title).strip()
        parent = folder.parent
        if body.get("folder_id") not in (None, ""):
            place = str(body["folder_id"])
            parent = "" if place in ("1", mail.ACCOUNT) else mail_name(place)
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
        folders.rename_chosen(connection, call.user, node_id, f"{mail.ACCOUNT}/{fullname}")
    return Answer(f"{mail.ACCOUNT}/{fullname}")


def _delete_mail_folder(call: Call, node_id: str) -> None:
    with call.write() as connection:
        folder = open_mail_folder(call, connection, node_id)
        folders.rename_chosen(connection, call.user, node_id, None)
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
        "shares": Action(shares, since=8),
        "subscribe": Action(subscribe),
        "unsubscribe": Action(unsubscribe),
        "new": Action(new),
        "update": Action(update),
        "delete": Action(delete),
        "clear": Action(clear),
    },
)
