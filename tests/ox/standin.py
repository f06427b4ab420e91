"""The stand-in OX as a process of its own, and what tests do behind its back."""

from __future__ import annotations

import base64
import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import requests

PROJECT = Path(__file__).resolve().parents[2]
API = {"6": "/ajax/", "7": "/ajax/", "8": "/appsuite/api/"}


def make_data(folder: Path, seed: str) -> str:
    """The databases of a seed, everybody with all rights; returns their URL."""
    url = f"sqlite:///{folder}"
    command = [sys.executable, "-m", "lab.ox", "init", "--database", url, "--seed", seed, "--rights", "all"]
    subprocess.run(command, cwd=PROJECT, check=True, capture_output=True, timeout=240)
    return url


class StandIn:
    """One running stand-in with its control endpoints."""

    def __init__(self, database: str, generation: str, *options: str) -> None:
        with socket.socket() as chosen:
            chosen.bind(("127.0.0.1", 0))
            self.port = chosen.getsockname()[1]
        self.generation = generation
        self.url = f"http://127.0.0.1:{self.port}{API[generation]}"
        command = [sys.executable, "-m", "lab.ox", "serve", "--port", str(self.port), "--database", database]
        command += ["--generation", generation, "--control", *options]
        self.process = subprocess.Popen(
            command, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.strip() == b"ready", line

    def stop(self) -> None:
        """End the process."""
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()

    # -- control ---------------------------------------------------------------------------------------------

    def control(
        self, method: str, path: str, body: bytes | dict[str, Any] | None = None, **params: str
    ) -> Any:
        """One call of a control endpoint."""
        data = json.dumps(body).encode() if isinstance(body, dict) else body
        url = f"http://127.0.0.1:{self.port}/lab/{path}?{urlencode(params)}"
        request = urllib.request.Request(url, data=data, method=method)
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.loads(answer.read() or b"null")

    def fault(self, kind: str, **what: Any) -> None:
        """Let a fault wait for its calls."""
        self.control("POST", "fault", {"kind": kind, **what})

    def calm(self) -> None:
        """Forget all faults."""
        self.control("DELETE", "fault")

    def forget_calls(self) -> None:
        """Begin to count anew."""
        self.control("DELETE", "calls")

    def calls(self) -> dict[str, int]:
        """``module?action`` → number of HTTP calls since the count began; what ``multiple`` held does not count."""
        found: dict[str, int] = {}
        for call in self.control("GET", "calls"):
            if not call["within"]:
                name = f"{call['module']}?{call['action']}"
                found[name] = found.get(name, 0) + call["count"]
        return found

    def deliver(self, login: str, message: bytes) -> str:
        """A mail arrives in the user's INBOX; returns its id."""
        return str(self.control("POST", "deliver", message, login=login)["id"])

    def rights(self, login: str, add: tuple[str, ...] = (), remove: tuple[str, ...] = ()) -> None:
        """Give or take rights."""
        self.control("POST", "rights", {"login": login, "add": list(add), "remove": list(remove)})


class WebUser:
    """The same user at the web interface, by plain HTTP: another client with code of its own."""

    def __init__(self, ox: StandIn, login: str) -> None:
        self.ox = ox
        self.http = requests.Session()
        self.http.headers["User-Agent"] = "Mozilla/5.0"
        answer = self.http.post(
            f"{ox.url}login",
            params={"action": "login"},
            data={"name": login, "password": "secret"},
            timeout=20,
        ).json()
        assert "session" in answer, answer
        self.session = answer["session"]

    def call(self, method: str, module: str, action: str, body: Any = None, **params: Any) -> Any:
        """One call; returns ``data``, fails on any error."""
        answer = self.http.request(
            method,
            f"{self.ox.url}{module}",
            params={"action": action, "session": self.session, "timezone": "UTC", **params},
            data=None if body is None else json.dumps(body).encode(),
            timeout=20,
        ).json()
        assert "error" not in answer, answer
        return answer.get("data")

    def update_contact(self, folder: str, item: str, **values: Any) -> None:
        """Change a contact, whatever its version."""
        self.call("PUT", "contacts", "update", values, folder=folder, id=item, timestamp=2**53)

    def close(self) -> None:
        """Log out."""
        self.http.get(f"{self.ox.url}login", params={"action": "logout", "session": self.session}, timeout=20)
        self.http.close()


class SystemClock:
    """The machine's time."""

    def now(self) -> Any:
        from datetime import UTC, datetime

        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
"""A picture of one pixel."""
