"""What tests put in the way of calls, and the record of the calls made. Both are empty in a server without
``--control``."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from lab.ox.errors import ERRORS, HttpError, OXError, fault


class Cut(Exception):
    """The connection is to be cut in the middle of the answer."""


@dataclass(slots=True)
class Fault:
    """One fault: which calls it meets, how often, what it does. ``kind``: error, http, hang or cut. Empty
    ``module`` or ``action`` meets all. ``login`` limits it to one user. ``skip``: so many calls pass first."""

    kind: str
    module: str = ""
    action: str = ""
    times: int = 1
    code: str = "SVL-0011"
    category: str = ""
    status: int = 500
    seconds: float = 1.0
    login: str = ""
    skip: int = 0

    def meets(self, module: str, action: str, login: str) -> bool:
        """Whether this fault is for such a call."""
        return self.module in ("", module) and self.action in ("", action) and self.login in ("", login)

    def strike(self) -> None:
        """Do it."""
        if self.kind == "error":
            raise self._error()
        if self.kind == "http":
            raise HttpError(self.status, f"injected status {self.status}")
        if self.kind == "hang":
            time.sleep(self.seconds)
        if self.kind == "cut":
            raise Cut

    def _error(self) -> OXError:
        if self.code in ERRORS and not self.category:
            return fault(self.code, *["injected"] * 4)
        return OXError(self.code, self.category or "ERROR", f"injected error {self.code}")


class Faults:
    """The faults that still wait for their calls."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, fault_: Fault) -> None:
        """Let a fault wait."""
        with self._lock:
            self._faults.append(fault_)

    def clear(self) -> None:
        """Forget all of them."""
        with self._lock:
            self._faults.clear()

    def waiting(self) -> int:
        """How many strikes are left."""
        return sum(each.times for each in self._faults)

    def meet(self, module: str, action: str, login: str) -> None:
        """Strike if a fault waits for such a call."""
        with self._lock:
            found = next((each for each in self._faults if each.meets(module, action, login)), None)
            if found and found.skip > 0:
                found.skip -= 1
                found = None
            if found:
                found.times -= 1
                if found.times <= 0:
                    self._faults.remove(found)
        if found:
            found.strike()


class CallLog:
    """The calls made: how many of which kind. Off until switched on."""

    def __init__(self) -> None:
        self.enabled = False
        self._counts: dict[tuple[Any, ...], int] = {}
        self._lock = threading.Lock()

    def record(
        self, method: str, module: str, action: str, params: Iterable[str], user_agent: str, within: str = ""
    ) -> None:
        """Count one call. ``within``: ``multiple`` when it was part of one."""
        if not self.enabled:
            return
        key = (method, module, action, tuple(sorted(params)), user_agent, within)
        with self._lock:
            self._counts[key] = self._counts.get(key, 0) + 1

    def listing(self) -> list[dict[str, Any]]:
        """All kinds of calls with their counts."""
        names = ("method", "module", "action", "parameters", "user_agent", "within")
        with self._lock:
            return [
                {**dict(zip(names, key, strict=True)), "count": count} for key, count in self._counts.items()
            ]

    def clear(self) -> None:
        """Start counting anew."""
        with self._lock:
            self._counts.clear()
