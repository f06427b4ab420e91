"""What a column may hold, read in one loop and by PyMySQL."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pymysql
import pytest

from app.store import wire
from tests.mariadb import MariaDbServer

pytestmark = pytest.mark.mariadb

KINDS = {
    "TINYINT": (0, -128, 127, None),
    "INT UNSIGNED": (0, 2**32 - 1),
    "BIGINT": (0, -(2**63), 2**63 - 1, None),
    "VARCHAR(200) CHARACTER SET utf8mb4": ("", "ä\U0001f4e7\n\0'\\", "x" * 200, None),
    "VARCHAR(200) CHARACTER SET latin1": ("", "äöü", None),
    "MEDIUMTEXT CHARACTER SET utf8mb4": ("", "ä" * 100, "b" * 70_000, None),
    "VARBINARY(300)": (b"", b"\0\xff\xfb\xfc\xfd\xfe", b"y" * 250, b"y" * 251, b"y" * 300, None),
    "MEDIUMBLOB": (b"", b"z" * 65_535, b"z" * 65_536, b"z" * 300_000, None),
    "DECIMAL(10, 2)": ("12.50", None),
    "DOUBLE": (0.5, -1e300, None),
    "DATETIME": ("2026-11-23 08:00:00", None),
    "DATE": ("2026-11-23", None),
    "TIME": ("-11:12:13", None),
    "YEAR": (2026, None),
    "BIT(3)": (5, None),
    "JSON": ('{"a": "ä"}', None),
    "ENUM('b', 'ä')": ("ä", None),
    "BOOLEAN": (True, False),
}


@pytest.fixture(scope="module")
def connection(mariadb: MariaDbServer) -> Iterator[Any]:
    with (
        mariadb.database() as name,
        contextlib.closing(connect(mariadb, name)) as connection,
    ):
        yield connection


def connect(server: MariaDbServer, name: str) -> Any:
    return pymysql.connect(
        unix_socket=str(server.socket), user="root", database=name, autocommit=True, charset="utf8mb4"
    )


def by_pymysql(connection: Any, sql: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


@pytest.mark.parametrize("kind", KINDS)
def test_a_value_is_what_pymysql_makes_of_it(connection: Any, kind: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE OR REPLACE TABLE t (n INT, v {kind})")
        cursor.executemany("INSERT INTO t VALUES (%s, %s)", list(enumerate(KINDS[kind])))
    sql = "SELECT v, n, v FROM t ORDER BY n"
    found = wire.rows(connection, sql)
    assert found == by_pymysql(connection, sql)
    assert [list(map(type, row)) for row in found] == [
        list(map(type, row)) for row in by_pymysql(connection, sql)
    ]
    assert len(found) == len(KINDS[kind])


def test_a_value_of_more_than_one_packet(connection: Any) -> None:
    # A packet holds 2**24 - 1 bytes, of which the lengths of these two values take 8.
    for second in range(2**23 - 11, 2**23 + 1):
        (row,) = wire.rows(connection, f"SELECT REPEAT('a', {2**23}), REPEAT('b', {second}), 4711")
        assert row == ("a" * 2**23, "b" * second, 4711)


def test_no_rows_no_columns_and_the_next_statement(connection: Any) -> None:
    assert wire.rows(connection, "SELECT 1 FROM DUAL WHERE 1 = 2") == []
    assert wire.rows(connection, "DO 1") == []
    assert by_pymysql(connection, "SELECT 4711") == wire.rows(connection, "SELECT 4711") == [(4711,)]


@pytest.mark.parametrize("sql", ["SELECT", "SELECT nothing", "SELECT (SELECT 1 UNION SELECT 2)"])
def test_an_error_is_that_of_pymysql(connection: Any, sql: str) -> None:
    with pytest.raises(pymysql.Error) as theirs:
        by_pymysql(connection, sql)
    with pytest.raises(theirs.type) as ours:
        wire.rows(connection, sql)
    assert ours.value.args == theirs.value.args
    assert wire.rows(connection, "SELECT 1") == [(1,)]


def test_an_error_in_the_middle_of_the_rows(connection: Any) -> None:
    rows = "SELECT 1 UNION ALL SELECT seq FROM seq_1_to_3000000"
    with pytest.raises(pymysql.Error) as raised:
        wire.rows(connection, f"SET STATEMENT max_statement_time = 0.05 FOR {rows}")
    assert raised.value.args[0] == 1969
    assert wire.rows(connection, "SELECT 1") == [(1,)]


@pytest.mark.parametrize("cut", [0, 3, 30, 200])
def test_a_connection_that_ends_anywhere(mariadb: MariaDbServer, connection: Any, cut: int) -> None:
    broken = connect(mariadb, connection.db.decode())
    broken._rfile = Short(broken._rfile, cut)
    with pytest.raises(pymysql.OperationalError) as raised:
        wire.rows(broken, "SELECT seq, REPEAT('a', 100) FROM seq_1_to_10")
    assert raised.value.args[0] == 2013
    assert not broken.open


def test_whoever_gives_up_leaves_no_open_connection(mariadb: MariaDbServer, connection: Any) -> None:
    for fault, seen in ((KeyboardInterrupt, KeyboardInterrupt), (TimeoutError, pymysql.OperationalError)):
        broken = connect(mariadb, connection.db.decode())
        broken._rfile = Short(broken._rfile, 40, fault)
        with pytest.raises(seen):
            wire.rows(broken, "SELECT seq FROM seq_1_to_10")
        assert not broken.open


def test_packets_in_the_wrong_order_end_the_connection(mariadb: MariaDbServer, connection: Any) -> None:
    broken = connect(mariadb, connection.db.decode())
    read_packet = broken._read_packet

    def and_skip_one() -> Any:
        packet = read_packet()
        broken._next_seq_id += 1
        return packet

    broken._read_packet = and_skip_one
    with pytest.raises(pymysql.OperationalError, match="in place of"):
        wire.rows(broken, "SELECT 1")
    assert not broken.open


class Short:
    """A file that ends, or fails, after so many bytes."""

    def __init__(self, file: Any, size: int, fault: type[BaseException] | None = None) -> None:
        self._file = file
        self._left = size
        self._fault = fault

    def read(self, size: int) -> bytes:
        data: bytes = self._file.read(size)[: self._left]
        self._left -= len(data)
        if self._fault and len(data) < size:
            raise self._fault
        return data

    def close(self) -> None:
        self._file.close()
