"""``/tasks`` (http-api section 4)."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from lab.ox.columns.table import ColumnDef
from lab.ox.errors import fault
from lab.ox.modules import access, rows, task_fields, task_series
from lab.ox.modules.access import TASK_CODES
from lab.ox.storage import attachments, directory, folders, objects, rights, tasks, users
from lab.ox.storage.folders import Folder
from lab.ox.storage.objects import Stored
from lab.ox.web.call import Answer, Call, Result, number
from lab.ox.web.dispatch import Action, Module

MODULE_NAME = "tasks"
_SEARCHED = ("title", "note", "categories")


def get_all(call: Call) -> Result:
    """All tasks of a folder, or of all folders the user may read."""
    columns = _columns(call)
    with call.read() as connection:
        chosen = _folders(call, connection, call.params.get("folder"))
        return _rows(call, connection, _readable(call, connection, chosen), columns)


def get_list(call: Call) -> Result:
    """Some tasks by id and folder; those that are gone are left out."""
    columns = _columns(call)
    found = []
    with call.read() as connection:
        opened: dict[int, Folder] = {}
        for entry in _checked_entries(call.json_array()):
            folder_id = access.folder_number(entry["folder"])
            if folder_id not in opened:
                opened[folder_id] = _folder(call, connection, folder_id)
            task = objects.load(connection, MODULE_NAME, call.cid, access.object_number(entry["id"]))
            if (
                task
                and folder_id in tasks.folders_of(connection, call.cid, task)
                and _may_read(call, opened[folder_id], task)
            ):
                found.append((task, folder_id))
        return _rows(call, connection, found, columns, keep_order=True)


def get(call: Call) -> Result:
    """One task in full."""
    with call.read() as connection:
        task, folder = _open(call, connection)
        shown = _values(call, connection, [(task, folder.id)])[0]
    known = task_fields.columns(call.generation)
    return Answer(
        {column.name: shown[column.name] for column in known if shown.get(column.name) not in (None, [])},
        task.last_modified,
    )


def updates(call: Call) -> Result:
    """What changed in a folder after a moment. Deletions are only told when ``ignore`` is given without the word
    ``deleted``."""
    columns = _columns(call)
    since = call.integer("timestamp")
    ignored = call.params.get("ignore", "deleted")
    with call.read() as connection:
        chosen = _folders(call, connection, call.params.get("folder"))
        changed = _readable(call, connection, chosen, since) if "changed" not in ignored else []
        gone: list[tuple[int, int]] = []
        if "deleted" not in ignored:
            for folder in chosen:
                gone += tasks.deleted_since(connection, call.cid, folder.id, since)
        answer = _rows(call, connection, changed, columns)
    newest = max([since, *(task.last_modified for task, _ in changed), *(when for _, when in gone)])
    return Answer([*answer.data, *(_shown_id(call, object_id) for object_id, _ in gone)], newest)


def new(call: Call) -> Result:
    """Store a new task."""
    body = call.json_object()
    if not body.get("folder_id"):
        raise fault("TSK-0027")
    fields = task_fields.accepted(body, {}, call.user, call.generation, call.zone)
    with call.write() as connection:
        folder = _folder(call, connection, body["folder_id"])
        access.must_create(folder, TASK_CODES)
        _take_participants(call, connection, body, fields, folder)
        task = _insert(call, connection, folder, fields, str(body.get("uid") or uuid.uuid4()))
    return Answer({"id": _shown_id(call, task.id)}, task.last_modified)


def update(call: Call) -> Result:
    """Change the given fields; ``folder_id`` in the body moves the task. Of a task that repeats and is done now, the
    next occurrence is made."""
    body = call.json_object()
    since = call.integer("timestamp")
    with call.write() as connection:
        task, folder = _open(call, connection)
        access.must_write(folder, call.user, task, TASK_CODES)
        if task.last_modified > since:
            raise fault("TSK-0007", task.id)
        if body.get("uid") and body["uid"] != task.uid:
            raise fault("TSK-0053")
        fields = task_fields.accepted(body, task.fields, call.user, call.generation, call.zone)
        home = folder
        if folder.id != task.folder:
            home = folders.load(connection, call.user, task.folder) or folder
        _take_participants(call, connection, body, fields, home)
        target = _target(call, connection, body, task, folder)
        moves_home = target is not None and folder.id == task.folder
        when = objects.change(
            connection, MODULE_NAME, call.cid, call.user.id, task, fields, target if moves_home else None
        )
        if not when:
            raise fault("TSK-0007", task.id)
        after = objects.load(connection, MODULE_NAME, call.cid, task.id) or task
        place = folders.load(connection, call.user, after.folder) or home
        _show(call, connection, after, place, {call.user.id: target} if target and not moves_home else {})
        _repeat(call, connection, task, after, place)
    return Answer({} if call.generation.number == 6 else {"id": _shown_id(call, task.id)}, when)


def delete(call: Call) -> Result:
    """Delete tasks; a participant who deletes one only leaves it. The answer lists the ids of those that were changed
    meanwhile and stay."""
    since = call.integer("timestamp")
    kept: list[Any] = []
    newest = since
    body = call.json()
    entries = [call.json_object()] if call.generation.single_delete or isinstance(body, dict) else body
    with call.write() as connection:
        for entry in _checked_entries(entries):
            folder = _folder(call, connection, entry["folder"])
            task = _in_folder(call, connection, folder, access.object_number(entry["id"]))
            access.must_delete(folder, call.user, task, TASK_CODES)
            if task.last_modified > since:
                kept.append(_shown_id(call, task.id))
            elif folder.id == task.folder:
                newest = tasks.remove(connection, call.cid, task)
                attachments.remove_all(connection, call.cid, attachments.TASK, task.id)
            else:
                newest = _leave(call, connection, task, folder)
    return Answer(kept, newest)


def confirm(call: Call) -> Result:
    """Say whether the user takes part; ``id`` in the body says it for another user."""
    body = call.json_object()
    with call.write() as connection:
        task, _ = _open(call, connection)
        who = number(body.get("id") or call.user.id, "id")
        answer = number(body.get("confirmation", body.get("confirm", 0)), "confirmation")
        if not 0 <= answer <= 3:
            raise fault("SVL-0010", "confirmation", answer)
        members = [dict(each) for each in task.fields.get("users") or ()]
        own = [each for each in members if each["id"] == who]
        if not own:
            raise fault("TSK-0049", who, task.id)
        own[0] |= {"confirmation": answer, "confirmmessage": str(body.get("confirmmessage") or "")}
        fields = {**task.fields, "users": members}
        when = objects.change(connection, MODULE_NAME, call.cid, call.user.id, task, fields)
    return Answer(None, when)


def search(call: Call) -> Result:
    """Tasks whose title, note or categories hold a pattern, in a folder or in all, maybe within two dates."""
    columns = _columns(call)
    body = call.json_object()
    pattern = str(body.get("pattern") or "").strip("*").casefold()
    first = number(body["start"], "start") if body.get("start") is not None else None
    last = number(body["end"], "end") if body.get("end") is not None else None
    with call.read() as connection:
        chosen = _folders(call, connection, body.get("folder"))
        found = []
        for task, folder_id in _readable(call, connection, chosen):
            text = "\n".join(str(task.fields.get(name) or "") for name in _SEARCHED).casefold()
            end = task.fields.get("end_time")
            outside = (first is not None and (end is None or end < first)) or (
                last is not None and (end is None or end >= last)
            )
            if pattern in text and not outside:
                found.append((task, folder_id))
        return _rows(call, connection, found, columns)


def may_read(call: Call, connection: sa.Connection, folder_id: int, task_id: int) -> tuple[Stored, Folder]:
    """A task in a folder that the user may read; the usual errors otherwise."""
    folder = _folder(call, connection, folder_id)
    task = _in_folder(call, connection, folder, task_id)
    if not _may_read(call, folder, task):
        raise fault("TSK-0023", folder.id)
    return task, folder


def _columns(call: Call) -> list[ColumnDef]:
    return task_fields.columns(call.generation).pick(call.params.get("columns"))


def _folder(call: Call, connection: sa.Connection, value: Any) -> Folder:
    return access.open_folder(connection, call.user, value, MODULE_NAME, TASK_CODES)


def _folders(call: Call, connection: sa.Connection, value: Any) -> list[Folder]:
    if value is not None and value != "":
        folder = _folder(call, connection, value)
        access.must_list(folder, TASK_CODES)
        return [folder]
    return [
        folder
        for folder in folders.visible(connection, call.user).values()
        if folder.module == MODULE_NAME and rights.field(folder.own_rights, "read")
    ]


def _open(call: Call, connection: sa.Connection) -> tuple[Stored, Folder]:
    return may_read(call, connection, access.folder_number(call.need("folder")), call.integer("id"))


def _in_folder(call: Call, connection: sa.Connection, folder: Folder, task_id: int) -> Stored:
    task = objects.load(connection, MODULE_NAME, call.cid, task_id)
    if task is None:
        raise fault("TSK-0019", task_id, call.cid)
    if folder.id not in tasks.folders_of(connection, call.cid, task):
        raise fault("TSK-0048", task_id, folder.id)
    return task


def _may_read(call: Call, folder: Folder, task: Stored) -> bool:
    """Whether the user may read a task. Private ones are for who made them."""
    if task.fields.get("private_flag") and task.created_by != call.user.id:
        return False
    return access.may_read(folder, call.user, task)


def _readable(
    call: Call, connection: sa.Connection, chosen: Sequence[Folder], since: int | None = None
) -> list[tuple[Stored, int]]:
    by_id = {folder.id: folder for folder in chosen}
    return [
        (task, folder_id)
        for task, folder_id in tasks.in_folders(connection, call.cid, list(by_id), since)
        if _may_read(call, by_id[folder_id], task)
    ]


def _values(
    call: Call, connection: sa.Connection, found: Sequence[tuple[Stored, int]]
) -> list[dict[str, Any]]:
    named = {each["id"] for task, _ in found for each in task.fields.get("users") or ()}
    named |= {
        each["id"]
        for task, _ in found
        for each in task.fields.get("participants") or ()
        if each["type"] == task_fields.USER
    }
    names = users.display_names(connection, call.cid, named) if named else {}
    files = attachments.heads(connection, call.cid, attachments.TASK, [task.id for task, _ in found])
    return [
        task_fields.values(task, folder_id, call.user, names, files.get(task.id), call.generation, call.zone)
        for task, folder_id in found
    ]


def _rows(
    call: Call,
    connection: sa.Connection,
    found: Sequence[tuple[Stored, int]],
    columns: Sequence[ColumnDef],
    keep_order: bool = False,
) -> Answer:
    values = _values(call, connection, found) if found else []
    sorting = None if keep_order else rows.sort_column(call, task_fields.columns(call.generation))
    if sorting:
        name = sorting[0].name
        values = rows.ordered(values, lambda each: each.get(name), sorting[1])
    window = values if keep_order else rows.cut(call, values)
    newest = max((task.last_modified for task, _ in found), default=0)
    return Answer([[each.get(column.name) for column in columns] for each in window], newest)


def _shown_id(call: Call, object_id: int) -> int | str:
    return str(object_id) if call.generation.text_ids else object_id


def _checked_entries(entries: list[Any]) -> list[dict[str, Any]]:
    for entry in entries:
        if not isinstance(entry, dict) or "id" not in entry or "folder" not in entry:
            raise fault("SVL-0009", "id and folder are expected")
    return entries


def _target(
    call: Call, connection: sa.Connection, body: dict[str, Any], task: Stored, folder: Folder
) -> int | None:
    """The folder a task moves to, ``None`` when it stays."""
    if body.get("folder_id") in (None, ""):
        return None
    target = _folder(call, connection, body["folder_id"])
    if target.id == folder.id:
        return None
    access.must_create(target, TASK_CODES)
    access.must_delete(folder, call.user, task, TASK_CODES)
    return target.id


def _take_participants(
    call: Call, connection: sa.Connection, body: dict[str, Any], fields: dict[str, Any], folder: Folder
) -> None:
    """Put the participants of a body into the fields, and the users they are; replies that were given stay."""
    if "participants" in body:
        given = body["participants"] or []
        if not isinstance(given, list) or any(not isinstance(each, dict) for each in given):
            raise fault("SVL-0010", "participants", given)
        fields["participants"] = [_participant(each) for each in given]
        wanted = _users(call, connection, fields["participants"])
        if any(each != call.user.id for each in wanted) and not call.user.may("delegate_tasks"):
            raise fault("TSK-0026")
        before = {each["id"]: each for each in fields.get("users") or ()}
        fields["users"] = [before.get(each, {"id": each, "confirmation": 0}) for each in wanted]
    if fields.get("private_flag") and fields.get("participants"):
        raise fault("TSK-0028")
    if fields.get("private_flag") and folder.type == folders.TYPE_PUBLIC:
        raise fault("TSK-0028")


def _participant(each: dict[str, Any]) -> dict[str, Any]:
    kind = number(each.get("type"), "type")
    kept: dict[str, Any] = {"type": kind}
    if kind == task_fields.EXTERNAL:
        if not each.get("mail"):
            raise fault("SVL-0010", "participants", each)
        kept |= {name: each[name] for name in ("mail", "display_name") if each.get(name)}
        return kept
    if kind not in (task_fields.USER, task_fields.GROUP, task_fields.RESOURCE):
        raise fault("SVL-0010", "type", kind)
    return {**kept, "id": number(each.get("id"), "id")}


def _users(call: Call, connection: sa.Connection, participants: Sequence[dict[str, Any]]) -> list[int]:
    found: dict[int, None] = {}
    known = set(
        users.display_names(
            connection,
            call.cid,
            [each["id"] for each in participants if each["type"] == task_fields.USER],
        )
    )
    for each in participants:
        if each["type"] == task_fields.USER:
            if each["id"] not in known:
                raise fault("USR-0010", each["id"], call.cid)
            found[each["id"]] = None
        elif each["type"] == task_fields.GROUP:
            for group in directory.load_groups(connection, call.cid, [each["id"]]):
                found |= dict.fromkeys(group.members)
    return list(found)


def _insert(
    call: Call, connection: sa.Connection, folder: Folder, fields: dict[str, Any], uid: str
) -> Stored:
    task = objects.insert(connection, MODULE_NAME, call.cid, call.user.id, folder.id, {**fields, "uid": uid})
    _show(call, connection, task, folder, {})
    return task


def _show(call: Call, connection: sa.Connection, task: Stored, folder: Folder, moved: dict[int, int]) -> None:
    """Let the users who take part see the task in their own folders, those who have moved it where they did; in a
    public folder everybody sees it anyway."""
    members = {each["id"] for each in task.fields.get("users") or ()} - {folder.created_by}
    if folder.type == folders.TYPE_PUBLIC:
        members = set()
    before = {
        user: place
        for place, user in tasks.folders_of(connection, call.cid, task).items()
        if user is not None
    }
    places = tasks.default_folders(connection, call.cid, members)
    wanted = {user: moved.get(user) or before.get(user) or place for user, place in places.items()}
    tasks.show_in(connection, call.cid, task, wanted)


def _leave(call: Call, connection: sa.Connection, task: Stored, folder: Folder) -> int:
    """The owner of a folder takes no part in a task any more."""
    who = tasks.folders_of(connection, call.cid, task)[folder.id]
    fields = {
        **task.fields,
        "users": [each for each in task.fields.get("users") or () if each["id"] != who],
        "participants": [
            each
            for each in task.fields.get("participants") or ()
            if each["type"] != task_fields.USER or each["id"] != who
        ],
    }
    when = objects.change(connection, MODULE_NAME, call.cid, call.user.id, task, fields)
    after = objects.load(connection, MODULE_NAME, call.cid, task.id) or task
    _show(call, connection, after, folders.load(connection, call.user, task.folder) or folder, {})
    return max(when, after.last_modified)


def _repeat(call: Call, connection: sa.Connection, before: Stored, after: Stored, folder: Folder) -> None:
    """Make the next occurrence of a task that has just been done, unless it is there already."""
    was_done = before.fields.get("status") == task_fields.DONE
    if was_done or after.fields.get("status") != task_fields.DONE or not after.fields.get("recurrence_type"):
        return
    fields = task_series.following(after.fields, call.zone)
    if fields is None:
        return
    for other in tasks.equal_titles(connection, call.cid, after.folder, str(fields.get("title"))):
        if other.fields.get("start_time") == fields["start_time"] and other.created_by == after.created_by:
            return
    fields["users"] = [{"id": each["id"], "confirmation": 0} for each in fields.get("users") or ()]
    _insert(call, connection, folder, fields, str(uuid.uuid4()))


MODULE = Module(
    MODULE_NAME,
    {
        "all": Action(get_all),
        "get": Action(get),
        "list": Action(get_list),
        "updates": Action(updates),
        "new": Action(new),
        "update": Action(update),
        "delete": Action(delete),
        "confirm": Action(confirm),
        "search": Action(search),
    },
    right="tasks",
)
