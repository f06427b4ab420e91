"""The legacy tables on a real MariaDB: made, filled, told apart, dropped in the guide's order and in no other."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pymysql
import pytest

from lab.packages import legacy
from tests.mariadb import MariaDbServer, is_installed

pytestmark = [
    pytest.mark.mariadb,
    pytest.mark.skipif(not is_installed(), reason="Debian's mariadb-server is not installed"),
]


class Schema:
    """One schema; statements run one after the other in one session."""

    def __init__(self, server: MariaDbServer, name: str) -> None:
        self.server, self.name = server, name

    def run(self, *statements: str) -> None:
        """As a driver does."""
        for statement in statements:
            self.server.execute(statement, database=self.name)

    def query(self, statement: str) -> list[tuple[object, ...]]:
        """Rows as a driver returns them."""
        return self.server.execute(statement, database=self.name)

    def client(self, text: str) -> list[list[str]]:
        """As the ``mariadb`` client does, and its rows."""
        command = ["mariadb", "--no-defaults", f"--socket={self.server.socket}", "--user=root", "--batch"]
        done = subprocess.run(
            [*command, "--skip-column-names", self.name],
            input=text,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return [line.split("\t") for line in done.stdout.splitlines()]

    def picture(self) -> dict[str, list[tuple[str, ...]]]:
        """All of it."""
        return legacy.picture(self.query)


@pytest.fixture
def schema(maria: MariaDbServer) -> Iterator[Schema]:
    """An empty one."""
    with maria.database() as name:
        yield Schema(maria, name)


def test_they_are_the_guides_and_making_them_twice_changes_nothing(schema: Schema) -> None:
    for _ in range(2):
        schema.run(*legacy.create_statements())
    tables = {row[0] for row in schema.query("SHOW TABLES")}
    assert tables == set(legacy.TABLES)
    assert set(schema.picture()) == {*legacy.TABLES, *legacy.PROCEDURES}


def test_the_guides_order_is_the_one_that_works(schema: Schema) -> None:
    schema.run(*legacy.create_statements(), *legacy.fill_statements([2]))
    with pytest.raises(pymysql.IntegrityError):
        schema.run("DROP TABLE USMSession")
    schema.run(*legacy.drop_statements())
    assert schema.picture() == {}


def test_some_hundred_rows_of_every_kind_are_the_same_for_the_same_seed(
    schema: Schema, maria: MariaDbServer
) -> None:
    schema.run(*legacy.create_statements())
    schema.client(";\n".join(legacy.fill_statements([2, 3])))
    with maria.database() as name:
        other = Schema(maria, name)
        other.run(*legacy.create_statements(), *legacy.fill_statements([2, 3]))
        assert other.picture() == schema.picture()
        other.run(*legacy.fill_statements([2], seed=2))
        assert other.picture() != schema.picture()
    for table in legacy.TABLES:
        assert len(schema.query(f"SELECT 1 FROM {table}")) >= 2, table
    stored = schema.query("SELECT note, element, lastModified + 0 FROM USMDataStorage")
    assert len(stored) > 150
    assert any("🦄" in str(note) for note, _, _ in stored)
    assert {bytes(range(256)), b"", None} <= {element for _, element, _ in stored}
    assert {0, None} <= {moment and int(str(moment)) for _, _, moment in stored if moment in (0, 0.0, None)}


def test_a_picture_shows_the_smallest_change(schema: Schema) -> None:
    schema.run(*legacy.create_statements(), *legacy.fill_statements([2]))
    before = schema.picture()
    assert legacy.picture(schema.client) == before
    for change in (
        "UPDATE USMDataStorage SET note = CONCAT(note, ' ') LIMIT 1",
        "UPDATE USMSessionFields SET value = NULL WHERE value IS NOT NULL LIMIT 1",
        "ALTER TABLE usmIdMapping MODIFY longId VARCHAR(191) NOT NULL",
        "ALTER TABLE easUIDMapping DROP FOREIGN KEY easUIDMapping_ibfk_1",
        "DROP PROCEDURE get_sequence_usmIdMapping_id",
    ):
        schema.run(change)
        after = schema.picture()
        assert after != before, change
        before = after


def test_the_procedures_count_from_where_the_rows_end(schema: Schema) -> None:
    schema.run(*legacy.create_statements())
    assert schema.query("CALL get_sequence_usmSessionId_id(2)") == [(1,)]
    schema.run(*legacy.fill_statements([2]))
    (number,) = schema.query("CALL get_sequence_usmSessionId_id(2)")[0]
    (newest,) = schema.query("SELECT MAX(usmSessionId) FROM USMSession")[0]
    assert int(str(number)) > int(str(newest))


def test_a_dump_of_them_can_be_restored(schema: Schema, maria: MariaDbServer) -> None:
    schema.run(*legacy.create_statements(), *legacy.fill_statements([1, 2]))
    command = ["mariadb-dump", "--no-defaults", f"--socket={maria.socket}", "--user=root", "--routines"]
    command += ["--hex-blob", "--default-character-set=utf8mb4", schema.name]
    dump = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    with maria.database() as name:
        restored = Schema(maria, name)
        restored.client("SET sql_mode = '';\n" + dump)
        assert restored.picture() == schema.picture()
