"""A pool that keeps as many connections as a crowd of requests uses, and lets go of them when it is gone.

To open a connection costs a request several times what its statements cost, so none may be closed while others are
about to need it. Rules:

* Who asks gets the connection that was used last. So those that nobody needs any more stay without use, which tells.
* Whoever gives a connection back closes those without use for :data:`SPARE` seconds, but for a few. Where nobody asks
  anything, nothing is closed: there is no clock here.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, MutableMapping
from typing import Any, Final, cast

from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.util.queue import Queue

from app.store.tally import CountingPool

SPARE: Final = 30.0
"""Seconds without use after which a connection is closed."""
FEW: Final = 5
"""So many are kept whether they are used or not."""

_SWEEP: Final = 1.0
"""Seconds between two looks at what is not in use."""
_USED: Final = "usm_used"


def note_use(_connection: object, record: ConnectionPoolEntry) -> None:
    """A connection comes back: it was in use until now. For the event ``checkin``."""
    _info(record)[_USED] = time.monotonic()


def unused(record: ConnectionPoolEntry) -> float:
    """Seconds since a connection was given back; 0 for a new one."""
    used = _info(record).get(_USED)
    return 0.0 if used is None else time.monotonic() - used


def _info(record: ConnectionPoolEntry) -> MutableMapping[Any, Any]:
    return cast(MutableMapping[Any, Any], record.info)


class SparingPool(CountingPool):
    """The pool; made with ``use_lifo``, and with as many connections to keep as there may be."""

    _swept = 0.0

    def _do_return_conn(self, record: ConnectionPoolEntry) -> None:
        super()._do_return_conn(record)
        now = time.monotonic()
        if now - self._swept > _SWEEP:
            self._swept = now
            for spare in self._spares():
                try:
                    spare.close()
                finally:
                    self._dec_overflow()

    def _spares(self) -> Iterator[ConnectionPoolEntry]:
        """Taken out of the pool: those without use, the longest first."""
        idle = cast("Queue[ConnectionPoolEntry]", self._pool)
        while True:
            with idle.mutex:
                are_few = self.size() + self.overflow() <= FEW
                if are_few or not idle.queue or unused(idle.queue[0]) < SPARE:
                    return
                spare = idle.queue.popleft()
            yield spare
