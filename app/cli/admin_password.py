"""``usmctl admin-password``: an entry for who may sign in to the administrators' pages."""

from __future__ import annotations

import click

from app.cli import arguments
from app.pages.admin import logins


@click.command("admin-password")
@click.argument("name", metavar="NAME")
@click.option("--password-stdin", is_flag=True, help="Read the password from the first line of the input.")
def admin_password(name: str, password_stdin: bool) -> None:
    """Make an entry by which NAME signs in to the administrators' pages, and print it. Changes nothing.

    The entry belongs to com.openexchange.usm.admin.logins in usm.properties of each node; several are separated by
    commas. It tells nothing of the password.
    """
    if not logins.NAME.fullmatch(name):
        raise click.UsageError("a name has letters, digits and . _ @ -, at most 64 of them")
    password = arguments.password(f"new password of {name}", password_stdin, is_new=True)
    if len(password) < logins.LEAST:
        raise click.ClickException(f"a password has at least {logins.LEAST} characters")
    click.echo(f"{name}:{logins.hashed(password)}")
