"""How a node comes and goes: what a proxy in front of it meets at the start, at the end, and at new settings."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.ports import free_ports
from tests.web.test_server import ALIAS, ROOT, Service, wait_until

OPTIONS = f"OPTIONS {ALIAS} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
BEGUN = (
    f"POST {ALIAS}?Cmd=FolderSync&User=a&DeviceId=d&DeviceType=t HTTP/1.1\r\nHost: x\r\n"
    "Authorization: Basic YTpi\r\nMS-ASProtocolVersion: 14.1\r\nContent-Type: application/vnd.ms-sync.wbxml\r\n"
    "Content-Length: 4\r\n\r\n\x03\x01"
).encode()
SOON = 15.0
"""Seconds, even on a busy machine; far less than the graceful timeout."""

REST = b"\x6a\x00"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A service of two workers that gives what is under way half a minute."""
    found = Service(tmp_path)
    found.settings["graceful_timeout"] = 30
    found.write()
    found.start()
    yield found
    assert found.process is not None
    if found.process.poll() is None:
        found.stop()
    assert "Traceback" not in found.text(), found.text()


def connect(service: Service) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", service.port), timeout=10)
    connection.settimeout(20)
    return connection


def accepts(service: Service) -> bool:
    try:
        connect(service).close()
    except ConnectionRefusedError:
        return False
    return True


def head(connection: socket.socket) -> str:
    """The head of one answer."""
    received = b""
    while b"\r\n\r\n" not in received:
        block = connection.recv(65536)
        assert block, f"the connection ended after {received!r}"
        received += block
    return received.decode("latin-1").lower()


def under_way(service: Service) -> socket.socket:
    """A request of which the half has been sent, and which a worker reads."""
    connection = connect(service)
    connection.sendall(BEGUN)
    time.sleep(0.3)
    return connection


def seconds_until_end(service: Service) -> float:
    assert service.process is not None
    began = time.monotonic()
    assert service.process.wait(40) == 0, service.text()
    return time.monotonic() - began


def test_a_node_that_cannot_load_its_application_takes_no_connection(tmp_path):
    port, admin_port = free_ports(2)
    values = {"log.file": "-", "workers": 1, "listen.port": port, "admin.port": admin_port}
    lines = [f"com.openexchange.usm.{key}={value}\n" for key, value in values.items()]
    (tmp_path / "usm.properties").write_text("".join(lines))
    (tmp_path / "eas.properties").write_text("")
    command = [sys.executable, "-m", "app", "--etc", str(tmp_path)]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    tries = 0
    while process.poll() is None:
        tries += 1
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=10).close()
        time.sleep(0.01)
    assert process.returncode != 0
    assert tries > 5


def test_a_request_under_way_is_finished_and_no_other_is_taken(service):
    connection = under_way(service)
    service.process.terminate()
    assert wait_until(lambda: not accepts(service), 5)
    health = service.admin("/usm/health").json()
    assert (health["live"], health["ready"], health["draining"]) == (True, False, True)
    assert health["pid"] == service.process.pid
    connection.sendall(REST)
    answer = head(connection)
    # OX is not there in these tests.
    assert answer.startswith("http/1.1 503 ")
    assert "connection: close" in answer
    assert connection.recv(1) == b""
    assert seconds_until_end(service) < SOON


def test_a_connection_without_a_request_is_kept_for_a_moment_in_which_it_is_served(service):
    connection = connect(service)
    connection.sendall(OPTIONS)
    assert "connection: close" not in head(connection)
    silent = connect(service)
    service.process.terminate()
    assert wait_until(lambda: not accepts(service), 5)
    connection.sendall(OPTIONS)
    answer = head(connection)
    assert answer.startswith("http/1.1 401 ")
    assert "connection: close" in answer
    assert silent.recv(1) == b""
    assert seconds_until_end(service) < SOON


def test_a_connection_that_waits_for_a_worker_is_served_when_the_node_ends(service):
    workers = service.workers()
    for worker in workers:
        os.kill(worker, signal.SIGSTOP)
    connections = [connect(service) for _ in range(20)]
    for connection in connections:
        connection.sendall(OPTIONS)
    service.process.terminate()
    time.sleep(0.2)
    for worker in workers:
        os.kill(worker, signal.SIGCONT)
    assert {head(connection).split()[1] for connection in connections} == {"401"}
    assert seconds_until_end(service) < SOON


def test_a_request_that_does_not_end_is_given_up_after_the_graceful_timeout(tmp_path):
    service = Service(tmp_path)
    service.settings["graceful_timeout"] = 2
    service.write()
    service.start()
    connection = under_way(service)
    service.process.terminate()
    assert 0.8 < seconds_until_end(service) < SOON
    assert connection.recv(1) == b""
    assert "1 requests are still under way after 1 seconds" in service.text()


@pytest.mark.parametrize("pause", [0.0, 0.05, 0.5])
def test_the_end_right_after_new_settings_comes_at_once(service, pause):
    service.process.send_signal(signal.SIGHUP)
    time.sleep(pause)
    service.process.send_signal(signal.SIGTERM)
    assert seconds_until_end(service) < SOON


def test_new_settings_interrupt_nobody_and_the_service_is_not_said_to_end(service):
    connection = under_way(service)
    before = set(service.workers())
    service.process.send_signal(signal.SIGHUP)
    assert wait_until(lambda: len(before & set(service.workers())) == 1)
    for _ in range(10):
        assert service.options().status_code == 401
        assert service.admin("/usm/health/live").json()["draining"] is False
    connection.sendall(REST)
    assert head(connection).startswith("http/1.1 503 ")
    assert wait_until(lambda: not before & set(service.workers()))
    assert service.options().status_code == 401
