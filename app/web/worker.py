"""The worker process: gunicorn's gevent worker, one greenlet a request, with three habits of its own.

* When it is told to end, waiting devices are answered at once, and connections without a request are closed, instead
  of holding it up for the time of their wait.
* A client that neither sends what it announced nor takes its answer is let go after a while.
* An answer can ask for the end of its connection (``Connection: close``), which gunicorn leaves to the server alone.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from contextlib import suppress
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

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._idle: set[Any] = set()

    def load_wsgi(self) -> None:
        """Load the application and put the closing of connections around it."""
        super().load_wsgi()
        application: Any = self.__dict__["wsgi"]
        self._stop_application: Callable[[], None] = application.stop
        self.wsgi = _closing(application, lambda: not self.alive)

    def handle(self, listener: Any, client: Any, addr: Any) -> None:
        """Serve one connection; in place of ``GeventWorker.handle``, which waits for ever."""
        client.settimeout(SILENCE)
        self._idle.add(client)
        try:
            AsyncWorker.handle(self, listener, client, addr)
        finally:
            self._idle.discard(client)

    def handle_request(self, listener_name: Any, req: Any, sock: Any, addr: Any) -> Any:
        """Serve one request of a connection."""
        self._idle.discard(sock)
        try:
            return super().handle_request(listener_name, req, sock, addr)
        finally:
            self._idle.add(sock)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """``TERM``: no new connections, and waiting devices go home."""
        super().handle_exit(sig, frame)
        # Not in the signal handler itself: it may have interrupted a holder of the lock that is needed.
        gevent.spawn(self._send_home)

    def _send_home(self) -> None:
        self._stop_application()
        for connection in list(self._idle):
            # Reading only: a request that has just arrived is still read, answered, and then closed. By a duplicate,
            # because gevent's own would raise in the greenlet that reads instead of letting it see the end.
            with suppress(OSError), connection.dup() as duplicate:
                duplicate.shutdown(socket.SHUT_RD)


def _closing(
    application: Any, is_ending: Callable[[], bool]
) -> Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]]:
    """The application, with connections closed after an answer that asks for it, and after any when it ends."""

    def serve(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            asked = any(name.lower() == "connection" and value.lower() == "close" for name, value in headers)
            if asked or is_ending():
                start_response.__self__.force_close()  # type: ignore[attr-defined]  # gunicorn's Response
            return start_response(status, headers, exc_info)

        return application(environ, start)  # type: ignore[no-any-return]

    return serve
