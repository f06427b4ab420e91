"""``usmctl db grant``: a database user of our own gets what it needs."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from sqlalchemy.engine import URL

from app.cli import opening
from app.cli.exits import TO_DO, WRONG
from app.store import rights
from app.store.configdb import ConfigDb, Login
from app.store.errors import DatabaseSettingsError
from app.store.opening import open_databases
from app.usm.errors import StoreUnavailable


@click.command("grant")
@click.option("--check", is_flag=True, help="Only say whether anything is to be done.")
@click.option("--sql", is_flag=True, help="Only print the statements, for whoever administers the database.")
@click.option(
    "--host", default=rights.ANYWHERE, metavar="HOST", help="From where it may come, as MariaDB writes it."
)
@click.option(
    "--admin",
    is_flag=True,
    help="Be the user of whom name:password comes on the standard input; else the one of configdb.properties.",
)
@click.pass_obj
def grant(etc: Path, check: bool, sql: bool, host: str, admin: bool) -> None:
    """Make the database user of com.openexchange.usm.database.user, with what it needs and no more.

    It may work on our tables in every schema, and read a few columns of Open-Xchange's: who has which context and name.
    To be called again when Open-Xchange has made a new schema. Ends with status 3 if --check finds something to do.
    """
    settings = opening.loaded(etc).settings
    own = Login.of(settings.database_user, settings.database_password)
    if own is None or settings.database_url:
        raise click.ClickException(
            "com.openexchange.usm.database.user is empty, or database.url says who works where: nothing to grant"
        )
    administrator = _from_input() if admin else None
    other = settings.configdb_properties
    try:
        databases = open_databases(None, settings.etc, configdb=Path(other) if other else None)
        assert isinstance(databases, ConfigDb)  # noqa: S101  # nosec B101 # without an URL it is
        wanted = rights.needed(databases)
        databases.close()
        if sql:
            _print_statements(wanted, own, host)
            return
        lacking = {url: found for url, each in wanted.items() if (found := rights.lacking(url, own, each))}
        for url, found in lacking.items():
            if check:
                click.echo(f"{url.host}:{url.port}: {len(found)} rights to grant")
            else:
                _grant(url, administrator, own, host, wanted[url])
    except (DatabaseSettingsError, StoreUnavailable) as error:
        raise click.ClickException(str(error)) from error
    if not lacking:
        click.echo(f"{own.user} has all rights that it needs")
    elif check:
        sys.exit(TO_DO)


def _grant(url: URL, administrator: Login | None, own: Login, host: str, wanted: list[rights.Right]) -> None:
    absent = rights.grant(url, administrator, own, host, wanted)
    for name in absent:
        click.echo(f"{name} is not there", err=True)
    click.echo(f"{url.host}:{url.port}: granted")
    if left := [
        right for right in rights.lacking(url, own, wanted) if f"{right.schema}.{right.table}" not in absent
    ]:
        click.echo(f"{url.host}:{url.port}: {len(left)} rights are lacking all the same", err=True)
        sys.exit(WRONG)


def _from_input() -> Login:
    name, separator, password = sys.stdin.readline().rstrip("\n").partition(":")
    if not name or not separator:
        raise click.UsageError("wanted on the standard input is name:password")
    return Login(name, password)


def _print_statements(wanted: dict[URL, list[rights.Right]], own: Login, host: str) -> None:
    account = f"'{_escaped(own.user)}'@'{_escaped(host)}'"
    for url, each in wanted.items():
        click.echo(f"-- on {url.host}:{url.port}")
        click.echo(
            f"CREATE USER IF NOT EXISTS {account} IDENTIFIED BY '...';  -- com.openexchange.usm.database.password"
        )
        for right in each:
            click.echo(right.grant().replace(":user@:host", account) + ";")


def _escaped(name: str) -> str:
    return name.replace("\\", "\\\\").replace("'", "''")
