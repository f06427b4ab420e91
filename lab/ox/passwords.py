"""Stored passwords: salted SHA-512, mechanism ``{SSHA512}``."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

MECHANISM = "{SSHA512}"
_SALT_BYTES = 16


def hashed(password: str) -> str:
    """What to store for a password: base64 of salt and digest."""
    salt = secrets.token_bytes(_SALT_BYTES)
    return base64.b64encode(salt + _digest(salt, password)).decode()


def matches(password: str, stored: str) -> bool:
    """Whether the password is the stored one. Garbage in ``stored`` matches nothing."""
    try:
        raw = base64.b64decode(stored, validate=True)
    except ValueError:
        return False
    salt, digest = raw[:_SALT_BYTES], raw[_SALT_BYTES:]
    return hmac.compare_digest(_digest(salt, password), digest)


def _digest(salt: bytes, password: str) -> bytes:
    return hashlib.sha512(salt + password.encode("utf-8", "surrogatepass")).digest()
