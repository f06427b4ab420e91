"""The lives of ``tests/usm/test_lives.py`` over the real store: the process dies between any two statements, too."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import Phase
from sqlalchemy import delete

from app.store import Databases, open_databases
from app.store.migrations import migrate
from app.store.tables import sessions
from tests.fakes.clock import ManualClock
from tests.usm.killable import KillableStore
from tests.usm.machine import live

LIVES = int(os.environ.get("USM_LIVES", "250"))


def stores(databases: Databases) -> Callable[[ManualClock], Any]:
    """Empties the store for a new life."""
    store = KillableStore(databases)

    def emptied(clock: ManualClock) -> KillableStore:
        databases.database(1).write(lambda connection: connection.execute(delete(sessions)))
        store.clock = clock
        return store

    return emptied


@pytest.mark.parametrize(
    ("kind", "share"), [("sqlite", 10), pytest.param("mariadb", 50, marks=pytest.mark.mariadb)]
)
def test_all_hold_the_same_in_the_end(kind: str, share: int, request: pytest.FixtureRequest) -> None:
    url = request.getfixturevalue("mariadb_url") if kind == "mariadb" else "sqlite://"
    databases = open_databases(url, None)
    try:
        (schema,) = databases.schemas()
        migrate(databases.unprepared(schema).migration_engine(), schema.name)
        live(LIVES // share, (Phase.generate,), stores(databases), "USM_LIVES" not in os.environ)
    finally:
        databases.close()
