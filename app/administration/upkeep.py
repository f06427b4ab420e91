"""What has outlived its use is counted and deleted, schema by schema: by hand, and every night.

=================  ====================================================================================================
devices            not used for ``devices.expire_days``; those about which something was decided stay
deeds              what devices had done apart from their rounds; of those not used for a week none counts any more
page sessions      sign-ins to the web pages that are over
traces             orders to trace somebody that have ended
deleted users      all that is kept of users whom Open-Xchange has deleted
deleted contexts   all that is kept of contexts that Open-Xchange has deleted
=================  ====================================================================================================

Who is deleted at Open-Xchange is told by its own tables (:mod:`app.store.groupware`). Where these leave a doubt nothing
is deleted, nor where more than half of a schema's users seem to be gone: that is rather a fault elsewhere.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from app.store import expiry, groupware, migrations, personal
from app.store.database import Database, Databases, Schema
from app.usm.errors import UsmError

DEVICES: Final = "devices"
DEEDS: Final = "deeds"
PAGES: Final = "page sessions"
TRACES: Final = "traces"
USERS: Final = "deleted users"
CONTEXTS: Final = "deleted contexts"
KINDS: Final = (DEVICES, DEEDS, PAGES, TRACES, USERS, CONTEXTS)


@dataclass(frozen=True, slots=True)
class Purged:
    """How many of one kind went from a schema, or would; ``None`` where that cannot be known. ``doubt``: why nothing
    was deleted, or not all; ``failed``: whether that is an error rather than a decision."""

    schema: str
    kind: str
    count: int | None
    doubt: str = ""
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Rules:
    """``device_days``: after how many days without use a device goes, 0 for never. ``is_trial``: only count.
    ``is_forced``: delete even more than half of a schema's users."""

    device_days: int
    is_trial: bool = False
    is_forced: bool = False


def purge(databases: Databases, rules: Rules, now: Callable[[], float] = time.time) -> Iterator[Purged]:
    """Purge every schema, as far as it can be reached. Raises ``StoreUnavailable`` if the schemas cannot be told."""
    for schema in databases.schemas():
        database = databases.unprepared(schema)
        moment = int(now() * 1000)
        try:
            stands = migrations.status(database.migration_engine(), schema.name)
            if not stands.ready:
                # Where nobody has synchronised yet there is nothing to do, and nothing wrong.
                is_new = stands.current is None and not stands.foreign
                yield Purged(schema.name, "", 0, f"nothing was purged: {stands.advice}", not is_new)
                continue
        except UsmError as error:
            yield Purged(schema.name, "", 0, str(error), True)
            continue
        for kind, work in _aged(database, rules, moment):
            yield _counted(schema, kind, work)
        yield from _deleted(databases, schema, rules)


def _aged(database: Database, rules: Rules, now: int) -> Iterator[tuple[str, Callable[[], int]]]:
    trial = rules.is_trial
    if rules.device_days:
        before = now - int(timedelta(days=rules.device_days).total_seconds() * 1000)
        yield DEVICES, lambda: expiry.devices(database, before, trial)
    yield DEEDS, lambda: expiry.old_deeds(database, now, trial)
    yield PAGES, lambda: expiry.old_page_sessions(database, now, trial)
    yield TRACES, lambda: expiry.old_traces(database, now, trial)


def _counted(schema: Schema, kind: str, work: Callable[[], int]) -> Purged:
    try:
        return Purged(schema.name, kind, work())
    except UsmError as error:
        return Purged(schema.name, kind, 0, str(error), True)


def _deleted(databases: Databases, schema: Schema, rules: Rules) -> Iterator[Purged]:
    try:
        gone = groupware.gone(databases, schema)
    except UsmError as error:
        yield Purged(schema.name, USERS, 0, f"whom Open-Xchange has deleted cannot be told: {error}", True)
        return
    if gone is None:
        yield from (Purged(schema.name, kind, None) for kind in (USERS, CONTEXTS))
        return
    for doubt in gone.doubts:
        yield Purged(schema.name, USERS, 0, doubt)
    if gone.is_most and not rules.is_forced:
        yield Purged(
            schema.name,
            USERS,
            0,
            f"{len(gone.users)} of {gone.owners} users seem to be deleted, which is more than half: nothing was deleted"
            " of them; if it is true, say --force",
            True,
        )
        return
    database = databases.unprepared(schema)
    contexts = set(gone.contexts)
    users = [(cid, user) for cid, user in gone.users if cid not in contexts]
    yield _counted(schema, USERS, lambda: _remove_users(database, users, rules.is_trial))
    yield _counted(schema, CONTEXTS, lambda: _remove_contexts(database, gone.contexts, rules.is_trial))


def _remove_users(database: Database, users: list[tuple[int, int]], is_trial: bool) -> int:
    if is_trial:
        return len(users)
    return sum(
        bool(personal.remove(database, cid, user, groupware.still_gone(cid, user))) for cid, user in users
    )


def _remove_contexts(database: Database, contexts: tuple[int, ...], is_trial: bool) -> int:
    if is_trial:
        return len(contexts)
    return sum(bool(personal.remove(database, cid, None)) for cid in contexts)
