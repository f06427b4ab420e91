"""Folders of the groupware modules: tree, permissions, changes, tombstones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa

from lab.ox import clock
from lab.ox.database.groupware import (
    OBJECTS,
    del_oxfolder_tree,
    next_id,
    oxfolder_permissions,
    oxfolder_tree,
    virtual_tree,
)
from lab.ox.storage import rights
from lab.ox.storage.rights import Permission
from lab.ox.storage.users import User

ROOT, PRIVATE, PUBLIC, SHARED = 0, 1, 2, 3
GLOBAL_ADDRESS_BOOK = 6
INFOSTORE = 9
FIRST_FREE = 20
MODULES = {"tasks": 1, "calendar": 2, "contacts": 3, "unbound": 4, "system": 5, "infostore": 8}
MODULE_NAMES = {number: name for name, number in MODULES.items()}
TYPE_PRIVATE, TYPE_PUBLIC, TYPE_SHARED, TYPE_SYSTEM, TYPE_MAIL = 1, 2, 3, 5, 7
# Module → value of column 316 of the user's default folder.
STANDARD_TYPES = {"tasks": 1, "calendar": 2, "contacts": 3, "infostore": 8}


@dataclass(frozen=True, slots=True)
class Folder:
    """One folder as stored, with all permissions and what one user may do in it."""

    id: int
    parent: int
    name: str
    module: str
    type: int
    created_by: int
    modified_by: int
    creation_date: int
    last_modified: int
    is_default: bool
    permissions: tuple[Permission, ...] = ()
    own_rights: int = field(default=0)

    @property
    def is_shared(self) -> bool:
        """Whether somebody besides the owner may use it."""
        return len(self.permissions) > 1


def visible(connection: sa.Connection, user: User) -> dict[int, Folder]:
    """All folders that a user may see, by id."""
    tree, allowed = oxfolder_tree, oxfolder_permissions
    chosen = (
        sa.select(tree)
        .where(
            tree.c.cid == user.cid,
            tree.c.fuid.in_(
                sa.select(allowed.c.fuid).where(
                    allowed.c.cid == user.cid, allowed.c.permission_id.in_(user.entities), allowed.c.fp > 0
                )
            ),
        )
        .order_by(tree.c.fuid)
    )
    rows = [row for row in connection.execute(chosen) if not _is_hidden(user, row.fuid)]
    permissions = _permissions(connection, user.cid, [row.fuid for row in rows])
    folders = {}
    for row in rows:
        folder = _folder(row, permissions.get(row.fuid, []))
        mine = [each for each in folder.permissions if each.entity in user.entities]
        folders[folder.id] = replace(folder, own_rights=rights.merged(mine))
    return folders


def load(connection: sa.Connection, user: User, folder_id: int) -> Folder | None:
    """One folder with the user's rights in it (maybe none); ``None`` when it does not exist."""
    tree = oxfolder_tree
    row = connection.execute(sa.select(tree).where(tree.c.cid == user.cid, tree.c.fuid == folder_id)).first()
    if row is None:
        return None
    folder = _folder(row, _permissions(connection, user.cid, [folder_id]).get(folder_id, []))
    mine = [each for each in folder.permissions if each.entity in user.entities]
    return replace(folder, own_rights=0 if _is_hidden(user, folder_id) else rights.merged(mine))


def default_folder(connection: sa.Connection, user: User, module: str) -> int | None:
    """The id of the user's default folder of a module."""
    tree = oxfolder_tree
    return connection.execute(
        sa.select(tree.c.fuid).where(
            tree.c.cid == user.cid,
            tree.c.created_from == user.id,
            tree.c.module == MODULES[module],
            tree.c.default_flag == 1,
        )
    ).scalar()


def insert(connection: sa.Connection, cid: int, folder: Folder) -> None:
    """Store a folder and its permissions."""
    connection.execute(oxfolder_tree.insert(), [row_of(cid, folder)])
    _insert_permissions(connection, cid, folder.id, folder.permissions)


def create(
    connection: sa.Connection,
    user: User,
    parent: Folder,
    name: str,
    module: str,
    permissions: Sequence[Permission],
) -> Folder:
    """Make a new folder below a parent; its type follows the parent's. Below somebody else's folder it belongs to that
    user."""
    now = clock.stamp()
    owner = owner_below(user, parent)
    kind = TYPE_PUBLIC if parent.id == PUBLIC or parent.type == TYPE_PUBLIC else TYPE_PRIVATE
    folder = Folder(
        id=next_id(connection, "folder", user.cid),
        parent=parent.id,
        name=name,
        module=module,
        type=kind,
        created_by=owner,
        modified_by=user.id,
        creation_date=now,
        last_modified=now,
        is_default=False,
        permissions=tuple(permissions) or (rights.owner(owner),),
    )
    insert(connection, user.cid, folder)
    return folder


def owner_below(user: User, parent: Folder) -> int:
    """Whose a folder is that a user makes below a parent."""
    return parent.created_by if parent.type == TYPE_PRIVATE else user.id


def change(
    connection: sa.Connection,
    user: User,
    folder: Folder,
    name: str | None = None,
    parent: int | None = None,
    permissions: Sequence[Permission] | None = None,
) -> int:
    """Change a folder; returns its new change stamp."""
    now = clock.stamp()
    values: dict[str, Any] = {"changing_date": now, "changed_from": user.id}
    if name is not None:
        values["fname"] = name
    if parent is not None:
        values["parent"] = parent
    tree = oxfolder_tree
    connection.execute(tree.update().where(tree.c.cid == user.cid, tree.c.fuid == folder.id).values(**values))
    if permissions is not None:
        allowed = oxfolder_permissions
        connection.execute(allowed.delete().where(allowed.c.cid == user.cid, allowed.c.fuid == folder.id))
        _insert_permissions(connection, user.cid, folder.id, permissions)
        # Who has just lost sight of it must be told that it is gone.
        tombstone = {**row_of(user.cid, folder), "changing_date": now}
        connection.execute(
            del_oxfolder_tree.delete().where(
                del_oxfolder_tree.c.cid == user.cid, del_oxfolder_tree.c.fuid == folder.id
            )
        )
        connection.execute(del_oxfolder_tree.insert(), [tombstone])
    return now


def remove(connection: sa.Connection, user: User, folder: Folder) -> None:
    """Delete a folder, what is in it and what is below it; tombstones stay."""
    for child in children(connection, user, folder.id):
        remove(connection, user, child)
    if folder.module in OBJECTS:
        objects = OBJECTS[folder.module][0]
        connection.execute(objects.delete().where(objects.c.cid == user.cid, objects.c.fid == folder.id))
    for table in (oxfolder_permissions, oxfolder_tree, del_oxfolder_tree):
        connection.execute(table.delete().where(table.c.cid == user.cid, table.c.fuid == folder.id))
    now = clock.stamp()
    connection.execute(
        del_oxfolder_tree.insert(),
        [{**row_of(user.cid, folder), "changing_date": now, "changed_from": user.id}],
    )


def gone_since(
    connection: sa.Connection, user: User, since: int, seen: Iterable[int]
) -> list[tuple[int, int]]:
    """Folders deleted or withdrawn after a moment: (id, when). ``seen``: what the user sees now."""
    table = del_oxfolder_tree
    rows = connection.execute(
        sa.select(table.c.fuid, table.c.changing_date)
        .where(table.c.cid == user.cid, table.c.changing_date > since)
        .order_by(table.c.changing_date)
    )
    visible_now = set(seen)
    return [(row.fuid, row.changing_date) for row in rows if row.fuid not in visible_now]


def chosen(connection: sa.Connection, user: User, tree: int) -> set[str]:
    """The ids of the folders that a user added to a virtual tree."""
    table = virtual_tree
    return set(
        connection.execute(
            sa.select(table.c.folderId).where(
                table.c.cid == user.cid, table.c.tree == tree, table.c.user == user.id
            )
        ).scalars()
    )


def choose(connection: sa.Connection, user: User, tree: int, folder_id: str, wanted: bool) -> None:
    """Add a folder to a virtual tree, or take it out."""
    table = virtual_tree
    connection.execute(
        table.delete().where(
            table.c.cid == user.cid,
            table.c.tree == tree,
            table.c.user == user.id,
            table.c.folderId == folder_id,
        )
    )
    if wanted:
        row = {"cid": user.cid, "tree": tree, "user": user.id, "folderId": folder_id}
        connection.execute(table.insert(), [row])


def rename_chosen(connection: sa.Connection, user: User, old: str, new: str | None) -> None:
    """A mail folder and those below it have other ids now (``None``: they are gone): so have they in the virtual
    trees."""
    table = virtual_tree
    mine = sa.and_(table.c.cid == user.cid, table.c.user == user.id)
    for row in connection.execute(sa.select(table).where(mine)).all():
        if row.folderId == old or row.folderId.startswith(old + "/"):
            choose(connection, user, row.tree, row.folderId, False)
            if new is not None:
                choose(connection, user, row.tree, new + row.folderId[len(old) :], True)


def children(connection: sa.Connection, user: User, folder_id: int) -> list[Folder]:
    """The folders directly below one, whoever may see them."""
    tree = oxfolder_tree
    ids = connection.execute(
        sa.select(tree.c.fuid).where(tree.c.cid == user.cid, tree.c.parent == folder_id)
    ).scalars()
    return [found for each in list(ids) if (found := load(connection, user, each))]


def row_of(cid: int, folder: Folder) -> dict[str, Any]:
    """The row of ``oxfolder_tree`` for a folder."""
    return {
        "cid": cid,
        "fuid": folder.id,
        "parent": folder.parent,
        "fname": folder.name,
        "module": MODULES[folder.module],
        "type": folder.type,
        "creating_date": folder.creation_date,
        "created_from": folder.created_by,
        "changing_date": folder.last_modified,
        "changed_from": folder.modified_by,
        "permission_flag": 1 if len(folder.permissions) <= 1 else 3,
        "subfolder_flag": 0,
        "default_flag": int(folder.is_default),
    }


def permission_rows(cid: int, folder_id: int, permissions: Iterable[Permission]) -> list[dict[str, Any]]:
    """The rows of ``oxfolder_permissions`` for a folder."""
    return [
        {
            "cid": cid,
            "fuid": folder_id,
            "permission_id": each.entity,
            "fp": each.folder,
            "orp": each.read,
            "owp": each.write,
            "odp": each.delete,
            "admin_flag": each.admin,
            "group_flag": each.group,
        }
        for each in permissions
    ]


def _is_hidden(user: User, folder_id: int) -> bool:
    return folder_id == GLOBAL_ADDRESS_BOOK and not user.sees_address_book


def _insert_permissions(
    connection: sa.Connection, cid: int, folder_id: int, permissions: Iterable[Permission]
) -> None:
    rows = permission_rows(cid, folder_id, permissions)
    if rows:
        connection.execute(oxfolder_permissions.insert(), rows)


def _permissions(connection: sa.Connection, cid: int, ids: list[int]) -> dict[int, list[Permission]]:
    if not ids:
        return {}
    allowed = oxfolder_permissions
    found: dict[int, list[Permission]] = {}
    rows = connection.execute(
        sa.select(allowed)
        .where(allowed.c.cid == cid, allowed.c.fuid.in_(ids))
        .order_by(allowed.c.fuid, allowed.c.admin_flag.desc(), allowed.c.permission_id)
    )
    for row in rows:
        found.setdefault(row.fuid, []).append(
            Permission(
                row.permission_id,
                bool(row.group_flag),
                row.fp,
                row.orp,
                row.owp,
                row.odp,
                bool(row.admin_flag),
            )
        )
    return found


def _folder(row: Any, permissions: list[Permission]) -> Folder:
    return Folder(
        id=row.fuid,
        parent=row.parent,
        name=row.fname,
        module=MODULE_NAMES[row.module],
        type=row.type,
        created_by=row.created_from,
        modified_by=row.changed_from,
        creation_date=row.creating_date,
        last_modified=row.changing_date,
        is_default=bool(row.default_flag),
        permissions=tuple(permissions),
    )
