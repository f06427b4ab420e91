"""The way into USM: from credentials and a device to a session."""

from __future__ import annotations

from app.usm.compared import Compared
from app.usm.model import Credentials, Device, UsmSettings
from app.usm.ports import Clock, SourceProvider, StateStore, Tokens, Waiter
from app.usm.session import Session


class Manager:
    """Holds the collaborators; one per process."""

    def __init__(
        self,
        sources: SourceProvider,
        store: StateStore,
        waiter: Waiter,
        clock: Clock,
        tokens: Tokens,
        settings: UsmSettings | None = None,
        compared: Compared | None = None,
    ) -> None:
        self._sources = sources
        self._store = store
        self._waiter = waiter
        self._clock = clock
        self._tokens = tokens
        self._settings = settings or UsmSettings()
        self._compared = compared or Compared()

    def open(self, credentials: Credentials, device: Device) -> Session:
        """Raises ``AccessDenied``, ``NotEnabled``, ``SourceUnavailable``."""
        source = self._sources.open(credentials, device)
        return Session(
            device,
            source,
            self._store,
            self._waiter,
            self._clock,
            self._tokens,
            self._settings,
            self._compared,
        )
