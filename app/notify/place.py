"""One parked request's place in the waiting room: what it waits for, and what it has been told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from app.notify.timetable import Entry
from app.notify.waker import Waker
from app.usm.errors import UsmError
from app.usm.model import FolderRef, SessionId
from app.usm.ports import DataSource

if TYPE_CHECKING:
    from app.notify.hub import Hub


class Place:
    """The :class:`app.usm.ports.Ticket`. While it sleeps it is this object and an entry in the timetable."""

    __slots__ = (
        "_alarm",
        "_call",
        "_changed",
        "_error",
        "_hub",
        "_over",
        "_seen",
        "_superseded",
        "arrived",
        "end",
        "folders",
        "looked_from",
        "session",
        "source",
    )

    def __init__(
        self, session: SessionId, source: DataSource, folders: Sequence[FolderRef], end: float, hub: Hub
    ) -> None:
        self.session = session
        self.source = source
        self.folders = {folder.id: folder for folder in folders}
        self.end = end
        self.arrived = 0.0
        self.looked_from: float | None = None
        self._hub = hub
        self._call: Callable[[], None] | None = None
        self._alarm: Entry | None = None
        self._seen: dict[str, str | None] = {}
        self._changed: frozenset[str] = frozenset()
        self._over = False
        self._superseded = False
        self._error: UsmError | None = None

    def wait(self, seconds: float) -> frozenset[str] | None:
        """See :class:`app.usm.ports.Ticket`. Empty also when the wait ends before its time, as it does when the
        service stops. Raises what the source answered when it refused the user."""
        awake = threading.Event()
        self._sleep(awake.set, min(self.end, self._hub.clock.monotonic() + seconds))
        awake.wait()
        with self._hub.guard:
            changed, self._changed = self._changed, frozenset()
            if self._error is not None:
                raise self._error
            return None if self._superseded else changed

    def when_awake(self, call: Callable[[], None]) -> None:
        """See :class:`app.usm.ports.Ticket`; the hub's lock is held during the call, unless it comes at once."""
        self._sleep(call, self.end)

    def compare(self, looked_at: Sequence[FolderRef], texts: Mapping[str, str], started: float) -> None:
        """Take in the outcome of a look; the hub's lock is held. A look older than the place's own is no news."""
        if self.looked_from is None or started < self.looked_from:
            return
        for folder in looked_at:
            if folder.id in self.folders and self._seen.get(folder.id) != texts.get(folder.id):
                self._seen[folder.id] = texts.get(folder.id)
                self._wake({folder.id}, Waker.POLL)

    def begin(self, texts: Mapping[str, str], started: float) -> None:
        """Take in the look made while parking; the hub's lock is held. A folder it does not find is worth a check."""
        self.looked_from = started
        self._seen = {folder: texts.get(folder) for folder in self.folders}
        missing = {folder for folder, text in self._seen.items() if text is None}
        if missing:
            self._wake(missing, Waker.POLL)

    def announce(self, folders: Sequence[str], source: Waker) -> None:
        """Somebody says that these changed; the hub's lock is held."""
        mine = {folder for folder in folders if folder in self.folders}
        if mine:
            self._wake(mine, source)

    def finish(self, source: Waker, error: UsmError | None = None) -> None:
        """End the wait at once; the hub's lock is held."""
        self._over = True
        self._error = error
        self._superseded = source in (Waker.SUPERSEDED, Waker.ADMINISTRATOR)
        self._rouse(source)

    def leave(self) -> None:
        """Nobody waits here any more; the hub's lock is held."""
        self._got_up()

    def _sleep(self, call: Callable[[], None], end: float) -> None:
        with self._hub.guard:
            asleep = not self._changed and not self._over and end > self._hub.clock.monotonic()
            if asleep:
                self._call = call
                self._alarm = self._hub.timetable.at(end, self._ended)
                self._hub.count(+1)
        if not asleep:
            call()

    def _wake(self, folders: set[str], source: Waker) -> None:
        self._changed |= folders
        self._rouse(source)

    def _ended(self) -> None:
        self._rouse(Waker.END)

    def _rouse(self, source: Waker) -> None:
        if (call := self._got_up()) is not None:
            self._hub.woken(source)
            call()

    def _got_up(self) -> Callable[[], None] | None:
        """Whom to call; ``None`` if it did not sleep."""
        call, self._call = self._call, None
        if call is not None and self._alarm is not None:
            self._hub.timetable.cancel(self._alarm)
            self._alarm = None
            self._hub.count(-1)
        return call
