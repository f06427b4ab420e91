"""What is remembered of devices, and what was decided of them: the same in every store, and at no cost."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from unittest.mock import patch

import pytest
from sqlalchemy import Engine, event, text
from sqlalchemy.pool import PoolProxiedConnection

from app.store import SingleDatabase, SqlStateStore, open_databases, reading
from app.store.migrations import migrate
from app.usm.devices import Standing
from app.usm.model import SessionId
from app.usm.ports import STANDING, StateStore
from tests.eas.phone import CONTACTS, World, tree
from tests.store.groupware import Groupware

Opener = Callable[[], SqlStateStore]
TWO_SCHEMAS = ["sqlite memory", pytest.param("configdb", marks=pytest.mark.mariadb)]


def other(session: SessionId, device: str) -> SessionId:
    return dataclasses.replace(session, device_id=device)


def test_a_standing_travels_with_the_fields(store: StateStore, session: SessionId) -> None:
    assert store.decide(session, Standing.BLOCKED)
    assert store.fields(session) == {STANDING: "blocked"}
    store.write_fields(session, {"a": "1", "b": "2"})
    assert store.fields(session) == {STANDING: "blocked", "a": "1", "b": "2"}
    assert store.decide(session, None)
    assert store.fields(session) == {"a": "1", "b": "2"}


def test_a_decision_may_depend_on_the_one_before(store: StateStore, session: SessionId) -> None:
    assert not store.decide(session, "wiped", ["wipe"])
    assert store.fields(session) == {}
    assert store.decide(session, "wipe", [""])
    assert not store.decide(session, "allowed", [""])
    assert store.decide(session, "wiped", ["wipe", "other"])
    assert store.fields(session) == {STANDING: "wiped"}


def test_devices_are_remembered_with_what_was_asked_for(store: StateStore, session: SessionId) -> None:
    store.write_fields(session, {"usm.device.type": "Phone", "usm_device": "x", "eas.sync": "large"})
    store.decide(session, "allowed")
    store.write_fields(other(session, "bare"), {"eas.sync": "large"})
    store.write_fields(dataclasses.replace(session, user_id=4), {"usm.device.type": "Phone"})
    found = {each.id.device_id: each for each in store.remembered(1, 3, ("usm.", "none"))}
    assert set(found) == {session.device_id, "bare"}
    assert found["bare"].fields == {}
    assert found["bare"].decided is None
    mine = found[session.device_id]
    assert mine.fields == {STANDING: "allowed", "usm.device.type": "Phone"}
    assert mine.decided is not None
    assert mine.decided.tzinfo is UTC


def test_nobody_is_remembered_of_a_user_without_devices(store: StateStore) -> None:
    assert list(store.remembered(1, 99, ("usm.",))) == []


def test_what_is_forgotten_is_gone_with_its_standing(store: StateStore, session: SessionId) -> None:
    store.decide(session, "blocked")
    assert store.forget(session)
    assert store.fields(session) == {}
    assert not store.forget(session)


@pytest.mark.parametrize("kind", TWO_SCHEMAS)
def test_decisions_are_found_by_their_moment(
    kind: str, open_stores: Callable[[str], Opener], session: SessionId
) -> None:
    store = open_stores(kind)()
    moment = datetime(2030, 1, 1, tzinfo=UTC)
    second = dataclasses.replace(session, context_id=2)
    for each, after in (
        (session, 0),
        (other(session, "later"), 60),
        (second, 90),
        (other(session, "back"), 99),
    ):
        store._now = lambda after=after: moment.timestamp() + after
        store.decide(each, "blocked")
    store.decide(other(session, "back"), None)
    store.write_fields(other(session, "undecided"), {"a": "b"})
    found = store.decided([1, 2], moment + timedelta(seconds=30))
    assert dict(found) == {
        other(session, "later"): moment + timedelta(seconds=60),
        second: moment + timedelta(seconds=90),
    }
    assert len(store.decided([1, 2], moment)) == 3


@pytest.mark.parametrize("kind", TWO_SCHEMAS)
def test_all_devices_of_a_context_are_listed(
    kind: str, open_stores: Callable[[str], Opener], session: SessionId
) -> None:
    store = open_stores(kind)()
    for user in (4, 3):
        for device in ("b", "a"):
            store.write_fields(SessionId(1, user, "EAS", device), {"usm.x": device})
    store.write_fields(SessionId(2, 3, "EAS", "c"), {"usm.x": "c"})
    found = [(each.id.user_id, each.id.device_id) for each in store.remembered(1, None, ("usm.",))]
    assert found == [(3, "a"), (3, "b"), (4, "a"), (4, "b")]


@pytest.mark.parametrize("kind", TWO_SCHEMAS)
def test_what_was_decided_outlives_the_purge(
    kind: str, open_stores: Callable[[str], Opener], session: SessionId
) -> None:
    store = open_stores(kind)()
    store._now = lambda: 0.0
    store.write_fields(session, {"a": "b"})
    store.decide(other(session, "blocked"), "blocked")
    store._now = lambda: 100 * 86400.0
    assert store.purge(timedelta(days=30)) == 1
    assert [each.id.device_id for each in store.remembered(1, 3, ("usm.",))] == ["blocked"]


def test_a_node_of_the_version_before_works_on(session: SessionId) -> None:
    """It names its columns, and leaves the new ones empty."""
    databases = SingleDatabase("sqlite://")
    store = SqlStateStore(databases)
    with databases.engine(1).begin() as connection:
        connection.execute(
            text(
                'INSERT INTO "USMSession" (cid, id, "user", protocol, device, created, last_used)'
                " VALUES (1, 5, 3, 'EAS', 'old node', 0, 0)"
            )
        )
    assert store.fields(other(session, "old node")) == {}
    assert [each.decided for each in store.remembered(1, 3, ("usm.",))] == [None]
    databases.close()


@pytest.mark.parametrize(
    "done",
    [(), ("ALTER TABLE USMSession ADD standing VARCHAR(16)",)],
    ids=["nothing", "the first column"],
)
@pytest.mark.parametrize("kind", ["sqlite", pytest.param("mariadb", marks=pytest.mark.mariadb)])
def test_a_schema_of_the_version_before_is_brought_up(
    kind: str, done: tuple[str, ...], request: pytest.FixtureRequest, session: SessionId
) -> None:
    url = "sqlite://" if kind == "sqlite" else request.getfixturevalue("mariadb_url")
    databases = SingleDatabase(url)
    store = SqlStateStore(databases)
    store.write_fields(session, {"a": "b"})
    with databases.engine(1).begin() as connection:
        for statement in (
            "DROP INDEX USMSession_decided" + (" ON USMSession" if kind == "mariadb" else ""),
            "ALTER TABLE USMSession DROP COLUMN standing",
            "ALTER TABLE USMSession DROP COLUMN decided",
            "UPDATE usmSchemaVersion SET version_num = '0001'",
            *done,
        ):
            connection.execute(text(statement))
    assert migrate(databases.engine(1), "x") is True
    assert store.decide(session, "blocked")
    assert store.fields(session) == {STANDING: "blocked", "a": "b"}
    databases.close()


def statements_of(world: World, ask: Callable[[], object]) -> list[str]:
    """In transactions, and outside of them (:mod:`app.store.reading`)."""
    seen: list[str] = []
    execute = reading.execute

    def note(_c: object, _k: object, statement: str, *_: object) -> None:
        if not statement.startswith(("BEGIN", "COMMIT", "SELECT 1")):
            seen.append(statement)

    def noted(engine: Engine, connection: PoolProxiedConnection, sql: str, arguments: object) -> object:
        seen.append(sql)
        return execute(engine, connection, sql, arguments)

    engine = world.store._databases.engine(1)  # type: ignore[attr-defined]
    event.listen(engine, "before_cursor_execute", note)
    try:
        with patch.object(reading, "execute", noted):
            ask()
    finally:
        event.remove(engine, "before_cursor_execute", note)
    return seen


def test_a_remembered_device_costs_no_statement_more() -> None:
    """Each command reads the fields once, as it did before there were standings, and the standing with them."""
    databases = SingleDatabase("sqlite://")
    world = World()
    world.store = SqlStateStore(databases)  # type: ignore[assignment]
    phone = world.phone().start(CONTACTS)
    key = phone.folder_sync().text("FolderHierarchy:SyncKey")
    ping = tree(
        "Ping:Ping", ("HeartbeatInterval", "60"), ("Folders", ("Folder", ("Id", phone.number(CONTACTS))))
    )
    asks: list[Callable[[], object]] = [
        lambda: phone.sync(CONTACTS),
        lambda: phone.folder_sync(key),
        lambda: phone.send("Ping", ping),
        lambda: phone.send("Settings", tree("Settings:Settings", ("UserInformation", ("Get",)))),
    ]
    for ask in asks:
        ask()
        seen = statements_of(world, ask)
        about = [each for each in seen if "standing" in each or "USMSessionFields" in each]
        assert len(about) == 1, seen
        assert about[0].startswith("SELECT")
    databases.close()


@pytest.mark.mariadb
def test_contexts_and_users_are_known_by_their_names(groupware: Groupware) -> None:
    groupware.configdb("CREATE TABLE login2context (cid INT UNSIGNED, login_info VARCHAR(128))")
    groupware.configdb("INSERT INTO login2context VALUES (2, '2'), (2, 'example.org')")
    schema = groupware.schema("6")
    groupware.server.execute(
        "CREATE TABLE login2user (cid INT UNSIGNED, uid VARCHAR(128), id INT UNSIGNED)", database=schema
    )
    groupware.server.execute(
        "INSERT INTO login2user VALUES (2, 'berta', 4), (3, 'anton', 9)", database=schema
    )
    databases = open_databases(None, groupware.etc)
    assert databases.context_named("example.org") == 2
    assert databases.context_named("example.com") is None
    assert databases.user_named(2, "berta") == 4
    assert databases.user_named(2, "anton") is None
    databases.close()


def test_a_database_of_our_own_knows_no_names() -> None:
    databases = SingleDatabase("sqlite://")
    assert databases.context_named("example.org") is None
    assert databases.user_named(1, "anton") is None
    databases.close()


def test_a_device_is_summoned_and_stands_as_before(open_sql_store: Opener, session: SessionId) -> None:
    store = open_sql_store()
    began = datetime.now(UTC) - timedelta(seconds=2)
    store.write_fields(session, {"a": "1"})
    store.summon(session)
    assert [each for each, _ in store.decided([session.context_id], began)] == [session]
    [found] = store.remembered(session.context_id, session.user_id, ("a",))
    assert (found.decided, found.fields) == (None, {"a": "1"})
    assert store.purge(timedelta(days=-1)) == 1
