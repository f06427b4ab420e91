"""One holder at a time, over threads, processes and nodes.

Rules:

* A holder that dies lets go at once: MariaDB frees a named lock with its connection, the kernel frees a file lock
  with its process. Nothing is written that somebody would have to clean up.
* Whoever waits too long gets ``Busy``; a waiter lets other greenlets run.
* Locks are not re-entrant.

MariaDB knows lock names server-wide, over all schemas: they hold the schema's name, and are hashed, since 64 characters
are all it takes. Nodes of a Galera cluster do not share named locks; there the check of the store at each write
(:mod:`app.store.state`) is what keeps two writers apart.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Final, Protocol

from sqlalchemy import Engine
from sqlalchemy.pool import PoolProxiedConnection

from app.store.errors import translated
from app.store.reading import connected, execute
from app.usm.errors import Busy, StoreUnavailable

_PAUSES: Final = (0.002, 0.005, 0.01, 0.02)
"""Seconds between tries; the last one repeats."""


class Locker(Protocol):
    """Holds named locks."""

    def hold(self, name: str, seconds: float) -> AbstractContextManager[None]:
        """Hold the lock of this name. Raises ``Busy`` after waiting for ``seconds``, and ``StoreUnavailable``."""
        ...

    def close(self) -> None:
        """Let go of connections and files that nobody uses."""
        ...


def digest(name: str) -> str:
    """A name as 64 hexadecimal digits."""
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()


def _busy(seconds: float) -> Busy:
    return Busy(f"another request holds this folder and did not finish within {seconds:g} seconds")


def _poll(take: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    tries = 0
    while not take():
        if time.monotonic() >= deadline:
            raise _busy(seconds)
        time.sleep(_PAUSES[min(tries, len(_PAUSES) - 1)])
        tries += 1


class MemoryLocker:
    """Locks inside one process, for a database that lives in its memory."""

    def __init__(self) -> None:
        self._held: set[str] = set()
        self._guard = threading.Lock()

    def _take(self, name: str) -> bool:
        with self._guard:
            if name in self._held:
                return False
            self._held.add(name)
            return True

    @contextmanager
    def hold(self, name: str, seconds: float) -> Iterator[None]:
        """See :class:`Locker`."""
        _poll(lambda: self._take(name), seconds)
        try:
            yield
        finally:
            with self._guard:
                self._held.discard(name)

    def close(self) -> None:
        """Nothing to let go of."""


class FileLocker:
    """Locks between the processes of one machine: a byte of one file for each name.

    The locks belong to the open file (Linux: ``F_OFD_SETLK``) and not to the process, so they also keep the
    greenlets of one process apart. The byte lies at an offset of 62 bits; the file itself stays empty.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def hold(self, name: str, seconds: float) -> Iterator[None]:
        """See :class:`Locker`."""
        offset = int(digest(name)[:16], 16) >> 2
        request = struct.pack("hhqqi0q", fcntl.F_WRLCK, os.SEEK_SET, offset, 1, 0)
        try:
            handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreUnavailable(f"lock file {self._path}: {error.strerror}") from error
        try:
            _poll(lambda: self._take(handle, request), seconds)
            yield
        finally:
            os.close(handle)

    def _take(self, handle: int, request: bytes) -> bool:
        try:
            fcntl.fcntl(handle, fcntl.F_OFD_SETLK, request)
        except BlockingIOError:
            return False
        except OSError as error:
            raise StoreUnavailable(f"lock file {self._path}: {error.strerror}") from error
        return True

    def close(self) -> None:
        """Nothing to let go of."""


class MariaDbLocker:
    """Named locks of a MariaDB or MySQL server, each held by a connection of its own."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @contextmanager
    def hold(self, name: str, seconds: float) -> Iterator[None]:
        """See :class:`Locker`."""
        lock = f"usm:{digest(name)[:56]}"
        with translated("lock"):
            connection = connected(self._engine)
        try:
            self._take(connection, lock, seconds)
            try:
                yield
            finally:
                self._release(connection, lock)
        finally:
            connection.close()

    def _take(self, connection: PoolProxiedConnection, lock: str, seconds: float) -> None:
        # Whatever goes wrong, the connection goes too: it may still be waiting over there, and get the lock later.
        with translated("lock"):
            taken = execute(self._engine, connection, "SELECT GET_LOCK(%s, %s)", (lock, seconds))[0][0]
        if taken is None:
            raise StoreUnavailable("lock: the server ended the wait for it")
        if not taken:
            raise _busy(seconds)

    def _release(self, connection: PoolProxiedConnection, lock: str) -> None:
        # A lost connection has let go of the lock already; what was done under it is done.
        with suppress(StoreUnavailable), translated("lock"):
            execute(self._engine, connection, "DO RELEASE_LOCK(%s)", (lock,))

    def close(self) -> None:
        """Close the connections that hold no lock."""
        self._engine.dispose()
