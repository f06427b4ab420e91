"""Ten times the load that a worker can carry: what it answers, what it refuses, and how the quiet users fare.

``python -m bench.overload [--times 10] [--seconds 20]``: one worker (:mod:`bench.crowded`). First phones ask for their
folders as fast as they are answered: that is what it can carry. Then so many times as many requests come each second
(:mod:`bench.storm`), half of them of one single user, whatever the answers say, while other users ask once in a while.
After that, what it can carry is measured again. Where the load and what stands in for OX take processors that the
worker would need, the row by the second of its own processor is the one to look at.
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

from bench import storm
from bench.crowded import Site, crowded
from bench.figures import Figure, tell

USERS: Final = 40
QUIET: Final = 5
"""Users who ask once a second, whatever the others do."""
CLIENTS: Final = 8
"""Connections that find out how much a worker can carry."""
MOST: Final = 2000
"""Connections of the storm at most."""


class Quiet(threading.Thread):
    """A user who asks once a second, whatever the others do."""

    def __init__(self, site: Site, number: int, seconds: float) -> None:
        super().__init__()
        head, _, _ = site.request(number, "FolderSync", b"").partition("\r\n\r\n")
        first, *rest = head.split("\r\n")
        self._target = first.split(" ")[1]
        self._headers = dict(line.split(": ", 1) for line in rest if not line.startswith("Content-Length"))
        self._body = site.folder_sync()
        self._line = http.client.HTTPConnection("127.0.0.1", site.port, timeout=60)
        self._seconds = seconds
        self.answered: list[float] = []
        """Seconds until each answer that is none of being refused."""
        self.others = 0

    def run(self) -> None:
        """Ask for so long."""
        end = time.monotonic() + self._seconds
        while (began := time.monotonic()) < end:
            status = self._ask()
            took = time.monotonic() - began
            if status == 200:
                self.answered.append(took)
            else:
                self.others += 1
            time.sleep(max(1.0 - took, 0.0))

    def _ask(self) -> int:
        try:
            self._line.request("POST", self._target, self._body, self._headers)
            answer = self._line.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            self._line.close()
            return 0
        return answer.status


@dataclass(frozen=True, slots=True)
class Done:
    """What a storm met in so many seconds, and the seconds of a processor that the worker took for it."""

    met: storm.Met
    seconds: float
    cpu: float

    @property
    def answered(self) -> int:
        """Requests that were carried out."""
        return self.met.by_status.get("200", 0)

    @property
    def speed(self) -> float:
        """Requests answered each second."""
        return self.answered / self.seconds

    @property
    def thrift(self) -> float:
        """Requests answered by a second of the worker's processor."""
        return self.answered / max(self.cpu, 0.01)


def blow(site: Site, numbers: Sequence[int], rate: float, seconds: float, connections: int) -> Done:
    """Have the users of these numbers ask in turn."""
    body = site.folder_sync()
    requests = [site.request(number, "FolderSync", body) for number in numbers]
    before = site.cpu()
    met = storm.run(storm.Order(site.port, requests, rate, seconds, connections))
    return Done(met, seconds, site.cpu() - before)


def capacity(site: Site, seconds: float) -> Done:
    """What is answered when a few phones ask without a pause."""
    return blow(site, range(QUIET, USERS), 0.0, seconds, CLIENTS)


def overload(site: Site, rate: float, seconds: float) -> tuple[Done, list[Quiet]]:
    """What the storm met, and what the quiet users met meanwhile."""
    loud = [QUIET if number % 2 else QUIET + number // 2 % (USERS - QUIET) for number in range(2 * USERS)]
    quiet = [Quiet(site, number, seconds) for number in range(QUIET)]
    for each in quiet:
        each.start()
    done = blow(site, loud, rate, seconds, MOST)
    for each in quiet:
        each.join()
    return done, quiet


def percentile(values: Sequence[float], share: float) -> float:
    """Of seconds; 0 where there are none."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else 0.0


def figures(site: Site, times: float, seconds: float) -> list[Figure]:
    """All rows."""
    capacity(site, 2.0)
    normal = [capacity(site, seconds / 4) for _ in range(3)]
    before = statistics.median(each.speed for each in normal)
    thrift = statistics.median(each.thrift for each in normal)
    done, quiet = overload(site, before * times, seconds)
    after = capacity(site, seconds / 2)
    met = done.met
    refused = met.by_status.get("503", 0)
    answered = [each for user in quiet for each in user.answered]
    asked = len(answered) + sum(user.others for user in quiet)
    lost = met.sent - done.answered - refused
    # What the worker took beyond that for the answers.
    refusal = max(done.cpu - done.answered / thrift, 0.0) / max(refused, 1)
    return [
        Figure("one worker can carry", before, "requests/s"),
        Figure("offered", (met.sent + met.unsent) / seconds / before, "times that"),
        Figure("answered meanwhile", done.speed / before, "of what it can carry", ("at least", 0.5)),
        Figure("... by each second of its processor", done.thrift / thrift, "of what it can carry"),
        Figure("processor taken meanwhile", 100 * done.cpu / seconds, "% of a core"),
        Figure("an answer costs", 1e6 / thrift, "us of the processor"),
        Figure("a refusal costs at most", 1e6 * refusal, "us of the processor"),
        Figure(
            "so with a processor of its own it would answer",
            max(1 - times * refusal * thrift, 0.0) / (1 - refusal * thrift),
            "of what it can carry",
        ),
        Figure("refused with 503", 100 * refused / met.sent, "%"),
        Figure("neither answered nor refused", 100 * lost / met.sent, "%", ("at most", 0.0)),
        Figure(
            "refusals that say when to come again", 100 * met.told / max(refused, 1), "%", ("at least", 100.0)
        ),
        Figure("half of the refusals came within", 1000 * percentile(met.refused, 0.5), "ms"),
        Figure("95 % of the refusals came within", 1000 * percentile(met.refused, 0.95), "ms"),
        Figure("quiet users: answered", 100 * len(answered) / max(asked, 1), "%", ("at least", 99.0)),
        Figure("quiet users: 95 % within", 1000 * percentile(answered, 0.95), "ms"),
        Figure("right after it, it can carry", after.speed / before, "of what it could", ("at least", 0.8)),
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
