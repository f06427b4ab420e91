"""Numbers about the service, for Prometheus.

Every worker process counts for itself. With ``PROMETHEUS_MULTIPROC_DIR`` set (``app.web.server`` does) the counts lie
in files there, and any worker can answer for all of them.
"""

from __future__ import annotations

import os
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import REGISTRY

from app.usm.model import Cost

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST

_SECONDS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 1800.0)

COMMANDS: Final = Counter(
    "usm_commands", "Requests of devices, by command and HTTP status.", ["command", "version", "status"]
)
DURATION: Final = Histogram(
    "usm_command_seconds", "Time from a request to its answer.", ["command"], buckets=_SECONDS
)
OX_CALLS: Final = Counter(
    "usm_ox_calls", "Calls to the OX HTTP API, by the command that caused them.", ["command"]
)
OX_SECONDS: Final = Counter(
    "usm_ox_call_seconds",
    "Time spent in calls to the OX HTTP API, by the command that caused them.",
    ["command"],
)
PARKED: Final = Gauge(
    "usm_parked_requests", "Requests that wait for changes now.", multiprocess_mode="livesum"
)
REFUSED: Final = Counter(
    "usm_refused_devices", "Requests refused because of the device, by the reason.", ["reason"]
)
REDIS: Final = Gauge(
    "usm_redis_connected",
    "Whether all workers hear news from other nodes; 0 also where there is no Redis.",
    multiprocess_mode="livemin",
)
NOTICES: Final = Counter(
    "usm_notifications", "Notifications of new mail by the mail server, by what became of them.", ["outcome"]
)
OVERLOADED: Final = Counter("usm_overload_refusals", "Requests refused because there were too many.")
ERRORS: Final = Counter("usm_unexpected_errors", "Requests that ended in an error nobody foresaw.")


def count(command: str, version: str, status: int, seconds: float, cost: Cost) -> None:
    """A request was answered. ``command`` and ``version`` must come from a closed set, never from the device."""
    COMMANDS.labels(command, version, str(status)).inc()
    DURATION.labels(command).observe(seconds)
    if cost.calls:
        OX_CALLS.labels(command).inc(cost.calls)
        OX_SECONDS.labels(command).inc(cost.seconds)


def exposition() -> bytes:
    """All numbers of all workers, in Prometheus' text format."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)
