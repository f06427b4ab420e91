"""The waiting room of one worker process: implements :class:`app.usm.ports.Waiter`.

Rules of this file:

* a parked request is one thread (one greenlet under gevent) that sleeps on an event: no connection to the source or the
  store, no lock;
* each *user* with parked requests has one watcher. It looks at the folders of all of the user's parked devices in one
  call, and ends when nobody is parked any more;
* parking looks at the folders once, so that every later look has something to compare with. That look counts for the
  user's other devices as well;
* a look that fails wakes nobody: the watcher waits longer and tries again, and all watchers leave a source alone that
  answers nobody (:mod:`app.notify.breaker`). Only a source that refuses the user ends that user's request, with the
  source's own error;
* everything shared is guarded by one lock of the hub, which nobody holds while calling a source;
* only ``threading`` is used, which is cooperative under gevent and real everywhere else.
"""

from __future__ import annotations

import logging
import math
import random
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from app.notify.breaker import Breaker
from app.notify.bus import Announcement, Arrival, Bus, LocalBus, Mention, News
from app.notify.plan import Plan
from app.notify.pull import PullRule
from app.usm.errors import AccessDenied, NotEnabled, UsmError
from app.usm.model import FolderRef, SessionId
from app.usm.ports import Clock, DataSource

_log = logging.getLogger(__name__)

UserKey = tuple[int, int]
"""Context id and user id."""

_EARLY = 0.02
"""A wait ends early by at most this share of it."""

_STEP = 0.05
"""Seconds between the moments at which requests end when the service stops."""

_MARGIN = 30.0
"""Seconds between a request's look at what was decided of its device and its parking; clocks may differ as well."""


class Place:
    """One parked request: the :class:`app.usm.ports.Ticket` that its thread waits on."""

    def __init__(
        self,
        session: SessionId,
        source: DataSource,
        folders: Sequence[FolderRef],
        end: float,
        clock: Clock,
        hub: Hub,
    ) -> None:
        self.session = session
        self.source = source
        self.folders = {folder.id: folder for folder in folders}
        self.end = end
        self.arrived = 0.0
        self.looked_from: float | None = None
        self._clock = clock
        self._hub = hub
        self._event = threading.Event()
        self._seen: dict[str, str | None] = {}
        self._changed: set[str] = set()
        self._over = False
        self._superseded = False
        self._error: UsmError | None = None

    def wait(self, seconds: float) -> frozenset[str] | None:
        """See :class:`app.usm.ports.Ticket`. Empty also when the wait ends before its time, as it does when the
        service stops. Raises what the source answered when it refused the user."""
        left = min(seconds, self.end - self._clock.monotonic())
        with self._hub.counted():
            self._event.wait(max(left, 0.0))
        with self._hub.guard:
            changed = frozenset(self._changed)
            self._changed.clear()
            if self._error is not None:
                raise self._error
            if self._superseded:
                return None
            if not self._over:
                self._event.clear()
            return changed

    def compare(self, looked_at: Sequence[FolderRef], texts: Mapping[str, str], started: float) -> None:
        """Take in the outcome of a look; the hub's lock is held. A look older than the place's own is no news."""
        if self.looked_from is None or started < self.looked_from:
            return
        for folder in looked_at:
            if folder.id in self.folders and self._seen.get(folder.id) != texts.get(folder.id):
                self._seen[folder.id] = texts.get(folder.id)
                self._wake({folder.id})

    def begin(self, texts: Mapping[str, str], started: float) -> None:
        """Take in the look made while parking; the hub's lock is held. A folder it does not find is worth a check."""
        self.looked_from = started
        self._seen = {folder: texts.get(folder) for folder in self.folders}
        missing = {folder for folder, text in self._seen.items() if text is None}
        if missing:
            self._wake(missing)

    def announce(self, folders: Sequence[str]) -> None:
        """Somebody says that these changed; the hub's lock is held."""
        mine = {folder for folder in folders if folder in self.folders}
        if mine:
            self._wake(mine)

    def finish(self, error: UsmError | None = None, superseded: bool = False) -> None:
        """End the wait at once; the hub's lock is held."""
        self._over = True
        self._error = error
        self._superseded = superseded
        self._event.set()

    def _wake(self, folders: set[str]) -> None:
        self._changed |= folders
        self._event.set()


class Watcher:
    """Looks at the folders of one user for as long as requests of that user are parked."""

    def __init__(self, hub: Hub, user: UserKey) -> None:
        self.places: list[Place] = []
        self.names: set[str] = set()
        self.changed = threading.Condition(hub.guard)
        self._hub = hub
        self._user = user
        self._plan = Plan(hub.rule, hub.random_share)
        self._failures = 0

    def add(self, place: Place, seconds: float, now: float) -> None:
        """A place to look after for so long; the hub's lock is held."""
        self.places.append(place)
        self._plan.add(place, place.folders.values(), seconds, now)
        self.changed.notify()

    def remove(self, place: Place) -> None:
        """The place's request goes on, or was refused; the hub's lock is held."""
        if place in self.places:
            self.places.remove(place)
        self._plan.remove(place)
        self.changed.notify()

    def start(self) -> None:
        """Run in a thread of its own, until no place is left."""
        name = f"watch-{self._user[0]}-{self._user[1]}"
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def look_done(
        self, folders: Sequence[FolderRef], texts: Mapping[str, str], started: float, now: float
    ) -> None:
        """Spread what a look found; the hub's lock is held."""
        self._failures = 0
        for place in self.places:
            place.compare(folders, texts, started)
        self._plan.looked(folders, now, self._hub.breaker.stretch)

    def _run(self) -> None:
        while (task := self._next_task()) is not None:
            self._look(*task)

    def _next_task(self) -> tuple[Place, list[FolderRef]] | None:
        """Sleep until a look is due; ``None`` once nobody is parked."""
        with self._hub.guard:
            while True:
                if not self.places:
                    self._hub.forget(self._user, self)
                    return None
                now = self._hub.clock.monotonic()
                due = self._plan.due()
                if due is not None and due <= now:
                    return self.places[-1], self._plan.folders(now)
                self.changed.wait(None if due is None else due - now)

    def _look(self, place: Place, folders: Sequence[FolderRef]) -> None:
        started = self._hub.clock.monotonic()
        try:
            texts = self._hub.look(place.source, folders)
        except NotNow as refusal:
            with self._hub.guard:
                self._plan.postpone(refusal.until)
            return
        except (AccessDenied, NotEnabled) as error:
            with self._hub.guard:
                place.finish(error)
                self.remove(place)
            return
        except UsmError as error:
            self._failed(folders, f"{error}")
            return
        except Exception:  # noqa: BLE001  (the watcher must live on for the user's other devices)
            _log.exception("looking at %d folders of user %d:%d failed", len(folders), *self._user)
            self._failed(folders, "unexpected error")
            return
        with self._hub.guard:
            self.look_done(folders, texts, started, self._hub.clock.monotonic())

    def _failed(self, folders: Sequence[FolderRef], reason: str) -> None:
        with self._hub.guard:
            self._failures += 1
            pause = self._plan.failed(self._hub.clock.monotonic())
        level = logging.WARNING if self._failures == 1 else logging.INFO
        _log.log(level, "cannot look at %d folders: %s; again in %.0f s", len(folders), reason, pause)


class NotNow(Exception):
    """The source is not to be looked at before the moment ``until``."""

    def __init__(self, until: float) -> None:
        super().__init__(until)
        self.until = until


class Hub:
    """See the module's rules. ``parked_changed`` hears the number of parked requests each time it changes.

    ``looks``: at most so many looks at the source at the same time. ``random_share``: a number from 0 to 1 that keeps
    devices which arrived together from leaving together.
    """

    def __init__(
        self,
        clock: Clock,
        rule: PullRule,
        bus: Bus | None = None,
        looks: int = 50,
        parked_changed: Callable[[int], None] = lambda count: None,
        random_share: Callable[[], float] = random.random,
    ) -> None:
        self.clock = clock
        self.rule = rule
        self.guard = threading.Lock()
        self._bus = bus or LocalBus()
        self._bus.subscribe(self._deliver)
        self._looks = threading.BoundedSemaphore(looks)
        self._parked_changed = parked_changed
        self.random_share = random_share
        self.breaker = Breaker(rule.interval, rule.pause, random_share)
        self._watchers: dict[UserKey, Watcher] = {}
        self._names: dict[str, set[UserKey]] = {}
        self._places: dict[SessionId, Place] = {}
        self._parked = 0
        self._closed = False

    @property
    def parked(self) -> int:
        """How many requests are parked now."""
        return self._parked

    @property
    def watched(self) -> int:
        """How many users are watched now."""
        return len(self._watchers)

    @contextmanager
    def park(
        self, session: SessionId, source: DataSource, folders: Sequence[FolderRef], seconds: float
    ) -> Iterator[Place]:
        """See :class:`app.usm.ports.Waiter`. Raises what the source's first look raises."""
        place = self._take_place(session, source, folders, seconds)
        watcher: Watcher | None = None
        try:
            self._bus.publish(Arrival(session, place.arrived))
            watcher = self._first_look(place, seconds)
            yield place
        finally:
            self._leave(place, watcher)

    def announce(
        self, context_id: int, user_id: int, folders: Sequence[str], by: SessionId | None = None
    ) -> None:
        """See :class:`app.usm.ports.Waiter`."""
        self._bus.publish(Announcement(context_id, user_id, tuple(folders), by))

    def mention(self, name: str, folders: Sequence[str]) -> None:
        """The same of a user who is known by a login or an address, in any letter case."""
        self._bus.publish(Mention(name, tuple(folders)))

    def summon(self, session: SessionId) -> None:
        """See :class:`app.usm.ports.Waiter`: as if the device had come anew."""
        self._bus.publish(Arrival(session, self.clock.now().timestamp()))

    def summon_parked(self, look: Callable[[Collection[int]], Iterable[tuple[SessionId, float]]]) -> None:
        """Summon the parked devices of which ``look`` tells, given their contexts, and at which moment (seconds since
        1970) there was something new for them. Whoever began to wait well after that knows it."""
        with self.guard:
            contexts = {session.context_id for session in self._places}
        if not contexts:
            return
        for session, moment in look(contexts):
            with self.guard:
                place = self._places.get(session)
            if place is not None and place.arrived < moment + _MARGIN:
                self.summon(session)

    def close(self, seconds: float = 0.0, per_second: float = math.inf) -> None:
        """The service stops: every parked request ends, and later ones at once.

        ``per_second``: so many end in a second, or more if that would take longer than ``seconds``. Each of them comes
        back at once to a node that does not know its user yet and has to log in at the source.
        """
        with self.guard:
            self._closed = True
            places = list(self._places.values())
        rate = max(per_second, len(places) / seconds) if seconds > 0 else math.inf
        pause, began = threading.Event(), self.clock.monotonic()
        for number, place in enumerate(places):
            while number / rate > self.clock.monotonic() - began:
                pause.wait(_STEP)
            with self.guard:
                place.finish()

    def look(
        self, source: DataSource, folders: Sequence[FolderRef], first: bool = False
    ) -> Mapping[str, str]:
        """One call to the source, no more of them at the same time than allowed. Raises :class:`NotNow` while the
        source is left alone, unless it is the ``first`` look of a request, whose device shall hear how things are."""
        if not folders:
            return {}
        with self._looks:
            began = self.clock.monotonic()
            until = None if first else self.breaker.admit(began)
            if until is not None:
                raise NotNow(until)
            try:
                texts = source.probe(folders)
            except (AccessDenied, NotEnabled):
                self.breaker.succeeded(self.clock.monotonic() - began)
                raise
            except Exception:
                self.breaker.failed(self.clock.monotonic())
                raise
            self.breaker.succeeded(self.clock.monotonic() - began)
            return texts

    def forget(self, user: UserKey, watcher: Watcher) -> None:
        """A watcher ends; the lock is held."""
        if self._watchers.get(user) is watcher:
            del self._watchers[user]
            for name in watcher.names:
                known = self._names[name]
                known.discard(user)
                if not known:
                    del self._names[name]

    def _take_place(
        self, session: SessionId, source: DataSource, folders: Sequence[FolderRef], seconds: float
    ) -> Place:
        # Ends a little early rather than late: the device and the proxies on the way give up at the exact time.
        allowed = seconds * (1.0 - _EARLY * self.random_share())
        place = Place(session, source, folders, self.clock.monotonic() + allowed, self.clock, self)
        place.arrived = self.clock.now().timestamp()
        with self.guard:
            older = self._places.get(session)
            if older is not None:
                older.finish(superseded=True)
            self._places[session] = place
            if self._closed:
                place.finish()
        return place

    def _first_look(self, place: Place, seconds: float) -> Watcher:
        folders = list(place.folders.values())
        started = self.clock.monotonic()
        texts = self.look(place.source, folders, first=True)
        with self.guard:
            place.begin(texts, started)
            user = (place.session.context_id, place.session.user_id)
            watcher = self._watchers.get(user)
            if watcher is None:
                watcher = self._watchers[user] = Watcher(self, user)
                watcher.start()
            now = self.clock.monotonic()
            watcher.look_done(folders, texts, started, now)
            watcher.add(place, seconds, now)
            self._note_names(watcher, user, place.source)
        return watcher

    def _note_names(self, watcher: Watcher, user: UserKey, source: DataSource) -> None:
        """Whoever mentions the user may use any of them; the lock is held."""
        for name in (source.user.login, source.user.mail):
            if name and (known := name.casefold()) not in watcher.names:
                watcher.names.add(known)
                self._names.setdefault(known, set()).add(user)

    def _leave(self, place: Place, watcher: Watcher | None) -> None:
        with self.guard:
            if self._places.get(place.session) is place:
                del self._places[place.session]
            if watcher is not None:
                watcher.remove(place)

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Around the sleep of a request: it counts as parked."""
        self._count(+1)
        try:
            yield
        finally:
            self._count(-1)

    def _count(self, step: int) -> None:
        with self.guard:
            self._parked += step
            self._parked_changed(self._parked)

    def _deliver(self, news: News) -> None:
        if isinstance(news, Arrival):
            self._end_older(news)
        elif isinstance(news, Mention):
            self._wake_named(news)
        else:
            self._wake((news.context_id, news.user_id), news.folders, news.by)

    def _end_older(self, arrival: Arrival) -> None:
        """The device waits anew, perhaps in another process: it has given up the line of the older request."""
        with self.guard:
            place = self._places.get(arrival.session)
            if place is not None and place.arrived < arrival.moment:
                place.finish(superseded=True)

    def _wake_named(self, mention: Mention) -> None:
        with self.guard:
            users = tuple(self._names.get(mention.name.casefold(), ()))
        for user in users:
            self._wake(user, mention.folders)

    def _wake(self, user: UserKey, folders: Sequence[str], by: SessionId | None = None) -> None:
        with self.guard:
            watcher = self._watchers.get(user)
            for place in watcher.places if watcher is not None else ():
                if place.session != by:
                    place.announce(folders)
