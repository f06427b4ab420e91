"""The rollback: to which backup it goes, when it refuses, and what each step does. Nothing is run."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pyinfra.api.operation import OperationMeta
from pyinfra.context import inventory

from tasks import rollback, run
from tasks.backup import Backup, Backups
from tasks.nodes import Node
from tests.deploy.fakes import FakeHost, commands, defaults, node, on

ETC = "/opt/open-xchange/etc/groupware"
STATE = "/var/lib/open-xchange-usm"
OLDER, NEWER = "20260101000000", "20260202000000"
FOLDER = f"{STATE}/backup/{NEWER}"
KEPT = Backup(frozenset({"complete", "enabled", "running"}), "0.9~beta1")
TABLES = replace(KEPT, marks=KEPT.marks | {"tables"})
APACHE = Backup(frozenset({"apache"}))
DAEMONS = ("open-xchange-groupware", "open-xchange-admin")
NOW = Node(
    generation=6, etc=ETC, daemons=DAEMONS, version="1.0.0", build="build2", running=True, enabled=True
)

START = "restart.sh sysv open-xchange-usm 90 restart"


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run in which nothing has happened."""
    monkeypatch.setattr(run, "_attempts", [])
    monkeypatch.setattr(rollback, "_stopped", set())
    rollback._known.clear()


def ox(name: str, state: Node = NOW, **kept: Backup) -> FakeHost:
    host = node(name, state)
    host.facts[Backups] = {key.lstrip("_"): backup for key, backup in kept.items()}
    return host


def web(**kept: Backup) -> FakeHost:
    return FakeHost(
        "web1", ["web"], defaults(), {Backups: {key.lstrip("_"): each for key, each in kept.items()}}
    )


def kept(newer: Backup, older: Backup | None = None) -> dict[str, Backup]:
    return {f"_{NEWER}": newer, **({f"_{OLDER}": older} if older else {})}


def chosen(*hosts: FakeHost) -> str:
    with on(hosts[0], hosts):
        return rollback.chosen()


def test_it_goes_back_to_the_newest_backup() -> None:
    assert (
        chosen(ox("ox1", **kept(TABLES, KEPT)), ox("ox2", **kept(KEPT, KEPT)), web(**kept(APACHE, APACHE)))
        == NEWER
    )


def test_it_refuses_without_a_backup() -> None:
    with pytest.raises(run.DeployError, match=r"no host has a backup.*Nothing has been touched"):
        chosen(ox("ox1"), web())


@pytest.mark.parametrize(
    "hosts",
    [
        (
            ox("ox1", **kept(KEPT, KEPT)),
            ox("ox2", **kept(Backup(frozenset()), KEPT)),
            web(**kept(APACHE, APACHE)),
        ),
        (ox("ox1", **kept(KEPT, KEPT)), ox("ox2", **{f"_{OLDER}": KEPT}), web(**kept(APACHE, APACHE))),
    ],
)
def test_it_refuses_where_a_host_lacks_its_part_and_names_it(hosts: tuple[FakeHost, ...]) -> None:
    """Going to an older one would bring back what was not there before the last run."""
    with pytest.raises(run.DeployError, match=r"not complete: ox2 has"):
        chosen(*hosts)


def test_a_node_that_came_after_the_replacement_stops_serving_and_is_left_as_it_is() -> None:
    late = ox("ox2")
    assert chosen(ox("ox1", **kept(TABLES)), late, web()) == NEWER
    assert told(late, rollback._stop) == [
        f"rm -f {STATE}/started",
        "restart.sh sysv open-xchange-usm 90 stop",
    ]
    steps = (
        *(rollback._remember, rollback._restore_tables, rollback._restore_package, rollback._restore_files),
        *(rollback._run_groupware, rollback._run_service, rollback._settle),
    )
    for step in steps:
        assert told(late, step) == []


def test_a_node_that_is_being_replaced_has_not_come_later() -> None:
    with pytest.raises(run.DeployError, match=r"not complete: ox2 has"):
        chosen(ox("ox1", **kept(TABLES)), ox("ox2", replace(NOW, owed=f"replace 1.0.0 build2 {NEWER}")))


def test_it_refuses_when_a_web_server_lacks_its_part() -> None:
    with pytest.raises(run.DeployError, match=r"not complete: web1 has"):
        chosen(ox("ox1", **kept(KEPT)), web(**kept(Backup(frozenset()))))


def test_it_refuses_to_leave_a_node_out() -> None:
    first, second = ox("ox1", **kept(KEPT)), ox("ox2", **kept(KEPT))
    with on(first, [first, second]):
        inventory.get_active_hosts = lambda: [first]  # type: ignore[method-assign]
        with pytest.raises(run.DeployError, match=r"ox2 would be left out"):
            rollback.chosen()


def test_a_rollback_that_was_carried_out_has_nothing_to_do() -> None:
    done = replace(KEPT, marks=KEPT.marks | {"rolled-back"})
    host = ox("ox1", **kept(done, KEPT))
    assert chosen(host) == ""
    steps = (
        *(rollback._remember, rollback._stop, rollback._restore_tables, rollback._restore_package),
        *(rollback._restore_files, rollback._run_groupware, rollback._run_service, rollback._restore_apache),
    )
    with on(host):
        for step in (*steps, rollback._settle):
            assert commands(step, goal="") == []


def test_one_that_was_cut_off_at_its_end_goes_on() -> None:
    done = replace(KEPT, marks=KEPT.marks | {"rolled-back"})
    assert chosen(ox("ox1", **kept(done)), ox("ox2", **kept(KEPT))) == NEWER


def told(host: FakeHost, step: object, executing: bool = True) -> list[str]:
    with on(host, executing=executing):
        return [line.partition("# ")[0].strip() for line in commands(step, goal=NEWER)]


def test_tables_of_a_newer_version_of_the_vendors_make_room_for_those_of_before() -> None:
    host = ox("ox1", **kept(TABLES))
    host.data["product"] = "bundles"
    assert told(host, rollback._restore_tables)[2].endswith(f"legacy restore {FOLDER}/tables --successor")


def test_a_deployment_after_half_a_rollback_knows_that_the_product_is_to_be_replaced() -> None:
    host = ox("ox1", **kept(TABLES))
    with on(host):
        (_, write) = list(rollback._remember._inner(goal=NEWER))
    assert write.connector_arguments["_stdin"] == f"replace 1.0.0 build2 {NEWER}\n"


def test_the_tables_come_back_from_where_their_dump_lies_and_once() -> None:
    tool = f"python.sh {STATE}/usmctl.pyz --etc {ETC}"
    assert told(ox("ox1", **kept(TABLES)), rollback._restore_tables)[2:] == [
        f"{tool} legacy restore {FOLDER}/tables",
        f"touch {FOLDER}/restored",
    ]
    assert told(ox("ox1", **kept(KEPT)), rollback._restore_tables) == []
    again = replace(TABLES, marks=TABLES.marks | {"restored"})
    assert told(ox("ox1", **kept(again)), rollback._restore_tables) == []


def test_the_package_comes_back_where_it_is_another() -> None:
    (line,) = told(ox("ox1", **kept(KEPT)), rollback._restore_package)
    assert line.startswith(f"restore-package.sh {FOLDER} deb open-xchange-usm")
    back = replace(NOW, version="0.9~beta1", build="")
    assert told(ox("ox1", back, **kept(KEPT)), rollback._restore_package) == []
    assert (
        told(ox("ox1", replace(back, broken="half-installed"), **kept(KEPT)), rollback._restore_package) != []
    )
    assert told(ox("ox1", **kept(Backup(frozenset({"complete"})))), rollback._restore_package) != []


def test_the_groupware_restarts_where_the_product_lived_in_it() -> None:
    start = [f"restart.sh sysv {daemon} 180 start" for daemon in DAEMONS]
    stop = [f"restart.sh sysv {daemon} 180 stop" for daemon in DAEMONS]
    bundles = replace(KEPT, marks=KEPT.marks | {"bundles"})
    ours = ox("ox1", **kept(KEPT))
    assert not set(stop) & set(told(ours, rollback._stop))
    theirs = ox("ox1", **kept(bundles))
    assert told(theirs, rollback._stop)[-2:] == stop
    assert told(theirs, rollback._run_groupware)[:2] == start


def test_a_groupware_that_was_stopped_starts_whatever_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    host = ox("ox1", **kept(replace(KEPT, marks=KEPT.marks | {"bundles"})))
    told(host, rollback._stop)
    meta = OperationMeta("hash", is_change=True)
    meta.set_complete(False, [], None)  # type: ignore[arg-type]
    monkeypatch.setattr(run, "_attempts", [meta])
    assert told(host, rollback._restore_package) == []
    *started, watchman = told(host, rollback._run_groupware)
    assert len(started) == 2
    assert "put-back" in watchman
    assert told(host, rollback._run_service) == []
    (last,) = told(host, rollback._settle)
    assert "run the rollback again" in last


@pytest.mark.parametrize(
    ("marks", "expected"),
    [
        ({"complete", "enabled"}, ["enable.sh sysv open-xchange-usm", START]),
        ({"complete", "running"}, [START]),
        ({"complete"}, []),
        ({"complete", "enabled", "bundles"}, []),
    ],
)
@pytest.mark.parametrize("wanted", ["application", "bundles"])
def test_a_service_runs_where_it_did(marks: set[str], expected: list[str], wanted: str) -> None:
    host = ox("ox1", **kept(Backup(frozenset(marks), "0.9~beta1")))
    if wanted == "bundles":
        host.data.update(product=wanted, service_name="open-xchange-groupware")
    assert told(host, rollback._run_service) == expected


def test_at_the_end_nothing_is_owed() -> None:
    assert told(ox("ox1", **kept(KEPT)), rollback._settle) == [
        f"rm -f {STATE}/owed {STATE}/started",
        f"touch {FOLDER}/rolled-back",
    ]
