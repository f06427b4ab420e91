"""The rate limit: so many requests a window for one address and User-Agent, 429 above it."""

from __future__ import annotations

import threading
import time
from collections import deque

from lab.ox.settings import Settings


class RateLimiter:
    """Counts requests. Known synchronisation clients are exempt by their User-Agent."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._seen: dict[tuple[str, str], deque[float]] = {}
        self._lock = threading.Lock()

    def allows(self, address: str, user_agent: str) -> bool:
        """Count one request and say whether it is within the limit."""
        if self._settings.max_rate <= 0 or self._settings.is_lenient(user_agent):
            return True
        now = time.monotonic()
        with self._lock:
            seen = self._seen.setdefault((address, user_agent), deque())
            while seen and seen[0] <= now - self._settings.max_rate_window:
                seen.popleft()
            if len(seen) >= self._settings.max_rate:
                return False
            seen.append(now)
            return True
