"""Nodes of the application that share a database and Redis, before one stand-in for OX: processes on loopback, each of
which can be killed and started again.

The database is two servers, the second a replica of the first, behind one address that is moved from the first to the
second when the first is lost, as keepalived or a proxy moves it. What the first has acknowledged, the second holds
(semi-synchronous replication): an asynchronous replica would lose the last writes, and no application can bring back
what its database has forgotten.
"""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import requests

from lab.ports import free_ports
from lab.redis import RedisServer
from tests.end_to_end.stack import QUICK, ROOT, Process, parked, wait_until
from tests.mariadb import MariaDbServer

REPLICATION: Final = ("--log-bin=binary", "--binlog-format=ROW", "--rpl-semi-sync-slave-enabled=ON")


class Address:
    """An address that leads to one port of this machine, and can be moved to another: what a virtual IP address is."""

    def __init__(self, target: int) -> None:
        self.target = target
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=200)
        self.port = int(self._listener.getsockname()[1])
        self._open: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def move(self, target: int) -> None:
        """New connections go there; those that are open break."""
        self.target = target
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """The address is gone."""
        self._listener.close()
        self.move(0)

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self.target), timeout=5)
            except OSError:
                near.close()
                continue
            far.settimeout(None)
            self._open |= {near, far}
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        for connection in (source, sink):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            self._open.discard(connection)
        source.close()


class Database:
    """The two database servers behind their address."""

    def __init__(self) -> None:
        self.first = MariaDbServer(*REPLICATION, "--server-id=1")
        self.second = MariaDbServer(*REPLICATION, "--server-id=2", "--read-only=ON")

    @contextmanager
    def running(self) -> Iterator[str]:
        """Both servers, the second in step with the first; the SQLAlchemy URL of a database behind the address."""
        with self.first, self.second:
            self._follow()
            with self.first.database("usm") as name:
                assert wait_until(lambda: bool(self.second.execute("SHOW DATABASES LIKE 'usm'")))
                self.address = Address(self.first.port)
                try:
                    yield self.first.url(name).replace(f":{self.first.port}/", f":{self.address.port}/")
                finally:
                    self.address.close()

    def _follow(self) -> None:
        """From now on the second server does what the first does, before the first says that it is done."""
        self.first.execute("CREATE USER 'replica'@'127.0.0.1' IDENTIFIED BY 'replica'")
        self.first.execute("GRANT REPLICATION SLAVE ON *.* TO 'replica'@'127.0.0.1'")
        ((log, position, *_),) = self.first.execute("SHOW MASTER STATUS")
        self.second.execute(
            "CHANGE MASTER TO master_host='127.0.0.1', master_port=%s, master_user='replica',"
            " master_password='replica', master_log_file=%s, master_log_pos=%s",
            self.first.port,
            log,
            position,
        )
        self.second.execute("START SLAVE")
        self.first.execute("SET GLOBAL rpl_semi_sync_master_wait_point='AFTER_SYNC'")
        self.first.execute("SET GLOBAL rpl_semi_sync_master_timeout=60000")
        self.first.execute("SET GLOBAL rpl_semi_sync_master_enabled=ON")
        assert wait_until(self._is_followed), "the replica does not follow"

    def kill_first(self) -> None:
        """The first server is lost, with the machine it is on."""
        self.first.stop(signal.SIGKILL)

    def reach_second(self) -> None:
        """The address leads to the second server, which nobody has told yet that it is the first now."""
        self.address.move(self.second.port)

    def promote_second(self) -> None:
        """It has taken in all that it received, and may be written to."""
        assert wait_until(self._applied), "the replica has not applied what it received"
        self.second.execute("STOP SLAVE")
        self.second.execute("RESET SLAVE ALL")
        self.second.execute("SET GLOBAL read_only=OFF")

    def _is_followed(self) -> bool:
        ((_, clients),) = self.first.execute("SHOW STATUS LIKE 'Rpl_semi_sync_master_clients'")
        return clients == "1"

    def _applied(self) -> bool:
        state = self.second.execute("SHOW PROCESSLIST")
        return any("has read all relay log" in str(row[6]) for row in state)


class Node:
    """One node of the application."""

    def __init__(self, folder: Path, settings: Mapping[str, object]) -> None:
        self.port, self.admin_port = free_ports(2)
        self.url = f"http://127.0.0.1:{self.port}"
        folder.mkdir()
        values = {"listen.port": self.port, "admin.port": self.admin_port, "workers": 1, **QUICK, **settings}
        lines = [f"com.openexchange.usm.{key}={value}\n" for key, value in values.items()]
        (folder / "usm.properties").write_text("".join(lines))
        (folder / "eas.properties").write_text("")
        self.process = Process(folder / "log", "app", "--etc", str(folder))

    def start(self) -> None:
        self.process.start()
        assert wait_until(self.is_up), self.process.text()

    def is_up(self) -> bool:
        """Whether it lives."""
        try:
            return (
                requests.get(f"http://127.0.0.1:{self.admin_port}/usm/health/live", timeout=5).status_code
                == 200
            )
        except requests.RequestException:
            return False

    def parked(self) -> int:
        """How many requests wait for changes now."""
        return parked(self.admin_port)

    def kill(self) -> None:
        """It ends in the middle of whatever it does."""
        self.process.signal(signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            self.process.stop()

    def pids(self) -> Sequence[int]:
        """Its processes."""
        return (self.process.pid, *self.process.children())


class Cluster:
    """All of it. ``nodes``: how many; ``settings`` are keys without ``com.openexchange.usm.``."""

    def __init__(self, nodes: int, *, users: int = 8, **settings: object) -> None:
        self._count = nodes
        self._users = users
        self._settings = settings
        self.database = Database()
        self.redis = RedisServer()
        self.nodes: list[Node] = []

    @contextmanager
    def running(self, folder: Path) -> Iterator[None]:
        """Everything is up; ``folder`` takes what is written."""
        with ExitStack() as stack:
            database = stack.enter_context(self.database.running())
            stack.enter_context(self.redis)
            (port,) = free_ports(1)
            self.ox_url = f"http://127.0.0.1:{port}/ajax/"
            self._serve_ox(folder, port, stack)
            self._folder = folder
            self._shared = {
                "ox.url": self.ox_url,
                "database.url": database,
                "notify.redis_url": self.redis.url,
                **self._settings,
            }
            self._stack = stack
            for _ in range(self._count):
                self.add_node()
            yield

    def add_node(self, **settings: object) -> Node:
        """One node more, with settings of its own."""
        node = Node(self._folder / f"node{len(self.nodes) + 1}", {**self._shared, **settings})
        self._stack.callback(node.process.stop)
        node.start()
        self.nodes.append(node)
        return node

    def ox_calls(self) -> int:
        """Calls that OX has answered so far; one that holds several counts as one."""
        calls = requests.get(self.ox_url.replace("/ajax/", "/lab/calls"), timeout=20).json()
        return sum(row["count"] for row in calls if not row["within"])

    @property
    def urls(self) -> list[str]:
        """The addresses of the nodes."""
        return [node.url for node in self.nodes]

    def _serve_ox(self, folder: Path, port: int, stack: ExitStack) -> None:
        (folder / "ox").mkdir()
        data = f"sqlite:///{folder / 'ox'}"
        fill = ["lab.ox", "init", "--database", data, "--seed", "small", "--rights", "all"]
        fill += ["--users", str(9 + self._users)]
        subprocess.run([sys.executable, "-m", *fill], cwd=ROOT, check=True, timeout=300)
        listen = ["--host", "127.0.0.1", "--port", str(port), "--database", data]
        ox = Process(folder / "ox.log", "lab.ox", "serve", *listen, "--generation", "7", "--control")
        stack.callback(ox.stop)
        ox.start()
        assert wait_until(lambda: _answers(f"http://127.0.0.1:{port}/lab/calls")), ox.text()


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).status_code == 200
    except requests.RequestException:
        return False
