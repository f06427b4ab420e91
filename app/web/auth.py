"""Who asks: the ``Authorization`` header becomes credentials (RFC 7617, RFC 6750, MS-ASHTTP 2.2.1.1.2.2).

Devices disagree about the character set of a password. A header has exactly one reading, so that a wrong password is
one failed login at OX and not two: what is UTF-8 is read as such; anything else comes from Windows or an old phone and
is Windows-1252, which is Latin-1 with a few more characters. Latin-1 text that is valid UTF-8 by chance is hardly ever
written. Nothing here ever puts a password or a token into a message.
"""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from app.usm.model import Credentials

REALM: Final = "Microsoft-Server-ActiveSync"
CHALLENGE: Final = f'Basic realm="{REALM}"'
"""What every 401 asks for at least."""

_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*")
"""RFC 6750, 2.1."""
_LONGEST_TOKEN: Final = 8192


class Unauthenticated(Exception):
    """No usable name and password came with the request."""


@dataclass(frozen=True, slots=True)
class Schemes:
    """What is understood. ``pattern`` makes a login of ``DOMAIN\\user``, see :func:`login`; ``bearer``: access tokens
    are handed on to OX; ``authorization_uri``: where a device gets one, ``""`` where it has to know."""

    pattern: str = "$USER@$DOMAIN"
    bearer: bool = False
    authorization_uri: str = ""

    def challenge(self) -> str:
        """The value of ``WWW-Authenticate``. Basic comes first: old devices look no further."""
        if not self.bearer:
            return CHALLENGE
        place = f', authorization_uri="{self.authorization_uri}"' if self.authorization_uri else ""
        return f'{CHALLENGE}, Bearer realm="{REALM}"{place}'


def credentials(header: str | None, schemes: Schemes, origin: str = "") -> Credentials:
    """The name and password, or the token, of an ``Authorization`` header that came from the address ``origin``. Raises
    :class:`Unauthenticated`."""
    if not header:
        raise Unauthenticated("no Authorization header")
    scheme, _, token = header.strip().partition(" ")
    if scheme.lower() == "bearer" and schemes.bearer:
        return _bearer(token.strip(), origin)
    if scheme.lower() != "basic":
        raise Unauthenticated("the authorization scheme is not one of those offered")
    name, colon, password = _decoded(token.strip()).partition(":")
    if not colon:
        raise Unauthenticated("no colon between name and password")
    text = name + password
    if not text.isprintable() and any(unicodedata.category(character) == "Cc" for character in text):
        raise Unauthenticated("control characters in name or password")
    known_as = login(name.strip(), schemes.pattern)
    if not known_as:
        raise Unauthenticated("the name is empty")
    return Credentials(known_as, password, origin=origin)


def _bearer(token: str, origin: str) -> Credentials:
    if len(token) > _LONGEST_TOKEN or not _TOKEN.fullmatch(token):
        raise Unauthenticated("the access token is none")
    return Credentials("", token, is_token=True, origin=origin)


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
    for charset in ("utf-8", "windows-1252"):
        try:
            return raw.decode(charset)
        except UnicodeDecodeError:
            continue
    return raw.decode("iso-8859-1")
