"""What this OX is, and what it lets a user do: asked once, by an administrator who looks for a fault.

Nothing is kept, no login is repeated, and the session is ended at once.
"""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urlsplit

from app.ox import access
from app.ox.calendar.module import Calendar
from app.ox.client import OxClient, login
from app.ox.meter import Meter
from app.ox.module import Context
from app.ox.settings import OxSettings
from app.ox.transport import Transport
from app.usm.errors import SourceUnavailable, UsmError
from app.usm.model import ContentType, Credentials, User
from app.usm.ports import Clock, Keyring

CLIENT: Final = "USM-EAS"

UNKNOWN_MODULE: Final = "SVL-0007"

_LARGEST: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Greeting:
    """What OX says to a stranger. ``generation``: ``6``, ``7`` (or newer), or ``""`` where it does not show; ``clock``:
    its time in seconds since 1970, ``None`` if it does not tell; ``seconds``: how long the answer took."""

    status: int
    generation: str
    clock: float | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Welcome:
    """What OX lets a user do. ``version``: what it calls itself; ``rights``: those without which nobody synchronises,
    and whether he has them; ``contents``: which modules; ``has_chronos``: the newer of two calendar modules, ``None``
    without a calendar."""

    user: User
    version: str
    legacy: bool
    has_chronos: bool | None
    rights: Mapping[str, bool]
    contents: frozenset[ContentType]


def greet(url: str, seconds: float) -> Greeting:
    """Ask without a login. Raises ``SourceUnavailable``."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=seconds)
    begun = time.monotonic()
    try:
        # Generation 6 has no such servlet; later ones miss the session.
        connection.request("GET", f"{parts.path}capabilities?action=all", headers={"Connection": "close"})
        answer = connection.getresponse()
        body = answer.read(_LARGEST)
    except (OSError, http.client.HTTPException) as error:
        raise SourceUnavailable(f"{url} does not answer: {error or type(error).__name__}") from error
    finally:
        connection.close()
    took = time.monotonic() - begun
    return Greeting(answer.status, _generation(answer.status, body), _clock(answer.getheader("Date")), took)


def _generation(status: int, body: bytes) -> str:
    if status == http.client.NOT_FOUND:
        return "6"
    try:
        envelope = json.loads(body)
    except ValueError:
        return ""
    if status != http.client.OK or not isinstance(envelope, dict) or "error" not in envelope:
        return ""
    return "6" if envelope.get("code") == UNKNOWN_MODULE else "7"


def _clock(date: str | None) -> float | None:
    with suppress(TypeError, ValueError):
        return parsedate_to_datetime(str(date)).timestamp()
    return None


def log_in(
    settings: OxSettings, clock: Clock, credentials: Credentials, keyring: Keyring | None = None
) -> Welcome:
    """Log in as a user, look, and log out. A user without the rights is looked at too. Raises ``AccessDenied``,
    ``NotEnabled`` where OX lets him in nowhere, ``SourceUnavailable``, ``StoreUnavailable``."""
    if keyring is not None:
        credentials = keyring.resolve(credentials)
    transport = Transport(settings, clock)
    meter = Meter(clock)
    form = {
        "name": credentials.login,
        "password": credentials.password,
        "client": CLIENT,
        "version": settings.version,
    }
    try:
        session, answer = login(transport, clock, meter, form)
        client = OxClient(transport, clock, session, meter)
        try:
            return _look(client, settings, clock, credentials.login, answer)
        finally:
            with suppress(UsmError):
                client.logout()
    finally:
        transport.close()


def _look(
    client: OxClient, settings: OxSettings, clock: Clock, name: str, answer: Mapping[str, Any]
) -> Welcome:
    given, legacy = access.rights(client)
    contents = access.contents(given)
    user = access.user(client, name, answer, contents)
    context = Context(client, access.Access(user, contents, legacy), settings, access.Traits(), clock)
    has_calendar = ContentType.CALENDAR in contents
    return Welcome(
        user,
        str(access.leaf(client, "serverVersion") or ""),
        legacy,
        Calendar(context).is_chronos if has_calendar else None,
        {name: name in given for name, _ in access.REQUIRED},
        contents,
    )
