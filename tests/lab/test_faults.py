"""What can be done to hosts: moments of them are kept and come back exactly, and faults are real until undone."""

import errno
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lab import netns
from lab.hosts import is_up as lab_is_up
from lab.plan import PROJECT, Lab
from lab.steps import LabError
from lab.testing import LabHosts, Labs

pytestmark = pytest.mark.lab

# Long enough that only a host that cannot be reached takes it.
SECONDS = "3"
LISTING = "find / -xdev -not -path '/run/*' -not -path '/var/log/*' -printf '%p %m %U %G %y %s\\n' | sort"


@pytest.fixture(scope="module")
def kept(lab_of: Labs) -> LabHosts:
    """Hosts with disks of their own and a snapshot of them as they came up."""
    hosts = lab_of("disks")
    hosts.mysql(
        "CREATE DATABASE early; CREATE TABLE early.numbers (number INT); INSERT INTO early.numbers VALUES (1)"
    )
    hosts.sh("ox1", "echo before > /etc/before")
    hosts.snapshot("before")
    return hosts


def reaches(kept: LabHosts, name: str) -> bool:
    config = ["-F", str(kept.lab.ssh_config), "-o", f"ConnectTimeout={SECONDS}"]
    return kept.inside("ssh", *config, name, "true", check=False).returncode == 0


def works(kept: LabHosts) -> bool:
    """Whether a login through web1 gets to the groupware and the database."""
    login = "name=anton@example.org&password=secret"
    ask = ["curl", "--silent", "--max-time", "20", "--data", login, "http://web1/ajax/login?action=login"]
    asked = kept.inside(*ask, check=False)
    return '"session"' in asked.stdout


def test_a_reset_brings_everything_back_and_takes_seconds(kept: LabHosts) -> None:
    listing = kept.sh("ox1", LISTING)
    kept.sh(
        "ox1",
        "rm /etc/before; echo after > /etc/after; rm -r /opt/open-xchange/etc; mkdir /opt/open-xchange/etc",
    )
    kept.mysql("DROP DATABASE early; CREATE DATABASE late")
    began = time.monotonic()
    kept.reset("before")
    assert time.monotonic() - began < 60  # three to five on a machine that does nothing else
    assert kept.sh("ox1", LISTING) == listing
    assert kept.sh("ox1", "cat /etc/before") == "before\n"
    assert kept.mysql("SELECT number FROM early.numbers") == [["1"]]
    assert kept.mysql("SHOW DATABASES LIKE 'late'") == []
    assert works(kept)


def test_a_snapshot_of_a_later_moment_leaves_the_earlier_one_alone(kept: LabHosts) -> None:
    kept.sh("web1", "echo later > /etc/later")
    kept.snapshot("later")
    kept.sh("web1", "rm /etc/later")
    kept.reset("later")
    assert kept.sh("web1", "cat /etc/later") == "later\n"
    kept.cut("ox1")
    kept.reset("before")
    assert kept.sh("web1", "ls /etc/later", check=False) == ""
    assert reaches(kept, "ox1")  # a cable that was cut is whole again


def test_a_snapshot_that_is_not_there_and_one_that_is_are_told(kept: LabHosts) -> None:
    with pytest.raises(LabError, match="there are before"):
        kept.reset("never")
    with pytest.raises(LabError, match=r"'before' of the lab .* already"):
        kept.snapshot("before")
    with pytest.raises(LabError, match="no label"):
        kept.snapshot("Not/A label")
    assert works(kept)


def test_a_reset_that_was_killed_is_completed_by_the_next(kept: LabHosts) -> None:
    program = (
        "from lab import hosts; from lab.plan import Lab;"
        f"lab = Lab({kept.lab.name!r}); hosts.reset(lab, 'before', hosts.steps(lab, 'reset'))"
    )
    kept.sh("ox1", "echo after > /etc/after")
    first = netns.first_process(kept.lab.namespace_of(kept.lab.host("web1")))
    reset = subprocess.Popen([sys.executable, "-c", program], cwd=PROJECT, stderr=subprocess.DEVNULL)
    while Path(f"/proc/{first}").exists() and reset.poll() is None:
        time.sleep(0.01)
    reset.kill()
    assert reset.wait() == -signal.SIGKILL
    assert not lab_is_up(kept.lab)
    kept.reset("before")
    assert kept.sh("ox1", "cat /etc/before; ls /etc/after", check=False) == "before\n"
    assert works(kept)


def test_a_host_that_is_cut_off_cannot_be_reached_until_it_joins(kept: LabHosts) -> None:
    with kept.cut_off("ox1"):
        assert not reaches(kept, "ox1")
        assert reaches(kept, "ox2")
    assert reaches(kept, "ox1")


def test_a_host_that_loses_its_power_comes_back_with_its_files(kept: LabHosts) -> None:
    kept.sh("ox1", "echo kept > /etc/kept; echo lost > /run/lost; sleep 600 >/dev/null 2>&1 &")
    kept.reboot("ox1")
    assert kept.sh("ox1", "cat /etc/kept; ls /run/lost; pgrep sleep", check=False) == "kept\n"
    assert works(kept)


def test_a_database_that_loses_its_power_recovers(kept: LabHosts) -> None:
    kept.mysql("CREATE TABLE early.letters (letter CHAR); INSERT INTO early.letters VALUES ('a')")
    kept.reboot("db1")
    assert kept.mysql("SELECT letter FROM early.letters") == [["a"]]


def test_a_killed_database_stays_dead_until_it_is_started(kept: LabHosts) -> None:
    with kept.killed("db1", "mariadb"):
        time.sleep(1.5)  # its watcher would have started it again by now
        dead = kept.run("db1", "mariadb", "--execute", "SELECT 1", check=False)
        assert "Can't connect" in dead.stderr
        with pytest.raises(LabError, match="it does not run there"):
            kept.kill("db1", "mariadb")
    assert kept.mysql("SELECT number FROM early.numbers") == [["1"]]


def test_a_killed_groupware_stays_dead_until_it_is_started(kept: LabHosts) -> None:
    ask = ["curl", "--silent", "--output", "/dev/null", "http://ox1:8009/ajax/login"]
    with kept.killed("ox1", "groupware"):
        assert kept.inside(*ask, check=False).returncode == 7
    assert kept.inside(*ask, check=False).returncode == 0


def test_a_full_disk_takes_nothing_more_from_root_either(kept: LabHosts) -> None:
    write = "echo content > /root/new"
    with kept.full_disk("ox1"):
        refused = kept.run("ox1", "sh", "-c", write, check=False)
        assert "No space left on device" in refused.stderr
        with pytest.raises(OSError, match="No space") as problem:
            (kept.root("ox1") / "opt/new").write_text("content")
        assert problem.value.errno == errno.ENOSPC
        kept.sh("ox2", write)
    kept.sh("ox1", write)
    assert kept.sh("ox1", "cat /root/new") == "content\n"


def test_a_disk_as_large_as_the_machines_cannot_be_filled(lab_hosts: LabHosts) -> None:
    with pytest.raises(LabError, match="no disks of their own"):
        lab_hosts.fill_disk("ox1")


def test_nothing_of_the_disks_is_left_when_a_lab_is_gone(lab_of: Labs, kept: LabHosts) -> None:
    lab: Lab = kept.lab
    assert f"{lab.name}/hosts" in in_use()
    lab_of.end("disks")
    assert f"{lab.name}/hosts" not in in_use()
    assert not lab.directory.exists()


def in_use() -> str:
    """The files that the machine has as disks now."""
    found = Path("/sys/block").glob("loop*/loop/backing_file")
    return "\n".join(path.read_text() for path in found)
