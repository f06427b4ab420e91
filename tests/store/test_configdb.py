"""Finding a context's own schema as the groupware does."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.store import DatabaseSettingsError, SingleDatabase, SqlStateStore, UnknownContext, open_databases
from app.store.configdb import EXPIRY, ConfigDb
from app.store.database import Schema
from app.store.jdbc import parse_jdbc, read_address
from app.usm.errors import StoreUnavailable
from app.usm.model import SessionId
from tests.mariadb import PASSWORD, USER, MariaDbServer
from tests.store.groupware import Groupware

SESSION = SessionId(1, 3, "EAS", "device")


class Time:
    """Seconds that pass when told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def databases(groupware: Groupware, time: Time) -> Iterator[ConfigDb]:
    made = ConfigDb(
        read_address(groupware.etc / "configdb.properties", groupware.etc / "system.properties"),
        monotonic=time,
    )
    yield made
    made.close()


def rows(groupware: Groupware, end: str) -> list[tuple[object, ...]]:
    return groupware.server.execute(
        "SELECT cid, user, device FROM USMSession ORDER BY cid", database=groupware.schema(end)
    )


@pytest.mark.mariadb
class TestContexts:
    def test_each_context_is_kept_in_its_own_schema(self, groupware: Groupware, databases: ConfigDb) -> None:
        store = SqlStateStore(databases)
        for context in (1, 2, 3):
            store.begin(dataclasses.replace(SESSION, context_id=context), 1, "g", "")
        assert rows(groupware, "5") == [(1, 3, "device")]
        assert rows(groupware, "6") == [(2, 3, "device"), (3, 3, "device")]

    def test_only_schemas_that_are_used_get_tables(self, groupware: Groupware, databases: ConfigDb) -> None:
        SqlStateStore(databases).heads(SESSION, 1)
        assert groupware.server.execute("SHOW TABLES", database=groupware.schema("6")) == []

    def test_schemas_are_listed_once_each(self, groupware: Groupware, databases: ConfigDb) -> None:
        groupware.configdb("INSERT INTO context_server2db_pool VALUES (9, 3, 5, 4, 'elsewhere')")
        assert databases.schemas() == [Schema(groupware.schema("5"), 1), Schema(groupware.schema("6"), 2)]

    def test_schemas_on_one_server_share_its_connections(self, databases: ConfigDb) -> None:
        assert databases.engine(1).pool is databases.engine(2).pool

    def test_a_context_of_another_installation_is_unknown(
        self, groupware: Groupware, databases: ConfigDb
    ) -> None:
        groupware.configdb("INSERT INTO context_server2db_pool VALUES (9, 3, 5, 4, 'elsewhere')")
        with pytest.raises(UnknownContext, match=r"context 9 .* 'oxserver'"):
            databases.database(9)
        with pytest.raises(StoreUnavailable):
            SqlStateStore(databases).heads(dataclasses.replace(SESSION, context_id=10), 1)

    def test_a_context_that_was_just_made_is_found_at_once(
        self, groupware: Groupware, databases: ConfigDb
    ) -> None:
        with pytest.raises(UnknownContext):
            databases.database(9)
        groupware.configdb(
            "INSERT INTO context_server2db_pool VALUES (9, 2, 5, 4, %s)", groupware.schema("5")
        )
        assert databases.database(9).name == groupware.schema("5")

    def test_a_context_that_moved_is_followed_when_the_answer_expires(
        self, groupware: Groupware, databases: ConfigDb, time: Time
    ) -> None:
        assert databases.database(1).name == groupware.schema("5")
        groupware.configdb(
            "UPDATE context_server2db_pool SET db_schema = %s WHERE cid = 1", groupware.schema("6")
        )
        time.now += EXPIRY - 1
        assert databases.database(1).name == groupware.schema("5")
        time.now += 2
        assert databases.database(1).name == groupware.schema("6")

    def test_a_schema_that_is_missing_is_an_outage(self, groupware: Groupware, databases: ConfigDb) -> None:
        groupware.configdb("UPDATE context_server2db_pool SET db_schema = 'nowhere' WHERE cid = 1")
        with pytest.raises(StoreUnavailable, match="nowhere"):
            databases.database(1)

    def test_a_pool_with_a_bad_address_is_named(self, groupware: Groupware, databases: ConfigDb) -> None:
        groupware.configdb("UPDATE db_pool SET url = 'jdbc:oracle:thin' WHERE db_pool_id = 4")
        with pytest.raises(StoreUnavailable, match="db_pool 4: url"):
            databases.database(1)

    def test_the_state_is_the_same_through_the_schemas_own_url(
        self, groupware: Groupware, databases: ConfigDb
    ) -> None:
        SqlStateStore(databases).write_fields(SESSION, {"a": "b"})
        direct = SingleDatabase(groupware.server.url(groupware.schema("5")))
        assert SqlStateStore(direct).fields(SESSION) == {"a": "b"}
        direct.close()

    def test_both_ways_to_a_schema_lock_each_other_out(
        self, groupware: Groupware, databases: ConfigDb
    ) -> None:
        direct = SingleDatabase(groupware.server.url(groupware.schema("5")))
        store = SqlStateStore(direct, lock_timeout=0.2)
        with (
            SqlStateStore(databases).lock(SESSION, 1),
            pytest.raises(Exception, match="another request"),
            store.lock(SESSION, 1),
        ):
            pytest.fail("two writers at once")
        direct.close()


@pytest.mark.mariadb
def test_known_contexts_outlive_an_outage_of_the_configdb(tmp_path: Path, time: Time) -> None:
    with (
        MariaDbServer() as configdb,
        MariaDbServer() as data,
        Groupware.made(configdb, tmp_path) as groupware,
    ):
        groupware.configdb(
            "UPDATE db_pool SET url = %s WHERE db_pool_id = 4", f"jdbc:mysql://127.0.0.1:{data.port}/"
        )
        for end in ("5", "6"):
            data.execute(f"CREATE DATABASE {groupware.schema(end)}")
        address = read_address(tmp_path / "configdb.properties", tmp_path / "system.properties")
        databases = ConfigDb(address, monotonic=time)
        store = SqlStateStore(databases)
        store.write_fields(SESSION, {"a": "b"})
        databases.check()

        configdb.stop()
        time.now += EXPIRY + 1
        assert store.fields(SESSION) == {"a": "b"}
        with pytest.raises(StoreUnavailable):
            store.fields(dataclasses.replace(SESSION, context_id=2))
        with pytest.raises(StoreUnavailable, match="configdb"):
            databases.check()

        configdb.start()
        assert store.fields(dataclasses.replace(SESSION, context_id=2)) == {}
        data.stop()
        with pytest.raises(StoreUnavailable, match=rf"127\.0\.0\.1:{data.port}") as caught:
            databases.check()
        assert PASSWORD not in str(caught.value)
        databases.close()


@pytest.mark.mariadb
def test_a_wrong_password_is_an_outage_that_does_not_name_it(groupware: Groupware) -> None:
    groupware.write_properties(password="not the right one")
    databases = open_databases(None, groupware.etc)
    with pytest.raises(StoreUnavailable, match="1045") as caught:
        databases.database(1)
    assert "not the right one" not in str(caught.value)


# --- the files


def etc(path: Path, configdb: str | None, system: str | None = "SERVER_NAME=oxserver\n") -> Path:
    if configdb is not None:
        (path / "configdb.properties").write_text(configdb, encoding="latin-1")
    if system is not None:
        (path / "system.properties").write_text(system)
    return path


READ = "readUrl=jdbc:mysql://db1:3307/configdb?useUnicode=true\nreadProperty.1=user=openexchange\n"


def test_the_files_of_the_groupware_are_understood(tmp_path: Path) -> None:
    etc(
        tmp_path,
        READ + "readProperty.2=password=a=b\\\\c d\\u00e4\n"
        "writeUrl=jdbc:mysql://db2/configdb\nwriteProperty.1=user=x\n",
    )
    address = read_address(tmp_path / "configdb.properties", tmp_path / "system.properties")
    assert address.server_name == "oxserver"
    assert (address.url.host, address.url.port, address.url.database) == ("db1", 3307, "configdb")
    assert (address.url.username, address.url.password) == ("openexchange", "a=b\\c dä")


def test_the_write_side_stands_in_for_a_missing_read_side(tmp_path: Path) -> None:
    etc(tmp_path, "writeUrl=jdbc:mysql://db2/configdb\nwriteProperty.1=user=w\nwriteProperty.2=password=p\n")
    address = read_address(tmp_path / "configdb.properties", tmp_path / "system.properties")
    assert (address.url.host, address.url.username) == ("db2", "w")


@pytest.mark.parametrize(
    ("configdb", "system", "named"),
    [
        (None, "SERVER_NAME=x", "configdb.properties: No such file"),
        (READ, None, "system.properties: No such file"),
        ("", "SERVER_NAME=x", "readUrl is missing"),
        (READ, "", "SERVER_NAME is missing"),
        (READ.replace("/configdb", ""), "SERVER_NAME=x", "names no database"),
        (READ.replace("mysql", "oracle"), "SERVER_NAME=x", "not a URL of the form"),
        (READ.replace("db1:3307", "db1,db2"), "SERVER_NAME=x", "one host"),
        (READ.replace("3307", "33o7"), "SERVER_NAME=x", "port"),
        (READ.replace("db1", ""), "SERVER_NAME=x", "one host"),
        (READ.replace("useUnicode=true", "socketTimeout=soon"), "SERVER_NAME=x", "socketTimeout=soon"),
        (READ.replace("useUnicode=true", "sslMode=VERIFY_CA"), "SERVER_NAME=x", "sslMode=VERIFY_CA"),
        ("readUrl=\\u12\n", "SERVER_NAME=x", "configdb.properties"),
    ],
)
def test_a_fault_in_the_files_is_named(
    tmp_path: Path, configdb: str | None, system: str | None, named: str
) -> None:
    etc(tmp_path, configdb, system)
    with pytest.raises(DatabaseSettingsError, match=named) as caught:
        open_databases("", tmp_path)
    assert str(tmp_path) in str(caught.value)


def test_the_configdb_file_may_lie_elsewhere(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    for path in (ours, theirs):
        path.mkdir()
    etc(theirs, READ, None)
    etc(ours, None)
    assert isinstance(open_databases(None, ours, configdb=theirs / "configdb.properties"), ConfigDb)
    etc(theirs, None)
    assert isinstance(open_databases(None, None, configdb=theirs / "configdb.properties"), ConfigDb)


@pytest.mark.parametrize(
    ("jdbc", "expected"),
    [
        ("jdbc:mysql://db", {"host": "db", "port": 3306, "database": None}),
        ("jdbc:mysql://[::1]:3307/x", {"host": "::1", "port": 3307, "database": "x"}),
        ("jdbc:mariadb://db/?useSSL=false&autoReconnect=false", {"host": "db", "query": {}}),
        (
            "jdbc:mysql://db/?connectTimeout=15000&socketTimeout=500",
            {"query": {"connect_timeout": "15", "read_timeout": "1"}},
        ),
        ("jdbc:mysql://db/?socketTimeout=0", {"query": {}}),
        ("jdbc:mysql://db/?requireSSL=true", {"query": {"ssl_check_hostname": "false"}}),
        ("jdbc:mysql://db/?sslMode=REQUIRED", {"query": {"ssl_check_hostname": "false"}}),
    ],
)
def test_jdbc_urls_are_translated(jdbc: str, expected: dict[str, object]) -> None:
    url = parse_jdbc(jdbc, "u", "p@/:", "x")
    assert (url.username, url.password) == ("u", "p@/:")
    for name, value in expected.items():
        found = getattr(url, name)
        assert (dict(found) if name == "query" else found) == value


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("postgresql://u:secret@h/db", "postgresql"),
        ("not a url secret", "wanted is"),
        ("mysql+pymysql://u:secret@h:port/db", "wanted is"),
        ("mysql+pymysql://u:secret@h/", "names no database"),
        ("mysql+pymysql:///db", "names no host"),
    ],
)
def test_a_fault_in_a_database_url_is_named_without_its_password(url: str, named: str) -> None:
    with pytest.raises(DatabaseSettingsError, match=named) as caught:
        open_databases(url)
    assert "secret" not in str(caught.value)


def test_without_any_setting_it_says_what_is_wanted() -> None:
    with pytest.raises(DatabaseSettingsError, match=r"configdb\.properties"):
        open_databases(None)


def test_any_driver_name_of_mysql_will_do() -> None:
    for name in ("mysql", "mariadb", "mysql+pymysql", "mariadb+pymysql"):
        databases = SingleDatabase(f"{name}://{USER}@127.0.0.1/x")
        assert databases.schemas() == [Schema("x", None)]
