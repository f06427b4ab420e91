"""Requests at a given rate, whatever the answers say: the load of :mod:`bench.overload`, in a process of its own.

Reads one line of JSON from its standard input (:class:`Order`) and writes one of what it met to its standard output
(:class:`Met`). One thread, plain sockets and requests made beforehand: it must take little from the server beside it.
A request goes over any connection that is free, as from a proxy; where none is free, another one is opened.
"""

from __future__ import annotations

import json
import re
import select
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import cycle
from typing import Final

from lab.plan import PROJECT

LAST: Final = 15.0
"""Seconds until the last answers must be there."""

_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Order:
    """``requests`` in turn, ``rate`` each second for so many ``seconds``; at a rate of 0 each connection asks again as
    soon as it is answered. ``connections``: how many at most."""

    port: int
    requests: Sequence[str]
    rate: float
    seconds: float
    connections: int


@dataclass(slots=True)
class Met:
    """Answers by status, 0 for none; ``told``: refusals that say when to come again; ``unsent``: requests for which
    there was no connection; ``served`` and ``refused``: seconds to each answer."""

    by_status: dict[str, int] = field(default_factory=dict)
    told: int = 0
    unsent: int = 0
    served: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)

    @property
    def sent(self) -> int:
        """How many requests."""
        return sum(self.by_status.values())


class Connection:
    """One connection, and the request that is under way on it."""

    __slots__ = ("answer", "began", "line")

    def __init__(self, port: int) -> None:
        self.line = socket.create_connection(("127.0.0.1", port), timeout=LAST)
        self.line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.began = 0.0
        self.answer = b""


class Storm:
    """See the module."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._requests: Iterator[bytes] = cycle([each.encode("latin-1") for each in order.requests])
        self._poll = select.epoll()
        self._all: dict[int, Connection] = {}
        self._free: list[Connection] = []
        self._met = Met()
        self._count: Counter[str] = Counter()

    def run(self) -> Met:
        """Send, and wait for the last answers."""
        order, began = self._order, time.monotonic()
        end, sent = began + order.seconds, 0
        while (now := time.monotonic()) < end:
            due = int((now - began) * order.rate) - sent if order.rate else order.connections - self._busy
            for _ in range(due):
                self._send()
            sent += due
            self._hear(0.001)
        while self._busy and time.monotonic() < end + LAST:
            self._hear(0.05)
        self._count["0"] += self._busy
        self._met.by_status = dict(self._count)
        return self._met

    @property
    def _busy(self) -> int:
        return len(self._all) - len(self._free)

    def _send(self) -> None:
        try:
            if self._free:
                connection = self._free.pop()
            elif len(self._all) < self._order.connections:
                connection = Connection(self._order.port)
                self._all[connection.line.fileno()] = connection
                self._poll.register(connection.line, select.EPOLLIN)
            else:
                self._met.unsent += 1
                return
        except OSError:
            self._count["0"] += 1
            return
        connection.began, connection.answer = time.monotonic(), b""
        try:
            connection.line.sendall(next(self._requests))
        except OSError:
            self._end(connection)
            self._count["0"] += 1

    def _hear(self, seconds: float) -> None:
        for file, _ in self._poll.poll(seconds):
            connection = self._all[file]
            try:
                block = connection.line.recv(65536)
            except OSError:
                block = b""
            if block:
                connection.answer += block
                self._understand(connection)
            else:
                self._count["0"] += bool(connection.began)
                if not connection.began:
                    self._free.remove(connection)
                self._end(connection)

    def _understand(self, connection: Connection) -> None:
        head, end, body = connection.answer.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if not end or (length and len(body) < int(length.group(1))):
            return
        seconds, status = time.monotonic() - connection.began, head[9:12].decode()
        head = head.lower()
        self._count[status] += 1
        if status == "503":
            self._met.refused.append(seconds)
            self._met.told += b"\r\nretry-after: " in head
        else:
            self._met.served.append(seconds)
        connection.began = 0.0
        if b"\r\nconnection: close" in head:
            self._end(connection)
        else:
            self._free.append(connection)

    def _end(self, connection: Connection) -> None:
        self._poll.unregister(connection.line)
        del self._all[connection.line.fileno()]
        connection.line.close()


def run(order: Order) -> Met:
    """Let a process of its own do it. Raises ``CalledProcessError``."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.storm"],
        cwd=PROJECT,
        input=json.dumps(asdict(order)),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return Met(**json.loads(done.stdout))


if __name__ == "__main__":
    print(json.dumps(asdict(Storm(Order(**json.loads(sys.stdin.readline()))).run())))
