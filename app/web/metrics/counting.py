"""How the parts of the program count: functions that take their words, and know which number that is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Final

from prometheus_client import Counter, Histogram

from app.usm.errors import AccessDenied, AccountBlocked, LoginPaused, NotEnabled, PasswordExpired
from app.usm.model import Cost, Event
from app.web.auth import Unauthenticated
from app.web.metrics import numbers
from app.web.origin import PlainHttp

NO_COST: Final = Cost()

LOGIN_REASONS: Final[Mapping[type[Exception], str]] = {
    Unauthenticated: "none",
    PlainHttp: "plain_http",
    AccountBlocked: "locked",
    PasswordExpired: "expired",
    AccessDenied: "wrong_password",
    NotEnabled: "not_enabled",
    LoginPaused: "paused",
}
"""Error → why a login was refused, the narrower error first."""


def count(
    command: str,
    version: str,
    status: int,
    seconds: float | None = 0.0,
    cost: Cost = NO_COST,
    statuses: Iterable[int] = (),
    events: Iterable[Event] = (),
) -> None:
    """A request was answered. ``command`` and ``version`` must come from a closed set, never from the device;
    ``seconds``: without those that it waited for changes; ``None`` if it was refused unread, as thousands of such in a
    second would hide how long the others take."""
    _counter(numbers.COMMANDS, command, version, status).inc()
    if seconds is not None:
        _histogram(numbers.DURATION, command).observe(seconds)
    if cost.calls:
        _counter(numbers.OX_CALLS, command).inc(cost.calls)
        _counter(numbers.OX_SECONDS, command).inc(cost.seconds)
    for each in statuses:
        _counter(numbers.STATUSES, command, each).inc()
    for event in events:
        numbers.EVENTS[event].inc()


def count_refused_login(error: Exception) -> None:
    """A request was refused; counted is what is about who asks."""
    for kind, reason in LOGIN_REASONS.items():
        if isinstance(error, kind):
            numbers.LOGINS.labels(reason).inc()
            return


def ox_request(module: str, kind: str, outcome: str, seconds: float) -> None:
    """An HTTP request to OX has ended. ``module``: the first part of its path."""
    known = module if module in numbers.OX_MODULES else numbers.OTHER
    _counter(numbers.OX_REQUESTS, known, kind, outcome).inc()
    _histogram(numbers.OX_LATENCY, known).observe(seconds)


@cache
def _counter(number: Counter, *values: object) -> Counter:
    """The series of these values; looking for it takes as long as counting does. They come from closed sets."""
    return number.labels(*values)


@cache
def _histogram(number: Histogram, *values: object) -> Histogram:
    return number.labels(*values)
