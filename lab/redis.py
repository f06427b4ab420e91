"""A real Redis for tests, benchmarks and the lab: Debian's program with a port of its own on loopback, no service.

Debian's ``redis-tools`` has the whole server in ``redis-check-rdb``: it goes by the name that it is called by. The
package ``redis-server`` would start a service of the machine.
"""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from lab.ports import free_port

PROGRAM: Final = Path("/usr/bin/redis-check-rdb")

START_SECONDS: Final = 20.0


def is_installed() -> bool:
    """Whether Debian's package redis-tools is there."""
    return PROGRAM.exists()


class RedisServer:
    """One server process, which keeps nothing; a context manager. It ends with the program that started it."""

    def __init__(self, password: str = "") -> None:
        self._password = password
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    @property
    def url(self) -> str:
        """The address for clients."""
        login = f":{self._password}@" if self._password else ""
        return f"redis://{login}127.0.0.1:{self.port}/0"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start the server, on the port it had before if it had one."""
        self.port = self.port or free_port()
        options = ["--bind", "127.0.0.1", "--port", str(self.port), "--save", "", "--appendonly", "no"]
        if self._password:
            options += ["--requirepass", self._password]
        self._process = subprocess.Popen(
            [
                "setpriv",
                "--pdeathsig",
                "KILL",
                "bash",
                "-c",
                'exec -a redis-server "$0" "$@"',
                PROGRAM,
                *options,
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError("Redis did not start")
            time.sleep(0.02)

    def stop(self) -> None:
        """End it, as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def pause(self) -> None:
        """Let it hang: it takes connections and does not answer."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """The end of :meth:`pause`."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def command(self, *words: str) -> str:
        """The first line of the answer to one command of Redis."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as line:
            login = f"AUTH {self._password}\r\n" if self._password else ""
            line.sendall(f"{login}{' '.join(words)}\r\n".encode())
            with line.makefile("rb") as answers:
                if login:
                    answers.readline()
                return answers.readline().decode().rstrip()

    def _answers(self) -> bool:
        try:
            return self.command("PING") == "+PONG"
        except OSError:
            return False
