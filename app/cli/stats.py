"""``usmctl stats``: what the service does, in place of the original's ``showruntimestats``."""

from __future__ import annotations

import sys
import time
from itertools import count
from pathlib import Path
from typing import Final

import click

from app.administration import stats as numbers
from app.administration.stats import Reading, Row
from app.cli import opening, printing
from app.cli.exits import DONE, WRONG
from app.usm.errors import SourceUnavailable

NAMES: Final = list(Row.__annotations__)


@click.command()
@click.option(
    "--node",
    "nodes",
    multiple=True,
    metavar="HOST[:PORT]",
    help="The node to ask, at the port of its metrics; again for further ones, whose numbers are added up. Without it,"
    " the service of this host.",
)
@click.option(
    "--watch",
    is_flag=False,
    flag_value=10.0,
    default=None,
    type=click.FloatRange(0.1),
    metavar="SECONDS",
    help="Go on, every so many seconds (10), with what has happened since the reading before.",
)
@click.option(
    "--times", type=click.IntRange(1), metavar="NUMBER", help="With --watch: so often, and no longer."
)
@printing.formats
@click.pass_obj
def stats(etc: Path, nodes: tuple[str, ...], watch: float | None, times: int | None, form: str) -> None:
    """Say what the service does: commands and OX's share of their time, waiting phones and what wakes them, problems.

    What only grows is shown as it is since the service was started, and as so many a second: since then, or since the
    reading before with --watch. Ends with status 1 if a node does not answer; the others are shown.
    """
    addresses = [address_of(etc, node) for node in nodes] or [address_of(etc, "")]
    now, failed = _readings(addresses)
    if watch is None:
        printing.print_rows(numbers.rows(now), NAMES, form)
        sys.exit(WRONG if failed else DONE)
    for number in count(1) if times is None else range(1, times + 1):
        time.sleep(watch)
        before, (now, failed) = now, _readings(addresses)
        if number > 1 and form == "table":
            click.echo()
        printing.print_rows(numbers.rows(now, before), NAMES, form)
    sys.exit(WRONG if failed else DONE)


def address_of(etc: Path, node: str) -> str:
    """Where a node's metrics are, ``host:port``."""
    if node.rpartition(":")[2].isdecimal() and not node.endswith("]"):
        return node
    settings = opening.loaded(etc).settings
    host = node or settings.admin_host
    if host in ("0.0.0.0", "::", ""):  # noqa: S104  # nosec B104 # where it listens, not where to ask
        host = "127.0.0.1"
    return (
        f"[{host}]:{settings.admin_port}"
        if ":" in host and "[" not in host
        else f"{host}:{settings.admin_port}"
    )


def _readings(addresses: list[str]) -> tuple[dict[str, Reading], int]:
    """The numbers of all that answer, and how many do not."""
    found: dict[str, Reading] = {}
    for address in addresses:
        try:
            found[address] = numbers.read(address)
        except SourceUnavailable as error:
            click.echo(str(error), err=True)
    return found, len(addresses) - len(found)
