"""What each event in the life of a phone costs: the processor of a node, calls of OX, work of the database.

One node, one worker, on a MariaDB, as many events of a kind as make the figures steady. A replica follows the database
as in :mod:`tests.end_to_end.cluster`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from redis import Redis

from app.notify.bus import Announcement
from app.notify.node import pack
from app.notify.redis_bus import CHANNEL
from bench.processes import cpu_of
from bench.same_work import CALENDAR, CONTACTS, INBOX, WISHES
from lab.browser import Browser
from lab.device import Phone, mail
from tests.end_to_end.cluster import Cluster, Node
from tests.end_to_end.stack import PASSWORD, message, wait_until

TIMES: Final = 40
LOOKING: Final = 15.0
"""Seconds for which looks are counted, one a second and user."""

HEARD: Final = 5_000
"""News of other nodes."""

TASKS: Final = 7
FOUR: Final = (INBOX, CALENDAR, CONTACTS, TASKS)
"""Types of the folders that a phone waits for."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one event: milliseconds of a processor, calls of OX, statements and rows written in the database."""

    cpu: float = 0.0
    ox: float = 0.0
    statements: float = 0.0
    rows: float = 0.0


class Meter:
    """Takes readings around events on one node."""

    def __init__(self, cluster: Cluster, node: Node) -> None:
        self._cluster = cluster
        self._node = node

    def of(self, times: int, event: Callable[[], None]) -> Cost:
        """What one of ``times`` events costs."""
        event()
        before = self.readings()
        for _ in range(times):
            event()
        return self.since(before, times)

    def since(self, before: tuple[float, ...], times: float) -> Cost:
        """What has happened since a reading, by ``times``."""
        after = self.readings()
        cpu, ox, statements, rows = (
            (late - early) / times for early, late in zip(before, after, strict=True)
        )
        return Cost(cpu * 1000, ox, statements, rows)

    def readings(self) -> tuple[float, ...]:
        """Seconds of a processor, calls of OX, statements and rows until now."""
        database = self._cluster.database.first
        read = {str(name): str(value) for name, value in database.execute("SHOW GLOBAL STATUS")}
        written = sum(int(read[f"Handler_{each}"]) for each in ("write", "update", "delete"))
        return (cpu_of(self._node.pids()[:1]), self._cluster.ox_calls(), int(read["Questions"]), written)


def measure(cluster: Cluster) -> dict[str, Cost]:
    """Event of :mod:`bench.population` -> what it costs."""
    node = cluster.nodes[0]
    meter = Meter(cluster, node)
    phone = set_up(node, "anton@example.org", "COSTS1")
    inbox = phone.folder_of_type(INBOX).server_id
    return {
        "nothing new": meter.of(TIMES, lambda: _sync(phone, inbox)),
        "folder sync": meter.of(TIMES, lambda: _folder_sync(phone)),
        "mark": meter.of(TIMES, _marks(phone, inbox)),
        "send": meter.of(TIMES, lambda: _send(phone)),
        "news": meter.of(TIMES, _arrivals(cluster, phone, inbox)),
        "ping": _pings(meter, node),
        "look": _looks(cluster),
        "announced": _heard(cluster, meter),
    }


def state_of_a_phone(cluster: Cluster) -> tuple[float, int]:
    """Bytes in the database for one more phone, and the items it holds."""
    node = cluster.nodes[0]
    phones = [set_up(node, "berta@example.org", f"SIZE{number}") for number in range(3)]
    before = _bytes(cluster)
    phones += [set_up(node, "berta@example.org", f"SIZE{number}") for number in range(3, 43)]
    items = sum(len(each.items) for each in phones[0].collections.values())
    return (_bytes(cluster) - before) / 40, items


def _bytes(cluster: Cluster) -> float:
    database = cluster.database.first
    names = database.execute("SELECT table_name FROM information_schema.tables WHERE table_schema='usm'")
    for (name,) in names:
        database.execute(f"ANALYZE TABLE `usm`.`{name}`")
    ((size,),) = database.execute(
        "SELECT SUM(data_length + index_length) FROM information_schema.tables WHERE table_schema='usm'"
    )
    return float(str(size))


def set_up(node: Node, login: str, device_id: str) -> Phone:
    """A phone that holds mail, calendar, contacts and tasks."""
    phone = Phone(node.url, login, PASSWORD, device_id=device_id, timeout=60.0)
    phone.folder_sync()
    for kind, folder_type in (("mails", INBOX), ("events", CALENDAR), ("contacts", CONTACTS), ("", TASKS)):
        phone.sync_all(phone.folder_of_type(folder_type).server_id, **WISHES.get(kind, {}))
    return phone


def _sync(phone: Phone, folder: str) -> None:
    phone.sync(folder, **WISHES["mails"])


def _folder_sync(phone: Phone) -> None:
    phone.folder_sync()


def _send(phone: Phone) -> None:
    mail.send(phone, mail.message("zoe@example.com", "Costs", "text " * 200, sender=phone.login))


def _marks(phone: Phone, inbox: str) -> Callable[[], None]:
    names: Iterator[str] = iter(list(phone.items(inbox)))
    return lambda: (phone.mark_read(inbox, next(names)), None)[1]


def _arrivals(cluster: Cluster, phone: Phone, inbox: str) -> Callable[[], None]:
    browser = Browser(cluster.ox_url)
    browser.login(phone.login, PASSWORD)

    def arrive() -> None:
        browser.deliver(message("News", "text " * 200))
        result = phone.sync(inbox, **WISHES["mails"])
        assert len(result.added) == 1, "a mail was delivered, and did not come"

    return arrive


def _pings(meter: Meter, node: Node) -> Cost:
    """Set up and answered again; the second Ping of a phone is what goes on all day."""
    phones = [set_up(node, f"user{number:04}@example.org", f"PARK{number}") for number in range(1, 9)]
    for phone in phones:
        _park(phone)
    before = meter.readings()
    for _ in range(TIMES // len(phones)):
        for phone in phones:
            _park(phone)
    return meter.since(before, TIMES)


def _park(phone: Phone) -> None:
    """Waits for a second, which is the whole of its heartbeat."""
    phone.ping([phone.folder_of_type(each).server_id for each in FOUR], 1)


def _looks(cluster: Cluster) -> Cost:
    """At all folders of a user, with one call."""
    node = cluster.add_node(**{"session.sync.pull_interval": 1000, "session.sync.email_pull_min_delay": 1000})
    meter = Meter(cluster, node)
    phones = [set_up(node, f"user{number:04}@example.org", f"LOOK{number}") for number in range(1, 9)]
    with ThreadPoolExecutor(len(phones)) as pool:
        for phone in phones:
            folders = [phone.folder_of_type(each).server_id for each in FOUR]
            pool.submit(phone.ping, folders, int(LOOKING * 3))
        assert wait_until(lambda: node.parked() == len(phones)), "the phones do not wait"
        time.sleep(2)
        before = meter.readings()
        time.sleep(LOOKING)
        cost = meter.since(before, 1)
        node.kill()
    looks = max(1.0, cost.ox)
    return Cost(cost.cpu / looks, 1.0, cost.statements / looks, cost.rows / looks)


def _heard(cluster: Cluster, meter: Meter) -> Cost:
    """News of a user for whom nobody waits here, told by another node."""
    redis = Redis.from_url(cluster.redis.url)
    data = b"another node\n" + pack(Announcement(1, 4711, ("default0/INBOX",)))
    before = meter.readings()
    for _ in range(HEARD):
        redis.publish(f"{CHANNEL}:0", data)
    time.sleep(2)
    return Cost(cpu=meter.since(before, HEARD).cpu)
