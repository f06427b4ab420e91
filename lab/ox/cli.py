"""The commands of ``python -m lab.ox``."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import sqlalchemy as sa

from lab.ox import bundles
from lab.ox import settings as node_settings
from lab.ox.admin import daemon
from lab.ox.admin.service import AdminService
from lab.ox.control import add_control
from lab.ox.database.servers import DatabaseServer
from lab.ox.generation import GENERATIONS
from lab.ox.install.tree import RELEASES, Installation, install
from lab.ox.modules import MODULES
from lab.ox.seed.people import PASSWORD, SEEDS
from lab.ox.seed.populate import SERVER_NAMES, populate
from lab.ox.storage.platform import Platform
from lab.ox.web import server
from lab.ox.web.app import make_app
from lab.ox.web.groupware import Groupware
from lab.ox.web.oauth import add_oauth

_FOLDER = click.Path(path_type=Path, file_okay=False)
_FILE = click.Path(path_type=Path, dir_okay=False)
_GENERATION = click.Choice([str(number) for number in GENERATIONS])
_DATABASE_HELP = "The server without a schema: mysql+pymysql://user:password@host/ or sqlite:///DIR."


def _node_options(command: Callable[..., None]) -> Callable[..., None]:
    """Options that every daemon takes."""
    for option in (
        click.option("--ready-file", type=_FILE, help="A file to make when the server listens."),
        click.option("--etc", type=_FOLDER, help="The folder with the .properties."),
        click.option("--database", help=f"{_DATABASE_HELP} Without it the one configdb.properties names."),
    ):
        command = option(command)
    return command


@click.group()
def main() -> None:
    """A stand-in for the Open-Xchange server."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")


@main.command()
@click.option("--database", required=True, help=_DATABASE_HELP)
@click.option("--seed", type=click.Choice(SEEDS), default="small", show_default=True)
@click.option(
    "--users", type=int, default=0, help="Users in all; numbered ones fill up after the named ones."
)
@click.option("--rights", type=click.Choice(["all", "none"]), default="none", show_default=True)
@click.option("--server-name", "server_names", multiple=True, default=SERVER_NAMES, show_default=True)
def init(database: str, seed: str, users: int, rights: str, server_names: tuple[str, ...]) -> None:
    """Make the configdb, the schemas and their data; does nothing when they are there."""
    databases = _server(database)
    try:
        made = populate(databases, seed, users, rights, server_names)
    except (sa.exc.OperationalError, OSError) as error:
        where = databases.url.render_as_string(hide_password=True)
        reason = error.orig if isinstance(error, sa.exc.OperationalError) else error
        raise click.ClickException(f"the database server {where} cannot be used: {reason}") from error
    finally:
        databases.dispose()
    click.echo("created" if made else "nothing to do: the data are there")


@main.command()
@click.option("--host", help="Where to listen; by default what server.properties says, else 127.0.0.1.")
@click.option("--port", type=int, help="By default what server.properties says, else 8009.")
@click.option("--generation", type=_GENERATION, default="6", show_default=True)
@click.option("--control", is_flag=True, help="Add the endpoints for tests below /lab/.")
@click.option("--session-idle", type=float, help="Seconds after which an unused session expires.")
@click.option("--max-rate", type=int, help="Requests a window; 0: no limit.")
@click.option("--max-sessions-per-user", type=int, help="Sessions one user may have.")
@click.option(
    "--admin-port",
    "admin_ports",
    type=int,
    multiple=True,
    help="Serve the admin tools too, on this port of loopback; may be named twice.",
)
@_node_options
def serve(
    host: str | None,
    port: int | None,
    database: str | None,
    generation: str,
    etc: Path | None,
    control: bool,
    admin_ports: tuple[int, ...],
    ready_file: Path | None,
    **changes: Any,
) -> None:
    """Serve the HTTP API; prints ``ready`` when it listens."""
    url = _database(database, etc)
    settings = node_settings.load(
        etc, **{name: value for name, value in changes.items() if value is not None}
    )

    def load() -> Any:
        platform = Platform(DatabaseServer(url))
        groupware = Groupware(platform, GENERATIONS[int(generation)], settings, MODULES)
        groupware.start()
        app = make_app(groupware)
        tokens = add_oauth(app, groupware)
        bundles.start(groupware, app)
        if control or settings.control:
            add_control(app, groupware, tokens)
        return _with_admin(app, groupware, admin_ports) if admin_ports else app

    binds = [f"{host or settings.host}:{port if port is not None else settings.port}"]
    binds += [f"127.0.0.1:{admin_port}" for admin_port in admin_ports]
    server.run(load, binds, ready_file, ajp=GENERATIONS[int(generation)].ajp)


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=int, default=daemon.PORT, show_default=True)
@_node_options
def admin(host: str, port: int, database: str | None, etc: Path | None, ready_file: Path | None) -> None:
    """Run the admin daemon that the tools talk to; prints ``ready`` when it listens."""
    url = _database(database, etc)
    settings = node_settings.load(etc)

    def load() -> Any:
        return daemon.make_app(AdminService(Platform(DatabaseServer(url)), settings))

    server.run(load, [f"{host}:{port}"], ready_file)


@main.command("install")
@click.option("--root", type=_FOLDER, default=Path("/"), show_default=True)
@click.option("--database", required=True, help=_DATABASE_HELP)
@click.option("--server-name", default="ox1", show_default=True)
@click.option("--generation", type=_GENERATION, default="6", show_default=True)
@click.option(
    "--release",
    type=click.Choice(sorted({release for releases in RELEASES.values() for release in releases})),
    help="Which release's tools for update tasks; by default the oldest of the generation.",
)
@click.option("--python", default="/usr/bin/python3", show_default=True)
@click.option("--wheels", type=_FOLDER, help="A folder of pure Python wheels to unpack beside the program.")
@click.option(
    "--user", default="open-xchange", show_default=True, help="The daemons' user; made when missing."
)
@click.option("--master-password", default=PASSWORD, help="Of oxadminmaster.")
@click.option("--listen", default="*", show_default=True, help="The address of the HTTP connector.")
@click.option("--control", is_flag=True, help="Let the daemons have the endpoints for tests.")
def install_command(
    root: Path,
    database: str,
    server_name: str,
    generation: str,
    release: str | None,
    python: str,
    wheels: Path | None,
    user: str,
    master_password: str,
    listen: str,
    control: bool,
) -> None:
    """Lay down tools, init scripts and settings on a host."""
    if release and release not in RELEASES[int(generation)]:
        raise click.UsageError(f"generation {generation} has no release {release}")
    install(
        Installation(
            root=root,
            database=database,
            server_name=server_name,
            generation=int(generation),
            release=release or "",
            python=python,
            wheels=wheels,
            user=user,
            master_password=master_password,
            listen=listen,
            control=control,
        )
    )


def _with_admin(app: Any, groupware: Groupware, admin_ports: tuple[int, ...]) -> Any:
    """One process, several ports: what came by an admin port goes to the tools' endpoint."""
    tools = daemon.make_app(AdminService(groupware.platform, groupware.settings, groupware.updater))
    numbers = {str(port) for port in admin_ports}

    def dispatch(environ: dict[str, Any], start_response: Any) -> Any:
        chosen = tools if environ.get("SERVER_PORT") in numbers else app
        return chosen(environ, start_response)

    return dispatch


def _server(url: str) -> DatabaseServer:
    try:
        return DatabaseServer(url)
    except (ValueError, sa.exc.ArgumentError) as error:
        raise click.ClickException(f"--database names no database server: {error}") from error


def _database(database: str | None, etc: Path | None) -> str:
    if database:
        _server(database)
        return database
    if etc is None:
        raise click.UsageError("name the database server by --database, or --etc with a configdb.properties")
    try:
        return node_settings.database_url(etc)
    except ValueError as error:
        raise click.ClickException(str(error)) from error
