"""The way of the commands to settings and databases."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from app import config
from app.config import ConfigError, Loaded, Settings
from app.store.database import Databases, Schema
from app.store.errors import DatabaseSettingsError
from app.store.opening import open_databases
from app.usm.errors import UsmError


def loaded(etc: Path) -> Loaded:
    """The settings of a folder; ends the command with all that is wrong in them."""
    try:
        return config.load(etc)
    except ConfigError as error:
        raise click.ClickException(str(error)) from error


@contextmanager
def opened(etc: Path) -> Iterator[Databases]:
    """The databases that the settings lead to."""
    settings: Settings = loaded(etc).settings
    try:
        # As app.main does it, without all that the service is made of: the deployment waits for these commands.
        other = settings.configdb_properties
        databases = open_databases(
            settings.database_url or None, settings.etc, configdb=Path(other) if other else None
        )
    except DatabaseSettingsError as error:
        raise click.ClickException(str(error)) from error
    try:
        yield databases
    finally:
        databases.close()


def schemas(databases: Databases) -> list[Schema]:
    """All schemas; ends the command if they cannot be told."""
    try:
        return databases.schemas()
    except UsmError as error:
        raise click.ClickException(str(error)) from error
