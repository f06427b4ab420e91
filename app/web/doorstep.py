"""Refusals at the doorstep: a request that would only be refused for overload never gets as far as the application.

Under a storm a worker refuses many times as many requests as it answers, and each refusal takes from the answers what
it costs. So a request is refused at the first of these places where it can be:

1. Here, *before it is parsed* (:meth:`Doorstep.meet`): what a connection has sent is looked at, not read. The line of
   the user is told by the ``Authorization`` header, and the rule of :mod:`app.web.admission` says whether there is room
   in it. If not, the request is taken off the connection, body and all, and answered; the connection goes on, and its
   next request is met in the same way. No greenlet is needed for any of that: :mod:`app.web.watch`.
2. Here, *after its head was parsed* (:meth:`Doorstep.refuse`): on connections that had a greenlet already when it
   became too much. They end with the refusal, and what comes next is met on a new one.
3. In the line (:meth:`app.web.resource.Door.admit`): who waited for too long, or has to make room.

While a worker is not crowded, nothing of this is done. Nobody is refused here whom the rule would let in; whatever is
unusual about a request (a part of its head is still to come, no credentials, another path) goes on as ever.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from contextlib import closing, suppress
from enum import Enum, auto
from typing import Any, Final, NamedTuple, Protocol

import gevent

LOOK: Final = 8192
"""Bytes of a request that are looked at. A larger one is refused with the end of its connection."""

DIGITS: Final = 9
"""Of a length that is worth reading."""

LINGER: Final = 2.0
"""Seconds that a client may take to hear that its connection ends. If it were closed with something unread, the client
would see a reset instead of the answer."""

_FIELDS: Final = re.compile(
    rb"\r\n(authorization|connection|content-length|transfer-encoding):[ \t]*([^\r\n]*)", re.IGNORECASE
)


class Guard(Protocol):
    """Who decides: :class:`app.web.resource.Door`."""

    @property
    def is_crowded(self) -> bool:
        """Whether it is worth asking."""
        ...

    def refuse(self, authorization: str) -> int | None:
        """Refuse a request, if it must be: seconds until it may come again."""
        ...


class Seen(NamedTuple):
    """What is seen of a request that is still to be read. ``size``: its bytes, if all of them are there beyond doubt,
    otherwise 0; ``goes_on``: whether its connection may be used again."""

    path: bytes
    authorization: str
    size: int
    goes_on: bool


class Fate(Enum):
    """What becomes of a connection."""

    STAYS = auto()
    """It has no request now, and may have another one."""
    COMES_IN = auto()
    """What it has is not refused here."""
    ENDS = auto()
    """It can be closed."""


def seen(raw: bytes) -> Seen | None:
    """The request at the start of ``raw``; ``None`` if its head is not whole."""
    end = raw.find(b"\r\n\r\n")
    if end < 0:
        return None
    method, _, rest = raw[: raw.find(b"\r\n")].partition(b" ")
    target, _, version = rest.partition(b" ")
    found = _FIELDS.findall(raw, 0, end)
    fields = {name.lower(): value for name, value in found}
    length = fields.get(b"content-length", b"")
    size = 0
    if (
        method == b"POST"
        and length.isdigit()
        and len(length) <= DIGITS
        and len(found) == len(fields)
        and b"transfer-encoding" not in fields
    ):
        size = end + 4 + int(length)
    return Seen(
        target.partition(b"?")[0],
        fields.get(b"authorization", b"").decode("latin-1"),
        size if size <= len(raw) else 0,
        version == b"HTTP/1.1" and b"close" not in fields.get(b"connection", b"").lower(),
    )


def answer(later: int, goes_on: bool) -> bytes:
    """A refusal as it is sent."""
    end = "" if goes_on else "Connection: close\r\n"
    return (
        f"HTTP/1.1 503 Service Unavailable\r\nRetry-After: {later}\r\n{end}Content-Length: 0\r\n\r\n".encode()
    )


class Doorstep:
    """Of the listener for devices. Only requests for the path ``alias`` are refused."""

    def __init__(self, alias: str, guard: Guard) -> None:
        self._alias = alias.encode()
        self._guard = guard

    @property
    def is_crowded(self) -> bool:
        """Whether it is worth looking."""
        return self._guard.is_crowded

    def meet(self, connection: Any, is_ending: Callable[[], bool]) -> Fate | bytes:
        """Look at what a connection has, and refuse it if it must be: what becomes of the connection. Bytes, perhaps
        none: these are to be sent before it is seen off. Waits for nothing if the connection does not."""
        try:
            raw = connection.recv(LOOK, socket.MSG_PEEK)
            if not raw:
                return Fate.ENDS
            if not self._guard.is_crowded:
                return Fate.COMES_IN
            head = seen(raw)
            if head is None or (later := self._later(head)) is None:
                return Fate.COMES_IN
            return self._take(connection, head, later, is_ending())
        except BlockingIOError:
            return Fate.STAYS
        except OSError:
            return Fate.ENDS

    def _later(self, head: Seen) -> int | None:
        """Seconds until a request may come again; ``None`` if it is not refused."""
        return self._guard.refuse(head.authorization) if head.path == self._alias else None

    @staticmethod
    def _take(connection: Any, head: Seen, later: int, is_ending: bool) -> Fate | bytes:
        """Take a request off its connection and answer it."""
        goes_on = head.goes_on and head.size > 0 and not is_ending
        if head.size:
            connection.recv(head.size)
        text = answer(later, goes_on)
        try:
            rest = text[connection.send(text) :]
        except BlockingIOError:
            rest = text
        if rest or not head.size:
            return rest
        return Fate.STAYS if goes_on else Fate.ENDS

    def refuse(self, connection: Any, request: Any) -> bool:
        """Refuse a request that gunicorn has parsed, if it must be: True, and the connection can be closed. Raises
        ``OSError``."""
        if not self._guard.is_crowded or request.path.encode() != self._alias:
            return False
        headers = dict(request.headers)
        later = self._guard.refuse(headers.get("AUTHORIZATION", ""))
        if later is None:
            return False
        connection.sendall(answer(later, False))
        linger(connection)
        return True


def see_off(connection: Any, rest: bytes) -> None:
    """Send the last bytes to a connection, and close it."""
    with suppress(OSError), closing(connection):
        connection.settimeout(LINGER)
        connection.sendall(rest)
        linger(connection)


def linger(connection: Any) -> None:
    """Let the client hear the last answer before its connection is closed."""
    with suppress(OSError), gevent.Timeout(LINGER, False):
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(LOOK):
            pass
