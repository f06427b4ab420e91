"""``usmctl db``: the tables in which the state of the devices is kept."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.cli import opening, printing
from app.cli.exits import TO_DO, WRONG
from app.cli.grant import grant
from app.store import migrations
from app.store.database import Databases, Schema
from app.usm.errors import UsmError

if TYPE_CHECKING:
    from app.store.sealed import Ring


@click.group()
def db() -> None:
    """The tables in which the state of the devices is kept."""


db.add_command(grant)


@db.command("upgrade")
@click.pass_obj
def upgrade(etc: Path) -> None:
    """Bring the tables of every schema to the newest revision, and seal what is secret in them with the newest key.

    Prints a line a schema, "changed" or "unchanged". Goes on with the other schemas when one fails, and then ends with
    status 1. May run at the same time on several hosts, and while the service runs.
    """
    ring = opening.ring(etc)
    with opening.opened(etc) as databases:
        failed = _each(databases, lambda schema: _upgraded(databases, schema, ring))
    sys.exit(WRONG if failed else 0)


@db.command("migrate")
@click.pass_context
def migrate(context: click.Context) -> None:
    """The same as "upgrade"."""
    context.forward(upgrade)


@db.command("status")
@click.pass_obj
def status(etc: Path) -> None:
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


@db.command("purge")
@click.option(
    "--days",
    type=click.IntRange(1),
    metavar="NUMBER",
    help="After how many days without use a device is forgotten; by default devices.expire_days.",
)
@click.option("--dry-run", is_flag=True, help="Only count.")
@click.option("--force", is_flag=True, help="Even if more than half of a schema's users are deleted.")
@printing.formats
@click.pass_obj
def purge(etc: Path, days: int | None, dry_run: bool, force: bool, form: str) -> None:
    """Delete what has outlived its use, and what is kept of users and contexts that Open-Xchange has deleted.

    That is: devices that were not used for long, notes of what devices had done, sign-ins to the web pages, orders to
    trace. Who is deleted at Open-Xchange is told by its own tables; where they leave a doubt nothing is deleted, and
    the doubt is said. Runs every night by itself, and at the same time on several hosts if need be. Ends with status 1
    if something could not be purged.
    """
    from app.administration import upkeep

    rules = upkeep.Rules(days or opening.loaded(etc).settings.device_expire_days, dry_run, force)
    failed: list[str] = []

    def rows(found: Iterable[upkeep.Purged]) -> Iterator[printing.Row]:
        for each in found:
            if each.doubt:
                click.echo(f"{each.schema}: {each.doubt}", err=True)
            if each.failed:
                failed.append(each.doubt)
            if each.kind and (each.failed or not each.doubt):
                yield {"schema": each.schema, "kind": each.kind, "count": each.count}

    with opening.opened(etc) as databases:
        try:
            printing.print_rows(rows(upkeep.purge(databases, rules)), ("schema", "kind", "count"), form)
        except UsmError as error:
            raise click.ClickException(str(error)) from error
    sys.exit(WRONG if failed else 0)


@db.command("check")
@click.option("--quick", is_flag=True, help="Do not read all that is kept of every device.")
@printing.formats
@click.pass_obj
def check(etc: Path, quick: bool, form: str) -> None:
    """Check how the tables of every schema are built, and whether what lies in them holds together.

    Changes nothing, and says what to do. Reads everything once, a little at a time, unless told to be --quick. Ends
    with status 1 if something is wrong.
    """
    from app.administration import examination
    from app.cli.examined import print_findings

    ring = opening.ring(etc)
    with opening.opened(etc) as databases:
        try:
            status = print_findings(examination.check(databases, ring, not quick), form)
        except UsmError as error:
            raise click.ClickException(str(error)) from error
    sys.exit(status)


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
