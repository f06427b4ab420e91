"""What calls to OX cost, and how they end: for the log line of the request, and for whoever counts all calls."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from types import TracebackType
from typing import TYPE_CHECKING, Final

from app.ox.errors import NoConnection, SessionExpired
from app.usm.errors import SourceUnavailable
from app.usm.model import Cost
from app.usm.ports import Clock

if TYPE_CHECKING:
    from app.ox.transport import Request

LOGIN: Final = "login"
"""The module of logins."""


class Ending(StrEnum):
    """How an HTTP request to OX ended."""

    ANSWERED = "answered"
    REFUSED = "refused"
    """OX answered with an error."""
    EXPIRED = "expired"
    """OX has forgotten the session: one logs in anew, and asks again."""
    FAILED = "failed"
    """No answer, none in time, or none that can be read."""
    NOT_SENT = "not_sent"
    """All our connections were in use."""


Told = Callable[[str, str, str, float], None]
"""Hears of each request to OX that has ended: the module; ``read``, ``write`` or ``login``; the :class:`Ending`; the
seconds until OX had answered."""


def nobody(module: str, kind: str, ending: str, seconds: float) -> None:
    """Hears nothing."""


class Meter:
    """Counts the calls of one request of a device and the seconds they took. ``told`` hears how each of them ended."""

    def __init__(self, clock: Clock, told: Told = nobody) -> None:
        self._clock = clock
        self._told = told
        self._calls = 0
        self._seconds = 0.0

    def call(self, request: Request) -> Call:
        """Count one call, from before it is sent until its answer is understood."""
        self._calls += 1
        return Call(self, request)

    @property
    def cost(self) -> Cost:
        """What was counted so far."""
        return Cost(self._calls, self._seconds)

    def now(self) -> float:
        """Monotonic seconds."""
        return self._clock.monotonic()

    def took(self, seconds: float) -> None:
        """A call was answered after so long, or was not answered."""
        self._seconds += seconds

    def ended(self, request: Request, ending: Ending, seconds: float) -> None:
        """A call is over."""
        module = request.path.partition("/")[0]
        kind = LOGIN if module == LOGIN else "read" if request.repeatable else "write"
        self._told(module, kind, ending, seconds)


class Call:
    """One call: the context in which it is made and its answer is read."""

    __slots__ = ("_begun", "_meter", "_request", "_took")

    def __init__(self, meter: Meter, request: Request) -> None:
        self._meter = meter
        self._request = request
        self._begun = meter.now()
        self._took: float | None = None

    def __enter__(self) -> Call:
        return self

    def answered(self) -> None:
        """All of the answer is there; what is done with it now takes no more of OX's time."""
        self._took = self._meter.now() - self._begun
        self._meter.took(self._took)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._took is None:
            self.answered()
        self._meter.ended(self._request, _ending(error), self._took or 0.0)


def _ending(error: BaseException | None) -> Ending:
    if error is None:
        return Ending.ANSWERED
    if isinstance(error, SessionExpired):
        return Ending.EXPIRED
    if isinstance(error, NoConnection):
        return Ending.NOT_SENT
    return Ending.FAILED if isinstance(error, SourceUnavailable) else Ending.REFUSED
