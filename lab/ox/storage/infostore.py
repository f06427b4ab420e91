"""Documents and their versions."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from lab.ox import clock
from lab.ox.database.groupware import del_infostore, infostore, infostore_document, next_id

HEAD_FIELDS = ("title", "url", "description", "categories")


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a document; ``data`` only where it was asked for."""

    number: int
    filename: str | None
    content_type: str | None
    size: int
    md5: str | None
    comment: str | None
    created_by: int
    creation_date: int
    data: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Document:
    """One document with its newest version; ``versions``: how many there are."""

    id: int
    folder: int
    created_by: int
    modified_by: int
    creation_date: int
    last_modified: int
    fields: Mapping[str, str | None]
    current: Version
    versions: int


def in_folders(connection: sa.Connection, cid: int, folders: Iterable[int], since: int = 0) -> list[Document]:
    """The documents of some folders by id, changed after a moment."""
    chosen = infostore.c.folder_id.in_(list(folders)) & (infostore.c.last_modified > since)
    return _documents(connection, cid, chosen)


def load(connection: sa.Connection, cid: int, document_id: int) -> Document | None:
    """One document, wherever it lies."""
    return next(iter(_documents(connection, cid, infostore.c.id == document_id)), None)


def versions(connection: sa.Connection, cid: int, document_id: int) -> list[Version]:
    """All versions of a document, the oldest first."""
    table = infostore_document
    rows = connection.execute(
        sa.select(*(column for column in table.c if column.name != "data"))
        .where(table.c.cid == cid, table.c.infostore_id == document_id)
        .order_by(table.c.version_number)
    )
    return [_version(row) for row in rows]


def version(connection: sa.Connection, cid: int, document_id: int, number: int) -> Version | None:
    """One version with its contents."""
    table = infostore_document
    row = connection.execute(
        sa.select(table).where(
            table.c.cid == cid, table.c.infostore_id == document_id, table.c.version_number == number
        )
    ).first()
    return _version(row, bytes(row.data)) if row else None


def insert(
    connection: sa.Connection, cid: int, user_id: int, folder: int, fields: Mapping[str, str | None]
) -> int:
    """Store a document without any contents yet; its id."""
    document_id, now = next_id(connection, "infostore", cid), clock.stamp()
    row = {
        "cid": cid,
        "id": document_id,
        "folder_id": folder,
        "version": 0,
        "created_by": user_id,
        "changed_by": user_id,
        "creating_date": now,
        "last_modified": now,
        **{name: fields.get(name) for name in HEAD_FIELDS},
    }
    connection.execute(infostore.insert(), [row])
    add_version(connection, cid, user_id, document_id, fields, b"", number=0)
    return document_id


def add_version(
    connection: sa.Connection,
    cid: int,
    user_id: int,
    document_id: int,
    fields: Mapping[str, str | None],
    data: bytes,
    number: int,
) -> int:
    """Store contents as this version, which is the current one then; returns when. Version 0 has no contents."""
    now = clock.stamp()
    row = version_row(cid, user_id, document_id, number, fields, data, now)
    connection.execute(infostore_document.insert(), [row])
    connection.execute(
        infostore.update()
        .where(infostore.c.cid == cid, infostore.c.id == document_id)
        .values(version=number, changed_by=user_id, last_modified=now)
    )
    return now


def version_row(
    cid: int,
    user_id: int,
    document_id: int,
    number: int,
    fields: Mapping[str, str | None],
    data: bytes,
    when: int,
) -> dict[str, Any]:
    """The row of a version."""
    return {
        "cid": cid,
        "infostore_id": document_id,
        "version_number": number,
        "created_by": user_id,
        "creating_date": when,
        "filename": fields.get("filename"),
        "file_mimetype": fields.get("file_mimetype"),
        "file_size": len(data),
        "file_md5sum": hashlib.md5(data, usedforsecurity=False).hexdigest() if number else None,
        "version_comment": fields.get("version_comment"),
        "data": data,
    }


def change(
    connection: sa.Connection,
    cid: int,
    user_id: int,
    before: Document,
    fields: Mapping[str, str | None],
    folder: int,
) -> int:
    """Change the fields that are named, and maybe the folder; returns when."""
    now = clock.stamp()
    head = {name: value for name, value in fields.items() if name in HEAD_FIELDS}
    connection.execute(
        infostore.update()
        .where(infostore.c.cid == cid, infostore.c.id == before.id)
        .values(folder_id=folder, changed_by=user_id, last_modified=now, **head)
    )
    names = {"filename": "filename", "file_mimetype": "file_mimetype", "version_comment": "version_comment"}
    told = {column: fields[name] for name, column in names.items() if name in fields}
    if told:
        table = infostore_document
        connection.execute(
            table.update()
            .where(
                table.c.cid == cid,
                table.c.infostore_id == before.id,
                table.c.version_number == before.current.number,
            )
            .values(**told)
        )
    if folder != before.folder:
        _bury(connection, cid, before, now)
    return now


def remove(connection: sa.Connection, cid: int, document: Document) -> int:
    """Delete a document with all versions; returns when."""
    now = clock.stamp()
    for table, column in (
        (infostore, infostore.c.id),
        (infostore_document, infostore_document.c.infostore_id),
    ):
        connection.execute(table.delete().where(table.c.cid == cid, column == document.id))
    _bury(connection, cid, document, now)
    return now


def deleted_since(connection: sa.Connection, cid: int, folder: int, since: int) -> list[tuple[int, int]]:
    """What has left a folder after a moment: (id, when)."""
    gone = del_infostore
    rows = connection.execute(
        sa.select(gone.c.id, gone.c.last_modified)
        .where(gone.c.cid == cid, gone.c.folder_id == folder, gone.c.last_modified > since)
        .order_by(gone.c.last_modified)
    )
    return [(row.id, row.last_modified) for row in rows]


def _bury(connection: sa.Connection, cid: int, document: Document, when: int) -> None:
    gone = del_infostore
    place = (gone.c.cid == cid, gone.c.id == document.id, gone.c.folder_id == document.folder)
    connection.execute(gone.delete().where(*place))
    row = {"cid": cid, "id": document.id, "folder_id": document.folder, "last_modified": when}
    connection.execute(gone.insert(), [row])


def _documents(connection: sa.Connection, cid: int, chosen: sa.ColumnElement[bool]) -> list[Document]:
    head, body = infostore, infostore_document
    rows = connection.execute(sa.select(head).where(head.c.cid == cid, chosen).order_by(head.c.id)).all()
    found: dict[int, list[Version]] = {}
    ids = [row.id for row in rows]
    for first in range(0, len(ids), 500):
        part = ids[first : first + 500]
        for row in connection.execute(
            sa.select(*(column for column in body.c if column.name != "data"))
            .where(body.c.cid == cid, body.c.infostore_id.in_(part))
            .order_by(body.c.version_number)
        ):
            found.setdefault(row.infostore_id, []).append(_version(row))
    return [_document(row, found[row.id]) for row in rows]


def _document(row: Any, all_versions: Sequence[Version]) -> Document:
    current = next(each for each in all_versions if each.number == row.version)
    return Document(
        id=row.id,
        folder=row.folder_id,
        created_by=row.created_by,
        modified_by=row.changed_by,
        creation_date=row.creating_date,
        last_modified=row.last_modified,
        fields={name: getattr(row, name) for name in HEAD_FIELDS},
        current=current,
        versions=len([each for each in all_versions if each.number]),
    )


def _version(row: Any, data: bytes = b"") -> Version:
    return Version(
        number=row.version_number,
        filename=row.filename,
        content_type=row.file_mimetype,
        size=row.file_size,
        md5=row.file_md5sum,
        comment=row.version_comment,
        created_by=row.created_by,
        creation_date=row.creating_date,
        data=data,
    )
