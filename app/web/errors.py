"""What becomes of an error that reaches the web: one table, and nothing of the error's inside in the answer.

An ``EasError`` is not among them: the protocol brings its own answer.

A back end that does not answer is 503 with ``Retry-After`` and never 401 or 500: on those a phone asks its owner for
the password or runs Autodiscover again (MS-ASHTTP 3.1.5.2.1).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from app.usm.errors import (
    AccessDenied,
    AccountBlocked,
    Busy,
    NotEnabled,
    PasswordExpired,
    SourceUnavailable,
    StoreUnavailable,
)
from app.web.admission import Overloaded
from app.web.auth import Unauthenticated
from app.web.body import BodyError
from app.web.origin import PlainHttp
from app.web.places import Elsewhere

BUSY_RETRY: Final = 5
"""Seconds after which a device may try again when another of its requests holds the folder."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer without a body worth reading. ``foreseen`` is False for a defect of ours."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    foreseen: bool = True
    body: bytes = b""


TLS_ONLY: Final = Refusal(
    403,
    {"Content-Type": "text/plain; charset=utf-8"},
    body=b"ActiveSync is served over TLS only: the address begins with https://\n",
)
"""Who comes over plain HTTP is not even asked for a password: the next one would be in the clear as well."""

STATUS: Final[Mapping[type[Exception], int]] = {
    Unauthenticated: 401,
    AccountBlocked: 456,
    PasswordExpired: 457,
    AccessDenied: 401,
    Elsewhere: 451,
    NotEnabled: 403,
    SourceUnavailable: 503,
    StoreUnavailable: 503,
    Busy: 503,
    Overloaded: 503,
}
"""Error → HTTP status, the narrower error first. A ``BodyError`` brings its own; everything else is a defect: 500."""


def refusal(error: Exception) -> Refusal:
    """The answer to an error."""
    if isinstance(error, BodyError):
        # What is left of the body would be taken for the next request.
        return Refusal(error.status, {"Connection": "close", **_headers(error, error.status)})
    if isinstance(error, PlainHttp):
        return TLS_ONLY
    for kind, status in STATUS.items():
        if isinstance(error, kind):
            return Refusal(status, _headers(error, status))
    return Refusal(500, foreseen=False)


def _headers(error: Exception, status: int) -> Mapping[str, str]:
    if isinstance(error, Elsewhere):
        return {"X-MS-Location": error.url}
    if status == 503:
        return {"Retry-After": str(getattr(error, "retry_after", BUSY_RETRY))}
    return {}
