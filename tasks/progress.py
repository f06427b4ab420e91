"""Tells an administrator, while a run goes on, what is being done, where, how far, and how long it has taken.

On a terminal that is one line at the bottom, always up to date, with the name cut where the line is too narrow:

    12/23 Restart the groupware and admin service: 1/2 done, ox2 34 s, 1 min 20 s in all

Otherwise there is a line where a step begins, at most one in five seconds, and one every ten seconds while a step
lasts. Everything goes to the standard error output, so that what pyinfra prints for machines (``--json``) stays whole.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterable
from typing import TextIO

import gevent
from pyinfra.api.host import Host
from pyinfra.api.state import BaseStateCallback, State

OFF = "PYINFRA_PROGRESS"
"""pyinfra's own switch: ``off`` keeps the live line away, as ``--json`` does."""

TICK = 0.3
"""Seconds between two looks at how things stand."""

STILL = 10.0
"""Seconds after which a step that lasts is spoken of again."""

SPARING = 5.0
"""Least seconds between two plain lines about new steps."""

NAMED = 4
"""Hosts that are named at once; of more only the number."""

CLEAR = "\033[K"


class Progress(BaseStateCallback):
    """How far a run is. ``stream`` is where it is told, ``live`` whether that is a terminal."""

    def __init__(
        self,
        stream: TextIO | None = None,
        live: bool | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._given = stream
        self._live = _is_terminal(self._stream) if live is None else live
        self._clock = clock
        self._began = clock()
        self._order: dict[str, int] = {}
        self._names: dict[str, str] = {}
        self._hosts: dict[str, set[str]] = {}
        self._done: dict[str, set[str]] = {}
        self._at: dict[str, tuple[str, float]] = {}
        self._latest = ""
        self._doing: dict[str, str] = {}
        self._preparing: tuple[int, int] = (0, 0)
        self._said = self._began
        self._announced = ""
        self._ticker: gevent.Greenlet | None = None

    @property
    def _stream(self) -> TextIO:
        # Looked up each time: whoever captures the output puts another one there.
        return self._given or sys.stderr

    def start(self) -> None:
        """Begins to tell. On a terminal pyinfra's own line gives way: it would be written over ours."""
        if self._ticker is not None:
            return
        if self._live:
            os.environ[OFF] = "off"
        self._ticker = gevent.spawn(self._tell)

    def stop(self) -> None:
        """Tells nothing more, and takes the live line away."""
        if self._ticker is not None:
            # Not waited for: this may be called where the event loop has ended already.
            self._ticker.kill(block=False)
            self._ticker = None
        if self._live:
            self._write(f"\r{CLEAR}")

    def prepared(self, hosts: int, among: int) -> None:
        """So many hosts of all have told what there is to do."""
        self._preparing = (hosts, among)

    def doing(self, host: Host | str, what: str = "") -> None:
        """What a host is at within a step that takes long; nothing, when that is over."""
        if what:
            self._doing[str(host)] = what
        else:
            self._doing.pop(str(host), None)

    # told by pyinfra

    def operation_host_start(self, state: State, host: Host, op_hash: str) -> None:  # type: ignore[override]
        if not self._order:
            self._look_ahead(state)
        if op_hash in self._order and op_hash in state.ops[host]:
            self._at[host.name] = (op_hash, self._clock())
            self._latest = op_hash
            self._announce()

    def operation_host_success(  # type: ignore[override]
        self, state: State, host: Host, op_hash: str, retry_count: int = 0
    ) -> None:
        self._finished(host, op_hash)

    def operation_host_error(  # type: ignore[override]
        self, state: State, host: Host, op_hash: str, retry_count: int = 0, max_retries: int = 0
    ) -> None:
        self._finished(host, op_hash)

    def _finished(self, host: Host, op_hash: str) -> None:
        if op_hash in self._order:
            self._done.setdefault(op_hash, set()).add(host.name)
            self._at.pop(host.name, None)
            self._doing.pop(host.name, None)

    def _look_ahead(self, state: State) -> None:
        for number, op_hash in enumerate(state.get_op_order(), 1):  # type: ignore[no-untyped-call]
            self._order[op_hash] = number
            self._names[op_hash] = step_name(state, op_hash)
            self._hosts[op_hash] = {
                each.name for each in state.inventory.get_active_hosts() if op_hash in state.ops[each]
            }

    # what is told

    @property
    def seconds(self) -> float:
        """How long the run has taken so far."""
        return self._clock() - self._began

    @property
    def position(self) -> str:
        """``step 12 of 23``, the latest if none is under way; empty before the first."""
        step = self._step() or self._latest
        return f"step {self._order[step]} of {len(self._order)}" if step else ""

    def line(self) -> str:
        """How things stand, on one line; empty when there is nothing to tell."""
        if step := self._step():
            return f"{self.position}: {self._names[step]} - {self._where(step)} - {duration(self.seconds)} in all"
        ready, among = self._preparing
        if among and not self._order:
            return f"preparing: {ready} of {among} hosts - {duration(self.seconds)} so far"
        return ""

    def short(self, width: int) -> str:
        """The same in so many columns."""
        step = self._step()
        if not step:
            return self.line()[:width]
        here = sorted(name for name, (at, _) in self._at.items() if at == step)
        hosts, done = self._hosts[step], self._done.get(step, set())
        head = f"{self._order[step]}/{len(self._order)} "
        count = f": {len(done)}/{len(hosts)} done, " if len(hosts) > 1 else ": "
        tail = f"{count}{listed(here)} {duration(self._longest(step))}, {duration(self.seconds)} in all"
        room = width - len(head) - len(tail)
        name = self._names[step]
        return f"{head}{name if len(name) <= room else name[: max(8, room - 3)] + '...'}{tail}"[:width]

    def _longest(self, step: str) -> float:
        """Seconds for which a host has been at the step."""
        return self._clock() - min(since for at, since in self._at.values() if at == step)

    def _step(self) -> str:
        """The earliest step that any host is at."""
        return min((step for step, _ in self._at.values()), key=self._order.__getitem__, default="")

    def _where(self, step: str) -> str:
        here = sorted(name for name, (at, _) in self._at.items() if at == step)
        hosts, done = self._hosts[step], self._done.get(step, set())
        parts = [f"{len(done)} of {len(hosts)} hosts done"] if len(hosts) > 1 else []
        parts.append(f"at {listed(here)} for {duration(self._longest(step))}")
        busy = [f"{name}: {self._doing[name]}" for name in here if name in self._doing]
        return ", ".join(parts) + (f" ({'; '.join(busy[:NAMED])})" if busy else "")

    def _announce(self) -> None:
        """A plain line where a new step begins, unless another has just been printed."""
        step = self._step()
        if self._live or step == self._announced or self._clock() - self._said < SPARING:
            return
        self._announced = step
        self._print(f"{self.position}, {duration(self.seconds)} so far")

    def _tell(self) -> None:
        while True:
            gevent.sleep(TICK)
            self.tick()

    def tick(self) -> None:
        """Tells how things stand if it is time to."""
        line = self.line()
        if self._live and line:
            self._write(f"    {self.short(shutil.get_terminal_size().columns - 5)}\r")
            # What is printed next begins by clearing the line: this stays in the buffer until then.
            self._write(CLEAR, flush=False)
        elif line and not self._live and self._clock() - self._said >= STILL:
            self._print(f"still at it: {line}")

    def _print(self, line: str) -> None:
        self._said = self._clock()
        self._write(f"    {line}\n")

    def _write(self, text: str, flush: bool = True) -> None:
        try:
            self._stream.write(text)
            if flush:
                self._stream.flush()
        except (OSError, ValueError):
            # The terminal is gone; the run goes on.
            self._live = False


def step_name(state: State, op_hash: str) -> str:
    """What pyinfra calls a step."""
    return ", ".join(sorted(state.get_op_meta(op_hash).names))


def listed(names: Iterable[str]) -> str:
    """``ox1, ox2``; of many, the first ones and how many more."""
    all_of_them = list(names)
    shown = ", ".join(all_of_them[:NAMED])
    more = len(all_of_them) - NAMED
    return f"{shown} and {more} more" if more > 0 else shown


def duration(seconds: float) -> str:
    """``34 s``, ``1 min 20 s``, ``2 h 5 min``."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def _is_terminal(stream: TextIO) -> bool:
    return stream.isatty() and os.environ.get("TERM") != "dumb" and os.environ.get(OFF) != "off"


progress = Progress()
"""The progress of this run."""


def doing(host: Host | str, what: str = "") -> None:
    """What a host is at within a step that takes long; nothing, when that is over."""
    progress.doing(host, what)
