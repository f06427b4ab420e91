"""What a server process is told: by its command line and by the ``.properties`` beside it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from lab.ox import properties

_LENIENT = "Open-Xchange .NET HTTP Client*, Open-Xchange USM HTTP Client*, Jakarta Commons-HttpClient*"


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of one node. Times in seconds."""

    server_name: str = "ox1"
    etc: Path | None = None
    host: str = "127.0.0.1"
    port: int = 8009
    control: bool = False
    route: str = "OX1"
    session_idle: float = 3600.0
    max_sessions: int = 50_000
    max_sessions_per_user: int = 100
    max_rate: int = 1500
    max_rate_window: float = 300.0
    lenient_clients: tuple[str, ...] = field(default=())
    minimum_search: int = 0
    check_addresses: bool = False
    update_tasks: tuple[str, ...] | None = None
    excluded_tasks: tuple[str, ...] = ()
    bundles: Path | None = None
    mpasswd: Path | None = None
    master_authentication: bool = True
    context_authentication: bool = True

    def is_lenient(self, user_agent: str) -> bool:
        """Whether a User-Agent is exempt from the rate limit."""
        return any(fnmatchcase(user_agent, pattern) for pattern in self.lenient_clients)


def load(etc: Path | None, **changes: Any) -> Settings:
    """The settings found in a folder of properties; without a folder the defaults. ``changes`` replace single ones.
    ``updatetasks.cfg`` and ``excludedupdatetasks.properties`` are read here, that is when the daemon starts."""
    server = properties.read(etc / "server.properties") if etc else {}
    system = properties.read(etc / "system.properties") if etc else {}
    sessiond = properties.read(etc / "sessiond.properties") if etc else {}
    name = system.get("SERVER_NAME", "ox1")
    daemon = properties.read(_admin_folder(etc) / "AdminDaemon.properties") if etc else {}
    found = Settings(
        server_name=name,
        etc=etc,
        host=server.get("com.openexchange.connector.networkListenerHost", "127.0.0.1").replace(
            "*", "0.0.0.0"
        ),
        port=_number(server, "com.openexchange.connector.networkListenerPort", 8009),
        control=server.get("standin.control", "false") == "true",
        route=server.get("com.openexchange.server.backendRoute", name.upper()),
        session_idle=_number(sessiond, "com.openexchange.sessiond.sessionDefaultLifeTime", 3_600_000) / 1000,
        max_sessions=_number(sessiond, "com.openexchange.sessiond.maxSession", 50_000),
        max_sessions_per_user=_number(sessiond, "com.openexchange.sessiond.maxSessionPerUser", 100),
        max_rate=_number(server, "com.openexchange.servlet.maxRate", 1500),
        max_rate_window=_number(server, "com.openexchange.servlet.maxRateTimeWindow", 300_000) / 1000,
        lenient_clients=_patterns(server.get("com.openexchange.servlet.maxRateLenientClients", _LENIENT)),
        minimum_search=_number(server, "com.openexchange.MinimumSearchCharacters", 0),
        check_addresses=server.get("com.openexchange.IPCheck", "false") == "true",
        update_tasks=_listed_tasks(etc / "updatetasks.cfg") if etc else None,
        excluded_tasks=(_listed_tasks(etc / "excludedupdatetasks.properties") or ()) if etc else (),
        bundles=bundles_folder(etc) if etc else None,
        mpasswd=etc.parent / "mpasswd" if etc and etc.name == "groupware" else etc and etc / "mpasswd",
        master_authentication=daemon.get("MASTER_AUTHENTICATION_DISABLED", "false") != "true",
        context_authentication=daemon.get("CONTEXT_AUTHENTICATION_DISABLED", "false") != "true",
    )
    return replace(found, **changes)


def bundles_folder(etc: Path) -> Path:
    """Where installed bundles lie, seen from the settings folder of either layout."""
    return (etc.parent if etc.name == "groupware" else etc).parent / "bundles"


def database_url(etc: Path) -> str:
    """The database server that ``configdb.properties`` names, as an SQLAlchemy URL without a schema. Raises
    ``ValueError`` when the file does not name one."""
    path = etc / "configdb.properties"
    found = properties.read(path)
    jdbc = found.get("writeUrl", "")
    if jdbc.startswith("jdbc:sqlite:"):
        return f"sqlite:///{jdbc.removeprefix('jdbc:sqlite:').rpartition('/')[0]}"
    if not jdbc.startswith("jdbc:mysql:"):
        raise ValueError(f"{path}: writeUrl names no MySQL server: {jdbc!r}")
    server = urlsplit(jdbc.removeprefix("jdbc:")).netloc
    login: dict[str, str] = {}
    for key, value in found.items():
        if key.startswith("writeProperty."):
            name, _, content = value.partition("=")
            login[name] = content
    user = f"{quote(login.get('user', ''), safe='')}:{quote(login.get('password', ''), safe='')}"
    return f"mysql+pymysql://{user}@{server}/"


def _admin_folder(etc: Path) -> Path:
    return etc.parent / "admindaemon" if etc.name == "groupware" else etc


def _listed_tasks(path: Path) -> tuple[str, ...] | None:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return None
    return tuple(line.strip() for line in lines if line.strip() and line.strip()[0] not in "#!")


def _patterns(text: str) -> tuple[str, ...]:
    return tuple(part.strip().strip('"') for part in text.split(",") if part.strip().strip('"'))


def _number(values: dict[str, str], key: str, default: int) -> int:
    text = values.get(key, "")
    return int(text) if text.lstrip("-").isdigit() else default
