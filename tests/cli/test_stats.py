"""usmctl stats: what nodes do, out of their metrics."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app.administration import stats
from app.administration.stats import Reading
from app.cli.stats import address_of
from app.cli.usmctl import usmctl
from lab.ports import free_ports

TEXT = """\
# HELP usm_build_info The program.
# TYPE usm_build_info gauge
usm_build_info{build="x",python="3.11.2",version="1.0.0"} 1.0
usm_process_start_time_seconds 1.0
usm_workers 2.0
usm_process_resident_memory_bytes{role="parent"} 2e+07
usm_process_resident_memory_bytes{role="worker"} 1.8e+08
usm_part_up{part="ox"} 0.0
usm_part_up{part="database"} 1.0
usm_commands_total{command="Sync",status="200",version="16.1"} 90.0
usm_commands_total{command="Sync",status="503",version="16.1"} 10.0
usm_commands_total{command="Ping",status="200",version="14.1"} 40.0
usm_command_seconds_sum{command="Sync"} 20.0
usm_command_seconds_count{command="Sync"} 100.0
usm_ox_call_seconds_total{command="Sync"} 15.0
usm_parked_requests 7.0
usm_wakeups_total{source="poll"} 3.0
usm_wakeups_total{source="redis"} 0.0
usm_ox_requests_total{kind="read",module="mail",outcome="answered"} 100.0
usm_ox_requests_total{kind="read",module="mail",outcome="failed"} 4.0
usm_ox_request_seconds_sum{module="mail"} 26.0
usm_ox_request_seconds_count{module="mail"} 104.0
usm_sync_starts_total{cause="lost",of="items"} 2.0
usm_unexpected_errors_total 5.0
nonsense
usm_odd{text="a \\"quoted\\" comma, }"} 1.0
"""


class Node:
    """A node that answers with this text, and counts on from one answer to the next."""

    def __init__(self) -> None:
        self.text = TEXT.replace("start_time_seconds 1.0", f"start_time_seconds {time.time() - 1000}")
        self.asked = 0
        node = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                node.asked += 1
                assert self.path == "/usm/metrics"
                body = node.text.replace("} 90.0", f"}} {90 + 10 * (node.asked - 1)}.0").encode()
                self.send_response(200)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *words: object) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def node() -> Iterator[Node]:
    node = Node()
    yield node
    node.stop()


@pytest.fixture
def etc(tmp_path: Path, node: Node) -> Path:
    port = node.address.rpartition(":")[2]
    (tmp_path / "usm.properties").write_text(f"com.openexchange.usm.admin.port={port}\n")
    (tmp_path / "eas.properties").write_text("")
    return tmp_path


def call(etc: Path, *words: str) -> Result:
    return CliRunner().invoke(usmctl, ["--etc", str(etc), "stats", *words])


def rows(result: Result) -> dict[tuple[str, str], dict[str, object]]:
    return {(row["about"], row["what"]): row for row in json.loads(result.stdout)}


def test_the_service_of_this_host_is_asked(etc: Path, node: Node) -> None:
    done = call(etc, "--json")
    assert done.exit_code == 0, done.output
    found = rows(done)
    about = f"node {node.address}"
    assert found[about, "version 1.0.0"]["count"] is None
    assert found[about, "workers"]["count"] == 2
    assert found[about, "memory, MB"]["count"] == 200
    assert (about, "ox DOES NOT ANSWER") in found
    assert (about, "database answers") in found
    assert found[about, "UNEXPECTED ERRORS"]["count"] == 5
    sync = found["commands", "Sync"]
    assert (sync["count"], sync["ms"], sync["ox"]) == (100, 200, 75)
    assert sync["per_second"] == pytest.approx(0.1, abs=0.01)
    assert found["answers", "HTTP 503"]["count"] == 10
    assert ("answers", "HTTP 200") not in found
    assert found["waiting", "phones"]["count"] == 7
    assert found["woken by", "poll"]["count"] == 3
    assert ("woken by", "redis") not in found
    assert (found["OX", "mail"]["count"], found["OX", "mail"]["ms"]) == (104, 250)
    assert found["OX, calls", "failed"]["count"] == 4
    assert found["items begun", "lost"]["count"] == 2
    assert found["problems", "answers given again"]["count"] == 0


def test_it_is_a_table_for_people(etc: Path) -> None:
    text = call(etc).output
    assert text.splitlines()[0].split() == ["about", "what", "count", "per_second", "ms", "ox"]
    assert any(line.split()[:2] == ["commands", "Sync"] for line in text.splitlines())


def test_the_numbers_of_nodes_are_added_up_and_a_silent_one_is_named(etc: Path, node: Node) -> None:
    other = Node()
    silent = f"127.0.0.1:{free_ports(1)[0]}"
    try:
        words = [word for each in (node.address, other.address, silent) for word in ("--node", each)]
        done = call(etc, *words, "--json")
    finally:
        other.stop()
    assert done.exit_code == 1
    assert f"{silent} does not answer" in done.stderr
    assert rows(done)["commands", "Sync"]["count"] == 200
    assert (f"node {other.address}", "workers") in rows(done)


def test_whatever_else_answers_is_no_node(etc: Path, node: Node) -> None:
    node.text = "hello"
    done = call(etc)
    assert done.exit_code == 1
    assert "is no node of this service" in done.stderr


def test_watching_tells_what_happened_since_the_reading_before(etc: Path, node: Node) -> None:
    done = call(etc, "--watch", "0.2", "--times", "2", "--format", "csv")
    assert done.exit_code == 0, done.output
    lines = [line.split(",") for line in done.stdout.splitlines() if line.startswith("commands,Sync")]
    assert [line[2] for line in lines] == ["110", "120"]
    # Ten in a fifth of a second, or a little longer; none of them took any time.
    assert all(1 < float(line[3]) <= 50 for line in lines)
    assert node.asked == 3


@pytest.mark.parametrize(
    ("host", "wanted"),
    [("", "127.0.0.1:9"), ("0.0.0.0", "127.0.0.1:9"), ("fd00::1", "[fd00::1]:9"), ("10.1.2.3", "10.1.2.3:9")],
)
def test_a_node_is_asked_where_it_listens(tmp_path: Path, host: str, wanted: str) -> None:
    (tmp_path / "usm.properties").write_text(
        f"com.openexchange.usm.admin.port=9\ncom.openexchange.usm.admin.host={host}\n"
    )
    (tmp_path / "eas.properties").write_text("")
    assert address_of(tmp_path, "") == wanted
    assert address_of(tmp_path, "ox2") == "ox2:9"
    assert address_of(tmp_path, "ox2:12") == "ox2:12"


def test_a_node_that_was_started_anew_counts_from_nothing() -> None:
    def reading(at: float, count: float) -> Reading:
        return Reading(at, at, {"usm_commands_total": {frozenset({("command", "Sync")}): count}})

    found = {
        (row["about"], row["what"]): row
        for row in stats.rows({"a": reading(20.0, 30.0)}, {"a": reading(10.0, 5000.0)})
    }
    assert found["commands", "Sync"]["per_second"] == 3.0


def test_a_node_that_was_silent_leaves_the_others_their_pace() -> None:
    def reading(at: float, count: float) -> Reading:
        up = 100_000 + at
        return Reading(at, up, {"usm_commands_total": {frozenset({("command", "Sync")}): count}})

    found = stats.rows({"a": reading(10.0, 1100.0), "b": reading(10.0, 0.0)}, {"a": reading(0.0, 1000.0)})
    assert [row["per_second"] for row in found if row["about"] == "commands"] == [10.0]


def test_text_is_taken_apart_whatever_stands_in_it() -> None:
    values = stats.parsed(TEXT)
    assert "nonsense" not in values
    [labels] = values["usm_odd"]
    assert dict(labels) == {"text": 'a \\"quoted\\" comma, }'}
