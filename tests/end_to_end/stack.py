"""The stand-in for OX and the application as processes on loopback, each of which can be stopped, paused and started
again: what ``python -m lab serve`` runs, with the parts in the hands of a test."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import requests

from lab.browser import Browser
from lab.device import Phone
from lab.ports import free_ports
from tests.schemas import validate
from tests.waiting import within

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "secret"
PATIENCE = 60.0

QUICK: Mapping[str, object] = {
    "session.sync.email_pull_delay": 300,
    "session.sync.email_pull_min_delay": 300,
    "session.sync.pull_interval": 300,
    "eas.ping.min_heartbeat": 1,
    "graceful_timeout": 3,
    "log.file": "-",
}
"""Settings that keep the tests short."""


wait_until = within(PATIENCE)


class Process:
    """A Python module that runs until told otherwise; what it says goes to ``output``."""

    def __init__(self, output: Path, *words: str) -> None:
        self.output = output
        self._words = words
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        with self.output.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", *self._words],
                cwd=ROOT,
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
            )

    def signal(self, number: int) -> None:
        """To it and its children."""
        for pid in (self.pid, *self.children()):
            os.kill(pid, number)

    def children(self) -> list[int]:
        text = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()
        return [int(number) for number in text.split()]

    def stop(self) -> int:
        """Ask it to end; its exit status. Does nothing when it does not run."""
        if self._process is None:
            return 0
        if self._process.poll() is None:
            self._process.terminate()
        try:
            return self._process.wait(20)
        except subprocess.TimeoutExpired:
            self.signal(signal.SIGKILL)
            self._process.wait()
            raise
        finally:
            self._process = None

    def text(self) -> str:
        return self.output.read_text(errors="replace") if self.output.exists() else ""


class Stack:
    """Stand-in and application. ``settings`` are keys without ``com.openexchange.usm.``."""

    def __init__(self, folder: Path, seed: str = "small", generation: str = "7", **settings: object) -> None:
        self.folder = folder
        self.port, self.admin_port, self.ox_port = free_ports(3)
        path = "/appsuite/api/" if generation == "8" else "/ajax/"
        self.ox_url = f"http://127.0.0.1:{self.ox_port}{path}"
        self.url = f"http://127.0.0.1:{self.port}"
        self.state = folder / "state" / "state.sqlite"
        self.state.parent.mkdir(parents=True)
        self.etc = folder / "etc"
        self.etc.mkdir()
        (folder / "ox").mkdir()
        database = f"sqlite:///{folder / 'ox'}"
        fill = ["lab.ox", "init", "--database", database, "--seed", seed, "--rights", "all"]
        subprocess.run([sys.executable, "-m", *fill], cwd=ROOT, check=True, timeout=120)
        listen = ["--host", "127.0.0.1", "--port", str(self.ox_port), "--database", database]
        self.ox = Process(
            folder / "ox.log", "lab.ox", "serve", *listen, "--generation", generation, "--control"
        )
        self.app = Process(folder / "app.log", "app", "--etc", str(self.etc))
        self.configure(**settings)

    def configure(self, **settings: object) -> None:
        """Write the settings; they count from the next start on."""
        values = {
            "ox.url": self.ox_url,
            "listen.port": self.port,
            "admin.port": self.admin_port,
            "workers": 1,
            "database.url": f"sqlite:///{self.state}",
            **QUICK,
            **settings,
        }
        lines = [f"com.openexchange.usm.{key}={value}\n" for key, value in values.items()]
        (self.etc / "usm.properties").write_text("".join(lines))
        (self.etc / "eas.properties").write_text("")

    def start(self) -> None:
        self.start_ox()
        self.start_app()

    def start_ox(self) -> None:
        self.ox.start()
        assert wait_until(lambda: self._answers(f"http://127.0.0.1:{self.ox_port}/lab/calls")), self.ox.text()

    def start_app(self) -> None:
        self.app.start()
        live = f"http://127.0.0.1:{self.admin_port}/usm/health/live"
        assert wait_until(lambda: self._answers(live)), self.app.text()

    def stop(self) -> None:
        self.app.stop()
        self.ox.stop()

    def _answers(self, url: str) -> bool:
        try:
            return requests.get(url, timeout=5).status_code == 200
        except requests.RequestException:
            return False

    # -- around it ----------------------------------------------------------------------------------------------

    def phone(self, login: str = "anton", password: str = PASSWORD, **more: Any) -> Phone:
        """A phone whose answers are all held against the standard."""
        return Phone(
            self.url,
            login if "@" in login or "\\" in login else f"{login}@example.org",
            password,
            on_answer=lambda name, version, body: validate(body, version),
            **{"timeout": 30.0, **more},
        )

    def browser(self, login: str = "anton") -> Browser:
        """The same user at OX's own web interface."""
        browser = Browser(self.ox_url)
        browser.login(f"{login}@example.org", PASSWORD)
        return browser

    def control(self, method: str, path: str, **more: Any) -> Any:
        """One of the stand-in's endpoints for tests."""
        answer = requests.request(method, f"http://127.0.0.1:{self.ox_port}/lab/{path}", timeout=20, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def fault(self, **fault: object) -> None:
        """Let the stand-in fail; see ``lab.ox.web.injection.Fault``."""
        self.control("POST", "fault", data=json.dumps(fault))

    def health(self) -> dict[str, Any]:
        answer = requests.get(f"http://127.0.0.1:{self.admin_port}/usm/health", timeout=20)
        return dict(answer.json())

    def parked(self) -> int:
        """How many requests wait for changes now."""
        return parked(self.admin_port)


def parked(admin_port: int) -> int:
    """How many requests wait for changes at the application with this administrative port."""
    text = requests.get(f"http://127.0.0.1:{admin_port}/usm/metrics", timeout=20).text
    return sum(
        int(float(line.split()[1])) for line in text.splitlines() if line.startswith("usm_parked_requests ")
    )


def message(subject: str, text: str = "Hello") -> EmailMessage:
    """A mail from outside."""
    mail = EmailMessage()
    mail["From"] = "Zoë Quist <zoe@example.com>"
    mail["To"] = "anton@example.org"
    mail["Subject"] = subject
    mail["Date"] = format_datetime(datetime.now(UTC))
    mail.set_content(text)
    return mail
