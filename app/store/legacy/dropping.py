"""Dropping: in the guide's order, and only what a verified dump holds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import Connection, exc, text

from app.store.legacy.archive import Archive, Entry, now
from app.store.legacy.errors import LegacyError
from app.store.legacy.names import LEGACY
from app.store.legacy.places import Place, Tell
from app.store.legacy.saving import unlike
from app.store.legacy.schema import Found, look, measure, quoted, run


def drop_schema(
    connection: Connection, place: Place, archive: Archive, reset_version: int | None, tell: Tell
) -> bool:
    """Drop what a schema has of the product that was saved, and set the version number, if that has not been done yet;
    whether there was anything to do."""
    entry = archive.entries.get(place.key)
    if entry is None:
        return False
    found = look(connection)
    there = found.is_legacy if entry.product is LEGACY else bool(found.ours)
    if there:
        drop_objects(connection, place, archive, entry, tell)
    resets = reset_version is not None and found.version is not None and not entry.reset
    if resets:
        tell(place.key, f"setting the version to {reset_version}")
        connection.execute(text("UPDATE version SET version = :number"), {"number": reset_version})
    if resets or there or not entry.dropped:
        archive.put(
            place.key,
            entry,
            dropped=entry.dropped or now(),
            reset=now() if resets else entry.reset,
            restored="",
        )
    return resets or there


def drop_objects(connection: Connection, place: Place, archive: Archive, entry: Entry, tell: Tell) -> None:
    """Drop what is there of the product that was saved, after a look that it is what was saved. Raises
    :class:`LegacyError` with nothing dropped if it is not."""
    found = look(connection)
    tables = found.tables(entry.product)
    with _nobody_else_writing(connection, tables):
        if problems := list(unlike(connection, entry, found, measure(connection, tables))):
            raise LegacyError(
                f"{place.key}: what is there is not what {archive.folder} holds: {'; '.join(problems)}. Nothing of it"
                " was dropped; see to it that no service of the earlier product runs on any host, and run usmctl"
                " legacy save and this command again"
            )
        for name in tables:
            tell(place.key, f"DROP TABLE {name}")
            run(connection, f"DROP TABLE {quoted(name)}")
    if entry.product is LEGACY:
        _drop_procedures(connection, place, found, tell)


def _drop_procedures(connection: Connection, place: Place, found: Found, tell: Tell) -> None:
    for name in found.procedures:
        tell(place.key, f"DROP PROCEDURE {name}")
        run(connection, f"DROP PROCEDURE {quoted(name)}")


@contextmanager
def _nobody_else_writing(connection: Connection, tables: tuple[str, ...]) -> Iterator[None]:
    """Between the look and the drop no row can come that is in no dump."""
    if not tables:
        yield
        return
    run(connection, f"LOCK TABLES {', '.join(f'{quoted(name)} WRITE' for name in tables)}")
    try:
        yield
    finally:
        # Without a connection there is no lock either.
        with suppress(exc.SQLAlchemyError):
            run(connection, "UNLOCK TABLES")
