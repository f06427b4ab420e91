"""Ten times the load that a worker can carry: what it answers, what it refuses, and how the quiet users fare.

``python -m bench.overload [--times 10] [--seconds 20]``: one worker (:mod:`bench.crowded`). First phones ask for their
folders as fast as they are answered: that is what it can carry. Then so many times as many requests come each second,
half of them of one single user, whatever the answers say, while other users ask once in a while. After that, what it
can carry is measured again.
"""

from __future__ import annotations

import argparse
import http.client
import statistics
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bench.crowded import Site, crowded
from bench.figures import Figure, tell

USERS: Final = 40
QUIET: Final = 5
"""Users who ask once a second, whatever the others do."""
CLIENTS: Final = 8
"""Connections that find out how much a worker can carry."""
MOST: Final = 1000
"""Connections of the storm at most."""
PATIENCE: Final = 3.0
"""Seconds between two requests of one of them, unless it is still waiting."""


@dataclass(frozen=True, slots=True)
class Met:
    """One answer; ``status`` 0 for none."""

    seconds: float
    status: int
    says_when: bool


class Phone:
    """One connection, opened again when it ends."""

    def __init__(self, site: Site, number: int) -> None:
        head, _, _ = site.request(number, "FolderSync", b"").partition("\r\n\r\n")
        first, *rest = head.split("\r\n")
        self._target = first.split(" ")[1]
        self._headers = dict(line.split(": ", 1) for line in rest if not line.startswith("Content-Length"))
        self._body = site.folder_sync()
        self._line = http.client.HTTPConnection("127.0.0.1", site.port, timeout=60)

    def ask(self) -> Met:
        """A FolderSync without news."""
        began = time.monotonic()
        try:
            self._line.request("POST", self._target, self._body, self._headers)
            answer = self._line.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            self._line.close()
            return Met(time.monotonic() - began, 0, False)
        return Met(time.monotonic() - began, answer.status, answer.getheader("Retry-After") is not None)


def together(site: Site, numbers: Sequence[int], seconds: float, pause: float) -> list[Met]:
    """Phones that ask for so long, each so often; a ``pause`` of 0 is as often as they are answered."""
    met: list[Met] = []
    end = time.monotonic() + seconds

    def live(number: int, late: float) -> None:
        phone = Phone(site, number)
        time.sleep(late)
        while (now := time.monotonic()) < end:
            met.append(phone.ask())
            time.sleep(max(now + pause - time.monotonic(), 0.0))

    threads = [
        threading.Thread(target=live, args=(number, pause * place / len(numbers)))
        for place, number in enumerate(numbers)
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    return met


def capacity(site: Site, seconds: float) -> float:
    """Requests a second that are answered, by a few phones that ask without a pause."""
    met = together(site, range(QUIET, QUIET + CLIENTS), seconds, 0.0)
    return sum(each.status == 200 for each in met) / seconds


def storm(site: Site, rate: float, seconds: float) -> tuple[list[Met], list[Met]]:
    """What the storm met, and what the quiet users met meanwhile."""
    count = min(int(rate * PATIENCE), MOST)
    loud = [QUIET if number % 2 else QUIET + number // 2 % (USERS - QUIET) for number in range(count)]
    quiet: list[Met] = []
    beside = threading.Thread(target=lambda: quiet.extend(together(site, range(QUIET), seconds, 1.0)))
    beside.start()
    met = together(site, loud, seconds, count / rate)
    beside.join()
    return met, quiet


def percentile(values: Sequence[float], share: float) -> float:
    """Of seconds; 0 where there are none."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else 0.0


def figures(site: Site, times: float, seconds: float) -> list[Figure]:
    """All rows."""
    together(site, range(USERS), 2.0, 1.0)
    before = statistics.median(capacity(site, seconds / 4) for _ in range(3))
    met, quiet = storm(site, before * times, seconds)
    after = capacity(site, seconds / 2)
    served = [each for each in met if each.status == 200]
    refused = [each for each in met if each.status == 503]
    told = [each for each in refused if each.says_when]
    lost = len(met) - len(served) - len(refused)
    good = [each for each in quiet if each.status == 200]
    return [
        Figure("one worker can carry", before, "requests/s"),
        Figure("offered", len(met) / seconds / before, "times that"),
        Figure(
            "answered meanwhile", len(served) / seconds / before, "of what it can carry", ("at least", 0.5)
        ),
        Figure("refused with 503", 100 * len(refused) / len(met), "%"),
        Figure("neither answered nor refused", 100 * lost / len(met), "%", ("at most", 0.0)),
        Figure(
            "refusals that say when to come again",
            100 * len(told) / max(len(refused), 1),
            "%",
            ("at least", 100.0),
        ),
        Figure(
            "half of the refusals came within",
            1000 * percentile([each.seconds for each in refused], 0.5),
            "ms",
        ),
        Figure("quiet users: answered", 100 * len(good) / max(len(quiet), 1), "%", ("at least", 99.0)),
        Figure("quiet users: 95 % within", 1000 * percentile([each.seconds for each in good], 0.95), "ms"),
        Figure("right after it, it can carry", after / before, "of what it could", ("at least", 0.8)),
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and tell; exits with 1 if a target is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.overload", description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=float, default=10.0, help="times the load that it can carry (10)")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long (20)")
    chosen = parser.parse_args(arguments)
    with crowded(USERS, USERS, 1, eas__throttle__repeats=0, eas__throttle__requests=0) as site:
        return tell("overload", figures(site, chosen.times, chosen.seconds))


if __name__ == "__main__":
    sys.exit(main())
