"""The worker process: gunicorn's gevent worker, one greenlet a request, with habits of its own.

* It listens when it can serve, and not before: while a node starts, or its application cannot be loaded, a connection
  is refused at once, and the proxy takes it to another node.
* A client that neither sends what it announced nor takes its answer is let go after a while; so is one that sends it
  byte by byte (:mod:`app.web.pace`).
* An answer can ask for the end of its connection (``Connection: close``), which gunicorn leaves to the server alone.
* A request that waits for changes is parked: it has no greenlet until it can be answered (:mod:`app.web.parking`).
* Requests that are too many are refused before they cost anything (:mod:`app.web.doorstep`), on connections that have
  no greenlet (:mod:`app.web.watch`); and connections that are too many before anything is read of them.

Its end, when it is told to (``TERM``), in this order, so that no request is lost on the way:

1. Connections that wait in the queue are taken, and no others: the proxy's next one is refused, and the proxy leaves
   the node alone for a while.
2. Waiting devices are sent home, a few at a time if they are many, and go on at another node; what is under way is
   finished. After each answer the connection is closed, and the answer says so.
3. Connections without a request are kept for a moment, in case the proxy has just sent one, and then closed.
4. When nobody is left, or the time for it is over, the application closes what it holds.

Administrators are answered until then, unless other workers of the service go on and answer them.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, Any, Final

import gevent
from gevent.event import Event
from gevent.pool import Pool
from gevent.server import StreamServer
from gunicorn import util
from gunicorn.workers.base_async import ALREADY_HANDLED, AsyncWorker
from gunicorn.workers.ggevent import GeventWorker

from app.web.doorstep import linger
from app.web.pace import paced
from app.web.parent import ENDS
from app.web.parking import PARK, PARKED, Again, Offer, ParkingLot, Stall, is_over
from app.web.watch import Watch

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

SILENCE: Final = 120.0
"""Seconds that a client may neither send nor take anything while the server waits for just that."""

BEAT: Final = 1.0
"""Seconds between two signs of life for the parent."""

LINGER: Final = 0.5
"""Seconds that a connection without a request is kept when the worker ends. A proxy with anything to do finds out
within that time that the node takes no connections, and uses none of the old ones any more."""

LAST_WORDS: Final = 4.0
"""Seconds that the application may take to close what it holds."""

ACCEPTS: Final = 16
"""Connections that a worker takes at a time. With fewer, a busy worker would leave others unheard; with more, it would
take what another one has time for."""

FULL: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 60\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
)
"""What is said to a connection above the limit."""

_TICK: Final = 0.02


class _Address:
    """What is asked of a listening socket once it has accepted a connection; it may be closed by then."""

    def __init__(self, name: Any) -> None:
        self._name = name

    def getsockname(self) -> Any:
        return self._name


class _Entrance(StreamServer):  # type: ignore[misc]  # gevent's is not typed
    """Takes connections. Those that ``stays_out`` is true for get no greenlet."""

    def __init__(self, stays_out: Callable[[Any, Any], bool], *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._stays_out = stays_out

    def do_handle(self, client: Any, address: Any) -> None:
        """Serve a connection that does not stay out."""
        if not self._stays_out(client, address):
            super().do_handle(client, address)


class ParkingWorker(GeventWorker):  # type: ignore[misc]  # gunicorn has no types
    """See the module. The WSGI application must have the methods ``stop`` (send waiting devices home),
    ``close`` and ``doorstep`` (:meth:`app.web.application.Application.doorstep`)."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._idle: dict[Any, float] = {}
        self._requests: dict[Any, tuple[Any, Any, Any]] = {}
        self._lot = ParkingLot(self._resume)
        self._watch = Watch(self._attend, lambda: not self.alive)
        self._told_to_end: Event | None = None

    def init_signals(self) -> None:
        """The worker's own handlers. From here on it hears what the parent has held back for it since the fork."""
        super().init_signals()
        ENDS.release()

    def load_wsgi(self) -> None:
        """Load the application and put the closing of connections and the parking of requests around it."""
        super().load_wsgi()
        self._application: Any = self.__dict__["wsgi"]
        self.wsgi = self._parking(_closing(self._application, lambda: not self.alive))

    def run(self) -> None:
        """Serve until told to end; in place of ``GeventWorker.run``, which looks once a second."""
        self._told_to_end = Event()
        servers = [self._serve(listener) for listener in self.sockets]
        while self.alive:
            self.notify()
            self._watch.hang_up(time.monotonic() - self.cfg.keepalive)
            self._told_to_end.wait(BEAT)
        # The parent kills who is still there after the whole time.
        allowed = max(self.cfg.graceful_timeout - LAST_WORDS, self.cfg.graceful_timeout / 2)
        # Where other workers go on (the settings were read again), they are the ones to say how the service is.
        first = 1 if self.app.is_ending else len(servers)
        for server in servers[:first]:
            _take_no_more(server)
        self._finish([server.pool for server in servers[:first]], allowed)
        for server in servers[first:]:
            _take_no_more(server)
        self._hang_up(time.monotonic())
        with gevent.Timeout(LAST_WORDS, False):
            self._application.close()
        self._watch.close()
        for server in servers:
            server.stop(timeout=BEAT)

    def handle(self, listener: Any, client: Any, addr: Any) -> None:
        """Serve one connection; in place of ``GeventWorker.handle``, which waits for ever."""
        client.settimeout(SILENCE)
        if self._is_full:
            with suppress(OSError):
                client.sendall(FULL)
                linger(client)
            util.close(client)
            return
        self._attend(listener, client, addr)

    def _attend(self, listener: Any, client: Any, addr: Any) -> None:
        """Serve a connection that was let in, until it ends, its request is parked, or it is only watched."""
        client.settimeout(SILENCE)
        self._idle[client] = time.monotonic()
        try:
            AsyncWorker.handle(self, listener, client, addr)
        finally:
            self._idle.pop(client, None)

    def handle_request(self, listener_name: Any, req: Any, sock: Any, addr: Any) -> Any:
        """Serve one request of a connection. Raises ``StopIteration`` when this connection is done with."""
        doorstep = self._application.doorstep(listener_name[1])
        if doorstep is not None and not isinstance(req, Again) and doorstep.refuse(sock, req):
            raise StopIteration
        self._idle.pop(sock, None)
        self._requests[sock] = req, listener_name, addr
        try:
            super().handle_request(listener_name, req, sock, addr)
            if self._requests[sock][0] is None:
                raise StopIteration
            if doorstep is not None and doorstep.is_crowded and is_over(req):
                self._watch.take(sock, doorstep, _Address(listener_name), addr)
                raise StopIteration
        finally:
            del self._requests[sock]
            self._idle[sock] = time.monotonic()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """``TERM``. Before it serves, the worker just ends."""
        super().handle_exit(sig, frame)
        if self._told_to_end is None:
            # It serves nobody, and holds nothing. An exception could come in the middle of an import, and break it.
            os._exit(0)
        # Not in the signal handler itself, which may have interrupted anything.
        gevent.spawn(self._told_to_end.set)

    @property
    def _is_full(self) -> bool:
        """Whether there are as many connections as there may be."""
        count = len(self._idle) + len(self._requests) + self._lot.parked + self._watch.watched
        return count >= int(self.worker_connections)

    def _stays_out(self, listener: Any, client: Any, address: Any) -> bool:
        """Whether a connection that was just taken is only watched. Called in the hub: nothing here may wait."""
        doorstep = self._application.doorstep(listener.getsockname()[1])
        if doorstep is None or not doorstep.is_crowded or self._is_full:
            return False
        self._watch.look(client, doorstep, listener, address)
        return True

    def _parking(self, application: WSGIApplication) -> WSGIApplication:
        """The application, with requests parked that it wants to be parked."""

        def serve(environ: WSGIEnvironment, start_response: StartResponse) -> Any:
            paced(environ)
            connection = environ["gunicorn.socket"]
            request, listener, address = self._requests[connection]
            offer = environ[PARK] = Offer(request, lambda: not self.alive)
            if isinstance(request, Again):
                environ[PARKED] = request.parked
            answer = application(environ, start_response)
            if offer.taken_by is None:
                return answer
            self._requests[connection] = None, listener, address
            self._lot.take(connection, request, offer.taken_by, listener, address)
            return ALREADY_HANDLED

        return serve

    def _resume(self, stall: Stall, connection: Any) -> None:
        """Answer a request that was parked, and go on with its connection."""
        connection.settimeout(SILENCE)
        try:
            self.handle_request(stall.listener, stall.again, connection, stall.address)
        except (StopIteration, OSError):
            util.close(connection)
        except Exception:
            self.log.exception("a request that was parked cannot be answered")
            util.close(connection)
        else:
            self._attend(_Address(stall.listener), connection, stall.address)
        finally:
            self._idle.pop(connection, None)

    def _serve(self, listener: Any) -> StreamServer:
        listener.setblocking(True)
        listener.listen(self.cfg.backlog)
        address = _Address(listener.getsockname())
        handle, stays_out = partial(self.handle, address), partial(self._stays_out, address)
        server = _Entrance(stays_out, listener, handle=handle, spawn=Pool(self.worker_connections))
        if self.cfg.workers > 1:
            server.max_accept = ACCEPTS
        server.start()
        return server

    def _finish(self, pools: list[Pool], allowed: float) -> None:
        """Until the last request is answered, or the seconds allowed are over."""
        deadline = time.monotonic() + allowed
        gevent.spawn(self._application.stop)
        while underway := self._lot_and(pools):
            now = time.monotonic()
            if now > deadline:
                self.log.warning(
                    "%d requests are still under way after %d seconds; they are given up",
                    underway,
                    allowed,
                )
                return
            self._hang_up(now - LINGER)
            self.notify()
            gevent.sleep(_TICK)

    def _lot_and(self, pools: list[Pool]) -> int:
        return sum(map(len, pools)) + len(self._lot) + len(self._watch)

    def _hang_up(self, before: float) -> None:
        """Close the connections without a request since some moment before this one."""
        self._watch.hang_up(before)
        for connection in [each for each, since in self._idle.items() if since <= before]:
            # Reading only: a request that has just arrived is still read, answered, and then closed. By a duplicate,
            # because gevent's own would raise in the greenlet that reads instead of letting it see the end.
            with suppress(OSError), connection.dup() as duplicate:
                duplicate.shutdown(socket.SHUT_RD)


def _take_no_more(server: StreamServer) -> None:
    """Take the connections that wait already, and close the listening socket before there are others."""
    server.stop_accepting()
    with suppress(OSError):
        while not server.full() and (accepted := server.do_read()):
            server.do_handle(*accepted)
    server.close()


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
