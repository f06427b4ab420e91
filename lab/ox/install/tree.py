"""Laying down the installation tree of one host, as the vendor's packages would.

Program code goes to ``/opt/open-xchange/lib/standin``, unpacked wheels beside it; everything else lies where the
real server has it, so that the deployment finds what its guide names. Run again it writes the same files again;
settings that an administrator edited are kept.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import zipfile
from dataclasses import dataclass
from pathlib import Path
from string import Template

from sqlalchemy.engine import make_url

from lab.ox import passwords
from lab.ox.admin.tool import TOOLS
from lab.ox.admin.update_tool import RELEASES as UPDATE_TOOLS
from lab.ox.database.servers import CONFIGDB, DatabaseServer
from lab.ox.generation import GENERATIONS
from lab.ox.update_tasks.registry import CORE_TASKS

_FILES = Path(__file__).with_name("files")
_PACKAGE = Path(__file__).resolve().parents[1]
PREFIX = Path("opt/open-xchange")
LIBRARY = PREFIX / "lib/standin"
LOGS = Path("var/log/open-xchange")
MASTER = "oxadminmaster"
# Generation → its releases that differ in the tools for update tasks, the oldest first.
RELEASES: dict[int, tuple[str, ...]] = {6: (), 7: tuple(UPDATE_TOOLS), 8: ("7.10",)}


@dataclass(frozen=True, slots=True)
class Installation:
    """What to lay down, and where. ``release``: one of RELEASES; empty: the oldest of the generation."""

    root: Path
    database: str
    server_name: str = "ox1"
    generation: int = 6
    release: str = ""
    python: str = "/usr/bin/python3"
    wheels: Path | None = None
    user: str = "open-xchange"
    master_password: str = "secret"
    listen: str = "*"
    control: bool = False

    @property
    def etc(self) -> Path:
        """The folder of the groupware's settings, below the root."""
        return PREFIX / GENERATIONS[self.generation].etc


@dataclass(frozen=True, slots=True)
class Daemon:
    """One daemon: its name, what it runs, its log."""

    name: str
    description: str
    command: str
    log: str


_GROUPWARE = Daemon(
    "open-xchange-groupware",
    "Open-Xchange groupware daemon (stand-in)",
    "serve --generation 6",
    "open-xchange.log.0",
)
_ADMIN = Daemon(
    "open-xchange-admin", "Open-Xchange admin daemon (stand-in)", "admin", "open-xchange-admin.log.0"
)
# Generation → its daemons. From 7 on one daemon does both.
DAEMONS = {
    6: (_GROUPWARE, _ADMIN),
    **{
        number: (
            Daemon(
                "open-xchange",
                "Open-Xchange server (stand-in)",
                f"serve --generation {number} --admin-port 1099 --admin-port 9999",
                "open-xchange.log.0",
            ),
        )
        for number in (7, 8)
    },
}


def install(wanted: Installation) -> None:
    """Lay it all down. Making the daemons' user and giving files to it needs root and is left out without."""
    root = wanted.root
    for folder in (PREFIX / "sbin", PREFIX / "lib", PREFIX / "bundles", wanted.etc, LOGS, Path("etc/init.d")):
        (root / folder).mkdir(parents=True, exist_ok=True)
    _copy_program(root / LIBRARY)
    if wanted.wheels:
        _unpack_wheels(wanted.wheels, root / LIBRARY)
    values = _values(wanted)
    for name, program in _tools(wanted).items():
        script = _filled("tool.sh", {**values, "tool": name, "program": program})
        _write(root / PREFIX / "sbin" / name, script, 0o755)
    for daemon in DAEMONS[wanted.generation]:
        script = _filled("init.sh", {**values, **_daemon_values(daemon)})
        _write(root / "etc/init.d" / daemon.name, script, 0o755)
    if wanted.generation > 6:
        _write_unit(root, {**values, **_daemon_values(DAEMONS[wanted.generation][0])})
    _write_settings(wanted, values)
    _give_to_user(wanted)


def _tools(wanted: Installation) -> dict[str, str]:
    """Name of a tool → what Python runs for it."""
    found = {
        name: f"lab.ox.admin.tool {name}"
        for name, tool in TOOLS.items()
        if wanted.generation in tool.generations
    }
    release = wanted.release or next(iter(RELEASES[wanted.generation]), "")
    return found | {
        name: f"lab.ox.admin.update_tool {release} {name}" for name in UPDATE_TOOLS.get(release, ())
    }


def _write_unit(root: Path, values: dict[str, str]) -> None:
    """The daemon as systemd has it: enabled, and a program that runs in the foreground."""
    unit = f"{values['name']}.service"
    _write(root / PREFIX / "sbin" / values["name"], _filled("daemon.sh", values), 0o755)
    folder, wants = Path("lib/systemd/system"), root / "etc/systemd/system/multi-user.target.wants"
    (root / folder).mkdir(parents=True, exist_ok=True)
    _write(root / folder / unit, _filled("unit.service", values), 0o644)
    wants.mkdir(parents=True, exist_ok=True)
    if not (wants / unit).is_symlink():
        (wants / unit).symlink_to(f"/{folder}/{unit}")


def _values(wanted: Installation) -> dict[str, str]:
    databases = DatabaseServer(wanted.database)
    url = make_url(wanted.database)
    jdbc = databases.jdbc_url
    server, _, query = jdbc.partition("?")
    return {
        "python": wanted.python,
        "prefix": f"/{PREFIX}",
        "library": f"/{LIBRARY}",
        "etc": f"/{wanted.etc}",
        "logs": f"/{LOGS}",
        "user": wanted.user,
        "server_name": wanted.server_name,
        "route": wanted.server_name.upper(),
        "listen": wanted.listen,
        "control": str(wanted.control).lower(),
        "configdb_url": f"{server}{CONFIGDB}" + (f"?{query}" if query else ""),
        "database_user": url.username or "",
        "database_password": url.password or "",
        "update_tasks": "\n".join(CORE_TASKS),
    }


def _daemon_values(daemon: Daemon) -> dict[str, str]:
    return {
        "name": daemon.name,
        "description": daemon.description,
        "command": daemon.command,
        "log": f"/{LOGS}/{daemon.log}",
    }


def _write_settings(wanted: Installation, values: dict[str, str]) -> None:
    etc = wanted.root / wanted.etc
    names = ["configdb.properties", "system.properties", "server.properties", "sessiond.properties"]
    names.append("updatetasks.cfg" if wanted.generation == 6 else "excludedupdatetasks.properties")
    for name in names:
        _write_new(etc / name, _filled(name, values), 0o640)
    base = wanted.root / PREFIX / "etc"
    admin = base / "admindaemon" if wanted.generation == 6 else base
    admin.mkdir(parents=True, exist_ok=True)
    for name in ("AdminDaemon.properties", "ModuleAccessDefinitions.properties"):
        _write_new(admin / name, _filled(name, values), 0o640)
    entry = f"{MASTER}:{passwords.MECHANISM}:{passwords.hashed(wanted.master_password)}\n"
    _write_new(base / "mpasswd", entry, 0o640)


def _copy_program(library: Path) -> None:
    """The package ``lab`` with only this program in it."""
    package = library / "lab"
    if package.exists():
        shutil.rmtree(package)
    package.mkdir(parents=True)
    (package / "__init__.py").write_text('"""The stand-in."""\n', encoding="utf-8")
    shutil.copytree(_PACKAGE, package / "ox", ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))


def _unpack_wheels(wheels: Path, library: Path) -> None:
    for wheel in sorted(wheels.glob("*.whl")):
        if "-none-any" not in wheel.name:
            raise ValueError(f"{wheel.name} is no pure Python wheel")
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(library)


def _filled(name: str, values: dict[str, str]) -> str:
    return Template((_FILES / name).read_text(encoding="utf-8")).substitute(values)


def _write(path: Path, text: str, mode: int) -> None:
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)


def _write_new(path: Path, text: str, mode: int) -> None:
    """Write a file unless it is there: an administrator's edits are kept."""
    if not path.exists():
        _write(path, text, mode)


def _give_to_user(wanted: Installation) -> None:
    if os.geteuid() != 0 or not (wanted.root / "etc/passwd").exists():
        return
    ids = _user_ids(wanted)
    if ids is None:
        at_root = [] if wanted.root == Path("/") else ["--root", str(wanted.root)]
        command = [
            "useradd",
            *at_root,
            "--system",
            "--user-group",
            "--no-create-home",
            "--home-dir",
            f"/{PREFIX}",
        ]
        subprocess.run(
            [*command, "--shell", "/usr/sbin/nologin", wanted.user], check=True, capture_output=True
        )
        ids = _user_ids(wanted)
    if ids is None:
        raise RuntimeError(f"user {wanted.user} could not be made")
    uid, gid = ids
    os.chown(wanted.root / LOGS, uid, gid)
    for path in (wanted.root / PREFIX / "etc").rglob("*"):
        if path.is_file():
            os.chown(path, 0, gid)


def _user_ids(wanted: Installation) -> tuple[int, int] | None:
    for line in (wanted.root / "etc/passwd").read_text(encoding="utf-8").splitlines():
        name, _, rest = line.partition(":")
        if name == wanted.user:
            _, uid, gid, *_ = rest.split(":")
            return int(uid), int(gid)
    return None
