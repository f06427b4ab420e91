"""Starting and stopping a stand-in for tests and for the application's own development server."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from lab.ox.seed.people import PASSWORD, Person, people
from lab.ports import free_port

_ROOT = Path(__file__).resolve().parents[2]
_START_SECONDS = 60.0
_STOP_SECONDS = 10.0


class StandIn:
    """A stand-in server in a process of its own on loopback; a context manager.

    Without ``database`` the data lie in a folder that goes away with it. ``port`` 0 takes a free one. ``options``
    are further options of ``serve``.
    """

    def __init__(
        self,
        *,
        generation: int = 6,
        seed: str = "small",
        users: int = 0,
        rights: str = "all",
        database: str | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        control: bool = True,
        etc: Path | None = None,
        options: Sequence[str] = (),
    ) -> None:
        self.generation = generation
        self.host = host
        self.port = port or free_port(host)
        self._seed = seed
        self._users = users
        self._rights = rights
        self._control = control
        self._etc = etc
        self._options = list(options)
        self._folder = None if database else tempfile.mkdtemp(prefix="stand-in-ox-")
        self.database = database or f"sqlite:///{self._folder}"
        self._process: subprocess.Popen[str] | None = None

    @property
    def root(self) -> str:
        """The server without a path, like ``http://127.0.0.1:8009``; control endpoints are below ``/lab/``."""
        return f"http://{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """The HTTP API, like ``http://127.0.0.1:8009/ajax/``."""
        return f"{self.root}/ajax/"

    @property
    def users(self) -> list[Person]:
        """Who can log in; everybody's password is :data:`password`."""
        return people(self._seed, self._users)

    @property
    def password(self) -> str:
        """The password of all users."""
        return PASSWORD

    def start(self) -> StandIn:
        """Make the data if needed, start the server, wait until it listens. Raises ``RuntimeError``."""
        self._run_init()
        command = [*_dies_with_parent(), sys.executable, "-m", "lab.ox", "serve"]
        command += ["--host", self.host, "--port", str(self.port), "--generation", str(self.generation)]
        command += ["--control"] if self._control else []
        command += ["--etc", str(self._etc)] if self._etc else []
        self._process = subprocess.Popen(
            [*command, *self._options],
            stdout=subprocess.PIPE,
            text=True,
            cwd=_ROOT,
            env={**os.environ, "PYTHONUNBUFFERED": "1", "LAB_OX_SERVE_DATABASE": self.database},
            start_new_session=True,
        )
        self._await_ready()
        return self

    def stop(self) -> None:
        """End the server and remove its own data."""
        self.kill(signal.SIGTERM)
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)

    def kill(self, number: int = signal.SIGKILL) -> None:
        """End the server process, the data stay; :meth:`start` starts it again on the same port."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if process.stdout:
            process.stdout.close()

    def __enter__(self) -> StandIn:
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _run_init(self) -> None:
        command = [sys.executable, "-m", "lab.ox", "init", "--seed", self._seed]
        command += ["--users", str(self._users), "--rights", self._rights]
        environment = {**os.environ, "LAB_OX_INIT_DATABASE": self.database}
        made = subprocess.run(
            command, cwd=_ROOT, env=environment, capture_output=True, text=True, check=False
        )
        if made.returncode:
            raise RuntimeError(f"the stand-in's data could not be made:\n{made.stderr}")

    def _await_ready(self) -> None:
        process = self._process
        if process is None or process.stdout is None:
            raise RuntimeError("the stand-in was not started")
        readable, _, _ = select.select([process.stdout], [], [], _START_SECONDS)
        line = process.stdout.readline() if readable else ""
        if line.strip() != "ready":
            self.kill()
            raise RuntimeError(f"the stand-in did not start on port {self.port}: {line!r}")


def _dies_with_parent() -> list[str]:
    """What lets the server end even when the process that started it is killed."""
    return ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
