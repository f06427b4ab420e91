"""Connections that the event loop watches: on pairs of sockets, with the hub of this thread."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import suppress

import gevent
import pytest

from app.web.doorstep import Doorstep
from app.web.watch import Watch
from tests.web.conftest import ALIAS
from tests.web.test_doorstep import CLOSED, KEPT, Guard, request


class Worker:
    """Takes those that come in."""

    def __init__(self, guard: Guard | None = None) -> None:
        self.guard = guard or Guard()
        self.doorstep = Doorstep(ALIAS, self.guard)
        self.came: list[tuple[object, bytes, object]] = []
        self.is_ending = False
        self.watch = Watch(self.come_in, lambda: self.is_ending)
        self.clients: list[socket.socket] = []

    def come_in(self, listener: object, connection: socket.socket, address: object) -> None:
        with connection:
            self.came.append((listener, connection.recv(65536), address))
            gevent.sleep(0)

    def client(self, sent: bytes = b"", at_once: bool = False) -> socket.socket:
        """The other end of a connection that is watched now, or was looked at."""
        server, client = socket.socketpair()
        server.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 5000)
        self.clients.append(client)
        client.settimeout(5)
        client.sendall(sent)
        (self.watch.look if at_once else self.watch.take)(server, self.doorstep, "listener", "address")
        assert server.fileno() == -1
        return client


@pytest.fixture
def worker() -> Iterator[Worker]:
    found = Worker()
    yield found
    found.watch.close()
    for each in found.clients:
        each.close()


def turn() -> None:
    """Let the event loop see all that has arrived."""
    gevent.sleep(0.01)


def ended(client: socket.socket) -> bool:
    return client.recv(1) == b""


def test_a_connection_is_refused_again_and_again(worker):
    client = worker.client()
    for _ in range(3):
        client.sendall(request())
        turn()
        assert client.recv(65536) == KEPT
    assert (worker.watch.watched, len(worker.watch), worker.came) == (1, 1, [])


def test_what_may_come_in_comes_in_as_it_was_sent_and_counts_until_it_ends(worker):
    raw = request("anton")
    client = worker.client(raw)
    gevent.sleep(0)
    while not worker.came:
        gevent.sleep(0)
    assert worker.came == [("listener", raw, "address")]
    turn()
    assert ended(client)
    assert (worker.watch.watched, len(worker.watch)) == (0, 0)


def test_the_next_one_is_looked_at_when_the_one_before_has_come_in():
    class One(Guard):
        def refuse(self, authorization: str) -> int | None:
            return 30 if worker.came else None

    worker = Worker(One())
    clients = [worker.client(request("anton")) for _ in range(5)]
    turn()
    answers = sorted(each.recv(65536) for each in clients)
    assert answers == [b"", *[KEPT] * 4]
    assert len(worker.came) == 1
    worker.watch.close()
    for each in clients:
        each.close()


def test_what_has_arrived_with_the_connection_can_be_met_at_once(worker):
    assert worker.client(request(), at_once=True).recv(65536) == KEPT
    silent = worker.client(at_once=True)
    assert worker.watch.watched == 2
    silent.sendall(request())
    turn()
    assert silent.recv(65536) == KEPT
    last = worker.client(request(Connection="close"), at_once=True)
    assert last.recv(65536) == CLOSED
    assert ended(last)
    assert worker.watch.watched == 2


def test_a_client_that_goes_is_noticed(worker):
    worker.client().close()
    turn()
    assert len(worker.watch) == 0


def test_after_an_answer_with_the_request_still_coming_the_client_is_heard_to_the_end(worker):
    client = worker.client(request(body=b"x" * 20_000)[:10_000])
    turn()
    assert client.recv(65536) == CLOSED
    assert (worker.watch.watched, len(worker.watch)) == (0, 1)
    client.sendall(b"x" * 1000)
    client.shutdown(socket.SHUT_WR)
    turn()
    assert ended(client)
    assert len(worker.watch) == 0


def test_a_client_that_takes_no_answers_keeps_nobody_waiting(worker):
    client, other = worker.client(), worker.client()
    client.setblocking(False)
    sent = 0
    while worker.watch.watched == 2:
        worker.guard.times = 100
        with suppress(BlockingIOError):
            client.sendall(request())
            sent += 1
        gevent.sleep(0)
    other.sendall(request())
    turn()
    assert other.recv(65536) == KEPT
    client.settimeout(5)
    client.shutdown(socket.SHUT_WR)
    received = b""
    while block := _received(client):
        received += block
    assert received.startswith(KEPT * 2)
    assert not received.replace(KEPT, b"")
    assert sent >= received.count(KEPT) > 10


def _received(client: socket.socket) -> bytes:
    turn()
    return client.recv(65536)


def test_those_that_are_silent_for_too_long_are_closed_and_no_others(worker):
    silent, heard = worker.client(), worker.client()
    moment = time.monotonic()
    heard.sendall(request())
    turn()
    worker.watch.hang_up(moment)
    turn()
    assert ended(silent)
    assert heard.recv(65536) == KEPT
    assert worker.watch.watched == 1


def test_a_request_that_arrives_with_the_end_is_still_met(worker):
    refused = worker.client(request())
    worker.client(request("anton"))
    worker.is_ending = True
    worker.watch.hang_up(time.monotonic())
    turn()
    assert refused.recv(65536) == CLOSED
    assert ended(refused)
    assert worker.came == [("listener", request("anton"), "address")]
    assert len(worker.watch) == 0


def test_nothing_is_left_of_those_that_are_closed(worker):
    clients = [worker.client() for _ in range(3)]
    worker.watch.close()
    assert all(map(ended, clients))
    assert len(worker.watch) == 0
    turn()


def test_an_error_nobody_foresaw_ends_one_connection_and_is_told(caplog):
    class Broken(Guard):
        def refuse(self, authorization: str) -> int | None:
            raise RuntimeError("broken")

    worker = Worker(Broken())
    client, other = worker.client(request()), worker.client()
    turn()
    # There is something unread on it.
    with pytest.raises(ConnectionResetError):
        client.recv(1)
    assert worker.watch.watched == 1
    assert "at the doorstep" in caplog.text
    worker.watch.close()
    for each in (client, other):
        each.close()
