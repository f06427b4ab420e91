"""usmctl db check: tables and rows that are not as they should be are found, and nothing else."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from app.administration import examination
from app.administration.doctor import around
from app.administration.doctor.case import Case
from app.administration.findings import State
from app.eas import memory
from app.store import SingleDatabase, SqlStateStore, layers
from app.store.sealed import Ring
from app.store.tables import storage
from app.usm.model import ContentType, SessionId
from tests.fakes.clock import ManualClock
from tests.store.conftest import RING

PHONE = SessionId(1, 3, "EAS", "PHONE")
OTHER = SessionId(2, 4, "EAS", "OTHER")


@pytest.fixture
def databases(tmp_path: Path) -> Iterator[SingleDatabase]:
    made = SingleDatabase(f"sqlite:///{tmp_path / 'state.db'}")
    for of in (PHONE, OTHER):
        in_use(made, of)
    yield made
    made.close()


def in_use(databases: SingleDatabase, of: SessionId) -> None:
    """A device that holds three folders, one of them in several blocks, with a journal and a secret."""
    store = SqlStateStore(databases, ring=RING)
    refs = store.number_folders(of, [(str(each), ContentType.MAIL) for each in range(3)])
    for ref in refs:
        store.begin(of, ref.number, "generation", "")
        many = 5000 if (of, ref.number) == (PHONE, 2) else 5
        store.save(of, ref.number, 1, {f"item{each}": "1" for each in range(many)}, "record")
        store.write_journal(of, ref.number, "{}")
    store.keep_secret(of, memory.RECOVERY, "12345678")


def change(databases: SingleDatabase, statement: str, **values: object) -> None:
    # Outside of a transaction, for else SQLite keeps foreign keys.
    with databases.database(1).engine.connect() as connection:
        raw = connection.connection.driver_connection
        assert raw is not None
        raw.execute("PRAGMA foreign_keys = OFF")
        connection.execute(text(statement), values)
        connection.commit()
        raw.execute("PRAGMA foreign_keys = ON")


def found(
    databases: SingleDatabase, ring: Ring | None = RING, reads_blocks: bool = True
) -> dict[str, list[str]]:
    """What is not well: kind → sentences."""
    told: dict[str, list[str]] = {}
    for _, each in examination.check(databases, ring, reads_blocks):
        if each.state is not State.OK:
            told.setdefault(each.name, []).append(each.text)
    return told


def test_what_is_sound_is_found_so(databases: SingleDatabase) -> None:
    assert found(databases) == {}


def test_tables_that_are_missing_are_all_there_is_to_say(tmp_path: Path) -> None:
    databases = SingleDatabase(f"sqlite:///{tmp_path / 'new.db'}", auto_migrate=False)
    assert list(found(databases)) == ["revision"]
    databases.close()


def test_a_database_that_does_not_answer_is_told(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    path.write_bytes(b"no database, but long enough to be taken for a damaged one" * 100)
    databases = SingleDatabase(f"sqlite:///{path}")
    assert list(found(databases)) == ["database"]
    databases.close()


@pytest.mark.parametrize(
    ("damage", "kind", "words"),
    [
        ("ALTER TABLE USMSession DROP COLUMN decided", "tables", "lacks the column decided"),
        ("DROP TABLE usmAppPassword", "tables", "usmAppPassword is missing"),
        ("DROP INDEX USMSession_decided", "tables", "lacks the index USMSession_decided"),
    ],
)
def test_a_table_that_was_changed_by_hand_is_found(
    databases: SingleDatabase, damage: str, kind: str, words: str
) -> None:
    if "DROP COLUMN" in damage:
        change(databases, "DROP INDEX USMSession_decided")
    change(databases, damage)
    assert any(words in each for each in found(databases)[kind])


def test_a_table_of_another_build_is_found(databases: SingleDatabase) -> None:
    change(databases, "DROP TABLE usmUserField")
    change(
        databases,
        "CREATE TABLE usmUserField (cid INTEGER, user TEXT, field VARCHAR(128) NOT NULL, value TEXT)",
    )
    sentences = " ".join(found(databases)["tables"])
    for words in ("user as TEXT", "cid with NULL", "primary key ()"):
        assert words in sentences


def test_rows_without_a_session_are_found(databases: SingleDatabase) -> None:
    change(databases, "DELETE FROM USMSession WHERE cid = 2")
    orphans = found(databases)["orphans"]
    assert [each.split(":")[0] for each in sorted(orphans)] == [
        "USMDataStorage",
        "USMSessionFields",
        "usmIdMapping",
    ]


def test_items_without_a_key_are_found(databases: SingleDatabase) -> None:
    change(databases, "DELETE FROM USMDataStorage WHERE block = -1 AND folder = 2 AND cid = 1")
    assert found(databases) == {"keys": ["context 1 user 3 device PHONE folder 2: has items and no key"]}


def test_a_folder_that_cannot_be_found_by_its_id_is_found(databases: SingleDatabase) -> None:
    change(databases, "UPDATE usmIdMapping SET digest = 'moving 3' WHERE number = 3 AND cid = 2")
    assert found(databases) == {
        "folder numbers": ["context 2 user 4 device OTHER folder 3: is not found by its id"]
    }


@pytest.mark.parametrize(
    ("block", "data"),
    [
        (-1, b"not packed"),
        (-1, layers.pack(["too", "few"])),
        (-2, layers.pack(["no", "text"])),
        (1, layers.pack({"no": "list"})),
        (1, layers.pack([["a"], ["1", "2"]])),
        (1, layers.pack([["a"], ["1"]])),
        (0, b""),
    ],
)
def test_a_block_that_cannot_be_read_is_found(databases: SingleDatabase, block: int, data: bytes) -> None:
    change(
        databases,
        "UPDATE USMDataStorage SET data = :data WHERE cid = 1 AND folder = 2 AND block = :block",
        data=data,
        block=block,
    )
    assert found(databases) == {"blocks": ["context 1 user 3 device PHONE folder 2: cannot be read"]}
    assert found(databases, reads_blocks=False) == {}


def test_more_trouble_than_anybody_reads_is_counted(databases: SingleDatabase) -> None:
    def work(connection: Connection) -> None:
        row = {"cid": 1, "counter": 1, "block": 0, "entries": 1, "data": b"?"}
        number = connection.scalar(text("SELECT id FROM USMSession WHERE cid = 1"))
        for folder in range(10, 40):
            connection.execute(storage.insert().values(session=number, folder=folder, **row))

    databases.database(1).write(work)
    told = found(databases)["blocks"]
    assert len(told) == examination.NAMED + 1
    assert told[-1] == "10 more folders cannot be read"


def test_all_of_very_many_devices_are_read(databases: SingleDatabase) -> None:
    store = SqlStateStore(databases)
    for number in range(45):
        store.begin(SessionId(3, number, "EAS", "PHONE"), 1, "generation", "")
    change(databases, "UPDATE USMDataStorage SET data = x'00' WHERE cid = 3")
    read: list[int] = []
    kinds = [
        each for _, each in examination.check(databases, RING, True, read.append) if each.name == "blocks"
    ]
    assert sum(read) == 47
    assert kinds[-1].text == f"{45 - examination.NAMED} more folders cannot be read"


def test_a_secret_that_no_key_opens_is_found(databases: SingleDatabase) -> None:
    for ring in (None, Ring([secrets.token_bytes(32)])):
        told = found(databases, ring)["secrets"]
        assert [each.split(":")[0] for each in told] == [
            "context 1 user 3 device PHONE",
            "context 2 user 4 device OTHER",
        ]
        assert "12345678" not in " ".join(told)


@pytest.mark.mariadb
def test_mariadb_says_what_engine_and_character_set_are(used_mariadb_url: str) -> None:
    databases = SingleDatabase(used_mariadb_url)
    database = databases.database(1)
    assert found(databases) == {}
    change = "ALTER TABLE usmUserField"
    try:
        with database.engine.connect() as connection:
            connection.execute(text(f"{change} ENGINE=Aria"))
            connection.execute(text(f"{change} MODIFY field VARCHAR(128) CHARACTER SET latin1 NOT NULL"))
        told = " ".join(found(databases)["tables"])
        assert "usmUserField is a table of Aria, wanted is InnoDB" in told
        assert "LATIN1" in told
    finally:
        with database.engine.connect() as connection:
            kind = "VARCHAR(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL"
            connection.execute(text(f"{change} MODIFY field {kind}"))
            connection.execute(text(f"{change} ENGINE=InnoDB"))
        assert found(databases) == {}
        databases.close()


@pytest.mark.mariadb
def test_the_doctor_hears_of_mariadb_all_but_the_password(used_mariadb_url: str, tmp_path: Path) -> None:
    databases = SingleDatabase(used_mariadb_url)
    databases.database(1)
    told = {each.name: each for each in around.database(Case(tmp_path, ManualClock(), databases=databases))}
    databases.close()
    assert {name: each.state for name, each in told.items()} == {
        "schema": State.OK,
        "database server": told["database server"].state,  # slow, on a busy machine
        "database clock": State.OK,
        "grants": State.OK,
    }
    assert "MariaDB" in told["database server"].text
    assert not any("p@ss" in each.text or "IDENTIFIED" in each.text for each in told.values())
