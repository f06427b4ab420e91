"""A service of one worker whose application only waits: ``python -m tests.web.waiting FOLDER PORT ADMIN_PORT``.

``/wait`` waits until somebody asks for ``/wake`` and answers with what it was asked with; ``/told`` says how many wait,
how many have given up, and how many greenlets there are. After ``/crowded?1`` requests for ``/wait`` whose credentials
are ``storm`` are too many, until ``/crowded?0``. ``/unread`` is answered without its body having been read.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from greenlet import greenlet

from app.web import log
from app.web.doorstep import Doorstep
from app.web.parking import PARK, PARKED
from app.web.server import Server, ServerSettings, bind


class Waiting:
    """A request that waits."""

    def __init__(self, application: Application, name: str) -> None:
        self.name = name
        self._application = application
        self.call: Callable[[], None] | None = None

    def when_awake(self, call: Callable[[], None]) -> None:
        self.call = call
        self._application.waiting.append(self)

    def give_up(self) -> None:
        self._application.gave_up += 1
        self._application.waiting.remove(self)


class Application:
    """See the module."""

    def __init__(self, port: int) -> None:
        self.waiting: list[Waiting] = []
        self.gave_up = 0
        self.is_crowded = False
        self._port = port

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
        if environ["PATH_INFO"] != "/unread":
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        if (back := environ.get(PARKED)) is not None:
            body = f"{back.name} {environ.get('HTTP_COOKIE', '')}"
        elif environ["PATH_INFO"] == "/wait":
            offer = environ[PARK]
            if offer.stands:
                offer.take(Waiting(self, environ["QUERY_STRING"]))
                start_response("200 OK", [])
                return []
            body = "not parked"
        elif environ["PATH_INFO"] == "/wake":
            body = str(len(self.waiting))
            self.stop()
        elif environ["PATH_INFO"] == "/crowded":
            self.is_crowded = environ["QUERY_STRING"] == "1"
            body = ""
        elif environ["PATH_INFO"] == "/unread":
            body = "unread"
        else:
            alive = sum(isinstance(each, greenlet) and not each.dead for each in gc.get_objects())
            body = f"{len(self.waiting)} {self.gave_up} {alive}"
        start_response("200 OK", [("Content-Length", str(len(body)))])
        return [body.encode()]

    def refuse(self, authorization: str) -> int | None:
        """The rule of the doorstep: one user has sent too much."""
        return 30 if self.is_crowded and authorization == "storm" else None

    def doorstep(self, port: int) -> Doorstep | None:
        """On the first of the two ports."""
        return Doorstep("/wait", self) if port == self._port else None

    def stop(self) -> None:
        """Wake all."""
        waiting, self.waiting = self.waiting, []
        for each in waiting:
            assert each.call is not None
            each.call()

    def close(self) -> None:
        """Nothing is held."""


def main(folder: str, port: str, admin_port: str) -> None:
    """Serve until told to end."""
    file = str(Path(folder) / "usm.log")
    log.configure(file, "info")
    binds = bind("127.0.0.1", int(port)), bind("127.0.0.1", int(admin_port))
    settings = ServerSettings(binds, 1, 60, 10, file, "info")
    Server(lambda: settings, lambda shared: Application(int(port))).serve()


if __name__ == "__main__":
    main(*sys.argv[1:])
