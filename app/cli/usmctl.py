"""usmctl, the administrator's command: one group a concern, one function a command.

Exit statuses are part of the interface, the deployment decides by them:

===  ===========================================================
0    done, or nothing to do
1    something is wrong; the message names it and what to do
2    wrong use of the command
3    ``status``, ``db status``: there is a migration to do; ``legacy status``: there is something of an earlier product
===  ===========================================================
"""

from __future__ import annotations

import importlib
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from app import config
from app.cli import opening
from app.cli.exits import TO_DO, WRONG
from app.store import migrations
from app.store.database import Databases, Schema
from app.usm.errors import UsmError

if TYPE_CHECKING:
    from app.store.sealed import Ring

_HELP: Final = {"help_option_names": ["-h", "--help"]}

GROUPS: Final = {
    "app-passwords": "app.cli.app_passwords:app_passwords",
    "devices": "app.cli.devices:devices",
    "held": "app.cli.held:held",
    "legacy": "app.cli.legacy:legacy",
    "status": "app.cli.status:status",
}
"""Commands that stand in modules of their own, which are read when one of them is called."""


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *GROUPS})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in GROUPS:
            return super().get_command(ctx, cmd_name)
        module, _, name = GROUPS[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command


@click.group(cls=_Commands, context_settings=_HELP)
@click.option(
    "--etc",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Folder of usm.properties and eas.properties; without it, where Open-Xchange keeps its own.",
)
@click.option("--verbose", "-v", is_flag=True, help="Also say what is being done.")
@click.pass_context
def usmctl(context: click.Context, etc: Path | None, verbose: bool) -> None:
    """Look after the synchronisation server (open-xchange-usm) of this host."""
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO if verbose else logging.WARNING, format="%(message)s"
    )
    context.obj = etc or config.etc_directory()


@usmctl.group()
def db() -> None:
    """The tables in which the state of the devices is kept."""


@db.command("upgrade")
@click.pass_obj
def db_upgrade(etc: Path) -> None:
    """Bring the tables of every schema to the newest revision, and seal what is secret in them with the newest key.

    Prints a line a schema, "changed" or "unchanged". Goes on with the other schemas when one fails, and then ends with
    status 1. May run at the same time on several hosts, and while the service runs.
    """
    ring = opening.ring(etc)
    with opening.opened(etc) as databases:
        failed = _each(databases, lambda schema: _upgraded(databases, schema, ring))
    sys.exit(WRONG if failed else 0)


@db.command("status")
@click.pass_obj
def db_status(etc: Path) -> None:
    """Say how the tables of every schema stand, and change nothing.

    Ends with status 0 when all are up to date, and with 3 when "db upgrade" has something to do.
    """
    stands: list[bool] = []

    def look(schema: Schema) -> str:
        found = migrations.status(databases.unprepared(schema).migration_engine(), schema.name)
        stands.append(found.ready)
        return found.advice

    with opening.opened(etc) as databases:
        failed = _each(databases, look)
    if failed:
        sys.exit(WRONG)
    sys.exit(0 if all(stands) else TO_DO)


@usmctl.command()
@click.pass_obj
def check(etc: Path) -> None:
    """Check the settings, and whether OX and the database answer. Names what is wrong."""
    from app import main

    loaded = opening.loaded(etc)
    for warning in loaded.warnings:
        click.echo(f"warning: {warning}", err=True)
    click.echo(f"settings: OK ({etc})")
    with opening.opened(etc) as databases:
        results = [_answers(name, try_it) for name, try_it in main.checks(loaded.settings, databases).items()]
    sys.exit(0 if all(results) else WRONG)


def _each(databases: Databases, work: Callable[[Schema], str]) -> int:
    """Print a line a schema; returns how many failed."""
    failed = 0
    for schema in opening.schemas(databases):
        try:
            click.echo(f"{schema.name}: {work(schema)}")
        except UsmError as error:
            click.echo(f"{schema.name}: failed: {error}", err=True)
            failed += 1
    return failed


def _upgraded(databases: Databases, schema: Schema, ring: Ring | None) -> str:
    from app.eas.memory import SECRETS
    from app.store.secret_fields import SecretFields

    changed = migrations.migrate(databases.unprepared(schema).migration_engine(), schema.name)
    secrets = SecretFields(databases, ring).reseal(schema.context_id or 0, SECRETS)
    if secrets.lost:
        click.echo(f"{schema.name}: no key opens {secrets.lost} secrets; devices send them anew", err=True)
    return "changed" if changed or secrets.done else "unchanged"


def _answers(name: str, try_it: Callable[[], None]) -> bool:
    try:
        try_it()
    except UsmError as error:
        click.echo(f"{name}: {error}", err=True)
        return False
    click.echo(f"{name}: OK")
    return True
