"""Database addresses as the groupware writes them: JDBC URLs and ``configdb.properties``.

Rules:

* ``configdb.properties`` holds ``readUrl`` and ``writeUrl``, and for each a numbered list of properties,
  ``readProperty.1=user=openexchange``, ``readProperty.2=password=...``.
* ``system.properties`` holds ``SERVER_NAME``, the name of this installation in the configuration database.
* Most parameters of a JDBC URL are the Java driver's own business; those that mean something here are in a table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, urlsplit

import javaproperties
from sqlalchemy.engine import URL

from app.store.errors import DatabaseSettingsError

MILLISECONDS: Final[Mapping[str, str]] = {
    "connectTimeout": "connect_timeout",
    "socketTimeout": "read_timeout",
}
"""JDBC parameters in milliseconds, and PyMySQL's in seconds; 0 is Java's way to say nothing."""

ENCRYPTION: Final[Mapping[str, bool]] = {"DISABLED": False, "PREFERRED": False, "REQUIRED": True}
"""Values of ``sslMode``, and whether the connection must be encrypted. Others ask for a Java key store."""

_PREFIXES: Final = ("jdbc:mysql://", "jdbc:mariadb://")


@dataclass(frozen=True, slots=True)
class ConfigDbAddress:
    """Where the configuration database is, and the name of this installation in it."""

    url: URL
    server_name: str


def parse_jdbc(text: str, user: str, password: str, where: str) -> URL:
    """A JDBC URL as SQLAlchemy's, with or without a database. ``where`` names its place for the message. Raises
    ``DatabaseSettingsError``."""
    if not text.startswith(_PREFIXES):
        raise DatabaseSettingsError(f"{where}: not a URL of the form jdbc:mysql://host:port/database")
    try:
        parts = urlsplit(text.removeprefix("jdbc:"))
        port = parts.port
    except ValueError:
        raise DatabaseSettingsError(
            f"{where}: host or port cannot be read; several hosts are not supported"
        ) from None
    if not parts.hostname or "," in parts.netloc or "(" in parts.netloc:
        raise DatabaseSettingsError(f"{where}: wanted is exactly one host, jdbc:mysql://host:port/database")
    return URL.create(
        "mysql+pymysql",
        username=parts.username or user or None,
        password=parts.password or password or None,
        host=parts.hostname,
        port=port or 3306,
        database=parts.path.strip("/") or None,
        query=_query(dict(parse_qsl(parts.query)), where),
    )


def _query(parameters: Mapping[str, str], where: str) -> dict[str, str]:
    query: dict[str, str] = {}
    for name, ours in MILLISECONDS.items():
        value = parameters.get(name, "0")
        if not value.isdecimal():
            raise DatabaseSettingsError(f"{where}: {name}={value} is not a number of milliseconds")
        if int(value) > 0:
            query[ours] = str(max(1, int(value) // 1000))
    mode = parameters.get("sslMode", "PREFERRED").upper()
    if mode not in ENCRYPTION:
        raise DatabaseSettingsError(
            f"{where}: sslMode={mode} is not supported; set com.openexchange.usm.database.url with ssl_ca=... instead"
        )
    if ENCRYPTION[mode] or parameters.get("requireSSL") == "true":
        query["ssl_check_hostname"] = (
            "false"  # encrypted, but unverified: as the Java driver without a key store
        )
    return query


def read_address(configdb: Path, system: Path) -> ConfigDbAddress:
    """The configuration database that these two files describe. Raises ``DatabaseSettingsError``."""
    settings = _load(configdb)
    side = "read" if settings.get("readUrl") else "write"
    if not settings.get(f"{side}Url"):
        raise DatabaseSettingsError(f"{configdb}: readUrl is missing")
    listed = (value.partition("=") for name, value in settings.items() if name.startswith(f"{side}Property."))
    properties = {name.strip(): value for name, _, value in listed}
    url = parse_jdbc(
        settings[f"{side}Url"].strip(),
        properties.get("user", "").strip(),
        properties.get("password", ""),
        f"{configdb}: {side}Url",
    )
    if not url.database:
        raise DatabaseSettingsError(
            f"{configdb}: {side}Url names no database, wanted is jdbc:mysql://host/configdb"
        )
    name = _load(system).get("SERVER_NAME", "").strip()
    if not name:
        raise DatabaseSettingsError(f"{system}: SERVER_NAME is missing")
    return ConfigDbAddress(url, name)


def _load(path: Path) -> Mapping[str, str]:
    try:
        with path.open("rb") as file:
            loaded: Mapping[str, str] = javaproperties.load(file)
    except OSError as error:
        raise DatabaseSettingsError(f"{path}: {error.strerror}") from None
    except javaproperties.InvalidUEscapeError as error:
        raise DatabaseSettingsError(f"{path}: {error}") from None
    return loaded
