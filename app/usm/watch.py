"""Waiting for changes: a hint wakes, and only a real difference between source and device ends the wait.

At the start all folders are looked at twice, by one call whatever their number: parking probes them, so that every
later look has something to compare with, and they are listed, to be compared with what the device holds. A change
before the listing is in it; a later one makes the next look differ from the probe, which is no newer: the source sees
to that (:meth:`app.usm.ports.DataSource.survey_unless`), as nobody promises that what is asked for in one call is
carried out in its order. So nothing that happens since the device's last Sync is missed. An answer that is the same as
one to which that was done already need not even be read (:mod:`app.usm.compared`). Less would not do:

* What the user's watcher remembers of a look before is no substitute for the probe. A message that was read, brought to
  the device as such, and marked as unread since, looks then as it did in that look, and the device holds another state.
* A probe that equals an earlier one is no substitute for the listing: of mail it shows neither all flags nor colours,
  and items leave the device's time span without any change of theirs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime

from app.usm import anew, brakes, decide, quiet, window
from app.usm.compared import Compared, Pairs
from app.usm.errors import FolderGone, SourceUnavailable
from app.usm.journal import Record
from app.usm.model import FolderRef, Listing, SessionId, UsmSettings, WatchOutcome, WatchResult
from app.usm.ports import Clock, DataSource, Glance, StateStore, Steps, Survey, Waiter, Wish


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
    """What is asked of the source while parking: the listings of the wishes besides what the waiting room wants.
    ``survey``: what came of it, ``None`` where the answer is known to hold what the device holds."""

    def __init__(
        self, source: DataSource, wishes: Sequence[Wish], others: Sequence[FolderRef], pairs: Pairs
    ) -> None:
        self._source = source
        self._others = others
        self.wishes = wishes
        self.pairs = pairs
        self.survey: Survey | None = None

    def look(self) -> Mapping[str, str]:
        """For the waiting room."""
        self.survey = self._source.survey_unless(self.wishes, self._others, self.pairs.is_known)
        return self.pairs.texts if self.survey is None else self.survey.texts


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
        compared: Compared,
        since: Mapping[int, datetime | None],
        conversations: Collection[int] = (),
    ) -> None:
        self._session = session
        self._source = source
        self._store = store
        self._waiter = waiter
        self._clock = clock
        self._settings = settings
        self._compared = compared
        self._since = since
        self._conversations = conversations

    def run(
        self,
        folders: Sequence[FolderRef],
        seconds: float,
        glances: Mapping[int, Glance],
        told: Collection[int] = (),
    ) -> Steps[WatchResult]:
        """Wait at most so long. Raises ``SourceUnavailable`` only if the source fails right at the start.

        ``glances``: of the folders that were begun, what is kept of them. ``told``: numbers of folders that the device
        was told of already; only what is new in them counts.
        """
        end = self._clock.monotonic() + seconds
        # Folders never synchronised are left out: iOS asks for them all the same.
        known = [folder for folder in folders if folder.number in glances]
        first = _FirstLook(
            self._source,
            self._wishes(known, told),
            [each for each in known if each.number in told],
            self._compared.of(self._session, list(glances.items())),
        )
        try:
            with self._waiter.park(self._session, self._source, known, seconds, first.look) as ticket:
                suspects = self._suspects(first, glances)
                del glances, first  # not to be kept while waiting
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

    def _suspects(self, first: _FirstLook, glances: Mapping[int, Glance]) -> list[FolderRef]:
        """The folders of which the device lacked something at the first look."""
        if first.survey is None:
            return []
        wishes, listings = first.wishes, first.survey.listings
        held = {wish.folder.number: glances[wish.folder.number].stamps for wish in wishes}
        suspects = self._lacking(wishes, listings, held)
        if not suspects:
            most = self._settings.max_objects
            seen = (
                (held[wish.folder.number], window.bounded(listing, most))
                for wish, listing in zip(wishes, listings, strict=True)
            )
            quiet.remember(first.pairs, first.survey.tag, seen, first.survey.texts)
        return suspects

    def _held(self, folders: Sequence[FolderRef]) -> Mapping[int, Mapping[str, str]]:
        """What the device holds now of those that were begun, by number."""
        return self._store.newest(self._session, [folder.number for folder in folders])

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
            return self._changed(folders, self._held(folders))
        except SourceUnavailable:
            return list(folders)
