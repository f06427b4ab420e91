"""What workers leave behind that have ended: files with their numbers (:mod:`app.web.metrics.totals`).

Used by the parent process, which must not load what workers load.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Final

LEFT: Final = ".left"
"""How the files of counts end whose worker has ended."""

COUNTS: Final = ("counter", "histogram")
"""Kinds of numbers that stay when a worker ends; other kinds tell what it holds."""


def tidy(folder: Path, alive: Collection[int]) -> None:
    """Workers have ended: what they held counts no longer, what they had counted is left to be added up. ``alive``: the
    workers that have not."""
    for path in folder.glob("*.db"):
        kind, _, worker = path.stem.rpartition("_")
        if worker.isdecimal() and int(worker) not in alive:
            with suppress(FileNotFoundError):
                if kind in COUNTS:
                    path.rename(path.with_name(f"{kind}_{worker}_{time.time_ns()}{LEFT}"))
                else:
                    path.unlink()
