"""Files attached to appointments, tasks and contacts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from lab.ox import clock
from lab.ox.database.groupware import attachment, del_attachment, next_id

MAX_BYTES = 10_485_760
_MOST = 500
APPOINTMENT, TASK, CONTACT = 1, 4, 7


@dataclass(frozen=True, slots=True)
class Attachment:
    """One file. ``module``: :data:`APPOINTMENT`, :data:`TASK` or :data:`CONTACT`; ``attached``: the object's id."""

    id: int
    module: int
    attached: int
    filename: str
    content_type: str
    size: int
    created_by: int
    creation_date: int
    rtf: bool = False
    data: bytes = field(default=b"", repr=False)


_HEAD = [column for column in attachment.c if column.name != "data"]


def of_object(connection: sa.Connection, cid: int, module: int, attached: int) -> list[Attachment]:
    """The files of an object by id, without their contents."""
    rows = connection.execute(
        sa.select(*_HEAD)
        .where(attachment.c.cid == cid, attachment.c.module == module, attachment.c.attached == attached)
        .order_by(attachment.c.id)
    )
    return [_attachment(row) for row in rows]


def load(connection: sa.Connection, cid: int, module: int, attached: int, file_id: int) -> Attachment | None:
    """One file of an object with its contents."""
    row = connection.execute(
        sa.select(attachment).where(
            attachment.c.cid == cid,
            attachment.c.id == file_id,
            attachment.c.module == module,
            attachment.c.attached == attached,
        )
    ).first()
    return _attachment(row, bytes(row.data)) if row else None


def heads(
    connection: sa.Connection, cid: int, module: int, attached: Iterable[int]
) -> dict[int, tuple[int, int]]:
    """Object → (number of files, when the newest came) of those of these objects that have any."""
    wanted = list(attached)
    chosen = sa.select(
        attachment.c.attached,
        sa.func.count().label("number"),
        sa.func.max(attachment.c.creation_date).label("newest"),
    ).where(attachment.c.cid == cid, attachment.c.module == module)
    # No statement takes many ids; then all are looked at.
    if len(wanted) <= _MOST:
        chosen = chosen.where(attachment.c.attached.in_(wanted))
    rows = connection.execute(chosen.group_by(attachment.c.attached))
    return {row.attached: (row.number, row.newest) for row in rows}


def add(
    connection: sa.Connection,
    cid: int,
    user_id: int,
    module: int,
    attached: int,
    filename: str,
    content_type: str,
    data: bytes,
) -> Attachment:
    """Attach a file."""
    file_id = next_id(connection, "attachment", cid)
    row = {
        "id": file_id,
        "attached": attached,
        "module": module,
        "filename": filename[:255],
        "file_size": len(data),
        "file_mimetype": content_type[:255],
        "rtf_flag": False,
        "created_by": user_id,
        "creation_date": clock.stamp(),
    }
    connection.execute(attachment.insert(), [{"cid": cid, **row, "data": data}])
    found = load(connection, cid, module, attached, file_id)
    assert found is not None
    return found


def copy_all(
    connection: sa.Connection, cid: int, user_id: int, module: int, attached: int, target: int
) -> None:
    """Attach all files of an object to another one as well."""
    for each in of_object(connection, cid, module, attached):
        found = load(connection, cid, module, attached, each.id)
        assert found is not None
        add(connection, cid, user_id, module, target, found.filename, found.content_type, found.data)


def remove(connection: sa.Connection, cid: int, module: int, attached: int, ids: Iterable[int]) -> int:
    """Take files away from an object; returns when."""
    now = clock.stamp()
    for found in of_object(connection, cid, module, attached):
        if found.id in set(ids):
            connection.execute(
                attachment.delete().where(attachment.c.cid == cid, attachment.c.id == found.id)
            )
            row = {"cid": cid, "id": found.id, "attached": attached, "module": module, "del_date": now}
            connection.execute(del_attachment.insert(), [row])
    return now


def remove_all(connection: sa.Connection, cid: int, module: int, attached: int) -> None:
    """Take all files away from an object that goes."""
    found = of_object(connection, cid, module, attached)
    if found:
        remove(connection, cid, module, attached, [each.id for each in found])


def gone_since(
    connection: sa.Connection, cid: int, module: int, attached: int, since: int
) -> list[tuple[int, int]]:
    """Files taken away after a moment: (id, when)."""
    table = del_attachment
    rows = connection.execute(
        sa.select(table.c.id, table.c.del_date)
        .where(
            table.c.cid == cid,
            table.c.module == module,
            table.c.attached == attached,
            table.c.del_date > since,
        )
        .order_by(table.c.del_date)
    )
    return [(row.id, row.del_date) for row in rows]


def _attachment(row: Any, data: bytes = b"") -> Attachment:
    return Attachment(
        id=row.id,
        module=row.module,
        attached=row.attached,
        filename=row.filename,
        content_type=row.file_mimetype,
        size=row.file_size,
        created_by=row.created_by,
        creation_date=row.creation_date,
        rtf=bool(row.rtf_flag),
        data=data,
    )
