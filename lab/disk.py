"""What a host writes: its own layer, and the moments of it that are kept.

A host's place holds ``own``, the layer that the running host writes to. A snapshot sets it aside under a label, where
nothing is written any more, and the host goes on with an empty layer above it; a reset throws the layer away that has
been written to since. In a plan with disks a layer is a file system in a file of limited size instead of a directory,
mounted by the host itself: it can be full while the machine has room.

    hosts/<host>/own/{upper,work}        the layer, or where own.disk is mounted
    hosts/<host>/own.disk                the disk, if there is one
    hosts/<host>/kept/<label>[.disk]     layers that were set aside
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from pathlib import Path

from lab import base, roles
from lab.plan import STATE, Host, Lab
from lab.steps import LabError

LABEL = re.compile(r"[a-z][a-z0-9-]{0,29}")
# No journal: a host that ends leaves its disk unmounted by the kernel, as it should be, even when it was killed.
MAKE_DISK = ("mkfs.ext4", "-q", "-F", "-m", "0", "-O", "^has_journal", "-E", "lazy_itable_init=1,nodiscard")
DETACH_SECONDS = 10.0


def upper(lab: Lab, host: Host) -> Path:
    """The directory of the host's own layer, to be filled before the host starts for the first time."""
    return lab.place_of(host) / "own" / "upper"


def make(lab: Lab, host: Host) -> None:
    """An empty layer, unless there is one."""
    place = lab.place_of(host)
    for name in ("own/upper", "own/work", "root"):
        (place / name).mkdir(parents=True, exist_ok=True)
    upper(lab, host).chmod(0o755)


def seal(lab: Lab, host: Host) -> None:
    """Puts the layer on a disk of its own, if the plan wants one."""
    if not lab.plan.disk:
        return
    own = lab.place_of(host) / "own"
    command = [*MAKE_DISK, "-d", str(own), f"{own}.disk", f"{lab.plan.disk}M"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LabError(f"the disk of {host.name} cannot be made: {done.stderr.strip()}")
    shutil.rmtree(own)
    own.mkdir()


def mounts(lab: Lab, host: Host) -> tuple[str, str]:
    """The disks that the host mounts first (``file:directory`` a word), and the options of its overlay."""
    place = lab.place_of(host)
    own = place / "own"
    below = [place / "kept" / label for label in labels_below(lab)]
    disks = []
    if lab.plan.disk:
        disks = [f"{_relative(layer)}.disk:{_relative(layer)}" for layer in (own, *below)]
    lower = [*(layer / "upper" for layer in below), *roles.recorded_layers(lab, host)]
    return " ".join(disks), base.overlay_options(lower, own / "upper", own / "work")


def _relative(path: Path) -> str:
    return str(path.relative_to(STATE))


def detached(lab: Lab, host: Host) -> None:
    """Waits until the kernel has let go of the disks of a host that ended; mounted twice, a disk would be ruined."""
    deadline = time.monotonic() + DETACH_SECONDS
    while lab.plan.disk and any(_is_of(host, lab, device) for device in Path("/sys/block").glob("loop*")):
        if time.monotonic() > deadline:
            raise LabError(f"the disk of {host.name} is still in use {DETACH_SECONDS:.0f} s after it ended")
        time.sleep(0.01)


def _is_of(host: Host, lab: Lab, device: Path) -> bool:
    try:
        backing = (device / "loop" / "backing_file").read_text().strip()
    except OSError:
        return False
    return backing.startswith(f"{lab.place_of(host).resolve()}/")


NOW = ""


def _register(lab: Lab) -> Path:
    """Which labels the hosts' layers stand on now, the newest first, and on which each label stands."""
    return lab.directory / "snapshots.json"


def _read(lab: Lab) -> dict[str, list[str]]:
    return dict(json.loads(_register(lab).read_text())) if _register(lab).exists() else {}


def labels_below(lab: Lab) -> list[str]:
    """The snapshots that the hosts stand on, the newest first."""
    return _read(lab).get(NOW, [])


def require_free(lab: Lab, label: str) -> None:
    """LabError unless a snapshot can be called so."""
    if label in labels(lab):
        raise LabError(f"there is a snapshot {label!r} of the lab {lab.name} already")
    if not LABEL.fullmatch(label):
        raise LabError(
            f"{label!r} is no label of a snapshot: up to 30 letters, digits, hyphens, a letter first"
        )


def labels(lab: Lab) -> list[str]:
    """The snapshots there are."""
    return [label for label in _read(lab) if label != NOW]


def require_snapshot(lab: Lab, label: str) -> None:
    """LabError unless there is a snapshot of that label."""
    if label not in labels(lab):
        there = ", ".join(labels(lab)) or "none"
        raise LabError(f"no snapshot {label!r} of the lab {lab.name}; there are {there}")


def set_aside(lab: Lab, label: str) -> None:
    """Keeps the layers of all hosts, which have ended, under the label, and begins empty ones above them."""
    register = _read(lab)
    for host in lab.hosts:
        place = lab.place_of(host)
        kept = place / "kept"
        kept.mkdir(exist_ok=True)
        for suffix in ("", ".disk"):
            if (place / f"own{suffix}").exists():
                (place / f"own{suffix}").rename(kept / f"{label}{suffix}")
        begin(lab, host)
    register[label] = register[NOW] = [label, *register.get(NOW, [])]
    _register(lab).write_text(json.dumps(register))


def go_back(lab: Lab, label: str) -> None:
    """Throws away what the hosts, which have ended, wrote since the snapshot of that label."""
    register = _read(lab)
    for host in lab.hosts:
        own = lab.place_of(host) / "own"
        own.with_suffix(".disk").unlink(missing_ok=True)
        if own.exists():  # not if an earlier reset was cut off here
            shutil.rmtree(own)
        begin(lab, host)
    register[NOW] = register[label]
    _register(lab).write_text(json.dumps(register))


def begin(lab: Lab, host: Host) -> None:
    """An empty layer of the host's own."""
    make(lab, host)
    seal(lab, host)
