"""Requests that wait leave the server's hands: what is kept of them, and how they come back.

A request that is carried out holds a greenlet with all the frames of server and application, the parsed request, the
environment and buffers. One that waits for changes needs none of that. So the application hands back what it needs to
go on (:class:`Parked`), the greenlet ends, and what is left is an object, an open connection, and a watch on it for the
case that the device hangs up. When the wait is over, the request goes through the server and the application a second
time, with nothing but what the answer depends on (:class:`Again`), and the application goes on where it was.

Server and application talk through the WSGI environment:

=================  ============================================================================================
key                value
=================  ============================================================================================
``usm.park``       from the server: an :class:`Offer`
``usm.parked``     from the server: the :class:`Parked` of a request that comes back
=================  ============================================================================================
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, Final, Protocol

import gevent
from gevent.pool import Group

PARK: Final = "usm.park"
PARKED: Final = "usm.parked"

KEPT_HEADERS: Final = frozenset(("ACCEPT-ENCODING", "CONNECTION", "COOKIE", "HOST"))
"""What an answer may depend on."""


class Parked(Protocol):
    """What the application knows of a request that waits."""

    def when_awake(self, call: Callable[[], None]) -> None:
        """Call, once, when the request can go on: perhaps at once. The call must be quick."""
        ...

    def give_up(self) -> None:
        """The device has hung up."""
        ...


class Offer:
    """To park the request that is carried out. Who takes it returns anything: nothing of that is sent."""

    __slots__ = ("_is_ending", "_request", "taken_by")

    def __init__(self, request: Any, is_ending: Callable[[], bool]) -> None:
        self._request = request
        self._is_ending = is_ending
        self.taken_by: Parked | None = None

    @property
    def stands(self) -> bool:
        """Whether it can be taken now, when the request is read. When the worker ends nobody waits any more; and where
        the device's next request was read along, it must follow in the same greenlet."""
        return not self._is_ending() and _nothing_follows(self._request)

    def take(self, parked: Parked) -> None:
        """Park it."""
        self.taken_by = parked


class _NoBody:
    """It was read the first time."""

    def read(self, size: int | None = None) -> bytes:
        return b""

    def readline(self, size: int | None = None) -> bytes:
        return b""


class Again:
    """A request that comes back, as gunicorn wants to see it."""

    __slots__ = ("_closes", "headers", "method", "parked", "path", "version")

    body: Final = _NoBody()
    proxy_protocol_info: Final = None
    query: Final = ""
    scheme: Final = "http"
    uri: Final = ""

    def __init__(self, request: Any, parked: Parked) -> None:
        """``request``: gunicorn's own, or the one that came back before."""
        self.method: str = request.method
        self.path: str = request.path
        self.version: tuple[int, int] = request.version
        self.headers = tuple(each for each in request.headers if each[0] in KEPT_HEADERS)
        self.parked = parked
        self._closes = bool(request.should_close())

    def should_close(self) -> bool:
        """Whether the device wants its connection to end with the answer."""
        return self._closes


class Stall:
    """One parked request: its connection, as the number of an open file."""

    __slots__ = ("address", "again", "file", "listener", "watch")

    def __init__(self, file: int, again: Again, listener: Any, address: Any) -> None:
        self.file = file
        self.again = again
        self.listener = listener
        self.address = address
        self.watch: Any = None


class ParkingLot:
    """All parked requests of a worker. ``resume`` answers one, in a greenlet of its own; it is given the connection."""

    def __init__(self, resume: Callable[[Stall, socket.socket], None]) -> None:
        self._resume = resume
        self._stalls: dict[int, Stall] = {}
        self._leaving = Group()

    @property
    def parked(self) -> int:
        """How many are parked."""
        return len(self._stalls)

    def __len__(self) -> int:
        """How many are parked, or have come back on a connection that goes on."""
        return len(self._stalls) + len(self._leaving)

    def take(
        self, connection: socket.socket, request: Any, parked: Parked, listener: Any, address: Any
    ) -> None:
        """Park a request. The connection given is left as it is; a duplicate of it is kept."""
        stall = Stall(os.dup(connection.fileno()), Again(request, parked), listener, address)
        self._stalls[stall.file] = stall
        stall.watch = gevent.get_hub().loop.io(stall.file, 1)
        stall.watch.start(self._heard, stall)
        parked.when_awake(partial(self._wake, stall))

    def _heard(self, stall: Stall) -> None:
        """The device has sent something, or hung up. The next request of an impatient device can wait."""
        stall.watch.stop()
        if not _has_more(stall.file):
            self._leave(stall, self._gave_up)

    def _wake(self, stall: Stall) -> None:
        self._leave(stall, self._go_on)

    def _leave(self, stall: Stall, how: Callable[[Stall], None]) -> None:
        # Called in the hub, and with locks held: nothing here may wait. Perhaps it has left already, and the number of
        # its file is another one's.
        if self._stalls.get(stall.file) is stall:
            del self._stalls[stall.file]
            stall.watch.stop()
            stall.watch.close()
            self._leaving.spawn(how, stall)

    def _go_on(self, stall: Stall) -> None:
        self._resume(stall, socket.socket(fileno=stall.file))

    def _gave_up(self, stall: Stall) -> None:
        with suppress(OSError):
            os.close(stall.file)
        stall.again.parked.give_up()


def is_over(request: Any) -> bool:
    """Whether a connection has nothing more of a request that was answered, and nothing of another one was read along;
    ``False`` where that is in doubt."""
    if isinstance(request, Again):
        return True
    return getattr(request.body.reader, "length", None) == 0 and _nothing_follows(request)


def _nothing_follows(request: Any) -> bool:
    return isinstance(request, Again) or not request.unreader.buf.getbuffer().nbytes


def _has_more(file: int) -> bool:
    """Whether there are bytes to be read, and not the end of the connection."""
    line = socket.socket(fileno=file)
    try:
        line.setblocking(False)
        return bool(line.recv(1, socket.MSG_PEEK))
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        line.detach()
