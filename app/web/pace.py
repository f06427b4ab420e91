"""How slowly a body may come: a client that sends a byte now and then would keep its place for ever.

The head of a request, and the pause before it, are bounded by gunicorn itself (:data:`app.web.server.KEEPALIVE`); who
sends nothing at all is let go by the worker. Here is what lies between: a body must come within :data:`GRACE` seconds,
and for each :data:`RATE` bytes of it that are there it may take a second more, up to :data:`LONGEST`. That is less than
the worst line of a phone gives.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, Final, Protocol

import gevent

from app.web.body import BodyTooSlow

GRACE: Final = 60.0
RATE: Final = 500
LONGEST: Final = 1800.0


class Body(Protocol):
    """What WSGI (PEP 3333) calls ``wsgi.input``."""

    def read(self, size: int = -1, /) -> bytes:
        """At most so many bytes, all of them without a size."""
        ...

    def readline(self, size: int = -1, /) -> bytes:
        """A line, or its beginning."""
        ...


class Paced:
    """A body that is given up when it comes too slowly: whoever reads it gets ``BodyTooSlow``. For greenlets."""

    def __init__(self, body: Body, clock: Callable[[], float] = time.monotonic) -> None:
        self._body = body
        self._clock = clock
        self._began: float | None = None
        self._taken = 0

    def read(self, size: int = -1) -> bytes:
        """See :class:`Body`."""
        return self._within(self._body.read, size)

    def readline(self, size: int = -1) -> bytes:
        """See :class:`Body`."""
        return self._within(self._body.readline, size)

    def readlines(self, hint: int = -1) -> list[bytes]:
        """All lines that are left."""
        return list(self)

    def __iter__(self) -> Iterator[bytes]:
        while line := self.readline():
            yield line

    def _within(self, take: Callable[[int], bytes], size: int) -> bytes:
        now = self._clock()
        began = self._began = now if self._began is None else self._began
        left = min(GRACE + self._taken / RATE, LONGEST) - (now - began)
        data: bytes | None = None
        if left > 0:
            with gevent.Timeout(left, False):
                data = take(size)
        if data is None:
            raise BodyTooSlow(f"{self._taken} bytes came in {self._clock() - began:.0f} seconds")
        self._taken += len(data)
        return data


def paced(environ: dict[str, Any]) -> None:
    """Bound the body of a request, if there is one."""
    if environ.get("CONTENT_LENGTH") not in (None, "", "0") or "HTTP_TRANSFER_ENCODING" in environ:
        environ["wsgi.input"] = Paced(environ["wsgi.input"])
