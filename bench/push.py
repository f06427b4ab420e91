"""How soon a waiting phone hears of a change, by each way there is, and what OX is asked while phones wait.

``python -m bench push``: the stand-in for OX, a Redis, a Dovecot of Debian's that delivers by LMTP, and two nodes of
two workers each with one state, all on this machine. What is measured is what a person would see: the time between
the word that a change is made (the other phone's answer, Dovecot's 250) and the end of the answer to the phone that
waits, at a moment that has nothing to do with the server's own. What the change itself takes, and it needs calls to OX,
is told beside it. Each row has at least 40 of them. The way that is measured is the only one there is: looks at OX are
an hour apart, but where looking is measured.

What OX is asked is the stand-in's own count over intervals that are shorter than in earnest, as the calls go by the
interval: at the 30 seconds of the default, one call an interval is 120 an hour. What news costs a process that it does
not concern is the processor's time of a process that hears 20,000 of them.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import requests
from redis import Redis

from app.main import SystemClock
from app.notify.bus import Arrival, LocalBus
from app.notify.hub import Hub
from app.notify.node import pack
from app.notify.pull import PullRule
from app.notify.redis_bus import CHANNEL, RedisBus
from app.usm.model import SessionId
from bench.figures import Figure, tell
from lab import base, dovecot, hosts, redis
from lab.device import Phone
from lab.plan import Lab
from lab.ports import free_ports
from tests.end_to_end.stack import Process, Stack, message, wait_until

TIMES: Final = 40
HUSH: Final = "hush"
HOUR: Final = 3_600_000
LOOK: Final = 2_000
"""Milliseconds between two looks where looking is measured."""

SOON: Final = 0.3
"""Seconds within which a phone is to hear of what was announced."""

NEWS: Final = 2
INBOX, CONTACTS, CALENDAR, TASKS, SENT = 2, 9, 8, 7, 5
FIVE: Final = (INBOX, SENT, CONTACTS, CALENDAR, TASKS)

HEARD: Final = 20_000
"""Pieces of news that a process hears, to see what they cost it."""

COUNTED: Final = 30
"""Intervals over which calls are counted, of a second each."""


def settings(look: int, mail: bool, **more: object) -> dict[str, object]:
    """Of both nodes. ``look``: milliseconds between two looks; ``mail``: whether mail is looked at at all."""
    return {
        "workers": 2,
        "session.sync.pull_interval": look,
        "session.sync.email_pull_delay": look,
        "session.sync.email_pull_min_delay": look if mail else -1,
        "eas.throttle.requests": 0,
        "eas.throttle.repeats": 0,
        "notify.secret": HUSH,
        **more,
    }


class Pair(Stack):
    """Two nodes with one state."""

    def __init__(self, folder: Path, **more: object) -> None:
        super().__init__(folder, "empty", **more)
        port, admin = free_ports(2)
        etc = folder / "etc2"
        shutil.copytree(self.etc, etc)
        text = (etc / "usm.properties").read_text()
        text = text.replace(f"listen.port={self.port}\n", f"listen.port={port}\n")
        (etc / "usm.properties").write_text(text.replace(f"={self.admin_port}\n", f"={admin}\n"))
        self.second = Process(folder / "app2.log", "app", "--etc", str(etc))
        self.second_url = f"http://127.0.0.1:{port}"
        self._second_admin = admin

    def start(self) -> None:
        super().start()
        self.second.start()
        live = f"http://127.0.0.1:{self._second_admin}/usm/health/live"
        if not wait_until(lambda: self._answers(live)):
            sys.exit(f"the second node did not start:\n{self.second.text()}")

    def stop(self) -> None:
        self.second.stop()
        super().stop()

    def all_parked(self) -> int:
        """Requests that wait, at both nodes."""
        text = requests.get(f"http://127.0.0.1:{self._second_admin}/usm/metrics", timeout=20).text
        found = [line for line in text.splitlines() if line.startswith("usm_parked_requests ")]
        return self.parked() + sum(int(float(line.split()[1])) for line in found)

    def device(self, number: int, url: str, folders: Sequence[int], login: str = "anton") -> Phone:
        """A phone at a node, which has these folders."""
        phone = Phone(url, f"{login}@example.org", "secret", device_id=f"push{number:08d}", timeout=60.0)
        phone.provision()
        phone.folder_sync()
        for folder in folders:
            phone.sync_all(phone.folder_of_type(folder).server_id)
        return phone

    def calls(self) -> int:
        """Requests that OX was sent since the count began."""
        return sum(row["count"] for row in self.control("GET", "calls") if not row["within"])


@contextmanager
def pair(**more: object) -> Iterator[Pair]:
    """Two nodes that run."""
    with tempfile.TemporaryDirectory(prefix="push-") as folder:
        found = Pair(Path(folder), **more)
        try:
            found.start()
            yield found
        finally:
            found.stop()


class Waiter(threading.Thread):
    """A Ping in the background, and when it was answered (monotonic)."""

    def __init__(self, phone: Phone, folders: Sequence[str], heartbeat: int = 120) -> None:
        super().__init__(daemon=True)
        self._ping = lambda: phone.ping(folders, heartbeat).status
        self.status = 0
        self.answered = 0.0

    def run(self) -> None:
        self.status = self._ping()
        self.answered = time.monotonic()


@dataclass(frozen=True, slots=True)
class Delays:
    """Seconds from the word that a change is made to the phone's answer, and what the change itself took, one of each
    time."""

    seconds: Sequence[float]
    own: Sequence[float]

    def figures(self, way: str, most: float) -> list[Figure]:
        """The 95th percentile against its target, and the median."""
        high = sorted(self.seconds)[int(0.95 * len(self.seconds))]
        return [
            Figure(f"{way}: 95 % of {len(self.seconds)} within", high, "s", ("at most", most)),
            Figure("... median", statistics.median(self.seconds), "s"),
            Figure("... median of the change itself", statistics.median(self.own), "s"),
        ]


def delays(service: Pair, phone: Phone, folder: str, change: Callable[[], float], times: int) -> Delays:
    """Park, wait for a random while, change, and see when the phone is answered; again and again. ``change`` gives the
    moment (monotonic) from which the time counts."""
    found, own = [], []
    for _ in range(times):
        waiter = Waiter(phone, [folder])
        waiter.start()
        if not wait_until(lambda: service.all_parked() == 1):
            sys.exit("the phone does not wait")
        time.sleep(random.uniform(0.0, 0.5))
        began = time.monotonic()
        made = change()
        own.append(made - began)
        waiter.join(120)
        if waiter.status != NEWS:
            sys.exit(f"the Ping was answered with status {waiter.status}, not with news")
        found.append(max(waiter.answered - made, 0.0))
        phone.sync_all(folder)
    return Delays(found, own)


def by_another_device(service: Pair, url: str, times: int) -> Delays:
    """The phone waits at the first node, and another phone of the user adds a contact at the node of this address."""
    waiting = service.device(1, service.url, [CONTACTS])
    busy = service.device(2, url, [CONTACTS])
    folder = waiting.folder_of_type(CONTACTS).server_id

    def change() -> float:
        busy.close()  # so that another worker may take the next connection
        busy.add_contact(folder, {"Contacts:FirstName": "Some", "Contacts:LastName": f"Body {time.time()}"})
        return time.monotonic()

    return delays(service, waiting, folder, change, times)


def by_dovecot(service: Pair, host: dovecot.Dovecot, times: int) -> Delays:
    """Dovecot delivers a mail and tells the second node; the phone waits at the first."""
    phone = service.device(1, service.url, [INBOX])
    folder = phone.folder_of_type(INBOX).server_id
    browser = service.browser("anton")

    def change() -> float:
        mail = message(f"News {time.monotonic()}")
        # OX would look into the same mailbox; the stand-in, which tells nobody, has one of its own.
        browser.deliver(mail)
        return host.deliver("anton@example.org", mail)

    return delays(service, phone, folder, change, times)


def by_looking(service: Pair, times: int) -> Delays:
    """A mail comes in of which nobody tells."""
    phone = service.device(1, service.url, [INBOX])
    folder = phone.folder_of_type(INBOX).server_id
    browser = service.browser("anton")

    def change() -> float:
        browser.deliver(message(f"News {time.time()}"))
        return time.monotonic()

    return delays(service, phone, folder, change, times)


def calls(service: Pair, phones: int, folders: Sequence[int]) -> float:
    """Calls to OX an interval of a second, while so many phones of one user wait for so many folders."""
    devices = [
        service.device(number, service.url if number % 2 else service.second_url, folders)
        for number in range(phones)
    ]
    waiters = [
        Waiter(phone, [phone.folder_of_type(each).server_id for each in folders], COUNTED + 30)
        for phone in devices
    ]
    for waiter in waiters:
        waiter.start()
    if not wait_until(lambda: service.all_parked() == phones):
        sys.exit("the phones do not wait")
    time.sleep(2)
    before, began = service.calls(), time.monotonic()
    time.sleep(COUNTED)
    made, took = service.calls() - before, time.monotonic() - began
    # The same service goes on with other phones: these end by a newer wait, which a Ping of a second is.
    for phone in devices:
        other = Phone(phone.transport.url, phone.login, "secret", device_id=phone.device_id, timeout=60.0)
        other.transport.policy_key = phone.policy_key
        other.ping([phone.folder_of_type(folders[0]).server_id], 1)
    return made / took


def hear(url: str, ready: Any, cost: Any) -> None:
    """A process with a waiting room where nobody waits: what hearing the news costs it, in seconds of a processor."""
    heard = 0
    done = threading.Event()

    def count(news: object) -> None:
        nonlocal heard
        heard += 1
        if heard == HEARD:
            done.set()

    joined = threading.Event()
    bus = RedisBus(url, LocalBus(), "hears", lambda yes: joined.set() if yes else None)
    Hub(SystemClock(), PullRule(), bus)
    bus.subscribe(count)
    joined.wait(30)
    before = time.process_time()
    ready.set()
    done.wait(300)
    cost.put(time.process_time() - before)


def of_news(url: str) -> float:
    """Microseconds of a processor for one piece of news that concerns nobody here."""
    context = multiprocessing.get_context("spawn")
    ready, cost = context.Event(), context.Queue()
    process = context.Process(target=hear, args=(url, ready, cost), daemon=True)
    process.start()
    if not ready.wait(60):
        sys.exit("nobody hears the news")
    data = b"tells\n" + pack(Arrival(SessionId(1, 3, "EAS", "A" * 32), 1234567890.5))
    with Redis.from_url(url) as line:
        for _ in range(HEARD // 100):
            with line.pipeline(transaction=False) as several:
                for _ in range(100):
                    several.publish(f"{CHANNEL}:0", data)
                several.execute()
    seconds = cost.get(timeout=300)
    process.join()
    return float(seconds) / HEARD * 1e6


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and tell; exits with 1 if a target is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench push", description=__doc__)
    parser.add_argument("--times", type=int, default=TIMES, help="changes of each kind")
    times = parser.parse_args(arguments).times
    figures: list[Figure] = []
    with redis.RedisServer() as server:
        told = {"notify.redis_url": server.url}
        with pair(**settings(HOUR, False, **told)) as service:
            way = "through the same node, another worker or not"
            figures += by_another_device(service, service.url, times).figures(way, SOON)
            figures += by_another_device(service, service.second_url, times).figures(
                "through another node, by Redis", SOON
            )
            with mail_host(service) as host:
                host.register("anton@example.org", 3, 1)
                way = "mail that Dovecot delivers, by its push driver"
                figures += by_dovecot(service, host, times).figures(way, SOON)
        with pair(**settings(LOOK, True, **told)) as service:
            seconds = LOOK / 1000
            way = f"found by looking every {seconds:g} s"
            figures += by_looking(service, times).figures(way, seconds + SOON)
        with pair(**settings(1000, True, **told)) as service:
            for phones, folders in ((1, FIVE[:1]), (1, FIVE), (6, FIVE)):
                rate = calls(service, phones, folders)
                what = f"{phones} phone{'s'[: phones > 1]} of a user, {len(folders)} folder{'s'[: len(folders) > 1]}"
                figures.append(Figure(f"OX calls an interval: {what}", rate, "", ("at most", 1.1)))
                figures.append(
                    Figure("... an hour and phone, at the default of 30 s", 120 * rate / phones, "")
                )
        figures.append(
            Figure(
                "news from elsewhere that concerns nobody, processor",
                of_news(server.url),
                "µs",
                ("at most", 50),
            )
        )
    return tell("push", figures)


@contextmanager
def mail_host(service: Pair) -> Iterator[dovecot.Dovecot]:
    """A Dovecot that tells the second node."""
    lab = Lab("benchpush")
    base.ensure(hosts.steps(lab, "layers"), {dovecot.ROLE})
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, lab.directory, ignore_errors=True)
        port = int(service.second_url.rpartition(":")[2])
        yield stack.enter_context(dovecot.running(lab.directory / "mail", [port], "dovecot", HUSH))


if __name__ == "__main__":
    sys.exit(main())
