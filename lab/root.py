"""A root file system to try something in that wants no running host: no services, no sshd, no network of its own.

It is a host's root with nothing started: an overlay of the layers of a role and a layer of its own, mounted in
namespaces of its own, where one process that does nothing keeps it alive. It ends with the program that made it,
however that ends.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab import base
from lab.enter import command_beside
from lab.plan import FILES, STATE
from lab.steps import LabError, tail

START_SECONDS = 10.0
IDLE = ("/bin/sleep", "infinity")


@dataclass(frozen=True, slots=True)
class Root:
    """A mounted root file system; ``first`` is the process that holds it, as the machine numbers it."""

    first: int

    def run(
        self, *command: str, check: bool = True, stdin: str = "", timeout: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """Runs a command in it as root; AssertionError with what it printed if it fails and ``check`` is set."""
        words = command_beside(self.first, command)
        done = subprocess.run(
            words, input=stdin, capture_output=True, text=True, timeout=timeout, check=False
        )
        if check and done.returncode:
            raise AssertionError(
                f"{' '.join(command)} ended with {done.returncode}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
            )
        return done

    def sh(self, script: str, check: bool = True) -> str:
        """What a shell script in it prints."""
        return self.run("sh", "-c", script, check=check).stdout

    @property
    def path(self) -> Path:
        """Its root directory, as a path of this machine; absolute symlinks in it lead astray."""
        return Path(f"/proc/{self.first}/root")

    def bring(self, source: Path, target: str) -> None:
        """Copies a file of this machine into it; ``target`` is an absolute path there, with folders that exist."""
        shutil.copyfile(source, self.path / target.lstrip("/"))


@contextmanager
def mounted(role: str, directory: Path, network: bool = False) -> Iterator[Root]:
    """A fresh root of a role (a recipe of ``lab.base``), kept in ``directory`` until the end. ``network``: in that of
    whoever makes it; otherwise it has none."""
    for name in ("upper", "work", "root"):
        (directory / name).mkdir(parents=True)
    (directory / "upper").chmod(0o755)
    overlay = base.overlay_options(base.layers_of(role), directory / "upper", directory / "work")
    spaces = ["--mount", "--pid", "--uts", "--ipc", "--cgroup", *([] if network else ["--net"])]
    log = directory / "console"
    with log.open("w") as console:
        process = subprocess.Popen(
            [
                *("setpriv", "--pdeathsig", "KILL", "unshare", *spaces, "--fork", "--kill-child", "--"),
                *("sh", str(FILES / "host.sh"), role, str(directory / "root"), overlay, "", "", *IDLE),
            ],
            cwd=STATE,
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=console,
            start_new_session=True,
        )
    try:
        yield Root(_first(process, log))
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(directory)


def _first(process: subprocess.Popen[bytes], log: Path) -> int:
    """Waits until the root is ready; the process that holds it."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        for child in children.read_text().split():
            if Path(f"/proc/{child}/comm").read_text().strip() == "sleep":
                return int(child)
        time.sleep(0.01)
    raise LabError(f"the root file system could not be mounted:\n{tail(log)}")
