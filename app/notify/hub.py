"""The waiting room of one worker process: implements :class:`app.usm.ports.Waiter`.

Rules of this file:

* a parked request is a place: an object, and an entry in the timetable for its end. It needs no thread, unless its own
  waits for it; no connection to the source or the store, no lock;
* each *user* with parked requests has one watcher. It looks at the folders of all of the user's parked devices in one
  call, and ends when nobody is parked any more. It is an entry in the timetable as well: there are only as many threads
  as there are looks at the same time;
* parking looks at the folders once, so that every later look has something to compare with; who parks does it in its
  own way. That look counts for the user's other devices as well, and what is announced meanwhile is heard;
* where several processes have parked requests of a user, one of them looks for all, and tells the others what it saw;
* a look that fails wakes nobody: the watcher waits longer and tries again, and all watchers leave a source alone that
  answers nobody (:mod:`app.notify.breaker`). Only a source that refuses the user ends that user's request, with the
  source's own error;
* everything shared is guarded by one lock of the hub, which nobody holds while calling a source;
* only ``threading`` is used, which is cooperative under gevent and real everywhere else.
"""

from __future__ import annotations

import math
import random
import secrets
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from app.notify.breaker import Breaker
from app.notify.bus import Announcement, Arrival, Bus, LocalBus, Look, Mention, News
from app.notify.place import Place
from app.notify.pull import PullRule
from app.notify.timetable import Timetable
from app.notify.waker import Waker
from app.notify.watcher import Lookers, NotNow, UserKey, Watcher
from app.usm.errors import AccessDenied, FolderGone, NotEnabled
from app.usm.model import FolderRef, SessionId
from app.usm.ports import Clock, DataSource

_EARLY = 0.02
"""A wait ends early by at most this share of it."""

_STEP = 0.05
"""Seconds between the moments at which requests end when the service stops."""

_MARGIN = 30.0
"""Seconds between a request's look at what was decided of its device and its parking; clocks may differ as well."""


class Hub:
    """See the module's rules. ``parked_changed`` hears the number of parked requests each time it changes; ``woken``
    hears what woke each of them that was asleep. Neither may wait for anything.

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
        woken: Callable[[Waker], None] = lambda waker: None,
        random_share: Callable[[], float] = random.random,
    ) -> None:
        self.clock = clock
        self.rule = rule
        self.guard = threading.Lock()
        self._bus = bus or LocalBus()
        self._bus.subscribe(self._deliver)
        self.timetable = Timetable(self.guard, clock)
        self.lookers = Lookers(self.guard, looks)
        self._looks = threading.BoundedSemaphore(looks)
        self._parked_changed = parked_changed
        self.woken = woken
        self.random_share = random_share
        self._name = secrets.token_hex(8)
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
        self,
        session: SessionId,
        source: DataSource,
        folders: Sequence[FolderRef],
        seconds: float,
        look: Callable[[], Mapping[str, str]],
    ) -> Iterator[Place]:
        """See :class:`app.usm.ports.Waiter`."""
        place = self._take_place(session, source, folders, seconds)
        try:
            self._bus.publish(Arrival(session, place.arrived))
            self._first_look(place, seconds, look)
            del look  # not to be kept, with what it holds, while somebody waits
            yield place
        finally:
            self._leave(place)

    def announce(
        self,
        context_id: int,
        user_id: int,
        folders: Sequence[str],
        by: SessionId | None = None,
        source: Waker = Waker.CHANGE,
    ) -> None:
        """See :class:`app.usm.ports.Waiter`. ``source``: who says so."""
        self._bus.publish(Announcement(context_id, user_id, tuple(folders), by, source))

    def mention(self, name: str, folders: Sequence[str]) -> None:
        """The mail server says the same of a user who is known by a login or an address, in any letter case."""
        self._bus.publish(Mention(name, tuple(folders)))

    def summon(self, session: SessionId) -> None:
        """See :class:`app.usm.ports.Waiter`: as if the device had come anew."""
        self._bus.publish(Arrival(session, self.clock.now().timestamp(), decided=True))

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
                place.finish(Waker.STOP)

    def look(
        self, folders: Sequence[FolderRef], ask: Callable[[], Mapping[str, str]], first: bool = False
    ) -> Mapping[str, str]:
        """One look at the source, no more of them at the same time than allowed. Raises :class:`NotNow` while the
        source is left alone, unless it is the ``first`` look of a request, whose device shall hear how things are."""
        if not folders:
            return {}
        with self._looks:
            began = self.clock.monotonic()
            until = None if first else self.breaker.admit(began)
            if until is not None:
                raise NotNow(until)
            try:
                texts = ask()
            except (AccessDenied, FolderGone, NotEnabled):
                self.breaker.succeeded(self.clock.monotonic() - began)
                raise
            except Exception:
                self.breaker.failed(self.clock.monotonic())
                raise
            self.breaker.succeeded(self.clock.monotonic() - began)
            return texts

    def tell_look(
        self, user: UserKey, folders: Sequence[FolderRef], texts: Mapping[str, str], ago: float
    ) -> None:
        """Tell other processes what a look saw that began so many seconds ago; the lock is not held."""
        rows = tuple((folder.id, folder.content.value, texts.get(folder.id)) for folder in folders)
        self._bus.publish(Look(*user, rows, self.clock.now().timestamp() - ago, self._name))

    def count(self, step: int) -> None:
        """So many more requests are parked; the lock is held."""
        self._parked += step
        self._parked_changed(self._parked)

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
        place = Place(session, source, folders, self.clock.monotonic() + allowed, self)
        place.arrived = self.clock.now().timestamp()
        with self.guard:
            older = self._places.get(session)
            if older is not None:
                older.finish(Waker.SUPERSEDED)
            self._places[session] = place
            # It is there before anybody hears of the arrival, so as to meet those who arrive at the same time, and
            # before its own look, so as to hear what is announced during that.
            watcher = self._watcher_of(session)
            watcher.places.append(place)
            self._note_names(watcher, (session.context_id, session.user_id), source)
            if self._closed:
                place.finish(Waker.STOP)
        return place

    def _watcher_of(self, session: SessionId) -> Watcher:
        """The user's watcher, a new one if there is none; the lock is held."""
        user = (session.context_id, session.user_id)
        watcher = self._watchers.get(user)
        if watcher is None:
            watcher = self._watchers[user] = Watcher(self, user)
        return watcher

    def _first_look(self, place: Place, seconds: float, look: Callable[[], Mapping[str, str]]) -> None:
        folders = list(place.folders.values())
        started = self.clock.monotonic()
        texts = self.look(folders, look, first=True)
        with self.guard:
            place.begin(texts, started)
            watcher = self._watcher_of(place.session)
            now = self.clock.monotonic()
            watcher.look_done(folders, texts, started, now)
            watcher.watch(place, seconds, now)
            is_shared = watcher.is_shared(now)
        if is_shared:
            user = (place.session.context_id, place.session.user_id)
            self.tell_look(user, folders, texts, now - started)

    def _note_names(self, watcher: Watcher, user: UserKey, source: DataSource) -> None:
        """Whoever mentions the user may use any of them; the lock is held."""
        for name in (source.user.login, source.user.mail):
            if name and (known := name.casefold()) not in watcher.names:
                watcher.names.add(known)
                self._names.setdefault(known, set()).add(user)

    def _leave(self, place: Place) -> None:
        with self.guard:
            if self._places.get(place.session) is place:
                del self._places[place.session]
            place.leave()
            watcher = self._watchers.get((place.session.context_id, place.session.user_id))
            if watcher is not None:
                watcher.remove(place)

    def _deliver(self, news: News) -> None:
        if isinstance(news, Arrival):
            self._end_older(news)
        elif isinstance(news, Mention):
            self._wake_named(news)
        elif isinstance(news, Look):
            self._take_look(news)
        elif isinstance(news, Announcement):
            self._wake((news.context_id, news.user_id), news.folders, news.source, news.by)

    def _end_older(self, arrival: Arrival) -> None:
        """The device waits anew, perhaps in another process: it has given up the line of the older request."""
        session = arrival.session
        with self.guard:
            place = self._places.get(session)
            if place is not None and place.arrived < arrival.moment:
                place.finish(Waker.ADMINISTRATOR if arrival.decided else Waker.SUPERSEDED)
            watcher = self._watchers.get((session.context_id, session.user_id))
            if watcher is not None and (place is None or place.arrived != arrival.moment):
                watcher.meet(self.clock.monotonic())

    def _take_look(self, look: Look) -> None:
        """Another process has looked."""
        if look.by == self._name:
            return
        with self.guard:
            watcher = self._watchers.get((look.context_id, look.user_id))
            if watcher is not None:
                now = self.clock.monotonic()
                watcher.heard(look, now - (self.clock.now().timestamp() - look.moment), now)

    def _wake_named(self, mention: Mention) -> None:
        with self.guard:
            users = tuple(self._names.get(mention.name.casefold(), ()))
        for user in users:
            self._wake(user, mention.folders, Waker.DOVECOT)

    def _wake(
        self, user: UserKey, folders: Sequence[str], source: Waker, by: SessionId | None = None
    ) -> None:
        with self.guard:
            watcher = self._watchers.get(user)
            for place in watcher.places if watcher is not None else ():
                if place.session != by:
                    place.announce(folders, source)
