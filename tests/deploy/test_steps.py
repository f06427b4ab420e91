"""What each step does from each state of a host, as tables: state before -> commands. Nothing is run."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from pyinfra.api.operation import OperationMeta

from tasks import (
    database,
    nodes,
    package,
    properties,
    proxy,
    report,
    rollout,
    run,
    scripts,
    services,
    updatetasks,
    upgrade,
)
from tasks.nodes import Node, NodeState
from tests.deploy.fakes import FakeHost, commands, defaults, node, on, plain

OFFERED = ("1.0.0", "build2")
ETC = "/opt/open-xchange/etc/groupware"
DAEMONS = ("open-xchange-groupware", "open-xchange-admin")
PARKING = f"{ETC}/updatetasks.cfg /root/updatetasks.cfg"

BEFORE = Node(generation=6, etc=ETC, daemons=DAEMONS, updatetasks=True)
OLD = Node(generation=6, etc=ETC, daemons=DAEMONS, updatetasks=True, version="0.9", build="build1")
BETA = Node(generation=6, etc=ETC, daemons=DAEMONS, updatetasks=True, version="0.9~beta1", running=True)
VENDOR = Node(generation=6, etc=ETC, daemons=DAEMONS, updatetasks=True, version="6.20.7-3", bundles=True)
OWING = Node(
    generation=6,
    etc=ETC,
    daemons=DAEMONS,
    updatetasks=True,
    version="1.0.0",
    build="build2",
    owed="install 1.0.0 build2 20260101000000",
)
PARKED = Node(
    generation=6,
    etc=ETC,
    daemons=DAEMONS,
    version="1.0.0",
    build="build2",
    owed="install 1.0.0 build2 20260101000000",
    parked=True,
    watched=True,
)
DONE = Node(generation=6, etc=ETC, daemons=DAEMONS, updatetasks=True, version="1.0.0", build="build2")
LATER = Node(generation=7, etc="/opt/open-xchange/etc", daemons=("open-xchange",), init="systemd")


@pytest.fixture(autouse=True)
def offered(monkeypatch: pytest.MonkeyPatch) -> None:
    """A package that need not be built for these tests, and a run in which nothing has happened."""
    monkeypatch.setattr(package, "_offered", lambda path: OFFERED)
    monkeypatch.setattr(run, "_attempts", [])
    monkeypatch.setattr(updatetasks, "_parked", {})
    monkeypatch.setattr(services, "_stopped", set())
    monkeypatch.setattr(services, "_withdrawn", set())
    monkeypatch.setattr(updatetasks, "_beat", lambda patience: None)
    for name in ("OX_MASTER_PASSWORD", "OX_CONTEXT_PASSWORD", "USM_SECRETS_FILE"):
        monkeypatch.delenv(name, raising=False)


ARRIVING = "/var/lib/open-xchange-usm/packages/arriving/open-xchange-usm_1.0.0_all.deb"
INSTALL = [
    "install-room.sh /var/lib/open-xchange-usm/packages",
    f"upload open-xchange-usm_1.0.0_all.deb {ARRIVING}",
    f"install.sh deb {ARRIVING} /var/lib/open-xchange-usm/packages",
]
PARK = [
    "folder.sh /var/lib/open-xchange-usm",
    "write.sh /var/lib/open-xchange-usm/updatetasks.sh 755 root:root",
    f"sh /var/lib/open-xchange-usm/updatetasks.sh park {PARKING} 45 sysv",
]
PARK_AND_START = [*PARK[:2], f"{PARK[2]} {' '.join(DAEMONS)}"]
HEAL = [*PARK[:2], f"sh /var/lib/open-xchange-usm/updatetasks.sh heal {PARKING}"]
PUT_BACK = ["sh /var/lib/open-xchange-usm/updatetasks.sh put-back"]
RESTART = [f"restart.sh sysv {daemon} 180 restart" for daemon in DAEMONS]
STOP = [f"restart.sh sysv {daemon} 180 stop" for daemon in DAEMONS]
WITHDRAW = [
    "rm -f /var/lib/open-xchange-usm/started",
    "restart.sh sysv open-xchange-usm 90 stop",
]
ANNOUNCE = [
    "folder.sh /var/lib/open-xchange-usm",
    "write.sh /var/lib/open-xchange-usm/owed 644 root:root",
]
LATER_OWING = replace(LATER, version="1.0.0", build="build2", owed="install 1.0.0 build2 20260101000000")


@pytest.mark.parametrize(
    ("step", "state", "expected"),
    [
        (package._install, BEFORE, INSTALL),
        (package._install, OLD, []),
        (package._install, Node(version="1.0.0", build="build1"), []),
        (package._install, Node(broken="half-configured"), INSTALL),
        (package._install, DONE, []),
        (package._install, BETA, INSTALL),
        (package._install, VENDOR, INSTALL),
        (upgrade._announce, BEFORE, ANNOUNCE),
        (upgrade._announce, BETA, ANNOUNCE),
        (upgrade._announce, OLD, []),
        (upgrade._announce, OWING, []),
        (upgrade._announce, DONE, []),
        (services._withdraw, BETA, WITHDRAW),
        (services._withdraw, BEFORE, []),
        (services._withdraw, replace(DONE, running=True), []),
        (services._stop, BETA, STOP),
        (services._stop, VENDOR, STOP),
        (services._stop, BEFORE, []),
        (services._stop, DONE, []),
        (updatetasks._park, BETA, PARK_AND_START),
        (updatetasks._heal, PARKED, HEAL),
        (updatetasks._heal, Node(generation=6, etc=ETC, parked=True), HEAL),
        (updatetasks._heal, Node(generation=6, etc=ETC, parked=True, updatetasks=True), []),
        (updatetasks._heal, BEFORE, []),
        (updatetasks._park, OWING, PARK),
        (updatetasks._park, DONE, []),
        (updatetasks._park, LATER, []),
        (updatetasks._put_back, PARKED, PUT_BACK),
        (updatetasks._put_back, DONE, []),
        (services._restart_groupware, OWING, RESTART),
        (services._restart_groupware, DONE, []),
        (services._restart_groupware, LATER_OWING, ["restart.sh systemd open-xchange 180 restart"]),
        (services._restart_groupware, Node(), []),
        (upgrade._settle, OWING, ["rm -f /var/lib/open-xchange-usm/owed"]),
        (upgrade._settle, DONE, []),
    ],
)
def test_a_step_does_what_the_state_asks_for(step: object, state: Node, expected: list[str]) -> None:
    with on(node(state=state)):
        assert commands(step) == expected


@pytest.mark.parametrize(
    ("state", "settings", "way"),
    [
        (BEFORE, {}, "install"),
        (Node(), {}, "install"),
        (Node(broken="unpacked"), {}, "install"),
        (BETA, {}, "replace"),
        (VENDOR, {}, "replace"),
        (OLD, {}, "roll"),
        (replace(OLD, broken="half-configured"), {}, "roll"),
        (DONE, {}, ""),
        (OWING, {}, "install"),
        (replace(DONE, owed="replace 1.0.0 build2 20260101000000"), {}, "replace"),
        (replace(DONE, owed="roll 1.0.0 build2 20260101000000"), {}, "roll"),
        (replace(DONE, owed="1.0.0 of an older deployment"), {}, "install"),
        (VENDOR, {"product": "bundles"}, "install"),
        (replace(VENDOR, version="1.0.0"), {"product": "bundles"}, "install"),
        (replace(VENDOR, version="6.18.0~beta2"), {"product": "bundles"}, "replace"),
        (DONE, {"product": "bundles"}, "replace"),
    ],
)
def test_the_way_follows_from_what_is_on_the_node(state: Node, settings: dict[str, str], way: str) -> None:
    with on(node(state=state, **settings)):
        assert upgrade.way(state) == way


def test_where_one_node_has_another_product_every_node_takes_part() -> None:
    done, beta = node("ox1", replace(DONE, running=True)), node("ox2", BETA)
    for each in (done, beta):
        with on(each, [done, beta]):
            assert commands(services._withdraw) == WITHDRAW
            assert commands(services._stop) == STOP


def test_a_product_is_not_replaced_on_a_part_of_the_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    beta, left_out = node("ox1", BETA), node("ox2", BETA)
    monkeypatch.setattr(nodes, "nodes", lambda: [beta])
    with on(beta, [beta, left_out]), pytest.raises(run.DeployError, match="ox2 would be left out"):
        upgrade.check()


def test_the_update_tasks_can_be_left_out_where_they_are_not_needed() -> None:
    with on(node(state=BEFORE, update_tasks=False)):
        assert commands(updatetasks._park) == commands(services._restart_groupware) == []
    with on(node(state=BETA, update_tasks=False)):
        assert commands(services._stop) == STOP


def test_a_groupware_that_was_stopped_is_started_again_whatever_has_failed() -> None:
    with on(node(state=BETA)):
        assert commands(services._stop) == STOP
        run._attempts.append(failed())
        assert commands(services._restart_groupware) == [
            f"restart.sh sysv {daemon} 180 start" for daemon in DAEMONS
        ]


def test_what_served_before_serves_again_if_nothing_was_replaced_yet() -> None:
    host = node(state=BETA)
    with on(host):
        assert commands(services._withdraw) == WITHDRAW
        assert commands(services._come_back) == []
        run._attempts.append(failed())
        assert commands(services._come_back) == ["restart.sh sysv open-xchange-usm 90 start"]
        nodes.forget(host)  # type: ignore[arg-type]
        host.facts[NodeState] = replace(DONE, owed="replace 1.0.0 build2 20260101000000")
        assert commands(services._come_back) == []


@pytest.mark.parametrize(
    "step",
    [upgrade._announce, package._install, updatetasks._park, services._restart_groupware, upgrade._settle],
)
def test_a_dry_run_foretells_what_follows_from_installing(step: object) -> None:
    with on(node(state=BEFORE), executing=False):
        assert commands(step) != []
    with on(node(state=DONE), executing=False):
        assert commands(step) == []


@pytest.mark.parametrize(
    ("state", "steps"),
    [
        (PARKED, [True, True, True]),
        (replace(PARKED, owed=""), [True, False, False]),
        (OWING, [False, True, True]),
        (DONE, [False, False, False]),
    ],
)
def test_a_dry_run_foretells_what_healing_makes_of_a_parked_file(state: Node, steps: list[bool]) -> None:
    with on(node(state=state), executing=False):
        told = [
            bool(commands(step)) for step in (updatetasks._heal, updatetasks._park, updatetasks._put_back)
        ]
    assert told == steps


def test_a_file_that_the_watchman_has_put_back_already_is_noticed() -> None:
    """The steps in between may have missed it, so they must not count as done."""
    host = node(state=OWING)
    with on(host):
        assert commands(updatetasks._park) == PARK
        assert commands(updatetasks._put_back) == PUT_BACK


SCHEMAS = '[["oxdatabase_5", 1], ["oxdatabase_6", 2]]'


def resets(host: FakeHost, among: Sequence[FakeHost] = ()) -> list[str]:
    with on(host, among):
        return commands(database._reset_version)


def test_the_version_is_reset_for_one_context_of_each_schema() -> None:
    host = node(state=OWING)
    host.answers = {"sbin/python": (True, SCHEMAS)}
    tool = "admin.sh run 180 300 /opt/open-xchange/sbin/resetversion"
    assert resets(host) == [
        "restart.sh sysv open-xchange-groupware 180 start",
        "restart.sh sysv open-xchange-admin 180 start",
        f"{tool} -v 33 -c 1",
        f"{tool} -v 33 -c 2",
    ]


def test_the_first_node_that_owes_it_resets_it_for_all() -> None:
    done, first, second = node("ox1", DONE), node("ox2", OWING), node("ox3", OWING)
    first.answers = {"sbin/python": (True, SCHEMAS)}
    assert [bool(resets(host, [done, first, second])) for host in (done, first, second)] == [
        False,
        True,
        False,
    ]


def test_schemas_that_cannot_be_found_are_a_failure_that_says_why() -> None:
    host = node(state=OWING)
    host.answers = {"sbin/python": (False, "configdb.properties: no such file")}
    assert resets(host) == ["fail: the schemas cannot be found: configdb.properties: no such file"]


def failed() -> OperationMeta:
    meta = OperationMeta("hash", is_change=True)
    meta.set_complete(False, [], None)  # type: ignore[arg-type]
    return meta


def test_a_node_that_is_out_of_the_balancer_is_changed_before_another_is_taken_out() -> None:
    serving = replace(DONE, running=True)
    first, second = node("ox1", serving), node("ox2", replace(serving, drained=True))
    with on(first, [first, second]):
        assert rollout.turns() == [["ox2"], ["ox1"]]


def test_as_many_nodes_are_changed_at_the_same_time_as_the_setting_says() -> None:
    found = [node(f"ox{number}", replace(DONE, running=True), rollout_nodes_at_once=2) for number in range(3)]
    with on(found[0], found):
        assert rollout.turns() == [["ox0", "ox1"], ["ox2"]]


def test_after_a_failure_the_steps_between_are_left_out_and_the_file_still_comes_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run._attempts.append(failed())
    told = report.Failure("ox2", "Reset the database version of each schema", ())
    monkeypatch.setattr(report.run, "failures", [told])
    with on(node(state=PARKED)):
        assert commands(database._reset_version) == []
        assert commands(services._restart_groupware) == []
        assert commands(updatetasks._put_back) == PUT_BACK
        (last,) = commands(upgrade._settle)
    assert last.startswith("fail: a step failed (ox2: Reset the database version of each schema)")


def test_tables_are_upgraded_only_where_the_tool_finds_something_to_do() -> None:
    host = node(state=DONE)
    host.answers = {"db status": (True, "oxdatabase_5: up to date")}
    with on(host):
        assert commands(database._migrate) == []
    host.answers = {"db status": (False, ""), "legacy status": (True, '{"schemas": {}}')}
    with on(host):
        assert commands(database._migrate) == [f"/opt/open-xchange/sbin/usmctl --etc {ETC} db upgrade"]


@pytest.mark.parametrize(
    ("administrator", "granted", "given"),
    [("root:s:cret", "db grant --admin", "root:s:cret\n"), ("", "db grant", None)],
)
def test_a_database_user_of_our_own_gets_what_it_lacks(
    monkeypatch: pytest.MonkeyPatch, administrator: str, granted: str, given: str | None
) -> None:
    monkeypatch.setenv("USM_DATABASE_ADMIN", administrator)
    host = node(state=DONE, database_user="usm")
    host.answers = {"db status": (True, "oxdatabase_5: up to date"), "db grant --check": (True, "")}
    with on(host):
        assert commands(database._migrate) == []
        host.answers["db grant --check"] = (False, "")
        assert commands(database._migrate) == [f"/opt/open-xchange/sbin/usmctl --etc {ETC} {granted}"]
        (command,) = list(database._migrate._inner())
    assert command.connector_arguments.get("_stdin") == given
    assert administrator == "" or administrator not in str(command)


def test_whoever_works_with_a_database_of_its_own_needs_no_rights_of_open_xchanges() -> None:
    host = node(state=DONE, database_user="usm", database_url="mysql+pymysql://usm@db/usm")
    host.answers = {"db status": (True, "usm: up to date")}
    with on(host):
        assert commands(database._migrate) == []


def test_tables_are_the_business_of_the_first_node() -> None:
    first, second = node("ox1", DONE), node("ox2", DONE)
    with on(second, [first, second]):
        assert commands(database._migrate) == []


STARTED = "1.0.0 build2 one two"
RUNNING = Node(
    version="1.0.0",
    build="build2",
    properties={"usm": "one 640 root:open-xchange", "eas": "two 640 root:open-xchange"},
    started=STARTED,
    running=True,
    enabled=True,
)
START = f"start.sh sysv open-xchange-usm /var/lib/open-xchange-usm/started {STARTED}"


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, []),
        ({"running": False}, [START]),
        ({"started": "1.0.0 build2 one old"}, [START]),
        ({"started": ""}, [START]),
        ({"enabled": False}, ["enable.sh sysv open-xchange-usm"]),
    ],
)
def test_the_service_is_restarted_only_when_it_does_not_run_what_is_there(
    changed: dict[str, object], expected: list[str]
) -> None:
    state = replace(RUNNING, **changed)  # type: ignore[arg-type]
    with on(node(state=state)):
        assert [plain(command) for command in services.application(state)] == expected


def test_a_service_that_runs_is_changed_in_its_turn_alone() -> None:
    with on(node(state=replace(RUNNING, started=""))):
        assert commands(services._run_application) == []
    with on(node(state=replace(RUNNING, running=False))):
        assert commands(services._run_application) == [START]


def hosts(**roles: tuple[str, ...]) -> dict[str, FakeHost]:
    """Hosts by name, each with its roles and an address of its own."""
    return {
        name: FakeHost(name, list(groups), defaults(address=f"192.0.2.{number}"))
        for number, (name, groups) in enumerate(roles.items(), start=1)
    }


@pytest.mark.parametrize(
    ("roles", "web", "members", "listening"),
    [
        ({"a": ("web", "ox")}, "a", ["127.0.0.1"], {"a": "127.0.0.1"}),
        ({"a": ("web",), "b": ("ox",)}, "a", ["192.0.2.2"], {"b": "192.0.2.2"}),
        (
            {"a": ("web", "ox"), "b": ("ox",)},
            "a",
            ["127.0.0.1", "192.0.2.2"],
            {"a": "127.0.0.1", "b": "192.0.2.2"},
        ),
        ({"a": ("web", "ox"), "b": ("web",)}, "b", ["192.0.2.1"], {"a": "192.0.2.1"}),
    ],
)
def test_nodes_listen_where_the_web_servers_ask_them(
    roles: dict[str, tuple[str, ...]], web: str, members: list[str], listening: dict[str, str]
) -> None:
    found = hosts(**roles)
    everybody = list(found.values())
    with on(found[web], everybody):
        text = proxy.files("/etc/apache2/open-xchange-usm")["conf"].decode()
    assert re.findall(r'BalancerMember "http://([^:]+):8010"', text) == members
    for name, address in listening.items():
        with on(found[name], everybody):
            usm = properties.texts(properties.settings())["usm"]
        assert f"com.openexchange.usm.listen.host={address}\n" in usm


def test_a_web_server_with_a_public_address_is_named_to_the_nodes_as_a_proxy() -> None:
    key = "com.openexchange.usm.trusted_proxies"
    for address, told in (("10.1.2.3", ""), ("web.example.org", ""), ("2001:db8::7", "2001:db8::7")):
        node = FakeHost("a", ["ox"], defaults())
        web = FakeHost("b", ["web"], defaults(address=address))
        with on(node, [node, web]):
            line = re.search(rf"(?m)^{re.escape(key)}=(.*)$", properties.texts(properties.settings())["usm"])
        assert line is not None
        assert line[1].endswith(told)
        assert bool(line[1]) == bool(told)


def test_an_address_to_listen_on_that_the_administrator_chose_stays() -> None:
    host = FakeHost("a", ["web", "ox"], defaults(listen_host="*"))
    with on(host):
        assert "com.openexchange.usm.listen.host=*\n" in properties.texts(properties.settings())["usm"]


def test_a_database_address_with_a_password_comes_from_the_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USM_DATABASE_URL", "mysql+pymysql://usm:hush@db/usm")
    with on(FakeHost("a", ["web", "ox"], defaults())):
        usm = properties.texts(properties.settings())["usm"]
    assert "com.openexchange.usm.database.url=mysql+pymysql://usm:hush@db/usm\n" in usm


def test_the_keys_for_secrets_come_from_the_secrets_to_all_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    key = "A" * 43 + "="
    monkeypatch.setenv("USM_SECRET_KEYS", key)
    for name in ("a", "b"):
        with on(FakeHost(name, ["web", "ox"], defaults())):
            usm = properties.texts(properties.settings())["usm"]
        line = re.search(r"(?m)^com\.openexchange\.usm\.secret_keys=(.*)$", usm)
        assert line is not None
        assert line.group(1).replace("\\", "") == key


def test_an_installation_waits_for_one_that_is_still_at_work(tmp_path: Path) -> None:
    """Its controller may be long gone; the file that it installs stays until it is done."""
    room = (
        "sh",
        "-c",
        scripts.text("install-room").replace("/run/", f"{tmp_path}/"),
        "-",
        f"{tmp_path}/packages",
    )
    subprocess.run(room, check=True)
    file = tmp_path / "packages" / "arriving" / "the.deb"
    file.touch()
    at_work = "exec 9>open-xchange-usm.install; flock 9; echo; sleep 0.5; ls packages/arriving; touch done"
    words = ("sh", "-c", at_work)
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=tmp_path) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "\n"
        subprocess.run(room, check=True)
        assert (tmp_path / "done").exists()
        assert other.stdout.read() == "the.deb\n"
    assert not file.exists()
