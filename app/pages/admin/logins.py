"""Names and passwords of administrators, as ``com.openexchange.usm.admin.logins`` holds them.

An entry is ``name:scrypt$15$8$1$salt$hash``: N as a power of two, r, p (RFC 7914), salt and hash in Base64. What such a
text costs to try is bounded, so that nobody can stop the service by one.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from typing import Final

NAME: Final = re.compile(r"[A-Za-z0-9._@-]{1,64}")
LEAST: Final = 10
"""Characters of a password."""

_LOG_N: Final = 15
_R: Final = 8
_P: Final = 1
_MEMORY: Final = 256 * 1024 * 1024


def hashed(password: str) -> str:
    """What is kept of a password."""
    salt = secrets.token_bytes(16)
    digest = _digest(password, salt, _LOG_N, _R, _P)
    return f"scrypt${_LOG_N}${_R}${_P}${_text(salt)}${_text(digest)}"


def fits(password: str, kept: str) -> bool:
    """Whether it is the password of which this is kept."""
    _, log_n, r, p, salt, digest = kept.split("$")
    made = _digest(password, base64.b64decode(salt), int(log_n), int(r), int(p))
    return hmac.compare_digest(made, base64.b64decode(digest))


class Logins:
    """``kept``: name → what is kept of its password; at least one."""

    def __init__(self, kept: Mapping[str, str]) -> None:
        self._kept = kept
        self._somebody = next(iter(kept.values()))

    def opens(self, name: str, password: str) -> bool:
        """Whether this is a name and its password; somebody unknown takes as long as somebody known."""
        known = self._kept.get(name)
        return fits(password, known or self._somebody) and known is not None

    def mark(self, name: str) -> str:
        """Differs once the password is another one; ``""`` for nobody's name."""
        known = self._kept.get(name)
        return "" if known is None else hashlib.sha256(known.encode()).hexdigest()[:16]


def _digest(password: str, salt: bytes, log_n: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(
        password.encode("utf-8", "surrogatepass"), salt=salt, n=1 << log_n, r=r, p=p, maxmem=_MEMORY, dklen=32
    )


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
