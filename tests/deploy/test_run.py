"""A run that did not come to its end never passes as a success, whatever pyinfra itself would say."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tasks import report

PROJECT = Path(__file__).resolve().parents[2]
DEPLOY = """
from pyinfra.operations import server
from tasks import run
run._note_begin(name="Begin")
server.shell(name="Work", commands=[{command!r}], _if=lambda: {condition})
run.finish()
"""
HOSTS = 'web = ["@local"]\n'


def start(folder: Path, command: str, *flags: str, condition: str = "True") -> subprocess.Popen[str]:
    """A run of three steps on this machine, the second of which is ``command``."""
    (folder / "hosts.py").write_text(HOSTS)
    (folder / "deploy.py").write_text(DEPLOY.format(command=command, condition=condition))
    environment = {**os.environ, "PYTHONPATH": str(PROJECT), report.RESULT: str(folder / "result.json")}
    return subprocess.Popen(
        [sys.executable, "-m", "pyinfra", *(flags or ("-y",)), "hosts.py", "deploy.py"],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def result(folder: Path) -> dict[str, object]:
    return dict(json.loads((folder / "result.json").read_text()))


def test_a_run_that_came_to_its_end_says_what_it_changed(tmp_path: Path) -> None:
    process = start(tmp_path, "true")
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert "@local: Work" in errors
    expected = {"complete": True, "hosts": ["@local"], "changed": {"@local": ["Work"]}, "failed": {}}
    assert expected.items() <= result(tmp_path).items()


def test_a_run_that_changed_nothing_says_so(tmp_path: Path) -> None:
    process = start(tmp_path, "true", condition="False")
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert "Nothing was changed and nothing restarted" in errors


@pytest.mark.parametrize("flags", [("-y",), ("-y", "--no-wait"), ("-y", "--serial")])
def test_a_step_that_fails_is_a_failure_with_any_flags(tmp_path: Path, flags: tuple[str, ...]) -> None:
    process = start(tmp_path, "false", *flags)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "did not come to its end on @local" in errors
    assert "run the same command again" in errors
    assert result(tmp_path)["complete"] is False


def test_an_interrupted_run_is_a_failure(tmp_path: Path) -> None:
    started = tmp_path / "started"
    process = start(tmp_path, f"touch {started}; exec sleep 5")
    deadline = time.monotonic() + 30
    while not started.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1, errors
    assert "was ended by SIGINT and did not come to its end on @local" in errors
    assert "Run the same command again" in errors


def test_a_dry_run_reaches_no_end_and_is_no_failure(tmp_path: Path) -> None:
    process = start(tmp_path, "false", "--dry")
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors


@pytest.mark.parametrize("arguments", [["--no-wait", "inventory/lab.py"], []])
def test_the_wrapper_knows_no_flag_that_hides_failures(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "tasks", *arguments]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2


def test_the_wrapper_passes_a_refusal_on() -> None:
    """Outside the lab its inventory does not load."""
    command = [sys.executable, "-m", "tasks", "inventory/lab.py"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "this is not the network of the lab" in done.stderr
