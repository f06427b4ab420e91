"""How many phones wait on a small machine, and what that costs.

``python -m bench.parked [--phones 20000] [--users 5000] [--workers 2]``: the application runs as its package runs it
(:mod:`bench.crowded`); half of the phones send a Ping, the others a Sync that waits, of five folders each. Once all of
them are parked, the workers' memory and use of the processor are read from the kernel while nothing happens, and
somebody else's requests are timed. Then all wait for the end of their heartbeat, and each answer is looked at.

Memory is what the workers hold beyond what they held before, everything that a phone leaves there included: its session
at OX, what is counted of it, its connection. ``--polls`` has the folders looked at so often (seconds).
"""

from __future__ import annotations

import argparse
import http.client
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import IO, Final

from app.wbxml import WbxmlError, decode
from bench.crowded import PATH, Site, crowded
from bench.figures import Figure, tell
from bench.sleepers import Errand
from lab.plan import PROJECT

AHEAD: Final = 16
"""So many requests are on their way at the same time while the phones come."""
GROUP: Final = 10_000
"""Phones of one process."""
QUIET: Final = 20.0
"""Seconds for which the use of the processor is measured."""
PROBES: Final = 100
EARLY: Final = 0.02
"""The share of a heartbeat by which its answer may be early."""
LATE: Final = 5.0
"""Seconds by which it may be late."""
KILOBYTES: Final = 30.0
"""Of memory for each phone that waits, at most."""
NEVER: Final = 3600


@dataclass(slots=True)
class Outcome:
    """What was seen."""

    memory: float = 0.0
    setting_up: float = 0.0
    quiet: float = 0.0
    ending: float = 0.0
    before: Sequence[float] = ()
    during: Sequence[float] = ()
    parked: int = 0
    right: int = 0
    late: float = 0.0
    seconds: float = 0.0
    spread: float = 0.0


def groups(site: Site, heartbeat: int, stack: ExitStack) -> list[subprocess.Popen[str]]:
    """Processes whose phones are ready to ask."""
    ping, sync = site.ping(heartbeat), site.sync(heartbeat)
    processes = []
    for first in range(0, site.phones - 1, GROUP):
        numbers = range(first, min(first + GROUP, site.phones - 1))
        texts = [
            site.request(number, "Sync" if number % 2 else "Ping", sync if number % 2 else ping)
            for number in numbers
        ]
        process = subprocess.Popen(
            [sys.executable, "-m", "bench.sleepers"],
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        stack.callback(process.kill)
        _stdin(process).write(Errand(site.port, first, texts, heartbeat + 60.0).dumps())
        _stdin(process).flush()
        processes.append(process)
    return processes


def _stdin(process: subprocess.Popen[str]) -> IO[str]:
    assert process.stdin is not None
    return process.stdin


def fill(site: Site, processes: Sequence[subprocess.Popen[str]], patience: float) -> int:
    """Let the phones come, no more at a time than are served; how many are parked in the end."""
    deadline, sent, parked = time.monotonic() + patience, 0, 0
    total = site.phones - 1
    while parked < total and time.monotonic() < deadline:
        step = min(AHEAD - (sent - parked), total - sent, GROUP - sent % GROUP)
        if step > 0:
            target = _stdin(processes[sent // GROUP])
            target.write(f"{step}\n")
            target.flush()
            sent += step
        time.sleep(0.05)
        parked = site.parked()
    return parked


def probes(site: Site) -> list[float]:
    """Seconds that requests of a phone which does not wait take, one after the other."""
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=60)
    head, _, _ = site.request(site.phones - 1, "FolderSync", b"").partition("\r\n\r\n")
    first, *rest = head.split("\r\n")
    headers = dict(line.split(": ", 1) for line in rest if not line.startswith("Content-Length"))
    target = first.split(" ")[1]
    assert target.startswith(PATH)
    seconds = []
    for _ in range(PROBES):
        began = time.monotonic()
        connection.request("POST", target, site.folder_sync(), headers)
        answer = connection.getresponse()
        answer.read()
        seconds.append(time.monotonic() - began)
        if answer.status != 200:
            sys.exit(f"a FolderSync is answered with {answer.status}")
        time.sleep(0.02)
    connection.close()
    return seconds[PROBES // 10 :]


def is_right(number: int, status: int, body: bytes) -> bool:
    """Whether this is what a phone is told for whom nothing came: Status 1 to a Ping, an empty body to a Sync."""
    if status != 200:
        return False
    if number % 2:
        return body == b""
    try:
        return decode(body).text_of("Ping:Status") == "1"
    except WbxmlError:
        return False


def measure(site: Site, heartbeat: int) -> Outcome:
    """Fill the service with phones, look at it, and wait until all are gone."""
    outcome = Outcome()
    with ExitStack() as stack:
        processes = groups(site, heartbeat, stack)
        outcome.before = probes(site)
        memory, cpu, began = site.memory(), site.cpu(), time.monotonic()
        outcome.parked = fill(site, processes, heartbeat)
        outcome.seconds = time.monotonic() - began
        outcome.setting_up = site.cpu() - cpu
        say(f"{outcome.parked} are parked after {outcome.seconds:.0f} s")
        time.sleep(2)
        cpu = site.cpu()
        time.sleep(QUIET)
        outcome.quiet = (site.cpu() - cpu) / QUIET
        outcome.memory = site.memory() - memory
        say(f"{outcome.memory / max(outcome.parked, 1):.1f} kB each, {100 * outcome.quiet:.1f} % of a core")
        outcome.during = probes(site)
        cpu = site.cpu()
        told: list[tuple[float, bool]] = []
        for process in processes:
            _stdin(process).close()
        for process in processes:
            assert process.stdout is not None
            for line in process.stdout:
                number, took, status, body = json.loads(line)
                told.append((took, is_right(number, status, bytes.fromhex(body))))
        outcome.ending = site.cpu() - cpu
    margin = heartbeat * EARLY + 0.1
    outcome.right = sum(right and -margin <= took - heartbeat <= LATE for took, right in told)
    outcome.late = max(took for took, _ in told) - heartbeat
    return outcome


def say(text: str) -> None:
    """Progress, for who waits."""
    print(text, file=sys.stderr, flush=True)


def figures(phones: int, outcome: Outcome) -> list[Figure]:
    """The rows."""
    before, during = statistics.median(outcome.before), statistics.median(outcome.during)
    of = f"{phones:,} phones"
    return [
        Figure(f"{of}: parked at the same time", outcome.parked, "phones", ("at least", phones)),
        Figure(f"{of}: memory of the workers, each", outcome.memory / phones, "kB", ("at most", KILOBYTES)),
        Figure(
            f"{of}: processor while nothing happens", 100 * outcome.quiet, "% of a core", ("at most", 5.0)
        ),
        Figure(f"{of}: answered rightly and in time", 100 * outcome.right / phones, "%", ("at least", 100.0)),
        Figure(f"{of}: the latest answer after its heartbeat", outcome.late, "s", ("at most", LATE)),
        Figure(
            f"{of}: until one is parked, with its login at OX", 1000 * outcome.setting_up / phones, "ms CPU"
        ),
        Figure(f"{of}: until one is answered", 1000 * outcome.ending / phones, "ms CPU"),
        Figure("FolderSync of another while nobody waits", 1000 * before, "ms"),
        Figure("... while all of them wait", during / before, "times", ("at most", 1.5)),
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and tell; exits with 1 if a target is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.parked", description=__doc__.splitlines()[0])
    parser.add_argument("--phones", type=int, default=20_000, help="how many wait (20,000)")
    parser.add_argument("--users", type=int, default=5_000, help="how many people they belong to (5,000)")
    parser.add_argument("--workers", type=int, default=2, help="worker processes (2)")
    parser.add_argument("--heartbeat", type=int, default=0, help="seconds (60, and one for each 40 phones)")
    parser.add_argument("--polls", type=int, default=NEVER, help="seconds between two looks (an hour)")
    chosen = parser.parse_args(arguments)
    heartbeat = chosen.heartbeat or min(60 + chosen.phones // 40, 1770)
    polls = chosen.polls * 1000
    say(f"setting up {chosen.phones} phones of {chosen.users} users")
    with crowded(
        chosen.phones + 1,
        chosen.users,
        chosen.workers,
        session__sync__email_pull_delay=polls,
        session__sync__email_pull_min_delay=polls,
        session__sync__pull_interval=polls,
    ) as site:
        outcome = measure(site, heartbeat)
    return tell("parked", figures(chosen.phones, outcome))


if __name__ == "__main__":
    sys.exit(main())
