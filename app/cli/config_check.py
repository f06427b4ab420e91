"""``usmctl config``: the settings as they stand in both files."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from app.cli import printing
from app.cli.exits import DONE, WRONG

if TYPE_CHECKING:
    from app.administration.settings_check import Checked

NAMES: Final = ("key", "value", "state", "where", "effect")


@click.group()
def config() -> None:
    """The settings of usm.properties and eas.properties."""


@config.command()
@click.option("--edits", is_flag=True, help="Leave out what is as by default.")
@click.option(
    "--proxy-timeout",
    "proxies",
    type=click.IntRange(1),
    multiple=True,
    metavar="SECONDS",
    help="How long a proxy on the way of the phones lets a request wait; once for each. Without it, Apache's 1900.",
)
@printing.formats
@click.pass_obj
def check(etc: Path, edits: bool, proxies: tuple[int, ...], form: str) -> None:
    """List every setting with its value, where it stands, and its effect; then what is wrong, odd, or fights.

    States: default, edit (it differs from the default), unknown (no setting of this program), no longer counts (a later
    line does), wrong (cannot be used: the service does not start), odd, and conflict (can be used, but not together).
    Passwords are not shown. Ends with status 1 if something is wrong.
    """
    from app.administration import settings_check

    found = settings_check.check(etc, proxies)
    values = _values(found, edits)
    if form == "table":
        printing.print_rows(values, NAMES, form, cut=("effect", "value"))
        # Whole sentences: what is the matter must not be cut.
        for row in _matters(found):
            click.echo(": ".join(str(row[name]) for name in ("state", "where", "key", "effect") if row[name]))
    else:
        printing.print_rows(chain(values, _matters(found)), NAMES, form)
    sys.exit(WRONG if found.problems else DONE)


def _values(found: Checked, edits: bool) -> Iterator[printing.Row]:
    for each in found.values:
        if not (edits and each.origin == "default"):
            yield _row(each.key, each.value, each.origin.value, each.place, each.meaning)


def _matters(found: Checked) -> Iterator[printing.Row]:
    for state, problems in (("wrong", found.problems), ("odd", found.warnings)):
        for problem in problems:
            place = f"{problem.file.name}:{problem.line}" if problem.line else problem.file.name
            yield _row("", "", state, place, problem.message)
    for conflict in found.conflicts:
        yield _row(" ".join(conflict.keys), "", "conflict", " ".join(conflict.places), conflict.text)


def _row(key: str, value: str, state: str, where: str, effect: str) -> printing.Row:
    return {"key": key, "value": value, "state": state, "where": where, "effect": effect}
