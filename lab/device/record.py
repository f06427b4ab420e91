"""What many phones met: each request with its outcome, and what of it a person would have noticed.

* *Refused for now*: 503 with ``Retry-After``. The phone tries again, and what counts is how long it took until it was
  served, or gave up.
* *Failed*: everything else that is no answer: other statuses from 400 up, a connection that broke, no answer in time.
* *Started over*: the phone was told to forget what it holds, to provision, or that it may not come in any more.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass, field

SHOWN = 50
"""So many of a kind of mishap are told one by one."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One HTTP request. ``began`` in seconds since the record began; ``status`` 0 and ``problem`` where no answer came.

    ``waits``: the server was asked to wait for news. ``retry_after``: seconds that a 503 named.
    """

    phone: str
    command: str
    began: float
    seconds: float
    status: int
    waits: bool = False
    problem: str = ""
    retry_after: int | None = None

    @property
    def is_refusal(self) -> bool:
        return self.status == 503 and self.retry_after is not None

    @property
    def is_failure(self) -> bool:
        return bool(self.problem) or (self.status >= 400 and not self.is_refusal)


@dataclass(frozen=True, slots=True)
class Mishap:
    """Something that a phone must not be told; ``what`` is a sentence."""

    phone: str
    moment: float
    what: str


@dataclass(frozen=True, slots=True)
class Delay:
    """A phone was served, or gave up, so many ``seconds`` after it was refused for the first time."""

    phone: str
    moment: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Figures:
    """A record added up; times in seconds. The lists hold the first ones as text, the counts all."""

    requests: int
    by_command: dict[str, int]
    by_status: dict[str, int]
    refused_for_now: int
    worst_wait: float
    slowest: dict[str, float]
    failures: int
    failed: list[str]
    restarts: int
    started_over: list[str]
    oddities: int
    odd: list[str]


@dataclass
class Record:
    """Taken down by all phones at once."""

    exchanges: list[Exchange] = field(default_factory=list)
    delays: list[Delay] = field(default_factory=list)
    restarts: list[Mishap] = field(default_factory=list)
    oddities: list[Mishap] = field(default_factory=list)
    _origin: float = field(default_factory=time.monotonic)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def now(self) -> float:
        """Seconds since the record began."""
        return time.monotonic() - self._origin

    def add(self, exchange: Exchange) -> None:
        with self._guard:
            self.exchanges.append(exchange)

    def served(self, phone: str, refused: float) -> None:
        """A phone that was refused for now at ``refused`` is served, let in to wait, or gives up."""
        now = self.now()
        with self._guard:
            self.delays.append(Delay(phone, now, now - refused))

    def started_over(self, phone: str, what: str) -> None:
        """A phone was told to start over."""
        with self._guard:
            self.restarts.append(Mishap(phone, self.now(), what))

    def odd(self, phone: str, what: str) -> None:
        """A phone was sent what a server must not send."""
        with self._guard:
            self.oddities.append(Mishap(phone, self.now(), what))

    def figures(self, since: float = 0.0) -> Figures:
        """Everything from a moment on."""
        with self._guard:
            rows = [each for each in self.exchanges if each.began >= since]
            delays = [each.seconds for each in self.delays if each.moment >= since]
            restarts = [each for each in self.restarts if each.moment >= since]
            oddities = [each for each in self.oddities if each.moment >= since]
        failures = [each for each in rows if each.is_failure]
        slowest: dict[str, float] = {}
        for each in rows:
            if not each.waits:
                slowest[each.command] = max(slowest.get(each.command, 0.0), round(each.seconds, 3))
        return Figures(
            requests=len(rows),
            by_command=dict(Counter(each.command for each in rows).most_common()),
            by_status=dict(Counter(str(each.status or "none") for each in rows).most_common()),
            refused_for_now=sum(each.is_refusal for each in rows),
            worst_wait=round(max(delays, default=0.0), 3),
            slowest=slowest,
            failures=len(failures),
            failed=[_told(each) for each in failures[:SHOWN]],
            restarts=len(restarts),
            started_over=[_text(each) for each in restarts[:SHOWN]],
            oddities=len(oddities),
            odd=[_text(each) for each in oddities[:SHOWN]],
        )


def _told(exchange: Exchange) -> str:
    what = exchange.problem or f"HTTP {exchange.status}"
    return (
        f"{exchange.began:.1f} s {exchange.phone} {exchange.command}: {what} after {exchange.seconds:.2f} s"
    )


def _text(mishap: Mishap) -> str:
    return f"{mishap.moment:.1f} s {mishap.phone} {mishap.what}"
