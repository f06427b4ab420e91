"""What administrators ask of whole schemas: the same numbers on every kind of database."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest
from sqlalchemy import insert

from app.store import SqlStateStore, page_sessions
from app.store.overview import footprints, signed_in, users
from app.store.tables import page_sessions as page_rows
from app.usm import holding
from app.usm.deeds import Kind
from app.usm.model import ContentType, SessionId


@pytest.fixture
def filled(sql_store: SqlStateStore, session: SessionId) -> SqlStateStore:
    """Anton's phone with a folder of three items, his tablet, Berta's phone, and a device of another context."""
    sql_store.number_folders(session, [("inbox", ContentType.MAIL), ("kinder", ContentType.CONTACTS)])
    sql_store.begin(session, 1, "generation", "{}")
    sql_store.save(session, 1, 1, {"a": "1", "b": "2", "c": "3"}, "{}")
    for each, names in (
        (session, "anton anton@example.org"),
        (replace(session, device_id="tablet"), "anton"),
        (replace(session, user_id=4), ""),
        (replace(session, context_id=2, user_id=9), "dora"),
    ):
        sql_store.write_fields(each, {"usm.device.login": names, "eas.sync": "x" * 10})
    return sql_store


def test_users_are_counted_with_their_devices(filled: SqlStateStore) -> None:
    database = filled._databases.database(1)
    found = database.read(partial(users, context_id=None, field="usm.device.login"))
    told = [(each.context_id, each.user_id, each.names, each.devices) for each in found]
    assert told[:2] == [(1, 3, "anton anton@example.org", 2), (1, 4, "", 1)]
    assert all(each.created <= each.last_used for each in found)
    only = database.read(partial(users, context_id=1, field="nothing"))
    assert [(each.user_id, each.names) for each in only] == [(3, ""), (4, "")]


def test_what_is_kept_of_a_session_is_counted(filled: SqlStateStore, session: SessionId) -> None:
    database = filled._databases.database(1)
    phone, tablet, berta = database.read(partial(footprints, context_id=1))
    assert (phone.id, tablet.id.device_id, berta.id.user_id) == (session, "tablet", 4)
    # Two heads and a layer, two numbers of folders, two fields.
    assert (phone.folders, phone.keys, phone.rows) == (2, 2, 7)
    assert phone.bytes > len("inboxkinderanton anton@example.org") + 10
    assert (tablet.folders, tablet.keys, tablet.rows, tablet.bytes) == (0, 0, 2, 15)
    assert [each.id.user_id for each in database.read(partial(footprints, context_id=1, user_id=4))] == [4]


def test_only_sessions_with_notes_are_found(filled: SqlStateStore, session: SessionId) -> None:
    assert filled.noted(holding.NOTED) == []
    other = replace(session, context_id=2, user_id=9)
    filled.begin(session, Kind.SKIPPED, "generation", "{}")
    filled.begin(other, Kind.HELD_BACK, "generation", "{}")
    filled.begin(replace(session, user_id=4), Kind.SENT, "generation", "{}")
    assert filled.noted(holding.NOTED) == [session, other]
    assert filled.noted(holding.NOTED, 2) == [other]


def test_who_is_signed_in_is_told_and_signed_out(filled: SqlStateStore) -> None:
    database = filled._databases.database(1)
    database.write(lambda db: page_sessions.end_all(db, 1, 3))
    rows = [
        {"cid": 1, "id": name, "user": user, "created": 0, "last_used": used, "sealed": b"x"}
        for name, user, used in (("overview1", 3, 1000), ("overview2", 3, 60_000), ("overview3", 4, 5))
    ]
    database.write(lambda db: db.execute(insert(page_rows), rows))
    found = database.read(partial(signed_in, context_id=1, user_id=3))
    assert [each.last_used.timestamp() for each in found] == [60, 1]
    assert database.write(lambda db: page_sessions.end_all(db, 1, 3)) == 2
    assert database.read(partial(signed_in, context_id=1, user_id=3)) == []
    assert database.write(lambda db: page_sessions.end_all(db, 1, 4)) == 1
