"""How what happens in one waiting room reaches the others: an envelope with news, and the way it travels.

One seam: a hub publishes on its bus and hears what the bus delivers, its own news included. :class:`LocalBus` ends at
the process; :mod:`app.notify.node` joins the worker processes of a host; one that goes further offers the same two
methods.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from app.notify.waker import Waker
from app.usm.model import Login, SessionId


@dataclass(frozen=True, slots=True)
class Announcement:
    """Folders of a user have changed; ``by`` already knows. ``source``: who says so, or by which way it came."""

    context_id: int
    user_id: int
    folders: tuple[str, ...]
    by: SessionId | None = None
    source: Waker = field(default=Waker.CHANGE, compare=False)


@dataclass(frozen=True, slots=True)
class Mention:
    """Folders of a user have changed whom somebody knows by a name only: a login, or an address."""

    name: str
    folders: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request of this session has begun to wait at ``moment`` (seconds since 1970): older ones end. ``decided``: it
    is no request, but something was decided about the device."""

    session: SessionId
    moment: float
    decided: bool = False


@dataclass(frozen=True, slots=True)
class Look:
    """A process (``by``) has looked at folders of a user, at ``moment`` (seconds since 1970). Of each folder: its id,
    the value of its content type, and what the source said of it, ``None`` where it is gone."""

    context_id: int
    user_id: int
    folders: tuple[tuple[str, str, str | None], ...]
    moment: float
    by: str


News = Announcement | Mention | Arrival | Look | Login
Receiver = Callable[[News], None]


class Bus(Protocol):
    """Carries news to everybody who listens."""

    def publish(self, news: News) -> None:
        """Deliver soon; never waits long for the receivers and never raises for a broken line."""
        ...

    def subscribe(self, receive: Receiver) -> None:
        """Call ``receive`` for all news from now on, in any thread."""
        ...


class LocalBus:
    """The bus of a single process: delivers at once, in the publisher's own thread."""

    def __init__(self) -> None:
        self._receivers: list[Receiver] = []

    def publish(self, news: News) -> None:
        """See :class:`Bus`."""
        for receive in self._receivers:
            receive(news)

    def subscribe(self, receive: Receiver) -> None:
        """See :class:`Bus`."""
        self._receivers.append(receive)
