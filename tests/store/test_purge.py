"""What outlives its use is purged, and what is kept of users whom the groupware has deleted: never on a doubt."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection

from app.administration import data, upkeep
from app.administration.upkeep import CONTEXTS, DEEDS, DEVICES, KINDS, PAGES, TRACES, USERS, Purged, Rules
from app.store import SingleDatabase, SqlStateStore, groupware, layers, open_databases, personal
from app.store.configdb import ConfigDb
from app.store.page_sessions import IDLE, LIFE
from app.store.tables import (
    app_passwords,
    fields,
    folders,
    metadata,
    page_sessions,
    sessions,
    storage,
    traces,
    user_fields,
)
from app.usm import deeds
from app.usm.deeds import Deed, Kind
from app.usm.model import ContentType, SessionId
from tests.fakes.clock import CountingTokens, ManualClock
from tests.mariadb import MariaDbServer
from tests.store.groupware import CONTEXTS as OF_SCHEMAS
from tests.store.groupware import Groupware

DAY = 86400
HOUR = 3600
NOW = 2_000_000_000.0
MS = int(NOW * 1000)


def session(user: int, context: int = 1, device: str = "PHONE") -> SessionId:
    return SessionId(context, user, "EAS", device)


def in_use(store: SqlStateStore, of: SessionId) -> None:
    """A device that holds items, and has done something apart from its rounds."""
    store.write_fields(of, {"usm.device.type": "Phone"})
    store.number_folders(of, [("10", ContentType.CONTACTS)])
    store.begin(of, 1, "generation", "")
    store.save(of, 1, 1, {"item": "1"}, "")
    store.write_journal(of, 1, "{}")
    with deeds.opened(store, of, Kind.SENT, ManualClock(), CountingTokens()) as done:
        done.note({"mail": Deed(done.now(), done=True)})


def counts(found: Iterator[Purged]) -> dict[tuple[str, str], int | None]:
    return {(each.schema, each.kind): each.count for each in found if each.kind and not each.doubt}


# --- what ages


@pytest.fixture
def single(tmp_path: Path) -> Iterator[SingleDatabase]:
    made = SingleDatabase(f"sqlite:///{tmp_path / 'state.db'}")
    yield made
    made.close()


def aged(databases: SingleDatabase, user: int, days: float) -> SqlStateStore:
    store = SqlStateStore(databases, now=lambda: NOW - days * DAY)
    in_use(store, session(user))
    return store


def purged(databases: SingleDatabase, **rules: object) -> dict[str, int | None]:
    found = upkeep.purge(databases, Rules(**{"device_days": 180, **rules}), lambda: NOW)  # type: ignore[arg-type]
    return {kind: count for (_, kind), count in counts(found).items()}


def test_old_devices_go_unless_something_was_decided(single: SingleDatabase) -> None:
    aged(single, 3, 181)
    aged(single, 4, 181).decide(session(4), "blocked")
    aged(single, 5, 179)
    assert purged(single, is_trial=True)[DEVICES] == 1
    assert purged(single)[DEVICES] == 1
    assert [each.id.user_id for each in SqlStateStore(single).sessions(1)] == [4, 5]
    assert purged(single)[DEVICES] == 0


def test_devices_that_never_expire_are_not_even_counted(single: SingleDatabase) -> None:
    aged(single, 3, 10_000)
    assert DEVICES not in purged(single, device_days=0)
    assert len(SqlStateStore(single).sessions(1)) == 1


def test_deeds_of_a_device_that_rests_go_and_all_else_stays(single: SingleDatabase) -> None:
    old, young = aged(single, 3, 8), aged(single, 4, 6)
    assert purged(single, is_trial=True)[DEEDS] == 1
    assert purged(single)[DEEDS] == 1
    assert old.heads(session(3), Kind.SENT) is None
    assert young.heads(session(4), Kind.SENT) is not None
    assert old.stamps(session(3), 1, 2) == {"item": "1"}
    assert old.journal(session(3), 1) == "{}"
    assert purged(single)[DEEDS] == 0


def test_a_device_that_comes_back_meanwhile_keeps_its_deeds(
    single: SingleDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    aged(single, 3, 8)
    database = single.database(1)
    write = database.write

    def late(work: Callable[[Connection], int]) -> int:
        monkeypatch.undo()
        SqlStateStore(single, now=lambda: NOW).fields(session(3))
        return write(work)

    monkeypatch.setattr(database, "write", late)
    assert purged(single)[DEEDS] == 0
    assert SqlStateStore(single).heads(session(3), Kind.SENT) is not None


def test_sign_ins_and_traces_that_are_over_go(single: SingleDatabase) -> None:
    rows = [
        {"id": "idle", "created": MS - IDLE - 1, "last_used": MS - IDLE - 1},
        {"id": "old", "created": MS - LIFE - 1, "last_used": MS},
        {"id": "good", "created": MS - LIFE + 1, "last_used": MS - IDLE + 1},
    ]
    database = single.database(1)
    for row in rows:
        values = {"cid": 1, "user": 3, "sealed": b"x", **row}
        database.write(lambda db, v=values: db.execute(page_sessions.insert().values(v)))
    for name, ends in (("over", MS - 1), ("on", MS + 1)):
        trace = {
            "cid": 1,
            "id": name,
            "user": 3,
            "device": "",
            "login": "",
            "bodies": 0,
            "begun": 1,
            "ends": ends,
        }
        database.write(lambda db, v=trace: db.execute(traces.insert().values(v)))
    assert (purged(single, is_trial=True)[PAGES], purged(single, is_trial=True)[TRACES]) == (2, 1)
    found = purged(single)
    assert (found[PAGES], found[TRACES]) == (2, 1)
    assert database.read(lambda db: list(db.scalars(page_sessions.select()))) == [1]
    assert database.read(lambda db: [row.id for row in db.execute(traces.select())]) == ["on"]


def test_whom_the_groupware_deleted_is_unknown_where_it_has_no_tables(single: SingleDatabase) -> None:
    aged(single, 3, 1)
    found = purged(single)
    assert (found[USERS], found[CONTEXTS]) == (None, None)
    assert len(SqlStateStore(single).sessions(1)) == 1


def test_tables_that_are_missing_are_told(tmp_path: Path) -> None:
    databases = SingleDatabase(f"sqlite:///{tmp_path / 'state.db'}", auto_migrate=False)
    [found] = upkeep.purge(databases, Rules(180))
    databases.close()
    assert not found.failed  # nobody has synchronised so far
    assert "missing" in found.doubt


def test_tables_of_somebody_else_are_an_error(tmp_path: Path) -> None:
    databases = SingleDatabase(f"sqlite:///{tmp_path / 'state.db'}", auto_migrate=False)
    with sqlite3.connect(tmp_path / "state.db") as connection:
        connection.execute("CREATE TABLE USMSession (cid INTEGER)")
    [found] = upkeep.purge(databases, Rules(180))
    databases.close()
    assert found.failed
    assert "earlier USM product" in found.doubt


# --- whom the groupware has deleted


USERS_OF = {
    "5": [(1, 2), (1, 3), (1, 4), (1, 5)],
    "6": [(2, 2), (2, 3), (2, 4), (2, 5), (2, 6), (3, 2), (3, 3)],
}
"""End of a schema's name → who exists there."""


class Ox(Groupware):
    """A groupware with the tables that tell who exists."""

    def sql(self, end: str, statement: str, *values: object) -> list[tuple[object, ...]]:
        return self.server.execute(statement, *values, database=self.schema(end))

    def make(self) -> None:
        """What a test may have dropped."""
        self.configdb("CREATE TABLE IF NOT EXISTS context (cid INT UNSIGNED PRIMARY KEY) ENGINE=InnoDB")
        for end in USERS_OF:
            for name in ("user", "login2user"):
                self.sql(end, f"CREATE TABLE IF NOT EXISTS `{name}` (cid INT UNSIGNED, id INT UNSIGNED)")

    def begin(self) -> None:
        """Everybody is there."""
        self.configdb("REPLACE INTO context VALUES (1), (2), (3)")
        places = ", ".join(f"({cid}, 2, 5, 4, '{self.schema(end)}')" for cid, end in OF_SCHEMAS)
        self.configdb(f"REPLACE INTO context_server2db_pool VALUES {places}")
        for end, known in USERS_OF.items():
            for name in ("user", "login2user"):
                self.sql(end, f"DELETE FROM `{name}`")
                self.sql(end, f"INSERT INTO `{name}` VALUES {', '.join(map(str, known))}")

    def loses(self, context: int, user: int, end: str) -> None:
        for name in ("user", "login2user"):
            self.sql(end, f"DELETE FROM `{name}` WHERE cid = %s AND id = %s", context, user)

    def loses_context(self, context: int, end: str) -> None:
        for table in ("context", "context_server2db_pool"):
            self.configdb(f"DELETE FROM {table} WHERE cid = %s", context)
        for name in ("user", "login2user"):
            self.sql(end, f"DELETE FROM `{name}` WHERE cid = %s", context)


@pytest.fixture(scope="module")
def made(mariadb: MariaDbServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConfigDb]:
    """A groupware's databases with our tables, for all tests here: making tables takes longer than emptying them."""
    with Groupware.made(mariadb, tmp_path_factory.mktemp("etc")) as groupware:
        databases = open_databases(None, groupware.etc)
        assert isinstance(databases, ConfigDb)
        for context in (1, 2):
            databases.database(context)
        Made.of = Ox(groupware.server, groupware.etc, groupware.prefix)
        Made.of.make()
        yield databases
        databases.close()


class Made:
    """What the fixture made."""

    of: Ox


@pytest.fixture
def ox(made: ConfigDb) -> Ox:
    Made.of.begin()
    return Made.of


@pytest.fixture
def databases(ox: Ox, made: ConfigDb) -> ConfigDb:
    for context in (1, 2):
        made.database(context).write(lambda db, c=context: fill(db, c))
    return made


def fill(connection: Connection, context: int) -> None:
    """Rows of every table for everybody of the schema in which this context lives, and of nobody else."""
    for table in reversed(metadata.sorted_tables):
        connection.execute(table.delete())
    for cid, user in ALL:
        if (cid == 1) != (context == 1):
            continue
        of = {"cid": cid, "session": 100 + user}
        row = {"id": of["session"], "user": user, "protocol": "EAS", "device": f"PHONE{user}"}
        connection.execute(sessions.insert().values(cid=cid, created=1, last_used=1, **row))
        connection.execute(fields.insert().values(**of, field="usm.device.type", value="Phone"))
        folder = {"number": 1, "digest": "d", "content": "contacts", "folder": "10"}
        connection.execute(folders.insert().values(**of, **folder))
        items = layers.to_blocks({"item": "1"})[0][1]
        block = {"folder": 1, "counter": 1, "block": 0, "entries": 1, "data": items}
        connection.execute(storage.insert().values(**of, **block))
        password = {"id": f"p{user}", "login": "anton", "label": "phone", "created": 1}
        secrets = {"salt": b"s", "verifier": b"v", "sealed": b"x"}
        connection.execute(app_passwords.insert().values(cid=cid, user=user, **password, **secrets))
        connection.execute(user_fields.insert().values(cid=cid, user=user, field="f", value="[]"))


def run(databases: ConfigDb, **rules: object) -> list[Purged]:
    return list(upkeep.purge(databases, Rules(0, **rules)))  # type: ignore[arg-type]


def users(databases: ConfigDb) -> list[tuple[int, int]]:
    """Of whom there are rows."""
    found: set[tuple[int, int]] = set()
    for schema in databases.schemas():
        found |= databases.unprepared(schema).read(personal.owners)
    return sorted(found)


ALL = [(1, 3), (1, 4), (1, 5), (2, 3), (2, 4), (2, 6), (3, 3)]


@pytest.mark.mariadb
class TestDeletedUsers:
    def test_all_rows_of_a_deleted_user_go_and_nobody_elses(self, ox: Ox, databases: ConfigDb) -> None:
        ox.loses(1, 3, "5")
        found = run(databases, is_trial=True)
        assert counts(iter(found))[ox.schema("5"), USERS] == 1
        assert users(databases) == ALL
        found = run(databases)
        assert counts(iter(found))[ox.schema("5"), USERS] == 1
        assert [each for each in found if each.doubt] == []
        assert users(databases) == [each for each in ALL if each != (1, 3)]
        assert data.count(databases, 1, 3) == {}
        left = databases.database(1).read(lambda db: {row.session for row in db.execute(storage.select())})
        kept = databases.database(1).read(lambda db: {row.id for row in db.execute(sessions.select())})
        assert left == kept
        assert counts(iter(run(databases)))[ox.schema("5"), USERS] == 0

    def test_a_deleted_context_goes_whole(self, ox: Ox, databases: ConfigDb) -> None:
        ox.loses_context(3, "6")
        found = counts(iter(run(databases)))
        assert (found[ox.schema("6"), CONTEXTS], found[ox.schema("6"), USERS]) == (1, 0)
        assert users(databases) == [each for each in ALL if each[0] != 3]

    def test_who_still_has_a_login_is_not_gone(self, ox: Ox, databases: ConfigDb) -> None:
        ox.sql("5", "DELETE FROM `user` WHERE id = 3")
        assert counts(iter(run(databases)))[ox.schema("5"), USERS] == 0
        assert users(databases) == ALL

    @pytest.mark.parametrize("table", ["user", "login2user"])
    def test_a_table_that_is_missing_deletes_nobody(self, ox: Ox, databases: ConfigDb, table: str) -> None:
        ox.loses(1, 3, "5")
        ox.sql("5", f"DROP TABLE `{table}`")
        failed = [each for each in run(databases) if each.failed]
        ox.make()
        assert [each.schema for each in failed] == [ox.schema("5")]
        assert table in failed[0].doubt
        assert users(databases) == ALL

    def test_a_configdb_without_contexts_deletes_nobody(self, ox: Ox, databases: ConfigDb) -> None:
        ox.loses(1, 3, "5")
        ox.configdb("DROP TABLE context")
        assert any(each.failed for each in run(databases))
        ox.make()
        assert users(databases) == ALL

    def test_a_context_without_users_is_not_believed(self, ox: Ox, databases: ConfigDb) -> None:
        for name in ("user", "login2user"):
            ox.sql("6", f"DELETE FROM `{name}` WHERE cid = 3")
        doubts = [each for each in run(databases, is_forced=True) if each.doubt]
        assert [(each.schema, each.failed) for each in doubts] == [(ox.schema("6"), False)]
        assert "context 3 has no users" in doubts[0].doubt
        assert users(databases) == ALL

    def test_a_context_with_users_is_not_gone_though_the_configdb_lacks_it(
        self, ox: Ox, databases: ConfigDb
    ) -> None:
        for table in ("context", "context_server2db_pool"):
            ox.configdb(f"DELETE FROM {table} WHERE cid = 3")
        doubts = [each.doubt for each in run(databases, is_forced=True) if each.doubt]
        assert len(doubts) == 1
        assert "context 3 is not in the configuration database" in doubts[0]
        assert users(databases) == ALL

    def test_more_than_half_is_held_back_until_somebody_insists(self, ox: Ox, databases: ConfigDb) -> None:
        ox.loses(1, 3, "5")
        ox.loses(1, 4, "5")
        [held] = [each for each in run(databases) if each.doubt]
        assert held.failed
        assert "2 of 3 users" in held.doubt
        assert users(databases) == ALL
        assert counts(iter(run(databases, is_forced=True)))[ox.schema("5"), USERS] == 2
        assert (1, 5) in users(databases)

    def test_a_user_who_is_there_again_at_the_last_moment_stays(self, ox: Ox, databases: ConfigDb) -> None:
        database = databases.database(1)
        assert personal.remove(database, 1, 3, groupware.still_gone(1, 3)) == {}
        assert users(databases) == ALL

    def test_a_configdb_that_knows_nobody_is_not_believed(self, ox: Ox, databases: ConfigDb) -> None:
        schemas = databases.schemas()
        for table in ("context", "context_server2db_pool"):
            ox.configdb(f"DELETE FROM {table}")
        found = groupware.gone(databases, schemas[0])
        assert found is not None
        assert (found.users, len(found.doubts)) == ((), 1)

    def test_every_kind_is_told_of_every_schema(self, ox: Ox, databases: ConfigDb) -> None:
        found = counts(upkeep.purge(databases, Rules(180)))
        assert set(found) == {(ox.schema(end), kind) for end in "56" for kind in KINDS}


@pytest.mark.mariadb
class TestData:
    def test_all_of_a_person_is_exported_and_deleted(self, databases: ConfigDb) -> None:
        whole = data.export(databases, 1, 3, ManualClock().now())
        rows = whole["tables"]
        assert {
            "USMSession",
            "USMSessionFields",
            "USMDataStorage",
            "usmIdMapping",
            "usmAppPassword",
            "usmUserField",
        } == set(rows)
        assert rows["usmAppPassword"][0]["sealed"] == data.SEALED
        assert {"item": "1"} in [row.get("items") for row in rows["USMDataStorage"]]
        assert all(whole["about"][name] for name in rows)
        assert data.delete(databases, 1, 3).keys() == rows.keys()
        assert data.export(databases, 1, 3, ManualClock().now())["tables"] == {}
        assert users(databases) == [each for each in ALL if each != (1, 3)]

    def test_a_whole_context_is_deleted(self, databases: ConfigDb) -> None:
        data.delete(databases, 2, None)
        assert users(databases) == [each for each in ALL if each[0] != 2]
        assert databases.database(2).read(lambda db: list(db.scalars(app_passwords.select()))) == [3]

    def test_orders_to_trace_are_found_in_the_first_schema(self, databases: ConfigDb, ox: Ox) -> None:
        trace = {
            "cid": 3,
            "id": "t",
            "user": 3,
            "device": "",
            "login": "",
            "bodies": 0,
            "begun": 1,
            "ends": 2,
        }
        databases.database(1).write(lambda db: db.execute(traces.insert().values(trace)))
        assert "usmTrace" in data.export(databases, 3, 3, ManualClock().now())["tables"]
        assert data.delete(databases, 3, 3)["usmTrace"] == 1
