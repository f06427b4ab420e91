"""Connections whose requests are refused need no greenlet: while the worker is crowded the event loop watches them.

A greenlet that waits for the next request of its connection costs two switches a request, and each time the start and
the end of a watch. So a connection without a request is taken out of its greenlet when the worker is crowded, or gets
none at all, and what is left is an open file and a watch that stays. What arrives is looked at by the doorstep
(:meth:`app.web.doorstep.Doorstep.meet`) right in the event loop, where nothing may wait:

* A request that is refused is answered there, and the connection stays.
* One that may come in gets a greenlet with its connection and goes on as ever; so does whatever is unusual. It begins
  at once: who is looked at next must find the line as it is then.
* So does an answer that the connection does not take as a whole, and one after which the client may still be sending:
  the connection ends with it.
* A connection that the client has ended is closed.

When the worker is crowded no more, connections come in with their next requests. Until then they may be silent as long
as any others; who calls :meth:`Watch.hang_up` now and then sees to that.
"""

from __future__ import annotations

import logging
import socket
import time
from _socket import socket as Line
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import gevent
import gevent.socket
from gevent.pool import Group

from app.web.doorstep import Doorstep, Fate, see_off

_log = logging.getLogger(__name__)

_READ: Final = 1
"""What libev calls ``EV_READ``."""


class Watched:
    """One connection. ``line``: without what gevent puts around it, which costs more than a refusal; ``bell``: the
    watch; ``since``: when it was heard of last (monotonic)."""

    __slots__ = ("address", "bell", "doorstep", "line", "listener", "since")

    def __init__(self, line: Line, doorstep: Doorstep, listener: Any, address: Any) -> None:
        self.line = line
        self.doorstep = doorstep
        self.listener = listener
        self.address = address
        self.bell: Any = None
        self.since = time.monotonic()


class Watch:
    """All connections of a worker that are watched. ``come_in`` is given listener, connection and address; it runs in a
    greenlet of its own, and closes the connection."""

    def __init__(self, come_in: Callable[[Any, Any, Any], None], is_ending: Callable[[], bool]) -> None:
        self._come_in = come_in
        self._is_ending = is_ending
        self._watched: set[Watched] = set()
        self._leaving = Group()

    @property
    def watched(self) -> int:
        """How many are watched."""
        return len(self._watched)

    def __len__(self) -> int:
        """How many are watched, or have come in from here and are not closed yet."""
        return len(self._watched) + len(self._leaving)

    def take(self, connection: Any, doorstep: Doorstep, listener: Any, address: Any) -> None:
        """Watch a connection on which nothing is under way. To its owner it is closed."""
        self._wait(self._taken(connection, doorstep, listener, address))

    def look(self, connection: Any, doorstep: Doorstep, listener: Any, address: Any) -> None:
        """The same, but what has arrived already is met at once. Only for the hub."""
        each = self._taken(connection, doorstep, listener, address)
        self._heard(each)
        if each in self._watched:
            self._wait(each)

    def hang_up(self, before: float) -> None:
        """Close those that are silent since some moment before this one."""
        for each in self._watched:
            if each.since <= before:
                # Reading only: a request that has just arrived is still met, and after it the end.
                with suppress(OSError):
                    each.line.shutdown(socket.SHUT_RD)

    def close(self) -> None:
        """Close all, whatever they wait for."""
        for each in list(self._watched):
            self._forget(each)
            each.line.close()
        self._leaving.kill(timeout=1)

    def _taken(self, connection: Any, doorstep: Doorstep, listener: Any, address: Any) -> Watched:
        line = Line(connection.family, connection.type, connection.proto, connection.detach())
        line.setblocking(False)
        each = Watched(line, doorstep, listener, address)
        self._watched.add(each)
        return each

    def _wait(self, each: Watched) -> None:
        each.bell = gevent.get_hub().loop.io(each.line.fileno(), _READ)
        each.bell.start(self._heard, each)

    def _heard(self, each: Watched) -> None:
        """Something has arrived, or the connection has ended. Called in the hub: nothing here may wait, or fail."""
        try:
            fate = each.doorstep.meet(each.line, self._is_ending)
        except Exception:  # noqa: BLE001  (the event loop)
            _log.exception("a request cannot be met at the doorstep")
            fate = Fate.ENDS
        if fate is Fate.STAYS:
            each.since = time.monotonic()
            return
        self._forget(each)
        line = each.line
        if fate is Fate.ENDS:
            line.close()
            return
        connection = gevent.socket.socket(line.family, line.type, line.proto, line.detach())
        if fate is Fate.COMES_IN:
            self._begin(self._come_in, each.listener, connection, each.address)
        else:
            self._begin(see_off, connection, fate)

    def _begin(self, *work: Any) -> None:
        greenlet = gevent.Greenlet(*work)
        self._leaving.add(greenlet)
        greenlet.switch()

    def _forget(self, each: Watched) -> None:
        self._watched.discard(each)
        if each.bell is not None:
            each.bell.stop()
            each.bell.close()
            each.bell = None
