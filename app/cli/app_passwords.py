"""``usmctl app-passwords``: passwords of single devices."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

import click

from app.cli import opening
from app.cli.exits import WRONG
from app.main import SystemClock, ox_settings
from app.ox.sessions import OxSourceProvider
from app.store.app_passwords import AppPassword, AppPasswords
from app.usm.errors import UsmError
from app.usm.model import Credentials, Device, User

DEVICE: Final = Device("EAS", "usmctl")


@click.group("app-passwords")
def app_passwords() -> None:
    """Passwords of single devices, which can be taken back one by one.

    Each opens the mailbox of its user as the user's own password does, and is worth nothing once that is changed. From
    7.10.4 on Open-Xchange may have app passwords of its own, which users make themselves in the web interface; these
    need nothing here and are to be preferred.
    """


@app_passwords.command()
@click.argument("login", metavar="LOGIN")
@click.option("--name", "label", required=True, metavar="TEXT", help="Which device it is for.")
@click.option(
    "--password-stdin", is_flag=True, help="Read the user's own password from the first line of the input."
)
@click.pass_obj
def add(etc: Path, login: str, label: str, password_stdin: bool) -> None:
    """Make an app password for the user who logs in as LOGIN, and print it: it cannot be shown again.

    Asks for the user's own password and tries it at Open-Xchange. It is kept encrypted with the app password, which is
    not kept anywhere.
    """
    if password_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    else:
        password = click.prompt(f"password of {login}", hide_input=True, err=True)
    user = _user(etc, login, password)
    with _opened(etc) as keys:
        try:
            made = keys.add(user, password, label)
        except ValueError as error:
            raise click.ClickException(str(error)) from error
    click.echo(made)


@app_passwords.command("list")
@click.option("--context", "context_id", type=int, metavar="NUMBER", help="Of this context only.")
@click.option("--user", "user_id", type=int, metavar="NUMBER", help="Of this user only.")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
@click.pass_obj
def listed(etc: Path, context_id: int | None, user_id: int | None, as_json: bool) -> None:
    """List them, a line each. The passwords themselves are not kept and cannot be listed."""
    with _opened(etc) as keys:
        contexts = keys.contexts() if context_id is None else [context_id]
        found = [
            each for context in contexts for each in keys.listed(context) if user_id in (None, each.user_id)
        ]
    if as_json:
        click.echo(json.dumps([_row(each) for each in found]))
    else:
        for each in found:
            click.echo(_line(each))


@app_passwords.command()
@click.argument("context_id", type=int, metavar="CONTEXT")
@click.argument("app_id", metavar="ID")
@click.pass_obj
def revoke(etc: Path, context_id: int, app_id: str) -> None:
    """Take one back, by the context and id that "list" shows.

    Devices that are at work with it are out within 15 minutes.
    """
    with _opened(etc) as keys:
        done = keys.revoke(context_id, app_id)
    if not done:
        click.echo(f"context {context_id} has no app password {app_id}", err=True)
        sys.exit(WRONG)
    click.echo("revoked")


@contextmanager
def _opened(etc: Path) -> Iterator[AppPasswords]:
    with opening.opened(etc) as databases:
        try:
            yield AppPasswords(databases, SystemClock())
        except UsmError as error:
            raise click.ClickException(str(error)) from error


def _user(etc: Path, login: str, password: str) -> User:
    """Who that is, as OX says. Ends the command where OX refuses the password."""
    provider = OxSourceProvider(ox_settings(opening.loaded(etc).settings), SystemClock())
    try:
        return provider.open(Credentials(login, password), DEVICE).user
    except UsmError as error:
        raise click.ClickException(str(error)) from error
    finally:
        provider.close()


def _row(each: AppPassword) -> dict[str, object]:
    return {
        "context": each.context_id,
        "user": each.user_id,
        "login": each.login,
        "id": each.id,
        "name": each.label,
        "created": _text(each.created),
        "last_used": None if each.last_used is None else _text(each.last_used),
    }


def _line(each: AppPassword) -> str:
    used = "never used" if each.last_used is None else f"last used {_text(each.last_used)}"
    whose = f"context {each.context_id} user {each.user_id} ({each.login})"
    return f"{whose}: {each.id} {each.label!r}, made {_text(each.created)}, {used}"


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
