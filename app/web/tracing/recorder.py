"""Which traces are on, and the ear by which a recording hears what is logged of its request.

The database is asked every few seconds, by a thread that begins with the first request: one small statement, whatever
is traced. A trace that was switched on is seen by all workers of all nodes after that time, and ends by itself.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from app.usm.errors import UsmError
from app.usm.ports import Clock
from app.web.tracing.files import TraceFiles
from app.web.tracing.recording import Recording, current

if TYPE_CHECKING:
    from app.store.traces import Switch

_log = logging.getLogger(__name__)

INTERVAL: Final = 5.0
"""Seconds between two looks."""
TIDY: Final = 3600.0
"""Seconds between two looks for old files."""


class Recorder:
    """``running``: the traces that are on; may raise ``StoreUnavailable``, and is asked again later. ``is_plain``:
    whether the id of a folder or an item tells nothing that a user has thought up."""

    def __init__(
        self,
        running: Callable[[], Sequence[Switch]],
        files: TraceFiles,
        clock: Clock,
        interval: float = INTERVAL,
        is_plain: Callable[[str], bool] = str.isdigit,
    ) -> None:
        self._running = running
        self._files = files
        self._clock = clock
        self._interval = interval
        self._is_plain = is_plain
        self._switches: tuple[Switch, ...] = ()
        self._started = False
        self._guard = threading.Lock()
        self._ended = threading.Event()
        self._tidied: float | None = None
        _ear.listen()

    def begin(self, request_id: str) -> Recording | None:
        """What notes the events of a request that begins now; ``None`` while no trace is on."""
        if not self._started:
            self._start()
        if not self._switches:
            return None
        now = self._clock.now()
        wanted = [each for each in self._switches if each.ends > now]
        if not wanted:
            return None
        return Recording(request_id, wanted, self._files, self._clock, self._is_plain)

    def look(self) -> None:
        """Look for traces once. Raises nothing for a database that does not answer: what is on goes on."""
        try:
            self._switches = tuple(self._running())
        except UsmError as error:
            _log.info("whether anybody is to be traced is not known now: %s", error)
        now = self._clock.monotonic()
        if self._tidied is None or now - self._tidied > TIDY:
            self._tidied = now
            self._files.remove_old()

    def close(self) -> None:
        """Look no more."""
        self._ended.set()

    def _start(self) -> None:
        with self._guard:
            started, self._started = self._started, True
        if not started:
            threading.Thread(target=self._run, name="traces", daemon=True).start()

    def _run(self) -> None:
        while not self._ended.wait(self._interval):
            try:
                self.look()
            except Exception:  # noqa: BLE001  (the thread must live on for the next look)
                _log.exception("looking for traces failed")


class _Ear(logging.Handler):
    """Hears the lines that are logged about a request that is recorded."""

    def emit(self, record: logging.LogRecord) -> None:
        recording = current.get()
        if recording is not None:
            recording.log(record)

    def listen(self) -> None:
        """Hear what the application logs, from now on."""
        logger = logging.getLogger("app")
        if self not in logger.handlers:
            logger.addHandler(self)


_ear = _Ear()
