"""One request on its way through a command: everything a command may use, and nothing of HTTP."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from app.eas.certificates import Checker
from app.eas.memory import Memory
from app.eas.request import Command
from app.eas.settings import EasSettings
from app.eas.versions import Version
from app.usm.ports import Clock, Tokens
from app.wbxml.element import Element

if TYPE_CHECKING:
    from app.usm.session import Session


@dataclass(frozen=True, slots=True)
class Call:
    """``document`` is the root of the request's body, ``None`` where the body is empty. ``checker``: who checks
    certificates, if anybody does."""

    command: Command
    document: Element | None
    session: Session
    memory: Memory
    settings: EasSettings
    clock: Clock
    tokens: Tokens
    checker: Checker | None = None

    def waiting(self) -> Call:
        """The same for a command that may wait: without the document, which it has read already."""
        return replace(self, document=None)

    @property
    def version(self) -> Version:
        """The protocol version the device speaks."""
        return self.command.version
