"""One groupware node: its data, settings, sessions, and what tests inject."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import sqlalchemy as sa

from lab.ox.generation import Generation
from lab.ox.settings import Settings
from lab.ox.storage.platform import Platform
from lab.ox.update_tasks.runner import Updater
from lab.ox.web.dispatch import Module
from lab.ox.web.injection import CallLog, Faults
from lab.ox.web.limiter import RateLimiter
from lab.ox.web.sessions import Sessions

log = logging.getLogger(__name__)


class Groupware:
    """Everything that the modules of one process share."""

    def __init__(
        self, platform: Platform, generation: Generation, settings: Settings, modules: Mapping[str, Module]
    ) -> None:
        self.platform = platform
        self.modules = modules
        self.generation = generation
        self.settings = settings
        self.sessions = Sessions(settings, generation.precise_session_errors)
        self.limiter = RateLimiter(settings)
        self.updater = Updater(platform.databases, generation, settings)
        self.faults = Faults()
        self.calls = CallLog()

    def start(self) -> None:
        """What a node does when it starts: let go of schemas it locked before it died. A database that cannot be
        reached yet does not keep it from starting."""
        try:
            self.updater.release_own_locks(self.platform.schemas())
        except sa.exc.SQLAlchemyError as error:
            log.warning("no schema was looked at: %s", error)
