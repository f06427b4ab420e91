"""How an announcement reaches the hubs of all workers and nodes.

One seam: a hub publishes on its bus and hears what the bus delivers, its own announcements included. This bus ends at
the process; one that goes further offers the same two methods.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from app.usm.model import SessionId


@dataclass(frozen=True, slots=True)
class Announcement:
    """Folders of a user have changed; ``by`` already knows."""

    context_id: int
    user_id: int
    folders: tuple[str, ...]
    by: SessionId | None = None


class Bus(Protocol):
    """Carries announcements to everybody who listens."""

    def publish(self, announcement: Announcement) -> None:
        """Deliver soon; never waits for the receivers and never raises for a broken line."""
        ...

    def subscribe(self, receive: Callable[[Announcement], None]) -> None:
        """Call ``receive`` for each announcement from now on, in any thread."""
        ...


class LocalBus:
    """The bus of a single process: delivers at once, in the publisher's own thread."""

    def __init__(self) -> None:
        self._receivers: list[Callable[[Announcement], None]] = []

    def publish(self, announcement: Announcement) -> None:
        """See :class:`Bus`."""
        for receive in self._receivers:
            receive(announcement)

    def subscribe(self, receive: Callable[[Announcement], None]) -> None:
        """See :class:`Bus`."""
        self._receivers.append(receive)
