"""Restoring: the dump is loaded and compared in a scratch schema, and its tables are then moved into place together.

So the schema never holds a half of them. Whoever is killed before the move has changed nothing; after it, what is in
place is recognised by what it holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, text

from app.store.legacy.archive import Archive, Entry, now
from app.store.legacy.comparing import differences
from app.store.legacy.dropping import drop_objects
from app.store.legacy.errors import LegacyError
from app.store.legacy.names import LEGACY, OURS, Kind
from app.store.legacy.places import Place, Tell
from app.store.legacy.saving import save_schema, unlike
from app.store.legacy.schema import Table, look, make_procedure, measure, quoted, run
from app.store.legacy.scratch import sweep, tried_out


def folder_for_others(folder: Path) -> Path:
    """Where tables are kept that are in the way: the folder of a restore that has not come to its end, or a new one."""
    for path in sorted(folder.glob("replaced-*"), reverse=True):
        if not (path / "restored").exists():
            return path
    return folder / f"replaced-{datetime.now(UTC):%Y%m%d%H%M%S}"


def restore_schema(
    connection: Connection, place: Place, archive: Archive, others: Path, tell: Tell, successor: bool = False
) -> bool:
    """Bring back what was saved of a schema; ``others`` is for what is in the way, with ``successor`` also for tables
    of the same product that have come since the drop. Whether there was anything to do."""
    sweep(connection, place)
    entry = archive.entries[place.key]
    kind, other = (LEGACY, OURS) if entry.product is LEGACY else (OURS, LEGACY)
    out_of_the_way = _put_away(connection, place, other, others, tell) if entry.tables else False
    found = look(connection)
    in_place = measure(connection, found.tables(kind))
    if successor and entry.dropped and any(unlike(connection, entry, found, in_place)):
        out_of_the_way = _put_away(connection, place, kind, others, tell)
        found = look(connection)
        in_place = measure(connection, found.tables(kind))
    if problems := list(unlike(connection, entry, found, in_place)):
        raise LegacyError(
            f"{place.key}: tables of {kind.word} are there that {archive.folder} does not hold as they are:"
            f" {'; '.join(problems)}. Nothing was changed; save them into another folder and drop them (usmctl legacy"
            " save, usmctl legacy drop), and run the command again"
        )
    missing = entry.tables.keys() - in_place.keys() or list(differences(entry.tables, in_place))
    other_number = entry.version is not None and found.version is not None and found.version != entry.version
    if missing:
        _move_in(connection, place, archive, entry, tell)
    absent = entry.procedures.keys() - set(look(connection).procedures)
    for name in sorted(absent):
        tell(place.key, f"CREATE PROCEDURE {name}")
        make_procedure(connection, entry.procedures[name], place.schema)
    if other_number:
        tell(place.key, f"setting the version back to {entry.version}")
        connection.execute(text("UPDATE version SET version = :number"), {"number": entry.version})
    done = bool(out_of_the_way or missing or absent or other_number)
    if done or not entry.restored:
        archive.put(place.key, entry, restored=now(), dropped="", reset="")
    return done


def _put_away(connection: Connection, place: Place, kind: Kind, folder: Path, tell: Tell) -> bool:
    if not look(connection).tables(kind):
        return False
    with Archive.opened(folder, make=True) as kept:
        tell(place.key, f"tables of {kind.word} are in the way; they are kept in {folder}")
        save_schema(connection, place, kept, kind, tell)
        drop_objects(connection, place, kept, kept.entries[place.key], tell)
        kept.put(place.key, kept.entries[place.key], dropped=now())
    return True


def _move_in(connection: Connection, place: Place, archive: Archive, entry: Entry, tell: Tell) -> None:
    with tried_out(connection, place, archive, entry, tell) as (name, tables):
        # What a drop has left, or an update task has made anew: it is in the dump, or empty.
        drop_objects(connection, place, archive, entry, tell)
        tell(place.key, f"moving {len(tables)} tables into place")
        moves = (f"{quoted(table, name)} TO {quoted(table, place.schema)}" for table in tables)
        run(connection, f"RENAME TABLE {', '.join(moves)}")
        _check(connection, place, tables)


def _check(connection: Connection, place: Place, wanted: Mapping[str, Table]) -> None:
    if problems := list(differences(wanted, measure(connection, wanted))):
        raise LegacyError(
            f"{place.key}: the tables that were brought back are not what was saved: {'; '.join(problems)}"
        )
