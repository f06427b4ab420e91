"""``usmctl status``: how this host's program and all schemas stand, at a glance; changes nothing."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final, TypedDict

import click

from app.cli import opening, printing
from app.cli.exits import TO_DO, WRONG
from app.store import migrations
from app.store.database import Database, Databases, Schema
from app.store.migrations import Status
from app.store.overview import Overview, overview
from app.usm.errors import UsmError
from app.web import release

CHECKS: Final = "USMDEPLOYCHECK"
"""How the ids of the devices begin with which a deployment asks whether all is well; they are nobody's phone."""


class _SchemaStatus(TypedDict):
    """What is told of a schema; ``last_sync``: ISO 8601, UTC."""

    name: str
    ready: bool
    revision: str | None
    newest: str
    legacy: bool
    advice: str
    users: int
    devices: int
    last_sync: str | None


NAMES: Final = list(_SchemaStatus.__annotations__)


@click.command()
@printing.formats
@click.pass_obj
def status(etc: Path, form: str) -> None:
    """Say which version this is, how every schema stands, how many devices there are, and when one was last seen.

    Devices are noted as seen once in an hour. Ends with status 0 when all tables are up to date, with 3 when not, and
    with 1 when a schema cannot be looked into.
    """
    schemas: list[_SchemaStatus] = []
    failures: dict[str, str] = {}
    with opening.opened(etc) as databases:
        for schema in opening.schemas(databases):
            try:
                schemas.append(_look(databases, schema))
            except UsmError as error:
                failures[schema.name] = str(error)
    about = release.read()
    if form == "json":
        printing.print_thing({**about, "schemas": schemas, "failures": failures}, form)
    else:
        _print(about, schemas, failures, form)
    if failures:
        sys.exit(WRONG)
    sys.exit(0 if all(each["ready"] for each in schemas) else TO_DO)


def _look(databases: Databases, schema: Schema) -> _SchemaStatus:
    database = databases.unprepared(schema)
    found = migrations.status(database.migration_engine(), schema.name)
    seen = _overview(database, found)
    return {
        "name": schema.name,
        "ready": found.ready,
        "revision": found.current,
        "newest": found.newest,
        "legacy": bool(found.foreign),
        "advice": found.advice,
        "users": seen.users,
        "devices": seen.devices,
        "last_sync": printing.moment(seen.last_used),
    }


def _overview(database: Database, found: Status) -> Overview:
    if found.current is None:
        return Overview(0, 0, None)
    return database.read(lambda connection: overview(connection, CHECKS))


def _print(about: dict[str, str], schemas: list[_SchemaStatus], failures: dict[str, str], form: str) -> None:
    if form == "table":
        click.echo(f"open-xchange-usm {about.get('version', '(not from a package)')}")
    printing.print_rows(schemas, NAMES, form)
    for name, failure in failures.items():
        click.echo(f"{name}: {failure}", err=True)
