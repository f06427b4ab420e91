"""A schema beside the real one, in which a dump is tried out. Whatever it holds is a copy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Final

from sqlalchemy import Connection, exc, text

from app.store.legacy.archive import Archive, Entry
from app.store.legacy.client import load
from app.store.legacy.comparing import changed, differences, only_checksums_differ
from app.store.legacy.errors import LegacyError
from app.store.legacy.names import LEGACY, OURS
from app.store.legacy.places import Place, Tell
from app.store.legacy.schema import (
    Table,
    make_procedure,
    measure,
    procedures,
    quoted,
    run,
    server_version,
)
from app.store.locks import digest

PREFIX: Final = "usm_verify_"
LONGEST: Final = 64
"""Characters that the name of a schema may have."""


def name_of(place: Place) -> str:
    """The name of the scratch schema of a place."""
    name = PREFIX + place.schema
    return name if len(name) <= LONGEST else PREFIX + digest(place.schema)[:32]


@contextmanager
def tried_out(
    connection: Connection, place: Place, archive: Archive, entry: Entry, tell: Tell
) -> Iterator[tuple[str, Mapping[str, Table]]]:
    """The scratch schema with what a dump holds, compared with what was saved: its name, and its tables. Raises
    :class:`LegacyError` if they differ."""
    if entry.dump is not None:
        tell(place.key, f"restoring {entry.dump.file} into the schema {name_of(place)}, to compare it")
    with filled(connection, place, archive, entry) as name:
        found = measure(connection, entry.tables, name)
        problems = [
            *differences(entry.tables, found),
            *changed(entry.procedures, procedures(connection, entry.procedures, name)),
        ]
        other_server = entry.server_version != server_version(connection)
        if problems and other_server and only_checksums_differ(entry.tables, found):
            tell(
                place.key,
                f"checksums are those of {entry.server_version}: rows and columns are compared alone",
            )
            problems = []
        if problems:
            raise LegacyError(
                f"{place.key}: the dump restored is not what was saved: {'; '.join(problems)}. Does something still"
                " write to these tables? Nothing was dropped"
            )
        yield name, found


@contextmanager
def filled(connection: Connection, place: Place, archive: Archive, entry: Entry) -> Iterator[str]:
    """The scratch schema with everything that the dump of an entry holds; its name. It is gone afterwards."""
    name = name_of(place)
    sweep(connection, place)
    query = text(
        "SELECT default_character_set_name, default_collation_name FROM information_schema.schemata"
        " WHERE schema_name = DATABASE()"
    )
    charset, collation = connection.execute(query).one()
    run(connection, f"CREATE DATABASE {quoted(name)} CHARACTER SET {charset} COLLATE {collation}")
    try:
        if entry.dump is not None:
            load(place.url, name, archive.blocks(entry.dump))
        for procedure in entry.procedures.values():
            make_procedure(connection, procedure, name)
        yield name
    finally:
        # Where the server is gone, the next call sweeps.
        with suppress(exc.SQLAlchemyError, LegacyError):
            sweep(connection, place)


def sweep(connection: Connection, place: Place) -> None:
    """Remove the scratch schema, if a call that was killed has left it. Raises :class:`LegacyError` if somebody else
    has made a schema of that name."""
    name = name_of(place)
    query = text("SELECT table_name FROM information_schema.tables WHERE table_schema = :name")
    tables = set(connection.scalars(query, {"name": name}))
    if strange := tables - {*LEGACY.tables, *OURS.tables}:
        raise LegacyError(
            f"{place.key}: the schema {name} is needed for trying out the dump, but holds"
            f" {', '.join(sorted(strange))}; rename or remove it"
        )
    _end_others(connection, name)
    run(connection, f"DROP DATABASE IF EXISTS {quoted(name)}")


def _end_others(connection: Connection, name: str) -> None:
    """A program that a killed call has left may still be filling it."""
    query = text("SELECT id FROM information_schema.processlist WHERE db = :name AND id <> CONNECTION_ID()")
    for number in list(connection.scalars(query, {"name": name})):
        with suppress(exc.DBAPIError):  # it may have ended by itself
            run(connection, f"KILL {int(number)}")
