"""Update tasks: when they run, which, how often, and by whom."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from lab.ox.database.groupware import NEWEST_VERSION, update_task, version
from lab.ox.database.servers import DatabaseServer
from lab.ox.errors import OXError
from lab.ox.generation import GENERATIONS
from lab.ox.seed.populate import populate
from lab.ox.settings import Settings, load
from lab.ox.update_tasks.registry import CORE_TASKS
from lab.ox.update_tasks.runner import Updater

SCHEMA = "oxdatabase_6"
_TASK = "com.example.usm.database.TablesUpdateTask"
_BROKEN = "com.example.usm.database.BrokenUpdateTask"


@pytest.fixture
def databases(tmp_path: Path) -> DatabaseServer:
    """An empty installation."""
    found = DatabaseServer(f"sqlite:///{tmp_path / 'data'}")
    populate(found, "empty")
    return found


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    """The settings folder of an installation whose bundles bring two update tasks, one of them broken."""
    folder = tmp_path / "opt/open-xchange/etc/groupware"
    folder.mkdir(parents=True)
    bundles = tmp_path / "opt/open-xchange/bundles"
    bundles.mkdir()
    tasks = [
        {"class": _TASK, "statements": ["CREATE TABLE brought_along (cid INT NOT NULL PRIMARY KEY)"]},
        {
            "class": _BROKEN,
            "statements": {"sqlite": ["INSERT INTO no_such_table VALUES (1)"], "mysql": ["nonsense"]},
        },
    ]
    text = json.dumps({"bundle": "com.example.usm", "tasks": tasks})
    (bundles / "com.example.usm.updatetasks").write_text(text)
    (bundles / "broken.updatetasks").write_text("{no json")
    return folder


def _updater(databases: DatabaseServer, etc: Path, generation: int = 6) -> Updater:
    return Updater(databases, GENERATIONS[generation], load(etc))


def _reset(databases: DatabaseServer, number: int = 33) -> None:
    with databases.write(SCHEMA) as connection:
        connection.execute(version.update().values(version=number))


def _version(databases: DatabaseServer) -> tuple[int, bool]:
    with databases.read(SCHEMA) as connection:
        row = connection.execute(sa.select(version)).one()
        return row.version, bool(row.locked)


def _recorded(databases: DatabaseServer) -> dict[str, bool]:
    with databases.read(SCHEMA) as connection:
        return {row.taskName: bool(row.successful) for row in connection.execute(sa.select(update_task))}


def test_a_new_schema_has_all_core_tasks_behind_it(databases: DatabaseServer) -> None:
    assert _recorded(databases) == dict.fromkeys(CORE_TASKS, True)
    assert _version(databases) == (NEWEST_VERSION, False)


def test_generation_6_runs_pending_tasks_only_after_a_reset(databases: DatabaseServer, etc: Path) -> None:
    updater = _updater(databases, etc)
    assert updater.ensure(SCHEMA, 2) == []
    _reset(databases)
    assert updater.ensure(SCHEMA, 2) == [_TASK, _BROKEN]
    with databases.read(SCHEMA) as connection:
        assert sa.inspect(connection).has_table("brought_along")
    assert _version(databases) == (NEWEST_VERSION, False)


def test_generation_7_runs_them_as_they_are_pending(databases: DatabaseServer, etc: Path) -> None:
    assert _updater(databases, etc, 7).ensure(SCHEMA, 2) == [_TASK, _BROKEN]


def test_with_the_file_only_listed_tasks_run_though_the_version_is_the_newest_afterwards(
    databases: DatabaseServer, etc: Path
) -> None:
    (etc / "updatetasks.cfg").write_text("# core only\n" + "\n".join(CORE_TASKS) + "\n")
    _reset(databases)
    assert _updater(databases, etc).ensure(SCHEMA, 2) == []
    assert _TASK not in _recorded(databases)
    assert _version(databases) == (NEWEST_VERSION, False)


def test_the_file_counts_as_it_was_when_the_daemon_started(databases: DatabaseServer, etc: Path) -> None:
    listing = etc / "updatetasks.cfg"
    listing.write_text("\n".join(CORE_TASKS))
    started_with = _updater(databases, etc)
    listing.unlink()
    started_without = _updater(databases, etc)
    listing.write_text("\n".join(CORE_TASKS))
    _reset(databases)
    assert started_with.ensure(SCHEMA, 2) == []
    _reset(databases)
    assert _TASK in started_without.ensure(SCHEMA, 2)


def test_done_tasks_are_not_repeated_but_failed_ones_are_tried_again(
    databases: DatabaseServer, etc: Path
) -> None:
    updater = _updater(databases, etc)
    for wanted in ([_TASK, _BROKEN], [_BROKEN], [_BROKEN]):
        _reset(databases)
        assert updater.ensure(SCHEMA, 2) == wanted
    assert _recorded(databases)[_TASK] is True
    assert _recorded(databases)[_BROKEN] is False


def test_a_schema_that_another_node_updates_refuses_the_login_for_now(
    databases: DatabaseServer, etc: Path
) -> None:
    _reset(databases)
    with databases.write(SCHEMA) as connection:
        connection.execute(version.update().values(locked=True, server="ox2"))
    updater = _updater(databases, etc)
    with pytest.raises(OXError) as refused:
        updater.ensure(SCHEMA, 2)
    assert refused.value.categories == ("TRY_AGAIN",)
    updater.release_own_locks([SCHEMA])
    assert _version(databases) == (33, True)


def test_a_node_lets_go_of_its_own_lock_when_it_starts_again(databases: DatabaseServer, etc: Path) -> None:
    with databases.write(SCHEMA) as connection:
        connection.execute(version.update().values(locked=True, server="ox1"))
    _updater(databases, etc).release_own_locks([SCHEMA])
    assert _version(databases) == (NEWEST_VERSION, False)


def test_of_many_first_logins_exactly_one_runs_the_tasks(databases: DatabaseServer, etc: Path) -> None:
    _reset(databases)

    def log_in(number: int) -> list[str] | str:
        node = Updater(
            databases, GENERATIONS[6], Settings(server_name=f"ox{number}", bundles=load(etc).bundles)
        )
        try:
            return node.ensure(SCHEMA, 2)
        except OXError as error:
            return error.code

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(log_in, range(8)))
    assert outcomes.count([_TASK, _BROKEN]) == 1
    assert all(outcome in ([_TASK, _BROKEN], [], "CTX-0007") for outcome in outcomes)
    assert _version(databases) == (NEWEST_VERSION, False)


def test_an_unreadable_bundle_is_left_out(databases: DatabaseServer, etc: Path) -> None:
    _reset(databases)
    assert _TASK in _updater(databases, etc).ensure(SCHEMA, 2)
