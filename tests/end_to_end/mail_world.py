"""Application and phones in this process, in front of a stand-in OX: real HTTP on both sides of it."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from app.eas.certificates import Checker
from app.eas.request import PROTOCOL
from app.eas.server import ActiveSync
from app.eas.settings import EasSettings
from app.main import SystemClock, SystemTokens
from app.ox.sessions import OxSourceProvider
from app.ox.settings import OxSettings
from app.usm.devices import Standing
from app.usm.manager import Manager
from app.usm.model import Credentials, Device
from app.web.application import device_app
from app.web.auth import Schemes
from app.web.resource import Door, Gateway, WebSettings
from lab.device import Phone
from tests.fakes.store import MemoryStore
from tests.fakes.waiter import ScriptedWaiter
from tests.ox.standin import StandIn, WebUser
from tests.schemas import validate

DOMAIN = "example.org"


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


class Clock(SystemClock):
    """The machine's time, and what waits have let pass of it."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self._ahead)

    def monotonic(self) -> float:
        return super().monotonic() + self._ahead

    def advance(self, seconds: float) -> None:
        self._ahead += seconds


class MailWorld:
    """One stand-in with the application in front; ``web`` users are the same people at OX's own interface.
    ``waiter.events``: what happens during the next waits. ``checker``: who checks certificates."""

    def __init__(self, ox: StandIn, checker: Checker | None = None) -> None:
        self.ox = ox
        self.clock = Clock()
        self.sources = OxSourceProvider(OxSettings(ox.url), self.clock)
        self.store = MemoryStore()
        self.store.now = self.clock.now  # type: ignore[method-assign]
        tokens = SystemTokens()
        self.waiter = ScriptedWaiter(self.clock)  # type: ignore[arg-type]
        self.manager = manager = Manager(
            self.sources,
            self.store,
            self.waiter,
            self.clock,
            tokens,  # type: ignore[arg-type]
        )
        eas = ActiveSync(EasSettings(), self.clock, tokens, checker)
        web = WebSettings(Schemes("$USER"), max_body=50_000_000)
        gateway = Gateway(eas, Door(manager, self.clock, tokens, web))
        app = device_app(gateway, "/Microsoft-Server-ActiveSync")
        self.http = make_server("127.0.0.1", 0, app, server_class=_Server, handler_class=_Quiet)
        self.url = f"http://127.0.0.1:{self.http.server_port}/"
        self._thread = threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        self._phones: dict[tuple[str, str, str], Phone] = {}
        self._web: dict[str, WebUser] = {}

    def close(self) -> None:
        for phone in self._phones.values():
            phone.close()
        for user in self._web.values():
            user.close()
        self.http.shutdown()
        self._thread.join()
        self.http.server_close()
        self.sources.close()

    def phone(self, login: str = "anton", version: str = "16.1", **more: Any) -> Phone:
        """The user's phone of this version, which knows its folders; whatever it hears is held against the standard."""
        key = (login, version, repr(more))
        if key not in self._phones:
            self._phones[key] = self._new_phone(login, version, **more)
        return self._phones[key]

    def _new_phone(self, login: str, version: str, **more: Any) -> Phone:
        name = f"mail{len(self._phones):028d}"
        phone = Phone(
            self.url,
            f"{login}@{DOMAIN}",
            "secret",
            version=version,
            device_id=name,
            on_answer=lambda command, spoken, answer: validate(answer, spoken),
            timeout=30,
            **more,
        )
        phone.folder_sync()
        return phone

    def decide(self, phone: Phone, standing: Standing, login: str = "anton") -> None:
        """What an administrator does with a device (``usmctl devices``)."""
        device = Device(PROTOCOL, phone.device_id)
        session = self.manager.open(Credentials(f"{login}@{DOMAIN}", "secret"), device)
        self.store.decide(session.id, standing)

    def odd(self) -> list[str]:
        """What the phones found odd since the last call."""
        found = [anomaly for phone in self._phones.values() for anomaly in phone.anomalies]
        for phone in self._phones.values():
            phone.anomalies.clear()
        return found

    def web(self, login: str = "anton") -> WebUser:
        """The user at the web interface."""
        if login not in self._web:
            self._web[login] = WebUser(self.ox, f"{login}@{DOMAIN}")
        return self._web[login]

    def folder(self, kind: str, login: str = "anton") -> str:
        """OX's id of a standard folder of mail: ``sent``, ``drafts``, ``trash`` ..."""
        if kind == "inbox":
            return "default0/INBOX"
        return str(self._leaf(login, f"mail/folder/{kind}"))

    def _leaf(self, login: str, path: str) -> Any:
        user = self.web(login)
        answer = user.http.get(
            f"{self.ox.url}config/{path}", params={"session": user.session}, timeout=20
        ).json()
        return answer.get("data")

    def mails(self, kind: str, login: str = "anton") -> list[dict[str, Any]]:
        """What a folder holds: id, flags, colour and subject, the newest first."""
        rows = self.web(login).call(
            "GET",
            "mail",
            "all",
            folder=self.folder(kind, login),
            columns="600,611,102,607",
            sort=610,
            order="desc",
        )
        return [dict(zip(("id", "flags", "color", "subject"), row, strict=True)) for row in rows]

    def find(self, kind: str, subject: str, login: str = "anton") -> list[dict[str, Any]]:
        """The mails of a folder that have this subject."""
        return [mail for mail in self.mails(kind, login) if mail["subject"] == subject]

    def source(self, kind: str, item: str, login: str = "anton") -> bytes:
        """A mail as its bytes came."""
        user = self.web(login)
        params = {
            "action": "get",
            "session": user.session,
            "folder": self.folder(kind, login),
            "id": item,
            "src": "1",
            "save": "1",
            "unseen": "true",
        }
        return bytes(user.http.get(f"{self.ox.url}mail", params=params, timeout=20).content)

    def deliver(self, raw: bytes, login: str = "anton") -> str:
        """A mail arrives in the INBOX."""
        return self.ox.deliver(f"{login}@{DOMAIN}", raw)


def eventually(condition: Callable[[], Any], tries: int = 50) -> Any:
    """What the condition gives as soon as it is true; delivery takes its time."""
    for _ in range(tries):
        if found := condition():
            return found
        time.sleep(0.1)
    raise AssertionError("it never came")


@contextmanager
def before(generation: str, seed: Path, folder: Path, checker: Checker | None = None) -> Iterator[MailWorld]:
    """A world of its own in front of an OX of this generation."""
    shutil.copytree(seed, folder)
    ox = StandIn(f"sqlite:///{folder}", generation)
    try:
        world = MailWorld(ox, checker)
        try:
            yield world
        finally:
            world.close()
    finally:
        ox.stop()
