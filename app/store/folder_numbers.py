"""The numbers of a session's folders: rows of ``usmIdMapping``. A number belongs to a folder for ever.

Functions that write are work inside a transaction that has locked the session's row; ``row`` is its number.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, and_, insert, or_, select, update

from app.store import sessions as session_rows
from app.store.locks import digest
from app.store.reading import Query
from app.store.tables import folders as table
from app.usm.model import ContentType, FolderRef

NUMBERED: Final = Query(
    session_rows.joined(table, table.c.number, table.c.folder, table.c.content).order_by(table.c.number)
)
"""All of a session, by number."""


def refs(rows: Iterable[Sequence[Any]]) -> list[FolderRef]:
    """The folders among number, name and content; a session without any has one row of nothing."""
    return [
        FolderRef(number, name, ContentType(content)) for number, name, content in rows if number is not None
    ]


def assign(
    connection: Connection, context_id: int, row: int, wanted: Sequence[tuple[str, ContentType]]
) -> dict[str, FolderRef]:
    """All folders of the session by their ids, with numbers for those wanted that had none."""
    known = connection.execute(
        select(table.c.number, table.c.folder, table.c.content).where(_of_session(context_id, row))
    )
    by_id = {ref.id: ref for ref in refs(known)}
    following = max((ref.number for ref in by_id.values()), default=0) + 1
    fresh = []
    for folder_id, content in wanted:
        if folder_id not in by_id:
            by_id[folder_id] = FolderRef(following, folder_id, content)
            fresh.append(by_id[folder_id])
            following += 1
    if fresh:
        key: dict[str, Any] = {"cid": context_id, "session": row}
        connection.execute(insert(table), [key | _columns(ref) for ref in fresh])
    return by_id


def _columns(ref: FolderRef) -> dict[str, Any]:
    return {"number": ref.number, "digest": digest(ref.id), "content": ref.content.value, "folder": ref.id}


def rename(connection: Connection, context_id: int, row: int, number: int, folder_id: str) -> None:
    """Give a number's folder another id. If another number has that id, the two change places."""
    of_session = _of_session(context_id, row)
    ids = {
        each.number: each.folder
        for each in connection.execute(
            select(table.c.number, table.c.folder).where(
                of_session,
                or_(table.c.number == number, table.c.digest == digest(folder_id)),
            )
        )
    }
    before = ids.get(number)
    if before is None or before == folder_id:
        return

    def call(which: int, name: str, mark: str) -> None:
        values = {"folder": name, "digest": mark}
        connection.execute(update(table).where(of_session, table.c.number == which).values(**values))

    other = next((each for each in ids if each != number), None)
    if other is not None:  # no two rows may have one digest, not even for a moment
        call(other, before, f"moving {other}")
    call(number, folder_id, digest(folder_id))
    if other is not None:
        call(other, before, digest(before))


def _of_session(context_id: int, row: int) -> ColumnElement[bool]:
    return and_(table.c.cid == context_id, table.c.session == row)
