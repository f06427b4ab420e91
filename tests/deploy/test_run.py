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


SPARED = """
import importlib, importlib.metadata, sys
from tasks import __main__ as launcher

before = set(importlib.metadata.entry_points(group="console_scripts"))
launcher._look_for_plugins_once()
assert set(importlib.metadata.entry_points(group="console_scripts")) == before
assert not importlib.metadata.entry_points(group="nobody's")

for name in launcher.SELDOM:
    launcher._put_off(name)
assert "invoke.runners" not in sys.modules and "cryptography.x509.base" not in sys.modules
import paramiko.config, tasks.certificate
assert hasattr(paramiko.config.invoke, "__file__") and "invoke.runners" not in sys.modules
assert paramiko.config.invoke.run("exit 3", warn=True).exited == 3
assert issubclass(tasks.certificate.x509.ExtensionNotFound, Exception)
assert "cryptography.x509.base" in sys.modules
launcher._put_off("invoke")
assert sys.modules["invoke"].run is paramiko.config.invoke.run

from pyinfra.api import util
whole = util.stack()
launcher._take_sparing_looks()
sparing = util.stack()
assert [(each.filename, each.function) for each in sparing] == [(each.filename, each.function) for each in whole]
assert util.getframeinfo(sparing[0].frame).filename == sparing[0].filename
from pyinfra.api import arguments
assert dict(arguments.all_global_arguments())["_sudo"]
"""


def test_what_the_wrapper_spares_is_there_when_it_is_needed() -> None:
    command = [sys.executable, "-c", SPARED]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
