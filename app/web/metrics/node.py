"""What is said of a node as a whole: which program it is, what its processes take, and whether the others answer."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from prometheus_client import Metric

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Process:
    """As the kernel tells it. ``cpu``: seconds of its own; ``of_ended``: of the processes it has begun and that have
    ended; ``memory``: bytes that are in memory; ``started``: seconds since 1970."""

    cpu: float
    of_ended: float
    memory: int
    started: float


def process(pid: int, proc: Path = Path("/proc")) -> Process | None:
    """A process (proc(5), ``/proc/PID/stat``); ``None`` for one that has ended."""
    try:
        text = (proc / str(pid) / "stat").read_text()
    except OSError:
        return None
    # What follows the name, which may hold anything; the first of these fields is the third.
    fields = text.rpartition(")")[2].split()
    user, system, ended_user, ended_system = (int(each) / _TICKS for each in fields[11:15])
    since_boot = time.clock_gettime(time.CLOCK_BOOTTIME)
    started = time.time() - since_boot + int(fields[19]) / _TICKS
    return Process(user + system, ended_user + ended_system, int(fields[21]) * _PAGE, started)


def processes(parent: int, workers: Iterable[int]) -> Iterator[Metric]:
    """What the service takes. What a worker took that has ended is its parent's, once that has heard of it, so that
    the sum never falls."""
    service = process(parent)
    # A worker that ends in between is counted in neither place, until the next time.
    living = [found for pid in workers if (found := process(pid)) is not None]
    cpu = sum(each.cpu + each.of_ended for each in living)
    memory = {"worker": sum(each.memory for each in living)}
    if service is not None:
        cpu += service.cpu + service.of_ended
        memory["parent"] = service.memory
        yield _gauge("usm_process_start_time_seconds", "When the service began, since 1970.", service.started)
    yield _counter("usm_process_cpu_seconds", "Processor time of all processes.", cpu)
    sizes = Metric("usm_process_resident_memory_bytes", "Memory of the processes.", "gauge")
    for role, size in memory.items():
        sizes.add_sample(sizes.name, {"role": role}, size)
    yield sizes
    yield _gauge("usm_workers", "Worker processes.", len(living))


def build(release: Mapping[str, str]) -> Metric:
    """Which program this is."""
    info = Metric("usm_build_info", "The program: its version, that of its package, and Python's.", "gauge")
    labels = {"version": release.get("version", ""), "build": release.get("build", "")}
    info.add_sample(info.name, {**labels, "python": platform.python_version()}, 1)
    return info


def parts(answers: Mapping[str, bool]) -> Metric:
    """Whether what a device needs answers."""
    up = Metric("usm_part_up", "Whether a part that devices need answers this node.", "gauge")
    for part, is_up in answers.items():
        up.add_sample(up.name, {"part": part}, int(is_up))
    return up


def _gauge(name: str, text: str, value: float) -> Metric:
    metric = Metric(name, text, "gauge")
    metric.add_sample(name, {}, value)
    return metric


def _counter(name: str, text: str, value: float) -> Metric:
    metric = Metric(name, text, "counter")
    metric.add_sample(f"{name}_total", {}, value)
    return metric
