"""What is kept of a folder, read from the rows of ``USMDataStorage``: its keys, the stamps of each, its journal.

Most functions are about **rows**: counter, block and data of what is stored of one folder, as a statement of this
module found them.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Final, cast

from sqlalchemy import BindParameter, and_, bindparam, null, union_all

from app.store import layers
from app.store import sessions as session_rows
from app.store.reading import Query
from app.store.tables import HEAD_BLOCK, JOURNAL_BLOCK, folders, storage
from app.usm.errors import UnknownSyncKey
from app.usm.model import HIERARCHY, FolderRef
from app.usm.ports import Glance, Head, Heads

Row = tuple[Any, ...]

_COLUMNS: Final = storage.c.counter, storage.c.block, storage.c.data
_OF_FOLDER: Final = storage.c.folder == bindparam("folder")

ALL: Final = Query(session_rows.joined(storage, *_COLUMNS, where=(_OF_FOLDER,)).order_by(*_COLUMNS[:2]))
"""All that is kept of a folder."""
HEADS: Final = Query(
    session_rows.joined(storage, *_COLUMNS, where=(_OF_FOLDER, storage.c.block == HEAD_BLOCK))
)
JOURNAL: Final = Query(
    session_rows.joined(
        storage,
        *_COLUMNS,
        where=(_OF_FOLDER, storage.c.counter == 0, storage.c.block == JOURNAL_BLOCK),
    )
)
HIERARCHY_AND_NUMBERS: Final = Query(
    union_all(
        session_rows.joined(
            storage,
            *_COLUMNS,
            null().label("number"),
            null().label("name"),
            null().label("content"),
            where=(_OF_FOLDER,),
        ),
        session_rows.joined(
            folders, null(), null(), null(), folders.c.number, folders.c.folder, folders.c.content
        ),
    )
)
"""All that is kept of the hierarchy, then the folders with their numbers."""
BEGUN: Final = Query(
    session_rows.joined(
        storage,
        storage.c.folder,
        where=(storage.c.folder > HIERARCHY, storage.c.block == HEAD_BLOCK),
    )
)
"""The numbers of the folders that have keys."""


@cache
def all_of(count: int) -> Query:
    """All that is kept of ``count`` folders, which may be the same. Few counts are used, as each is a statement."""
    numbers: list[BindParameter[int]] = [bindparam(f"folder{at}") for at in range(count)]
    columns = storage.c.folder, *_COLUMNS
    named = folders.c.folder.label("name"), folders.c.content
    is_named = and_(
        folders.c.cid == storage.c.cid,
        folders.c.session == storage.c.session,
        folders.c.number == storage.c.folder,
    )
    is_wanted = (storage.c.folder.in_(numbers),)
    found = session_rows.joined(storage, *columns, *named, where=is_wanted, beside=(folders, is_named))
    return Query(found.order_by(*columns[:3]))


@dataclass(frozen=True, slots=True)
class KeptHead:
    """A head as it is stored: a key, what is noted of it, and the random mark of the write that made it."""

    counter: int
    generation: str
    mark: str
    record: str

    def row(self) -> dict[str, Any]:
        """What to store, without the folder."""
        return {
            "counter": self.counter,
            "block": HEAD_BLOCK,
            "entries": 0,
            "data": layers.pack([self.generation, self.mark, self.record]),
        }


def fresh(counter: int, generation: str, record: str) -> KeptHead:
    """A head with a mark of its own."""
    return KeptHead(counter, generation, secrets.token_hex(8), record)


def kept_head(counter: int, data: bytes) -> KeptHead:
    """A head from the data of its row."""
    generation, mark, record = cast(list[str], layers.unpack(data))
    return KeptHead(counter, generation, mark, record)


def kept_heads(rows: Sequence[Row]) -> list[KeptHead]:
    """The heads among rows, the newest first."""
    found = [kept_head(counter, data) for counter, block, data in rows if block == HEAD_BLOCK]
    return sorted(found, key=lambda head: -head.counter)


def heads(kept: Sequence[KeptHead]) -> Heads:
    """The same for USM; there must be one."""
    newest, older = kept[0], kept[1] if len(kept) > 1 else None
    return Heads(
        newest.generation,
        Head(newest.counter, newest.record),
        None if older is None else Head(older.counter, older.record),
    )


def journal(rows: Sequence[Row]) -> str | None:
    """What was noted before acting, ``None`` if there is nothing."""
    found = [data for _, block, data in rows if block == JOURNAL_BLOCK]
    return cast(str, layers.unpack(found[0])) if found else None


def stamps_at(rows: Sequence[Row], folder: int, counter: int) -> dict[str, str]:
    """Item id → stamp at one of the kept keys. Raises ``UnknownSyncKey`` for any other."""
    below = [row for row in rows if row[0] <= counter]
    if not any(kept == counter and block == HEAD_BLOCK for kept, block, _ in below):
        raise UnknownSyncKey(f"folder {folder}: no state is kept for counter {counter}")
    return _stamps([data for _, block, data in below if block >= 0])


def glance(ref: FolderRef | None, rows: Sequence[Row]) -> Glance | None:
    """All that rows say of a folder; ``None`` for one never begun."""
    kept = kept_heads(rows)
    if not kept:
        return None
    blocks = [data for counter, block, data in rows if block >= 0 and counter <= kept[0].counter]
    return Glance(ref, heads(kept), journal(rows), mark(rows), partial(_stamps, blocks))


def mark(rows: Sequence[Row]) -> list[bytes]:
    """What differs after each write: it makes another head, or another journal."""
    return sorted(data for _, block, data in rows if block in (HEAD_BLOCK, JOURNAL_BLOCK))


def _stamps(blocks: Sequence[bytes]) -> dict[str, str]:
    return layers.without_removed(layers.from_blocks(blocks))
