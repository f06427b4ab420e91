"""Tasks: in the folder they were made in, and in the default folder of each user who takes part."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import sqlalchemy as sa

from lab.ox import clock
from lab.ox.database.groupware import OBJECTS, oxfolder_tree, task_folder
from lab.ox.storage import objects
from lab.ox.storage.folders import MODULES
from lab.ox.storage.objects import Stored

_MODULE = "tasks"


def in_folders(
    connection: sa.Connection, cid: int, folders: Sequence[int], since: int | None = None
) -> list[tuple[Stored, int]]:
    """The tasks of some folders by id, each with the folder it is seen in; with ``since`` only those changed after
    it."""
    found = [(task, task.folder) for task in objects.in_folders(connection, _MODULE, cid, folders, since)]
    rows = connection.execute(
        sa.select(task_folder.c.id, task_folder.c.folder).where(
            task_folder.c.cid == cid, task_folder.c.folder.in_(list(folders))
        )
    ).all()
    delegated = objects.load_many(connection, _MODULE, cid, [row.id for row in rows])
    found += [
        (delegated[row.id], row.folder)
        for row in rows
        if row.id in delegated and (since is None or delegated[row.id].last_modified > since)
    ]
    return sorted(found, key=lambda each: each[0].id)


def folders_of(connection: sa.Connection, cid: int, task: Stored) -> dict[int, int | None]:
    """The folders that show a task → whose it is there; ``None`` for the folder it was made in."""
    rows = connection.execute(
        sa.select(task_folder).where(task_folder.c.cid == cid, task_folder.c.id == task.id)
    )
    return {task.folder: None, **{row.folder: row.user for row in rows}}


def default_folders(connection: sa.Connection, cid: int, users: Iterable[int]) -> dict[int, int]:
    """User → default folder of tasks."""
    tree = oxfolder_tree
    rows = connection.execute(
        sa.select(tree.c.created_from, tree.c.fuid).where(
            tree.c.cid == cid,
            tree.c.created_from.in_(list(users)),
            tree.c.module == MODULES[_MODULE],
            tree.c.default_flag == 1,
        )
    )
    return {row.created_from: row.fuid for row in rows}


def show_in(connection: sa.Connection, cid: int, task: Stored, wanted: Mapping[int, int]) -> None:
    """Let a task be seen in these folders (user → folder) besides its own; tombstones stay where it was."""
    before = {folder: user for folder, user in folders_of(connection, cid, task).items() if user is not None}
    after = {folder: user for user, folder in wanted.items() if folder != task.folder}
    table = task_folder
    for folder in before.keys() - after.keys():
        connection.execute(
            table.delete().where(table.c.cid == cid, table.c.id == task.id, table.c.folder == folder)
        )
        objects.bury(connection, _MODULE, cid, task.id, folder, clock.stamp())
    rows = [
        {"cid": cid, "id": task.id, "folder": folder, "user": user}
        for folder, user in after.items()
        if folder not in before
    ]
    if rows:
        connection.execute(table.insert(), rows)


def deleted_since(connection: sa.Connection, cid: int, folder: int, since: int) -> list[tuple[int, int]]:
    """What has left a folder after a moment and is not back: (id, when)."""
    back = set(
        connection.execute(
            sa.select(task_folder.c.id).where(task_folder.c.cid == cid, task_folder.c.folder == folder)
        ).scalars()
    )
    return [
        each for each in objects.deleted_since(connection, _MODULE, cid, folder, since) if each[0] not in back
    ]


def remove(connection: sa.Connection, cid: int, task: Stored) -> int:
    """Delete a task for everybody; returns when."""
    show_in(connection, cid, task, {})
    return objects.remove(connection, _MODULE, cid, task)


def equal_titles(connection: sa.Connection, cid: int, folder: int, title: str) -> list[Stored]:
    """The tasks of a folder that have a title."""
    table = OBJECTS[_MODULE][0]
    # The title is within the document, so all are looked at; a folder of tasks is small.
    chosen = sa.select(table.c.id).where(table.c.cid == cid, table.c.fid == folder)
    ids = list(connection.execute(chosen).scalars())
    found = objects.load_many(connection, _MODULE, cid, ids)
    return [task for task in found.values() if task.fields.get("title") == title]
