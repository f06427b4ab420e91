"""``make demo``: the main job ends with 0 and leaves nothing behind; so does one that is interrupted."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from lab.plan import LOGS, PROJECT, STATE, Lab
from lab.testing import forget
from tests.lab.test_life import traces, wait_for

pytestmark = [pytest.mark.lab, pytest.mark.timeout(900)]


@pytest.fixture
def demo_lab() -> Iterator[Lab]:
    if os.geteuid() != 0:
        pytest.skip("the lab's hosts need root")
    lab = Lab(f"test{os.getpid()}d")
    yield lab
    forget(lab)
    (STATE / f"{lab.name}.demo.lock").unlink(missing_ok=True)


def start(lab: Lab) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "lab", "demo", "--name", lab.name]
    return subprocess.Popen(command, cwd=PROJECT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def test_the_demo_deploys_syncs_and_leaves_nothing_behind(demo_lab: Lab) -> None:
    with start(demo_lab) as demo:
        story, _ = demo.communicate(timeout=800)
    assert demo.returncode == 0, story
    for part in (
        "Install the package",
        "nothing was restarted",
        "Sync contacts",
        "the Ping is answered",
        "Done in",
    ):
        assert part in story
    assert traces(demo_lab) == []


def test_an_interrupted_demo_leaves_nothing_behind(demo_lab: Lab) -> None:
    log = LOGS / f"{demo_lab.name}-deploy-1.log"
    with start(demo_lab) as demo:
        wait_for("the deployment", log, seconds=240, process=demo)
        time.sleep(2)
        demo.send_signal(signal.SIGINT)
        story, _ = demo.communicate(timeout=120)
    assert demo.returncode == 130, story
    assert traces(demo_lab) == []
