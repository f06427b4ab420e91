"""``usmctl legacy``: what an earlier USM product left in the schemas is saved, verified, dropped, brought back.

Works with the settings as they are, also with those of the earlier product: of ``usm.properties`` only the keys that
lead to databases count, and it need not be there. Both the groupware's own schemas and the one that
``com.openexchange.usm.database.url`` names are looked into.

Results go to the standard output, a line a schema; steps, and what is wrong, to the standard error.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, TypedDict

import click
import javaproperties

from app import config
from app.cli import printing
from app.cli.exits import TO_DO
from app.config import ConfigError
from app.store.database import Databases
from app.store.errors import DatabaseSettingsError
from app.store.legacy import LegacyError, Place, drop, look, places, restore, rows, save, verify
from app.store.opening import open_databases
from app.usm.errors import UsmError

_URL: Final = "com.openexchange.usm.database.url"
_CONFIGDB: Final = "com.openexchange.usm.configdb.properties"


class _Status(TypedDict):
    """What ``status --json`` tells of a schema; the other forms tell the names of :data:`NAMES`."""

    server: str
    schema: str
    context: int | None
    tables: dict[str, int]
    procedures: list[str]
    version: int | None
    ours: bool
    legacy: bool


NAMES: Final = ("schema", "legacy", "version", "tables", "procedures")

_folder = click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))


@click.group()
def legacy() -> None:
    """Tables and procedures of an earlier USM product: our beta, or the vendor's."""


@legacy.command("status")
@printing.formats
@click.pass_obj
def legacy_status(etc: Path, form: str) -> None:
    """Say what there is of an earlier product in every schema, and change nothing.

    Ends with status 0 when there is nothing, and with 3 when there is.
    """
    with _places(etc) as found:
        told = {place.key: _status(place) for place in found}
    if form == "json":
        printing.print_thing({"schemas": told}, form)
    else:
        printing.print_rows((_row(key, each) for key, each in told.items()), NAMES, form)
    sys.exit(TO_DO if any(status["legacy"] for status in told.values()) else 0)


_successor = click.option(
    "--successor",
    is_flag=True,
    help="The product that takes the place has tables of the same names: those that come after the drop are its own.",
)


@legacy.command("save")
@_folder
@click.option("--ours", is_flag=True, help="Where a schema has tables of this program instead, save those.")
@_successor
@click.pass_obj
def legacy_save(etc: Path, folder: Path, ours: bool, successor: bool) -> None:
    """Dump what every schema has of an earlier product into DIR, and try the dump out.

    The dump is restored into a scratch schema (usm_verify_...), compared with the original, and the scratch schema
    removed. What DIR holds already is not dumped again if it is still the same.
    """
    _each(etc, lambda found: save(found, folder, _tell, ours, successor))


@legacy.command("verify")
@_folder
@click.pass_obj
def legacy_verify(etc: Path, folder: Path) -> None:
    """Restore every dump of DIR into a scratch schema and compare it with what was saved."""
    _each(etc, lambda found: verify(found, folder, _tell))


@legacy.command("drop")
@_folder
@click.option(
    "--reset-version", type=click.IntRange(0), metavar="N", help="Then set version.version to N, once."
)
@_successor
@click.pass_obj
def legacy_drop(etc: Path, folder: Path, reset_version: int | None, successor: bool) -> None:
    """Drop what DIR holds a verified dump of, in the order of the installation guide.

    Refuses what is not in DIR as it is now. Run again after it was interrupted, it drops what is left.
    """
    _each(etc, lambda found: drop(found, folder, reset_version, _tell, successor))


@legacy.command("restore")
@_folder
@_successor
@click.pass_obj
def legacy_restore(etc: Path, folder: Path, successor: bool) -> None:
    """Bring back what DIR holds: tables, rows, procedures, version.version.

    Tables of this program that are in the way are saved into DIR/replaced-... and dropped before.
    """
    _each(etc, lambda found: restore(found, folder, _tell, successor))


def _status(place: Place) -> _Status:
    with place.connected() as connection:
        found = look(connection)
        return {
            "server": place.server,
            "schema": place.schema,
            "context": place.context_id,
            "tables": {name: rows(connection, name) for name in found.legacy},
            "procedures": list(found.procedures),
            "version": found.version,
            "ours": bool(found.ours),
            "legacy": found.is_legacy,
        }


def _row(key: str, status: _Status) -> printing.Row:
    tables = [f"{name} ({count} rows)" for name, count in status["tables"].items()]
    return {
        "schema": key,
        "legacy": status["legacy"],
        "version": status["version"],
        "tables": tables,
        "procedures": status["procedures"],
    }


def _tell(key: str, line: str) -> None:
    click.echo(f"{key}: {line}", err=True)


def _each(etc: Path, work: Callable[[list[Place]], dict[str, str]]) -> None:
    """Print a line a schema."""
    with _places(etc) as found:
        for key, word in work(found).items():
            click.echo(f"{key}: {word}")


@contextmanager
def _places(etc: Path) -> Iterator[list[Place]]:
    with ExitStack() as stack:
        try:
            sources = list(_sources(etc))
            for databases in sources:
                stack.callback(databases.close)
            yield places(sources)
        except (DatabaseSettingsError, LegacyError, UsmError) as error:
            raise click.ClickException(str(error)) from error


def _sources(etc: Path) -> Iterator[Databases]:
    """The groupware's schemas where there are any, and the database of its own that the settings name."""
    url, other = _database_settings(etc)
    if url:
        yield open_databases(url, etc)
    configdb = Path(other) if other else etc / "configdb.properties"
    if not url or configdb.exists():
        yield open_databases(None, etc, configdb=configdb)


def _database_settings(etc: Path) -> tuple[str, str]:
    """The values of the two keys that lead to databases."""
    try:
        settings = config.load(etc).settings
    except ConfigError:
        return _read_leniently(etc / "usm.properties")
    return settings.database_url, settings.configdb_properties


def _read_leniently(path: Path) -> tuple[str, str]:
    """From a file of an earlier product, in which other keys may have values that this program does not take."""
    if not path.exists():
        return "", ""
    try:
        with path.open("rb") as file:
            values = javaproperties.load(file)
    except (OSError, javaproperties.InvalidUEscapeError) as error:
        raise click.ClickException(f"{path}: {error}") from error
    return values.get(_URL, "").strip(), values.get(_CONFIGDB, "").strip()
