"""The dashboard and the alerts as files: what Prometheus and Grafana make of them."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.plan import CACHE
from tests.monitoring.files import ALERTS, ROOT, anchors, expressions, panels, rules

PROMTOOL = CACHE / "programs" / "promtool"

NODE = 'job="open-xchange-usm", instance="ox1"'


@dataclass(frozen=True)
class Case:
    """Two courses of the same series, as promtool writes them, a value a minute: with the one there is an alarm at the
    minute ``at``, with the other there is none."""

    bad: dict[str, str]
    good: dict[str, str]
    at: int = 31


def series(name: str, bad: str, good: str, labels: str = "", **more: Any) -> Case:
    """Of one series."""
    return Case({f"{name}{{{labels}}}": bad}, {f"{name}{{{labels}}}": good}, **more)


def buckets(name: str, slow: bool, labels: str = "") -> dict[str, str]:
    """A histogram of which a tenth of the requests is slow."""
    fast = {"0.5": "0+90x40", "10.0": "0+100x40", "+Inf": "0+100x40"}
    quick = {"0.5": "0+99x40", "10.0": "0+100x40", "+Inf": "0+100x40"}
    chosen = fast if slow else quick
    return {f'{name}_bucket{{{labels}le="{le}"}}': values for le, values in chosen.items()}


def shares(name: str, bad: str, good: str, whole: dict[str, str]) -> Case:
    """Of one number among others."""
    return Case({name: bad, **whole}, {name: good, **whole})


SYNC = 'usm_commands_total{command="Sync", status="200"}'
SYNCS = {SYNC: "0+100x40"}

CASES = {
    "UsmNodeSilent": series("up", "1x20 0x20", "1x28 0 1x10"),
    "UsmOxDown": series("usm_part_up", "1x20 0x20", "1x30 0 1x10", 'part="ox"'),
    "UsmDatabaseDown": series("usm_part_up", "1x20 0x20", "1x40", 'part="database"'),
    "UsmOxLeftAlone": series("usm_ox_breakers_open", "0x20 2x20", "0x28 2 0x10"),
    "UsmRestarts": series("usm_process_start_time_seconds", "1x5 2x5 3x5 4x25", "1x20 2x20"),
    "UsmUnexpectedErrors": series("usm_unexpected_errors_total", "0x20 1x20", "7x40"),
    "UsmManyFailures": shares('usm_commands_total{command="Sync", status="503"}', "0+10x40", "0+1x40", SYNCS),
    "UsmSlow": Case(
        buckets("usm_command_seconds", True, 'command="Sync", '),
        {
            **buckets("usm_command_seconds", False, 'command="Sync", '),
            **buckets("usm_command_seconds", True, 'command="Search", '),
        },
    ),
    "UsmOxSlow": Case(buckets("usm_ox_request_seconds", True), buckets("usm_ox_request_seconds", False)),
    "UsmOverloaded": series("usm_overload_refusals_total", "0+200x40", "0+20x40"),
    "UsmConnectionsFull": Case(
        {"usm_parked_requests": "4500x40", "usm_connections_limit": "5000x40"},
        {"usm_parked_requests": "3000x40", "usm_connections_limit": "5000x40"},
    ),
    "UsmOxConnectionsFull": series(
        "usm_ox_requests_total", "0+1x40", "3x40", 'module="mail", kind="read", outcome="not_sent"'
    ),
    "UsmDatabaseErrors": series("usm_database_errors_total", "0+2x40", "0x29 1x10", 'kind="outage"'),
    "UsmDatabaseWaiting": series("usm_database_waiting", "3x40", "0 3 0 2 0 7 3x20 0 2x20", 'pool="work"'),
    "UsmLocksTimeOut": series("usm_locks_total", "0+5x40", "0+1x40", 'outcome="timed_out"'),
    "UsmDevicesStartOver": shares(
        'usm_sync_starts_total{of="items", cause="lost"}', "0+20x40", "0+2x40", SYNCS
    ),
    "UsmAnswersLost": Case(
        {'usm_resends_total{of="items"}': "0+10x70", SYNC: "0+100x70"},
        {'usm_resends_total{of="items"}': "0+2x70", SYNC: "0+100x70"},
        at=65,
    ),
    "UsmItemsSkipped": series("usm_skipped_items_total", "0+4x40", "0+1x40", 'try="first"'),
    "UsmDeletionsHeldBack": series("usm_held_back_deletions_total", "0x20 1x20", "4x40"),
    "UsmFoldersEmptied": series("usm_sudden_empty_folders_total", "0x25 30x15", "0x25 1x15"),
    "UsmWrongPasswords": series("usm_refused_logins_total", "0+200x40", "0+10x40", 'reason="wrong_password"'),
    "UsmDevicesThrottled": series("usm_refused_devices_total", "0+20x40", "0+1x40", 'reason="throttled"'),
    "UsmRedisLost": series("usm_redis_connected", "1x10 0x40", "0x40"),
    "UsmNotificationsRefused": series("usm_notifications_total", "0+1x40", "5x40", 'outcome="refused"'),
}


def test_every_alert_says_what_is_and_where_to_read_on() -> None:
    documents = {name: anchors((ROOT / name).read_text()) for name in ("docs/operations.md",)}
    names = [rule["alert"] for rule in rules()]
    assert len(set(names)) == len(names)
    for rule in rules():
        notes = rule["annotations"]
        assert set(notes) == {"summary", "description", "runbook"}, rule["alert"]
        assert rule["labels"]["severity"] in ("critical", "warning", "info")
        document, _, anchor = notes["runbook"].partition("#")
        assert anchor in documents[document], notes["runbook"]


def test_every_expression_can_be_read() -> None:
    for each in expressions():
        each.parsed()


def test_panels_lie_side_by_side() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert all(x < 24 for x, _ in cells)
        taken |= cells
    assert len({panel["id"] for panel in panels()}) == len(panels())


def _of_node(name: str) -> str:
    """A series as Prometheus keeps it."""
    metric, _, labels = name.removesuffix("}").partition("{")
    return f"{metric}{{{', '.join(filter(None, (labels, NODE)))}}}"


def _group(name: str, course: dict[str, str], at: int, alarms: int) -> dict[str, Any]:
    expected = [{"labels": "{}", "value": alarms}] if alarms else []
    question = f'count(ALERTS{{alertname="{name}", alertstate="firing"}})'
    return {
        "name": f"{name}, {'bad' if alarms else 'good'}",
        "interval": "1m",
        "input_series": [{"series": _of_node(key), "values": values} for key, values in course.items()],
        "promql_expr_test": [{"expr": question, "eval_time": f"{at}m", "exp_samples": expected}],
    }


def _promtool(*words: str) -> subprocess.CompletedProcess[str]:
    if not PROMTOOL.exists():
        pytest.skip("promtool is not there: python -m lab prepare, as root")
    return subprocess.run([str(PROMTOOL), *words], capture_output=True, text=True, timeout=120)


def test_prometheus_takes_the_rules() -> None:
    done = _promtool("check", "rules", str(ALERTS))
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(rf"SUCCESS: {len(rules())} rules found", done.stdout)


def test_each_alert_comes_when_it_should_and_not_when_it_should_not(tmp_path: Path) -> None:
    assert CASES.keys() == {rule["alert"] for rule in rules()}
    groups = []
    for name, case in CASES.items():
        groups += [_group(name, case.bad, case.at, 1), _group(name, case.good, case.at, 0)]
    file = tmp_path / "cases.yml"
    file.write_text(
        yaml.safe_dump({"rule_files": [str(ALERTS)], "evaluation_interval": "1m", "tests": groups})
    )
    done = _promtool("test", "rules", str(file))
    assert done.returncode == 0, done.stdout + done.stderr
