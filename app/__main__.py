"""``python -m app``: run the service in the foreground, or check its settings.

The application itself is imported in the worker processes only; see :mod:`app.web.server`.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from errno import EROFS
from pathlib import Path
from typing import Any

from gunicorn.arbiter import Arbiter

from app import config
from app.config import ConfigError, Settings
from app.web import log
from app.web.server import Server, ServerSettings, bind, worker_count

_log = logging.getLogger("app")


class Service:
    """Reads the settings, again on ``HUP``, and makes the application of them in each worker."""

    def __init__(self, etc: Path, user: str, group: str) -> None:
        self._etc = etc
        self._user = user
        self._group = group
        self._settings = Settings()

    def server_settings(self) -> ServerSettings:
        """What gunicorn needs. Raises :class:`ConfigError`."""
        loaded = config.load(self._etc)
        self._settings = loaded.settings
        for warning in loaded.warnings:
            _log.warning("%s", warning)
        now = loaded.settings
        return ServerSettings(
            binds=(bind(now.listen_host, now.listen_port), bind(now.admin_host, now.admin_port)),
            workers=worker_count(now.workers),
            worker_connections=now.worker_connections,
            graceful_timeout=now.graceful_timeout,
            log_file=now.log_file,
            log_level=now.log_level,
            log_format=now.log_format,
            pid_file=now.pid_file,
            user=self._user,
            group=self._group,
        )

    def application(self, shared: Path) -> Any:
        """The WSGI application, in a worker; imported after gevent has changed the standard library."""
        from app.main import DatabaseSettingsError, create_app

        try:
            return create_app(self._settings, shared)
        except DatabaseSettingsError as error:
            _log.error("%s", error)
            sys.exit(Arbiter.APP_LOAD_ERROR)


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status: 0, or 1 with the reason on the standard error output."""
    chosen = _parser().parse_args(arguments)
    etc = chosen.etc or config.etc_directory()
    try:
        loaded = config.load(etc)
        if not chosen.check:
            log.configure(loaded.settings.log_file, loaded.settings.log_level, loaded.settings.log_format)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        hint = "; systemd's unit must name the folder (ReadWritePaths=)" if error.errno == EROFS else ""
        print(
            f"{loaded.settings.log_file}: the log cannot be written: {error.strerror}{hint}", file=sys.stderr
        )
        return 1
    if chosen.check:
        for warning in loaded.warnings:
            print(f"warning: {warning}", file=sys.stderr)
        print("OK")
        return 0
    service = Service(etc, chosen.user, chosen.group)
    Server(service.server_settings, service.application).serve()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m app", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--etc",
        type=Path,
        metavar="DIR",
        help="folder of usm.properties and eas.properties; without it, where Open-Xchange keeps its own",
    )
    parser.add_argument("--check", action="store_true", help="only say whether the settings can be used")
    parser.add_argument("--user", default="", help="run the workers as this user")
    parser.add_argument("--group", default="", help="run the workers as this group")
    return parser


if __name__ == "__main__":
    sys.exit(main())
