"""The table of an estate: what hosts answer, and what that means."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api.exceptions import ConnectError

from tasks import product, verify
from tasks.nodes import Node
from tasks.verify import Row, as_json, judge_node, judge_others, read, table
from tests.deploy import fakes

PROJECT = Path(__file__).resolve().parents[2]

WELL = Node(
    generation=6,
    version="1.0.0",
    build="46bf",
    properties={"usm": "x", "eas": "x"},
    running=True,
    enabled=True,
)
HEALTH = {"ready": True, "version": "1.0.0", "build": "46bf", "checks": {"ox": {"up": True}}}
NOW = datetime(2024, 5, 1, 12, tzinfo=UTC)


def schema(name: str, **more: Any) -> dict[str, Any]:
    usual = {"ready": True, "legacy": False, "advice": "fine", "users": 1, "devices": 1, "last_sync": None}
    return {"name": name, **usual, **more}


def told(health: Any = HEALTH, *schemas: dict[str, Any], **failures: str) -> dict[str, list[str]]:
    status = {"schemas": list(schemas) or [schema("oxdatabase_5")], "failures": failures}
    return {"health": [json.dumps(health)], "status": [json.dumps(status)]}


def judged(node: Node, answers: dict[str, list[str]] | None = None, wanted: str = product.APPLICATION) -> Row:
    row = Row("ox1", ["ox"])
    judge_node(row, node, told() if answers is None else answers, wanted)
    return row


def changed(**details: Any) -> Node:
    return Node(**{**{name: getattr(WELL, name) for name in WELL.__slots__}, **details})


def test_a_node_that_is_well_has_no_problems() -> None:
    row = judged(WELL)
    assert row.problems == []
    assert (row.running, row.ready, row.version) == (True, True, "1.0.0")


WRONG: list[tuple[Node, dict[str, list[str]] | None, str]] = [
    (Node(), {}, "nothing is installed: deploy.py installs it"),
    (changed(broken="half-configured"), None, "the package is broken (half-configured)"),
    (changed(bundles=True, build=""), {}, "what is installed is the vendor's bundles, not this application"),
    (changed(build=""), {}, "what is installed is our beta, not this application"),
    (changed(owed="install 1.0.0"), None, "a deployment was not completed (owed: install 1.0.0)"),
    (changed(parked=True), None, "updatetasks.cfg is not in its place"),
    (changed(drained=True), None, "it is out of the balancer"),
    (changed(running=False), None, "the service does not run"),
    (changed(enabled=False), None, "the service would not start with the host"),
    (WELL, told({**HEALTH, "build": "0000"}), "version 1.0.0 (0000) answers, but 1.0.0 (46bf) is installed"),
    (
        WELL,
        told({**HEALTH, "ready": False, "checks": {"ox": {"up": False, "error": "no route"}}}),
        "ox is down: no route",
    ),
    (WELL, {"health": ["it does not answer"]}, "the service does not tell its health: it does not answer"),
    (
        WELL,
        told(HEALTH, schema("oxdatabase_6", ready=False, advice="the tables are missing")),
        "schema oxdatabase_6: the tables are missing",
    ),
    (
        WELL,
        told(HEALTH, oxdatabase_6="database x does not answer"),
        "schema oxdatabase_6: database x does not",
    ),
    (
        WELL,
        {
            "schema": [
                "oxdatabase_5: the tables are up to date (revision 1)",
                "oxdatabase_6: the tables are missing",
            ]
        },
        "schema oxdatabase_6: the tables are missing",
    ),
]


@pytest.mark.parametrize(("node", "answers", "problem"), WRONG, ids=[problem[:40] for _, _, problem in WRONG])
def test_what_is_wrong_with_a_node_is_named(
    node: Node, answers: dict[str, list[str]] | None, problem: str
) -> None:
    assert any(each.startswith(problem) for each in judged(node, answers).problems), judged(
        node, answers
    ).problems


def test_where_the_vendors_bundles_are_wanted_they_are_right() -> None:
    row = judged(changed(bundles=True, build="", running=False, enabled=False), {}, product.BUNDLES)
    assert row.problems == []
    assert row.running is None


def test_a_version_from_before_usmctl_status_is_understood() -> None:
    answers = ["oxdatabase_5: the tables are up to date (revision 1)"]
    answers += ["oxdatabase_6: the tables USMSession are there, so they belong to an earlier USM product"]
    row = judged(WELL, {"schema": answers})
    assert [(each["ready"], each["legacy"]) for each in row.schemas] == [(True, False), (False, True)]


def test_the_latest_sync_of_all_schemas_counts() -> None:
    times = ("2024-05-01T09:30:00+00:00", "2024-04-01T09:30:00+00:00", None)
    row = judged(WELL, told(HEALTH, *(schema(str(at), last_sync=time) for at, time in enumerate(times))))
    assert row.last_sync == times[0]


@pytest.mark.parametrize(
    ("days", "wrong"), [(60, ""), (20, "ends in 20 days: renew it"), (-3, "has ended: renew it")]
)
def test_the_certificate_that_ends_first_counts(days: int, wrong: str) -> None:
    now = time.time() + 3600
    ends = [f"{int(now + 90 * verify.DAY)} /etc/other.pem", f"{int(now + days * verify.DAY)} /etc/mine.pem"]
    row = Row("web1", ["web"])
    judge_others(row, {"apache": ["running"], "certificate": ends}, 21)
    assert row.certificate_days == days
    assert row.problems == ([f"the certificate /etc/mine.pem {wrong}"] if wrong else [])


def test_servers_that_do_not_run_are_named() -> None:
    row = Row("all", ["web", "db"])
    judge_others(row, {"apache": ["stopped"]}, 21)
    assert row.problems == ["Apache does not run", "MariaDB does not run"]


def test_nodes_of_different_versions_are_told() -> None:
    rows = [Row("ox1", ["ox"], version="1.0.0"), Row("ox2", ["ox"], version="1.0.1"), Row("ox3", ["ox"])]
    verify._compare(rows)
    assert [len(row.problems) for row in rows] == [1, 1, 0]


def test_what_a_host_prints_is_read_by_name() -> None:
    assert read("a=1\nb=x=y\na=2\nnoise") == {"a": ["1", "2"], "b": ["x=y"]}


ROWS = [
    Row("web1", ["web"], running=True, certificate_days=29),
    Row(
        "ox1",
        ["ox"],
        version="1.0.0",
        running=True,
        ready=True,
        schemas=[schema("a"), schema("b", ready=False, legacy=True)],
        parked=True,
        owed="install 1.0.0",
        drained=True,
        last_sync="2024-05-01T09:30:00+00:00",
        problems=["something"],
    ),
    Row("ox2", ["ox"], reachable=False, problems=["unreachable: no route"]),
    Row("ox3", ["ox", "db"], product=product.BETA, version="0.9~beta1", running=False, ready=False),
]


TABLE = """\
host  role   version           service  ready  schemas            owed             balancer  last sync  certificate
web1  web    -                 runs     -      -                  -                -         -          29 days
ox1   ox     1.0.0             runs     yes    1 ready, 1 legacy  parked, install  out       2 h ago    -
ox2   ox     unreachable       -        -      -                  -                -         -          -
ox3   ox,db  0.9~beta1 (beta)  stopped  no     -                  -                in        -          -

ox1: something
ox2: unreachable: no route
"""


def test_the_table_has_a_row_for_each_host_and_problems_below() -> None:
    assert table(ROWS, NOW) == TABLE.splitlines()


def test_an_estate_that_is_well_says_so() -> None:
    assert table([ROWS[0]], NOW)[-2:] == ["", "All is well."]


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (None, "-"),
        ("2024-05-01T11:30:00+00:00", "within 1 h"),
        ("2024-05-01T01:00:00+00:00", "11 h ago"),
        ("2024-04-01T12:00:00+00:00", "30 days ago"),
    ],
)
def test_how_long_ago_is_told_as_exactly_as_it_is_known(moment: str | None, text: str) -> None:
    assert verify._ago(moment, NOW) == text


def test_machines_are_told_the_same() -> None:
    found = json.loads(json.dumps(as_json(ROWS)))
    assert (found["format"], found["well"]) == (1, False)
    assert [host["name"] for host in found["hosts"]] == ["web1", "ox1", "ox2", "ox3"]
    assert found["problems"][1] == {"host": "ox2", "text": "unreachable: no route"}


def test_a_host_whose_answers_make_no_sense_keeps_its_row() -> None:
    host: Any = fakes.node()
    host.connect = lambda **_: None
    host.answers = {"node.sh": (True, "generation=six"), "verify.sh": (True, "")}
    row = verify._row(host)
    assert row.reachable
    assert row.problems[0].startswith("its answers cannot be understood: ValueError")


def test_a_host_that_cannot_be_reached_keeps_its_row() -> None:
    def connect(**_: Any) -> None:
        raise ConnectError("Could not connect (timed out)")

    host: Any = fakes.node()
    host.connect = connect
    row = verify._row(host)
    assert not row.reachable
    assert "Could not connect (timed out)" in row.problems[0]
    assert "See whether it is up and reachable by ssh" in row.problems[0]


def test_the_script_for_hosts_writes_nothing() -> None:
    """No redirection but of errors and of nothing, and no program that changes anything."""
    text = (PROJECT / "tasks" / "shell" / "verify.sh").read_text()
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    bare = "\n".join(lines).replace("2>/dev/null", "").replace("2>&1", "").replace("</dev/null", "")
    assert ">" not in bare.replace('<"$file"', "")
    for word in ("rm ", "mv ", "mkdir", "touch", "chmod", "tee ", "start", "stop "):
        assert word not in bare, word
