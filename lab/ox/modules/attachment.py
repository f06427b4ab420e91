"""``/attachment``: files of appointments, tasks and contacts (http-api section 9).

Attaching and detaching is a change of the object: its change stamp grows. The files of an appointment are the same that
``chronos`` lists in the event.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from lab.ox.columns.attachments import ATTACHMENT_COLUMNS
from lab.ox.columns.table import ColumnDef, shown
from lab.ox.errors import fault
from lab.ox.modules import access, calendar_access, rows, tasks
from lab.ox.modules.access import CONTACT_CODES
from lab.ox.storage import attachments, objects, rights
from lab.ox.storage.attachments import APPOINTMENT, CONTACT, TASK, Attachment
from lab.ox.web.call import Answer, Binary, Call, Result, number, parsed
from lab.ox.web.dispatch import Action, Module


@dataclass(frozen=True, slots=True)
class Owner:
    """The object that files belong to, as far as the user may see it."""

    kind: int
    module: str
    folder: int
    id: int
    writable: bool


def get_all(call: Call) -> Result:
    """The files of an object."""
    columns = ATTACHMENT_COLUMNS.pick(call.params.get("columns"))
    with call.read() as connection:
        owner = _owner_of_call(call, connection)
        return _rows(call, owner, attachments.of_object(connection, call.cid, owner.kind, owner.id), columns)


def get_list(call: Call) -> Result:
    """Some files of an object by id; those that are gone are left out."""
    columns = ATTACHMENT_COLUMNS.pick(call.params.get("columns"))
    wanted = [access.object_number(value) for value in call.json_array()]
    with call.read() as connection:
        owner = _owner_of_call(call, connection)
        by_id = {
            found.id: found for found in attachments.of_object(connection, call.cid, owner.kind, owner.id)
        }
    return _rows(call, owner, [by_id[each] for each in wanted if each in by_id], columns, keep_order=True)


def get(call: Call) -> Result:
    """What is known of one file."""
    with call.read() as connection:
        owner = _owner_of_call(call, connection)
        found = _load(call, connection, owner)
    values = _values(call, owner, found)
    return Answer(
        {column.name: shown(column, values[column.name], call.zone) for column in ATTACHMENT_COLUMNS},
        found.creation_date,
    )


def updates(call: Call) -> Result:
    """Files that came after a moment, and the ids of those that went; the latter not with ``ignore=deleted``."""
    columns = ATTACHMENT_COLUMNS.pick(call.params.get("columns"))
    since = call.integer("timestamp", 0)
    with call.read() as connection:
        owner = _owner_of_call(call, connection)
        found = [
            each
            for each in attachments.of_object(connection, call.cid, owner.kind, owner.id)
            if each.creation_date > since
        ]
        gone = attachments.gone_since(connection, call.cid, owner.kind, owner.id, since)
    if "deleted" in call.params.get("ignore", ""):
        gone = []
    answer = _rows(call, owner, found, columns)
    newest = max([since, answer.timestamp or 0, *(when for _, when in gone)])
    return Answer([*answer.data, *(_shown_id(call, each) for each, _ in gone)], newest)


def document(call: Call) -> Result:
    """The bytes of a file."""
    with call.read() as connection:
        found = _load(call, connection, _owner_of_call(call, connection))
    return Binary(found.data, call.params.get("content_type") or found.content_type, found.filename)


def attach(call: Call) -> Result:
    """Attach files: ``json_N`` says what ``file_N`` belongs to."""
    described = _descriptions(call)
    made: list[Any] = []
    newest = 0
    with call.write() as connection:
        for upload, body in zip(call.files, described, strict=True):
            if len(upload.data) > attachments.MAX_BYTES:
                raise fault("ATT-0422", len(upload.data), attachments.MAX_BYTES)
            owner = _owner(
                call,
                connection,
                number(body.get("module"), "module"),
                body.get("folder"),
                number(body.get("attached"), "attached"),
            )
            if not owner.writable:
                raise fault("ATT-0412", owner.id)
            name = str(body.get("filename") or upload.filename or "file")
            kind = str(body.get("file_mimetype") or upload.content_type or "application/octet-stream")
            added = attachments.add(
                connection, call.cid, call.user.id, owner.kind, owner.id, name, kind, upload.data
            )
            made.append(_shown_id(call, added.id))
            newest = _note_change(call, connection, owner)
    return Answer(made, newest)


def detach(call: Call) -> Result:
    """Take files away."""
    wanted = [access.object_number(value) for value in call.json_array()]
    with call.write() as connection:
        owner = _owner_of_call(call, connection)
        if not owner.writable:
            raise fault("ATT-0412", owner.id)
        attachments.remove(connection, call.cid, owner.kind, owner.id, wanted)
        when = _note_change(call, connection, owner)
    return Answer("", when)


def _owner_of_call(call: Call, connection: sa.Connection) -> Owner:
    return _owner(call, connection, call.integer("module"), call.need("folder"), call.integer("attached"))


def _owner(call: Call, connection: sa.Connection, kind: int, folder: Any, attached: int) -> Owner:
    find = _OWNERS.get(kind)
    if find is None:
        raise fault("ATT-0417", kind)
    return find(call, connection, folder, attached)


def _appointment(call: Call, connection: sa.Connection, folder: Any, attached: int) -> Owner:
    _must_have(call, "calendar")
    view = calendar_access.open_view(call, connection, folder)
    event = calendar_access.open_event(call, connection, view, attached)
    return Owner(APPOINTMENT, "calendar", view.folder.id, event.id, view.may("write", event))


def _task(call: Call, connection: sa.Connection, folder: Any, attached: int) -> Owner:
    _must_have(call, "tasks")
    task, found = tasks.may_read(call, connection, access.folder_number(folder), attached)
    writable = rights.allows(found.own_rights, "write", task.created_by == call.user.id)
    return Owner(TASK, "tasks", found.id, task.id, writable)


def _contact(call: Call, connection: sa.Connection, folder: Any, attached: int) -> Owner:
    _must_have(call, "contacts")
    found = access.open_folder(connection, call.user, folder, "contacts", CONTACT_CODES)
    contact = objects.load(connection, "contacts", call.cid, attached)
    if contact is None or contact.folder != found.id:
        raise fault("CON-0125", attached)
    if not access.may_read(found, call.user, contact):
        raise fault("ATT-0413", attached)
    writable = rights.allows(found.own_rights, "write", contact.created_by == call.user.id)
    return Owner(CONTACT, "contacts", found.id, contact.id, writable)


_OWNERS: Mapping[int, Callable[[Call, sa.Connection, Any, int], Owner]] = {
    APPOINTMENT: _appointment,
    TASK: _task,
    CONTACT: _contact,
}


def _must_have(call: Call, right: str) -> None:
    if not call.user.may(right):
        raise fault("SVL-0016", right)


def _note_change(call: Call, connection: sa.Connection, owner: Owner) -> int:
    return objects.touch(connection, owner.module, call.cid, call.user.id, owner.id)


def _descriptions(call: Call) -> list[dict[str, Any]]:
    """What belongs to each file: ``json_N`` for ``file_N``."""
    if not call.files:
        raise fault("SVL-0023")
    found = []
    for upload in call.files:
        index = upload.name.rpartition("_")[2]
        text = call.form.get(f"json_{index}", call.form.get("json_0"))
        body = parsed(text) if text else None
        if not isinstance(body, dict):
            raise fault("SVL-0002", f"json_{index}")
        found.append(body)
    return found


def _load(call: Call, connection: sa.Connection, owner: Owner) -> Attachment:
    found = attachments.load(connection, call.cid, owner.kind, owner.id, call.integer("id"))
    if found is None:
        raise fault("ATT-0405", call.need("id"))
    return found


def _rows(
    call: Call,
    owner: Owner,
    found: Sequence[Attachment],
    columns: Sequence[ColumnDef],
    keep_order: bool = False,
) -> Answer:
    values = [_values(call, owner, each) for each in found]
    sorting = None if keep_order else rows.sort_column(call, ATTACHMENT_COLUMNS)
    if sorting:
        name = sorting[0].name
        values = rows.ordered(values, lambda each: each.get(name), sorting[1])
    newest = max((each.creation_date for each in found), default=0)
    data = [[shown(column, each[column.name], call.zone) for column in columns] for each in values]
    return Answer(data, newest)


def _values(call: Call, owner: Owner, found: Attachment) -> dict[str, Any]:
    return {
        "id": _shown_id(call, found.id),
        "created_by": found.created_by,
        "creation_date": found.creation_date,
        "folder": owner.folder,
        "attached": owner.id,
        "module": owner.kind,
        "filename": found.filename,
        "file_size": found.size,
        "file_mimetype": found.content_type,
        "rtf_flag": found.rtf,
    }


def _shown_id(call: Call, file_id: int) -> int | str:
    return str(file_id) if call.generation.text_ids else file_id


MODULE = Module(
    "attachment",
    {
        "all": Action(get_all),
        "get": Action(get),
        "list": Action(get_list),
        "updates": Action(updates),
        "document": Action(document, in_multiple=False),
        "attach": Action(attach, in_multiple=False),
        "detach": Action(detach),
    },
)
