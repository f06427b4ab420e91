"""``usmctl sessions``: how much is kept of each device, and the end of kept logins."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import click

from app.administration.naming import Unknown
from app.administration.sessions import Row, Sessions
from app.cli import arguments, opening, printing, progress
from app.cli.exits import WRONG
from app.system import SystemClock

NAMES: Final = list(Row.__annotations__)


@click.group()
def sessions() -> None:
    """The sessions of devices: how much is kept of each, which logins the service keeps, and their end."""


@sessions.command("list")
@arguments.whose
@click.option("--largest", type=click.IntRange(1), metavar="NUMBER", help="Only so many, the largest first.")
@printing.formats
@click.pass_obj
def listed(etc: Path, context: str | None, user: str | None, largest: int | None, form: str) -> None:
    """List what lies in the tables for each device: folders, sync keys, rows and bytes. Changes nothing.

    Reads all that is kept of a context at a time, which takes its while on a large one.
    """
    with _opened(etc) as found:
        rows = progress.watched(found.rows(context, user, largest), "sessions")
        printing.print_rows(rows, NAMES, form)


@sessions.command("logins")
@click.option("--context", type=int, metavar="NUMBER", help="Of this context only.")
@click.option("--user", metavar="USER", help="Of this user only: number or login.")
@printing.formats
def kept(context: int | None, user: str | None, form: str) -> None:
    """List the logins at Open-Xchange that the service of this host keeps: whose, since when, and when last used.

    Each process of the service keeps its own, so that a device may have several. Shown is nothing that opens anything.
    Ends with status 1 if no service runs here, or may not be asked: it answers its own user and root.
    """
    from app.administration import logins

    found = (
        row
        for row in logins.rows(logins.folders())
        if context in (None, row["context"]) and user in (None, str(row["user"]), row["login"])
    )
    try:
        printing.print_rows(found, list(logins.Row.__annotations__), form, cut=["login"])
    except (OSError, Unknown) as error:
        raise click.ClickException(str(error)) from error


@sessions.command()
@click.argument("context", metavar="CONTEXT")
@click.argument("user", metavar="USER")
@click.argument("device", metavar="[DEVICE]", required=False)
@click.pass_obj
def end(etc: Path, context: str, user: str, device: str | None) -> None:
    """End the kept logins at Open-Xchange of a device, or of all devices of a user: each must log in anew.

    The service keeps a login for as long as it is used, up to some hours, and does not ask for the password meanwhile.
    After this command the next request of the device brings it to Open-Xchange again, on whichever node it comes:
    after a password was changed or a user locked, this is what makes it count at once. The user is signed out of the
    web pages too, unless a DEVICE is named. What is kept of the device stays. Ends with status 1 if there is nothing
    to end.
    """
    with _opened(etc) as found:
        ended, signed_out = found.end(context, user, device)
    for session in ended:
        click.echo(f"{session.device_id}: must log in anew")
    if signed_out:
        click.echo(f"{signed_out} sessions of the web pages ended")
    if not ended and not signed_out:
        click.echo(f"there is no device of user {user} in context {context}", err=True)
        sys.exit(WRONG)


@contextmanager
def _opened(etc: Path) -> Iterator[Sessions]:
    with opening.estate(etc) as each:
        yield Sessions(each.databases, each.names, each.store, SystemClock())
