"""Devices that ask too much, as the workers of one node count them (:mod:`app.eas.throttle`).

Each worker writes what it counts into a file of a folder that all workers of the node share, every :data:`EVERY`
seconds, and whoever asks reads the files of all. What a worker wrote that has ended grows old and is passed over. Other
nodes have their own.
"""

from __future__ import annotations

import json
import logging
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from app.eas.throttle import Load
from app.usm.model import SessionId

_log = logging.getLogger(__name__)

EVERY: Final = 10.0
"""Seconds between two reports of a worker."""
OLD: Final = 45.0
"""Seconds after which a report counts no more."""
MOST: Final = 50
"""Devices of a report."""
LEAST: Final = 30
"""Requests within a span, at all workers, that are worth a word."""


class Storms:
    """``busiest``: what this worker counts; ``folder``: where all workers of the node report, ``None`` where there is
    but this one."""

    def __init__(
        self,
        busiest: Callable[[int], Sequence[Load]],
        folder: Path | None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._busiest = busiest
        self._folder = folder
        self._now = now

    def start(self) -> None:
        """Report from now on, for as long as the process lives."""
        if self._folder is None:
            return
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            _log.warning("workers do not hear which devices ask most: %s: %s", self._folder, error)
            return
        threading.Thread(target=self._run, name="storms", daemon=True).start()

    def rows(self) -> list[Load]:
        """The devices that ask most, by all workers of this node, those that were refused before all others."""
        found: dict[SessionId, Load] = {}
        for load in self._busiest(MOST) if self._folder is None else self._reported(self._folder):
            known = found.get(load.session, Load(load.session, 0, 0, 0))
            found[load.session] = Load(
                load.session,
                known.requests + load.requests,
                known.repeats + load.repeats,
                known.refused + load.refused,
            )
        loud = [each for each in found.values() if each.refused or each.requests >= LEAST]
        return sorted(loud, key=lambda each: (-each.refused, -each.requests))[:MOST]

    def report(self) -> None:
        """Write down what this worker counts now."""
        if self._folder is None:
            return
        path = self._folder / f"{os.getpid()}.json"
        rows = [
            [*_parts(load.session), load.requests, load.repeats, load.refused] for load in self._busiest(MOST)
        ]
        if not rows:
            path.unlink(missing_ok=True)
            return
        with tempfile.NamedTemporaryFile("w", dir=self._folder, delete=False, encoding="utf-8") as file:
            json.dump({"at": self._now(), "rows": rows}, file)
        Path(file.name).replace(path)

    def _reported(self, folder: Path) -> Iterator[Load]:
        for path in folder.glob("*.json"):
            try:
                report: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            except (OSError, ValueError):
                continue  # its worker ends, or has just begun
            if self._now() - report["at"] < OLD:
                for row in report["rows"]:
                    yield Load(SessionId(*row[:4]), *row[4:])

    def _run(self) -> None:
        pause = threading.Event()
        while True:
            pause.wait(EVERY)
            try:
                self.report()
            except Exception:  # noqa: BLE001  (the thread must live on for the next report)
                _log.exception("reporting which devices ask most failed")


def _parts(session: SessionId) -> list[int | str]:
    return [session.context_id, session.user_id, session.protocol, session.device_id]
