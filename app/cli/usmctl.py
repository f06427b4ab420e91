"""usmctl, the administrator's command: one group a concern, one function a command.

Exit statuses (:mod:`app.cli.exits`) are part of the interface, as are the names in JSON and CSV: the deployment and
other scripts go by them.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Final

import click

from app.cli.commands import Commands

_HELP: Final = {"help_option_names": ["-h", "--help"]}

GROUPS: Final = {
    "admin-password": "app.cli.admin_password:admin_password",
    "app-passwords": "app.cli.app_passwords:app_passwords",
    "check": "app.cli.check:check",
    "completion": "app.cli.manual:completion_command",
    "config": "app.cli.config_check:config",
    "data": "app.cli.data:data",
    "db": "app.cli.db:db",
    "devices": "app.cli.devices:devices",
    "doctor": "app.cli.doctor:doctor",
    "held": "app.cli.stuck:held",
    "help": "app.cli.help:help_",
    "legacy": "app.cli.legacy:legacy",
    "sessions": "app.cli.sessions:sessions",
    "stats": "app.cli.stats:stats",
    "status": "app.cli.status:status",
    "stuck": "app.cli.stuck:stuck",
    "trace": "app.cli.trace:trace",
    "users": "app.cli.users:users",
}
"""Commands that stand in modules of their own, which are read when one of them is called."""

FORMER: Final = ("held",)
"""Names of before that still work for a release."""


def _version(context: click.Context, _option: click.Parameter, asked: bool) -> None:
    if asked:
        from app.web import release

        click.echo(f"open-xchange-usm {release.read().get('version', '(not from a package)')}")
        context.exit()


@click.group(cls=Commands, elsewhere=GROUPS, former=FORMER, context_settings=_HELP)
@click.option(
    "--etc",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Folder of usm.properties and eas.properties; without it, where Open-Xchange keeps its own.",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_version,
    help="Show the version and exit.",
)
@click.option("--verbose", "-v", is_flag=True, help="Also say what is being done.")
@click.pass_context
def usmctl(context: click.Context, etc: Path | None, verbose: bool) -> None:
    """Look after the synchronisation server (open-xchange-usm).

    What it tells and what it decides lies in the databases of Open-Xchange, so it does the same on every node, also
    while the service is down. Contexts and users go by their numbers, or by the names that Open-Xchange has for them.
    """
    from app import config

    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO if verbose else logging.WARNING, format="%(message)s"
    )
    context.obj = etc or config.etc_directory()
