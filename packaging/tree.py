"""The files of the package and where they go: one table for every kind of package."""

from __future__ import annotations

import hashlib
import os
import runpy
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import manual
import sbom
import wheels

PROJECT = Path(__file__).resolve().parent.parent
PREFIX = "opt/open-xchange/usm"
MAINTAINER = "open-xchange-usm maintainers <open-xchange-usm@example.org>"

Family = Literal["deb", "rpm"]
FAMILIES: tuple[Family, ...] = ("deb", "rpm")

LIBRARIES = f"{PREFIX}/lib"
"""The folder on PYTHONPATH: the application and the libraries that come with it."""

sys.path.insert(0, str(PROJECT))
from tasks.render import render  # noqa: E402 (a script's own folder is first on the path, not the project)


@dataclass(frozen=True, slots=True)
class Placed:
    """One file of ours: where it lies in the project, where it goes, and its mode. ``rpm``: where it goes on hosts with
    rpm, if that is another place. An empty place: it is not in that package. ``config``: an administrator may edit it,
    and an upgrade keeps it so."""

    source: str
    deb: str
    mode: int = 0o644
    config: bool = False
    rpm: str | None = None

    def target(self, family: Family) -> str:
        """Where the file goes, relative to the root; empty if it does not."""
        return self.rpm if family == "rpm" and self.rpm is not None else self.deb


FILES = (
    Placed("packaging/files/open-xchange-usm", f"{PREFIX}/sbin/open-xchange-usm", 0o755),
    Placed("packaging/files/python", f"{PREFIX}/sbin/python", 0o755),
    Placed("packaging/files/probe", f"{PREFIX}/sbin/probe", 0o755),
    Placed("monitoring/alerts.yml", f"{PREFIX}/monitoring/alerts.yml"),
    Placed("monitoring/grafana-dashboard.json", f"{PREFIX}/monitoring/grafana-dashboard.json"),
    Placed("packaging/files/purge", f"{PREFIX}/sbin/purge", 0o755),
    Placed("packaging/files/usmctl", "opt/open-xchange/sbin/usmctl", 0o755),
    Placed("packaging/files/open-xchange-usm.init", "etc/init.d/open-xchange-usm", 0o755, config=True),
    Placed(
        "packaging/files/open-xchange-usm.default",
        "etc/default/open-xchange-usm",
        config=True,
        rpm="etc/sysconfig/open-xchange-usm",
    ),
    Placed("packaging/files/open-xchange-usm.logrotate", "etc/logrotate.d/open-xchange-usm", config=True),
    Placed(
        "packaging/files/open-xchange-usm.service",
        "lib/systemd/system/open-xchange-usm.service",
        rpm="usr/lib/systemd/system/open-xchange-usm.service",
    ),
    Placed(
        "packaging/files/open-xchange-usm-purge.service",
        "lib/systemd/system/open-xchange-usm-purge.service",
        rpm="usr/lib/systemd/system/open-xchange-usm-purge.service",
    ),
    Placed(
        "packaging/files/open-xchange-usm-purge.timer",
        "lib/systemd/system/open-xchange-usm-purge.timer",
        rpm="usr/lib/systemd/system/open-xchange-usm-purge.timer",
    ),
    # Hosts with rpm have systemd, and perhaps no cron.
    Placed("packaging/files/open-xchange-usm.cron", "etc/cron.d/open-xchange-usm", config=True, rpm=""),
    Placed("packaging/files/README", "usr/share/doc/open-xchange-usm/README"),
    Placed("packaging/files/copyright", "usr/share/doc/open-xchange-usm/copyright", rpm=""),
    Placed("packaging/files/lintian-overrides", "usr/share/lintian/overrides/open-xchange-usm", rpm=""),
    Placed("LICENSE", "", rpm="usr/share/licenses/open-xchange-usm/LICENSE"),
)

EXAMPLES = ("usm.properties", "eas.properties")
"""Settings with their defaults, to look at: the deployment writes the real ones beside Open-Xchange's own."""

FOLDERS = ("var/lib/open-xchange-usm",)

SKIPPED = ("__pycache__", "*.pyc", ".*")


def stage(root: Path, cache: Path, family: Family, version: str, epoch: int) -> list[wheels.Locked]:
    """Puts every file of the package under ``root``, which must be empty; returns the libraries of the distribution
    that it needs. ``epoch`` (seconds) is the date of what is made anew."""
    wanted = wheels.wanted_names(PROJECT / "pyproject.toml")
    needed = wheels.closure(wanted, wheels.read_lock(PROJECT / "requirements.lock"))
    distribution = _stage_libraries(root / LIBRARIES, needed, cache)
    (root / PREFIX / sbom.NAME).write_text(sbom.document(version, wanted, needed, cache), encoding="ascii")
    shutil.copytree(PROJECT / "app", root / LIBRARIES / "app", ignore=shutil.ignore_patterns(*SKIPPED))
    for placed in FILES:
        if name := placed.target(family):
            target = root / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(PROJECT / placed.source, target)
    for folder in FOLDERS:
        (root / folder).mkdir(parents=True)
    _stage_examples(root / PREFIX / "etc")
    manual.write(root, family, version, epoch)
    _set_modes(root, family)
    return distribution


def label(root: Path, version: str, requirements: Sequence[str]) -> str:
    """Writes which version and which build the staged tree is, for the service itself and for those who look at a host;
    returns the build.

    The build is sixteen hexadecimal digits that differ whenever anything of the package does: files, scripts, and what
    it asks for. It is the same for every family."""
    sources = [PROJECT / placed.source for placed in FILES]
    sources += [path for path in sorted((PROJECT / "packaging/maintainer").rglob("*")) if path.is_file()]
    digest = hashlib.sha256(f"{version}\0{requirements}\0{fingerprint(root / PREFIX)}".encode())
    for path in sources:
        digest.update(path.read_bytes())
    build = digest.hexdigest()[:16]
    for name, text in (("VERSION", version), ("BUILD", build)):
        path = root / PREFIX / name
        path.write_text(f"{text}\n")
        path.chmod(0o644)
    return build


def _stage_libraries(target: Path, needed: Sequence[wheels.Locked], cache: Path) -> list[wheels.Locked]:
    bundled = [entry for entry in needed if entry.name not in wheels.FROM_DISTRIBUTION]
    for wheel in wheels.fetch(bundled, cache):
        wheels.unpack(wheel, target)
    return [entry for entry in needed if entry.name in wheels.FROM_DISTRIBUTION]


def _stage_examples(folder: Path) -> None:
    defaults = runpy.run_path(str(PROJECT / "group_data" / "all.py"))
    defaults["listen_host"] = "127.0.0.1"
    folder.mkdir(parents=True)
    for name in EXAMPLES:
        (folder / name).write_text(render(f"{name}.j2", defaults), encoding="ascii")


def _set_modes(root: Path, family: Family) -> None:
    """Whatever the umask was: folders and programs 0755, the rest 0644."""
    programs = {placed.target(family) for placed in FILES if placed.mode == 0o755}
    for folder, _, names in os.walk(root):
        os.chmod(folder, 0o755)  # noqa: S103  # nosec B103 # what the installed folders have
        for name in names:
            path = Path(folder, name)
            path.chmod(0o755 if str(path.relative_to(root)) in programs else 0o644)


def fingerprint(root: Path) -> str:
    """Sixteen hexadecimal digits that differ whenever a file of the tree does: names, modes and content."""
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*")):
        digest.update(f"{path.relative_to(root)}\0{path.stat().st_mode:o}\0".encode())
        if path.is_file():
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def script(family: Family, name: str) -> str:
    """A script that the package manager runs: the functions that all of them share, then its own part."""
    folder = PROJECT / "packaging" / "maintainer"
    head = "#!/bin/sh\nset -e\n\n" if family == "deb" else ""
    return f"{head}{(folder / 'functions').read_text()}\n{(folder / family / name).read_text()}"


def set_times(root: Path, epoch: int) -> None:
    """Gives every file and folder the same time, so that the same sources make the same package."""
    for path in [root, *root.rglob("*")]:
        os.utime(path, (epoch, epoch))
