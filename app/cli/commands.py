"""Commands that stand in modules of their own, and are read only when one of them is called.

A list of commands is shown without reading them: the first sentence about each is taken from its source.
"""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import click
from click.shell_completion import CompletionItem

from app.cli.exits import EXITS

_SENTENCE: Final = 300
"""Characters of a first sentence at most."""


class Commands(click.Group):
    """A group with more commands than it has read. ``elsewhere``: name → ``module:variable``; ``former``: names of
    before that still work and that no list shows."""

    def __init__(
        self,
        *args: Any,
        elsewhere: Mapping[str, str] | None = None,
        former: tuple[str, ...] = (),
        **more: Any,
    ) -> None:
        super().__init__(*args, **more)
        self._elsewhere = elsewhere or {}
        self._former = former

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, those of before too."""
        return sorted({*super().list_commands(ctx), *self._elsewhere})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name, read now."""
        if cmd_name not in self._elsewhere:
            return super().get_command(ctx, cmd_name)
        module, _, name = self._elsewhere[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """What may stand in the place of an unfinished word."""
        names = [name for name in self.list_commands(ctx) if name not in self._former]
        found = [
            CompletionItem(name, help=self._summary(ctx, name))
            for name in names
            if name.startswith(incomplete)
        ]
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands in the help."""
        names = [name for name in self.list_commands(ctx) if name not in self._former]
        with formatter.section("Commands"):
            formatter.write_dl([(name, self._summary(ctx, name)) for name in names])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The exit statuses at the end of the help."""
        super().format_epilog(ctx, formatter)
        with formatter.section("Exit statuses"):
            formatter.write_dl([(str(status), meaning) for status, meaning in EXITS.items()])

    def _summary(self, ctx: click.Context, name: str) -> str:
        text = summary(self._elsewhere[name]) if name in self._elsewhere else None
        command = self.get_command(ctx, name) if text is None else click.Command(name, help=text)
        return "" if command is None else command.get_short_help_str(_SENTENCE)


def summary(target: str) -> str | None:
    """What the function ``module:name`` says of itself, without reading its module; ``None`` if that cannot be told."""
    module, _, name = target.partition(":")
    spec = find_spec(module)
    if spec is None or not spec.has_location or spec.origin is None:
        return None
    for node in ast.parse(Path(spec.origin).read_bytes()).body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            text = ast.get_docstring(node)
            return None if text is None else inspect.cleandoc(text)
    return None
