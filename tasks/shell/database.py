"""Runs on an application node with the libraries of the installed package; prints one JSON object.

``schemas ETC``: ``{"schemas": [[name, context], …]}``, all schemas of Open-Xchange, each with one of its contexts.
``status ETC``: ``{"behind": [name, …]}``, the schemas whose USM tables are missing or old.
``migrate ETC``: brings them up to date; ``{"migrated": [name, …]}``.
"""

import json
import pathlib
import sys
from typing import Any

from app import config
from app.store.database import Databases, migrate_all
from app.store.errors import DatabaseSettingsError
from app.store.migrations import status
from app.store.opening import open_databases
from app.usm.errors import StoreUnavailable


def configured(etc: pathlib.Path) -> Databases:
    """The databases that the settings name."""
    settings = config.load(etc).settings
    path = pathlib.Path(settings.configdb_properties) if settings.configdb_properties else None
    return open_databases(settings.database_url or None, etc, configdb=path)


def schemas(etc: pathlib.Path) -> dict[str, Any]:
    """All schemas of Open-Xchange."""
    found = open_databases(None, etc).schemas()
    return {"schemas": [[schema.name, schema.context_id] for schema in found]}


def behind(etc: pathlib.Path) -> dict[str, Any]:
    """The schemas that need a migration."""
    databases = configured(etc)
    found = [databases.unprepared(schema) for schema in databases.schemas()]
    return {"behind": [each.name for each in found if not status(each.migration_engine(), each.name).ready]}


def migrate(etc: pathlib.Path) -> dict[str, Any]:
    """Migrates every schema that needs it."""
    return {"migrated": [schema.name for schema, changed in migrate_all(configured(etc)) if changed]}


try:
    command = {"schemas": schemas, "status": behind, "migrate": migrate}[sys.argv[1]]
    print(json.dumps(command(pathlib.Path(sys.argv[2]))))
except (config.ConfigError, DatabaseSettingsError, StoreUnavailable) as error:
    sys.exit(f"database: {error}")
