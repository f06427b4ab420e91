"""Waiting devices hear of what an administrator decided about them, on whichever node and by whichever program.

While requests are parked in this process, the database is asked every few seconds of which devices something was
decided lately: one small statement a schema, however many devices wait. Nothing is asked while nobody waits.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from app.notify.hub import Hub
from app.usm.errors import UsmError
from app.usm.model import SessionId

_log = logging.getLogger(__name__)

MARGIN: Final = timedelta(seconds=60)
"""How far back a look goes beyond the one before: a decision is dated before it can be seen, and clocks differ."""

Decided = Callable[[Collection[int], datetime], Sequence[tuple[SessionId, datetime]]]
"""Of which devices of these contexts something was decided since a moment, and when."""


class Summons:
    """``interval``: seconds between two looks."""

    def __init__(self, hub: Hub, decided: Decided, interval: float) -> None:
        self._hub = hub
        self._decided = decided
        self._interval = interval
        self._since = hub.clock.now() - MARGIN
        self._some = threading.Event()
        self._guard = threading.Lock()
        self._started = False

    def parked(self, count: int) -> None:
        """So many requests are parked now."""
        if not count:
            self._some.clear()
            return
        self._some.set()
        with self._guard:
            started, self._started = self._started, True
        if not started:
            threading.Thread(target=self._run, name="summons", daemon=True).start()

    def look(self) -> None:
        """Summon whoever is concerned. Raises nothing for a database that does not answer: the next look goes further
        back."""
        now = self._hub.clock.now()
        try:
            self._hub.summon_parked(self._news)
        except UsmError as error:
            _log.info("waiting devices do not hear now what was decided about them: %s", error)
        else:
            self._since = now - MARGIN

    def _news(self, contexts: Collection[int]) -> Iterable[tuple[SessionId, float]]:
        return [(session, moment.timestamp()) for session, moment in self._decided(contexts, self._since)]

    def _run(self) -> None:
        pause = threading.Event()
        while True:
            pause.wait(self._interval)
            self._some.wait()
            try:
                self.look()
            except Exception:  # noqa: BLE001  (the thread must live on for the next look)
                _log.exception("looking for what was decided about waiting devices failed")
