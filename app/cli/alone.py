"""``usmctl legacy`` by itself, where the package is not installed: the deployment brings it to a host as one file
(``tasks/tool.py``). It imports nothing but the standard library and what that file holds."""

from __future__ import annotations

from pathlib import Path

import click

from app import config
from app.cli.legacy import legacy


@click.group()
@click.option("--etc", type=click.Path(path_type=Path, file_okay=False), metavar="DIR")
@click.pass_context
def usmctl(context: click.Context, etc: Path | None) -> None:
    """Look after what an earlier USM product left in the schemas."""
    context.obj = etc or config.etc_directory()


usmctl.add_command(legacy)
