"""What administrators and monitoring ask, on a listener of its own that Apache does not forward.

==================  ===============================================================================
/usm/health         200 when everything that a device needs answers, else 503; says what is down, and
                    which version and build of the package answers
/usm/health/ready   the same
/usm/health/live    200 for as long as the process answers at all
/usm/metrics        Prometheus
==================  ===============================================================================
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

import falcon

from app.usm.errors import UsmError
from app.web import metrics

_log = logging.getLogger(__name__)

Check = Callable[[], None]
"""Tries one part of the installation; raises :class:`UsmError` when it does not answer."""


class Health:
    """``checks``: name of the part → how to try it. ``release``: what is said of the program itself."""

    def __init__(self, checks: Mapping[str, Check], release: Mapping[str, str]) -> None:
        self._checks = checks
        self._release = release

    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        """Liveness and readiness, as JSON."""
        reports = {name: self._report(name, check) for name, check in self._checks.items()}
        ready = all(report["up"] for report in reports.values())
        response.media = {"live": True, "ready": ready, **self._release, "checks": reports}
        response.status = falcon.HTTP_OK if ready else falcon.HTTP_SERVICE_UNAVAILABLE
        response.cache_control = ["no-store"]

    def on_get_live(self, request: falcon.Request, response: falcon.Response) -> None:
        """Liveness only: nothing else is asked."""
        response.media = {"live": True}
        response.cache_control = ["no-store"]

    def _report(self, name: str, check: Check) -> dict[str, object]:
        try:
            check()
        except UsmError as error:
            return {"up": False, "error": str(error)}
        except Exception:  # noqa: BLE001  (whatever it is, it is not ready)
            _log.exception("checking %s failed", name)
            return {"up": False, "error": "unexpected error, see the log"}
        return {"up": True}


class Metrics:
    """All numbers of all workers."""

    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        """Prometheus' text format."""
        response.data = metrics.exposition()
        response.content_type = metrics.CONTENT_TYPE
        response.cache_control = ["no-store"]


def create(
    checks: Mapping[str, Check], release: Mapping[str, str] | None = None
) -> falcon.App[falcon.Request, falcon.Response]:
    """The WSGI application of the admin listener."""
    app: falcon.App[falcon.Request, falcon.Response] = falcon.App()
    health = Health(checks, release or {})
    app.add_route("/usm/health", health)
    app.add_route("/usm/health/ready", health)
    app.add_route("/usm/health/live", health, suffix="live")
    app.add_route("/usm/metrics", Metrics())
    return app
