"""Health and metrics, on the listener that Apache does not forward."""

from __future__ import annotations

import os
import threading
import time
from types import SimpleNamespace

import pytest
from falcon import testing

from app.usm.errors import SourceUnavailable, StoreUnavailable
from app.web import admin, release
from tests.web.conftest import ADMIN

PROGRAM = {"draining": False, "pid": os.getppid(), "worker": os.getpid()}


@pytest.mark.parametrize("path", ["/usm/health", "/usm/health/ready"])
def test_all_is_well_when_everything_answers(front, path):
    answer = front.request("GET", path, port=ADMIN)
    assert answer.status_code == 200
    assert answer.json == {
        "live": True,
        "ready": True,
        **PROGRAM,
        "checks": {"ox": {"up": True}, "database": {"up": True}},
    }


def test_what_is_down_is_named(front):
    front.down["ox"] = SourceUnavailable("http://ox:8009/ajax/ does not answer")
    answer = front.request("GET", "/usm/health", port=ADMIN)
    assert answer.status_code == 503
    assert answer.json["ready"] is False
    assert answer.json["checks"]["ox"] == {"up": False, "error": "http://ox:8009/ajax/ does not answer"}
    assert answer.json["checks"]["database"] == {"up": True}


def test_a_check_that_is_broken_itself_counts_as_down_and_keeps_its_inside(front):
    front.down["database"] = RuntimeError("an inside")
    answer = front.request("GET", "/usm/health", port=ADMIN)
    assert answer.status_code == 503
    assert "an inside" not in answer.text


def test_health_tells_which_release_answers(tmp_path):
    (tmp_path / "VERSION").write_text("1.0.0\n")
    (tmp_path / "BUILD").write_text("46bf80ce715d3076\n")
    about = release.read(tmp_path)
    app = testing.TestClient(admin.create({}, about))
    assert about == {"version": "1.0.0", "build": "46bf80ce715d3076"}
    told = {"live": True, "ready": True, **PROGRAM, **about, "checks": {}}
    assert app.simulate_get("/usm/health").json == told
    assert release.read(tmp_path / "absent") == {}


@pytest.mark.parametrize("ready", [True, False])
def test_how_the_tables_stand_is_told_of_each_schema(ready):
    found = {"oxdb_5": (True, "up to date"), "oxdb_6": (ready, "revision 0001")}
    answer = testing.TestClient(admin.create({}, tables=lambda: found)).simulate_get("/usm/tables")
    assert answer.status_code == 200
    assert answer.json == {"ready": ready, "schemas": {"oxdb_5": "up to date", "oxdb_6": "revision 0001"}}


def test_tables_of_which_nothing_is_known_are_no_ready_ones():
    def look():
        raise StoreUnavailable("configdb does not answer")

    answer = testing.TestClient(admin.create({}, tables=look)).simulate_get("/usm/tables")
    assert answer.status_code == 503
    assert answer.json == {"error": "configdb does not answer"}


def test_liveness_asks_nobody(front):
    front.down["ox"] = SourceUnavailable("down")
    answer = front.request("GET", "/usm/health/live", port=ADMIN)
    assert answer.status_code == 200
    assert answer.json == {"live": True, **PROGRAM}


def test_a_service_that_ends_says_so_and_is_not_ready(front):
    front.app.stop()
    answer = front.request("GET", "/usm/health", port=ADMIN)
    assert answer.status_code == 503
    assert (answer.json["live"], answer.json["ready"], answer.json["draining"]) == (True, False, True)
    assert front.request("GET", "/usm/health/live", port=ADMIN).status_code == 200


@pytest.fixture
def hanging(monkeypatch):
    """A part that answers when it is told to, and how often it was asked."""
    monkeypatch.setattr(admin, "PATIENCE", 0.2)
    answered, asked = threading.Event(), []

    def check():
        asked.append(time.monotonic())
        answered.wait(10)

    yield SimpleNamespace(check=check, answered=answered, asked=asked)
    answered.set()


def test_a_part_that_hangs_counts_as_down_and_keeps_the_answer_for_a_moment_only(hanging):
    app = testing.TestClient(
        admin.create({"ox": hanging.check, "other": hanging.check, "well": lambda: None})
    )
    began = time.monotonic()
    answer = app.simulate_get("/usm/health")
    assert time.monotonic() - began < 0.35, "the parts are asked one after the other"
    assert answer.status_code == 503
    down = {"up": False, "error": "no answer within 0.2 s"}
    assert answer.json["checks"] == {"ox": down, "other": down, "well": {"up": True}}


def test_a_part_that_hangs_is_not_asked_again_meanwhile_and_counts_again_once_it_answers(hanging):
    app = testing.TestClient(admin.create({"ox": hanging.check}))
    for _ in range(3):
        assert app.simulate_get("/usm/health").status_code == 503
    assert len(hanging.asked) == 1
    hanging.answered.set()
    assert app.simulate_get("/usm/health").status_code == 200


def test_metrics_count_commands_by_version_and_status(front):
    def value() -> float:
        text = front.request("GET", "/usm/metrics", port=ADMIN).text
        wanted = 'usm_commands_total{command="Ping",status="200",version="14.1"} '
        return sum(float(line.removeprefix(wanted)) for line in text.splitlines() if line.startswith(wanted))

    before = value()
    front.command("Ping")
    assert value() == before + 1


def test_what_a_device_invents_does_not_become_a_label(front):
    front.command("Invented")
    assert "Invented" not in front.request("GET", "/usm/metrics", port=ADMIN).text
