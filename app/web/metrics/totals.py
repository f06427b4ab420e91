"""The counts of all workers together: those that run, and those that have ended.

The library keeps the numbers of each process in files of its own (``counter_12.db``, ``gauge_livesum_12.db``), as pairs
of a key and a value. Rules:

* What a worker held when it ended (gauges) is removed by the parent (:mod:`app.web.departed`). What it had counted
  stays, or every restart would look as if the counts began anew: its files are renamed, and whoever is asked next adds
  them to one file of sums. So there are never more files than workers, however many there were.
* That file also tells which files are in it, and is replaced in one step: a process that is killed in the middle counts
  nothing twice.
* Files are read without a lock, as they are written without one. If any has come or gone meanwhile all are read again.
  Who adds up does so under a lock: two who are asked at the same time wait for each other.
* Keys are added as they lie in the files, and read once: it takes as long as there are numbers, and hardly longer with
  more workers.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from prometheus_client import Metric
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.utils import floatToGoString

from app.web.departed import COUNTS, LEFT

SUMS: Final = "sums.json"
LOCK: Final = "lock"
PATIENCE: Final = 2.0
"""Seconds that who adds up waits for another one; then he does without, and adds nothing up."""

Values = dict[str, float]
"""Key, as it lies in the files → value."""

TRIES: Final = 20
"""So often the files are read if they come and go meanwhile."""
_MERGES: Final[Mapping[str, Callable[[float, float], float]]] = {
    "livesum": float.__add__,
    "livemin": min,
    "livemax": max,
}
"""How the gauges of several processes become one."""


def families(folder: Path) -> Iterator[Metric]:
    """All numbers of all workers. Raises ``OSError`` when the files cannot be read."""
    with _alone(folder) as is_alone:
        counts, gauges = _read(folder, is_alone)
    for kind, values in counts.items():
        yield from _metrics(kind, values)
    yield from _metrics("gauge", gauges)


def workers(folder: Path) -> list[int]:
    """The processes that have numbers here."""
    found = {path.stem.rpartition("_")[2] for path in folder.glob("*.db")}
    return sorted(int(each) for each in found if each.isdecimal())


def _read(folder: Path, may_add_up: bool) -> tuple[dict[str, Values], Values]:
    for _ in range(TRIES):
        before = _listing(folder)
        with suppress(FileNotFoundError):
            sums, added = _sums(folder)
            left = [name for name in before if name.endswith(LEFT)]
            for name in left:
                if name not in added:
                    _add(sums[name.partition("_")[0]], folder / name)
            found = {kind: dict(values) for kind, values in sums.items()}
            gauges: Values = {}
            for name in before:
                if name.endswith(".db"):
                    kind, _, rest = name.partition("_")
                    if kind in COUNTS:
                        _add(found[kind], folder / name)
                    else:
                        _merge(gauges, folder / name, _MERGES[rest.partition("_")[0]])
            if _listing(folder) == before:
                if may_add_up and left:
                    _add_up(folder, sums, left)
                return found, gauges
    raise OSError("workers come and go too fast for their numbers to be read")


def _listing(folder: Path) -> list[str]:
    return sorted(name for name in os.listdir(folder) if name.endswith((".db", LEFT)))


def _sums(folder: Path) -> tuple[dict[str, Values], list[str]]:
    """What was added up of workers that have ended, by kind, and of which files."""
    try:
        kept: Any = json.loads((folder / SUMS).read_text())
    except FileNotFoundError:
        return {kind: {} for kind in COUNTS}, []
    return kept["sums"], kept["added"]


def _add_up(folder: Path, sums: Mapping[str, Values], left: list[str]) -> None:
    """Keep the sums, in which these files are by now."""
    fresh = folder / f"{SUMS}.new"
    fresh.write_text(json.dumps({"sums": sums, "added": left}))
    fresh.replace(folder / SUMS)
    for name in left:
        (folder / name).unlink(missing_ok=True)


def _add(sums: Values, path: Path) -> None:
    for key, value in _values(path):
        sums[key] = sums.get(key, 0.0) + value


def _merge(gauges: Values, path: Path, merge: Callable[[float, float], float]) -> None:
    for key, value in _values(path):
        gauges[key] = merge(gauges[key], value) if key in gauges else value


def _values(path: Path) -> Iterator[tuple[str, float]]:
    for key, value, _, _ in MmapedDict.read_all_values_from_file(path):  # type: ignore[no-untyped-call]
        yield key, value


@contextmanager
def _alone(folder: Path) -> Iterator[bool]:
    """Hold the lock, if it can be had: whether it is held."""
    with (folder / LOCK).open("a") as file:
        end = time.monotonic() + PATIENCE
        while not (is_held := _locked(file.fileno())) and time.monotonic() < end:
            time.sleep(0.01)
        yield is_held


def _locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _metrics(kind: str, values: Values) -> Iterator[Metric]:
    found: dict[str, Metric] = {}
    buckets: dict[tuple[str, tuple[tuple[str, str], ...]], dict[float, float]] = defaultdict(dict)
    for key, value in values.items():
        metric_name, name, labels, text = json.loads(key)
        metric = found.get(metric_name) or found.setdefault(metric_name, Metric(metric_name, text, kind))
        if "le" in labels:
            bound = float(labels.pop("le"))
            buckets[metric_name, tuple(sorted(labels.items()))][bound] = value
        else:
            metric.add_sample(name, labels, value)
    for (metric_name, names), bounds in buckets.items():
        _add_buckets(found[metric_name], dict(names), bounds)
    yield from found.values()


def _add_buckets(metric: Metric, labels: dict[str, str], bounds: Mapping[float, float]) -> None:
    """In the files each bucket has its own; told is what is up to each bound."""
    total = 0.0
    for bound, value in sorted(bounds.items()):
        total += value
        limit = floatToGoString(bound)  # type: ignore[no-untyped-call]
        metric.add_sample(f"{metric.name}_bucket", {**labels, "le": limit}, total)
    metric.add_sample(f"{metric.name}_count", labels, total)
