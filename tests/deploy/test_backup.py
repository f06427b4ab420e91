"""What is kept before a product is replaced, and what is then done in the database: state before -> commands."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from pyinfra.api.operation import OperationMeta

from tasks import backup, database, package, run, tool, upgrade
from tasks.backup import Backup, Backups
from tasks.nodes import Node
from tests.deploy.fakes import FakeHost, commands, defaults, node, on

ETC = "/opt/open-xchange/etc/groupware"
STATE = "/var/lib/open-xchange-usm"
RUN = "20261122181500"
BETA = Node(generation=6, etc=ETC, daemons=("one", "two"), version="0.9~beta1", running=True, enabled=True)
OWING = replace(BETA, version="1.0.0", build="build2", owed=f"replace 1.0.0 build2 {RUN}")
DONE = Node(generation=6, etc=ETC, daemons=("one", "two"), version="1.0.0", build="build2")
SUITE = Node(generation=7, etc="/opt/open-xchange/etc", daemons=("open-xchange",), init="systemd")
TOOL = f"python.sh {STATE}/usmctl.pyz --etc {ETC}"
TABLES = f"{STATE}/backup/{RUN}/tables"


@pytest.fixture(autouse=True)
def offered(monkeypatch: pytest.MonkeyPatch) -> None:
    """A package that need not be built for these tests, and a run in which nothing has happened."""
    monkeypatch.setattr(package, "offered", lambda node: ("1.0.0", "build2"))
    monkeypatch.setattr(run, "_attempts", [])
    monkeypatch.setattr(upgrade, "_began", "20261122200000")
    for name in ("OX_MASTER_PASSWORD", "OX_CONTEXT_PASSWORD", "USM_SECRETS_FILE"):
        monkeypatch.delenv(name, raising=False)


def told(lines: list[str]) -> list[str]:
    """The commands, without the texts of scripts that go along."""
    return [line.partition("# ")[0].strip() for line in lines]


@pytest.mark.parametrize(("state", "run_id"), [(BETA, "20261122200000"), (OWING, RUN)])
def test_the_backup_is_called_by_the_run_that_replaces_however_often_it_was_interrupted(
    state: Node, run_id: str
) -> None:
    with on(node(state=state)):
        folder, keep = told(commands(backup._keep))
    assert folder == f"folder.sh {STATE}"
    assert keep.startswith(f"backup.sh {STATE}/backup/{run_id} 3 open-xchange-usm open-xchange-usm /root")


@pytest.mark.parametrize("step", [backup._keep, backup._keep_apache, database._save, database._drop])
def test_where_nothing_is_replaced_nothing_is_kept_and_nothing_dropped(step: object) -> None:
    for state in (DONE, Node(generation=6, etc=ETC), replace(DONE, version="0.9.9")):
        with on(node(state=state)):
            assert commands(step) == []


def test_web_servers_keep_theirs_when_the_nodes_are_replaced() -> None:
    web = FakeHost("web1", ["web"], defaults())
    with on(web, [web, node(state=OWING)]):
        assert told(commands(backup._keep_apache))[1] == f"backup-apache.sh {STATE}/backup/{RUN} 3"
    with on(web, [web, node(state=DONE)]):
        assert commands(backup._keep_apache) == []


def test_one_node_saves_and_drops_for_all() -> None:
    first, second = node("ox1", OWING), node("ox2", OWING)
    with on(first, [first, second]):
        assert commands(database._save) == [
            f"folder.sh {STATE}",
            f"upload usmctl.pyz {STATE}/usmctl.pyz",
            f"{TOOL} legacy save {TABLES}",
        ]
        assert commands(database._drop) == [
            f"rm -f {STATE}/backup/{RUN}/restored",
            f"{TOOL} legacy drop {TABLES} --reset-version 33",
        ]
    with on(second, [first, second]):
        assert commands(database._save) == commands(database._drop) == []


def test_after_the_drop_the_version_is_not_reset_a_second_time() -> None:
    with on(node(state=OWING)):
        assert commands(database._reset_version) == []


def test_a_suite_has_no_number_to_reset() -> None:
    state = replace(SUITE, version="0.9~beta1", owed=f"replace 1.0.0 build2 {RUN}")
    with on(node(state=state)):
        assert commands(database._drop)[-1].endswith(f"legacy drop {TABLES}")


def test_tables_of_this_application_make_room_for_the_vendors_bundles() -> None:
    with on(node(state=OWING, product="bundles")):
        assert commands(database._save)[-1] == f"{TOOL} legacy save {TABLES} --ours --successor"


@pytest.mark.parametrize("step", [backup._keep, database._save, database._drop, database._run_update_tasks])
def test_a_dry_run_foretells_it_and_after_a_failure_it_is_left_out(
    step: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = replace(OWING, generation=7) if step is database._run_update_tasks else OWING
    for foreseen in (state, replace(state, owed="", version="0.9~beta1", build="")):
        with on(node(state=foreseen), executing=False):
            assert commands(step) != []
    meta = OperationMeta("hash", is_change=True)
    meta.set_complete(False, [], None)  # type: ignore[arg-type]
    monkeypatch.setattr(run, "_attempts", [meta])
    with on(node(state=state)):
        assert commands(step) == []


SCHEMAS = '[["oxdatabase_5", 1], ["oxdatabase_6", 2]]'


def updates(answer: tuple[bool, str]) -> tuple[list[bool], list[str], FakeHost]:
    """Whether the command of each schema succeeds, what was asked, on which host."""
    host = node(state=replace(SUITE, owed="install 1.0.0 build2 1", version="1.0.0", build="build2"))
    host.answers = {"sbin/python": (True, SCHEMAS), "runupdate.sh": answer}
    host.log_styled = lambda *words, **named: None  # type: ignore[attr-defined]
    with on(host):
        found = list(database._run_update_tasks._inner())
        ended = [command.function(None, host) for command in found]
    return ended, [line for line, _ in host.asked if "runupdate" in line], host


def test_update_tasks_of_a_suite_are_run_for_one_context_of_each_schema() -> None:
    ended, asked, _ = updates((True, "schema oxdatabase_5: 3 update tasks were executed"))
    assert ended == [True, True]
    assert asked == ["runupdate.sh 1 180 300", "runupdate.sh 2 180 300"]


def test_a_tool_that_wants_a_password_on_its_command_line_is_left_to_the_first_login() -> None:
    ended, _, _ = updates((True, "refused"))
    assert ended == [True, True]


def test_update_tasks_that_fail_fail_the_step() -> None:
    ended, _, _ = updates((False, "The following update tasks failed: x"))
    assert ended == [False, False]


def test_what_an_earlier_product_left_without_its_package_is_saved_and_dropped_before_ours_are_made() -> None:
    host = node(state=DONE)
    left = json.dumps({"schemas": {"oxdatabase_5": {"legacy": True}, "oxdatabase_6": {"legacy": False}}})
    host.answers = {"db status": (False, ""), "legacy status": (False, left)}
    usmctl = f"/opt/open-xchange/sbin/usmctl --etc {ETC}"
    folder = f"{STATE}/backup/leftovers-20261122200000"
    host.run_shell_command = lambda command, **named: answer(command, left)  # type: ignore[method-assign]
    with on(host):
        assert commands(database._migrate) == [
            f"folder.sh {STATE}",
            f"{usmctl} legacy save {folder}",
            f"{usmctl} legacy drop {folder}",
            f"{usmctl} db upgrade",
        ]


def answer(command: object, left: str) -> tuple[bool, object]:
    """As usmctl does it: what was found on the standard output, and status 3."""
    from pyinfra.connectors.util import CommandOutput, OutputLine

    text = left if "legacy" in str(command) else ""
    return False, CommandOutput([OutputLine("stdout", text)])


def test_what_hosts_tell_of_their_backups_is_understood() -> None:
    output = [
        "backup=20260101000000 complete apache restored rolled-back tables enabled version=0.9~beta1",
        "backup=20260202000000",
        "backup=20260303000000 complete bundles running version=6.20 build=x",
    ]
    assert Backups().process(output) == {
        "20260101000000": Backup(
            frozenset({"complete", "apache", "restored", "rolled-back", "tables", "enabled"}), "0.9~beta1"
        ),
        "20260202000000": Backup(frozenset()),
        "20260303000000": Backup(frozenset({"complete", "bundles", "running"}), "6.20", "x"),
    }


@pytest.fixture(scope="module")
def brought() -> Path:
    """The tool as it is brought to hosts."""
    return tool._built()


def test_the_tool_runs_without_anything_installed(brought: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-I", "-S", str(brought), "--etc", str(tmp_path), "legacy", "status"]
    done = subprocess.run(command, capture_output=True, text=True, env={}, cwd="/", check=False)
    assert done.returncode == 1
    assert "configdb.properties" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_tool_finds_an_interpreter_that_is_new_enough(brought: Path) -> None:
    script = (Path(tool.__file__).parent / "shell" / "python.sh").read_text()
    command = ["sh", "-c", script, "python.sh", str(brought), "--help"]
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    done = subprocess.run(command, capture_output=True, text=True, env={"PATH": path}, check=False)
    assert done.returncode == 0
    assert "legacy" in done.stdout
    nowhere = subprocess.run(
        ["/bin/sh", *command[1:]], capture_output=True, text=True, env={"PATH": "/nowhere"}
    )
    assert nowhere.returncode == 1
    assert "no Python 3.11" in nowhere.stderr
