"""``usmctl data``: what is stored of people, for those who must say so, hand it out, or delete it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from app.administration import data as stored
from app.administration import inventory
from app.cli import opening, printing
from app.cli.exits import WRONG
from app.store.database import Databases

NAMES: Final = ("place", "names", "what", "of", "until")


@dataclass(frozen=True, slots=True)
class _Whose:
    databases: Databases
    context: int
    user: int | None


@click.group()
def data() -> None:
    """What is stored of people: what and how long, to hand out, and to delete."""


@data.command("inventory")
@printing.formats
def inventory_(form: str) -> None:
    """List what is stored, of whom, and how long. The same table is in docs/data-protection.md."""
    printing.print_rows(inventory.rows(), NAMES, form, cut=("names", "what", "until"))


@data.command()
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write there, for nobody else to read, instead of to the standard output. Must not exist.",
)
@click.argument("context")
@click.argument("user")
@click.pass_obj
def export(etc: Path, context: str, user: str, output: Path | None) -> None:
    """Write all that is stored of a USER of a CONTEXT as JSON. Numbers, or names as Open-Xchange has them.

    Passwords and what else is encrypted are left out. What the log says of a user is not in it.
    """
    with _found(etc, context, user) as found:
        whole = stored.export(found.databases, found.context, found.user or 0, datetime.now(UTC))
    text = json.dumps(whole, indent=2, ensure_ascii=False) + "\n"
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        with os.fdopen(
            os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
        ) as file:
            file.write(text)
    except OSError as error:
        raise click.ClickException(f"{output}: {error.strerror}") from error
    rows = sum(map(len, whole["tables"].values()))
    click.echo(f"{rows} rows of {len(whole['tables'])} tables written to {output}")


@data.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.argument("context")
@click.argument("user", required=False)
@click.pass_obj
def delete(etc: Path, context: str, user: str | None, yes: bool) -> None:
    """Delete all that is stored of a USER, or without one of the whole CONTEXT. Nothing in Open-Xchange is touched.

    A device that comes again starts over and is remembered anew: take the right to synchronise away first. What was
    decided of devices is deleted too, orders to wipe among it.
    """
    with _found(etc, context, user) as found:
        whose = (
            f"context {found.context}"
            if found.user is None
            else f"user {found.user} of context {found.context}"
        )
        rows = stored.count(found.databases, found.context, found.user)
        if not rows:
            click.echo(f"nothing is stored of {whose}")
            return
        told = ", ".join(f"{count} in {table}" for table, count in sorted(rows.items()))
        if not yes and not click.confirm(f"Delete all rows of {whose} ({told})?", err=True):
            sys.exit(WRONG)
        gone = stored.delete(found.databases, found.context, found.user)
    for table, count in sorted(gone.items()):
        click.echo(f"{table}: {count} rows deleted")


@contextmanager
def _found(etc: Path, context: str, user: str | None) -> Iterator[_Whose]:
    with opening.estate(etc) as found:
        yield _Whose(found.databases, *stored.whose(found.names, context, user))
