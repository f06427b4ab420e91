"""Health and metrics, on the listener that Apache does not forward."""

from __future__ import annotations

import pytest
from falcon import testing

from app.usm.errors import SourceUnavailable
from app.web import admin, release
from tests.web.conftest import ADMIN


@pytest.mark.parametrize("path", ["/usm/health", "/usm/health/ready"])
def test_all_is_well_when_everything_answers(front, path):
    answer = front.request("GET", path, port=ADMIN)
    assert answer.status_code == 200
    assert answer.json == {
        "live": True,
        "ready": True,
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
    file = tmp_path / "release"
    file.write_text("1.0.0 46bf80ce715d3076\n")
    about = release.read(file)
    app = testing.TestClient(admin.create({}, about))
    assert about == {"version": "1.0.0", "build": "46bf80ce715d3076"}
    assert app.simulate_get("/usm/health").json == {"live": True, "ready": True, **about, "checks": {}}
    assert release.read(tmp_path / "absent") == {}


def test_liveness_asks_nobody(front):
    front.down["ox"] = SourceUnavailable("down")
    answer = front.request("GET", "/usm/health/live", port=ADMIN)
    assert answer.status_code == 200
    assert answer.json == {"live": True}


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
