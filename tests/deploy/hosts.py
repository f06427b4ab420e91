"""Runs of the deployment on a lab, as tests start them and look at them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.testing import LabHosts
from tests.packaging.deb import PROJECT, Deb

PYINFRA = str(Path(sys.executable).with_name("pyinfra"))
NODES = ("ox1", "ox2")
ETC = "/opt/open-xchange/etc/groupware"
CFG = f"{ETC}/updatetasks.cfg"
PARKED = "/root/updatetasks.cfg"
OWED = "/var/lib/open-xchange-usm/owed"
RESETVERSION = "/opt/open-xchange/sbin/resetversion"
PATH = "/Microsoft-Server-ActiveSync"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended: pyinfra's exit status, what it printed, and the result that it wrote."""

    status: int
    printed: str
    complete: bool
    changed: dict[str, list[str]]
    failed: dict[str, list[str]]

    @property
    def ending(self) -> str:
        """What a test that expected something else says: what failed, and the last of what was printed."""
        return f"failed: {self.failed}\n{chr(10).join(self.printed.splitlines()[-40:])}"


@dataclass(frozen=True, slots=True)
class Deployment:
    """Runs of pyinfra on a lab."""

    hosts: LabHosts
    deb: Deb
    folder: Path

    manoeuvre: str = "deploy.py"
    """The file that pyinfra is given (``tasks.__main__.MANOEUVRES``)."""

    def command(self, *words: str, inventory: str = "inventory/lab.py") -> list[str]:
        package = ["--data", f"package_file={self.deb.path}"]
        return [PYINFRA, inventory, self.manoeuvre, *package, *(words or ("-y",))]

    def run(self, *words: str, inventory: str = "inventory/lab.py", **environment: str) -> Outcome:
        """A run to its end."""
        return self.finish(self.start(*words, inventory=inventory, **environment))

    def start(
        self, *words: str, inventory: str = "inventory/lab.py", **environment: str
    ) -> subprocess.Popen[str]:
        """A run that goes on by itself."""
        return self.begin(self.command(*words, inventory=inventory), **environment)

    def begin(self, command: Sequence[str], **environment: str) -> subprocess.Popen[str]:
        """Such a run by any command."""
        (self.folder / "result.json").unlink(missing_ok=True)
        return subprocess.Popen(
            self.hosts.command_inside(*command),
            cwd=PROJECT,
            env={
                **self.hosts.environment,
                "USM_DEPLOY_RESULT": str(self.folder / "result.json"),
                **environment,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def finish(self, process: subprocess.Popen[str]) -> Outcome:
        printed, _ = process.communicate(timeout=300)
        written = self.folder / "result.json"
        told: dict[str, Any] = json.loads(written.read_text()) if written.exists() else {}
        return Outcome(
            process.returncode,
            printed,
            told.get("complete", False),
            told.get("changed", {}),
            told.get("failed", {}),
        )

    def foretold(self, *words: str) -> dict[str, set[str]]:
        """What a dry run says that a run will change, by host."""
        done = self.run("--dry", *words)
        assert done.status == 0, done.ending
        found: dict[str, set[str]] = {}
        for name, hosts in re.findall(r"(?m)^    (\S.*?)  +\d+ \(([^)]+)\) +-", done.printed):
            for host in hosts.split(", "):
                found.setdefault(host, set()).add(name)
        return found

    def options(self, login: str | None = None) -> tuple[int, str]:
        """What a phone is answered to OPTIONS through Apache: status, and the versions of the protocol."""
        who = ["--user", f"{login}:secret"] if login else []
        command = [
            "curl",
            "--silent",
            "--max-time",
            "20",
            "--head",
            "--request",
            "OPTIONS",
            *who,
            f"http://web1{PATH}",
        ]
        text = self.hosts.inside(*command).stdout.lower()
        versions = re.search(r"ms-asprotocolversions: (.*)", text)
        return int(text.split()[1]), versions.group(1).strip() if versions else ""


def eventually(condition: Callable[[], bool], seconds: float, what: str) -> float:
    """Waits for a condition; returns after how many seconds it held."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, f"{what} not within {seconds:.0f} s"
        time.sleep(0.1)
    return time.monotonic() - began


def exists(hosts: LabHosts, name: str, path: str) -> bool:
    return (hosts.root(name) / path.lstrip("/")).exists()
