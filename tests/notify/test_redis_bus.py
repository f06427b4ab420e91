"""The bus between nodes, with a real Redis that comes and goes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import ClassVar

import pytest
from redis import Redis

from app.notify import redis_bus
from app.notify.bus import Announcement, Arrival, LocalBus, Mention, News
from app.notify.redis_bus import RedisBus, _Line
from app.usm.model import SessionId
from lab.redis import RedisServer, is_installed
from tests.waiting import within

SESSION = SessionId(1, 3, "EAS", "phone1")
NEWS: list[News] = [
    Announcement(1, 3, ("default0/Entwürfe",), SESSION),
    Arrival(SESSION, 1234.5),
    Mention("anton@example.org", ("default0/INBOX",)),
]
ONE = NEWS[0]


wait_until = within(20.0)


class Node:
    """A worker process of a node: its end of the bus, what it hears, and whether it is connected."""

    all: ClassVar[list[RedisBus]] = []

    def __init__(self, server: RedisServer, origin: str, near: LocalBus | None = None) -> None:
        self.heard: list[News] = []
        self.connected: bool | None = None
        self.bus = RedisBus(server.url, near or LocalBus(), origin, self._note)
        self.bus.subscribe(self.heard.append)
        Node.all.append(self.bus)

    def _note(self, yes: bool) -> None:
        self.connected = yes

    def is_told_by(self, other: Node) -> bool:
        """Whether news arrives, sooner or later."""

        def arrives() -> bool:
            other.bus.publish(ONE)
            return wait_until(lambda: ONE in self.heard, 0.2)

        self.heard.clear()
        return wait_until(arrives)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"PATIENCE": 0.5, "PULSE": 0.3, "SHORTEST": 0.05, "LONGEST": 0.2}.items():
        monkeypatch.setattr(redis_bus, name, value)


@pytest.fixture
def server() -> Iterator[RedisServer]:
    if not is_installed():
        pytest.skip("redis-tools is not installed")
    with RedisServer("hush") as server:
        yield server


@pytest.fixture(autouse=True)
def _end() -> Iterator[None]:
    yield
    for bus in Node.all:
        bus.close()
    Node.all.clear()


def nodes(server: RedisServer, *origins: str) -> list[Node]:
    found = [Node(server, origin) for origin in origins]
    assert wait_until(lambda: all(node.connected for node in found))
    return found


def test_news_reaches_every_node_once_and_the_own_process_at_once(server):
    one, two, three = nodes(server, "one", "two", "three")
    for news in NEWS:
        one.bus.publish(news)
    assert one.heard == NEWS
    assert wait_until(lambda: two.heard == three.heard == NEWS)
    two.bus.publish(ONE)
    assert wait_until(lambda: one.heard == [*NEWS, ONE] and three.heard == [*NEWS, ONE])
    assert two.heard == [*NEWS, ONE]


def test_workers_of_one_node_hear_each_other_the_nodes_own_way_and_only_so(server):
    near = LocalBus()
    one, two = Node(server, "node", near), Node(server, "node", near)
    (far,) = nodes(server, "other")
    assert wait_until(lambda: one.connected and two.connected)
    one.bus.publish(ONE)
    assert wait_until(lambda: far.heard == [ONE])
    assert two.heard == [ONE]
    far.bus.publish(NEWS[1])
    assert wait_until(lambda: one.heard == two.heard == [ONE, NEWS[1]])


def test_a_redis_that_goes_and_comes_back_is_found_again(server, caplog):
    one, two = nodes(server, "one", "two")
    server.stop()
    assert wait_until(lambda: two.connected is False)
    started = time.monotonic()
    for _ in range(100):
        one.bus.publish(ONE)
    assert time.monotonic() - started < 5
    assert one.heard == [ONE] * 100
    server.start()
    assert two.is_told_by(one)
    assert one.is_told_by(two)
    assert caplog.text.count("Redis fails") <= 4


def test_what_is_said_once_everybody_listens_again_is_heard(server, monkeypatch):
    one, two = nodes(server, "one", "two")
    # Whoever sends has found out that Redis is away, and would not try again for long.
    server.stop()
    assert wait_until(lambda: one.connected is False and two.connected is False)
    monkeypatch.setattr(_Line, "broke", lambda line, error: 60.0 if line is one.bus._sending else 0.1)
    one.bus.publish(NEWS[1])
    assert wait_until(lambda: not one.bus._queue)
    server.start()
    assert wait_until(lambda: one.connected and two.connected)
    one.bus.publish(ONE)
    assert wait_until(lambda: ONE in two.heard)


def test_a_redis_that_hangs_counts_as_gone(server):
    one, two = nodes(server, "one", "two")
    server.pause()
    try:
        one.bus.publish(ONE)
        assert one.heard == [ONE]
        assert wait_until(lambda: two.connected is False)
    finally:
        server.resume()
    assert two.is_told_by(one)


def test_a_node_that_starts_before_redis_does_finds_it(server):
    server.stop()
    one, two = Node(server, "one"), Node(server, "two")
    one.bus.publish(ONE)
    assert one.heard == [ONE]
    server.start()
    assert two.is_told_by(one)


def test_nonsense_on_the_channel_does_not_end_the_listening(server):
    one, two = nodes(server, "one", "two")
    for data in ("nonsense", "[]", '"x\\n{}"', '"\\n"'):
        assert server.command("PUBLISH", f"{redis_bus.CHANNEL}:0", data) == ":2"
    assert two.is_told_by(one)


def test_an_error_that_nobody_foresaw_ends_neither_direction(server, monkeypatch):
    one, two = nodes(server, "one", "two")
    hear, publish = RedisBus._hear, Redis.publish
    broken: list[object] = []

    def fails(first, *rest):
        if first not in broken:
            broken.append(first)
            raise AttributeError("a bug of the library")
        return (hear if isinstance(first, RedisBus) else publish)(first, *rest)

    monkeypatch.setattr(RedisBus, "_hear", fails)
    monkeypatch.setattr(Redis, "publish", fails)
    server.stop()
    assert wait_until(lambda: one.connected is False and two.connected is False)
    server.start()
    assert two.is_told_by(one)
    assert one.is_told_by(two)
    assert len(broken) == 4


def test_an_address_that_is_none_is_an_error():
    with pytest.raises(ValueError, match="redis"):
        RedisBus("http://example.org", LocalBus(), "one")
