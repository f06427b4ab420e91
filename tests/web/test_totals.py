"""The counts of all workers, those that have ended among them."""

from __future__ import annotations

import fcntl
import json
from pathlib import Path

import pytest
from prometheus_client.mmap_dict import MmapedDict, mmap_key

from app.web import departed
from app.web.metrics import totals

BOUNDS = ("0.1", "1.0", "+Inf")


class Worker:
    """A process that counts, as the library writes it."""

    def __init__(self, folder: Path, pid: int) -> None:
        self._folder = folder
        self.pid = pid

    def _write(self, kind: str, metric: str, name: str, labels: dict[str, str], value: float) -> None:
        file = MmapedDict(str(self._folder / f"{kind}_{self.pid}.db"))
        key = mmap_key(metric, name, list(labels), list(labels.values()), "Text.")
        file.write_value(key, file.read_value(key)[0] + value, 0.0)
        file.close()

    def count(self, value: float, **labels: str) -> None:
        self._write("counter", "c", "c_total", labels, value)

    def holds(self, mode: str, value: float) -> None:
        self._write(f"gauge_{mode}", f"g_{mode}", f"g_{mode}", {}, value)

    def takes(self, bound: str, seconds: float) -> None:
        for each in BOUNDS:
            self._write("histogram", "h", "h_bucket", {"le": each}, each == bound)
        self._write("histogram", "h", "h_sum", {}, seconds)


def read(folder: Path) -> dict[str, float]:
    """Name and labels → value."""
    return {
        f"{sample.name}{json.dumps(sample.labels) if sample.labels else ''}": sample.value
        for family in totals.families(folder)
        for sample in family.samples
    }


def test_workers_are_added_up(tmp_path: Path) -> None:
    one, two = Worker(tmp_path, 11), Worker(tmp_path, 12)
    for worker, value in ((one, 2), (two, 5)):
        worker.count(value, x="a")
        for mode in ("livesum", "livemin", "livemax"):
            worker.holds(mode, value)
    two.count(1, x="b")
    one.takes("0.1", 0.05)
    two.takes("1.0", 0.5)
    two.takes("+Inf", 20)
    assert read(tmp_path) == {
        'c_total{"x": "a"}': 7,
        'c_total{"x": "b"}': 1,
        "g_livesum": 7,
        "g_livemin": 2,
        "g_livemax": 5,
        'h_bucket{"le": "0.1"}': 1,
        'h_bucket{"le": "1.0"}': 2,
        'h_bucket{"le": "+Inf"}': 3,
        "h_count": 3,
        "h_sum": 20.55,
    }
    assert totals.workers(tmp_path) == [11, 12]


def test_who_has_ended_holds_nothing_any_more_and_has_counted_what_it_has(tmp_path: Path) -> None:
    living = Worker(tmp_path, 1)
    living.count(1)
    living.holds("livesum", 3)
    for pid in range(100, 130):
        gone = Worker(tmp_path, pid)
        gone.count(2)
        gone.takes("1.0", 0.5)
        gone.holds("livesum", 3)
        departed.tidy(tmp_path, {1})
        told = read(tmp_path)
        assert told["c_total"] == 1 + 2 * (pid - 99)
        assert told["h_count"] == pid - 99
        assert told["g_livesum"] == 3
    assert read(tmp_path) == told
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"counter_1.db", "gauge_livesum_1.db", totals.SUMS, totals.LOCK}


def test_a_number_of_a_process_that_is_given_anew_is_counted_beside_the_old_one(tmp_path: Path) -> None:
    for _ in range(3):
        Worker(tmp_path, 7).count(2)
        departed.tidy(tmp_path, ())
    assert read(tmp_path)["c_total"] == 6


def test_whoever_is_killed_while_adding_up_counts_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Worker(tmp_path, 7).count(2)
    departed.tidy(tmp_path, ())

    def killed(self: Path, missing_ok: bool = False) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", killed)
        with pytest.raises(KeyboardInterrupt):
            read(tmp_path)
    assert len(list(tmp_path.glob(f"*{departed.LEFT}"))) == 1
    Worker(tmp_path, 8).count(1)
    departed.tidy(tmp_path, ())
    assert read(tmp_path)["c_total"] == 3
    assert read(tmp_path)["c_total"] == 3
    assert list(tmp_path.glob(f"*{departed.LEFT}")) == []


def test_who_is_asked_at_the_same_time_as_another_adds_nothing_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(totals, "PATIENCE", 0.0)
    Worker(tmp_path, 7).count(2)
    departed.tidy(tmp_path, ())
    with (tmp_path / totals.LOCK).open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert read(tmp_path)["c_total"] == 2
        assert not (tmp_path / totals.SUMS).exists()


@pytest.mark.parametrize("times", [5, 1000])
def test_workers_that_end_while_they_are_read_are_counted_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    Worker(tmp_path, 1).count(1)
    ended: list[int] = []
    listing = totals._listing

    def before_an_end(folder: Path) -> list[str]:
        found = listing(folder)
        if len(ended) < times:
            ended.append(50 + len(ended))
            Worker(folder, ended[-1]).count(1)
            departed.tidy(folder, {1})
        return found

    monkeypatch.setattr(totals, "_listing", before_an_end)
    if times > totals.TRIES:
        with pytest.raises(OSError, match="too fast"):
            read(tmp_path)
    else:
        assert read(tmp_path)["c_total"] == 6
