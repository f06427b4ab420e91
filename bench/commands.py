"""Commands that are run to their end, and what they cost."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from lab.plan import PROJECT


@dataclass(frozen=True, slots=True)
class Cost:
    """What a run took: seconds, and seconds of a processor on the controller."""

    wall: float
    cpu: float


def measured(command: Sequence[str], environment: dict[str, str]) -> tuple[Cost, str]:
    """Runs a command to its end; what it took and what it printed. Raises :class:`SystemExit` if it fails."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(
        command,
        cwd=PROJECT,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(
            f"{' '.join(command)} ended with {done.returncode}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
        )
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(wall, cpu), done.stdout + done.stderr
