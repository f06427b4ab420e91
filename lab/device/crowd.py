"""A crowd of phones at a lab: users enough for it, and the load as a program inside the lab's network."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from lab import enter, standin
from lab.plan import PROJECT, Lab
from lab.steps import end

GROUPWARE = {
    6: ("/etc/init.d/open-xchange-groupware", "restart"),
    7: ("systemctl", "restart", "open-xchange"),
}
NAMED = 9
"""Users with names of their own come before the numbered ones."""


class CrowdError(Exception):
    """The crowd could not be brought together, or does not tell what it met; the message says why."""


def make_users(lab: Lab, count: int) -> None:
    """Gives the lab so many numbered users with the right to synchronise, a few mails and contacts each. All data of
    the groupware are made anew, so this comes before anything is deployed."""
    database = enter.command_on(lab, lab.host("db1"), ["mariadb", "-e", "DELETE FROM configdb.context"])
    subprocess.run(database, check=True, capture_output=True)
    command, environment = standin.filling(lab, "--users", str(NAMED + count), "--rights", "all")
    subprocess.run(command, cwd=PROJECT, env=environment, check=True, capture_output=True)
    # The groupware keeps what it knows of its users.
    for node in lab.plan.of_role("ox"):
        restart = enter.command_on(lab, node, GROUPWARE[node.generation])
        subprocess.run(restart, check=True, capture_output=True)


class Crowd:
    """``with Crowd(lab, folder, phones=40, users=40) as crowd:`` all phones are set up, and live until
    :meth:`finish`, ``seconds`` at most. What the program says goes to ``folder``."""

    def __init__(
        self,
        lab: Lab,
        folder: Path,
        *,
        phones: int,
        users: int,
        seconds: float = 600.0,
        options: Sequence[str] = (),
    ) -> None:
        site = f"https://{lab.plan.of_role('web')[0].address}"
        words = [site, "--ox", f"{site}/ajax", "--ca", str(lab.authority), *options]
        words += ["--phones", str(phones), "--users", str(users), "--seconds", str(seconds)]
        self.messages = folder / "load.txt"
        self._command = enter.command_inside(lab, [sys.executable, "-m", "lab.device.load", *words])
        self._environment = enter.environment(lab)
        self._process: subprocess.Popen[str] | None = None
        self.set_up_seconds = 0.0

    def __enter__(self) -> Crowd:
        with self.messages.open("w") as messages:
            self._process = subprocess.Popen(
                self._command,
                cwd=PROJECT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=messages,
                text=True,
            )
        began = time.monotonic()
        try:
            self._read("all phones are set up")
        except BaseException:
            self._end()
            raise
        self.set_up_seconds = time.monotonic() - began
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def finish(self) -> dict[str, Any]:
        """Switch the phones off; what they met (``lab.device.load``). Raises :class:`CrowdError`."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        result = self._read("the result")
        self._process.wait()
        return result

    def _read(self, what: str) -> dict[str, Any]:
        """The next line of the program."""
        assert self._process is not None
        output: IO[str] | None = self._process.stdout
        line = output.readline() if output is not None else ""
        with suppress(ValueError):
            return dict(json.loads(line))
        raise CrowdError(f"the load has ended before {what}:\n{self.messages.read_text()[-4000:]}")

    def _end(self) -> None:
        assert self._process is not None
        if self._process.poll() is None:
            end(self._process)
        if self._process.stdout is not None:
            self._process.stdout.close()
