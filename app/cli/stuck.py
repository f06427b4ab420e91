"""``usmctl stuck``: items that cannot be converted, and deletions that a brake held back.

``usmctl held`` is the same by its former name, for those who have it in scripts.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import click

from app.administration.naming import Named
from app.administration.stuck import HELD_BACK, KINDS, SKIPPED, Kind, Row, Stuck
from app.cli import arguments, opening, printing, progress
from app.cli.exits import WRONG
from app.system import SystemClock, SystemTokens

NAMES: Final = list(Row.__annotations__)
CUT: Final = ("title", "items", "why")

FEW: Final = 3
"""So many ids of items are listed in a table; "show" and JSON have all."""


@click.group()
def stuck() -> None:
    """What is stuck: items that could not be converted, and mass deletions that were held back.

    An item that cannot be converted is left out and tried again by itself, after pauses from a minute to a day; nothing
    else of its folder waits for it. Deletions are held back when one device deletes most of a folder: nothing was
    deleted then, and the device got the items again.
    """


@stuck.command("list")
@arguments.whose
@click.option("--kind", type=click.Choice(KINDS), help="Of this kind only.")
@printing.formats
@click.pass_obj
def listed(etc: Path, context: str | None, user: str | None, kind: Kind | None, form: str) -> None:
    """List all that is stuck, a line each. Changes nothing."""
    with _opened(etc) as trouble:
        found = progress.watched(trouble.rows(context, user, KINDS if kind is None else (kind,)), "entries")
        rows: Iterable[Mapping[str, object]] = map(_short, found) if form == "table" else found
        printing.print_rows(rows, NAMES, form, CUT)


@stuck.command()
@printing.formats
@arguments.device
def show(etc: Path, context: str, user: str, device: str, form: str) -> None:
    """Show all that is stuck of one device: which items of which folders, why, since when, and when they are tried
    again. Ends with status 1 if there is no such device."""
    with _opened(etc) as trouble:
        rows = trouble.of_device(Named(context, user, device))
    printing.print_thing(
        {
            "context": context,
            "user": user,
            "device": device,
            "skipped": [
                _of(row, "folder title items since tries next_try why")
                for row in rows
                if row["kind"] == SKIPPED
            ],
            "held_back": [
                _of(row, "folder title count since items why") for row in rows if row["kind"] == HELD_BACK
            ],
        },
        form,
    )


@stuck.command()
@arguments.device
@click.argument("folder", metavar="[FOLDER", type=int, required=False)
@click.argument("item", metavar="[ITEM]]", required=False)
def retry(etc: Path, context: str, user: str, device: str, folder: int | None, item: str | None) -> None:
    """Try items again that could not be converted: one ITEM, all of a FOLDER, or all of the device.

    The device's next request does it; one that waits for changes comes within seconds. Ends with status 1 if there is
    nothing to try.
    """
    with _opened(etc) as trouble:
        count = trouble.retry(Named(context, user, device), folder, item)
    if not count:
        click.echo(f"{device}: no such item is skipped", err=True)
        sys.exit(WRONG)
    click.echo(f"{count} {'item' if count == 1 else 'items'} will be tried again")


@stuck.command()
@arguments.device
@click.argument("folder", type=int, metavar="FOLDER")
def release(etc: Path, context: str, user: str, device: str, folder: int) -> None:
    """Let the deletions through that are held back in a folder: the device's next request carries them out.

    Ends with status 1 if there are none.
    """
    with _opened(etc) as trouble:
        _tell(trouble.release(Named(context, user, device), folder), "let through", device, folder)


@stuck.command()
@arguments.device
@click.argument("folder", type=int, metavar="FOLDER")
def drop(etc: Path, context: str, user: str, device: str, folder: int) -> None:
    """Forget the deletions that are held back in a folder: nothing is deleted. Ends with status 1 if there are none."""
    with _opened(etc) as trouble:
        _tell(trouble.drop(Named(context, user, device), folder), "dropped", device, folder)


held = click.Group(
    "held", commands=stuck.commands, hidden=True, help='The same as "stuck", by its former name.'
)


@contextmanager
def _opened(etc: Path) -> Iterator[Stuck]:
    with opening.estate(etc) as estate:
        yield Stuck(estate.names, estate.store, SystemClock(), SystemTokens())


def _tell(count: int, done: str, device: str, folder: int) -> None:
    if not count:
        click.echo(f"nothing is held back in folder {folder} of {device}", err=True)
        sys.exit(WRONG)
    click.echo(f"{count} deletions {done}")


def _short(row: Row) -> Mapping[str, object]:
    items = row["items"]
    more = [f"and {len(items) - FEW} more"] if len(items) > FEW else []
    return {**row, "items": [*items[:FEW], *more]}


def _of(row: Row, names: str) -> dict[str, object]:
    return {name: row[name] for name in names.split()}  # type: ignore[literal-required]
