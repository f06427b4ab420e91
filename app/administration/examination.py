"""``usmctl db check``: whether the tables of each schema are built as they should be, and what lies in them holds
together. Changes nothing, and says what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Final

from app.administration.findings import Finding, ok, warning, wrong
from app.eas import memory
from app.store import examining, groupware, migrations
from app.store.database import Database, Databases, Schema
from app.store.examining import Place, Some
from app.store.sealed import Ring
from app.store.secret_fields import SecretFields
from app.usm.errors import UsmError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    _Look = Callable[[Connection, Some], list[Place]]

FEW: Final = 20
MANY: Final = 500
"""Sessions that are looked at together: with all that is kept of them, and with next to nothing."""

NAMED: Final = 20
"""So many of the same kind are named one by one."""


def check(
    databases: Databases,
    ring: Ring | None,
    reads_blocks: bool,
    seen: Callable[[int], None] = lambda _: None,
) -> Iterator[tuple[str, Finding]]:
    """Schema and finding. ``reads_blocks``: read all that is kept of every device, which takes its time; ``seen`` is
    told of how many devices. Raises ``StoreUnavailable`` if the schemas cannot be told."""
    for schema in databases.schemas():
        try:
            for finding in _of_schema(databases, schema, ring, reads_blocks, seen):
                yield schema.name, finding
        except UsmError as error:
            yield schema.name, wrong("database", str(error), "see usmctl doctor")


def _of_schema(
    databases: Databases, schema: Schema, ring: Ring | None, reads_blocks: bool, seen: Callable[[int], None]
) -> Iterator[Finding]:
    database = databases.unprepared(schema)
    stands = migrations.status(database.migration_engine(), schema.name)
    if not stands.ready:
        yield wrong("revision", stands.advice, "" if stands.foreign else "usmctl db migrate")
        return
    yield ok("revision", stands.advice)
    yield from _structure(database)
    yield from _sizes(database)
    yield from _rows(database)
    if reads_blocks:
        places = _looked_at(database, examining.unreadable, FEW, seen)
        yield from _places("blocks", "can be read", "cannot be read", places)
    yield from _secrets(databases, schema, ring)
    yield from _strangers(databases, schema)


def _structure(database: Database) -> Iterator[Finding]:
    found = database.examine(examining.structure)
    for table, sentence in found:
        yield wrong(
            "tables",
            f"{table} {sentence}",
            "somebody changed the table by hand: bring it back to what app/store/migrations makes",
        )
    if not found:
        yield ok("tables", "columns, indexes, foreign keys, engine and character set are as they should be")


def _sizes(database: Database) -> Iterator[Finding]:
    for table, (rows, size) in database.examine(examining.sizes).items():
        amount = "" if size is None else f", {size / 2**20:.1f} MiB"
        yield ok("size", f"{table}: {rows} rows{amount}")


def _rows(database: Database) -> Iterator[Finding]:
    orphans = database.examine(examining.orphans)
    for table, count in orphans.items():
        yield wrong(
            "orphans",
            f"{table}: {count} rows without a session",
            f"DELETE t FROM {table} t LEFT JOIN USMSession s ON s.cid = t.cid AND s.id = t.session WHERE s.id IS NULL",
        )
    if not orphans:
        yield ok("orphans", "every row has its session")
    keys = _looked_at(database, examining.headless, MANY)
    yield from _places("keys", "have their keys", "have items and no key", keys)
    numbers = _looked_at(database, examining.mistaken_numbers, MANY)
    yield from _places("folder numbers", "are found by their ids", "are not found by their ids", numbers)


def _looked_at(
    database: Database,
    look: _Look,
    size: int,
    seen: Callable[[int], None] = lambda _: None,
) -> Iterator[Place]:
    for some in examining.portions(database, size):
        yield from database.read(partial(_looked, look, some))
        seen(sum(map(len, some.values())))


def _looked(look: _Look, some: Some, connection: Connection) -> list[Place]:
    return look(connection, some)


def _places(name: str, good: str, bad: str, places: Iterable[Place]) -> Iterator[Finding]:
    count = 0
    for place in places:
        count += 1
        if count <= NAMED:
            yield wrong(
                name,
                f"context {place.context} user {place.user} device {place.device} folder {place.folder}: {_one(bad)}",
                f"usmctl devices forget {place.context} {place.user} {place.device}: the device starts over",
            )
    if count > NAMED:
        yield wrong(name, f"{count - NAMED} more folders {bad}")
    if not count:
        yield ok(name, f"all folders {good}")


def _one(words: str) -> str:
    return words.replace("have ", "has ").replace("are ", "is ").replace("by their ids", "by its id")


def _secrets(databases: Databases, schema: Schema, ring: Ring | None) -> Iterator[Finding]:
    lost = SecretFields(databases, ring).unreadable(schema.context_id or 0, memory.SECRETS)
    for session in lost[:NAMED]:
        yield wrong(
            "secrets",
            f"context {session.context_id} user {session.user_id} device {session.device_id}: no key opens the recovery"
            " password",
            "put the key it was sealed with behind the others in com.openexchange.usm.secret_keys; without it the"
            " device makes a new one by itself",
        )
    if len(lost) > NAMED:
        yield wrong("secrets", f"{len(lost) - NAMED} more secrets that no key opens")
    if not lost:
        yield ok("secrets", "what is sealed can be opened")


def _strangers(databases: Databases, schema: Schema) -> Iterator[Finding]:
    try:
        gone = groupware.gone(databases, schema)
    except UsmError as error:
        yield warning("users", f"whom Open-Xchange has deleted cannot be told: {error}")
        return
    if gone is None:
        return
    for doubt in gone.doubts:
        yield warning("users", doubt)
    if gone.users:
        yield warning(
            "users",
            f"{len(gone.users)} users ({len(gone.contexts)} whole contexts) are deleted in Open-Xchange",
            "usmctl db purge" + (" --force, if that is true: it is more than half" if gone.is_most else ""),
        )
    elif not gone.doubts:
        yield ok("users", f"Open-Xchange knows all {gone.owners} users")
