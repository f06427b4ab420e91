"""App Suite 7 on a host: one daemon, settings in one folder, and tools for update tasks of two releases."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
import sqlalchemy as sa

from lab.ox.database.groupware import update_task
from lab.ox.database.servers import DatabaseServer
from lab.ox.generation import GENERATIONS
from lab.ox.install.tree import RELEASES, Installation, install
from lab.ox.seed.populate import populate
from lab.ox.update_tasks.registry import CORE_TASKS
from lab.packages import legacy, vendor
from lab.ports import free_port

Tool = Callable[..., subprocess.CompletedProcess[str]]
SCHEMA = "oxdatabase_6"
BROKEN = "com.example.BrokenUpdateTask"
EXCLUDED = "com.example.ExcludedUpdateTask"


def test_a_release_of_another_generation_is_refused(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "lab.ox",
        "install",
        "--root",
        tmp_path,
        "--database",
        "sqlite:////nowhere",
    ]
    done = subprocess.run([*command, "--release", "7.10"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "generation 6 has no release 7.10" in done.stderr


def test_passwords_may_come_from_the_environment(tmp_path: Path) -> None:
    url = "mysql+pymysql://someone:geheim@db.example.org/"
    environment = {**os.environ, "LAB_OX_INSTALL_DATABASE": url, "LAB_OX_INSTALL_MASTER_PASSWORD": "auch"}
    command = [sys.executable, "-m", "lab.ox", "install", "--root", tmp_path, "--generation", "7"]
    subprocess.run(command, env=environment, check=True, timeout=60)
    etc = tmp_path / "opt/open-xchange/etc"
    assert "password=geheim" in (etc / "configdb.properties").read_text()
    assert (etc / "mpasswd").read_text().startswith("oxadminmaster:")


def test_a_host_of_generation_7_has_one_daemon_and_no_trace_of_6(tmp_path: Path) -> None:
    install(Installation(root=tmp_path, database="sqlite:////nowhere", generation=7))
    prefix = tmp_path / "opt/open-xchange"
    assert {path.name for path in (tmp_path / "etc/init.d").iterdir()} == {"open-xchange"}
    assert subprocess.run(["sh", "-n", tmp_path / "etc/init.d/open-xchange"]).returncode == 0
    unit = (tmp_path / "lib/systemd/system/open-xchange.service").read_text()
    assert "ExecStart=/opt/open-xchange/sbin/open-xchange\n" in unit
    wanted = tmp_path / "etc/systemd/system/multi-user.target.wants/open-xchange.service"
    assert os.readlink(wanted) == "/lib/systemd/system/open-xchange.service"
    assert (prefix / "sbin/open-xchange").stat().st_mode & 0o111
    found = {path.name for path in (prefix / "etc").iterdir()}
    assert {"configdb.properties", "system.properties", "server.properties", "mpasswd"} <= found
    assert "excludedupdatetasks.properties" in found
    assert not found & {"groupware", "admindaemon", "updatetasks.cfg"}
    # Installed once more, nothing is in its own way.
    install(Installation(root=tmp_path, database="sqlite:////nowhere", generation=7))


@pytest.mark.parametrize(
    ("generation", "release", "there", "missing"),
    [
        (6, "", {"resetversion"}, {"runupdate", "listUpdateTasks"}),
        (7, "7.8", {"runupdate", "listExecutedUpdateTasks"}, {"resetversion", "listUpdateTasks"}),
        (7, "", {"runupdate", "listExecutedUpdateTasks"}, {"resetversion", "listUpdateTasks"}),
        (7, "7.10", {"runupdate", "listUpdateTasks", "forceupdatetask"}, {"resetversion"}),
    ],
)
def test_each_release_has_its_own_tools(
    tmp_path: Path, generation: int, release: str, there: set[str], missing: set[str]
) -> None:
    install(
        Installation(root=tmp_path, database="sqlite:////nowhere", generation=generation, release=release)
    )
    tools = {path.name for path in (tmp_path / "opt/open-xchange/sbin").iterdir()}
    assert tools >= there | {"changeuser", "changecontext", "listuser", "listcontext", "getusercapabilities"}
    assert not tools & missing


class Node:
    """A running server of generation 7 with the vendor's bundles, and two tasks that do not succeed."""

    def __init__(self, root: Path, release: str) -> None:
        self.database = DatabaseServer(f"sqlite:///{root / 'data'}")
        populate(self.database, "empty", 0, "all")
        self.root, self.etc = root, root / "opt/open-xchange/etc"
        install(
            Installation(
                root=root,
                database=str(self.database.url),
                python=sys.executable,
                generation=7,
                release=release,
                listen="127.0.0.1",
            )
        )
        package = vendor.build(root, generation=7)
        subprocess.run(["dpkg-deb", "--extract", package, root], check=True)
        tasks = [{"class": BROKEN, "statements": ["nonsense"]}, {"class": EXCLUDED, "statements": []}]
        (root / vendor.BUNDLES / "zz.updatetasks").write_text(json.dumps({"tasks": tasks}))
        with (self.etc / "excludedupdatetasks.properties").open("a") as file:
            file.write(f"! not yet\n{EXCLUDED}\n")
        self.port, self.remote, self.managed = free_port(), free_port(), free_port()

    def start(self) -> subprocess.Popen[str]:
        """Runs until it is terminated."""
        usm = self.etc / "usm.properties"
        text = usm.read_text().replace("http://your.ox.server/", f"http://127.0.0.1:{self.port}/")
        usm.write_text(text)
        command = [sys.executable, "-m", "lab.ox", "serve", "--generation", "7", "--etc", str(self.etc)]
        command += [
            "--port",
            str(self.port),
            "--admin-port",
            str(self.remote),
            "--admin-port",
            str(self.managed),
        ]
        daemon = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert daemon.stdout
        assert daemon.stdout.readline() == "ready\n"
        return daemon

    def tool(self, name: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Runs a tool of ``sbin`` against the daemon."""
        library = str(self.root / "opt/open-xchange/lib/standin")
        environment = {**os.environ, "PYTHONPATH": library, "RMI_HOSTNAME": f"127.0.0.1:{self.remote}"}
        return subprocess.run(
            [self.root / "opt/open-xchange/sbin" / name, *arguments],
            capture_output=True,
            text=True,
            env={**environment, **variables},
            cwd="/",
            timeout=60,
        )

    def reset(self) -> None:
        """As if none of the bundles' tasks had run."""
        for schema in ("oxdatabase_5", SCHEMA):
            with self.database.write(schema) as connection:
                connection.execute(update_task.delete().where(update_task.c.taskName.notin_(CORE_TASKS)))
                for table in legacy.TABLES:
                    connection.exec_driver_sql(f"DROP TABLE IF EXISTS {table}")

    def done(self) -> dict[str, bool]:
        """The bundles' tasks that are recorded in the second schema, with their success."""
        with self.database.read(SCHEMA) as connection:
            rows = connection.execute(sa.select(update_task)).all()
        return {row.taskName: bool(row.successful) for row in rows if row.taskName not in CORE_TASKS}


@pytest.fixture(scope="module", params=RELEASES[7])
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node of each release."""
    made = Node(tmp_path_factory.mktemp("node"), request.param)
    daemon = made.start()
    yield made
    daemon.terminate()
    assert daemon.wait(20) == 0


@pytest.fixture
def node(running: Node) -> Node:
    """With everything pending."""
    running.reset()
    return running


@pytest.fixture
def access(node: Node) -> tuple[str, ...]:
    """How the update tools of the node's release reach it."""
    if (node.root / "opt/open-xchange/sbin/listUpdateTasks").exists():
        return ("-A", "oxadminmaster", "-P", "secret", "-s", "127.0.0.1", "-p", str(node.remote))
    return ("-H", "127.0.0.1", "-p", str(node.managed))


def test_runupdate_runs_what_is_pending_in_one_schema(node: Node, access: tuple[str, ...]) -> None:
    assert node.done() == {}
    done = node.tool("runupdate", *access, "-n", SCHEMA)
    # One of the tasks cannot succeed, and is named.
    assert done.returncode == 1
    assert BROKEN in done.stderr
    assert node.done() == {vendor.TASK: True, BROKEN: False}
    with node.database.read(SCHEMA) as connection:
        assert sa.inspect(connection).has_table("USMDataStorage")
    with node.database.read("oxdatabase_5") as connection:
        assert not sa.inspect(connection).has_table("USMDataStorage")
    assert vendor.TASK in node.tool("listExecutedUpdateTasks", *access, "-n", SCHEMA).stdout
    # What has succeeded is not repeated, except by force.
    with node.database.write(SCHEMA) as connection:
        connection.exec_driver_sql("DROP TABLE easUIDMapping")
    node.tool("runupdate", *access, "-c", "2")
    with node.database.read(SCHEMA) as connection:
        assert not sa.inspect(connection).has_table("easUIDMapping")
    assert node.tool("forceupdatetask", *access, "-t", vendor.TASK, "-c", "2").returncode == 0
    with node.database.read(SCHEMA) as connection:
        assert sa.inspect(connection).has_table("easUIDMapping")


def test_failures_of_the_update_tools_end_with_1(node: Node, access: tuple[str, ...]) -> None:
    for name, *arguments in (
        ("runupdate", "-n", "oxdatabase_99"),
        ("runupdate", "-c", "99"),
        ("runupdate",),
        ("runupdate", "-x"),
        ("forceupdatetask", "-t", "no.such.Task"),
        ("forceupdatetask", "-c", "1"),
        ("listExecutedUpdateTasks",),
        ("runallupdate",),
    ):
        done = node.tool(name, *access, *arguments)
        assert (done.returncode, bool(done.stderr)) == (1, True), (name, *arguments)
    down = ("-p", str(free_port()))
    assert node.tool("runupdate", *access, *down, "-c", "1").returncode == 1


def test_listupdatetasks_tells_pending_excluded_and_executed(node: Node, access: tuple[str, ...]) -> None:
    if "-A" not in access:
        assert not (node.root / "opt/open-xchange/sbin/listUpdateTasks").exists()
        return
    listed = {
        kind: node.tool("listUpdateTasks", *access, "-n", SCHEMA, kind).stdout
        for kind in ("-a", "-g", "-e", "-x", "-xf", "-xn")
    }
    assert vendor.TASK in listed["-g"]
    assert vendor.TASK not in listed["-e"]
    assert CORE_TASKS[0] in listed["-e"]
    assert EXCLUDED in listed["-x"]
    assert EXCLUDED not in listed["-g"]
    assert {vendor.TASK, EXCLUDED} <= set(listed["-a"].split())
    assert listed["-xn"] == "No entries found.\n"
    assert node.tool("listUpdateTasks", *access, "-n", SCHEMA, "-a", "-g").returncode == 1


def test_only_the_later_release_wants_the_master_administrator(node: Node, access: tuple[str, ...]) -> None:
    if "-A" not in access:
        assert node.tool("listExecutedUpdateTasks", *access, "-n", SCHEMA).returncode == 0
        return
    wrong = node.tool("runupdate", "-A", "oxadminmaster", "-P", "wrong", "-c", "1")
    assert wrong.returncode == 255
    # Unlike the other tools these do not look into the environment.
    assert node.tool("runupdate", "-A", "oxadminmaster", "-c", "1", ADMIN_PASSWORD="secret").returncode == 1
    assert "wrong" not in wrong.stdout + wrong.stderr


def test_a_login_runs_what_is_pending_and_the_other_tools_work_as_before(node: Node) -> None:
    admin = ("-A", "oxadmin", "-c", "1")
    done = node.tool("changeuser", *admin, "-u", "anton", "--access-usm", "on", ADMIN_PASSWORD="secret")
    assert done.returncode == 0, done.stderr
    pending = node.tool("checkdatabase", "-A", "oxadminmaster", "-P", "secret", "--csv").stdout
    assert pending.count("Needs update") == 2
    url = f"http://127.0.0.1:{node.port}"
    options = requests.options(
        f"{url}/Microsoft-Server-ActiveSync", auth=("anton@example.org", "secret"), timeout=30
    )
    assert options.headers["MS-ASProtocolVersions"] == "2.5,12.0,12.1"
    with node.database.read("oxdatabase_5") as connection:
        assert sa.inspect(connection).has_table("USMSession")


def test_the_connector_of_generation_7_speaks_no_ajp(node: Node) -> None:
    assert not GENERATIONS[7].ajp
    with socket.create_connection(("127.0.0.1", node.port), timeout=20) as web:
        web.sendall(b"\x12\x34\x00\x01\x0a")
        web.shutdown(socket.SHUT_WR)
        assert not web.recv(100).startswith(b"AB")
