"""The worker process: gunicorn's gevent worker, one greenlet a request, with three habits of its own.

* When it is told to end, waiting devices are answered at once instead of holding it up for the time of their wait.
* A client that neither sends what it announced nor takes its answer is let go after a while.
* An answer can ask for the end of its connection (``Connection: close``), which gunicorn leaves to the server alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import FrameType
from typing import TYPE_CHECKING, Any, Final

import gevent
from gunicorn.workers.base_async import AsyncWorker
from gunicorn.workers.ggevent import GeventWorker

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

SILENCE: Final = 120.0
"""Seconds that a client may neither send nor take anything while the server waits for just that."""


class ParkingWorker(GeventWorker):  # type: ignore[misc]  # gunicorn has no types
    """See the module. The WSGI application must have a method ``stop``."""

    def load_wsgi(self) -> None:
        """Load the application and put the closing of connections around it."""
        super().load_wsgi()
        application: Any = self.__dict__["wsgi"]
        self.stop_application: Callable[[], None] = application.stop
        self.wsgi = _closing(application)

    def handle(self, listener: Any, client: Any, addr: Any) -> None:
        """Serve one connection; in place of ``GeventWorker.handle``, which waits for ever."""
        client.settimeout(SILENCE)
        AsyncWorker.handle(self, listener, client, addr)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """``TERM``: no new connections, and waiting devices go home."""
        super().handle_exit(sig, frame)
        # Not in the signal handler itself: it may have interrupted a holder of the lock that is needed.
        gevent.spawn(self.stop_application)


def _closing(application: Any) -> Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]]:
    def serve(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            if any(name.lower() == "connection" and value.lower() == "close" for name, value in headers):
                start_response.__self__.force_close()  # type: ignore[attr-defined]  # gunicorn's Response
            return start_response(status, headers, exc_info)

        return application(environ, start)  # type: ignore[no-any-return]

    return serve
