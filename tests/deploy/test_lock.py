"""Of two deployments of the same estate the second is refused, before it touches anything."""

from __future__ import annotations

import os
import re
import time
from typing import Any

import pytest

from tasks import lock, nodes, report, run
from tasks.nodes import Node, NodeState
from tests.deploy import fakes

OTHER = "berta on office, process 4711, since 2026-11-22 10:00:00 UTC"


def busy(name: str, by: str = OTHER) -> fakes.FakeHost:
    return fakes.node(name, Node(busy=by))


def test_a_run_names_itself_where_it_changes_something(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report.run, "dry", False)
    assert re.fullmatch(rf"\S+ on \S+, process {os.getpid()}, since 20\d\d-.* UTC", lock.claim())


def test_a_dry_run_holds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report.run, "dry", True)
    assert lock.claim() == ""
    assert fakes.plain(NodeState().command("p", "s", "/root", "")).split() == ["node.sh", "p", "s", "/root"]


def test_a_second_run_is_refused_with_who_runs_and_where() -> None:
    hosts = [busy("ox1"), busy("ox2"), fakes.node("ox3")]
    with fakes.on(hosts[2], hosts), pytest.raises(run.DeployError) as refusal:
        run.note_begin()
    assert str(refusal.value) == (
        f"another deployment is at work on ox1, ox2: {OTHER}. Wait until it has ended, and run again. Nothing has been"
        " touched"
    )


def test_two_others_are_both_named() -> None:
    text = lock.refusal({"ox1": OTHER, "ox2": "somebody else", "ox3": ""})
    assert f"on ox1: {OTHER}" in text
    assert "on ox2: somebody else" in text


def test_nobody_else_is_no_reason() -> None:
    assert lock.refusal({"ox1": ""}) == ""


def test_a_node_that_is_left_out_and_cannot_be_reached_holds_nobody_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here, absent = fakes.node("ox1"), fakes.node("ox2")

    def unreachable(fact: type, **arguments: object) -> Any:
        raise OSError("no route")

    absent.get_fact = unreachable  # type: ignore[method-assign]
    monkeypatch.setattr(nodes, "nodes", lambda: [here])
    with fakes.on(here, [here, absent]):
        assert run._others_at_work() == {"ox1": ""}
    monkeypatch.setattr(nodes, "nodes", lambda: [here, absent])
    with fakes.on(here, [here, absent]), pytest.raises(OSError, match="no route"):
        run._others_at_work()


def begins(host: fakes.FakeHost, asked_ago: float, before: Node) -> list[str]:
    with fakes.on(host):
        nodes._known[host.name] = time.monotonic() - asked_ago, before
        return [fakes.plain(command) for command in run._note_begin._inner()]


@pytest.mark.parametrize("asked_ago", [0.0, nodes.FRESH + 1])
def test_who_had_to_wait_for_an_answer_asks_again(asked_ago: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "begin", lambda record: None)
    monkeypatch.setattr(run, "record", run.Record())
    run.record.began.add("ox9")
    done = begins(busy("ox1"), asked_ago, Node())
    assert (run.record.began == {"ox1", "ox9"}) is (asked_ago == 0.0)
    assert [OTHER in each for each in done] == ([True] if asked_ago else [])
