"""The script that restarts a service and waits for it, run on this machine with a service that is none."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tasks import scripts

STATE = "/var/lib/open-xchange-usm"


@dataclass(frozen=True, slots=True)
class Place:
    """A host in small. ``programs``: those that stand before the system's own."""

    programs: Path
    state: Path

    def has(self, program: str, text: str) -> None:
        """There is such a program, a shell script."""
        path = self.programs / program
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)

    def restart(self) -> tuple[int, str]:
        """Status and complaints of the script."""
        text = scripts.text("restart")
        assert STATE in text
        done = subprocess.run(
            [
                "sh",
                "-c",
                text.replace(STATE, str(self.state)),
                "restart.sh",
                "systemd",
                "moon",
                "20",
                "restart",
            ],
            env={**os.environ, "PATH": f"{self.programs}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        return done.returncode, done.stderr


@pytest.fixture
def place(tmp_path: Path) -> Place:
    found = Place(tmp_path / "bin", tmp_path / "state")
    found.programs.mkdir()
    found.has("systemctl", "exit 0")
    return found


def test_a_service_that_starts(place: Place) -> None:
    assert place.restart() == (0, "")
    assert list(place.state.iterdir()) == []


def test_a_service_that_does_not_start(place: Place) -> None:
    place.has("systemctl", "exit 5")
    assert place.restart() == (1, "the restart of moon ends with status 5\n")
    assert list(place.state.iterdir()) == []


def test_a_status_that_is_just_being_noted_is_waited_for(place: Place) -> None:
    # A shell makes the file first, and writes into it then.
    place.has("timeout", ': >"$(readlink /proc/$$/fd/1).done"; exec sleep 1')
    assert place.restart() == (0, "")


def test_nobody_waits_for_a_status_that_cannot_be_noted(place: Place) -> None:
    place.has("timeout", 'kill -KILL "$PPID"')
    status, complaints = place.restart()
    assert status == 1
    assert f"nobody noted how the restart of moon ended: is there room in {place.state}?" in complaints
