"""The service as a process: gunicorn, its listeners, its log, its signals. OX is not there in these tests."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import requests

from lab.ports import free_ports
from tests.waiting import within

ROOT = Path(__file__).resolve().parents[2]
ALIAS = "/Microsoft-Server-ActiveSync"


wait_until = within(20.0)


class Service:
    """``python -m app`` with settings of its own."""

    def __init__(self, folder: Path) -> None:
        self.etc = folder / "etc"
        self.etc.mkdir()
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        self.log = folder / "usm.log"
        self.port, self.admin_port, ox_port = free_ports(3)
        self.settings = {
            "ox.url": f"http://127.0.0.1:{ox_port}/ajax/",
            "listen.port": self.port,
            "admin.port": self.admin_port,
            "workers": 2,
            "graceful_timeout": 3,
            "log.file": self.log,
            "database.url": f"sqlite:///{folder / 'state.sqlite'}",
            "worker_connections": 500,
        }
        self.write()
        (self.etc / "eas.properties").write_text("")
        self.process: subprocess.Popen[bytes] | None = None

    def write(self, **more: object) -> None:
        lines = [f"com.openexchange.usm.{key}={value}\n" for key, value in {**self.settings, **more}.items()]
        (self.etc / "usm.properties").write_text("".join(lines))

    def start(self) -> None:
        environment = {**os.environ, "TMPDIR": str(self.temporary)}
        command = [sys.executable, "-m", "app", "--etc", str(self.etc)]
        self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)
        assert wait_until(self.lives), self.text()

    def lives(self) -> bool:
        try:
            return self.admin("/usm/health/live").status_code == 200
        except requests.ConnectionError:
            return False

    def admin(self, path: str) -> requests.Response:
        return requests.get(f"http://127.0.0.1:{self.admin_port}{path}", timeout=10)

    def options(self, **more) -> requests.Response:
        return requests.options(f"http://127.0.0.1:{self.port}{ALIAS}", timeout=10, **more)

    def workers(self) -> list[int]:
        assert self.process is not None
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(number) for number in children.split()]

    def metric(self, name: str) -> float:
        """The number of a series, 0 for one that is not there."""
        lines = self.admin("/usm/metrics").text.splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{name} "))

    def refused(self) -> float:
        return self.metric('usm_commands_total{command="-",status="401",version="-"}')

    def files(self) -> list[str]:
        """Of the workers' numbers."""
        return [path.name for path in self.temporary.glob("open-xchange-usm-*/metrics/*")]

    def text(self) -> str:
        return self.log.read_text() if self.log.exists() else ""

    def stop(self) -> int:
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(20)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    found = Service(tmp_path_factory.mktemp("service"))
    found.start()
    yield found
    assert found.stop() == 0
    assert list(found.temporary.glob("open-xchange-usm-*")) == []


def test_devices_and_administrators_are_answered_on_their_own_ports(service):
    assert service.options().status_code == 401
    assert requests.get(f"http://127.0.0.1:{service.port}/usm/health", timeout=10).status_code == 404
    assert requests.options(f"http://127.0.0.1:{service.admin_port}{ALIAS}", timeout=10).status_code == 404


def test_health_names_what_is_down(service):
    answer = service.admin("/usm/health")
    assert answer.status_code == 503
    assert answer.json()["checks"]["database"] == {"up": True}
    assert str(service.settings["ox.url"]) in answer.json()["checks"]["ox"]["error"]


def test_without_ox_a_device_is_asked_to_come_later(service):
    answer = service.options(auth=("anton", "secret"))
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert "WWW-Authenticate" not in answer.headers


def test_metrics_hold_the_counts_of_all_workers(service):
    before = service.refused()
    for _ in range(20):
        service.options()
    assert service.refused() == before + 20
    assert service.refused() == before + 20


def test_the_log_goes_on_in_a_new_file_when_the_old_one_is_rotated_away(service):
    service.options()
    old = service.log.with_suffix(".1")
    service.log.rename(old)
    service.process.send_signal(signal.SIGUSR1)
    size = old.stat().st_size
    assert wait_until(service.log.exists)
    service.options()
    assert wait_until(lambda: "refused with 401" in service.text())
    time.sleep(0.2)
    assert old.stat().st_size <= size + 200


def test_a_silent_client_keeps_nobody_waiting(service):
    silent = []
    for _ in range(20):
        connection = socket.create_connection(("127.0.0.1", service.port))
        connection.sendall(
            f"POST {ALIAS}?Cmd=Sync HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n".encode()
        )
        silent.append(connection)
    started = time.monotonic()
    assert service.options().status_code == 401
    assert time.monotonic() - started < 2
    for connection in silent:
        connection.close()


@pytest.mark.parametrize(
    ("raw", "statuses"),
    [
        (b"NONSENSE\r\n\r\n", {b"400"}),
        (b"POST " + b"/" * 9000 + b" HTTP/1.1\r\n\r\n", {b"400", b"414"}),
        (b"OPTIONS " + ALIAS.encode() + b" HTTP/9.9\r\n\r\n", {b"400", b"505"}),
        (b"OPTIONS " + ALIAS.encode() + b" HTTP/1.1\r\nA b: c\r\n\r\n", {b"400"}),
        (b"OPTIONS " + ALIAS.encode() + b" HTTP/1.1\r\n" + b"A: b\r\n" * 500 + b"\r\n", {b"400", b"431"}),
        (b"POST " + ALIAS.encode() + b" HTTP/1.1\r\nContent-Length: -5\r\n\r\n", {b"400"}),
        (
            b"POST " + ALIAS.encode() + b" HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
            {b"400"},
        ),
        (b"POST " + ALIAS.encode() + b" HTTP/1.1\r\nTransfer-Encoding: blocks\r\n\r\n", {b"400", b"501"}),
    ],
)
def test_what_is_not_http_is_answered_without_a_look_inside(service, raw, statuses):
    with socket.create_connection(("127.0.0.1", service.port)) as connection:
        connection.settimeout(10)
        connection.sendall(raw)
        answer = b""
        while block := connection.recv(65536):
            answer += block
    assert answer.split(b" ")[1] in statuses
    assert b"Traceback" not in answer


def test_a_broken_chunk_is_malformed_and_ends_the_connection(service):
    with socket.create_connection(("127.0.0.1", service.port)) as connection:
        connection.settimeout(10)
        head = f"POST {ALIAS}?Cmd=Sync HTTP/1.1\r\nHost: x\r\nAuthorization: Basic YTpi\r\n"
        connection.sendall(head.encode() + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n")
        answer = b""
        while block := connection.recv(65536):
            answer += block
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"Connection: close" in answer


def test_a_worker_that_dies_is_replaced_and_what_it_counted_stays(service):
    for _ in range(10):
        service.options()
    refused, victim = service.refused(), service.workers()[0]
    os.kill(victim, signal.SIGKILL)
    seen = []

    def is_replaced() -> bool:
        with suppress(requests.ConnectionError):
            seen.append(service.refused())
        return len(service.workers()) == 2 and victim not in service.workers()

    assert wait_until(is_replaced)
    assert set(seen) <= {refused}
    assert service.options().status_code == 401
    assert service.refused() == refused + 1
    assert wait_until(lambda: service.metric("usm_connections_limit") == 1000)
    assert service.metric("usm_workers") == 2
    assert not [name for name in service.files() if f"_{victim}.db" in name or name.endswith(".left")]


def test_metrics_tell_of_the_service_as_a_whole(service):
    text = service.admin("/usm/metrics").text
    assert 'usm_part_up{part="database"} 1.0' in text
    assert 'usm_part_up{part="ox"} 0.0' in text
    assert 'usm_process_resident_memory_bytes{role="parent"}' in text
    assert "usm_build_info{" in text
    assert time.time() - 3600 < service.metric("usm_process_start_time_seconds") < time.time()
    took = service.metric("usm_process_cpu_seconds_total")
    service.options()
    assert service.metric("usm_process_cpu_seconds_total") >= took > 0


def test_settings_that_cannot_be_used_do_not_end_a_running_service(service):
    service.write(workers="many")
    service.process.send_signal(signal.SIGHUP)
    assert wait_until(lambda: "the old ones stay" in service.text())
    assert "workers=many" in service.text()
    assert service.options().status_code == 401
    refused, old = service.refused(), service.workers()
    service.write(workers=1)
    service.process.send_signal(signal.SIGHUP)
    assert wait_until(lambda: len(service.workers()) == 1 and service.workers()[0] not in old)
    assert service.options().status_code == 401
    # What all of those had counted that are no longer there, and what is held by those that are.
    assert service.refused() == refused + 1
    assert service.metric("usm_connections_limit") == 500
    assert {name for name in service.files() if name.endswith(".db")} == {
        f"{kind}_{service.workers()[0]}.db"
        for kind in ("counter", "histogram", "gauge_livesum", "gauge_livemin", "gauge_livemax")
    }


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "app", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)


def test_the_settings_can_be_checked_without_starting(service, tmp_path):
    good = run("--etc", str(service.etc), "--check")
    assert (good.returncode, good.stdout) == (0, "OK\n")
    (tmp_path / "usm.properties").write_text(
        "com.openexchange.usm.workers=x\ncom.openexchange.usm.ox.url=y\n"
    )
    bad = run("--etc", str(tmp_path), "--check")
    assert bad.returncode == 1
    assert bad.stdout == ""
    assert len(bad.stderr.splitlines()) == 3
    assert "Traceback" not in bad.stderr


def test_a_log_that_cannot_be_written_is_named_at_the_start(tmp_path):
    (tmp_path / "usm.properties").write_text(f"com.openexchange.usm.log.file={tmp_path}/none/usm.log\n")
    (tmp_path / "eas.properties").write_text("")
    found = run("--etc", str(tmp_path))
    assert found.returncode == 1
    assert f"{tmp_path}/none/usm.log: the log cannot be written: No such file or directory" in found.stderr


def test_a_port_in_use_ends_the_start_with_its_name(tmp_path, service):
    values = {**service.settings, "listen.port": service.port, "log.file": "-"}
    lines = [f"com.openexchange.usm.{key}={value}\n" for key, value in values.items()]
    (tmp_path / "usm.properties").write_text("".join(lines))
    (tmp_path / "eas.properties").write_text("")
    found = run("--etc", str(tmp_path))
    assert found.returncode != 0
    assert str(service.port) in found.stderr
    assert "Traceback" not in found.stderr


def test_a_database_that_cannot_be_found_ends_the_start_with_the_reason(tmp_path):
    port, admin_port = free_ports(2)
    values = {"log.file": "-", "workers": 1, "listen.port": port, "admin.port": admin_port}
    lines = [f"com.openexchange.usm.{key}={value}\n" for key, value in values.items()]
    (tmp_path / "usm.properties").write_text("".join(lines))
    (tmp_path / "eas.properties").write_text("")
    found = run("--etc", str(tmp_path))
    assert found.returncode != 0
    assert "configdb.properties" in found.stderr
    assert "Traceback" not in found.stderr
