"""Traces: whose requests are written down for a time, and what lies on this node of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from app.administration.naming import Names, unseen
from app.store.traces import Switch, Traces
from app.usm.ports import Clock
from app.web.tracing import TraceFiles

LONGEST: Final = timedelta(days=7)

_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_DURATION: Final = re.compile(r"([0-9]{1,6})([smhd])")


@dataclass(frozen=True, slots=True)
class Trace:
    """A trace that is on, or of which there is a file on this node, or both. ``switch``: ``None`` for one that has
    ended; ``size`` in bytes and ``last``, when something was written last: ``None`` without a file here."""

    id: str
    switch: Switch | None
    size: int | None
    last: datetime | None


def duration(text: str) -> timedelta:
    """``90s``, ``30m``, ``1h``, ``2d``. Raises ``ValueError`` for anything else, and beyond :data:`LONGEST`."""
    match = _DURATION.fullmatch(text.strip())
    if match is None or not int(match.group(1)):
        raise ValueError(f"{text!r} is not a time such as 90s, 30m, 1h or 2d")
    length = timedelta(**{_UNITS[match.group(2)]: int(match.group(1))})
    if length > LONGEST:
        raise ValueError(f"a trace is on for {LONGEST.days} days at most")
    return length


class Tracing:
    """Every method may raise ``StoreUnavailable``."""

    def __init__(self, names: Names, switches: Traces, files: TraceFiles, clock: Clock) -> None:
        self._names = names
        self._switches = switches
        self._files = files
        self._clock = clock

    def trace_user(self, context: str, user: str, device: str, length: timedelta, bodies: bool) -> Switch:
        """Write down what a user's devices ask from now on, or one of them. Raises ``Unknown``, ``ValueError``."""
        context_id = self._names.context(context)
        known = self._names.devices(context_id, user)
        number = self._names.owner(context_id, user, known)
        if number is None:
            raise unseen(context, user)
        spelled = {each.id.device_id.lower(): each.id.device_id for each in known}
        return self._switches.switch_on(
            self._clock.now() + length,
            context_id=context_id,
            user_id=number,
            device=spelled.get(device.lower(), device),
            bodies=bodies,
        )

    def trace_login(self, login: str, length: timedelta, bodies: bool) -> Switch:
        """Write down all requests that come with this name, also those that are refused. Raises ``ValueError``."""
        return self._switches.switch_on(self._clock.now() + length, login=login, bodies=bodies)

    def end(self, ids: Sequence[str]) -> int:
        """End these traces; how many were on. Their files stay."""
        return self._switches.switch_off(ids)

    def running(self) -> Sequence[Switch]:
        """Those that are on, the oldest first."""
        return self._switches.running()

    def listed(self) -> list[Trace]:
        """All, those that are on first. Raises ``PermissionError`` for who may not see the files."""
        files = {each.id: each for each in self._files.listed()}
        found = []
        for switch in self.running():
            file = files.pop(switch.id, None)
            size, last = (None, None) if file is None else (file.size, file.last)
            found.append(Trace(switch.id, switch, size, last))
        found += [Trace(each.id, None, each.size, each.last) for each in files.values()]
        return found
