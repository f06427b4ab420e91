"""How the state of a folder is written: rows of ``USMDataStorage``, laid out as :mod:`app.store.layers` describes.

Each function is work inside a transaction that has locked the session's row, so nobody else writes meanwhile. Each
first compares what is stored with what was seen under the folder's lock (:class:`Hold`), and raises ``Busy`` before it
changes anything if that is not the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, and_, case, delete, insert, null, or_, select

from app.store import kept, layers
from app.store.kept import KeptHead
from app.store.tables import HEAD_BLOCK, JOURNAL_BLOCK, storage
from app.usm.errors import Busy
from app.usm.model import SessionId

# A layer's size without its data: bytes that need not travel.
_HEAD_DATA: Final = case((storage.c.block == HEAD_BLOCK, storage.c.data), else_=null()).label("head")


@dataclass(slots=True)
class Hold:
    """A lock that is held, and the marks last seen under it."""

    key: tuple[int, SessionId, int]
    marks: tuple[str, ...] | None = None
    rows: list[kept.Row] | None = None
    """All that is kept of the folder, as it was read under the lock. Whoever holds it and writes forgets it."""

    def wrote(self, marks: tuple[str, ...] | None) -> None:
        """The holder has changed what is kept."""
        self.marks = marks
        self.rows = None


@dataclass(frozen=True)
class Place:
    """A folder, and the transaction that writes it. ``number``: the session's. ``hold``: the folder's lock, if whoever
    writes has it."""

    connection: Connection
    context_id: int
    number: int
    folder: int
    hold: Hold | None

    @cached_property
    def is_here(self) -> ColumnElement[bool]:
        """True of the rows of this folder."""
        return and_(
            storage.c.cid == self.context_id,
            storage.c.session == self.number,
            storage.c.folder == self.folder,
        )

    def insert(self, rows: Sequence[dict[str, Any]]) -> None:
        """Store rows."""
        key = {"cid": self.context_id, "session": self.number, "folder": self.folder}
        self.connection.execute(insert(storage), [key | row for row in rows])

    def delete(self, *which: ColumnElement[bool]) -> None:
        """Delete all rows, or those of which this is true."""
        self.connection.execute(delete(storage).where(self.is_here, *which))


@dataclass(slots=True)
class _Stored:
    """What is stored of a folder: its heads, the newest first, the size of each layer by counter, the number of its
    next block, and whether there is a journal."""

    heads: list[KeptHead] = field(default_factory=list)
    sizes: dict[int, int] = field(default_factory=dict)
    blocks: dict[int, int] = field(default_factory=dict)
    journal: bool = False

    def marks(self) -> tuple[str, ...]:
        return tuple(head.mark for head in self.heads)


def begin(place: Place, head: KeptHead) -> None:
    """Drop all keys, and keep this one with nothing in it."""
    if place.hold is not None and place.hold.marks is not None:
        _checked(place)
    place.delete()
    place.insert([head.row()])


def save(place: Place, base: int, stamps: Mapping[str, str | None], record: str) -> tuple[str, ...]:
    """Keep counter ``base + 1``; the marks of the heads afterwards. Raises ``Busy`` if ``base`` is not kept."""
    stored = _checked(place)
    below = next((head for head in stored.heads if head.counter == base), None)
    if below is None:
        raise Busy(f"folder {place.folder}: counter {base} is no longer kept, another request moved on")
    head = kept.fresh(base + 1, below.generation, record)
    sizes = {counter: size for counter, size in sorted(stored.sizes.items()) if counter <= base}
    merged = list(sizes)[len(sizes) - layers.to_merge(list(sizes.values())) :]
    rows = [head.row(), *_layer_rows(base + 1, stamps)]
    if merged:
        rows += _merged_rows(place, merged, is_bottom=len(merged) == len(sizes))
    place.delete(_superseded(base, merged))
    place.insert(rows)
    return head.mark, below.mark


def amend(place: Place, stamps: Mapping[str, str | None]) -> tuple[str, ...]:
    """Change stamps at every kept key; the marks of the heads afterwards."""
    stored = _checked(place)
    if not stored.heads or not stamps:
        return stored.marks()
    heads = [kept.fresh(head.counter, head.generation, head.record) for head in stored.heads]
    rows = [head.row() for head in heads]
    for head in heads:
        rows += _layer_rows(head.counter, stamps, stored.blocks.get(head.counter, 0))
    place.delete(storage.c.block == HEAD_BLOCK)
    place.insert(rows)
    return tuple(head.mark for head in heads)


def write_journal(place: Place, text: str) -> None:
    """Note an intent, in the place of the one before."""
    if _checked(place).journal:
        place.delete(storage.c.counter == 0, storage.c.block == JOURNAL_BLOCK)
    place.insert([{"counter": 0, "block": JOURNAL_BLOCK, "entries": 0, "data": layers.pack(text)}])


def _checked(place: Place) -> _Stored:
    """What is stored, which is as the holder of the lock saw it."""
    stored = _stored(place)
    if place.hold is not None and place.hold.marks is not None and place.hold.marks != stored.marks():
        raise Busy(f"folder {place.folder}: another request changed it although this one held its lock")
    return stored


def _stored(place: Place) -> _Stored:
    query = (
        select(storage.c.counter, storage.c.block, storage.c.entries, _HEAD_DATA)
        .where(place.is_here)
        .order_by(storage.c.counter.desc())
    )
    stored = _Stored()
    for row in place.connection.execute(query):
        if row.block == HEAD_BLOCK:
            stored.heads.append(kept.kept_head(row.counter, row.head))
        elif row.block == JOURNAL_BLOCK:
            stored.journal = True
        else:
            stored.sizes[row.counter] = stored.sizes.get(row.counter, 0) + row.entries
            stored.blocks[row.counter] = max(stored.blocks.get(row.counter, 0), row.block + 1)
    return stored


def _superseded(base: int, merged: Sequence[int]) -> ColumnElement[bool]:
    """What goes when ``base + 1`` is saved: an earlier ``base + 1``, keys below ``base``, the journal and the layers
    that were merged."""
    return or_(
        storage.c.counter > base,
        and_(storage.c.block == HEAD_BLOCK, storage.c.counter < base),
        storage.c.block == JOURNAL_BLOCK,
        and_(storage.c.block >= 0, storage.c.counter.in_(merged)),
    )


def _layer_rows(counter: int, layer: layers.Layer, first: int = 0) -> list[dict[str, Any]]:
    return [
        {"counter": counter, "block": block, "entries": entries, "data": data}
        for block, (entries, data) in enumerate(layers.to_blocks(layer), first)
    ]


def _merged_rows(place: Place, counters: Sequence[int], is_bottom: bool) -> list[dict[str, Any]]:
    query = (
        select(storage.c.data)
        .where(place.is_here, storage.c.block >= 0, storage.c.counter.in_(counters))
        .order_by(storage.c.counter, storage.c.block)
    )
    layer: layers.Layer = layers.from_blocks(place.connection.scalars(query))
    return _layer_rows(counters[-1], layers.without_removed(layer) if is_bottom else layer)
