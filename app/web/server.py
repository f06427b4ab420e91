"""gunicorn with our settings: two listeners, gevent workers, one log.

The parent process loads neither the application nor anything that opens sockets: gevent changes the standard library in
each worker after the fork, and what was imported before would keep the blocking versions.
"""

from __future__ import annotations

import logging
import os
import resource
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger

from app.web import departed, log
from app.web.parent import Parent

_log = logging.getLogger(__name__)

KEEPALIVE: Final = 75
"""Seconds an idle connection is kept; longer than Apache keeps its own (ttl=60), so that Apache never writes into a
connection that is just being closed."""

REQUEST_LINE: Final = 8190
"""Longest request line in bytes; gunicorn's own limit would do for every query, this says so."""

STUCK: Final = 300
"""Seconds without any sign of life after which a worker is replaced. Waiting requests do not count: the worker's own
loop gives the sign."""

SPARE_FILES: Final = 200
"""Files a worker needs besides its devices' connections."""


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """What gunicorn needs to know. ``binds``: ``host:port`` for devices and for administrators."""

    binds: tuple[str, str]
    workers: int
    worker_connections: int
    graceful_timeout: int
    log_file: str
    log_level: str
    log_format: str = "text"
    pid_file: str = ""
    user: str = ""
    group: str = ""


class ServerLog(Logger):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's lines go where ours go; see :func:`app.web.log.configure`."""

    def setup(self, cfg: Any) -> None:
        """Nothing to set up: it is done before gunicorn starts."""
        self.loglevel = self.error_log.level

    def access(self, resp: Any, req: Any, environ: Any, request_time: Any) -> None:
        """No access log: the line of each command says more."""


class Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """``settings`` is read again when gunicorn gets ``HUP``; if it raises then, the old settings stay. ``load`` makes
    the WSGI application, in each worker; it is given a folder that all workers of this service share."""

    def __init__(self, settings: Callable[[], ServerSettings], load: Callable[[Path], Any]) -> None:
        self._settings = settings
        self._load = load
        self._now = settings()
        self._parent = os.getpid()
        self._shared = Path(tempfile.mkdtemp(prefix="open-xchange-usm-"))
        self._end = self._shared / "ending"
        self._metrics = self._shared / "metrics"
        self._metrics.mkdir()
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(self._metrics)
        super().__init__(prog="open-xchange-usm")

    def load_config(self) -> None:
        """Hand the settings to gunicorn."""
        for name, value in self._options(self._now).items():
            self.cfg.set(name, value)

    def reload(self) -> None:
        """``HUP``: read the settings again, for the workers that are about to start."""
        try:
            now = self._settings()
            log.configure(now.log_file, now.log_level, now.log_format)
        except Exception as error:  # noqa: BLE001  (whatever is wrong with the new ones, the old ones work)
            _log.error("the settings cannot be used, the old ones stay: %s", error)
            return
        self._now = now
        super().reload()

    def load(self) -> Any:
        """The WSGI application; called in a worker."""
        return self._load(self._shared)

    def note_end(self) -> None:
        """The whole service ends: tell the workers; called in the parent."""
        with suppress(OSError):
            self._end.touch()

    @property
    def is_ending(self) -> bool:
        """Whether the whole service ends, and not just the worker that asks."""
        return self._end.exists()

    def run(self) -> None:
        """Run gunicorn until told to stop; ends the process."""
        Parent(self).run()

    def serve(self) -> None:
        """Run until told to stop; ends the process."""
        _raise_file_limit(self._now.worker_connections + SPARE_FILES)
        # Options in the environment are for those who run gunicorn by hand.
        os.environ.pop("GUNICORN_CMD_ARGS", None)
        if (self.cfg.uid, self.cfg.gid) != (os.geteuid(), os.getegid()):
            # Who runs as that user already may be forbidden to change owners at all (the unit's SystemCallFilter).
            for folder in (self._shared, self._metrics):
                os.chown(folder, self.cfg.uid, self.cfg.gid)
        try:
            self.run()
        finally:
            # Workers come by here too when they exit; only the parent owns the folder.
            if os.getpid() == self._parent:
                shutil.rmtree(self._shared, ignore_errors=True)

    def _options(self, now: ServerSettings) -> dict[str, Any]:
        options = {
            "bind": list(now.binds),
            "workers": now.workers,
            "worker_class": "app.web.worker.ParkingWorker",
            "worker_connections": now.worker_connections,
            "graceful_timeout": now.graceful_timeout,
            "timeout": STUCK,
            "keepalive": KEEPALIVE,
            "limit_request_line": REQUEST_LINE,
            "logger_class": ServerLog,
            "loglevel": now.log_level,
            "proc_name": "open-xchange-usm",
            "child_exit": self._forget_worker,
            # Nothing here depends on how the proxy was reached, and a device must not be able to say it.
            "forwarded_allow_ips": "",
            "secure_scheme_headers": {},
        }
        return options | {
            "pidfile": now.pid_file or None,
            "user": now.user or None,
            "group": now.group or None,
        }

    def _forget_worker(self, server: Any, _worker: Any) -> None:
        """A worker has ended, and is none of the server's any more."""
        departed.tidy(self._metrics, server.WORKERS)


def worker_count(wanted: int) -> int:
    """The number of workers; 0 is one a processor core."""
    return wanted or len(os.sched_getaffinity(0))


def bind(host: str, port: int) -> str:
    """As gunicorn writes an address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _raise_file_limit(wanted: int) -> None:
    """One open file a device: take as many as the system gives, and say when it is fewer than the settings allow."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, wanted))
        except (ValueError, OSError):
            _log.warning(
                "only %d files may be open: fewer devices can wait than worker_connections allows", hard
            )
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        return
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
