"""Arguments and options that several commands have, and what they ask for."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TypeVar

import click

F = TypeVar("F", bound=Callable[..., None])


def device(command: Callable[..., None]) -> Callable[..., None]:
    """The arguments ``CONTEXT USER DEVICE``, after the folder of the settings."""
    for name in ("device", "user", "context"):
        command = click.argument(name, metavar=name.upper())(command)
    return click.pass_obj(command)


def whose(command: F) -> F:
    """The options ``--context`` and ``--user`` of a command that lists something of all users."""
    context = click.option("--context", metavar="CONTEXT", help="Of this context only: number or name.")
    user = click.option("--user", metavar="USER", help="Of this user only: number, login or mail address.")
    return context(user(command))


def password(text: str, is_on_stdin: bool, is_new: bool = False) -> str:
    """The first line of the input, or what somebody types who is asked by this text; a new one is typed twice."""
    if is_on_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    return str(click.prompt(text, hide_input=True, confirmation_prompt=is_new, err=True))
