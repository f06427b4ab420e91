"""A simulation of an hour of many phones: what they ask of the service, and what the service asks of OX meanwhile.

Time is virtual, and events are drawn at random from habits (:class:`Habits`). Nothing of the service runs but the rules
that decide when a user's folders are looked at (:class:`app.notify.plan.Plan`): these are the service's own. What an
event costs is not known here; :mod:`bench.sizing` has measured it.
"""

from __future__ import annotations

import heapq
import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Final

from app.notify.plan import Plan
from app.notify.pull import PullRule
from app.usm.model import ContentType, FolderRef

HOUR: Final = 3600.0

FOLDERS: Final = (
    FolderRef(1, "default0/INBOX", ContentType.MAIL),
    FolderRef(2, "20", ContentType.CALENDAR),
    FolderRef(3, "21", ContentType.CONTACTS),
    FolderRef(4, "22", ContentType.TASKS),
)
"""What a phone waits for news of."""


@dataclass(frozen=True, slots=True)
class Habits:
    """Of people and their phones in the busiest hour of a day; rates an hour.

    ``heartbeat``: seconds that phones let the server wait, between these. ``mails`` come to a user, ``edits`` are made
    by others, or by the user at a computer. A phone is taken into the hand ``glances`` times: it looks for folders and
    mail, and ``reads`` mails become read; now and then (``sends`` a user) a mail is sent. ``drops``: a phone loses its
    connection and comes again.
    """

    phones_a_user: float = 1.3
    heartbeat: tuple[float, float] = (480.0, 1680.0)
    mails: float = 5.0
    edits: float = 0.5
    glances: float = 4.0
    reads: int = 2
    sends: float = 0.8
    drops: float = 2.0


@dataclass(slots=True)
class _User:
    plan: Plan
    phones: list[_Phone] = field(default_factory=list)
    unseen: bool = False
    """Something has changed that only a look will find."""
    look: int = 0
    """Which of the looks that were planned is the one that counts."""


@dataclass(slots=True, eq=False)
class _Phone:
    user: _User
    ping: int = 0
    """Which Ping is the one that counts."""
    is_parked: bool = False


class Population:
    """``users`` people. ``announced``: mail is told of by the mail server, and is not looked for. ``rule``: how often
    the rest is looked at."""

    def __init__(self, users: int, habits: Habits, rule: PullRule, *, announced: bool, seed: int = 1) -> None:
        self.habits = habits
        self.counts: Counter[str] = Counter()
        """Event -> how often it happened since the count began."""
        self._announced = announced
        self._random = Random(seed)
        self._now = 0.0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self.users = [_User(Plan(rule, self._random.random)) for _ in range(users)]
        self.phones = [
            _Phone(user)
            for user in self.users
            for _ in range(1 + (self._random.random() < habits.phones_a_user - 1))
        ]
        for phone in self.phones:
            phone.user.phones.append(phone)
        self._begin()

    def run(self, hours: float = 1.0) -> Counter[str]:
        """What happens in so many hours, after one that is not counted."""
        self._until(HOUR)
        self.counts.clear()
        self._until(HOUR * (1 + hours))
        return self.counts

    # -- time -------------------------------------------------------------------------------------------------------

    def _until(self, end: float) -> None:
        while self._events and self._events[0][0] <= end:
            self._now, _, happen = heapq.heappop(self._events)
            happen()
        self._now = end

    def _in(self, seconds: float, happen: Callable[[], None]) -> None:
        heapq.heappush(self._events, (self._now + seconds, next(self._order), happen))

    def _often(self, rate: float, happen: Callable[[], None]) -> None:
        """At random moments, so often an hour."""
        if rate <= 0:
            return

        def again() -> None:
            happen()
            self._in(self._random.expovariate(rate / HOUR), again)

        self._in(self._random.expovariate(rate / HOUR), again)

    def _begin(self) -> None:
        habits = self.habits
        for user in self.users:
            self._often(habits.mails, lambda user=user: self._changed(user, self._announced))
            self._often(habits.edits, lambda user=user: self._changed(user, False))
            self._often(habits.sends, lambda user=user: self._sent(user))
        for phone in self.phones:
            self._in(self._random.uniform(0, HOUR / 2), lambda phone=phone: self._park(phone))
            self._often(habits.glances, lambda phone=phone: self._glance(phone))
            self._often(habits.drops, lambda phone=phone: self._again(phone))

    # -- a phone ----------------------------------------------------------------------------------------------------

    def _park(self, phone: _Phone) -> None:
        """It asks to be told, for as long as its heartbeat."""
        self.counts["ping"] += 1
        phone.ping += 1
        phone.is_parked = True
        seconds = self._random.uniform(*self.habits.heartbeat)
        phone.user.plan.add(phone, FOLDERS[1:] if self._announced else FOLDERS, seconds, self._now)
        self._plan(phone.user)
        number = phone.ping

        def ends() -> None:
            if phone.ping == number:
                self._again(phone)

        self._in(seconds, ends)

    def _again(self, phone: _Phone) -> None:
        """The Ping has ended, for whatever reason, and the next begins."""
        if phone.is_parked:
            phone.user.plan.remove(phone)
            self._park(phone)

    def _wake(self, phone: _Phone) -> None:
        """It is told of a change, fetches it, and waits again."""
        self.counts["news"] += 1
        self._again(phone)

    def _glance(self, phone: _Phone) -> None:
        self.counts["folder sync"] += 1
        self.counts["nothing new"] += 1
        for _ in range(self.habits.reads):
            self.counts["mark"] += 1
        self._own_change(phone)
        self._again(phone)

    def _sent(self, user: _User) -> None:
        if user.phones:
            self.counts["send"] += 1
            self._own_change(user.phones[0])

    def _own_change(self, phone: _Phone) -> None:
        """The service knows of what is changed through it, and tells the user's other phones."""
        self.counts["announced"] += 1
        for other in phone.user.phones:
            if other is not phone and other.is_parked:
                self._wake(other)

    # -- the service ------------------------------------------------------------------------------------------------

    def _changed(self, user: _User, announced: bool) -> None:
        """Something has changed in OX."""
        if announced:
            self.counts["announced"] += 1
            self._wake_all(user)
        else:
            user.unseen = True

    def _wake_all(self, user: _User) -> None:
        for phone in [each for each in user.phones if each.is_parked]:
            self._wake(phone)

    def _plan(self, user: _User) -> None:
        due = user.plan.due()
        user.look += 1
        if due is None:
            return
        number = user.look

        def look() -> None:
            if user.look == number:
                self._look(user)

        self._in(max(0.0, due - self._now), look)

    def _look(self, user: _User) -> None:
        folders = user.plan.folders(self._now)
        self.counts["look"] += 1
        self.counts["folders looked at"] += len(folders)
        user.plan.looked(folders, self._now)
        self._plan(user)
        if user.unseen:
            user.unseen = False
            self._wake_all(user)

    def parked(self) -> Iterator[_Phone]:
        """Who waits at this moment."""
        return (phone for phone in self.phones if phone.is_parked)
