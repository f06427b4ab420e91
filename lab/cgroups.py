"""Control groups: a host with systemd has one of its own, and sees nothing above it.

systemd arranges its services in control groups. It is shown version 2 alone, from the host's own group downwards;
the machine's other hierarchies are not mounted where it could reach them. The groups are the machine's, and stay when
the processes in them have ended, so the lab removes them, by their names.
"""

from __future__ import annotations

import time
from pathlib import Path

from lab.plan import Host, Lab
from lab.steps import LabError

REMOVE_SECONDS = 10.0


def _mounted() -> Path | None:
    """Where the machine has version 2, if it has."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        if after.split()[0] == "cgroup2":
            return Path(before.split()[4])
    return None


def make(lab: Lab, host: Host) -> Path:
    """The group of a host that is about to start."""
    above = _mounted()
    if above is None:
        raise LabError(
            "hosts with systemd need control groups of version 2, and this machine has none mounted: "
            "mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified"
        )
    group = above / f"lab.{lab.namespace_of(host)}"
    group.mkdir(exist_ok=True)
    return group


def remove(lab: Lab, host: Host | None = None) -> None:
    """Removes the group of a host, or of all hosts of the lab that ever had one; their processes have ended."""
    above = _mounted()
    if above is None:
        return
    pattern = f"lab.{lab.namespace_of(host)}" if host else f"lab.{lab.name}-*"
    for group in above.glob(pattern):
        _remove(group)


def _remove(group: Path) -> None:
    for inner in group.iterdir():
        if inner.is_dir():
            _remove(inner)
    deadline = time.monotonic() + REMOVE_SECONDS
    while True:
        try:
            return group.rmdir()
        except OSError as problem:  # a process that has ended may still be in it for a moment
            if time.monotonic() > deadline:
                raise LabError(f"the control group {group} cannot be removed: {problem.strerror}") from None
            time.sleep(0.01)
