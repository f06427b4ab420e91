"""Who asks: the ``Authorization`` header becomes credentials (RFC 7617, MS-ASHTTP 2.2.1.1.2.2).

Only Basic is understood. Devices disagree about the character set of a password: UTF-8 is tried first, then Latin-1,
which Outlook uses. Nothing here ever puts a password into a message.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

from app.usm.model import Credentials

CHALLENGE: Final = 'Basic realm="Microsoft-Server-ActiveSync"'
"""The value of ``WWW-Authenticate`` that goes with every 401."""


class Unauthenticated(Exception):
    """No usable name and password came with the request."""


def credentials(header: str | None, pattern: str) -> Credentials:
    """The name and password of an ``Authorization`` header. ``pattern`` makes a login of ``DOMAIN\\user``; see
    :func:`login`. Raises :class:`Unauthenticated`."""
    if not header:
        raise Unauthenticated("no Authorization header")
    scheme, _, token = header.strip().partition(" ")
    if scheme.lower() != "basic":
        raise Unauthenticated("the authorization scheme is not Basic")
    name, colon, password = _decoded(token.strip()).partition(":")
    if not colon:
        raise Unauthenticated("no colon between name and password")
    if any(ord(character) < 32 or ord(character) == 127 for character in name + password):
        raise Unauthenticated("control characters in name or password")
    known_as = login(name.strip(), pattern)
    if not known_as:
        raise Unauthenticated("the name is empty")
    return Credentials(known_as, password)


def login(name: str, pattern: str) -> str:
    """The OX login for what a person typed: ``DOMAIN\\user`` is joined by ``pattern`` (``$USER``, ``$DOMAIN``),
    anything else is taken as it is. An empty domain leaves the bare user; a domain that the user repeats counts once.
    """
    domain, backslash, user = name.partition("\\")
    if not backslash:
        return name
    domain, user = domain.strip(), user.strip()
    if not domain or not user:
        return user
    if user.lower().endswith(f"@{domain.lower()}"):
        user = user[: -len(domain) - 1]
    values = {"$USER": user, "$DOMAIN": domain}
    return re.sub(r"\$USER|\$DOMAIN", lambda match: values[match.group()], pattern)


def _decoded(token: str) -> str:
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise Unauthenticated("name and password are not in Base64") from None
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("iso-8859-1")
