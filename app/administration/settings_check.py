"""``usmctl config check``: every setting with its effect, and those that fight each other.

Each conflict is a function that takes the settings and says what is the matter, or nothing; :data:`CONFLICTS` has them
all with the fields that they look at. None of them is an error: the service runs, but not as somebody meant it to.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from app import config
from app.config import KEYS, POLICY, Settings, Value
from app.config.loading import Problem, place_of
from app.eas import policy

PROXY_TIMEOUT: Final = 1900
"""Seconds for which the Apache of the deployment lets a request wait, unless ``proxy_timeout`` says otherwise."""

MARGIN: Final = 15
"""Seconds by which a proxy's patience must exceed the longest wait: the answer has to get through."""

STOP_TIMEOUT: Final = 60
"""Seconds after which systemd kills the service that should stop (TimeoutStopSec of the unit)."""

NAMES: Final = {KEYS[key].name: key for key in KEYS}


@dataclass(frozen=True, slots=True)
class Conflict:
    """Settings that do not go together. ``keys``: the first is the one to change; ``places``: where they stand in the
    files, those that do."""

    keys: tuple[str, ...]
    places: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Checked:
    """``problems``: what is wrong, each with file, line, key and value; ``warnings``: what is odd. ``conflicts`` are
    looked for only when nothing is wrong."""

    values: Sequence[Value]
    problems: Sequence[Problem]
    warnings: Sequence[Problem]
    conflicts: Sequence[Conflict]


Find = Callable[[Settings], str]


def check(etc: Path, proxy_timeouts: Sequence[int] = ()) -> Checked:
    """All there is to say about the files of a folder. ``proxy_timeouts``: seconds for which each proxy on the way of
    the phones lets a request wait."""
    found = config.survey(etc)
    conflicts: list[Conflict] = []
    if not found.read.errors:
        settings = Settings(etc=etc, **found.read.values)
        where = {key: place_of(entry) for key, entry in found.read.chosen.items()}
        conflicts += _conflicts(settings, where)
        conflicts += _proxies(settings, where, proxy_timeouts)
    return Checked(found.values, found.read.errors, found.read.warnings, conflicts)


def _conflicts(settings: Settings, where: dict[str, str]) -> Iterator[Conflict]:
    for names, find in CONFLICTS:
        if text := find(settings):
            yield _conflict(tuple(NAMES.get(name, name) for name in names), where, text)


def _proxies(settings: Settings, where: dict[str, str], timeouts: Sequence[int]) -> Iterator[Conflict]:
    for seconds in timeouts or (PROXY_TIMEOUT,):
        if settings.max_heartbeat + MARGIN > seconds:
            whose = "a proxy on the way" if timeouts else "the Apache of the deployment (proxy_timeout)"
            yield _conflict(
                (NAMES["max_heartbeat"],),
                where,
                f"{whose} lets a request wait {seconds} s: phones that wait {settings.max_heartbeat} s get its error"
                f" instead of an answer; at most {seconds - MARGIN} s go well",
            )


def _conflict(keys: tuple[str, ...], where: dict[str, str], text: str) -> Conflict:
    return Conflict(keys, tuple(where[key] for key in keys if key in where), text)


# --- the conflicts


def _repeats_of_pings(settings: Settings) -> str:
    pings = settings.throttle_seconds // settings.min_heartbeat
    if not settings.throttle_repeats or pings <= settings.throttle_repeats:
        return ""
    return (
        f"a phone that waits {settings.min_heartbeat} s each time asks {pings} times in {settings.throttle_seconds} s,"
        f" and is throttled after {settings.throttle_repeats}"
    )


def _repeats_never_reached(settings: Settings) -> str:
    if settings.throttle_repeats < settings.throttle_seconds:
        return ""
    return f"a span of {settings.throttle_seconds} s has no more seconds to repeat a request in: no loop is noticed"


def _parallel(settings: Settings) -> str:
    if settings.throttle_parallel not in (1, 2):
        return ""
    return "phones wait with one request and synchronise with others at the same time: many are throttled for that"


def _requests(settings: Settings) -> str:
    if not 0 < settings.throttle_requests < settings.throttle_seconds // 3:
        return ""
    return (
        f"{settings.throttle_requests} requests in {settings.throttle_seconds} s are fewer than a phone needs for its"
        " first synchronisation"
    )


def _recovery(settings: Settings) -> str:
    if settings.policy.get("PasswordRecoveryEnabled") != "1" or settings.secret_keys:
        return ""
    return "recovery passwords are kept only with secret_keys: no device is asked for one"


def _password_policy(settings: Settings) -> str:
    wanted = settings.policy.get("DevicePasswordEnabled") == "1"
    idle = [name for name in settings.policy if name in policy.RULES and policy.RULES[name].password]
    if wanted or not idle:
        return ""
    return f"{', '.join(sorted(idle))} of the policy mean nothing without DevicePasswordEnabled=1"


def _no_policy(settings: Settings) -> str:
    if settings.provisioning != "off" or not settings.policy:
        return ""
    return "there is no policy (provisioning=off), so its settings do nothing"


def _mail_is_not_announced(settings: Settings) -> str:
    if settings.email_pull_min_delay >= 0 or settings.dovecot_push_password:
        return ""
    return "mail folders are never looked at, and nobody announces new mail: waiting phones do not hear of it"


def _mail_is_never_looked_at(settings: Settings) -> str:
    if settings.email_pull_min_delay <= settings.max_heartbeat * 1000:
        return ""
    return f"no phone waits longer than {settings.max_heartbeat} s, so mail folders are never looked at while they wait"


def _folders_are_never_looked_at(settings: Settings) -> str:
    if settings.pull_interval <= settings.max_heartbeat * 1000:
        return ""
    return f"no phone waits longer than {settings.max_heartbeat} s, so it hears of changes only when it asks anew"


def _windows(settings: Settings) -> str:
    if settings.default_window <= settings.max_window:
        return ""
    return f"answers have at most {settings.max_window} changes, whatever the default says"


def _graceful(settings: Settings) -> str:
    if settings.graceful_timeout <= STOP_TIMEOUT - 5:
        return ""
    return f"systemd kills the service {STOP_TIMEOUT} s after it was told to stop (TimeoutStopSec)"


def _twins(settings: Settings) -> str:
    if not settings.max_devices or settings.max_twins <= settings.max_devices:
        return ""
    return f"a user has {settings.max_devices} devices at most, so this limit of twins is never reached"


def _nobody_comes_in(settings: Settings) -> str:
    if settings.device_default == "allow" or settings.device_allow:
        return ""
    what = "blocked" if settings.device_default == "block" else "quarantined"
    return f"every new device is {what}, the deployment's check too, until usmctl devices allow: no rule lets any in"


def _oauth(settings: Settings) -> str:
    if settings.oauth or not settings.oauth_authorization_uri:
        return ""
    return "access tokens are not taken (oauth=false), so nobody is told where to get one"


def _lock_waits_longer_than_ox(settings: Settings) -> str:
    if settings.lock_timeout <= settings.ox_read_timeout:
        return ""
    return "a request waits longer for another one than that one may wait for OX: they pile up"


def _plain_ox(settings: Settings) -> str:
    parts = urlsplit(settings.ox_url)
    if parts.scheme == "https" or _is_loopback(parts.hostname or ""):
        return ""
    return f"passwords go to {parts.hostname} without TLS: only where the network between is yours alone"


def _plain_phones(settings: Settings) -> str:
    if not settings.allow_plain_http:
        return ""
    return "phones without TLS are served: everybody on their way reads the passwords"


def _open_admin(settings: Settings) -> str:
    if _is_loopback(settings.admin_host):
        return ""
    if settings.admin_logins:
        return f"administrators sign in at {settings.admin_host} without TLS: everybody on the way reads the passwords"
    return f"health and metrics can be had by whoever reaches {settings.admin_host}: they are for this host alone"


def _account_is_locked(settings: Settings) -> str:
    if settings.failed_login_memory:
        return ""
    return "a phone with an old password asks OX again and again, which locks the account"


def _one_host(settings: Settings) -> str:
    if not settings.database_url.startswith("sqlite"):
        return ""
    return "a file is for one application node: a second one would know nothing of the phones of the first"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


CONFLICTS: Final[tuple[tuple[tuple[str, ...], Find], ...]] = (
    (("throttle_repeats", "throttle_seconds", "min_heartbeat"), _repeats_of_pings),
    (("throttle_repeats", "throttle_seconds"), _repeats_never_reached),
    (("throttle_parallel",), _parallel),
    (("throttle_requests", "throttle_seconds"), _requests),
    (("secret_keys", f"{POLICY}PasswordRecoveryEnabled"), _recovery),
    ((f"{POLICY}DevicePasswordEnabled",), _password_policy),
    (("provisioning",), _no_policy),
    (("email_pull_min_delay", "dovecot_push_password"), _mail_is_not_announced),
    (("email_pull_min_delay", "max_heartbeat"), _mail_is_never_looked_at),
    (("pull_interval", "max_heartbeat"), _folders_are_never_looked_at),
    (("default_window", "max_window"), _windows),
    (("graceful_timeout",), _graceful),
    (("max_twins", "max_devices"), _twins),
    (("device_default", "device_allow"), _nobody_comes_in),
    (("oauth_authorization_uri", "oauth"), _oauth),
    (("lock_timeout", "ox_read_timeout"), _lock_waits_longer_than_ox),
    (("ox_url",), _plain_ox),
    (("allow_plain_http",), _plain_phones),
    (("admin_host", "admin_logins"), _open_admin),
    (("failed_login_memory",), _account_is_locked),
    (("database_url",), _one_host),
)
