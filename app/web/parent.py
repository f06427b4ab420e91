"""The parent process of the workers: gunicorn's arbiter, with three habits of its own.

* It keeps the addresses for the workers without listening itself; see :mod:`app.web.worker`.
* A worker that is told to end while it starts does so. Between the fork and its own handlers a signal would be lost,
  and the parent would wait in vain for the whole graceful timeout, as after ``HUP`` with ``TERM`` right behind it.
* When the whole service ends, it leaves a note for the workers.
"""

from __future__ import annotations

import errno
import signal
import socket
import sys
import time
from typing import Any, Final

from gunicorn import util
from gunicorn.arbiter import Arbiter
from gunicorn.sock import TCP6Socket, TCPSocket

TRIES: Final = 5
"""An address may still be in use by a service that is just ending: it is tried again so often, once a second."""


class HeldBack:
    """Signals that wait until somebody can hear them."""

    def __init__(self, *numbers: signal.Signals) -> None:
        self._numbers = numbers

    def hold(self) -> None:
        """From now on, in this process and in those it makes."""
        signal.pthread_sigmask(signal.SIG_BLOCK, self._numbers)

    def release(self) -> None:
        """What has come since arrives now."""
        signal.pthread_sigmask(signal.SIG_UNBLOCK, self._numbers)


ENDS: Final = HeldBack(signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)


class Parent(Arbiter):  # type: ignore[misc]  # gunicorn has no types
    """See the module. ``app`` must have a method ``note_end``."""

    def start(self) -> None:
        """Keep the addresses, then as gunicorn does. Ends the process when one is taken."""
        if not self.LISTENERS and not self.master_pid:
            self.LISTENERS: list[TCPSocket] = [_keep(address, self) for address in self.cfg.address]
        super().start()

    def spawn_worker(self) -> Any:
        """Start one worker; it hears of its end from the first moment."""
        ENDS.hold()
        try:
            return super().spawn_worker()
        finally:
            ENDS.release()

    def stop(self, graceful: bool = True) -> None:
        """End all workers."""
        self.app.note_end()
        super().stop(graceful)


def _keep(address: tuple[str, int], parent: Parent) -> TCPSocket:
    kind = _Kept6 if util.is_ipv6(address[0]) else _Kept
    for left in range(TRIES, 0, -1):
        try:
            return kind(address, parent.cfg, parent.log)
        except OSError as error:
            where = f"{address[0]}:{address[1]}"
            if error.errno != errno.EADDRINUSE or left == 1:
                parent.log.error("cannot listen at %s: %s", where, error.strerror)
                sys.exit(1)
            parent.log.warning("%s is in use by another process; trying again", where)
            time.sleep(1)
    raise AssertionError("not reached")


class _Kept(TCPSocket):  # type: ignore[misc]
    """An address that is kept, without listening at it."""

    def set_options(self, sock: socket.socket, bound: bool = False) -> socket.socket:
        """As gunicorn does, but for the last step."""
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.bind(sock)
        sock.setblocking(False)
        sock.set_inheritable(True)
        return sock


class _Kept6(_Kept, TCP6Socket):  # type: ignore[misc]
    """The same for IPv6."""
