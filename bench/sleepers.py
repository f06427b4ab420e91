"""Many phones that wait: a cheap process that holds connections, sends ready-made requests and notes the answers.

``python -m bench.sleepers``: one line of JSON on the standard input says what to send (:class:`Errand`), then each line
with a number lets so many more phones ask; at its end the process answers with a line of JSON for each phone that was
answered, ``[number, seconds, status, body in hexadecimal]``, and ends when all have been answered or ``patience`` is
over. Phones come from different loopback addresses, as one address has too few ports.
"""

from __future__ import annotations

import json
import os
import re
import resource
import select
import socket
import sys
import time
from dataclasses import asdict, dataclass
from typing import Final

PORTS: Final = 20_000
"""So many connections come from one address."""
_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_NO_PORT_YET: Final = 24
"""IP_BIND_ADDRESS_NO_PORT: the port is chosen when the connection is made."""


@dataclass(frozen=True, slots=True)
class Errand:
    """``requests``: whole HTTP requests, one a phone, numbered from ``first``. ``patience``: seconds that a phone waits
    for its answer."""

    port: int
    first: int
    requests: list[str]
    patience: float

    def dumps(self) -> str:
        """As a line of text."""
        return json.dumps(asdict(self)) + "\n"


class Sleeper:
    """One phone."""

    __slots__ = ("answer", "began", "line", "number", "took")

    def __init__(self, number: int, line: socket.socket, request: bytes) -> None:
        self.number = number
        self.line = line
        self.answer = b""
        self.took = 0.0
        self.began = time.monotonic()
        line.sendall(request)

    def hear(self) -> bool:
        """Read what there is; whether the answer is whole, or the line dead."""
        try:
            block = self.line.recv(65536)
        except OSError:
            block = b""
        self.answer += block
        self.took = time.monotonic() - self.began
        head, end, body = self.answer.partition(b"\r\n\r\n")
        found = _LENGTH.search(head)
        return not block or (bool(end) and (found is None or len(body) >= int(found.group(1))))

    def told(self) -> list[object]:
        """The outcome."""
        head, _, body = self.answer.partition(b"\r\n\r\n")
        words = head.split(b" ", 2)
        status = int(words[1]) if len(words) > 1 else 0
        return [self.number, round(self.took, 3), status, body.hex()]


def call(port: int, number: int) -> socket.socket:
    """A connection to the server."""
    line = socket.socket()
    line.setsockopt(socket.IPPROTO_IP, _NO_PORT_YET, 1)
    line.bind((f"127.0.1.{1 + number // PORTS}", 0))
    line.connect(("127.0.0.1", port))
    return line


def main() -> None:
    """See the module."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    errand = Errand(**json.loads(sys.stdin.readline()))
    poll = select.epoll()
    poll.register(sys.stdin.fileno(), select.EPOLLIN)
    asleep: dict[int, Sleeper] = {}
    told: list[list[object]] = []
    sent, commands, listening = 0, b"", True
    last = time.monotonic()
    while listening or (asleep and time.monotonic() < last + errand.patience):
        for descriptor, _ in poll.poll(1.0):
            if descriptor != sys.stdin.fileno():
                if asleep[descriptor].hear():
                    poll.unregister(descriptor)
                    sleeper = asleep.pop(descriptor)
                    sleeper.line.close()
                    told.append(sleeper.told())
                continue
            block = os.read(descriptor, 4096)
            if not block:
                poll.unregister(descriptor)
                listening = False
            *lines, commands = (commands + block).split(b"\n")
            for _ in range(sum(map(int, lines))):
                number = errand.first + sent
                sleeper = Sleeper(number, call(errand.port, number), errand.requests[sent].encode())
                asleep[sleeper.line.fileno()] = sleeper
                poll.register(sleeper.line.fileno(), select.EPOLLIN)
                sent += 1
                last = time.monotonic()
    for row in told:
        print(json.dumps(row))
    for sleeper in asleep.values():
        print(json.dumps([sleeper.number, round(time.monotonic() - sleeper.began, 3), 0, ""]))


if __name__ == "__main__":
    main()
