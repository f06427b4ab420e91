"""The bus between nodes: one channel of a Redis server, on which every worker process publishes and listens.

* Inside a node news goes the node's own way (:mod:`app.notify.node`), with or without Redis; what comes back from Redis
  with the own node's mark has been heard already.
* Whoever publishes never waits for Redis: a thread sends what lies in a short queue. What does not fit, or cannot be
  sent, is lost, as news is a hint: devices whose folders are not announced are told after the next look.
* Redis may come, go and hang at any time. Both directions connect anew by themselves, after pauses that grow and that
  are random in part, so that the nodes do not come back all at once.
"""

from __future__ import annotations

import logging
import random
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from app.notify.bus import Bus, LocalBus, News, Receiver
from app.notify.node import LARGEST, deliver, pack
from app.notify.waker import Waker

_log = logging.getLogger(__name__)

CHANNEL: Final = "open-xchange-usm"
"""With the number of the database behind it, which Redis itself does not keep channels apart by."""

QUEUE: Final = 2_000
"""News that waits to be sent, at most; the oldest goes first."""

PATIENCE: Final = 3.0
"""Seconds that Redis may take to connect or to answer."""

PULSE: Final = 10.0
"""Seconds of silence after which a sign of life is asked for."""

SHORTEST: Final = 0.25
LONGEST: Final = 15.0
"""Seconds between two attempts to connect."""


class RedisBus:
    """A worker's end of the bus. ``near`` is the node's own; ``origin`` is the same for all workers of the node and for
    nobody else's. ``connected`` hears when news from other nodes is heard, and when not."""

    def __init__(
        self,
        url: str,
        near: Bus,
        origin: str,
        connected: Callable[[bool], None] = lambda yes: None,
    ) -> None:
        """Raises ``ValueError`` for an address that is none; does not connect yet."""
        self._redis = Redis.from_url(
            url,
            socket_connect_timeout=PATIENCE,
            socket_timeout=PATIENCE,
            retry=Retry(NoBackoff(), 0),
        )
        database = self._redis.connection_pool.connection_kwargs.get("db", 0)
        self._channel = f"{CHANNEL}:{database}"
        self._near = near
        self._far = LocalBus()
        self._origin = origin.encode()
        self._connected = connected
        self._queue: deque[bytes] = deque(maxlen=QUEUE)
        self._waiting = threading.Event()
        self._sending = _Line("sending news to other nodes")
        self._hearing = _Line("hearing news of other nodes")
        self._closed = threading.Event()
        self._found = threading.Event()
        connected(False)
        for name, work in (("redis-out", self._send_all), ("redis-in", self._listen)):
            threading.Thread(target=work, name=name, daemon=True).start()

    def publish(self, news: News) -> None:
        """See :class:`app.notify.bus.Bus`."""
        self._near.publish(news)
        data = pack(news)
        if len(data) <= LARGEST:
            self._queue.append(self._origin + b"\n" + data)
            self._waiting.set()

    def subscribe(self, receive: Receiver) -> None:
        """See :class:`app.notify.bus.Bus`."""
        self._near.subscribe(receive)
        self._far.subscribe(receive)

    def close(self) -> None:
        """No more news goes out or comes in from now on."""
        self._closed.set()
        self._waiting.set()
        self._found.set()

    def _send_all(self) -> None:
        while not self._closed.is_set():
            if not self._queue:
                self._waiting.wait()
            self._waiting.clear()
            self._found.clear()
            try:
                while self._queue:
                    self._redis.publish(self._channel, self._queue.popleft())
                    self._sending.works()
            except Exception as error:  # noqa: BLE001  (whatever it is, the thread must live on)
                # What comes from now on is kept: the other direction may find Redis again before this one tries.
                self._queue.clear()
                self._found.wait(self._sending.broke(error))

    def _listen(self) -> None:
        while not self._closed.is_set():
            try:
                self._hear()
            except Exception as error:  # noqa: BLE001  (whatever it is, the thread must live on)
                self._connected(False)
                self._closed.wait(self._hearing.broke(error))

    def _hear(self) -> None:
        """Take news until the connection breaks, or this end is closed."""
        with self._redis.pubsub() as pubsub:  # type: ignore[no-untyped-call]
            pubsub.subscribe(self._channel)
            asked = False
            while not self._closed.is_set():
                message = pubsub.get_message(timeout=PATIENCE if asked else PULSE)
                if message is None:
                    if asked:
                        raise ConnectionError("Redis gives no sign of life")
                    pubsub.ping()
                    asked = True
                    continue
                asked = False
                self._hearing.works()
                if message["type"] == "message":
                    self._take(message["data"])
                elif message["type"] == "subscribe":
                    self._connected(True)
                    self._found.set()

    def _take(self, message: Any) -> None:
        origin, _, data = bytes(message).partition(b"\n")
        if origin != self._origin:
            deliver(data, self._far, Waker.REDIS)


class _Line:
    """One direction: says in the log when it breaks and when it works again, once each, and for how long to wait."""

    def __init__(self, purpose: str) -> None:
        self._purpose = purpose
        self._failures = 0

    def works(self) -> None:
        if self._failures:
            _log.info("%s: Redis is back", self._purpose)
        self._failures = 0

    def broke(self, error: Exception) -> float:
        self._failures += 1
        if self._failures == 1:
            _log.warning("%s: Redis fails, polling goes on: %s", self._purpose, error)
        longest = min(SHORTEST * 2.0 ** min(self._failures - 1, 16), LONGEST)
        return longest * random.uniform(0.5, 1.0)  # noqa: S311  # nosec B311 # no secret
