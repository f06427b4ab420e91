"""``usmctl legacy``, and ``schemas``, where the package is not installed: the deployment brings them to a host as one
file (``tasks/tool.py``). Nothing is imported but the standard library and what that file holds."""

from __future__ import annotations

import json
from pathlib import Path

import click

from app import config
from app.cli.legacy import legacy
from app.store.errors import DatabaseSettingsError
from app.store.opening import open_databases
from app.usm.errors import StoreUnavailable


@click.group()
@click.option("--etc", type=click.Path(path_type=Path, file_okay=False), metavar="DIR")
@click.pass_context
def usmctl(context: click.Context, etc: Path | None) -> None:
    """Look after what an earlier USM product left in the schemas."""
    context.obj = etc or config.etc_directory()


usmctl.add_command(legacy)


@usmctl.command()
@click.pass_obj
def schemas(etc: Path) -> None:
    """Print each schema of Open-Xchange with one of its contexts, [[name, context], ...] as JSON."""
    try:
        found = open_databases(None, etc).schemas()
    except (DatabaseSettingsError, StoreUnavailable) as error:
        raise click.ClickException(str(error)) from error
    click.echo(json.dumps([[schema.name, schema.context_id] for schema in found]))
