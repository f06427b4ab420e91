"""The application as gunicorn calls it, with everything behind it in memory."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from ipaddress import ip_network
from typing import Any

import pytest
from falcon import testing

from app.eas.server import ActiveSync
from app.eas.settings import EasSettings, Provisioning
from app.usm.errors import UsmError
from app.usm.manager import Manager
from app.usm.model import User
from app.usm.ports import Clock
from app.web import admin
from app.web.application import Application, device_app
from app.web.autodiscover import Addresses, Autodiscover
from app.web.doorstep import Doorstep
from app.web.origin import Proxies
from app.web.resource import Door, Gateway, WebSettings
from app.web.tracing import Recorder
from tests.fakes.clock import CountingTokens, ManualClock
from tests.fakes.source import ANTON, MemoryProvider, MemorySource
from tests.fakes.store import MemoryStore
from tests.fakes.waiter import ScriptedWaiter

ALIAS = "/Microsoft-Server-ActiveSync"
DEVICES, ADMIN = 8010, 8011
LATIN = User(1, 4, "jörg@example.org")


def basic(login: str, password: str = "secret", charset: str = "utf-8") -> dict[str, str]:
    token = base64.b64encode(f"{login}:{password}".encode(charset)).decode("ascii")
    return {"Authorization": f"Basic {token}"}


class Front:
    """The front door. ``down``: name of a part → what its health check raises."""

    def __init__(
        self, public_url: str = "", recorder: Callable[[Clock], Recorder] | None = None, **settings: Any
    ) -> None:
        self.clock = ManualClock()
        self.source = MemorySource()
        self.latin = MemorySource(LATIN)
        self.provider = MemoryProvider({ANTON.login: self.source, LATIN.login: self.latin})
        self.store = MemoryStore()
        self.waiter = ScriptedWaiter(self.clock)
        self.down: dict[str, Exception] = {}
        self.stopped = 0
        self.closed = 0
        tokens = CountingTokens()
        manager = Manager(self.provider, self.store, self.waiter, self.clock, tokens)
        eas = ActiveSync(EasSettings(provisioning=Provisioning.OFF), self.clock, tokens)
        proxies = Proxies([ip_network("127.0.0.1")])
        door = Door(
            manager,
            self.clock,
            tokens,
            WebSettings(**{"max_body": 100_000, "proxies": proxies, **settings}),
            recorder and recorder(self.clock),
        )
        self.gateway = Gateway(eas, door)
        self.door = door
        discovery = Autodiscover(door, Addresses(public_url, ALIAS))
        checks = {name: lambda name=name: self._check(name) for name in ("ox", "database")}
        self.app = Application(
            device_app(self.gateway, ALIAS, discovery),
            admin.create(checks, is_ending=lambda: self.stopped > 0),
            ADMIN,
            self._stop,
            self._close,
            Doorstep(ALIAS, door),
        )

    def _check(self, name: str) -> None:
        if name in self.down:
            raise self.down[name]

    def _stop(self) -> None:
        self.stopped += 1

    def _close(self) -> None:
        self.closed += 1

    def request(
        self,
        method: str,
        path: str = ALIAS,
        port: int = DEVICES,
        extras: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> testing.Result:
        """As the proxy hands on what came over TLS. ``extras`` go into the WSGI environment as they are."""
        more["headers"] = {"X-Forwarded-Proto": "https", **(more.get("headers") or {})}
        # Not simulate_request: its validator wants a Content-Type in answers that have no content.
        environ = testing.create_environ(path, method=method, port=port, **more)
        environ["wsgi.input_terminated"] = True
        environ.update(extras or {})
        started = testing.StartResponseMock()
        answer = self.app(environ, started)
        return testing.Result(answer, started.status, started.headers)

    def command(self, name: str = "FolderSync", body: bytes = b"", **more: Any) -> testing.Result:
        """A command of anton's phone; ``headers`` come on top."""
        headers = {
            "MS-ASProtocolVersion": "14.1",
            "Content-Type": "application/vnd.ms-sync.wbxml",
            **basic(ANTON.login),
            **more.pop("headers", {}),
        }
        query = more.pop("query", f"Cmd={name}&User=anton&DeviceId=phone1&DeviceType=Phone")
        return self.request("POST", query_string=query, body=body, headers=headers, **more)

    def source_fails(self, error: UsmError) -> None:
        def fail(name: str) -> None:
            raise error

        self.source.before = fail


@pytest.fixture
def front() -> Front:
    return Front()
