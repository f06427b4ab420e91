"""What administrators and monitoring ask, on a listener of its own that Apache does not forward.

==================  ===============================================================================
/usm/health         200 when everything that a device needs answers, else 503; says what is down
/usm/health/ready   the same
/usm/health/live    200 for as long as the process answers at all
/usm/tables         of each schema, whether its tables are of this version
/usm/metrics        Prometheus
/usm/admin/         the administrators' pages (:mod:`app.pages.admin`), if anybody may sign in there
==================  ===============================================================================

Each answer about health says which program it comes from: ``version`` and ``build`` of the package, ``pid`` of the
service and of its ``worker``; and whether that is about to end (``draining``), when it is not ready, whatever else
answers. All parts are tried at the same time, and one that hangs counts as down: the answer comes within
:data:`PATIENCE` seconds.
"""

from __future__ import annotations

import logging
import os
import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Final

import falcon

from app.usm.errors import UsmError
from app.web import metrics

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

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
        reports = self.reports()
        live = self._live()
        ready = all(report["up"] for report in reports.values()) and not live["draining"]
        response.media = {**live, "ready": ready, "checks": reports}
        response.status = falcon.HTTP_OK if ready else falcon.HTTP_SERVICE_UNAVAILABLE
        response.cache_control = ["no-store"]

    def on_get_live(self, request: falcon.Request, response: falcon.Response) -> None:
        """Liveness only: nothing else is asked."""
        response.media = self._live()
        response.cache_control = ["no-store"]

    def reports(self) -> dict[str, Report]:
        """How the parts answer, within :data:`PATIENCE` seconds."""
        end = time.monotonic() + PATIENCE
        begun = {name: trial.begin() for name, trial in self._trials.items()}
        return {
            name: trial.report(begun[name], end - time.monotonic()) for name, trial in self._trials.items()
        }

    def answers(self) -> dict[str, bool]:
        """Whether they do."""
        return {name: bool(report["up"]) for name, report in self.reports().items()}

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

    def __init__(self, exposition: metrics.Exposition) -> None:
        self._exposition = exposition

    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        """Prometheus' text format."""
        response.data = self._exposition.text()
        response.content_type = metrics.CONTENT_TYPE
        response.cache_control = ["no-store"]


PAGES: Final = re.compile(r"/usm/admin(?:/|\Z)")
"""Below this are the administrators' pages."""


def no_pages(req: falcon.Request, resp: falcon.Response, **kwargs: object) -> None:
    """What is there without them."""
    resp.status = falcon.HTTP_NOT_FOUND
    resp.content_type = "text/plain; charset=utf-8"
    resp.text = (
        "There are no pages for administrators here, as nobody may sign in:"
        " com.openexchange.usm.admin.logins is empty.\nusmctl admin-password makes an entry for it.\n"
    )


def joined(
    app: falcon.App[falcon.Request, falcon.Response], pages: WSGIApplication | None
) -> WSGIApplication:
    """The application of the admin listener with the administrators' pages, if there are any."""
    if pages is None:
        return app

    def both(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        chosen = pages if PAGES.match(environ.get("PATH_INFO", "")) else app
        return chosen(environ, start_response)

    return both


def create(
    checks: Mapping[str, Check],
    release: Mapping[str, str] | None = None,
    is_ending: Callable[[], bool] = lambda: False,
    tables: Callable[[], Mapping[str, tuple[bool, str]]] = dict,
    look: Callable[[], None] = lambda: None,
) -> falcon.App[falcon.Request, falcon.Response]:
    """The WSGI application of the admin listener; see :class:`Health`, :class:`Tables`, :class:`metrics.Exposition`."""
    app: falcon.App[falcon.Request, falcon.Response] = falcon.App()
    health = Health(checks, release or {}, is_ending)
    app.add_route("/usm/health", health)
    app.add_route("/usm/health/ready", health)
    app.add_route("/usm/health/live", health, suffix="live")
    app.add_route("/usm/tables", Tables(tables))
    app.add_route("/usm/metrics", Metrics(metrics.Exposition(release or {}, look, health.answers)))
    app.add_sink(no_pages, prefix=PAGES)
    return app
