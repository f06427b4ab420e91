"""Waiting for changes: a hint wakes, and only a real difference between source and device ends the wait."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from app.usm import brakes, decide, window
from app.usm.errors import FolderGone, SourceUnavailable
from app.usm.journal import Record
from app.usm.model import FolderRef, SessionId, UsmSettings, WatchOutcome, WatchResult
from app.usm.ports import Clock, DataSource, StateStore, Steps, Waiter


def differs(
    session: SessionId,
    folder: FolderRef,
    source: DataSource,
    store: StateStore,
    settings: UsmSettings,
    since: datetime | None,
    now: int,
    conversations: bool = False,
) -> bool:
    """Whether the device lacks anything of this folder. One that was never synchronised lacks nothing yet."""
    return count(session, folder, source, store, settings, since, now, conversations=conversations) > 0


def count(
    session: SessionId,
    folder: FolderRef,
    source: DataSource,
    store: StateStore,
    settings: UsmSettings,
    since: datetime | None,
    now: int,
    counter: int | None = None,
    conversations: bool = False,
) -> int:
    """How many changes the device lacks against one of its keys, by default the newest. ``now``: seconds since 1970;
    ``conversations``: see :meth:`app.usm.ports.DataSource.listing`."""
    number = folder.number
    held = store.newest(session, number) if counter is None else store.stamps(session, number, counter)
    if held is None:
        return 0
    listing = source.listing(folder, since, conversations)
    if brakes.is_sudden(held, listing, settings):
        emptied = Record.loads(store.journal(session, folder.number)).emptied
        if not emptied:
            return 1  # the device comes, and it is noted
        if now < emptied + brakes.EMPTY:
            return 0
    listing = window.bounded(listing, settings.max_objects)
    return sum(1 for _ in decide.pending(held, listing, now))


class Watch:
    """One wait of one device for some of its folders."""

    def __init__(
        self,
        session: SessionId,
        source: DataSource,
        store: StateStore,
        waiter: Waiter,
        clock: Clock,
        settings: UsmSettings,
        since: Mapping[int, datetime | None],
        conversations: Collection[int] = (),
    ) -> None:
        self._session = session
        self._source = source
        self._store = store
        self._waiter = waiter
        self._clock = clock
        self._settings = settings
        self._since = since
        self._conversations = conversations

    def run(
        self, folders: Sequence[FolderRef], seconds: float, told: Collection[int] = ()
    ) -> Steps[WatchResult]:
        """Wait at most so long. Raises ``SourceUnavailable`` only if the source fails right at the start.

        ``told``: numbers of folders that the device was told of already; only what is new in them counts.
        """
        end = self._clock.monotonic() + seconds
        # Folders never synchronised are left out: iOS asks for them all the same.
        begun = self._store.begun(self._session, [folder.number for folder in folders])
        known = [folder for folder in folders if folder.number in begun]
        with self._waiter.park(self._session, self._source, known, seconds) as ticket:
            try:
                suspects = self._changed([folder for folder in known if folder.number not in told])
                while not suspects:
                    if end <= self._clock.monotonic():
                        return WatchResult(WatchOutcome.TIMEOUT)
                    yield ticket
                    woken = ticket.wait(max(end - self._clock.monotonic(), 0.0))
                    if woken is None:
                        return WatchResult(WatchOutcome.SUPERSEDED)
                    if not woken:
                        return WatchResult(WatchOutcome.TIMEOUT)
                    suspects = self._confirmed([folder for folder in known if folder.id in woken])
            except FolderGone:
                return WatchResult(WatchOutcome.HIERARCHY)
        return WatchResult(WatchOutcome.CHANGED, tuple(folder.number for folder in suspects))

    def _changed(self, folders: Sequence[FolderRef]) -> list[FolderRef]:
        return [
            folder
            for folder in folders
            if differs(
                self._session,
                folder,
                self._source,
                self._store,
                self._settings,
                self._since.get(folder.number),
                int(self._clock.now().timestamp()),
                folder.number in self._conversations,
            )
        ]

    def _confirmed(self, folders: Sequence[FolderRef]) -> list[FolderRef]:
        """The hinted folders that really differ. If the source cannot be asked, the hint counts: the device's
        own request then gets the clear answer, and nothing is overlooked."""
        try:
            return self._changed(folders)
        except SourceUnavailable:
            return list(folders)
