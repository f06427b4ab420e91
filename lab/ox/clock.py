"""Milliseconds since 1970, and change stamps that only ever grow."""

from __future__ import annotations

import threading
import time

_lock = threading.Lock()
_last = 0


def now_ms() -> int:
    """The present moment in milliseconds UTC."""
    return time.time_ns() // 1_000_000


def stamp() -> int:
    """A change stamp (ms UTC), greater than every one given out before by this process."""
    global _last
    with _lock:
        _last = max(now_ms(), _last + 1)
        return _last
