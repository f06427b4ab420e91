"""``/infostore``: documents and their versions (http-api section 10).

Ids are numbers in generation 6, and ``folder/id`` from 7 on; both are taken. A document without a file (a bookmark) has
version 0 and no name. There is no trash: what is deleted is gone.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from lab.ox.columns.infostore import INFOSTORE_COLUMNS
from lab.ox.columns.table import ColumnDef, shown
from lab.ox.errors import HttpError, fault
from lab.ox.modules import access, rows
from lab.ox.modules.access import Codes
from lab.ox.storage import folders, infostore, rights
from lab.ox.storage.folders import Folder
from lab.ox.storage.infostore import Document, Version
from lab.ox.web.call import Answer, Binary, Call, Result, Upload
from lab.ox.web.dispatch import Action, Module

MODULE_NAME = "infostore"
CODES = Codes("IFO-1700", "IFO-0400", "IFO-0402", "IFO-0403", "IFO-0404")
_SEARCHED = ("title", "url", "description", "categories")


def get_all(call: Call) -> Result:
    """The documents of a folder."""
    columns = INFOSTORE_COLUMNS.pick(call.params.get("columns"))
    with call.read() as connection:
        folder = _folder(call, connection, call.need("folder"))
        return _rows(call, _readable(call, connection, [folder]), columns)


def get_list(call: Call) -> Result:
    """Some documents by id; those that are gone are left out."""
    columns = INFOSTORE_COLUMNS.pick(call.params.get("columns"))
    found = []
    with call.read() as connection:
        for entry in call.json_array():
            document = infostore.load(connection, call.cid, _number(entry.get("id")))
            if document is not None:
                _may_read(call, connection, document)
                found.append(document)
    return _rows(call, found, columns, keep_order=True)


def get(call: Call) -> Result:
    """One document."""
    with call.read() as connection:
        document = _open(call, connection)
    values = _values(call, document, document.current)
    return Answer(
        {
            column.name: shown(column, values[column.name], call.zone)
            for column in INFOSTORE_COLUMNS
            if values[column.name] is not None
        },
        document.last_modified,
    )


def updates(call: Call) -> Result:
    """What changed in a folder after a moment, and the ids of what left it, the latter not with ``ignore=deleted``."""
    columns = INFOSTORE_COLUMNS.pick(call.params.get("columns"))
    since = call.integer("timestamp", 0)
    with call.read() as connection:
        folder = _folder(call, connection, call.need("folder"))
        changed = _readable(call, connection, [folder], since)
        gone = infostore.deleted_since(connection, call.cid, folder.id, since)
    if "deleted" in call.params.get("ignore", ""):
        gone = []
    answer = _rows(call, changed, columns)
    newest = max([since, answer.timestamp or 0, *(when for _, when in gone)])
    return Answer([*answer.data, *(_shown_id(call, folder.id, each) for each, _ in gone)], newest)


def versions(call: Call) -> Result:
    """The versions of a document."""
    columns = INFOSTORE_COLUMNS.pick(call.params.get("columns"))
    with call.read() as connection:
        document = _open(call, connection)
        every = infostore.versions(connection, call.cid, document.id)
    found = [each for each in every if each.number or len(every) == 1]
    values = [_values(call, document, each) for each in found]
    return Answer(
        [[shown(column, each[column.name], call.zone) for column in columns] for each in values],
        document.last_modified,
    )


def document(call: Call) -> Result:
    """The bytes of a document, of its current version unless another is named."""
    with call.read() as connection:
        found = _open(call, connection)
        number = call.integer("version", found.current.number)
        wanted = infostore.version(connection, call.cid, found.id, number)
    if wanted is None:
        raise fault("IFO-0300", call.need("id"))
    if not wanted.number:
        raise HttpError(404, "The document has no file")
    content_type = call.params.get("content_type") or wanted.content_type or "application/octet-stream"
    return Binary(wanted.data, content_type, wanted.filename or "")


def new(call: Call) -> Result:
    """Store a document; a file comes as a part of a form."""
    body = _described(call)
    if not body.get("folder_id"):
        raise fault("SVL-0002", "folder_id")
    fields = _fields(body, call.files)
    with call.write() as connection:
        folder = _folder(call, connection, body["folder_id"])
        access.must_create(folder, CODES)
        _check_name(call, connection, folder, fields.get("filename"))
        document_id = infostore.insert(connection, call.cid, call.user.id, folder.id, fields)
        for upload in call.files[:1]:
            infostore.add_version(
                connection, call.cid, call.user.id, document_id, fields, upload.data, number=1
            )
        stored = infostore.load(connection, call.cid, document_id)
    assert stored is not None
    return Answer(_shown_id(call, folder.id, document_id), stored.last_modified)


def update(call: Call) -> Result:
    """Change what is named; a file becomes a new version; another ``folder_id`` moves the document."""
    body = _described(call)
    fields = _fields(body, call.files)
    with call.write() as connection:
        before = _open(call, connection)
        home = _folder(call, connection, before.folder)
        if not rights.allows(home.own_rights, "write", before.created_by == call.user.id):
            raise fault(CODES.write, before.id, home.id)
        if before.last_modified > call.integer("timestamp"):
            raise fault("IFO-1302", before.id)
        target = home
        if body.get("folder_id") and access.folder_number(body["folder_id"]) != home.id:
            target = _folder(call, connection, body["folder_id"])
            access.must_create(target, CODES)
        if target is not home or fields.get("filename", before.current.filename) != before.current.filename:
            _check_name(call, connection, target, fields.get("filename", before.current.filename))
        when = infostore.change(connection, call.cid, call.user.id, before, fields, target.id)
        for upload in call.files[:1]:
            kept = {"filename": before.current.filename, **fields}
            number = before.current.number + 1
            when = infostore.add_version(
                connection, call.cid, call.user.id, before.id, kept, upload.data, number
            )
    return Answer(_shown_id(call, target.id, before.id), when)


def delete(call: Call) -> Result:
    """Delete documents; the answer lists those that were changed meanwhile and stay."""
    since = call.integer("timestamp")
    kept: list[Any] = []
    with call.write() as connection:
        for entry in call.json_array():
            found = infostore.load(connection, call.cid, _number(entry.get("id")))
            if found is None:
                continue
            folder = _folder(call, connection, found.folder)
            if not rights.allows(folder.own_rights, "delete", found.created_by == call.user.id):
                raise fault(CODES.delete, found.id, folder.id)
            if found.last_modified > since:
                kept.append({"id": _shown_id(call, folder.id, found.id), "folder": str(folder.id)})
            else:
                infostore.remove(connection, call.cid, found)
    return Answer(kept)


def search(call: Call) -> Result:
    """Documents whose title, name, description or categories hold a pattern, in a folder or in all."""
    columns = INFOSTORE_COLUMNS.pick(call.params.get("columns"))
    pattern = str(call.json_object().get("pattern") or "").strip("*").casefold()
    with call.read() as connection:
        chosen = call.params.get("folder")
        places = [_folder(call, connection, chosen)] if chosen else _all_folders(call, connection)
        found = [
            each for each in _readable(call, connection, places) if pattern in _searched_text(each).casefold()
        ]
    return _rows(call, found, columns)


def _searched_text(found: Document) -> str:
    return "\n".join([*(str(found.fields[name] or "") for name in _SEARCHED), found.current.filename or ""])


def _described(call: Call) -> dict[str, Any]:
    """The document of a call: as it is, or within ``file``."""
    body = call.json_object()
    inner = body.get("file")
    return inner if isinstance(inner, dict) else body


def _fields(body: Mapping[str, Any], files: Sequence[Upload]) -> dict[str, str | None]:
    fields = {
        name: None if value in (None, "") else str(value)
        for name, value in body.items()
        if name in INFOSTORE_COLUMNS.by_name
        and INFOSTORE_COLUMNS.by_name[name].writable
        and name != "folder_id"
    }
    for upload in files[:1]:
        fields.setdefault("filename", upload.filename or None)
        guessed = mimetypes.guess_type(fields["filename"] or "")[0]
        fields.setdefault("file_mimetype", upload.content_type or guessed)
    if fields.get("filename") and not fields.get("title"):
        fields["title"] = fields["filename"]
    return fields


def _check_name(call: Call, connection: sa.Connection, folder: Folder, name: str | None) -> None:
    taken = {
        (each.current.filename or "").casefold()
        for each in infostore.in_folders(connection, call.cid, [folder.id])
    }
    if name and name.casefold() in taken:
        raise fault("IFO-0700", name, folder.id)


def _number(value: Any) -> int:
    """The number of a document in either form of its id."""
    return access.object_number(str(value).rpartition("/")[2])


def _shown_id(call: Call, folder: int, document_id: int) -> int | str:
    return document_id if call.generation.number == 6 else f"{folder}/{document_id}"


def _folder(call: Call, connection: sa.Connection, value: Any) -> Folder:
    return access.open_folder(connection, call.user, value, MODULE_NAME, CODES)


def _all_folders(call: Call, connection: sa.Connection) -> list[Folder]:
    return [
        folder
        for folder in folders.visible(connection, call.user).values()
        if folder.module == MODULE_NAME and rights.field(folder.own_rights, "read")
    ]


def _readable(
    call: Call, connection: sa.Connection, places: Sequence[Folder], since: int = 0
) -> list[Document]:
    by_id = {folder.id: folder for folder in places}
    for folder in places:
        access.must_list(folder, CODES)
    return [
        each
        for each in infostore.in_folders(connection, call.cid, by_id, since)
        if rights.allows(by_id[each.folder].own_rights, "read", each.created_by == call.user.id)
    ]


def _may_read(call: Call, connection: sa.Connection, found: Document) -> None:
    folder = _folder(call, connection, found.folder)
    if not rights.allows(folder.own_rights, "read", found.created_by == call.user.id):
        raise fault(CODES.read, folder.id)


def _open(call: Call, connection: sa.Connection) -> Document:
    found = infostore.load(connection, call.cid, _number(call.need("id")))
    if found is None:
        raise fault("IFO-0300", call.need("id"))
    _may_read(call, connection, found)
    return found


def _rows(
    call: Call, found: Sequence[Document], columns: Sequence[ColumnDef], keep_order: bool = False
) -> Answer:
    values = [_values(call, each, each.current) for each in found]
    sorting = None if keep_order else rows.sort_column(call, INFOSTORE_COLUMNS)
    if sorting:
        name = sorting[0].name
        values = rows.ordered(values, lambda each: each.get(name), sorting[1])
    newest = max((each.last_modified for each in found), default=0)
    data = [
        [shown(column, each[column.name], call.zone) for column in columns] for each in rows.cut(call, values)
    ]
    return Answer(data, newest)


def _values(call: Call, found: Document, version: Version) -> dict[str, Any]:
    is_text = call.generation.number > 6
    return {
        "id": _shown_id(call, found.folder, found.id),
        "created_by": found.created_by,
        "modified_by": found.modified_by,
        "creation_date": found.creation_date,
        "last_modified": found.last_modified,
        "folder_id": str(found.folder) if is_text else found.folder,
        "color_label": 0,
        **found.fields,
        "filename": version.filename,
        "file_mimetype": version.content_type,
        "file_size": version.size,
        "version": str(version.number) if is_text else version.number,
        "locked_until": None,
        "file_md5sum": version.md5,
        "version_comment": version.comment,
        "current_version": version.number == found.current.number,
        "number_of_versions": found.versions,
    }


MODULE = Module(
    MODULE_NAME,
    {
        "all": Action(get_all),
        "list": Action(get_list),
        "get": Action(get),
        "updates": Action(updates),
        "versions": Action(versions),
        "document": Action(document, in_multiple=False),
        "new": Action(new),
        "update": Action(update),
        "delete": Action(delete),
        "search": Action(search),
    },
    right="infostore",
)
