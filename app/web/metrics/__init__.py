"""Numbers about the service, for Prometheus.

* :mod:`numbers` has all of them, with the values of their labels; :mod:`counting` is how the program's parts count;
* what is not an event (connections in use, requests in line) is looked at every few seconds (:mod:`sampling`);
* every worker process counts for itself. With ``PROMETHEUS_MULTIPROC_DIR`` set (``app.web.server`` does) the counts lie
  in files there, and any worker can answer for all of them, and for those that have ended (:mod:`totals`);
* :mod:`exposition` adds what is said of the :mod:`node`: which program this is, what its processes take, who answers.
"""

from __future__ import annotations

from app.web.metrics.counting import count, count_refused_login, ox_request
from app.web.metrics.exposition import CONTENT_TYPE, Exposition
from app.web.metrics.numbers import (
    COMMANDS,
    ERRORS,
    NOTICES,
    OVERLOADED,
    PARKED,
    PLACES,
    REDIS,
    REFUSED,
    WAITED,
    WAKEUPS,
)

__all__ = [
    "COMMANDS",
    "CONTENT_TYPE",
    "ERRORS",
    "NOTICES",
    "OVERLOADED",
    "PARKED",
    "PLACES",
    "REDIS",
    "REFUSED",
    "WAITED",
    "WAKEUPS",
    "Exposition",
    "count",
    "count_refused_login",
    "ox_request",
]
