"""Requests that wait: without a greenlet, and with their connection as if they had one."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import gevent
import pytest

from app.web.parking import ParkingLot
from lab.ports import free_ports
from tests.web.test_server import ROOT, wait_until


class Service:
    """The worker with an application that only waits."""

    def __init__(self, folder: Path) -> None:
        self.port, admin = free_ports(2)
        self.log = folder / "usm.log"
        command = [sys.executable, "-m", "tests.web.waiting", str(folder), str(self.port), str(admin)]
        self.process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
        assert wait_until(self.accepts), self.log.read_text()

    def accepts(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def ask(self, path: str) -> str:
        with Line(self) as line:
            return line.ask(path)

    def told(self) -> list[int]:
        """How many wait, how many gave up, how many greenlets there are."""
        return [int(word) for word in self.ask("/told").split()]

    def wait_for(self, count: int) -> None:
        assert wait_until(lambda: self.told()[0] == count), self.told()


class Line:
    """One connection."""

    def __init__(self, service: Service) -> None:
        self.connection = socket.create_connection(("127.0.0.1", service.port), timeout=20)
        self.rest = b""
        self.head = ""

    def __enter__(self) -> Line:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def send(self, path: str, body: bytes = b"", version: str = "1.1", more: str = "") -> None:
        head = f"POST {path} HTTP/{version}\r\nHost: x\r\n{more}Content-Length: {len(body)}\r\n\r\n"
        self.connection.sendall(head.encode() + body)

    def answer(self) -> str:
        while b"\r\n\r\n" not in self.rest:
            self._read()
        head, _, self.rest = self.rest.partition(b"\r\n\r\n")
        self.head = head.decode().lower()
        length = int(self.head.partition("content-length: ")[2].split()[0])
        while len(self.rest) < length:
            self._read()
        body, self.rest = self.rest[:length], self.rest[length:]
        return body.decode()

    def ask(self, path: str) -> str:
        self.send(path)
        return self.answer()

    def ended(self) -> bool:
        return not self.rest and self.connection.recv(1) == b""

    def _read(self) -> None:
        block = self.connection.recv(65536)
        assert block, "the connection ended"
        self.rest += block


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    found = Service(tmp_path_factory.mktemp("waiting"))
    yield found
    found.process.terminate()
    assert found.process.wait(20) == 0
    assert "Traceback" not in found.log.read_text()


def test_a_request_that_waits_is_answered_with_what_it_came_with_and_its_connection_goes_on(service):
    with Line(service) as line:
        line.send("/wait?one", b"body", more="Cookie: a=b\r\n")
        service.wait_for(1)
        assert service.ask("/wake") == "1"
        assert line.answer() == "one a=b"
        assert line.ask("/told").startswith("0 ")


def test_many_that_wait_need_no_greenlet(service):
    before = service.told()[2]
    lines = [Line(service) for _ in range(40)]
    for number, line in enumerate(lines):
        line.send(f"/wait?{number}")
    service.wait_for(40)
    assert service.told()[2] < before + 10
    service.ask("/wake")
    assert [line.answer().strip() for line in lines] == [str(number) for number in range(40)]
    for line in lines:
        line.connection.close()


def test_a_device_that_hangs_up_is_noticed_at_once(service):
    gave_up = service.told()[1]
    with Line(service) as line:
        line.send("/wait")
        service.wait_for(1)
    assert wait_until(lambda: service.told()[:2] == [0, gave_up + 1])


def test_the_next_request_of_an_impatient_device_is_answered_after_the_first(service):
    with Line(service) as line:
        line.send("/wait?first")
        service.wait_for(1)
        line.send("/told")
        assert service.told()[0] == 1
        service.ask("/wake")
        assert line.answer().strip() == "first"
        assert line.answer().startswith("0 ")


def test_a_request_read_together_with_the_next_one_is_not_parked(service):
    with Line(service) as line:
        one = b"POST /wait HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
        line.connection.sendall(one + one.replace(b"/wait", b"/told"))
        assert line.answer() == "not parked"
        assert line.answer().startswith("0 ")


@pytest.mark.parametrize(
    ("version", "more", "ends"),
    [
        ("1.0", "", True),
        ("1.0", "Connection: keep-alive\r\n", False),
        ("1.1", "Connection: close\r\n", True),
    ],
)
def test_the_connection_ends_with_the_answer_where_the_device_wants_it(service, version, more, ends):
    with Line(service) as line:
        line.send("/wait?x", version=version, more=more)
        service.wait_for(1)
        service.ask("/wake")
        assert line.answer().strip() == "x"
        assert ("connection: close" in line.head) is ends
        assert not ends or line.ended()


def test_a_device_may_wait_again_and_again_on_one_connection(service):
    with Line(service) as line:
        for number in range(5):
            line.send(f"/wait?{number}")
            service.wait_for(1)
            service.ask("/wake")
            assert line.answer().strip() == str(number)


def test_a_connection_above_the_limit_is_refused_at_once_with_the_time_to_come_again(service):
    lines = [Line(service) for _ in range(59)]
    for line in lines[:-1]:
        line.send("/wait")
    assert wait_until(lambda: lines[-1].ask("/told").startswith("58 "))
    others = [Line(service) for _ in range(3)]
    answers = []
    for line in others[1:]:
        line.send("/told")
        answers.append((line.answer(), line.head.splitlines()[0], "retry-after: 60" in line.head))
    assert answers == [("", "http/1.1 503 service unavailable", True)] * 2
    lines[-1].ask("/wake")
    for line in [*lines, *others]:
        line.connection.close()
    service.wait_for(0)


def test_connections_that_come_back_count_once(service):
    lines = [Line(service) for _ in range(45)]
    for line in lines:
        line.send("/wait")
    service.wait_for(45)
    service.ask("/wake")
    for line in lines:
        line.answer()
    for line in lines:
        assert line.ask("/told").startswith("0 ")
        assert " 200 " in line.head.splitlines()[0]
    for line in lines:
        line.connection.close()


def test_when_the_worker_ends_whoever_waits_is_answered_at_once(tmp_path):
    service = Service(tmp_path)
    with Line(service) as line:
        line.send("/wait?end")
        service.wait_for(1)
        service.process.terminate()
        assert line.answer().strip() == "end"
        assert "connection: close" in line.head
        assert line.ended()
    assert service.process.wait(20) == 0
    assert "Traceback" not in service.log.read_text()


def test_a_wake_that_comes_too_late_takes_nobody_else_away():
    class Request:
        method, path, version, headers = "POST", "/", (1, 1), ()

        def should_close(self) -> bool:
            return False

    class Waiter:
        """Parked; ``gone``: what happens while its place is given up."""

        def __init__(self, gone=lambda: None) -> None:
            self.give_up = gone

        def when_awake(self, call) -> None:
            self.wake = call

    def park(waiter: Waiter) -> socket.socket:
        ours, device = socket.socketpair()
        with ours:
            lot.take(ours, Request(), waiter, None, None)
        return device

    def come() -> None:
        devices.append(park(second))
        first.wake()

    resumed: list[object] = []
    lot = ParkingLot(lambda stall, line: (resumed.append(stall.again.parked), line.close()))
    second, first = Waiter(), Waiter(come)
    devices: list[socket.socket] = []
    park(first).close()
    gevent.sleep(0.05)
    assert [device.fileno() > 0 for device in devices] == [True]
    assert len(lot) == 1
    second.wake()
    gevent.sleep(0.05)
    assert resumed == [second]
    assert len(lot) == 0
    devices[0].close()
