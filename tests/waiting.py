"""Waiting for something that happens in another thread or process."""

from __future__ import annotations

import time
from collections.abc import Callable


def within(seconds: float) -> Callable[..., bool]:
    """A function that waits until a condition holds, so long unless it is told otherwise; whether it does."""

    def wait_until(condition: Callable[[], object], seconds: float = seconds) -> bool:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if condition():
                return True
            time.sleep(0.01)
        return False

    return wait_until
