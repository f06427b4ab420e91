"""Up and down, whatever happens in between, leave the machine as it was."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import hosts, netns
from lab.plan import PROJECT, Lab
from lab.testing import forget

pytestmark = pytest.mark.lab


@pytest.fixture
def own_lab() -> Iterator[Lab]:
    """A lab of this test alone, taken down after it."""
    if os.geteuid() != 0:
        pytest.skip("the lab's hosts need root")
    lab = Lab(f"test{os.getpid()}b")
    yield lab
    forget(lab)


def start(lab: Lab, *words: str) -> subprocess.Popen[str]:
    if words[:1] == ("up",):
        words = (*words, "--seed", "empty")  # what these tests look at needs no data
    command = [sys.executable, "-m", "lab", "--name", lab.name, *words]
    return subprocess.Popen(command, cwd=PROJECT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def finish(lab: Lab, *words: str) -> subprocess.CompletedProcess[str]:
    with start(lab, *words) as process:
        output, errors = process.communicate(timeout=200)
    return subprocess.CompletedProcess(process.args, process.returncode, output, errors)


def traces(lab: Lab) -> list[str]:
    """What of a lab can be seen on the machine: namespaces, control groups, disks, mounts, processes."""
    found = netns.names_of(lab.name)
    found += [str(path) for path in Path("/sys/fs/cgroup").rglob(f"lab.{lab.name}-*")]
    disks = [path.read_text() for path in Path("/sys/block").glob("loop*/loop/backing_file")]
    found += [disk for disk in disks if f"/{lab.name}/hosts/" in disk]
    found += [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if lab.name in line]
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and entry.name != str(os.getpid()):
            try:
                command = (entry / "cmdline").read_bytes().decode(errors="replace")
                mounts = (entry / "mountinfo").read_text()
            except OSError:
                continue
            if str(lab.directory) in command or f"lab-{lab.name}" in mounts or f"{lab.name}/hosts" in mounts:
                found.append(f"{entry.name} {command}")
    return found


def wait_for(what: str, path: Path, process: subprocess.Popen[str], seconds: float = 60) -> None:
    """Waits until the process has made that file."""
    deadline = time.monotonic() + seconds
    while not path.exists():
        assert process.poll() is None, f"it ended before {what}: {process.communicate()}"
        assert time.monotonic() < deadline, f"waited {seconds} s in vain for {what}"
        time.sleep(0.01)


def test_up_and_down_leave_nothing_behind_and_up_takes_seconds(own_lab: Lab) -> None:
    began = time.monotonic()
    assert finish(own_lab, "up").returncode == 0
    assert time.monotonic() - began < 45
    assert traces(own_lab)
    assert finish(own_lab, "down").returncode == 0
    assert traces(own_lab) == []
    assert not own_lab.directory.exists()


def test_down_without_a_lab_says_so_and_succeeds(own_lab: Lab) -> None:
    done = finish(own_lab, "down")
    assert (done.returncode, "is not up" in done.stderr) == (0, True)


def test_up_twice_leaves_the_hosts_alone(own_lab: Lab) -> None:
    assert finish(own_lab, "up").returncode == 0
    before = netns.first_process(f"{own_lab.name}-web1")
    second = finish(own_lab, "up")
    assert (second.returncode, "is up already" in second.stderr) == (0, True)
    assert netns.first_process(f"{own_lab.name}-web1") == before


def test_status_tells_a_running_lab_from_none(own_lab: Lab) -> None:
    assert finish(own_lab, "status").returncode == 1
    assert finish(own_lab, "up").returncode == 0
    done = finish(own_lab, "status", "--json")
    assert done.returncode == 0
    assert finish(own_lab, "run", "ox2", "/etc/init.d/ssh", "stop").returncode == 0
    silent = finish(own_lab, "status")
    assert (silent.returncode, "ssh silent" in silent.stdout) == (1, True)
    status = json.loads(done.stdout)
    assert [row["name"] for row in status["hosts"]] == ["web1", "ox1", "ox2", "db1"]
    assert all(row["ssh"] and row["service"] for row in status["hosts"])


def test_a_killed_up_is_healed_by_the_next(own_lab: Lab) -> None:
    process = start(own_lab, "up")
    wait_for("ox1", hosts.console(own_lab, own_lab.host("ox1")), process)
    process.kill()
    process.communicate()
    assert traces(own_lab)
    second = finish(own_lab, "up")
    assert second.returncode == 0
    assert "an earlier run was cut off" in second.stderr
    assert finish(own_lab, "status").returncode == 0


@pytest.mark.parametrize("plan", ["seven", "disks"])
def test_down_removes_what_a_killed_up_left(own_lab: Lab, plan: str) -> None:
    process = start(own_lab, "up", "--plan", plan)
    wait_for("ox2", hosts.console(own_lab, own_lab.host("ox2")), process)
    time.sleep(0.5)
    process.kill()
    process.communicate()
    assert finish(own_lab, "down").returncode == 0
    assert traces(own_lab) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_up_takes_everything_down_again(own_lab: Lab, number: signal.Signals) -> None:
    process = start(own_lab, "up")
    wait_for("db1", hosts.console(own_lab, own_lab.host("db1")), process)
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == {signal.SIGINT: 130, signal.SIGTERM: 143}[number]
    assert traces(own_lab) == []


def test_down_ends_what_still_works_inside_the_labs_network(own_lab: Lab) -> None:
    assert finish(own_lab, "up").returncode == 0
    inside = start(own_lab, "exec", "sleep", "600")
    deadline = time.monotonic() + 10
    while inside.pid not in netns.processes(own_lab.namespace):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    outside = subprocess.Popen(["sleep", "600"])
    try:
        assert finish(own_lab, "down").returncode == 0
        inside.communicate(timeout=10)
        assert inside.returncode == -signal.SIGTERM
        assert outside.poll() is None
    finally:
        outside.kill()
        outside.wait()


def test_what_hosts_wrote_is_kept_if_that_is_wanted(own_lab: Lab) -> None:
    assert finish(own_lab, "up").returncode == 0
    assert finish(own_lab, "run", "db1", "mariadb", "-e", "CREATE DATABASE kept_here").returncode == 0
    assert finish(own_lab, "run", "ox1", "touch", "/etc/kept-here").returncode == 0
    assert finish(own_lab, "down", "--keep").returncode == 0
    assert traces(own_lab) == []
    assert finish(own_lab, "up").returncode == 0
    assert finish(own_lab, "run", "ox1", "ls", "/etc/kept-here").returncode == 0
    assert "kept_here" in finish(own_lab, "run", "db1", "mariadb", "-e", "SHOW DATABASES").stdout
    assert finish(own_lab, "down").returncode == 0
    assert finish(own_lab, "up").returncode == 0
    assert finish(own_lab, "run", "ox1", "ls", "/etc/kept-here").returncode == 2


def test_a_namespace_of_another_clone_is_left_alone(own_lab: Lab, tmp_path: Path) -> None:
    netns.add(own_lab.namespace, tmp_path)
    try:
        for command in ("up", "down"):
            done = finish(own_lab, command)
            assert done.returncode == 1
            assert str(tmp_path) in done.stderr
        assert netns.exists(own_lab.namespace)
    finally:
        netns.remove(own_lab.namespace)


def test_a_namespace_whose_clone_is_gone_is_taken_over(own_lab: Lab, tmp_path: Path) -> None:
    netns.add(own_lab.namespace, tmp_path / "removed")
    assert finish(own_lab, "up").returncode == 0


def test_an_unknown_host_and_a_bad_name_are_refused_in_words(own_lab: Lab) -> None:
    assert "no host 'ox9' in the lab" in finish(own_lab, "shell", "ox9").stderr
    bad = finish(Lab("Not-A-Name"), "up")
    assert bad.returncode == 1
    assert "is no name for a lab" in bad.stderr
