"""Who looks after the folders of a user with parked requests, and the few threads that do the looking."""

from __future__ import annotations

import logging
import math
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from app.notify.bus import Look
from app.notify.place import Place
from app.notify.plan import EARLY, Plan
from app.notify.timetable import Entry
from app.notify.waker import Waker
from app.usm.errors import AccessDenied, NotEnabled, UsmError
from app.usm.model import ContentType, FolderRef

if TYPE_CHECKING:
    from app.notify.hub import Hub

_log = logging.getLogger(__name__)

UserKey = tuple[int, int]
"""Context id and user id."""

MEMORY: Final = 3600.0
"""Seconds for which other processes count as watching the same user after they were last heard of."""


class NotNow(Exception):
    """The source is not to be looked at before the moment ``until``."""

    def __init__(self, until: float) -> None:
        super().__init__(until)
        self.until = until


@dataclass(slots=True)
class _Theirs:
    """A folder that other processes look at. ``told``: when one of them last said that it did; ``seen``: when anybody
    last did, this process among them; ``period``: seconds between two of their looks, as far as was noticed."""

    folder: FolderRef
    told: float
    seen: float
    period: float


class Watcher:
    """Looks at the folders of one user for as long as requests of that user are parked. Between two looks it is an
    entry in the timetable.

    Where other processes watch the same user, one look serves them all: who looks tells what it saw, and looks at the
    others' folders as well.
    """

    __slots__ = (
        "_entry",
        "_failures",
        "_hub",
        "_is_busy",
        "_plan",
        "_shared_until",
        "_theirs",
        "_user",
        "names",
        "places",
    )

    def __init__(self, hub: Hub, user: UserKey) -> None:
        self.places: list[Place] = []
        self.names: set[str] = set()
        self._hub = hub
        self._user = user
        self._plan = Plan(hub.rule, hub.random_share)
        self._entry: Entry | None = None
        self._is_busy = False
        self._failures = 0
        self._shared_until = -math.inf
        self._theirs: dict[str, _Theirs] = {}

    def watch(self, place: Place, seconds: float, now: float) -> None:
        """Look after one of the places for so long; the hub's lock is held."""
        self._plan.add(place, place.folders.values(), seconds, now)
        self._arrange()

    def remove(self, place: Place) -> None:
        """The place's request goes on, or was refused; the hub's lock is held."""
        if place in self.places:
            self.places.remove(place)
            self._plan.remove(place)
            self._arrange()
        if not self.places:
            self._hub.forget(self._user, self)

    def look_done(
        self, folders: Sequence[FolderRef], texts: Mapping[str, str], started: float, now: float
    ) -> None:
        """Spread what a look found; the hub's lock is held."""
        self._failures = 0
        for place in self.places:
            place.compare(folders, texts, started)
        self._plan.looked(folders, now, self._hub.breaker.stretch)

    def meet(self, now: float) -> None:
        """A request of the user waits in another process; the hub's lock is held."""
        self._shared_until = now + MEMORY

    def heard(self, look: Look, started: float, now: float) -> None:
        """Another process has looked, from ``started`` on; the hub's lock is held."""
        self.meet(now)
        folders = [FolderRef(0, folder, ContentType(content)) for folder, content, _ in look.folders]
        for folder in folders:
            known = self._theirs.get(folder.id)
            period = max(0.0 if known is None else now - known.told, self._hub.rule.interval)
            self._theirs[folder.id] = _Theirs(folder, now, now, period)
        # Who has begun to wait since then must not miss what happened in between.
        if all(place.looked_from is not None and place.looked_from <= started for place in self.places):
            texts = {folder: text for folder, _, text in look.folders if text is not None}
            for place in self.places:
                place.compare(folders, texts, started)
            self._plan.heard(folders, now, self._hub.breaker.stretch)
            self._arrange()

    def is_shared(self, now: float) -> bool:
        """Whether other processes want to know what a look sees; the hub's lock is held."""
        return now < self._shared_until

    def look(self) -> None:
        """Look at what is due; in a thread that may wait for the source."""
        with self._hub.guard:
            now = self._hub.clock.monotonic()
            place = next((each for each in reversed(self.places) if each.looked_from is not None), None)
            task = None if place is None else (place, self._with_theirs(self._plan.folders(now), now))
        if task is not None:
            self._look(*task)
        with self._hub.guard:
            self._is_busy = False
            self._arrange()

    def _with_theirs(self, folders: list[FolderRef], now: float) -> list[FolderRef]:
        """These folders, and of those that other processes look at: the ones of the same kinds, and what they would
        look at soon. Without the latter, one process could look at all mail and another one at everything else, in
        turn and for ever."""
        if not self._theirs:
            return folders
        self._theirs = {name: each for name, each in self._theirs.items() if now - each.told < MEMORY}
        due = {folder.content is ContentType.MAIL for folder in folders}
        soon = now + self._hub.rule.interval * EARLY
        found = {folder.id: folder for folder in folders}
        for name, each in self._theirs.items():
            if (each.folder.content is ContentType.MAIL) in due or each.seen + each.period <= soon:
                found.setdefault(name, each.folder)
                each.seen = now
        return list(found.values())

    def _arrange(self) -> None:
        """Have the next look in the timetable."""
        due = None if self._is_busy else self._plan.due()
        if self._entry is not None:
            if self._entry[0] == due:
                return
            self._hub.timetable.cancel(self._entry)
        self._entry = None if due is None else self._hub.timetable.at(due, self._is_due)

    def _is_due(self) -> None:
        self._entry = None
        self._is_busy = True
        self._hub.lookers.give(self)

    def _look(self, place: Place, folders: Sequence[FolderRef]) -> None:
        try:
            self._look_and_tell(place, folders)
        except NotNow as refusal:
            with self._hub.guard:
                self._plan.postpone(refusal.until)
        except (AccessDenied, NotEnabled) as error:
            with self._hub.guard:
                place.finish(Waker.REFUSED, error)
                self.remove(place)
        except UsmError as error:
            self._failed(folders, f"{error}")
        except Exception:  # noqa: BLE001  (the watcher must live on for the user's other devices)
            _log.exception("looking at %d folders of user %d:%d failed", len(folders), *self._user)
            self._failed(folders, "unexpected error")

    def _look_and_tell(self, place: Place, folders: Sequence[FolderRef]) -> None:
        started = self._hub.clock.monotonic()
        texts = self._hub.look(folders, partial(place.source.probe, folders))
        now = self._hub.clock.monotonic()
        with self._hub.guard:
            self.look_done(folders, texts, started, now)
            is_shared = self.is_shared(now)
        if is_shared:
            self._hub.tell_look(self._user, folders, texts, now - started)

    def _failed(self, folders: Sequence[FolderRef], reason: str) -> None:
        with self._hub.guard:
            self._failures += 1
            pause = self._plan.failed(self._hub.clock.monotonic())
        level = logging.WARNING if self._failures == 1 else logging.INFO
        _log.log(level, "cannot look at %d folders: %s; again in %.0f s", len(folders), reason, pause)


class Lookers:
    """Threads that look: as many as there are looks to make at this moment, ``most`` at the most."""

    def __init__(self, guard: threading.Lock, most: int) -> None:
        self._guard = guard
        self._most = most
        self._due: deque[Watcher] = deque()
        self._threads = 0

    def give(self, watcher: Watcher) -> None:
        """Have this watcher look soon; the lock is held."""
        self._due.append(watcher)
        if self._threads < self._most:
            self._threads += 1
            threading.Thread(target=self._run, name="watch", daemon=True).start()

    def _run(self) -> None:
        while (watcher := self._next()) is not None:
            watcher.look()

    def _next(self) -> Watcher | None:
        with self._guard:
            if self._due:
                return self._due.popleft()
            self._threads -= 1
            return None
