"""Whom the doctor looks at: settings, what the administrator said besides, and what all questions may ask."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from app.config import Settings
from app.ox.settings import OxSettings
from app.store.database import Databases
from app.usm.model import Credentials
from app.usm.ports import Clock, Keyring

PATIENCE: Final = 15.0
"""Seconds for one question."""

STEP: Final = 5.0
"""Seconds for one step of it: to connect, or to get an answer."""


@dataclass(frozen=True, slots=True)
class Case:
    """``settings`` are ``None`` where the files are wrong. ``url``: of ActiveSync as phones see it, ``""`` if nobody
    said; ``authorities``: a PEM file in place of the system's. ``probe_heartbeat``: seconds to wait as a phone does,
    0 for not at all. ``roots``: where Apache's configuration is looked for; ``proc``: where the kernel tells of
    processes."""

    etc: Path
    clock: Clock
    settings: Settings | None = None
    databases: Databases | None = None
    ox: OxSettings | None = None
    keyring: Keyring | None = None
    credentials: Credentials | None = field(default=None, repr=False)
    url: str = ""
    authorities: Path | None = None
    probe_heartbeat: int = 0
    roots: tuple[Path, ...] = (Path("/etc/apache2"), Path("/etc/httpd"))
    proc: Path = Path("/proc")
