"""What of one user's folders is looked at next, and when. Pure: times come in, in seconds of a clock that only grows.

* One look serves all waiting devices of the user, and shows all folders that are due.
* What falls due within half an interval comes along, so that mail and the rest cost one look and not two.
* The first look comes at a random moment of the interval and each further one exactly an interval later: users that
  arrive together are looked after at different times, and none later than the rule says.
* After a failure the next look waits for longer and longer, for a random part of that time.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from app.notify.pull import PullRule
from app.usm.model import ContentType, FolderRef

EARLY: Final = 0.5
"""What is due within this share of the interval comes along."""

BEHIND: Final = 0.1
"""Who has heard of a look waits longer for the next one than who has made it: by this share of the time at least, and
twice of it at most."""


@dataclass(slots=True)
class _Wish:
    """What one waiting device wants to be told of. ``period``: seconds between two looks at its mail."""

    mail: dict[str, FolderRef]
    other: dict[str, FolderRef]
    period: float | None
    next_mail: float


class Plan:
    """Of one user. ``share`` gives random numbers from 0 to 1."""

    __slots__ = ("_failures", "_next_other", "_not_before", "_phase", "_rule", "_share", "_wishes")

    def __init__(self, rule: PullRule, share: Callable[[], float]) -> None:
        self._rule = rule
        self._share = share
        self._phase = share()
        self._wishes: dict[Hashable, _Wish] = {}
        self._next_other: float | None = None
        self._not_before = 0.0
        self._failures = 0

    def add(self, who: Hashable, folders: Iterable[FolderRef], wait: float, now: float) -> None:
        """A device begins to wait for so long."""
        mail, other = _parted(folders)
        period = self._rule.mail_period(wait) if mail else None
        first = now + period * (1 - self._phase / 2) if period is not None else 0.0
        self._wishes[who] = _Wish(mail, other, period, first)
        if other and self._next_other is None:
            self._next_other = now + self._rule.interval * (1 - self._phase)

    def remove(self, who: Hashable) -> None:
        """It waits no longer."""
        self._wishes.pop(who, None)
        if not any(wish.other for wish in self._wishes.values()):
            self._next_other = None

    def due(self) -> float | None:
        """When the next look is due; ``None`` when there is nothing to look at."""
        moments = [*self._mail_moments()]
        if self._next_other is not None:
            moments.append(self._next_other)
        return max(min(moments), self._not_before) if moments else None

    def folders(self, now: float) -> list[FolderRef]:
        """What a look now shows."""
        soon = now + self._rule.interval * EARLY
        found: dict[str, FolderRef] = {}
        if any(moment <= soon for moment in self._mail_moments()):
            for wish in self._wishes.values():
                found.update(wish.mail)
        if self._next_other is not None and self._next_other <= soon:
            for wish in self._wishes.values():
                found.update(wish.other)
        return list(found.values())

    def looked(self, folders: Sequence[FolderRef], now: float, stretch: float = 1.0) -> None:
        """A look has shown these. ``stretch``: how much longer than usual until the next one."""
        self._failures = 0
        self._not_before = 0.0
        shown = {folder.id for folder in folders}
        for wish in self._wishes.values():
            if wish.period is not None and wish.mail.keys() <= shown:
                wish.next_mail = now + wish.period * stretch
        if self._next_other is not None and all(wish.other.keys() <= shown for wish in self._wishes.values()):
            self._next_other = now + self._rule.interval * stretch

    def heard(self, folders: Sequence[FolderRef], now: float, stretch: float = 1.0) -> None:
        """Another process has looked at these. Its next look comes before one from here, which is for the case that
        there is none."""
        self.looked(folders, now, stretch * (1 + BEHIND * (1 + self._share())))

    def failed(self, now: float) -> float:
        """A look has failed: the seconds until the next one."""
        self._failures += 1
        pause = self._rule.pause(self._failures) * (1 - self._share() / 2)
        self._not_before = now + pause
        return pause

    def postpone(self, until: float) -> None:
        """No look before this moment."""
        self._not_before = max(self._not_before, until)

    def _mail_moments(self) -> Iterator[float]:
        return (wish.next_mail for wish in self._wishes.values() if wish.period is not None)


def _parted(folders: Iterable[FolderRef]) -> tuple[dict[str, FolderRef], dict[str, FolderRef]]:
    mail: dict[str, FolderRef] = {}
    other: dict[str, FolderRef] = {}
    for folder in folders:
        (mail if folder.content is ContentType.MAIL else other)[folder.id] = folder
    return mail, other
