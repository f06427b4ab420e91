"""Certificates that devices have checked: what may be found of one, and who finds it (MS-ASCMD 2.2.3.177.18).

The checking itself is done outside, by a library that does it for a living (:mod:`app.trust`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import Enum
from typing import Protocol


class Verdict(Enum):
    """What is wrong with a certificate, or nothing."""

    VALID = "valid"
    BAD_SIGNATURE = "bad signature"
    UNTRUSTED = "no chain to a trusted authority"
    BAD_CHAIN = "the chain is wrong"
    NOT_FOR_MAIL = "not for signing mail"
    EXPIRED = "expired, or not yet valid"
    CHAIN_EXPIRED = "an authority's certificate is expired, or not yet valid"
    MISUSED = "not valid for what it is used for"
    UNREADABLE = "cannot be read"
    NO_AUTHORITY = "used as an authority's, which it is not"
    WRONG_NAME = "for a name that its authority may not vouch for"
    REVOKED = "revoked"
    CHAIN_REVOKED = "an authority's certificate is revoked"
    REVOCATION_UNKNOWN = "nobody can tell whether it is revoked"
    UNKNOWN = "cannot be checked"


class Checker(Protocol):
    """Checks certificates of mail (S/MIME, RFC 8550)."""

    def check(
        self, certificate: bytes, chain: Sequence[bytes], moment: datetime, revocation: bool
    ) -> Verdict:
        """What is wrong with a certificate at a moment. All are DER; ``chain``: others that may stand between it and a
        trusted authority, in any order. ``revocation``: one of which nobody can tell whether it is revoked is wrong."""
        ...
