"""The commands of ``python -m lab.ox``."""

from __future__ import annotations

import logging
from pathlib import Path

import click

from lab.ox import settings as node_settings
from lab.ox.database.servers import DatabaseServer
from lab.ox.generation import GENERATIONS
from lab.ox.seed.people import SEEDS
from lab.ox.seed.populate import SERVER_NAMES, populate
from lab.ox.storage.platform import Platform
from lab.ox.web import server
from lab.ox.web.app import make_app
from lab.ox.web.groupware import Groupware

_FOLDER = click.Path(path_type=Path, file_okay=False)
_GENERATION = click.Choice([str(number) for number in GENERATIONS])


@click.group()
def main() -> None:
    """A stand-in for the Open-Xchange server."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")


@main.command()
@click.option(
    "--database", required=True, help="The server without a schema: mysql+pymysql://… or sqlite:///DIR."
)
@click.option("--seed", type=click.Choice(SEEDS), default="small", show_default=True)
@click.option(
    "--users", type=int, default=0, help="Users in all; numbered ones fill up after the named ones."
)
@click.option("--rights", type=click.Choice(["all", "none"]), default="none", show_default=True)
@click.option("--server-name", "server_names", multiple=True, default=SERVER_NAMES, show_default=True)
def init(database: str, seed: str, users: int, rights: str, server_names: tuple[str, ...]) -> None:
    """Make the configdb, the schemas and their data; does nothing when they are there."""
    databases = DatabaseServer(database)
    made = populate(databases, seed, users, rights, server_names)
    databases.dispose()
    click.echo("created" if made else "nothing to do: the data are there")


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=int, default=8009, show_default=True)
@click.option("--database", help="The database server; without it the one configdb.properties names.")
@click.option("--generation", type=_GENERATION, default="6", show_default=True)
@click.option("--etc", type=_FOLDER, help="The folder with the .properties.")
@click.option("--control", is_flag=True, help="Add the endpoints for tests below /lab/.")
@click.option("--session-idle", type=float, help="Seconds after which an unused session expires.")
@click.option("--max-rate", type=int, help="Requests a window; 0: no limit.")
def serve(
    host: str,
    port: int,
    database: str | None,
    generation: str,
    etc: Path | None,
    control: bool,
    session_idle: float | None,
    max_rate: int | None,
) -> None:
    """Serve the HTTP API; prints ``ready`` when it listens."""
    url = _database(database, etc)
    changes = {"session_idle": session_idle, "max_rate": max_rate}
    settings = node_settings.load(
        etc, **{name: value for name, value in changes.items() if value is not None}
    )

    def load() -> object:
        groupware = Groupware(Platform(DatabaseServer(url)), GENERATIONS[int(generation)], settings)
        groupware.start()
        return make_app(groupware, control)

    server.run(load, [f"{host}:{port}"])


def _database(database: str | None, etc: Path | None) -> str:
    if database:
        return database
    if etc is None:
        raise click.UsageError("name the database server by --database, or --etc with a configdb.properties")
    try:
        return node_settings.database_url(etc)
    except ValueError as error:
        raise click.ClickException(str(error)) from error
