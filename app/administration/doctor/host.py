"""What this host tells of itself: program, settings, service, log, disk."""

from __future__ import annotations

import http.client
import json
import os
import platform
import pwd
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from app.administration import settings_check
from app.administration.doctor.case import STEP, Case
from app.administration.findings import Finding, not_asked, ok, warning, wrong
from app.config import Settings
from app.store.engines import parse_url
from app.web import release

LIBRARIES: Final = (
    "alembic",
    "cryptography",
    "falcon",
    "gevent",
    "gunicorn",
    "icalendar",
    "lxml",
    "pymysql",
    "redis",
    "requests",
    "sqlalchemy",
)
"""Those whose version has mattered before."""

USER: Final = "open-xchange"
"""As whom the service runs."""
STATE: Final = Path("/var/lib/open-xchange-usm")

LITTLE: Final = 0.10
TOO_LITTLE: Final = 0.02
LEAST_BYTES: Final = 50 * 2**20
"""Below this share, or so many bytes, of a disk that is free something is wrong, or soon will be."""

MIB: Final = 2**20


def program(case: Case) -> Iterator[Finding]:
    """Versions."""
    about = release.read()
    version = about.get("version", "(not from a package)")
    build = f", build {about['build']}" if "build" in about else ""
    yield ok("program", f"open-xchange-usm {version}{build}, settings in {case.etc}")
    system = platform.freedesktop_os_release().get("PRETTY_NAME", "")
    python = sys.version.split()[0]
    yield ok("system", f"{system}, kernel {platform.release()}, {platform.machine()}, Python {python}")
    versions = []
    for name in LIBRARIES:
        with suppress(metadata.PackageNotFoundError):
            versions.append(f"{name} {metadata.version(name)}")
    yield ok("libraries", ", ".join(versions))


def settings(case: Case) -> Iterator[Finding]:
    """Whether both files can be used."""
    found = settings_check.check(case.etc)
    for problem in found.problems:
        yield wrong("settings", str(problem), "mend it, then start the service anew: see usmctl config check")
    for conflict in found.conflicts:
        yield warning("settings", f"{conflict.keys[0]}: {conflict.text}", "usmctl config check")
    if found.warnings:
        yield warning("settings", f"{len(found.warnings)} lines are odd or ignored", "usmctl config check")
    if not (found.problems or found.conflicts or found.warnings):
        yield ok("settings", "both files are in order")


# --- the service


def service(case: Case) -> Iterator[Finding]:
    """Whether it runs, since when, with how many workers, and what it says of itself."""
    if case.settings is None:
        yield not_asked("service", "without settings nobody knows where it listens")
        return
    address = f"{case.settings.admin_host}:{case.settings.admin_port}"
    try:
        status, health = _health(case.settings)
    except (OSError, http.client.HTTPException, ValueError) as error:
        yield wrong(
            "service",
            f"{address} does not answer: {error or type(error).__name__}",
            "systemctl status open-xchange-usm (or /etc/init.d/open-xchange-usm status), and the end of the log",
        )
        return
    yield from _process(case, health)
    yield from _release(health)
    checks = health.get("checks")
    down = [
        f"{name}: {each.get('error', 'down')}"
        for name, each in (checks.items() if isinstance(checks, dict) else ())
        if isinstance(each, dict) and not each.get("up")
    ]
    if health.get("draining"):
        yield warning("admin listener", f"{address}: the service is about to end")
    elif status == http.client.OK:
        yield ok("admin listener", f"{address} answers: the service is ready")
    else:
        yield wrong(
            "admin listener", f"{address}: not ready ({'; '.join(down) or status})", "see the lines below"
        )


def _health(settings: Settings) -> tuple[int, dict[str, Any]]:
    connection = http.client.HTTPConnection(reachable(settings.admin_host), settings.admin_port, timeout=STEP)
    try:
        connection.request("GET", "/usm/health", headers={"Connection": "close"})
        answer = connection.getresponse()
        found = json.loads(answer.read(MIB))
    finally:
        connection.close()
    if not isinstance(found, dict) or "live" not in found:
        raise ValueError("somebody else answers there")
    return answer.status, found


def reachable(host: str) -> str:
    """The address by which this host reaches itself."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  # nosec B104 # not listened on


def _process(case: Case, health: dict[str, Any]) -> Iterator[Finding]:
    pid = health.get("pid")
    seconds = _uptime(case.proc, pid) if isinstance(pid, int) else None
    if seconds is None:
        yield warning("service", f"it answers, but process {pid} is not one of this host")
        return
    workers = _children(case.proc, pid)
    wanted = case.settings.workers if case.settings else 0
    text = f"runs as process {pid} for {_span(seconds)}, with {workers} workers"
    if wanted and workers < wanted:
        yield warning(
            "service", f"{text} of {wanted}", "a worker that ends again and again says why in the log"
        )
    else:
        yield ok("service", text)


def _release(health: dict[str, Any]) -> Iterator[Finding]:
    installed = release.read()
    if installed and health.get("build") != installed["build"]:
        yield warning(
            "running program",
            f"version {health.get('version')} runs, {installed['version']} is installed",
            "restart open-xchange-usm",
        )


def _stat(proc: Path, pid: str) -> list[str]:
    """The fields of a process behind its name, which may hold anything."""
    with suppress(OSError):
        return (proc / pid / "stat").read_text().rpartition(")")[2].split()
    return []


def _uptime(proc: Path, pid: int) -> float | None:
    fields = _stat(proc, str(pid))
    if not fields:
        return None
    since_boot = float((proc / "uptime").read_text().split()[0])
    return since_boot - int(fields[19]) / os.sysconf("SC_CLK_TCK")


def _children(proc: Path, pid: Any) -> int:
    processes = (each.name for each in proc.iterdir() if each.name.isdecimal())
    return sum(_stat(proc, each)[1:2] == [str(pid)] for each in processes)


def _span(seconds: float) -> str:
    minutes = int(seconds) // 60
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // 60 // 24} days"


# --- files


@dataclass(frozen=True, slots=True)
class _Account:
    """Who writes: user, and all groups."""

    name: str
    uid: int
    gids: frozenset[int]

    def may_write(self, path: Path) -> bool:
        about = path.stat()
        if self.uid == 0:
            return True
        if about.st_uid == self.uid:
            return bool(about.st_mode & stat.S_IWUSR)
        if about.st_gid in self.gids:
            return bool(about.st_mode & stat.S_IWGRP)
        return bool(about.st_mode & stat.S_IWOTH)


def _account() -> _Account:
    try:
        entry = pwd.getpwnam(USER)
    except KeyError:
        entry = pwd.getpwuid(os.geteuid())
    return _Account(entry.pw_name, entry.pw_uid, frozenset(os.getgrouplist(entry.pw_name, entry.pw_gid)))


def log(case: Case) -> Iterator[Finding]:
    """Whether the service can write its log, and how old the last line is."""
    if case.settings is None or case.settings.log_file == "-":
        yield not_asked("log", "the log goes to the standard error output")
        return
    path, account = Path(case.settings.log_file), _account()
    place = path if path.exists() else path.parent
    try:
        may = account.may_write(place)
    except OSError as error:
        yield wrong("log", f"{place}: {error.strerror}", f"make the folder, for {account.name} to write in")
        return
    if not may:
        yield wrong("log", f"{account.name} may not write {place}", f"chown {account.name} {place}")
    elif place is path:
        age = _span(max(time.time() - path.stat().st_mtime, 0))
        yield ok("log", f"{path}: {path.stat().st_size / MIB:.1f} MiB, written {age} ago")
    else:
        yield ok("log", f"{path} does not exist yet, and can be made")


def disk(case: Case) -> Iterator[Finding]:
    """Whether there is room where the service writes."""
    places = {"state": STATE, "temporary files": _temporary()}
    if case.settings is not None:
        if case.settings.log_file != "-":
            places["log"] = Path(case.settings.log_file).parent
        if case.settings.database_url.startswith("sqlite"):
            places["database"] = Path(parse_url(case.settings.database_url).database or "/").parent
    by_disk: dict[int, tuple[Path, list[str]]] = {}
    for name, path in places.items():
        with suppress(OSError):
            by_disk.setdefault(path.stat().st_dev, (path, []))[1].append(name)
    for path, names in by_disk.values():
        yield _room(path, ", ".join(sorted(names)))


def _temporary() -> Path:
    try:
        return Path(tempfile.gettempdir())
    except FileNotFoundError:  # it tries to write there: all disks are full
        return Path("/tmp")  # noqa: S108  # nosec B108 # nothing is written


def _room(path: Path, names: str) -> Finding:
    usage, inodes = shutil.disk_usage(path), os.statvfs(path)
    share = usage.free / usage.total if usage.total else 1.0
    if inodes.f_files:
        share = min(share, inodes.f_favail / inodes.f_files)
    text = f"{path} ({names}): {usage.free / MIB:.0f} MiB free, {share:.0%}"
    advice = "make room: without it phones get 503, and nothing of theirs is lost"
    if share < TOO_LITTLE or usage.free < LEAST_BYTES:
        return wrong("disk", text, advice)
    return warning("disk", text, advice) if share < LITTLE else ok("disk", text)
