"""The way of the commands to settings and databases."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app import config
from app.config import ConfigError, Loaded, Settings
from app.store.configdb import Login
from app.store.database import Databases, Schema
from app.store.errors import DatabaseSettingsError
from app.store.opening import open_databases
from app.usm.errors import UsmError

if TYPE_CHECKING:  # needs what the deployment's copy of this command is without
    from app.administration.naming import Names
    from app.store.sealed import Ring
    from app.store.state import SqlStateStore


@dataclass(frozen=True, slots=True)
class Estate:
    """The databases, what lies in them, and what names stand for there."""

    databases: Databases
    store: SqlStateStore
    names: Names


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
            settings.database_url or None,
            settings.etc,
            configdb=Path(other) if other else None,
            login=Login.of(settings.database_user, settings.database_password),
        )
    except DatabaseSettingsError as error:
        raise click.ClickException(str(error)) from error
    try:
        yield databases
    finally:
        databases.close()


@contextmanager
def estate(etc: Path) -> Iterator[Estate]:
    """What an administrator looks into; ends the command with what is wrong, or not there. Looking does not count as a
    device's being seen."""
    from app.administration.naming import Names, Unknown
    from app.store.state import SqlStateStore

    with opened(etc) as databases:
        store = SqlStateStore(databases, touches=False)
        try:
            yield Estate(databases, store, Names(databases, store))
        except (UsmError, Unknown, ValueError) as error:
            raise click.ClickException(str(error)) from error


def ring(etc: Path) -> Ring | None:
    """The keys for secrets in the database, if the settings have any."""
    from app.store.sealed import Ring

    keys = loaded(etc).settings.secret_keys
    return Ring(keys) if keys else None


def schemas(databases: Databases) -> list[Schema]:
    """All schemas; ends the command if they cannot be told."""
    try:
        return databases.schemas()
    except UsmError as error:
        raise click.ClickException(str(error)) from error
