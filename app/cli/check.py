"""``usmctl check``: the settings, and whether those answer whom the service asks."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import click

from app import main
from app.cli import opening
from app.cli.exits import WRONG
from app.usm.errors import UsmError


@click.command()
@click.pass_obj
def check(etc: Path) -> None:
    """Check the settings, and whether OX and the database answer. Names what is wrong."""
    loaded = opening.loaded(etc)
    for warning in loaded.warnings:
        click.echo(f"warning: {warning}", err=True)
    click.echo(f"settings: OK ({etc})")
    with opening.opened(etc) as databases:
        results = [_answers(name, try_it) for name, try_it in main.checks(loaded.settings, databases).items()]
    sys.exit(0 if all(results) else WRONG)


def _answers(name: str, try_it: Callable[[], None]) -> bool:
    try:
        try_it()
    except UsmError as error:
        click.echo(f"{name}: {error}", err=True)
        return False
    click.echo(f"{name}: OK")
    return True
