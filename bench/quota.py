"""A small machine, played: processes that may use a share of one processor, whatever else is free."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

PERIOD: Final = 20_000
"""Microseconds in which the share is handed out. Short, so that a request is not held up for long."""

TREES: Final = (
    (Path("/sys/fs/cgroup/cpu"), {"cpu.cfs_period_us": "{period}", "cpu.cfs_quota_us": "{quota}"}),
    (Path("/sys/fs/cgroup"), {"cpu.max": "{quota} {period}"}),
)
"""Where the kernel is told, and in which files: control groups of version 1 and of version 2."""


@contextmanager
def limited(pids: Iterable[int], share: float) -> Iterator[None]:
    """The processes have ``share`` of one processor together. Raises ``SystemExit`` where that cannot be set."""
    quota = {"period": str(PERIOD), "quota": str(int(PERIOD * share))}
    tree, files = next(
        ((tree, files) for tree, files in TREES if (tree / "cgroup.procs").exists()), TREES[-1]
    )
    group = tree / f"usm-bench-{os.getpid()}-{time.monotonic_ns()}"
    try:
        group.mkdir()
        for name, text in files.items():
            (group / name).write_text(text.format(**quota))
        for pid in pids:
            (group / "cgroup.procs").write_text(str(pid))
    except OSError as error:
        if group.exists():
            _dissolve(group, tree)
        sys.exit(
            f"processes cannot be held to a share of a processor (root and control groups are needed): {error}"
        )
    try:
        yield
    finally:
        _dissolve(group, tree)


def _dissolve(group: Path, tree: Path) -> None:
    for pid in (group / "cgroup.procs").read_text().split():
        (tree / "cgroup.procs").write_text(pid)
    group.rmdir()
