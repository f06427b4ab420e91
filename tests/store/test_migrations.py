"""Making the tables: once, however many do it at the same time, and never over somebody else's."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect, text

from app.store import SchemaUnusable, SingleDatabase, SqlStateStore, migrations, open_databases
from app.store.engines import make_engine, parse_url
from app.store.migrations import migrate, status
from app.store.tables import VERSION_TABLE, metadata
from app.usm.errors import StoreUnavailable
from app.usm.model import SessionId
from tests.mariadb import MariaDbServer
from tests.store.groupware import Groupware
from tests.store.node import node, said

KINDS = ["sqlite file", pytest.param("mariadb", marks=pytest.mark.mariadb)]
OF_SESSIONS = {"USMSessionFields", "USMDataStorage", "usmIdMapping", "easUIDMapping"}
TABLES = OF_SESSIONS | {"USMSession", "usmAppPassword", "usmPageSession", "usmUserField", "usmTrace"}
SESSION = SessionId(1, 3, "EAS", "device")


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "mariadb":
        return str(request.getfixturevalue("mariadb_url"))
    return f"sqlite:///{tmp_path / 'state.db'}"


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    engine = make_engine(parse_url(url))
    yield engine
    engine.dispose()


def tables(engine: Engine) -> set[str]:
    return set(inspect(engine).get_table_names())


def run(engine: Engine, *statements: str) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


def test_files_are_numbered_as_the_migrations_in_them_are() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    scripts = list(ScriptDirectory.from_config(config).walk_revisions())
    assert [script.revision for script in reversed(scripts)] == migrations.revisions()


def test_a_service_whose_tables_are_there_loads_no_alembic(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'state.db'}"
    with make_engine(parse_url(url)).connect() as connection:
        assert migrate(connection.engine, "x")
    script = f"""
import sys, app.main
from app.store.engines import make_engine, parse_url
from app.store.migrations import migrate
print(migrate(make_engine(parse_url({url!r})), "x"), "alembic" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_an_empty_schema_gets_the_tables_once(engine: Engine) -> None:
    before = status(engine, "x")
    assert (before.current, before.ready, before.foreign) == (None, False, ())
    assert "run the migration" in before.advice
    assert tables(engine) == set()
    assert migrate(engine, "x") is True
    assert tables(engine) == TABLES | {VERSION_TABLE}
    assert status(engine, "x").ready
    assert "up to date" in status(engine, "x").advice
    assert migrate(engine, "x") is False


def test_the_migrations_make_what_the_store_expects(engine: Engine) -> None:
    migrate(engine, "x")
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"version_table": VERSION_TABLE, "compare_type": True}
        )
        assert compare_metadata(context, metadata) == []


def test_every_row_begins_with_its_context(engine: Engine) -> None:
    migrate(engine, "x")
    for name in TABLES:
        assert inspect(engine).get_pk_constraint(name)["constrained_columns"][0] == "cid"
        assert inspect(engine).get_columns(name)[0]["name"] == "cid"
    for name in OF_SESSIONS:
        (key,) = inspect(engine).get_foreign_keys(name)
        assert key["referred_table"] == "USMSession"
        assert key["options"] == {"ondelete": "CASCADE"}


@pytest.mark.mariadb
def test_on_mariadb_the_tables_are_innodb_and_compare_byte_by_byte(
    mariadb: MariaDbServer, mariadb_url: str
) -> None:
    engine = make_engine(parse_url(mariadb_url))
    migrate(engine, "x")
    name = mariadb_url.rpartition("/")[2]
    rows = mariadb.execute(
        "SELECT table_name, engine, table_collation FROM information_schema.tables WHERE table_schema = %s",
        name,
    )
    assert {row[1] for row in rows} == {"InnoDB"}
    assert {row[2] for row in rows if row[0] != VERSION_TABLE} == {"utf8mb4_bin"}
    columns = mariadb.execute(
        "SELECT table_name, column_name, collation_name FROM information_schema.columns"
        " WHERE table_schema = %s AND collation_name IS NOT NULL AND table_name <> %s",
        name,
        VERSION_TABLE,
    )
    assert {row[2] for row in columns} == {"utf8mb4_bin"}
    engine.dispose()


@pytest.mark.parametrize("old", sorted(TABLES))
def test_tables_of_an_older_product_are_named_and_left_alone(engine: Engine, old: str) -> None:
    run(engine, f"CREATE TABLE {old} (cid INTEGER, old INTEGER)", f"INSERT INTO {old} VALUES (1, 42)")
    found = status(engine, "oxdatabase_5")
    assert found.foreign == (old,)
    with pytest.raises(SchemaUnusable) as caught:
        migrate(engine, "oxdatabase_5")
    for word in ("oxdatabase_5", old, "upgrade", "nothing was changed"):
        assert word in str(caught.value)
    assert tables(engine) == {old}
    with engine.connect() as connection:
        assert connection.execute(text(f"SELECT * FROM {old}")).all() == [(1, 42)]


def test_a_store_over_foreign_tables_is_unavailable(url: str, engine: Engine) -> None:
    run(engine, "CREATE TABLE USMSession (cid INTEGER)")
    with pytest.raises(StoreUnavailable, match="earlier USM product"):
        SqlStateStore(SingleDatabase(url)).heads(SESSION, 1)


def test_tables_of_the_groupware_stay_as_they_are(engine: Engine) -> None:
    run(engine, "CREATE TABLE version (version INTEGER)", "INSERT INTO version VALUES (33)")
    run(engine, "CREATE TABLE alembic_version (version_num VARCHAR(32))")
    migrate(engine, "x")
    assert tables(engine) == TABLES | {VERSION_TABLE, "version", "alembic_version"}
    with engine.connect() as connection:
        assert connection.execute(text("SELECT * FROM version")).all() == [(33,)]
        assert connection.execute(text("SELECT * FROM alembic_version")).all() == []


@pytest.mark.parametrize("made", [(), ("USMSession",), ("USMSession", "USMSessionFields", "USMDataStorage")])
def test_a_migration_that_was_killed_half_way_is_completed(engine: Engine, made: tuple[str, ...]) -> None:
    run(engine, f"CREATE TABLE {VERSION_TABLE} (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
    metadata.create_all(engine, [metadata.tables[name] for name in made])
    assert status(engine, "x").foreign == ()
    assert migrate(engine, "x") is True
    assert tables(engine) == TABLES | {VERSION_TABLE}
    assert status(engine, "x").ready


def test_tables_of_a_newer_version_are_used_and_not_touched(engine: Engine) -> None:
    """Nodes are changed one after the other: the old version goes on beside the new one."""
    migrate(engine, "x")
    run(engine, f"UPDATE {VERSION_TABLE} SET version_num = '9999'")
    found = status(engine, "x")
    assert (found.ready, found.newer) == (True, True)
    assert "9999, made by a newer version" in found.advice
    assert migrate(engine, "x") is False
    with engine.connect() as connection:
        assert connection.execute(text(f"SELECT * FROM {VERSION_TABLE}")).all() == [("9999",)]


def test_tables_of_an_unknown_revision_are_neither_used_nor_touched(engine: Engine) -> None:
    migrate(engine, "x")
    run(engine, f"UPDATE {VERSION_TABLE} SET version_num = '0000'")
    assert not status(engine, "x").ready
    with pytest.raises(SchemaUnusable, match="0000, which this program does not know"):
        migrate(engine, "x")
    with engine.connect() as connection:
        assert connection.execute(text(f"SELECT * FROM {VERSION_TABLE}")).all() == [("0000",)]


def test_processes_that_migrate_at_once_do_it_once(url: str, engine: Engine) -> None:
    with node(url, "migrate") as one, node(url, "migrate") as two, node(url, "migrate") as three:
        nodes = (one, two, three)
        assert [said(each) for each in nodes] == ["ready"] * 3
        for each in nodes:
            assert each.stdin is not None
            each.stdin.write("go\n")
            each.stdin.flush()
        assert sorted(said(each) for each in nodes) == ["False", "False", "True"]
    assert status(engine, "x").ready


def test_the_first_use_makes_the_tables_unless_it_is_told_not_to(url: str, engine: Engine) -> None:
    with pytest.raises(SchemaUnusable, match="tables are missing"):
        SqlStateStore(SingleDatabase(url, auto_migrate=False)).heads(SESSION, 1)
    assert tables(engine) == set()
    assert SqlStateStore(SingleDatabase(url)).heads(SESSION, 1) is None
    assert SqlStateStore(SingleDatabase(url, auto_migrate=False)).heads(SESSION, 1) is None


@pytest.mark.mariadb
def test_all_schemas_of_an_installation_are_migrated(groupware: Groupware) -> None:
    databases = open_databases(None, groupware.etc)
    five, six = groupware.schema("5"), groupware.schema("6")

    def migrate_all() -> list[tuple[str, bool]]:
        return [
            (schema.name, migrate(databases.unprepared(schema).migration_engine(), schema.name))
            for schema in databases.schemas()
        ]

    assert migrate_all() == [(five, True), (six, True)]
    assert migrate_all() == [(five, False), (six, False)]
    for name in (five, six):
        rows = groupware.server.execute("SELECT version_num FROM usmSchemaVersion", database=name)
        assert len(rows) == 1
    databases.close()


def test_migrations_are_numbered_and_go_forward_only() -> None:
    names = sorted(path.stem for path in Path(migrations.__path__[0], "versions").glob("*.py"))
    assert names
    for number, name in enumerate(names, 1):
        assert re.match(rf"{number:04}_[a-z_]+$", name)
    assert "downgrade" not in "".join(
        path.read_text() for path in Path(migrations.__path__[0], "versions").glob("*.py")
    )
