"""What an earlier product left in the schemas: saved, tried out, dropped, brought back, whatever comes in between."""

from __future__ import annotations

import json
import os
import resource
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pymysql
import pytest
from sqlalchemy import text

from app.store import open_databases
from app.store.legacy import LegacyError, Place, drop, look, places, restore, save, verify
from app.store.legacy.archive import Archive, Entry
from app.store.legacy.client import options
from app.store.migrations import migrate, status
from lab.packages import legacy
from tests.mariadb import MariaDbServer, is_installed
from tests.store.groupware import Groupware

pytestmark = [
    pytest.mark.mariadb,
    pytest.mark.skipif(not is_installed(), reason="Debian's package mariadb-server-core is not installed"),
]

ROOT = Path(__file__).resolve().parents[2]

NUMBER = 216
"""Open-Xchange's version number of both schemas."""


def silent(key: str, line: str) -> None:
    """Nobody listens."""


@dataclass
class Heard:
    """The steps that were told."""

    lines: list[str] = field(default_factory=list)

    def __call__(self, key: str, line: str) -> None:
        self.lines.append(line)

    def drops(self) -> list[str]:
        return [line.split()[-1] for line in self.lines if line.startswith("DROP ")]


@dataclass
class Installation:
    """A groupware with two schemas in which an earlier product has worked."""

    groupware: Groupware
    ends: Sequence[str]
    places: list[Place]
    folder: Path
    connections: dict[str, pymysql.Connection[Any]] = field(default_factory=dict)

    @property
    def server(self) -> MariaDbServer:
        return self.groupware.server

    def sql(self, statement: str, end: str = "5") -> list[tuple[object, ...]]:
        """Over one connection for each schema: making one takes longer than most statements."""
        try:
            return self._execute(statement, end)
        except (pymysql.OperationalError, pymysql.InterfaceError):
            # A test has killed the server since.
            del self.connections[end]
            return self._execute(statement, end)

    def _execute(self, statement: str, end: str) -> list[tuple[object, ...]]:
        if end not in self.connections:
            self.connections[end] = pymysql.connect(
                unix_socket=str(self.server.socket),
                user="root",
                database=self.groupware.schema(end),
                autocommit=True,
                charset="utf8mb4",
            )
        with self.connections[end].cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall())

    def fill(self) -> None:
        for number, end in enumerate(self.ends, start=1):
            for statement in (*legacy.create_statements(), *legacy.fill_statements([number])):
                self.sql(statement, end)

    def picture(self) -> list[dict[str, list[tuple[str, ...]]]]:
        """Everything that the earlier product has, down to the bytes."""
        return [legacy.picture(lambda statement, end=end: self.sql(statement, end)) for end in self.ends]

    def numbers(self) -> list[object]:
        return [self.sql("SELECT version FROM version", end)[0][0] for end in self.ends]

    def schemas(self) -> set[str]:
        return {str(row[0]) for row in self.server.execute("SHOW DATABASES")}

    def migrate(self) -> None:
        for place in self.places:
            engine = open_databases(place.url.render_as_string(hide_password=False)).engine(0)
            migrate(engine, place.schema)

    def manifest(self) -> dict[str, Any]:
        read: dict[str, Any] = json.loads((self.folder / "manifest.json").read_text())
        return read

    def upgrade(self, reset: int | None = 33) -> None:
        save(self.places, self.folder, silent)
        drop(self.places, self.folder, reset, silent)


@contextmanager
def installed(server: MariaDbServer, tmp_path: Path, *ends: str) -> Iterator[Installation]:
    etc = tmp_path / "etc"
    etc.mkdir()
    with Groupware.made(server, etc) as groupware:
        if "6" not in ends:
            groupware.configdb("DELETE FROM context_server2db_pool WHERE cid > 1")
        databases = open_databases(None, etc)
        made = Installation(groupware, ends, places([databases]), tmp_path / "backup")
        for end in ends:
            made.sql("CREATE TABLE version (version INT UNSIGNED, locked BOOLEAN, server VARCHAR(128))", end)
            made.sql(f"INSERT INTO version VALUES ({NUMBER}, 0, 'ox1')", end)
        made.fill()
        yield made
        databases.close()
        for connection in made.connections.values():
            connection.close()


@pytest.fixture
def installation(mariadb: MariaDbServer, tmp_path: Path) -> Iterator[Installation]:
    """One schema."""
    with installed(mariadb, tmp_path, "5") as made:
        yield made


@pytest.fixture
def two_schemas(mariadb: MariaDbServer, tmp_path: Path) -> Iterator[Installation]:
    with installed(mariadb, tmp_path, "5", "6") as made:
        yield made


def killed_at(step: int, work: Callable[[Callable[[str, str], None]], object]) -> bool:
    """Does the work in a process of its own, which is killed when it tells its step of that number; whether it was."""
    process = os.fork()
    if process == 0:
        told = 0

        def tell(key: str, line: str) -> None:
            nonlocal told
            told += 1
            if told == step:
                os.kill(os.getpid(), signal.SIGKILL)

        with suppress(BaseException):
            work(tell)
            os._exit(0)
        os._exit(1)
    _, ended = os.waitpid(process, 0)
    assert os.WIFSIGNALED(ended) or os.WEXITSTATUS(ended) == 0
    return os.WIFSIGNALED(ended)


def test_what_was_saved_and_dropped_comes_back_as_it_was(two_schemas: Installation) -> None:
    before = two_schemas.picture()
    two_schemas.upgrade()
    assert two_schemas.picture() == [{}, {}]
    assert two_schemas.numbers() == [33, 33]
    two_schemas.migrate()
    two_schemas.sql("INSERT INTO USMSession VALUES (1, 9, 3, 'EAS', 'new phone', 0, 0, NULL, NULL)")
    done = restore(two_schemas.places, two_schemas.folder, silent)
    assert set(done.values()) == {"restored"}
    assert two_schemas.picture() == before
    assert two_schemas.numbers() == [NUMBER, NUMBER]
    assert not two_schemas.sql("SHOW TABLES LIKE 'usmSchemaVersion'")
    (ours,) = two_schemas.folder.glob("replaced-*")
    kept = json.loads((ours / "manifest.json").read_text())["schemas"]
    assert kept[two_schemas.places[0].key]["tables"]["USMSession"]["rows"] == 1


def test_after_a_rollback_the_same_upgrade_works_again(installation: Installation) -> None:
    before = installation.picture()
    for _ in range(2):
        installation.upgrade()
        assert installation.numbers() == [33]
        installation.migrate()
        restore(installation.places, installation.folder, silent)
        assert installation.picture() == before


def test_everything_is_done_once(installation: Installation) -> None:
    save(installation.places, installation.folder, silent)
    files = {path: path.stat().st_ino for path in installation.folder.iterdir()}
    heard = Heard()
    assert set(save(installation.places, installation.folder, heard).values()) == {"unchanged"}
    assert {path: path.stat().st_ino for path in installation.folder.iterdir()} == files
    assert heard.lines == []
    drop(installation.places, installation.folder, 33, silent)
    installation.sql("UPDATE version SET version = 217")  # the groupware has run its update tasks
    for work in (
        lambda: save(installation.places, installation.folder, heard),
        lambda: drop(installation.places, installation.folder, 33, heard),
    ):
        assert set(work().values()) == {"unchanged"}
    assert installation.numbers() == [217]
    restore(installation.places, installation.folder, silent)
    assert set(restore(installation.places, installation.folder, heard).values()) == {"unchanged"}
    assert heard.lines == []


def test_tables_and_procedures_are_dropped_in_the_order_of_the_guide(two_schemas: Installation) -> None:
    save(two_schemas.places, two_schemas.folder, silent)
    heard = Heard()
    drop(two_schemas.places, two_schemas.folder, 33, heard)
    assert heard.drops() == [*legacy.TABLES, *legacy.PROCEDURES] * 2


def test_only_the_owner_can_look_into_the_folder(installation: Installation) -> None:
    before = os.umask(0)
    try:
        save(installation.places, installation.folder, silent)
    finally:
        os.umask(before)
    assert stat.S_IMODE(installation.folder.stat().st_mode) == 0o700
    files = list(installation.folder.iterdir())
    assert len(files) == 2
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


def test_the_manifest_tells_what_was_saved(installation: Installation) -> None:
    save(installation.places, installation.folder, silent)
    told = installation.manifest()
    assert told["complete"]
    entry = told["schemas"][installation.places[0].key]
    assert entry["version"] == NUMBER
    assert entry["verified"]
    assert list(entry["tables"]) == list(legacy.TABLES)
    assert entry["tables"]["USMSession"]["rows"] == installation.sql("SELECT COUNT(*) FROM USMSession")[0][0]
    assert list(entry["procedures"]) == list(legacy.PROCEDURES)
    assert (installation.folder / entry["dump"]["file"]).stat().st_size == entry["dump"]["bytes"]
    assert "MariaDB" in entry["server_version"]


def test_a_schema_without_anything_is_told_so_and_left_alone(two_schemas: Installation) -> None:
    for statement in legacy.drop_statements():
        two_schemas.sql(statement, "6")
    two_schemas.upgrade()
    second = two_schemas.manifest()["schemas"][two_schemas.places[1].key]
    assert second["tables"] == {}
    assert second["dump"] is None
    assert two_schemas.numbers() == [33, 33]
    restore(two_schemas.places, two_schemas.folder, silent)
    assert two_schemas.numbers() == [NUMBER, NUMBER]


def refused(work: Callable[[], object]) -> str:
    with pytest.raises(LegacyError) as told:
        work()
    return str(told.value)


def test_nothing_is_dropped_that_was_not_saved(two_schemas: Installation, tmp_path: Path) -> None:
    before = two_schemas.picture()
    empty = tmp_path / "empty"
    empty.mkdir()
    for folder in (tmp_path / "nowhere", empty):
        said = refused(partial(drop, two_schemas.places, folder, 33, silent))
        assert "nothing was saved" in said
    save(two_schemas.places[:1], two_schemas.folder, silent)
    said = refused(lambda: drop(two_schemas.places, two_schemas.folder, 33, silent))
    assert two_schemas.places[1].key in said
    assert two_schemas.picture() == before
    assert two_schemas.numbers() == [NUMBER, NUMBER]


def test_nothing_is_dropped_that_was_not_tried_out(two_schemas: Installation) -> None:
    before = two_schemas.picture()
    save(two_schemas.places, two_schemas.folder, silent)
    told = two_schemas.manifest()
    told["schemas"][two_schemas.places[1].key]["verified"] = ""
    (two_schemas.folder / "manifest.json").write_text(json.dumps(told))
    assert "not verified" in refused(lambda: drop(two_schemas.places, two_schemas.folder, 33, silent))
    assert two_schemas.picture() == before
    assert set(save(two_schemas.places, two_schemas.folder, silent).values()) == {
        "unchanged",
        "saved and verified",
    }


def test_nothing_is_dropped_whose_dump_was_damaged_since(installation: Installation) -> None:
    before = installation.picture()
    save(installation.places, installation.folder, silent)
    dump = (
        installation.folder / installation.manifest()["schemas"][installation.places[0].key]["dump"]["file"]
    )
    content = bytearray(dump.read_bytes())
    content[len(content) // 2] ^= 1
    dump.write_bytes(content)
    assert "checksum" in refused(lambda: drop(installation.places, installation.folder, 33, silent))
    assert "checksum" in refused(lambda: restore(installation.places, installation.folder, silent))
    assert installation.picture() == before
    save(installation.places, installation.folder, silent)  # the tables are still there: a new dump
    assert set(verify(installation.places, installation.folder, silent).values()) == {"verified"}


@pytest.mark.parametrize(
    "change",
    [
        "INSERT INTO sequence_usmIdMapping VALUES (77, 1)",
        "UPDATE USMDataStorage SET note = 'other' WHERE objectId = 'large'",
        "ALTER TABLE easUIDMapping ADD COLUMN more INT",
        "DROP PROCEDURE get_sequence_usmIdMapping_id; CREATE PROCEDURE get_sequence_usmIdMapping_id() SELECT 1",
    ],
)
def test_nothing_is_dropped_that_has_changed_since(installation: Installation, change: str) -> None:
    save(installation.places, installation.folder, silent)
    for statement in change.split("; "):
        installation.sql(statement)
    before = installation.picture()
    said = refused(lambda: drop(installation.places, installation.folder, 33, silent))
    assert "Nothing of it was dropped" in said
    assert installation.picture() == before
    installation.upgrade()  # saved again, the earlier dump beside it
    assert len(list(installation.folder.glob("*.sql.gz"))) == 2
    restore(installation.places, installation.folder, silent)
    assert installation.picture() == before


def test_a_disk_that_runs_full_while_a_dump_is_put_aside_leaves_it_where_the_manifest_says(
    tmp_path: Path,
) -> None:
    with Archive.opened(tmp_path, make=True) as archive:
        entry = Entry("legacy", "127.0.0.1:3306", "ox", 1, "MariaDB", "2026-01-01")
        archive.put("ox", entry, dump=archive.keep("ox", [b"SELECT 1"]))
        in_the_way = tmp_path / "manifest.json.new"
        in_the_way.mkdir()
        with pytest.raises(IsADirectoryError):
            archive.put_aside("ox", "20260101000000")
        in_the_way.rmdir()
    with Archive.opened(tmp_path) as archive:
        dump = archive.entries["ox"].dump
        assert dump is not None
        archive.check(dump)
        archive.put_aside("ox", "20260102000000")
        (aside,) = archive.entries.values()
        assert aside.dump is not None
        archive.check(aside.dump)


def test_empty_tables_that_an_update_task_made_again_are_dropped_too(installation: Installation) -> None:
    before = installation.picture()
    installation.upgrade()
    for statement in legacy.create_statements():
        installation.sql(statement)
    installation.upgrade()
    assert installation.picture() == [{}]
    for statement in legacy.create_statements():
        installation.sql(statement)
    restore(installation.places, installation.folder, silent)
    assert installation.picture() == before


def test_rows_that_came_after_the_drop_are_never_overwritten(installation: Installation) -> None:
    installation.upgrade()
    for statement in (*legacy.create_statements(), *legacy.fill_statements([1], seed=2)):
        installation.sql(statement)
    before = installation.picture()
    assert "Nothing was changed" in refused(lambda: restore(installation.places, installation.folder, silent))
    assert installation.picture()[0] == before[0]


def newer_version_works(installation: Installation) -> list[dict[str, list[tuple[str, ...]]]]:
    """A newer version of the same product makes its tables, and phones fill them."""
    for statement in (*legacy.create_statements(), *legacy.fill_statements([1], seed=2)):
        installation.sql(statement)
    return installation.picture()


def test_tables_of_a_successor_are_not_taken_for_those_of_before(installation: Installation) -> None:
    """An upgrade that was cut off after the new version had begun to work is completed by the next run."""
    before = installation.picture()
    installation.upgrade()
    manifest, newer = installation.manifest(), newer_version_works(installation)
    assert newer != before
    for _ in range(2):
        done = save(installation.places, installation.folder, silent, ours=True, successor=True)
        done |= drop(installation.places, installation.folder, 33, silent, successor=True)
        assert set(done.values()) == {"unchanged"}
        assert installation.picture() == newer
        assert installation.manifest() == manifest
    restore(installation.places, installation.folder, silent, successor=True)
    assert installation.picture() == before
    (kept,) = installation.folder.glob("replaced-*")
    with installation.places[0].worked_on() as connection:
        for statement in legacy.drop_statements():
            connection.execute(text(statement))
    restore(installation.places, kept, silent)
    assert installation.picture()[0] == newer[0]


def test_what_was_brought_back_is_replaced_again(installation: Installation) -> None:
    installation.upgrade()
    newer_version_works(installation)
    restore(installation.places, installation.folder, silent, successor=True)
    before = installation.picture()
    done = save(installation.places, installation.folder, silent, successor=True)
    assert set(done.values()) == {"unchanged"}
    done = drop(installation.places, installation.folder, 33, silent, successor=True)
    assert set(done.values()) == {"dropped"}
    restore(installation.places, installation.folder, silent, successor=True)
    assert installation.picture() == before


def test_a_restore_over_a_successor_that_was_killed_at_any_step_is_completed(
    installation: Installation,
) -> None:
    before = installation.picture()
    installation.upgrade()
    newer_version_works(installation)
    step = 1
    while killed_at(
        step, lambda tell: restore(installation.places, installation.folder, tell, successor=True)
    ):
        step += 1
    assert step > 4
    assert installation.picture() == before


def test_a_table_that_nobody_knows_is_not_left_without_the_one_it_refers_to(
    installation: Installation,
) -> None:
    installation.sql(
        "CREATE TABLE stranger (cid INT UNSIGNED, s INT UNSIGNED, FOREIGN KEY (cid, s) REFERENCES"
        " USMSession (cid, usmSessionId)) ENGINE=InnoDB"
    )
    assert "stranger" in refused(lambda: save(installation.places, installation.folder, silent))


def test_one_that_was_killed_at_any_step_of_saving_is_completed(installation: Installation) -> None:
    before = installation.picture()
    step = 1
    while killed_at(step, lambda tell: save(installation.places, installation.folder, tell)):
        assert installation.picture() == before
        assert (
            not installation.folder.joinpath("manifest.json").exists()
            or not installation.manifest()["complete"]
        )
        step += 1
        assert step < 20
    assert step == 4
    assert set(verify(installation.places, installation.folder, silent).values()) == {"verified"}
    assert not {name for name in installation.schemas() if name.startswith("usm_verify_")}
    assert not list(installation.folder.glob("*.new"))


def test_one_that_was_killed_at_any_step_of_dropping_is_completed(installation: Installation) -> None:
    before = installation.picture()
    save(installation.places, installation.folder, silent)
    calls = 0
    # Each call gets one step further than the one before.
    while killed_at(2, lambda tell: drop(installation.places, installation.folder, 33, tell)):
        calls += 1
        if calls == 3:
            assert set(save(installation.places, installation.folder, silent).values()) == {"unchanged"}
        assert calls < 20
    assert calls > len(legacy.TABLES)
    assert installation.picture() == [{}]
    assert installation.numbers() == [33]
    restore(installation.places, installation.folder, silent)
    assert installation.picture() == before


def test_half_a_drop_can_be_taken_back(installation: Installation) -> None:
    before = installation.picture()
    save(installation.places, installation.folder, silent)
    assert killed_at(5, lambda tell: drop(installation.places, installation.folder, 33, tell))
    assert installation.picture() != before
    restore(installation.places, installation.folder, silent)
    assert installation.picture() == before


def test_one_that_was_killed_at_any_step_of_restoring_is_completed(installation: Installation) -> None:
    before = installation.picture()
    installation.upgrade()
    installation.migrate()
    step = 1
    while killed_at(step, lambda tell: restore(installation.places, installation.folder, tell)):
        for place in installation.places:
            with place.connected() as connection:
                found = look(connection)
            # Never a part of the earlier product's tables, and never both.
            assert len(found.legacy) in (0, len(legacy.TABLES))
            assert not (found.legacy and found.ours)
        step += 1
        assert step < 60
    assert step > 5
    assert installation.picture() == before
    assert installation.numbers() == [NUMBER]
    assert len(list(installation.folder.glob("replaced-*"))) == 1
    assert not {name for name in installation.schemas() if name.startswith("usm_verify_")}


@pytest.fixture(scope="module")
def mortal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDbServer]:
    """A server that tests may kill."""
    with MariaDbServer() as server:
        yield server


@pytest.mark.parametrize(
    ("work", "step"),
    [
        (lambda each, tell: save(each.places, each.folder, tell), "saving"),
        (lambda each, tell: save(each.places, each.folder, tell), "restoring"),
        (lambda each, tell: drop(each.places, each.folder, 33, tell), "DROP TABLE usmIdMapping"),
        (lambda each, tell: restore(each.places, each.folder, tell), "moving"),
    ],
)
def test_a_server_that_dies_is_told_and_nothing_is_lost(
    mortal: MariaDbServer, tmp_path: Path, work: Callable[[Installation, Any], object], step: str
) -> None:
    with installed(mortal, tmp_path, "5") as installation:
        before = installation.picture()
        if step.startswith("DROP"):
            save(installation.places, installation.folder, silent)
        elif "restore" in work.__code__.co_names:  # type: ignore[attr-defined]
            installation.upgrade()
        done = []

        def die(key: str, line: str) -> None:
            if line.startswith(step) and not done:
                done.append(line)
                mortal.stop(signal.SIGKILL)

        said = refused(lambda: work(installation, die))
        assert done
        assert "run the command again" in said
        mortal.start()
        work(installation, silent)
        if step.startswith("DROP"):
            assert installation.picture() == [{}]
            restore(installation.places, installation.folder, silent)
        assert installation.picture() == before


def test_a_disk_that_runs_full_leaves_no_half_dump(installation: Installation) -> None:
    before = installation.picture()
    process = os.fork()
    if process == 0:
        # As if the disk had 20 kilobytes left: the dump of one schema is larger.
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
        try:
            save(installation.places, installation.folder, silent)
        except LegacyError as error:
            os._exit(3 if "File too large" in str(error) else 4)
        os._exit(5)
    _, ended = os.waitpid(process, 0)
    assert os.WEXITSTATUS(ended) == 3
    assert [path.name for path in installation.folder.iterdir() if path.name != "manifest.json"] == []
    assert installation.picture() == before


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_too_small_a_disk_is_told_before_anything_is_written(installation: Installation) -> None:
    installation.folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", installation.folder], check=True)
    try:
        said = refused(lambda: save(installation.places, installation.folder, silent))
        assert "MB are free" in said
        assert list(installation.folder.iterdir()) == []
    finally:
        subprocess.run(["umount", installation.folder], check=True)


def test_one_process_works_on_a_schema_at_a_time(installation: Installation, tmp_path: Path) -> None:
    with installation.places[0].worked_on():
        said = refused(lambda: save(installation.places[:1], installation.folder, silent))
    assert "another process" in said


def test_one_process_works_in_a_folder_at_a_time(installation: Installation) -> None:
    said = []

    def meanwhile(key: str, line: str) -> None:
        if not said:
            said.append("")
            said.append(refused(lambda: save(installation.places, installation.folder, silent)))

    save(installation.places, installation.folder, meanwhile)
    assert "another process works in this folder" in said[1]


def test_nothing_of_ours_is_made_before_the_earlier_product_is_gone(installation: Installation) -> None:
    save(installation.places, installation.folder, silent)
    assert killed_at(7, lambda tell: drop(installation.places, installation.folder, 33, tell))
    with installation.places[0].connected() as connection:
        assert look(connection).legacy == ("USMSession",)
    url = installation.places[0].url.render_as_string(hide_password=False)
    engine = open_databases(url, auto_migrate=False).unprepared(open_databases(url).schemas()[0])
    assert status(engine.migration_engine(), "x").foreign == ("USMSession",)


def test_what_a_killed_run_left_in_the_scratch_schema_goes_away(installation: Installation) -> None:
    name = f"usm_verify_{installation.places[0].schema}"
    installation.server.execute(f"CREATE DATABASE {name}")
    installation.server.execute(f"CREATE TABLE {name}.USMSession (x INT)")
    save(installation.places, installation.folder, silent)
    assert name not in installation.schemas()


def test_a_schema_of_somebody_else_with_the_name_of_the_scratch_schema_stays(
    installation: Installation,
) -> None:
    name = f"usm_verify_{installation.places[0].schema}"
    installation.server.execute(f"CREATE DATABASE {name}")
    try:
        installation.server.execute(f"CREATE TABLE {name}.precious (x INT)")
        assert "precious" in refused(lambda: save(installation.places, installation.folder, silent))
        assert name in installation.schemas()
    finally:
        installation.server.execute(f"DROP DATABASE {name}")


def test_a_missing_program_is_named_with_its_package(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    said = refused(lambda: save(installation.places, installation.folder, silent))
    assert "mariadb-dump or mysqldump is not installed" in said
    assert "mariadb-client" in said


def test_passwords_stand_on_no_command_line(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen = tmp_path / "seen"
    for name in ("mariadb-dump", "mariadb"):
        script = tmp_path / name
        script.write_text(f'#!/bin/sh\n(echo "$@"; env) >>{seen}\nexec /usr/bin/{name} "$@"\n')
        script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    password = """we"ir\\d #p'w;"""
    user = f"nasty{os.getpid()}"
    installation.server.execute("CREATE USER %s@'127.0.0.1' IDENTIFIED BY %s", user, password)
    installation.server.execute(f"GRANT ALL ON *.* TO {user}@'127.0.0.1'")
    try:
        nasty = [
            Place(place.key, place.url.set(username=user, password=password), place.context_id)
            for place in installation.places
        ]
        save(nasty, installation.folder, silent)
    finally:
        installation.server.execute(f"DROP USER {user}@'127.0.0.1'")
    text_seen = seen.read_text()
    assert installation.places[0].schema in text_seen
    assert "we" + '"ir' not in text_seen
    assert "#p" not in text_seen


def test_options_lead_where_the_url_leads(installation: Installation) -> None:
    url = installation.places[0].url
    assert f'port="{installation.server.port}"' in options(url)
    assert "ssl-mode" not in options(url)
    assert "loose-ssl\n" in options(url.update_query_dict({"ssl_check_hostname": "false"}))
    assert 'ssl-ca="/x"' in options(url.update_query_dict({"ssl_ca": "/x"}))
    assert 'socket="/s"' in options(url.update_query_dict({"unix_socket": "/s"}))


def test_rows_go_to_the_disk_without_staying_in_memory(installation: Installation) -> None:
    installation.sql(
        "INSERT INTO USMDataStorage SELECT cid, usmSessionId, CONCAT('big', seq), 1, RANDOM_BYTES(1000), NULL, NULL"
        " FROM USMSession, seq_1_to_8 LIMIT 8"
    )
    for _ in range(10):
        installation.sql(
            "UPDATE USMDataStorage SET element = CONCAT(element, element) WHERE objectId LIKE 'big%'"
        )
    script = (
        "import sys, resource, pathlib\n"
        "from app.store import open_databases\n"
        "from app.store.legacy import places, save\n"
        "found = places([open_databases(None, pathlib.Path(sys.argv[1]))])\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "save(found, pathlib.Path(sys.argv[2]), lambda key, line: None)\n"
        "print(before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
    )
    command = [sys.executable, "-c", script, str(installation.groupware.etc), str(installation.folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    before, after = map(int, done.stdout.split())
    assert (
        installation.manifest()["schemas"][installation.places[0].key]["tables"]["USMDataStorage"]["rows"] > 8
    )
    assert after - before < 20_000, "kilobytes"


def test_a_lost_lock_is_free_again(installation: Installation) -> None:
    assert killed_at(1, lambda tell: save(installation.places, installation.folder, tell))
    with installation.places[0].worked_on() as connection:
        assert connection.scalar(text("SELECT 1")) == 1


def test_our_own_tables_make_room_for_another_product_and_come_back(installation: Installation) -> None:
    for statement in legacy.drop_statements():
        installation.sql(statement)
    installation.migrate()
    installation.sql("INSERT INTO USMSession VALUES (1, 9, 3, 'EAS', 'phone', 0, 0, NULL, NULL)")
    installation.sql("INSERT INTO USMSessionFields VALUES (1, 9, 'EAS.Feld', 'ä')")
    before = installation.sql("SHOW TABLES")
    save(installation.places, installation.folder, silent)
    assert installation.manifest()["schemas"][installation.places[0].key]["tables"] == {}
    other = installation.folder.with_name("ours")
    save(installation.places, other, silent, ours=True)
    drop(installation.places, other, 33, silent)
    assert installation.sql("SHOW TABLES") == [("version",)]
    installation.fill()
    theirs = installation.picture()
    restore(installation.places, other, silent)
    assert installation.sql("SHOW TABLES") == before
    assert installation.sql("SELECT device FROM USMSession") == [("phone",)]
    (replaced,) = other.glob("replaced-*")
    restore(installation.places, replaced, silent)
    assert installation.picture() == theirs
