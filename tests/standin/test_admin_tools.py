"""The admin tools as an administrator calls them: their executables, the daemon, exit codes, output."""

from __future__ import annotations

import csv
import io
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from lab.ox.database.groupware import version
from lab.ox.database.servers import DatabaseServer
from lab.ox.install.tree import Installation, install
from lab.ox.seed.populate import populate
from lab.ports import free_port

Tool = Callable[..., subprocess.CompletedProcess[str]]
_MASTER = ("-A", "oxadminmaster", "-P", "secret")
_CONTEXT = ("-A", "oxadmin", "-P", "secret")


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> DatabaseServer:
    """Data without rights to synchronise."""
    found = DatabaseServer(f"sqlite:///{tmp_path_factory.mktemp('data')}")
    populate(found, "empty")
    return found


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory, database: DatabaseServer) -> Path:
    """An installation tree."""
    root = tmp_path_factory.mktemp("root")
    install(Installation(root=root, database=str(database.url), python=sys.executable))
    return root


@pytest.fixture(scope="module")
def tool(tree: Path) -> Iterator[Tool]:
    """Runs a tool of ``sbin`` against a running daemon."""
    port = free_port()
    library = str(tree / "opt/open-xchange/lib/standin")
    environment = {**os.environ, "PYTHONPATH": library, "RMI_HOSTNAME": f"rmi://127.0.0.1:{port}/"}
    etc = tree / "opt/open-xchange/etc/groupware"
    command = [sys.executable, "-P", "-m", "lab.ox", "admin", "--port", str(port), "--etc", str(etc)]
    daemon = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd="/")
    assert daemon.stdout
    assert daemon.stdout.readline() == "ready\n"

    def run(name: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        path = tree / "opt/open-xchange/sbin" / name
        return subprocess.run(
            [path, *arguments],
            capture_output=True,
            text=True,
            env={**environment, **variables},
            cwd="/",
            timeout=60,
        )

    yield run
    daemon.terminate()
    assert daemon.wait(20) == 0


def _capabilities(tool: Tool, context: int, user: str) -> set[str]:
    done = tool("getusercapabilities", *_CONTEXT, "-c", str(context), "-u", user)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def _users(tool: Tool, context: int) -> dict[str, dict[str, str]]:
    done = tool("listuser", *_CONTEXT, "-c", str(context), "--csv")
    assert done.returncode == 0, done.stderr
    return {row["Name"]: row for row in csv.DictReader(io.StringIO(done.stdout))}


def test_changeuser_gives_and_takes_rights_of_one_user(tool: Tool) -> None:
    switches = ("--access-usm", "on", "--access-active-sync", "on")
    done = tool("changeuser", *_CONTEXT, "-c", "1", "-u", "anton", *switches)
    assert (done.returncode, done.stdout) == (0, "user 3 in context 1 changed\n")
    assert {"usm", "active_sync", "webmail"} <= _capabilities(tool, 1, "anton")
    assert not {"usm", "active_sync"} & _capabilities(tool, 1, "berta")
    tool("changeuser", *_CONTEXT, "-c", "1", "-i", "3", "--access-usm", "off")
    assert {"usm", "active_sync"} & _capabilities(tool, 1, "anton") == {"active_sync"}


def test_the_password_may_come_from_the_environment(tool: Tool) -> None:
    done = tool("listuser", "-A", "oxadmin", "-c", "1", ADMIN_PASSWORD="secret")
    assert done.returncode == 0
    assert "anton" in done.stdout


def test_changecontext_takes_unnamed_switches_from_the_administrator(tool: Tool) -> None:
    given = tool(
        "changeuser", *_CONTEXT, "-c", "2", "-u", "dora", "--access-tasks", "off", "--access-syncml", "on"
    )
    assert given.returncode == 0
    tool("changeuser", *_CONTEXT, "-c", "2", "-u", "oxadmin", "--access-vcard", "off")
    done = tool("changecontext", *_MASTER, "-c", "2", "--access-usm", "on", "--access-active-sync", "on")
    assert (done.returncode, done.stdout) == (0, "context 2 changed\n")
    dora = _users(tool, 2)["dora"]
    # What dora had of her own is gone: tasks are back, syncml and vcard are as the administrator has them.
    wanted = {
        "access-usm": "true",
        "access-active-sync": "true",
        "access-tasks": "true",
        "access-syncml": "false",
        "access-vcard": "false",
    }
    assert {name: dora[name] for name in wanted} == wanted
    assert not {"usm", "active_sync"} & _capabilities(tool, 3, "gustav")


def test_a_named_set_replaces_all_rights(tool: Tool) -> None:
    done = tool("changeuser", *_CONTEXT, "-c", "1", "-u", "nora", "--access-combination-name", "pim_mobility")
    assert done.returncode == 0
    capabilities = _capabilities(tool, 1, "nora")
    assert {"usm", "active_sync", "mobility"} <= capabilities
    assert "infostore" not in capabilities


def test_listuser_as_csv_can_be_read_by_its_header(tool: Tool) -> None:
    done = tool("listuser", *_CONTEXT, "-c", "1", "-s", "bert*", "--csv")
    header, line = done.stdout.splitlines()
    assert '"' not in header
    assert line.startswith('"4","berta","Berta Björnsen","berta@example.org"')
    assert ",," in line


def test_listcontext_knows_schemas_by_their_contexts(tool: Tool) -> None:
    done = tool("listcontext", *_MASTER, "--csv")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [row["id"] for row in rows] == ["1", "2", "3"]
    assert "dora@example.org" in rows[1]["lmappings"].split(",")
    assert tool("listcontext", *_MASTER, "-s", "third", "--csv").stdout.count("\n") == 2


def test_resetversion_resets_the_schema_of_a_context(tool: Tool, database: DatabaseServer) -> None:
    done = tool("resetversion", "-v", "33", "-c", "2")
    assert done.returncode == 0, done.stderr
    found = {}
    for schema in ("oxdatabase_5", "oxdatabase_6"):
        with database.read(schema) as connection:
            found[schema] = connection.execute(sa.select(version.c.version)).scalar()
    assert found["oxdatabase_6"] == 33
    assert found["oxdatabase_5"] != 33
    assert "Needs update" in tool("checkdatabase", *_MASTER).stdout


@pytest.mark.parametrize(
    ("name", "arguments", "code"),
    [
        ("changeuser", ("-A", "oxadmin", "-P", "wrong", "-c", "1", "-u", "anton", "--access-usm", "on"), 101),
        ("changeuser", (*_MASTER, "-c", "1", "-u", "anton", "--access-usm", "on"), 101),
        ("changecontext", (*_CONTEXT, "-c", "1", "--access-usm", "on"), 101),
        ("changeuser", (*_CONTEXT, "-c", "99", "-u", "anton", "--access-usm", "on"), 102),
        ("changeuser", (*_CONTEXT, "-c", "1", "-u", "anton", "--access-combination-name", "none such"), 103),
        ("changeuser", (*_CONTEXT, "-u", "anton", "--access-usm", "on"), 104),
        ("changeuser", (*_CONTEXT, "-c", "1", "--access-usm", "on"), 104),
        ("changeuser", ("-c", "1", "-u", "anton", "--access-usm", "on"), 104),
        ("changeuser", (*_CONTEXT, "-c", "1", "-u", "nobody", "--access-usm", "on"), 108),
        ("changeuser", (*_CONTEXT, "-c", "1", "-u", "anton", "--access-usm", "maybe"), 109),
        ("changeuser", (*_CONTEXT, "-c", "one", "-u", "anton", "--access-usm", "on"), 109),
        ("changeuser", (*_CONTEXT, "-c", "1", "-u", "anton", "--access-eas", "on"), 111),
        ("existsuser", (*_CONTEXT, "-c", "1", "-u", "nobody"), 108),
        ("resetversion", ("-v", "33", "-c", "99"), 1),
    ],
)
def test_failures_have_exit_codes_and_say_so_on_stderr(
    tool: Tool, name: str, arguments: tuple[str, ...], code: int
) -> None:
    done = tool(name, *arguments)
    assert done.returncode == code
    assert done.stderr
    assert "secret" not in done.stdout + done.stderr


def test_a_daemon_that_is_down_is_105(tool: Tool) -> None:
    down = {"RMI_HOSTNAME": f"rmi://127.0.0.1:{free_port()}/"}
    assert tool("listuser", *_CONTEXT, "-c", "1", **down).returncode == 105
    assert tool("resetversion", "-v", "33", "-c", "1", **down).returncode == 105


def test_help_and_environment_need_no_daemon(tool: Tool) -> None:
    down = {"RMI_HOSTNAME": f"127.0.0.1:{free_port()}"}
    assert "--access-active-sync" in tool("changeuser", "--help", **down).stdout
    assert "RMI_HOSTNAME" in tool("changeuser", "--environment", **down).stdout


def test_a_changed_password_is_the_one_that_counts(tool: Tool) -> None:
    done = tool("changeuser", *_CONTEXT, "-c", "3", "-u", "oxadmin", NEW_USER_PASSWORD="anders")
    assert done.returncode == 0
    assert tool("listuser", *_CONTEXT, "-c", "3").returncode == 101
    assert tool("listuser", "-A", "oxadmin", "-c", "3", ADMIN_PASSWORD="anders").returncode == 0
    tool("changeuser", "-A", "oxadmin", "-P", "anders", "-c", "3", "-u", "oxadmin", "-p", "secret")


def test_the_tree_holds_what_the_guide_names(tree: Path) -> None:
    for path in (
        "opt/open-xchange/etc/groupware/updatetasks.cfg",
        "opt/open-xchange/etc/groupware/configdb.properties",
        "opt/open-xchange/etc/groupware/system.properties",
        "opt/open-xchange/etc/mpasswd",
        "opt/open-xchange/sbin/resetversion",
        "opt/open-xchange/bundles",
        "etc/init.d/open-xchange-groupware",
        "etc/init.d/open-xchange-admin",
        "var/log/open-xchange",
    ):
        assert (tree / path).exists(), path
    script = (tree / "etc/init.d/open-xchange-groupware").read_text()
    assert "### BEGIN INIT INFO\n# Provides:          open-xchange-groupware\n" in script
    assert (
        subprocess.run(["sh", "-n", tree / "etc/init.d/open-xchange-groupware"], timeout=30).returncode == 0
    )


def test_wheels_are_unpacked_beside_the_program_if_they_are_pure_python(
    tmp_path: Path, database: DatabaseServer
) -> None:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    with zipfile.ZipFile(wheels / "brought-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("brought/__init__.py", "")
    wanted = Installation(root=tmp_path / "root", database=str(database.url), wheels=wheels)
    install(wanted)
    assert (tmp_path / "root/opt/open-xchange/lib/standin/brought/__init__.py").exists()
    (wheels / "compiled-1.0-cp311-cp311-linux_x86_64.whl").touch()
    with pytest.raises(ValueError, match=r"compiled-1\.0"):
        install(wanted)


@pytest.mark.parametrize("command", [["init"], ["serve", "--port", "0"], ["admin", "--port", "0"]])
def test_a_database_that_is_none_is_named(command: list[str]) -> None:
    for url in ("postgresql://user:geheim@127.0.0.1/", "nonsense"):
        arguments = [sys.executable, "-m", "lab.ox", *command, "--database", url]
        done = subprocess.run(arguments, capture_output=True, text=True, timeout=60)
        assert done.returncode == 1
        assert "--database" in done.stderr
        assert "geheim" not in done.stderr
        assert "Traceback" not in done.stderr


def test_a_database_server_that_is_down_is_named_without_its_password() -> None:
    url = f"mysql+pymysql://user:geheim@127.0.0.1:{free_port()}/"
    arguments = [sys.executable, "-m", "lab.ox", "init", "--database", url]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "127.0.0.1" in done.stderr
    assert "geheim" not in done.stderr
    assert "Traceback" not in done.stderr


def test_installing_again_keeps_edited_settings(tree: Path, database: DatabaseServer) -> None:
    edited = tree / "opt/open-xchange/etc/groupware/server.properties"
    before = edited.read_text()
    edited.write_text(before + "# mine\n")
    install(Installation(root=tree, database=str(database.url), python=sys.executable))
    assert edited.read_text() == before + "# mine\n"
    edited.write_text(before)


def test_from_generation_7_on_one_daemon_serves_users_and_tools(
    tmp_path: Path, database: DatabaseServer, tool: Tool
) -> None:
    install(Installation(root=tmp_path, database=str(database.url), python=sys.executable, generation=7))
    assert (tmp_path / "etc/init.d/open-xchange").exists()
    assert not (tmp_path / "opt/open-xchange/etc/updatetasks.cfg").exists()
    port, admin_port = free_port(), free_port()
    etc = str(tmp_path / "opt/open-xchange/etc")
    command = [sys.executable, "-m", "lab.ox", "serve", "--generation", "7", "--etc", etc]
    command += ["--host", "127.0.0.1", "--port", str(port), "--admin-port", str(admin_port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as daemon:
        try:
            assert daemon.stdout
            assert daemon.stdout.readline() == "ready\n"
            done = tool("listuser", *_CONTEXT, "-c", "1", RMI_HOSTNAME=f"rmi://127.0.0.1:{admin_port}/")
            assert done.returncode == 0, done.stderr
        finally:
            daemon.terminate()
