"""``usmctl help``: the same as ``--help`` behind the command."""

from __future__ import annotations

import click


@click.command("help")
@click.argument("words", metavar="[COMMAND]...", nargs=-1)
@click.pass_context
def help_(ctx: click.Context, words: tuple[str, ...]) -> None:
    """Tell what a command does: "usmctl help devices list"."""
    found = ctx.find_root()
    for word in words:
        group = found.command
        command = group.get_command(found, word) if isinstance(group, click.Group) else None
        if command is None:
            raise click.UsageError(f"there is no command {' '.join(words)}")
        found = click.Context(command, info_name=word, parent=found)
    click.echo(found.get_help())
