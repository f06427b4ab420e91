"""Users that wait, and a source that is asked, with a clock that jumps from one event to the next: hours in a moment.

Each user looks as the hub's watcher does: asks its plan when, the breaker whether, and tells both how it went.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from app.notify.breaker import Breaker
from app.notify.plan import Plan
from app.notify.pull import PullRule
from app.usm.model import ContentType, FolderRef

FOLDERS = (
    FolderRef(1, "default0/INBOX", ContentType.MAIL),
    FolderRef(2, "default0/Sent", ContentType.MAIL),
    FolderRef(3, "31", ContentType.CONTACTS),
    FolderRef(4, "32", ContentType.CALENDAR),
    FolderRef(5, "33", ContentType.TASKS),
)


@dataclass
class Calls:
    """When the source was asked, by whom, and for how many folders."""

    made: list[tuple[float, int, int]] = field(default_factory=list)

    def times(self, user: int | None = None) -> list[float]:
        return [moment for moment, who, _ in self.made if user in (None, who)]

    def between(self, start: float, end: float) -> int:
        return sum(start <= moment < end for moment in self.times())

    def most_in(self, window: float, start: float, end: float) -> int:
        """The largest number of calls in any such window of that time."""
        times = sorted(moment for moment in self.times() if start <= moment < end)
        first = most = 0
        for last, moment in enumerate(times):
            while times[first] <= moment - window:
                first += 1
            most = max(most, last - first + 1)
        return most


class Node:
    """One process with the watchers of its users. ``takes``: the seconds that a look takes at a moment, or ``None``
    for one that fails."""

    def __init__(
        self,
        rule: PullRule,
        takes: Callable[[float], float | None] = lambda now: 0.0,
        seed: int = 1,
    ) -> None:
        self._rule = rule
        self._takes = takes
        self.share = random.Random(seed).random
        self.breaker = Breaker(rule.interval, rule.pause, self.share)
        self.plans: dict[int, Plan] = {}
        self.calls = Calls()

    def park(
        self,
        users: Iterable[int],
        phones: int = 1,
        folders: Iterable[FolderRef] = FOLDERS,
        wait: float = 1770.0,
        now: float = 0.0,
    ) -> None:
        for user in users:
            plan = self.plans.setdefault(user, Plan(self._rule, self.share))
            for phone in range(phones):
                plan.add(phone, list(folders), wait, now)

    def run(self, end: float) -> None:
        events = [(due, user) for user, plan in self.plans.items() if (due := plan.due()) is not None]
        heapq.heapify(events)
        while events and events[0][0] <= end:
            now, user = heapq.heappop(events)
            later = self._turn(user, now)
            due = self.plans[user].due()
            if due is not None:
                heapq.heappush(events, (max(due, later), user))

    def _turn(self, user: int, now: float) -> float:
        plan = self.plans[user]
        until = self.breaker.admit(now)
        if until is not None:
            plan.postpone(until)
            return now
        folders = plan.folders(now)
        self.calls.made.append((now, user, len(folders)))
        took = self._takes(now)
        if took is None:
            self.breaker.failed(now)
            plan.failed(now)
            return now
        self.breaker.succeeded(took)
        plan.looked(folders, now + took, self.breaker.stretch)
        return now + took
