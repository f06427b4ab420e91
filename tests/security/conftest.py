"""A stand-in for OX and the application, and somebody who means no good."""

from __future__ import annotations

import base64
import itertools
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from tests.end_to_end.stack import PASSWORD, Process, Stack

ALIAS = "/Microsoft-Server-ActiveSync"
ADDRESSES = itertools.count(1)

FREE_NAME, FREE_ADDRESS = 5, 12
"""Wrong passwords that cost no pause."""


class Attacked(Stack):
    """Two workers behind what says that it is a proxy: the test."""

    def __init__(self, *words: Any, **settings: Any) -> None:
        chosen = {
            "workers": 2,
            "login_throttle.user": FREE_NAME,
            "login_throttle.address": FREE_ADDRESS,
            "max_request_size": 300_000,
            **settings,
        }
        super().__init__(*words, **chosen)
        self.app = Process(self.folder / "app.log", "tests.security.impatient", str(self.etc))

    def logins(self) -> int:
        """How many logins OX was asked for since :meth:`forget`."""
        return sum(row["count"] for row in self.control("GET", "calls") if row["action"] == "login")

    def forget(self) -> None:
        """Count from now on."""
        self.control("DELETE", "calls")

    def ask(
        self,
        login: str = "",
        password: str = PASSWORD,
        origin: str = "",
        device: str = "",
        method: str = "OPTIONS",
        path: str = ALIAS,
        headers: dict[str, str] | None = None,
        **more: Any,
    ) -> requests.Response:
        """A request as the proxy hands it on from ``origin``, by a connection of its own: any worker may get it."""
        sent = {"X-Forwarded-Proto": "https", "X-Forwarded-For": origin or "192.0.2.1", "Connection": "close"}
        if login:
            sent |= basic(login, password)
        query = f"?DeviceId={device}&DeviceType=Phone" if device else ""
        url = f"{self.url}{path}{query}"
        return requests.request(
            method, url, headers=sent | (headers or {}), timeout=30, allow_redirects=False, **more
        )

    def talk(self, raw: bytes, seconds: float = 10.0) -> bytes:
        """What comes back for these bytes until the connection ends."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=seconds) as connection:
            connection.sendall(raw)
            answer = b""
            try:
                while block := connection.recv(65536):
                    answer += block
            except ConnectionResetError:
                pass
            return answer


def basic(login: str, password: str = PASSWORD) -> dict[str, str]:
    token = base64.b64encode(f"{login}:{password}".encode()).decode()
    return {"Authorization": f"Basic {token}"}


@dataclass(frozen=True)
class Answers:
    """What an attacker hears."""

    statuses: list[int]

    @property
    def tried(self) -> int:
        return self.statuses.count(401)

    @property
    def paused(self) -> int:
        return self.statuses.count(503)


@pytest.fixture(scope="session")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attacked]:
    stack = Attacked(tmp_path_factory.mktemp("attacked"), "empty")
    try:
        stack.start()
        yield stack
        assert "Traceback" not in stack.app.text(), stack.app.text()[-4000:]
        assert stack.health()["ready"]
    finally:
        stack.stop()


@pytest.fixture
def stranger() -> Callable[[], str]:
    """An address from which nobody has come yet."""

    def address() -> str:
        number = next(ADDRESSES)
        return f"198.51.{100 + number // 250}.{number % 250 + 1}"

    return address
