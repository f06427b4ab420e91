"""The script that parks updatetasks.cfg on a host, run on files of this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "tasks" / "shell" / "updatetasks.sh"
TASKS = "com.example.UpdateTask\n"


@dataclass(frozen=True, slots=True)
class Place:
    """A host in small: where the file belongs, where it is parked, and what the script remembers."""

    file: Path
    parked: Path
    state: Path

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", str(self.state / "updatetasks.sh"), *words],
            env={**os.environ, "UPDATETASKS_STATE": str(self.state)},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    def park(self, patience: int = 30) -> int:
        return self.run("park", str(self.file), str(self.parked), str(patience)).returncode

    def heal(self) -> int:
        return self.run("heal", str(self.file), str(self.parked)).returncode

    @property
    def watchman(self) -> int:
        return int((self.state / "updatetasks.watchman").read_text().split()[0])

    def where(self) -> str:
        """``in place``, ``parked``, or what else is the case."""
        there = (self.file.exists(), self.parked.exists())
        return {(True, False): "in place", (False, True): "parked"}.get(there, str(there))


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    found = Place(tmp_path / "etc" / "updatetasks.cfg", tmp_path / "updatetasks.cfg", tmp_path / "state")
    found.file.parent.mkdir()
    found.state.mkdir()
    found.file.write_text(TASKS)
    found.file.chmod(0o640)
    shutil.copyfile(SCRIPT, found.state / "updatetasks.sh")
    yield found
    found.run("put-back")


def gone(process: int) -> bool:
    """Ended, whether somebody has taken note of it or not."""
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes() == b""
    except OSError:
        return True


def eventually(place: Place, state: str, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while place.where() != state:
        assert time.monotonic() < deadline, place.where()
        time.sleep(0.1)


def test_the_file_goes_away_and_comes_back_as_it_was(place: Place) -> None:
    assert place.park() == 0
    assert place.where() == "parked"
    watchman = place.watchman
    assert place.run("put-back").returncode == 0
    assert place.where() == "in place"
    assert place.file.read_text() == TASKS
    assert place.file.stat().st_mode & 0o777 == 0o640
    time.sleep(2)
    assert gone(watchman)


def test_the_watchman_puts_it_back_when_nobody_is_heard(place: Place) -> None:
    assert place.park(patience=1) == 0
    eventually(place, "in place", 10)
    assert place.run("put-back").returncode == 3


def test_a_heartbeat_keeps_it_parked(place: Place) -> None:
    assert place.park(patience=1) == 0
    for _ in range(4):
        assert place.run("renew", "2").returncode == 0
        time.sleep(1)
        assert place.where() == "parked"


def test_a_heartbeat_after_the_end_parks_nothing(place: Place) -> None:
    assert place.run("renew", "30").returncode == 0
    assert place.where() == "in place"


def test_healing_puts_back_what_a_rebooted_host_has_forgotten(place: Place) -> None:
    """The watchman has ended with everything else; what it knew is on the disk."""
    assert place.park() == 0
    os.kill(place.watchman, 9)
    assert place.run("heal").returncode == 0
    assert place.where() == "in place"


def test_healing_puts_back_what_was_parked_by_hand(place: Place) -> None:
    place.file.rename(place.parked)
    assert place.heal() == 0
    assert place.where() == "in place"


def test_healing_where_nothing_is_parked_does_nothing(place: Place) -> None:
    assert place.heal() == 0
    assert place.where() == "in place"
    place.file.unlink()
    assert place.heal() == 0
    assert place.where() == "(False, False)"


def test_a_host_without_the_file_has_nothing_to_park(place: Place) -> None:
    place.file.unlink()
    assert place.park() == 0
    assert place.where() == "(False, False)"


def test_a_new_file_in_its_place_stays_and_the_parked_one_is_kept(place: Place) -> None:
    """A package of Open-Xchange may bring one while ours is away."""
    assert place.park() == 0
    place.file.write_text("new\n")
    assert place.run("put-back").returncode == 0
    assert place.file.read_text() == "new\n"
    assert [path.read_text() for path in place.parked.parent.glob("updatetasks.cfg.*")] == [TASKS]


def test_whatever_lay_where_the_file_is_parked_is_kept(place: Place) -> None:
    place.parked.write_text("mine\n")
    assert place.park() == 0
    assert place.parked.read_text() == TASKS
    assert [path.read_text() for path in place.parked.parent.glob("updatetasks.cfg.*")] == ["mine\n"]


def test_a_folder_that_cannot_be_written_leaves_the_file_where_it_is(place: Place) -> None:
    nowhere = place.parked.parent / "no" / "such" / "folder" / "updatetasks.cfg"
    assert place.run("park", str(place.file), str(nowhere), "30").returncode == 1
    assert place.file.read_text() == TASKS
    assert not (place.state / "updatetasks.parked").exists()


def test_a_wrong_word_is_refused(place: Place) -> None:
    done = place.run("hide")
    assert done.returncode == 2
    assert "usage" in done.stderr
