"""What administrators and monitoring ask, on a listener of its own that Apache does not forward.

==================  ===============================================================================
/usm/health         200 when everything that a device needs answers, else 503; says what is down
/usm/health/ready   the same
/usm/health/live    200 for as long as the process answers at all
/usm/tables         of each schema, whether its tables are of this version
/usm/metrics        Prometheus
==================  ===============================================================================

Each answer about health says which program it comes from: ``version`` and ``build`` of the package, ``pid`` of the
service and of its ``worker``; and whether that is about to end (``draining``), when it is not ready, whatever else
answers. All parts are tried at the same time, and one that hangs counts as down: the answer comes within
:data:`PATIENCE` seconds.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from typing import Final

import falcon

from app.usm.errors import UsmError
from app.web import metrics

_log = logging.getLogger(__name__)

PATIENCE: Final = 3.0
"""Seconds that the parts are given to answer; less than monitoring commonly waits."""

Check = Callable[[], None]
"""Tries one part of the installation; raises :class:`UsmError` when it does not answer."""

Report = dict[str, object]


class Trial:
    """One part, tried in a thread of its own. While a trial hangs no other one is begun: who asks meanwhile waits for
    the same one."""

    def __init__(self, name: str, check: Check) -> None:
        self._name = name
        self._check = check
        self._lock = threading.Lock()
        self._over: threading.Event | None = None
        self._report: Report = {}

    def begin(self) -> threading.Event:
        """Try; the event comes when the trial is over."""
        with self._lock:
            if self._over is None:
                self._over = threading.Event()
                name = f"health-{self._name}"
                threading.Thread(target=self._run, args=(self._over,), name=name, daemon=True).start()
            return self._over

    def report(self, over: threading.Event, seconds: float) -> Report:
        """The outcome of the trial that :meth:`begin` named, waited for no longer than this."""
        if not over.wait(max(seconds, 0.0)):
            return {"up": False, "error": f"no answer within {PATIENCE:g} s"}
        return self._report

    def _run(self, over: threading.Event) -> None:
        report = self._outcome()
        with self._lock:
            self._report, self._over = report, None
        over.set()

    def _outcome(self) -> Report:
        try:
            self._check()
        except UsmError as error:
            return {"up": False, "error": str(error)}
        except Exception:  # noqa: BLE001  (whatever it is, it is not ready)
            _log.exception("checking %s failed", self._name)
            return {"up": False, "error": "unexpected error, see the log"}
        return {"up": True}


class Health:
    """``checks``: name of the part → how to try it. ``release``: what is said of the program itself. ``is_ending``:
    whether the process is about to end."""

    def __init__(
        self, checks: Mapping[str, Check], release: Mapping[str, str], is_ending: Callable[[], bool]
    ) -> None:
        self._trials = {name: Trial(name, check) for name, check in checks.items()}
        self._about = {**release, "pid": os.getppid(), "worker": os.getpid()}
        self._is_ending = is_ending

    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        """Liveness and readiness, as JSON."""
        end = time.monotonic() + PATIENCE
        begun = {name: trial.begin() for name, trial in self._trials.items()}
        reports = {
            name: trial.report(begun[name], end - time.monotonic()) for name, trial in self._trials.items()
        }
        live = self._live()
        ready = all(report["up"] for report in reports.values()) and not live["draining"]
        response.media = {**live, "ready": ready, "checks": reports}
        response.status = falcon.HTTP_OK if ready else falcon.HTTP_SERVICE_UNAVAILABLE
        response.cache_control = ["no-store"]

    def on_get_live(self, request: falcon.Request, response: falcon.Response) -> None:
        """Liveness only: nothing else is asked."""
        response.media = self._live()
        response.cache_control = ["no-store"]

    def _live(self) -> Report:
        return {"live": True, "draining": self._is_ending(), **self._about}


class Tables:
    """``look``: of each schema, whether its tables are what this program wants, and how they stand; raises
    :class:`UsmError` when that cannot be told."""

    def __init__(self, look: Callable[[], Mapping[str, tuple[bool, str]]]) -> None:
        self._look = look

    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        """How all stand, as JSON; asks every database."""
        response.cache_control = ["no-store"]
        try:
            found = self._look()
        except UsmError as error:
            response.media = {"error": str(error)}
            response.status = falcon.HTTP_SERVICE_UNAVAILABLE
            return
        response.media = {
            "ready": all(ready for ready, _ in found.values()),
            "schemas": {name: advice for name, (_, advice) in found.items()},
        }


class Metrics:
    """All numbers of all workers."""

    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        """Prometheus' text format."""
        response.data = metrics.exposition()
        response.content_type = metrics.CONTENT_TYPE
        response.cache_control = ["no-store"]


def create(
    checks: Mapping[str, Check],
    release: Mapping[str, str] | None = None,
    is_ending: Callable[[], bool] = lambda: False,
    tables: Callable[[], Mapping[str, tuple[bool, str]]] = dict,
) -> falcon.App[falcon.Request, falcon.Response]:
    """The WSGI application of the admin listener; see :class:`Health` and :class:`Tables`."""
    app: falcon.App[falcon.Request, falcon.Response] = falcon.App()
    health = Health(checks, release or {}, is_ending)
    app.add_route("/usm/health", health)
    app.add_route("/usm/health/ready", health)
    app.add_route("/usm/health/live", health, suffix="live")
    app.add_route("/usm/tables", Tables(tables))
    app.add_route("/usm/metrics", Metrics())
    return app
