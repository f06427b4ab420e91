"""``usmctl app-passwords``: passwords of single devices."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from app.administration.naming import Names
from app.cli import arguments, opening, printing
from app.cli.exits import WRONG
from app.store.app_passwords import AppPassword, AppPasswords
from app.system import SystemClock
from app.usm.errors import UsmError
from app.usm.model import Credentials, Device, User

DEVICE: Final = Device("EAS", "usmctl")

NAMES: Final = ("context", "user", "login", "id", "name", "created", "last_used")


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
    password = arguments.password(f"password of {login}", password_stdin)
    user = _user(etc, login, password)
    with opening.estate(etc) as estate:
        made = AppPasswords(estate.databases, SystemClock()).add(user, password, label)
    click.echo(made)


@app_passwords.command("list")
@arguments.whose
@printing.formats
@click.pass_obj
def listed(etc: Path, context: str | None, user: str | None, form: str) -> None:
    """List them, a line each. The passwords themselves are not kept and cannot be listed."""
    with opening.estate(etc) as estate:
        keys = AppPasswords(estate.databases, SystemClock())
        contexts = keys.contexts() if context is None else [estate.names.context(context)]
        found = (_row(each) for number in contexts for each in _of(keys, number, user, estate.names))
        printing.print_rows(found, NAMES, form, cut=["login", "name"])


@app_passwords.command()
@click.argument("context", metavar="CONTEXT")
@click.argument("app_id", metavar="ID")
@click.pass_obj
def revoke(etc: Path, context: str, app_id: str) -> None:
    """Take one back, by the context and id that "list" shows.

    Devices that are at work with it are out within 15 minutes.
    """
    with opening.estate(etc) as estate:
        done = AppPasswords(estate.databases, SystemClock()).revoke(estate.names.context(context), app_id)
    if not done:
        click.echo(f"context {context} has no app password {app_id}", err=True)
        sys.exit(WRONG)
    click.echo("revoked")


def _user(etc: Path, login: str, password: str) -> User:
    """Who that is, as OX says. Ends the command where OX refuses the password."""
    from app.main import ox_settings
    from app.ox.sessions import OxSourceProvider

    provider = OxSourceProvider(ox_settings(opening.loaded(etc).settings), SystemClock())
    try:
        return provider.open(Credentials(login, password), DEVICE).user
    except UsmError as error:
        raise click.ClickException(str(error)) from error
    finally:
        provider.close()


def _of(keys: AppPasswords, context_id: int, user: str | None, names: Names) -> Sequence[AppPassword]:
    """All of a context, or one user's: by the number, or as Open-Xchange or the app password itself calls him."""
    if user is None:
        return keys.listed(context_id)
    number = names.user(context_id, user)
    if number is not None:
        return keys.of_user(context_id, number)
    return [each for each in keys.listed(context_id) if each.login.casefold() == user.casefold()]


def _row(each: AppPassword) -> dict[str, object]:
    return {
        "context": each.context_id,
        "user": each.user_id,
        "login": each.login,
        "id": each.id,
        "name": each.label,
        "created": printing.moment(each.created),
        "last_used": printing.moment(each.last_used),
    }
