"""The machine's time and randomness."""

from __future__ import annotations

import secrets
import time
from datetime import UTC, datetime


class SystemClock:
    """The machine's time: the port :class:`app.usm.ports.Clock`."""

    def now(self) -> datetime:
        """The present moment, with time zone UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that only ever grow."""
        return time.monotonic()


class SystemTokens:
    """The machine's randomness: the port :class:`app.usm.ports.Tokens`."""

    def number(self, bits: int) -> int:
        """An unpredictable whole number of at most so many bits, never 0."""
        return secrets.randbelow(2**bits - 1) + 1

    def text(self) -> str:
        """64 unpredictable bits as hexadecimal digits."""
        return secrets.token_hex(8)
