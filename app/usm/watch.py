"""Waiting for changes: a hint wakes, and only a real difference between source and device ends the wait.

At the start all folders are looked at twice, by one call whatever their number: parking probes them, so that every
later look has something to compare with, and they are listed, to be compared with what the device holds. A change
before the listing is in it; a later one makes the next look differ from the probe, which is no newer: the source sees
to that (:meth:`app.usm.ports.DataSource.survey`), as nobody promises that what is asked for in one call is carried out
in its order. So nothing that happens since the device's last Sync is missed. Less would not do:

* What the user's watcher remembers of a look before is no substitute for the probe. A message that was read, brought to
  the device as such, and marked as unread since, looks then as it did in that look, and the device holds another state.
* A probe that equals an earlier one is no substitute for the listing: of mail it shows neither all flags nor colours,
  and items leave the device's time span without any change of theirs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime

from app.usm import anew, brakes, decide, window
from app.usm.errors import FolderGone, SourceUnavailable
from app.usm.journal import Record
from app.usm.model import FolderRef, Listing, SessionId, UsmSettings, WatchOutcome, WatchResult
from app.usm.ports import Clock, DataSource, StateStore, Steps, Waiter, Wish


def lacking(
    session: SessionId,
    folder: int,
    held: Mapping[str, str],
    listing: Listing,
    store: StateStore,
    settings: UsmSettings,
    now: int,
) -> Iterator[object]:
    """One for each change that a device lacks which holds this of a folder. ``now``: seconds since 1970."""
    if anew.is_ordered(held):
        return iter((folder,))  # the device comes, and hears of it
    if brakes.is_sudden(held, listing, settings):
        emptied = Record.loads(store.journal(session, folder)).emptied
        if not emptied:
            return iter((folder,))  # the device comes, and it is noted
        if now < emptied + brakes.EMPTY:
            return iter(())
    return decide.pending(held, window.bounded(listing, settings.max_objects), now)


class _FirstLook:
    """What is asked of the source while parking: the listings of the wishes besides what the waiting room wants."""

    def __init__(self, source: DataSource, wishes: Sequence[Wish], others: Sequence[FolderRef]) -> None:
        self._source = source
        self._others = others
        self._listings: Sequence[Listing] = ()
        self.wishes = wishes

    def look(self) -> Mapping[str, str]:
        """For the waiting room."""
        survey = self._source.survey(self.wishes, self._others)
        self._listings = survey.listings
        return survey.texts

    def listings(self) -> Sequence[Listing]:
        """Of the wishes; once, as they are not to be kept while waiting."""
        found, self._listings = self._listings, ()
        return found


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
        self,
        folders: Sequence[FolderRef],
        seconds: float,
        held: Mapping[int, Mapping[str, str]],
        told: Collection[int] = (),
    ) -> Steps[WatchResult]:
        """Wait at most so long. Raises ``SourceUnavailable`` only if the source fails right at the start.

        ``held``: of the folders that were begun, what the device holds, as :meth:`held` tells it. ``told``: numbers of
        folders that the device was told of already; only what is new in them counts.
        """
        end = self._clock.monotonic() + seconds
        # Folders never synchronised are left out: iOS asks for them all the same.
        known = [folder for folder in folders if folder.number in held]
        first = _FirstLook(
            self._source, self._wishes(known, told), [each for each in known if each.number in told]
        )
        try:
            with self._waiter.park(self._session, self._source, known, seconds, first.look) as ticket:
                suspects = self._lacking(first.wishes, first.listings(), held)
                del held, first  # not to be kept while waiting
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

    def held(self, folders: Sequence[FolderRef]) -> dict[int, Mapping[str, str]]:
        """What the device holds now of those that were begun, by number."""
        return dict(self._store.newest(self._session, [folder.number for folder in folders]))

    def _wishes(self, folders: Sequence[FolderRef], without: Collection[int] = ()) -> list[Wish]:
        return [
            Wish(folder, self._since.get(folder.number), folder.number in self._conversations)
            for folder in folders
            if folder.number not in without
        ]

    def _changed(
        self, folders: Sequence[FolderRef], held: Mapping[int, Mapping[str, str]]
    ) -> list[FolderRef]:
        """Those of which the device, which holds this, lacks anything."""
        wishes = self._wishes([folder for folder in folders if folder.number in held])
        return self._lacking(wishes, self._source.listings(wishes), held) if wishes else []

    def _lacking(
        self, wishes: Sequence[Wish], listings: Sequence[Listing], held: Mapping[int, Mapping[str, str]]
    ) -> list[FolderRef]:
        """The folders of these wishes of which the device, which holds this, lacks anything that is listed."""
        now = int(self._clock.now().timestamp())
        return [
            wish.folder
            for wish, listing in zip(wishes, listings, strict=True)
            if self._lacks(wish.folder.number, held[wish.folder.number], listing, now)
        ]

    def _lacks(self, folder: int, held: Mapping[str, str], listing: Listing, now: int) -> bool:
        return any(
            True for _ in lacking(self._session, folder, held, listing, self._store, self._settings, now)
        )

    def _confirmed(self, folders: Sequence[FolderRef]) -> list[FolderRef]:
        """The hinted folders that really differ. If the source cannot be asked, the hint counts: the device's
        own request then gets the clear answer, and nothing is overlooked."""
        try:
            return self._changed(folders, self.held(folders))
        except SourceUnavailable:
            return list(folders)
