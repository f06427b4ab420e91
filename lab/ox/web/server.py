"""The server process: gunicorn with one gevent worker, its settings made here.

One worker, because sessions live in its memory, as they live in the one process of the real server.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from gunicorn.app.base import BaseApplication


class WsgiServer(BaseApplication):  # type: ignore[misc]
    """Runs one WSGI application until it is told to end. ``load`` is called in the worker."""

    def __init__(self, load: Callable[[], Any], binds: Sequence[str], options: dict[str, Any]) -> None:
        self._load = load
        self._binds = list(binds)
        self._options = options
        super().__init__()

    def init(self, parser: Any, opts: Any, args: Any) -> None:
        """Nothing comes from gunicorn's own command line."""

    def load_config(self) -> None:
        """Settings in code; environment and files are not read."""
        settings: dict[str, Any] = {
            "bind": self._binds,
            "worker_class": "gevent",
            "workers": 1,
            "worker_connections": 2000,
            "timeout": 0,
            "graceful_timeout": 5,
            "keepalive": 75,
            "limit_request_line": 0,
            "limit_request_field_size": 65_536,
            "accesslog": None,
            "errorlog": "-",
            "loglevel": "warning",
            "worker_tmp_dir": None,
            **self._options,
        }
        for name, value in settings.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """The application."""
        return self._load()


def run(
    load: Callable[[], Any], binds: Sequence[str], ready_file: Path | None = None, ajp: bool = False
) -> None:
    """Serve until SIGTERM or SIGINT, also by AJP if ``ajp`` is set. Once it listens it prints ``ready`` on stdout and
    makes the ready file."""

    def tell(_worker: Any) -> None:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        if ready_file:
            ready_file.touch()

    worker = "lab.ox.web.worker.Worker" if ajp else "gevent"
    WsgiServer(load, binds, {"post_worker_init": tell, "worker_class": worker}).run()
