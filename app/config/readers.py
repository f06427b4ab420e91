"""How the text of a value becomes the value, and what was expected where it cannot."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlsplit

from app.eas import admission_rules
from app.eas.admission_rules import Rule

ALIAS: Final = "/Microsoft-Server-ActiveSync"

SECRET_KEY: Final = 32
"""Bytes of a key in :attr:`app.config.Settings.secret_keys`."""

Reader = Callable[[str], Any]
"""Turns the text of a value into the value; raises :class:`ValueError` with what was expected."""


@dataclass(frozen=True, slots=True)
class Delay:
    """A time to wait: ``milliseconds``, or ``percent`` of what the client is willing to wait. One of the two is set."""

    milliseconds: int | None = None
    percent: int | None = None


def text(value: str) -> str:
    """Any text."""
    return value


def boolean(value: str) -> bool:
    """``true`` or ``false``."""
    lowered = value.lower()
    if lowered not in ("true", "false"):
        raise ValueError("expected true or false")
    return lowered == "true"


def whole(minimum: int, maximum: int = 2**31 - 1) -> Reader:
    """A whole number within these bounds."""

    def read(value: str) -> int:
        if not re.fullmatch(r"-?[0-9]{1,18}", value):
            raise ValueError(f"expected a whole number from {minimum} to {maximum}")
        number = int(value)
        if not minimum <= number <= maximum:
            raise ValueError(f"expected a whole number from {minimum} to {maximum}")
        return number

    return read


def choice(*words: str) -> Reader:
    """One of these words, in any case."""

    def read(value: str) -> str:
        if value.lower() not in words:
            raise ValueError(f"expected one of {', '.join(words)}")
        return value.lower()

    return read


def device_rules(value: str) -> tuple[Rule, ...]:
    """Rules about devices."""
    return admission_rules.parse(value)


def http_url(value: str) -> str:
    """An ``http`` or ``https`` address with a host; it always ends in ``/``."""
    try:
        parts = urlsplit(value)
        parts.port  # noqa: B018  (reading it is the check)
    except ValueError as error:
        raise ValueError(f"expected a URL such as http://localhost:8009/ajax/: {error}") from None
    if parts.scheme not in ("http", "https"):
        raise ValueError("expected a URL that begins with http:// or https://")
    if not parts.hostname:
        raise ValueError("expected a URL with a host, such as http://localhost:8009/ajax/")
    if parts.query or parts.fragment:
        raise ValueError("expected a URL without ? and #")
    return value if value.endswith("/") else value + "/"


def database_url(value: str) -> str:
    """An SQLAlchemy address: ``dialect://…``."""
    if not re.match(r"^(sqlite|mysql\+pymysql|mariadb\+pymysql)://", value):
        raise ValueError("expected sqlite:///FILE, mysql+pymysql://… or mariadb+pymysql://…")
    return value


def redis_url(value: str) -> str:
    """The address of a Redis server."""
    # No words of the library: they may repeat a part of the password.
    wrong = ValueError(
        "expected redis://host:6379/0, or rediss:// for TLS, with / ? # @ in a password as %2F %3F %23 %40"
    )
    try:
        parts = urlsplit(value)
        parts.port  # noqa: B018  (reading it is the check)
    except ValueError:
        raise wrong from None
    if (
        parts.scheme not in ("redis", "rediss")
        or not parts.hostname
        or not re.fullmatch(r"/?[0-9]*", parts.path)
        or "@" in parts.query
        or parts.fragment
    ):
        raise wrong
    return value


def host(value: str) -> str:
    """A host name or address without a port; ``*`` is every address."""
    if value == "*":
        return "0.0.0.0"  # noqa: S104  # nosec B104 # only when the administrator says so
    if not re.fullmatch(r"[0-9A-Za-z._-]+|\[?[0-9A-Fa-f:]+\]?", value):
        raise ValueError("expected a host name or an IP address")
    return value.strip("[]")


def url_path(value: str) -> str:
    """The path of an URL, from its first ``/`` on."""
    if not re.fullmatch(r"/[A-Za-z0-9._~/-]*[A-Za-z0-9._~-]", value):
        raise ValueError(f"expected a path such as {ALIAS}")
    return value


def delay(value: str) -> Delay:
    """Milliseconds, or per cent of the client's own time such as ``50%``."""
    match = re.fullmatch(r"([0-9]{1,9})\s*(%?)", value)
    if match is None:
        raise ValueError("expected milliseconds, or per cent such as 50%")
    number = int(match.group(1))
    if not match.group(2):
        return Delay(milliseconds=number)
    if not 1 <= number <= 100:
        raise ValueError("expected 1% to 100%")
    return Delay(percent=number)


def login_pattern(value: str) -> str:
    """A text with ``$USER``, and ``$DOMAIN`` where the domain belongs."""
    if "$USER" not in value:
        raise ValueError("expected a pattern with $USER in it, such as $USER@$DOMAIN")
    return value


def web_address(value: str) -> str:
    """An ``https`` or ``http`` address that people or devices are sent to, as it is."""
    if value != "".join(value.split()) or any(character in value for character in '"<>\\'):
        raise ValueError("expected a URL without blanks and quotes")
    http_url(value.partition("?")[0].partition("#")[0])
    return value


def active_sync_url(value: str) -> str:
    """The address of ActiveSync on some server; without a path it gets the usual one."""
    address = http_url(value)
    return address.rstrip("/") if urlsplit(address).path.strip("/") else address.rstrip("/") + ALIAS


def redirects(value: str) -> tuple[tuple[str, str], ...]:
    """``PATTERN=URL``, separated by commas or blanks; the patterns come out in small letters."""
    rules = []
    for rule in re.split(r"[,\s]+", value.strip(", \t")):
        pattern, equals, url = rule.partition("=")
        if not (pattern and equals and url):
            raise ValueError("expected PATTERN=URL such as *@example.net=https://eas.example.net/")
        rules.append((pattern.lower(), active_sync_url(url)))
    return tuple(rules)


def node_name(value: str) -> str:
    """A name that may stand in a cookie."""
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", value):
        raise ValueError("expected letters, digits, - and _ only")
    return value


def secret_keys(value: str) -> tuple[bytes, ...]:
    """Keys of 32 bytes in Base64, separated by commas or blanks."""
    keys = []
    for word in re.split(r"[,\s]+", value.strip(", \t")):
        try:
            key = base64.b64decode(word, validate=True)
        except binascii.Error:
            key = b""
        if len(key) != SECRET_KEY:
            raise ValueError(
                f"expected keys of {SECRET_KEY} bytes in Base64, separated by commas; "
                f"'openssl rand -base64 {SECRET_KEY}' makes one"
            )
        keys.append(key)
    return tuple(keys)


ADMIN_LOGIN: Final = re.compile(
    r"(?P<name>[A-Za-z0-9._@-]{1,64}):"
    r"(?P<kept>scrypt\$1[4-7]\$8\$[1-4]\$[A-Za-z0-9+/]{22}==\$[A-Za-z0-9+/]{43}=)"
)


def admin_logins(value: str) -> Mapping[str, str]:
    """Names of administrators and what is kept of their passwords, separated by commas or blanks."""
    found = {}
    for word in re.split(r"[,\s]+", value.strip(", \t")):
        match = ADMIN_LOGIN.fullmatch(word)
        if match is None or match["name"] in found:
            raise ValueError("expected entries as 'usmctl admin-password' makes them, each name once")
        found[match["name"]] = match["kept"]
    return MappingProxyType(found)


def networks(value: str) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    """Addresses and networks, separated by commas or blanks."""
    try:
        return tuple(
            ipaddress.ip_network(word, strict=False) for word in re.split(r"[,\s]+", value.strip(", \t"))
        )
    except ValueError:
        raise ValueError("expected addresses or networks such as 192.0.2.7, 10.0.0.0/8") from None
