"""Saving: tables and procedures are dumped, and the dump is tried out in a scratch schema and compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection

from app.store.legacy import client
from app.store.legacy.archive import Archive, Entry, megabytes, now
from app.store.legacy.comparing import changed, differences
from app.store.legacy.errors import LegacyError
from app.store.legacy.names import LEGACY, Kind
from app.store.legacy.places import Place, Tell
from app.store.legacy.schema import Found, Table, look, measure, procedures, referring, server_version, size
from app.store.legacy.scratch import sweep, tried_out

PROGRESS: Final = 256 << 20
"""Bytes of a dump between two lines about it."""


def save_schema(connection: Connection, place: Place, archive: Archive, kind: Kind, tell: Tell) -> bool:
    """Save what a schema has of a product, unless the archive holds it already; whether there was anything to do."""
    sweep(connection, place)
    found = look(connection)
    entry = archive.entries.get(place.key)
    if entry is not None and not _must_be_saved_again(connection, place, archive, entry, found, tell):
        if entry.verified:
            return False
    else:
        entry = _dump(connection, place, archive, kind, found, tell)
    try_out(connection, place, archive, entry, tell)
    return True


def try_out(connection: Connection, place: Place, archive: Archive, entry: Entry, tell: Tell) -> None:
    """Restore a dump into a scratch schema, compare it with what was saved, and note that it is verified."""
    with tried_out(connection, place, archive, entry, tell):
        archive.put(place.key, entry, verified=now())


def _must_be_saved_again(
    connection: Connection, place: Place, archive: Archive, entry: Entry, found: Found, tell: Tell
) -> bool:
    tables = measure(connection, found.tables(entry.product))
    problems = list(unlike(connection, entry, found, tables))
    gone = entry.tables.keys() - tables.keys()
    if not problems:
        if entry.dump is None:
            return False
        try:
            archive.check(entry.dump)
        except LegacyError:
            if gone:
                raise
            return True
        return False
    if gone:
        raise LegacyError(
            f"{place.key}: some of what {archive.folder} holds has been dropped, and what is there now is not what was"
            f" saved: {'; '.join(problems)}. Save it into another folder (usmctl legacy save)"
        )
    if entry.verified:
        archive.put_aside(place.key, f"{datetime.now(UTC):%Y%m%d%H%M%S}")
        tell(
            place.key, f"what was saved before has changed ({'; '.join(problems)}); the earlier dump is kept"
        )
    return True


def unlike(connection: Connection, entry: Entry, found: Found, tables: Mapping[str, Table]) -> Iterator[str]:
    """What a schema has that is not what was saved of it, a line each; ``tables``: those of the product, as they are
    now. A table without rows counts as saved if one of its name was, and so does a procedure that came after the drop:
    an update task of the groupware may have made them anew, and nothing is lost with them."""
    kept = {name: table for name, table in tables.items() if table.rows or name not in entry.tables}
    yield from differences(entry.tables, kept)
    if entry.product is LEGACY and not entry.dropped:
        yield from changed(entry.procedures, procedures(connection, found.procedures))


def _dump(
    connection: Connection, place: Place, archive: Archive, kind: Kind, found: Found, tell: Tell
) -> Entry:
    tables = found.tables(kind)
    if others := referring(connection, tables):
        raise LegacyError(
            f"{place.key}: {', '.join(others)} refers to a table of {kind.word} and is none that this program knows;"
            " it would be left without it. Save and drop that table by hand first"
        )
    entry = Entry(
        kind=kind.name,
        server=place.server,
        schema=place.schema,
        context=place.context_id,
        server_version=server_version(connection),
        saved=now(),
        version=found.version,
        procedures=procedures(connection, found.procedures) if kind is LEGACY else {},
    )
    if not tables:
        return archive.put(place.key, entry)
    expected = size(connection, tables)
    archive.need(expected)
    tell(place.key, f"saving {len(tables)} tables, about {megabytes(expected)}")
    dump = archive.keep(place.key, _counted(client.dump(place.url, tables), place, tell))
    tell(place.key, f"saved as {dump.file}, {megabytes(dump.bytes)}; counting the rows")
    return archive.put(place.key, entry, dump=dump, tables=measure(connection, tables))


def _counted(blocks: Iterator[bytes], place: Place, tell: Tell) -> Iterator[bytes]:
    done, line = 0, PROGRESS
    for block in blocks:
        done += len(block)
        if done >= line:
            tell(place.key, f"{megabytes(done)} read so far")
            line += PROGRESS
        yield block
