"""What nodes do: their metrics, read and made into a list that fits on a screen.

The numbers of several nodes are added up. What only grows is told as it is, and as so many a second: since the last
reading, or since the nodes were started.
"""

from __future__ import annotations

import http.client
import re
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypedDict

from app.usm.errors import SourceUnavailable

PATIENCE: Final = 10.0
"""Seconds that a node may take; it waits for what it tries itself."""
LARGEST: Final = 8 * 1024 * 1024
"""Bytes that are read of an answer."""

_SAMPLE: Final = re.compile(r"([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)", re.ASCII)
_LABEL: Final = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')

Labels = frozenset[tuple[str, str]]


class Row(TypedDict):
    """One line. ``count``: as it is now; ``per_second``: of what only grows; ``ms``: what one takes in the mean;
    ``ox``: how much of that is OX's, in percent. ``None`` where that says nothing."""

    about: str
    what: str
    count: float | None
    per_second: float | None
    ms: int | None
    ox: int | None


@dataclass(frozen=True, slots=True)
class Reading:
    """Numbers of one moment (``at``, monotonic seconds): name → labels → value. ``up``: for how many seconds the node
    has been running."""

    at: float
    up: float
    values: Mapping[str, Mapping[Labels, float]]

    def by(self, name: str, label: str, **wanted: str) -> dict[str, float]:
        """Added up for each value of a label."""
        found: dict[str, float] = defaultdict(float)
        for labels, value in self.values.get(name, {}).items():
            if wanted.items() <= labels:
                found[dict(labels).get(label, "")] += value
        return dict(found)

    def total(self, name: str, **wanted: str) -> float:
        """Added up."""
        return sum(value for labels, value in self.values.get(name, {}).items() if wanted.items() <= labels)


def parsed(text: str) -> dict[str, dict[Labels, float]]:
    """The text of Prometheus as numbers: name → labels → value."""
    found: dict[str, dict[Labels, float]] = defaultdict(dict)
    for line in text.splitlines():
        sample = None if line.startswith("#") else _SAMPLE.fullmatch(line)
        if sample is not None:
            labels = frozenset(_LABEL.findall(sample[2] or ""))
            found[sample[1]][labels] = float(sample[3])
    return dict(found)


def read(address: str) -> Reading:
    """The numbers of a node, ``host:port``. Raises ``SourceUnavailable``."""
    connection = http.client.HTTPConnection(address, timeout=PATIENCE)
    try:
        connection.request("GET", "/usm/metrics")
        values = parsed(connection.getresponse().read(LARGEST).decode("utf-8", "replace"))
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise SourceUnavailable(f"{address} does not answer: {error or type(error).__name__}") from error
    finally:
        connection.close()
    if "usm_build_info" not in values:
        raise SourceUnavailable(f"{address} answers, but is no node of this service")
    started = sum(values.get("usm_process_start_time_seconds", {}).values())
    return Reading(time.monotonic(), time.time() - started if started else 0.0, values)


def rows(now: Mapping[str, Reading], before: Mapping[str, Reading] | None = None) -> Iterator[Row]:
    """What is worth a look. ``now``, ``before``: node → its numbers; without ``before`` since the nodes' start."""
    whole = _Whole(now, before)
    for node, reading in now.items():
        yield from _node(node, reading)
    for section in (_commands, _waiting, _ox, _synchronisation, _refused, _database):
        yield from section(whole)


class _Whole:
    """All nodes together."""

    def __init__(self, now: Mapping[str, Reading], before: Mapping[str, Reading] | None) -> None:
        self._pairs = [(reading, (before or {}).get(node)) for node, reading in now.items()]

    def count(self, name: str, **wanted: str) -> float:
        return sum(now.total(name, **wanted) for now, _ in self._pairs)

    def keys(self, name: str, label: str, **wanted: str) -> list[str]:
        """Values of a label that have happened, the most frequent first."""
        sums: dict[str, float] = defaultdict(float)
        for now, _ in self._pairs:
            for key, value in now.by(name, label, **wanted).items():
                sums[key] += value
        return sorted((key for key in sums if sums[key]), key=lambda key: -sums[key])

    def grown(self, name: str, **wanted: str) -> float:
        """By how much since the reading before."""
        return sum(_growth(now, before, name, **wanted) for now, before in self._pairs)

    def per_second(self, name: str, **wanted: str) -> float:
        """How often, at all nodes together: each has a span of its own."""
        found = 0.0
        for now, before in self._pairs:
            span = now.at - before.at if before is not None else now.up
            found += _growth(now, before, name, **wanted) / span if span > 0 else 0.0
        return round(found, 3)

    def mean(self, name: str, **wanted: str) -> int | None:
        """Milliseconds of one, where there were any."""
        count = self.grown(f"{name}_count", **wanted)
        return round(1000 * self.grown(f"{name}_sum", **wanted) / count) if count else None

    def counter(self, about: str, what: str, name: str, **wanted: str) -> Row:
        """The line of what only grows."""
        return _row(about, what, self.count(name, **wanted), self.per_second(name, **wanted))

    def counters(self, about: str, name: str, label: str, **wanted: str) -> Iterator[Row]:
        """A line for each value of a label that has happened."""
        for key in self.keys(name, label, **wanted):
            yield self.counter(about, key, name, **wanted, **{label: key})


def _growth(now: Reading, before: Reading | None, name: str, **wanted: str) -> float:
    value = now.total(name, **wanted)
    earlier = before.total(name, **wanted) if before is not None else 0.0
    # A node that was started anew counts from nothing.
    return value - earlier if value >= earlier else value


def _row(
    about: str,
    what: str,
    count: float | None,
    per_second: float | None = None,
    ms: int | None = None,
    ox: int | None = None,
) -> Row:
    plain = count if count is None or count % 1 else int(count)
    return {"about": about, "what": what, "count": plain, "per_second": per_second, "ms": ms, "ox": ox}


def _node(node: str, reading: Reading) -> Iterator[Row]:
    about = f"node {node}"
    version = next(iter(reading.by("usm_build_info", "version")), "")
    yield _row(about, f"version {version or 'unknown'}", None)
    yield _row(about, "seconds since its start", round(reading.up))
    yield _row(about, "workers", reading.total("usm_workers"))
    yield _row(about, "memory, MB", round(reading.total("usm_process_resident_memory_bytes") / 1e6))
    for part, is_up in sorted(reading.by("usm_part_up", "part").items()):
        yield _row(about, f"{part} {'answers' if is_up else 'DOES NOT ANSWER'}", None)
    for what, name in (
        ("workers that leave OX alone", "usm_ox_breakers_open"),
        ("unexpected errors", "usm_unexpected_errors_total"),
    ):
        if value := reading.total(name):
            yield _row(about, what.upper(), value)


def _commands(whole: _Whole) -> Iterator[Row]:
    for command in whole.keys("usm_commands_total", "command"):
        took = whole.grown("usm_command_seconds_sum", command=command)
        ox = whole.grown("usm_ox_call_seconds_total", command=command)
        yield {
            **whole.counter("commands", command, "usm_commands_total", command=command),
            "ms": whole.mean("usm_command_seconds", command=command),
            "ox": min(round(100 * ox / took), 100) if took else None,
        }
    for status in whole.keys("usm_commands_total", "status"):
        if status != "200":
            yield whole.counter("answers", f"HTTP {status}", "usm_commands_total", status=status)


def _waiting(whole: _Whole) -> Iterator[Row]:
    for what, name in (
        ("phones", "usm_parked_requests"),
        ("users", "usm_watched_users"),
        ("room for connections", "usm_connections_limit"),
        ("requests in line", "usm_requests_in_line"),
        ("devices asked to pause", "usm_throttled_devices"),
    ):
        yield _row("waiting", what, whole.count(name))
    yield from whole.counters("woken by", "usm_wakeups_total", "source")


def _ox(whole: _Whole) -> Iterator[Row]:
    for module in whole.keys("usm_ox_requests_total", "module"):
        row = whole.counter("OX", module, "usm_ox_requests_total", module=module)
        yield {**row, "ms": whole.mean("usm_ox_request_seconds", module=module)}
    for outcome in whole.keys("usm_ox_requests_total", "outcome"):
        if outcome != "answered":
            yield whole.counter("OX, calls", outcome, "usm_ox_requests_total", outcome=outcome)
    yield _row("OX", "connections in use", whole.count("usm_ox_connections"))
    yield _row("OX", "sessions kept", whole.count("usm_ox_sessions"))


def _synchronisation(whole: _Whole) -> Iterator[Row]:
    for of in ("items", "folders"):
        for cause in whole.keys("usm_sync_starts_total", "cause", of=of):
            yield whole.counter(f"{of} begun", cause, "usm_sync_starts_total", of=of, cause=cause)
    for what, name in (
        ("answers given again", "usm_resends_total"),
        ("items left out", "usm_skipped_items_total"),
        ("deletions held back", "usm_held_back_deletions_total"),
        ("folders suddenly empty", "usm_sudden_empty_folders_total"),
    ):
        yield whole.counter("problems", what, name)


def _refused(whole: _Whole) -> Iterator[Row]:
    yield from whole.counters("logins refused", "usm_refused_logins_total", "reason")
    yield from whole.counters("devices refused", "usm_refused_devices_total", "reason")
    yield whole.counter("problems", "refused for overload", "usm_overload_refusals_total")


def _database(whole: _Whole) -> Iterator[Row]:
    yield _row("database", "connections in use", whole.count("usm_database_connections", state="in_use"))
    yield _row("database", "requests that wait for one", whole.count("usm_database_waiting"))
    yield from whole.counters("database errors", "usm_database_errors_total", "kind")
    yield whole.counter("problems", "locks not had in time", "usm_locks_total", outcome="timed_out")
