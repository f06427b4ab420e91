"""A database user of our own: with what it is granted everything works, and nothing else is to be had."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pymysql
import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Connection, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from app.cli.exits import TO_DO
from app.cli.usmctl import usmctl as command
from app.store import SqlStateStore, open_databases, rights
from app.store.configdb import ConfigDb, Login
from app.store.engines import single_use_engine
from app.store.groupware import gone
from app.store.jdbc import read_address
from app.store.migrations import migrate, status
from app.store.tables import VERSION_TABLE, metadata
from app.usm.errors import StoreUnavailable
from app.usm.model import SessionId
from tests.mariadb import PASSWORD, USER, MariaDbServer
from tests.store.groupware import Groupware

pytestmark = pytest.mark.mariadb

OWN = Login("usm_own", "own: p@ss%word'\\")
OURS = (*reversed([table.name for table in metadata.sorted_tables]), VERSION_TABLE)
"""Those that others refer to come last."""
SESSION = SessionId(1, 3, "EAS", "device")

OF_GROUPWARE = {
    "configdb": (
        "CREATE TABLE login2context (cid INT, login_info VARCHAR(128))",
        "CREATE TABLE context (cid INT, name VARCHAR(128), filestore_passwd VARCHAR(128))",
        "INSERT INTO login2context VALUES (1, 'example.org')",
        "INSERT INTO context VALUES (1, '1', 'filestore secret'), (2, '2', ''), (3, '3', '')",
    ),
    "5": (
        "CREATE TABLE user (cid INT, id INT, mail VARCHAR(255), userPassword VARCHAR(255))",
        "CREATE TABLE login2user (cid INT, uid VARCHAR(128), id INT)",
        "CREATE TABLE prg_contacts (cid INT, field01 VARCHAR(255))",
        "INSERT INTO user VALUES (1, 3, 'anton@example.org', 'hash'), (1, 4, 'b', 'hash')",
        "INSERT INTO login2user VALUES (1, 'anton', 3), (1, 'berta', 4)",
    ),
}


def of_groupware(groupware: Groupware) -> ConfigDb:
    return ConfigDb(read_address(groupware.etc / "configdb.properties", groupware.etc / "system.properties"))


def of_our_own(groupware: Groupware) -> ConfigDb:
    databases = open_databases(None, groupware.etc, login=OWN)
    assert isinstance(databases, ConfigDb)
    return databases


@pytest.fixture(scope="module")
def shared(mariadb: MariaDbServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Groupware]:
    """With tables of the groupware in one of its schemas."""
    with Groupware.made(mariadb, tmp_path_factory.mktemp("etc")) as made:
        (made.etc / "eas.properties").write_text("")
        for end, statements in OF_GROUPWARE.items():
            for statement in statements:
                made.server.execute(statement, database=made.schema(end))
        yield made


@pytest.fixture
def filled(shared: Groupware) -> Iterator[Groupware]:
    """Where the groupware's own user may grant, and has not yet."""
    shared.server.execute("GRANT ALL ON *.* TO %s@'127.0.0.1' WITH GRANT OPTION", USER)
    yield shared
    shared.server.execute("REVOKE GRANT OPTION ON *.* FROM %s@'127.0.0.1'", USER)
    shared.server.execute("DROP USER IF EXISTS %s@'%%', admin@'127.0.0.1'", OWN.user)


@pytest.fixture
def administrated(shared: Groupware) -> Iterator[Groupware]:
    """Where only somebody else may grant."""
    shared.server.execute("CREATE USER admin@'127.0.0.1' IDENTIFIED BY 'sec:ret'")
    shared.server.execute("GRANT ALL ON *.* TO admin@'127.0.0.1' WITH GRANT OPTION")
    yield shared
    shared.server.execute("DROP USER IF EXISTS %s@'%%', admin@'127.0.0.1'", OWN.user)


def granted(groupware: Groupware, administrator: Login | None = None) -> list[str]:
    """Grants everything; what could not be, as the tables are not there."""
    databases = of_groupware(groupware)
    try:
        return [
            name
            for url, wanted in rights.needed(databases).items()
            for name in rights.grant(url, administrator, OWN, rights.ANYWHERE, wanted)
        ]
    finally:
        databases.close()


@pytest.fixture
def own(filled: Groupware) -> Iterator[ConfigDb]:
    """The databases as our user has them."""
    granted(filled)
    databases = of_our_own(filled)
    yield databases
    databases.close()


@contextmanager
def as_own(groupware: Groupware, end: str) -> Iterator[Connection]:
    url = URL.create("mysql+pymysql", OWN.user, OWN.password, "127.0.0.1", groupware.server.port)
    with single_use_engine(url.set(database=groupware.schema(end))).connect() as connection:
        yield connection


def test_tables_are_made_and_used_and_names_are_found(own: ConfigDb) -> None:
    store = SqlStateStore(own)
    store.begin(SESSION, 1, "g", "")
    store.write_fields(SESSION, {"a": "b"})
    assert store.fields(SESSION) == {"a": "b"}
    assert own.context_named("example.org") == 1
    assert own.user_named(1, "anton") == 3
    assert own.known_contexts() == {1, 2, 3}
    own.check()


def test_each_migration_works_with_what_is_granted(own: ConfigDb, filled: Groupware) -> None:
    filled.server.execute("DROP TABLE IF EXISTS " + ", ".join(OURS), database=filled.schema("5"))
    (schema, _) = own.schemas()
    engine = own.unprepared(schema).migration_engine()
    assert migrate(engine, schema.name)
    assert status(engine, schema.name).ready
    tables = {str(name) for (name,) in filled.server.execute("SHOW TABLES", database=filled.schema("5"))}
    assert {right.table for right in rights.of_schema("x")} <= tables


def test_deleted_users_are_found_by_the_tables_of_the_groupware(own: ConfigDb) -> None:
    store = SqlStateStore(own)
    for user in (3, 99):
        store.write_fields(SessionId(1, user, "EAS", "device"), {"a": "b"})
    found = gone(own, own.schemas()[0])
    assert found is not None
    assert found.users == ((1, 99),)


REFUSED = {
    "configdb": (
        "SELECT * FROM db_pool",
        "SELECT password FROM db_pool",
        "SELECT login FROM db_pool",
        "SELECT filestore_passwd FROM context",
        "UPDATE db_pool SET url = 'x'",
        "DELETE FROM context_server2db_pool",
        "INSERT INTO context_server2db_pool VALUES (9, 9, 9, 9, 'x')",
        "CREATE TABLE x (a INT)",
    ),
    "5": (
        "SELECT userPassword FROM user",
        "SELECT mail FROM user",
        "UPDATE login2user SET uid = 'x'",
        "INSERT INTO user VALUES (1, 5, 'x', 'x')",
        "DELETE FROM user",
        "SELECT * FROM prg_contacts",
        "DROP TABLE prg_contacts",
        "ALTER TABLE prg_contacts ADD b INT",
        "CREATE TABLE x (a INT)",
        "DROP TABLE USMSession",
        "CREATE TRIGGER t BEFORE INSERT ON USMSession FOR EACH ROW SET @a = 1",
        "CREATE VIEW v AS SELECT 1",
        "GRANT SELECT ON USMSession TO CURRENT_USER",
        "CREATE USER somebody",
        "SELECT * FROM mysql.user",
        "SELECT 1 INTO OUTFILE '/tmp/x'",
        "SELECT * FROM mysql.global_priv",
    ),
}


@pytest.mark.parametrize("end", REFUSED)
def test_whatever_else_is_asked_is_refused(own: ConfigDb, filled: Groupware, end: str) -> None:
    SqlStateStore(own).write_fields(SESSION, {"a": "b"})
    with as_own(filled, end) as connection:
        assert [statement for statement in REFUSED[end] if not _is_refused(connection, statement)] == []


def _is_refused(connection: Connection, statement: str) -> bool:
    """Whether it is for lack of rights, and for nothing else."""
    try:
        connection.execute(text(statement))
    except (DBAPIError, pymysql.Error) as error:
        return any(word in str(error) for word in ("denied", "privilege"))
    return False


def test_other_schemas_are_not_even_seen(own: ConfigDb, filled: Groupware) -> None:
    with filled.server.database() as foreign, as_own(filled, "5") as connection:
        shown = {str(name) for name in connection.scalars(text("SHOW DATABASES"))}
        assert foreign not in shown
        with pytest.raises(Exception, match="denied"):
            connection.execute(text(f"USE `{foreign}`"))


@contextmanager
def complete(groupware: Groupware) -> Iterator[None]:
    """The other schema has the tables of the groupware too."""
    for statement in OF_GROUPWARE["5"][:2]:
        groupware.server.execute(statement, database=groupware.schema("6"))
    yield
    groupware.server.execute("DROP TABLE user, login2user", database=groupware.schema("6"))


def test_what_is_granted_already_is_known_without_an_administrator(filled: Groupware) -> None:
    databases = of_groupware(filled)
    ((url, wanted),) = rights.needed(databases).items()
    assert rights.lacking(url, OWN, wanted) == wanted
    assert rights.grant(url, None, OWN, rights.ANYWHERE, wanted) == [
        f"{filled.schema('6')}.user",
        f"{filled.schema('6')}.login2user",
    ]
    assert {right.table for right in rights.lacking(url, OWN, wanted)} == {"user", "login2user"}
    with complete(filled):
        assert rights.grant(url, None, OWN, rights.ANYWHERE, wanted) == []
        assert rights.lacking(url, OWN, wanted) == []
    databases.close()


def test_a_schema_that_is_new_lacks_its_rights(own: ConfigDb, filled: Groupware) -> None:
    with filled.server.database(filled.schema("7")) as name:
        filled.configdb("INSERT INTO context_server2db_pool VALUES (7, 2, 5, 4, %s)", name)
        databases = of_groupware(filled)
        ((url, wanted),) = rights.needed(databases).items()
        assert {right.schema for right in rights.lacking(url, OWN, wanted)} == {filled.schema("6"), name}
        databases.close()
        with pytest.raises(StoreUnavailable, match="denied"):
            SqlStateStore(own).fields(SessionId(7, 1, "EAS", "device"))
        filled.configdb("DELETE FROM context_server2db_pool WHERE cid = 7")


def test_a_password_that_changes_is_taken_over(filled: Groupware) -> None:
    granted(filled)
    databases = of_groupware(filled)
    ((url, wanted),) = rights.needed(databases).items()
    other = Login(OWN.user, "another")
    assert rights.lacking(url, other, wanted) == wanted
    rights.grant(url, None, other, rights.ANYWHERE, wanted)
    assert len(rights.lacking(url, other, wanted)) < len(wanted)
    databases.close()


def test_the_groupwares_user_may_not_be_able_to_grant_and_then_another_does(administrated: Groupware) -> None:
    with pytest.raises(StoreUnavailable):
        granted(administrated)
    granted(administrated, Login("admin", "sec:ret"))
    databases = of_our_own(administrated)
    SqlStateStore(databases).write_fields(SESSION, {"a": "b"})
    databases.close()


def test_no_login_shows_its_password(own: ConfigDb) -> None:
    assert OWN.password not in repr(OWN)
    assert PASSWORD not in repr(own.address)
    assert Login.of("", "x") is None


def usmctl(groupware: Groupware, *words: str, given: str = "", user: str = OWN.user) -> Result:
    escaped = OWN.password.replace("\\", "\\\\")
    (groupware.etc / "usm.properties").write_text(
        f"com.openexchange.usm.database.user={user}\ncom.openexchange.usm.database.password={escaped}\n"
    )
    return CliRunner().invoke(command, ["--etc", str(groupware.etc), "db", *words], input=given)


def test_usmctl_grants_once_and_then_works_as_that_user(filled: Groupware) -> None:
    assert usmctl(filled, "grant", "--check").exit_code == TO_DO
    done = usmctl(filled, "grant")
    assert (done.exit_code, "granted" in done.output) == (0, True)
    with complete(filled):
        assert usmctl(filled, "grant").exit_code == 0
        assert usmctl(filled, "grant", "--check").exit_code == 0
    assert usmctl(filled, "upgrade").exit_code == 0
    filled.server.execute("DROP USER %s@'%%'", OWN.user)
    refused = usmctl(filled, "status")
    assert refused.exit_code != 0
    assert OWN.password not in refused.output


def test_usmctl_takes_an_administrator_from_its_input(administrated: Groupware) -> None:
    assert usmctl(administrated, "grant").exit_code == 1
    done = usmctl(administrated, "grant", "--admin", given="admin:sec:ret\n")
    assert done.exit_code == 0, done.output


def test_usmctl_prints_what_an_administrator_may_carry_out(filled: Groupware) -> None:
    printed = usmctl(filled, "grant", "--sql").output
    assert OWN.password not in printed
    statements = [line.rstrip(";") for line in printed.splitlines() if line.startswith("GRANT ")]
    filled.server.execute("CREATE USER %s@'%%' IDENTIFIED BY %s", OWN.user, OWN.password)
    for statement in statements:
        if filled.schema("6") not in statement or "(" not in statement:
            filled.server.execute(statement)
    databases = of_our_own(filled)
    SqlStateStore(databases).write_fields(SESSION, {"a": "b"})
    databases.close()


def test_without_a_user_of_our_own_there_is_nothing_to_grant(filled: Groupware) -> None:
    done = usmctl(filled, "grant", user="")
    assert (done.exit_code, "nothing to grant" in done.output) == (1, True)
    assert usmctl(filled, "grant", "--admin", given="nobody").exit_code == 2
