"""A session over memory fakes, with shorthands for what a device does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from app.usm.compared import Compared
from app.usm.manager import Manager
from app.usm.model import Credentials, Device, UsmSettings, WatchResult
from app.usm.ports import outcome
from app.usm.session import Session
from tests.fakes.clock import CountingTokens, ManualClock
from tests.fakes.source import ANTON, MemoryProvider, MemorySource
from tests.fakes.store import MemoryStore
from tests.fakes.waiter import ScriptedWaiter

CONTACTS = "31"
INBOX = "default0/INBOX"


class World:
    """One user, one store, any number of devices. ``store`` makes the store, by default one in memory."""

    def __init__(self, store: Callable[[ManualClock], Any] = lambda clock: MemoryStore()) -> None:
        self.clock = ManualClock()
        self.source = MemorySource()
        self.store = store(self.clock)
        self.waiter = ScriptedWaiter(self.clock)
        self.tokens = CountingTokens()
        self.settings = UsmSettings()
        self._process = self.settings, Compared()
        self.provider = MemoryProvider({ANTON.login: self.source})

    def session(self, device: str = "phone1") -> Session:
        if self._process[0] != self.settings:
            self._process = self.settings, Compared()
        given = (self.provider, self.store, self.waiter, self.clock, self.tokens)
        manager = Manager(*given, *self._process)
        return manager.open(Credentials(ANTON.login, "secret"), Device("EAS", device))

    def watch(self, *words: Any, **more: Any) -> WatchResult:
        """Wait until the end."""
        return outcome(self.session().watch(*words, **more))

    def number(self, folder: str, device: str = "phone1") -> int:
        session = self.session(device)
        if not self.store.folder_refs(session.id):
            session.folders("0")
        return next(ref.number for ref in self.store.folder_refs(session.id) if ref.id == folder)


@pytest.fixture
def world() -> World:
    return World()
