"""``usmctl users``: who synchronises, and all that is known of one of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final

import click

from app.administration.stuck import Stuck
from app.administration.users import Row, Users
from app.cli import opening, printing, progress
from app.system import SystemClock, SystemTokens

NAMES: Final = list(Row.__annotations__)


@click.group()
def users() -> None:
    """The users: who synchronises with how many devices, and all that is known of one of them."""


@users.command("list")
@click.option("--context", metavar="CONTEXT", help="Of this context only: number or name.")
@click.option("--user", metavar="USER", help="This user only: number, login or mail address.")
@click.option(
    "--idle",
    type=click.IntRange(1),
    metavar="DAYS",
    help="Only those none of whose devices was seen for so long.",
)
@click.option(
    "--devices",
    type=click.IntRange(1),
    default=1,
    metavar="NUMBER",
    help="Only those with so many devices or more.",
)
@printing.formats
@click.pass_obj
def listed(
    etc: Path, context: str | None, user: str | None, idle: int | None, devices: int, form: str
) -> None:
    """List all users who have a device, a line each. Changes nothing.

    When a device was seen is noted once in an hour.
    """
    with _opened(etc) as found:
        rows = found.rows(context, user, None if idle is None else timedelta(days=idle), devices)
        printing.print_rows(progress.watched(rows, "users"), NAMES, form, cut=["login"])


@users.command()
@click.argument("context", metavar="CONTEXT")
@click.argument("user", metavar="USER")
@printing.formats
@click.pass_obj
def show(etc: Path, context: str, user: str, form: str) -> None:
    """Show one user with all his devices, the folders on them, what keeps them from getting something, his app
    passwords and his sessions at the web pages. Ends with status 1 if nothing is known of him."""
    with _opened(etc) as found:
        told = found.show(context, user)
    printing.print_thing(told, form)


@contextmanager
def _opened(etc: Path) -> Iterator[Users]:
    clock = SystemClock()
    with opening.estate(etc) as each:
        stuck = Stuck(each.names, each.store, clock, SystemTokens())
        yield Users(each.databases, each.names, each.store, stuck, clock)
