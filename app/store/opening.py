"""From settings to :class:`app.store.database.Databases`."""

from __future__ import annotations

from pathlib import Path

from app.store.configdb import ConfigDb, Login
from app.store.database import Databases, SingleDatabase
from app.store.errors import DatabaseSettingsError
from app.store.jdbc import read_address


def open_databases(
    url: str | None,
    etc_dir: Path | None = None,
    *,
    configdb: Path | None = None,
    auto_migrate: bool = True,
    login: Login | None = None,
) -> Databases:
    """The databases for the state of all contexts. Opens no connection yet.

    ``url``: one database for all; when empty, each context's own schema is found through ``configdb.properties`` and
    ``system.properties`` in ``etc_dir``. ``configdb``: another path of the former; ``system.properties`` is then
    looked for beside it first. ``login``: the database user to be, everywhere, instead of those that
    ``configdb.properties`` and its pools name. ``auto_migrate``: make and upgrade missing tables at the first use of a
    schema. Raises ``DatabaseSettingsError``.
    """
    if url:
        return SingleDatabase(url, auto_migrate)
    if configdb is None and etc_dir is None:
        raise DatabaseSettingsError(
            "neither a database URL nor a directory with configdb.properties was given"
        )
    places = ([configdb.parent] if configdb is not None else []) + ([etc_dir] if etc_dir is not None else [])
    systems = [place / "system.properties" for place in places]
    system = next((path for path in systems if path.is_file()), systems[0])
    return ConfigDb(
        read_address(configdb or places[0] / "configdb.properties", system), auto_migrate, login=login
    )
