"""``usmctl doctor``: everything a supporter would ask."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import click

from app import config, main
from app.administration.doctor import asking
from app.administration.doctor.case import Case
from app.administration.findings import Finding
from app.cli import arguments, opening, printing, progress
from app.cli.examined import print_findings
from app.config import ConfigError
from app.store.app_passwords import AppPasswords
from app.system import SystemClock
from app.usm.model import Credentials


@click.command()
@click.option(
    "--url", default="", metavar="URL", help="Where phones come: https://HOST, with or without the path."
)
@click.option(
    "--ca",
    "authorities",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    metavar="FILE",
    help="Trust the certificates of this file (PEM), not the system's.",
)
@click.option(
    "--user", "login", metavar="LOGIN", help="Log in to Open-Xchange as this user, and show the rights."
)
@click.option("--password-stdin", is_flag=True, help="Read the password from the first line of the input.")
@click.option(
    "--probe-heartbeat",
    type=click.IntRange(0, 3540),
    default=0,
    metavar="SECONDS",
    help="Wait so long as a phone does, to see whether a proxy on the way cuts it off; needs --url and --user.",
)
@printing.formats
@click.pass_obj
def doctor(
    etc: Path,
    url: str,
    authorities: Path | None,
    login: str | None,
    password_stdin: bool,
    probe_heartbeat: int,
    form: str,
) -> None:
    """Look at everything that a supporter would ask for: program, settings, service, log, disk, database, Open-Xchange,
    Redis, Dovecot, the web server as phones see it, its certificate, and how long it lets them wait.

    A line each: ok, warning, wrong or not asked, and below it what to do. Changes nothing, asks all at the same time
    and waits for none for long. Prints no password. Ends with status 1 if something is wrong.
    """
    credentials = None
    if login is not None:
        credentials = Credentials(login, arguments.password(f"password of {login}", password_stdin))
    with ExitStack() as stack:
        case = _case(etc, stack, url, authorities, credentials, probe_heartbeat)
        found = progress.watched(asking.examine(case), "answers")
        status = print_findings(_placed(found), form)
    sys.exit(status)


def _placed(found: Iterator[Finding]) -> Iterator[tuple[str, Finding]]:
    return (("", each) for each in found)


def _case(
    etc: Path,
    stack: ExitStack,
    url: str,
    authorities: Path | None,
    credentials: Credentials | None,
    seconds: int,
) -> Case:
    clock = SystemClock()
    try:
        settings = config.load(etc).settings
    except ConfigError:  # the doctor says what is wrong
        return Case(etc, clock, credentials=credentials, url=url, authorities=authorities)
    try:
        databases = stack.enter_context(opening.opened(etc))
    except click.ClickException as error:
        click.echo(error.message, err=True)
        databases = None
    keyring = AppPasswords(databases, clock) if databases is not None and settings.app_passwords else None
    return Case(
        etc,
        clock,
        settings,
        databases,
        main.ox_settings(settings),
        keyring,
        credentials,
        url,
        authorities,
        seconds,
    )
