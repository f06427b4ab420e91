"""``usmctl trace``: write down all that one user or device asks, is answered and causes, for a time."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final

import click

from app import main
from app.administration.traces import Trace, Tracing, duration
from app.cli import opening, printing
from app.cli.exits import WRONG
from app.cli.trace_text import lines
from app.store.traces import Switch, Traces
from app.system import SystemClock, SystemTokens
from app.web.tracing.files import read

NAMES: Final = (
    "id",
    "state",
    "context",
    "user",
    "device",
    "login",
    "bodies",
    "begun",
    "ends",
    "bytes",
    "last",
)
PAUSE: Final = 0.5
"""Seconds between two looks for more."""


@click.group()
def trace() -> None:
    """Write down what a user or a device asks and is answered, for a time, to find out what goes wrong.

    It is switched on in the database, so it holds on all nodes after some seconds, and ends by itself. What is written
    lies on the node that served the request: look on each of them. Passwords are never written.
    """


@contextmanager
def _opened(etc: Path) -> Iterator[Tracing]:
    clock = SystemClock()
    files = main.trace_files(opening.loaded(etc).settings)
    with opening.estate(etc) as state:
        switches = Traces(state.databases, clock, SystemTokens())
        yield Tracing(state.names, switches, files, clock)


@trace.command()
@click.argument("who", nargs=-1, metavar="[CONTEXT USER [DEVICE]]")
@click.option("--login", metavar="NAME", help="All requests that come with this name, refused ones as well.")
@click.option(
    "--for", "length", default="1h", show_default=True, metavar="TIME", help="Such as 90s, 30m, 1h, 2d."
)
@click.option("--bodies", is_flag=True, help="With what is personal: texts, names, addresses.")
@printing.formats
@click.pass_obj
def on(etc: Path, who: tuple[str, ...], login: str | None, length: str, bodies: bool, form: str) -> None:
    """Begin a trace of a user's devices, or of one of them, or of a login name; its id is told.

    Without --bodies the trace holds nothing personal but the login, so that it can be handed on. With it, tell the user
    before.
    """
    if (len(who) not in (2, 3)) if login is None else who:
        raise click.UsageError("give CONTEXT and USER, perhaps a DEVICE, or --login NAME alone")
    try:
        span = duration(length)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--for") from error
    with _opened(etc) as tracing:
        if login is not None:
            switch = tracing.trace_login(login, span, bodies)
        else:
            context, user, device = (*who, "")[:3]
            switch = tracing.trace_user(context, user, device, span, bodies)
    printing.print_thing(_row(Trace(switch.id, switch, None, None)), form)


@trace.command()
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--all", "everything", is_flag=True, help="All that are on.")
@click.pass_obj
def off(etc: Path, ids: tuple[str, ...], everything: bool) -> None:
    """End traces before their time; what was written stays. Ends with status 1 if none of them was on."""
    if bool(ids) == everything:
        raise click.UsageError("give the ids of traces, or --all")
    with _opened(etc) as tracing:
        ended = tracing.end(ids or [each.id for each in tracing.running()])
    click.echo(f"{ended} ended")
    if not ended and not everything:
        sys.exit(WRONG)


@trace.command("list")
@printing.formats
@click.pass_obj
def listed(etc: Path, form: str) -> None:
    """List the traces that are on, and those of which something lies on this node."""
    with _opened(etc) as tracing:
        try:
            rows = [_row(each) for each in tracing.listed()]
        except PermissionError as error:
            raise click.ClickException(
                f"{error.filename}: only root and the service can look there"
            ) from error
    printing.print_rows(rows, NAMES, form)


@trace.command()
@click.argument("trace_id", metavar="ID")
@click.option("--request", "number", metavar="NUMBER", help="Of this request alone, as the log names it.")
@click.option(
    "--json", "as_json", is_flag=True, help="As it was written, an event a line: for `lab device replay`."
)
@click.pass_obj
def show(etc: Path, trace_id: str, number: str | None, as_json: bool) -> None:
    """Show what was written on this node. Ends with status 1 if that is nothing."""
    with _file(etc, trace_id) as file:
        for event in read(file):
            _print(event, number, as_json)


@trace.command()
@click.argument("trace_id", metavar="ID")
@click.option("--request", "number", metavar="NUMBER", help="Of this request alone, as the log names it.")
@click.option("--json", "as_json", is_flag=True, help="As it was written, an event a line.")
@click.option(
    "--seconds", type=click.FloatRange(min=0), metavar="N", help="End after so long; without it, never."
)
@click.pass_obj
def follow(etc: Path, trace_id: str, number: str | None, as_json: bool, seconds: float | None) -> None:
    """Show what was written on this node, and what is written from now on, until it is interrupted."""
    end = None if seconds is None else time.monotonic() + seconds
    path = _path(etc, trace_id)
    while not path.exists() and not _is_over(end):
        time.sleep(PAUSE)
    with _file(etc, trace_id) as file:
        for event in read(_growing(file, end)):
            _print(event, number, as_json)


def _growing(file: BinaryIO, end: float | None) -> Iterator[bytes]:
    """The lines of a file, each once it is whole."""
    kept = b""
    while True:
        kept += file.readline()
        if kept.endswith(b"\n"):
            yield kept
            kept = b""
        elif _is_over(end):
            return
        else:
            time.sleep(PAUSE)


def _is_over(end: float | None) -> bool:
    return end is not None and time.monotonic() >= end


def _print(event: dict[str, Any], number: str | None, as_json: bool) -> None:
    if number in (None, event.get("request")):
        click.echo(json.dumps(event, ensure_ascii=False) if as_json else "\n".join(lines(event)))
        sys.stdout.flush()


def _path(etc: Path, trace_id: str) -> Path:
    try:
        return main.trace_files(opening.loaded(etc).settings).path(trace_id)
    except ValueError as error:
        raise click.ClickException(str(error)) from error


@contextmanager
def _file(etc: Path, trace_id: str) -> Iterator[BinaryIO]:
    path = _path(etc, trace_id)
    try:
        with path.open("rb") as file:
            yield file
    except FileNotFoundError as error:
        raise click.ClickException(f"nothing was written on this node: there is no {path}") from error
    except PermissionError as error:
        raise click.ClickException(f"{path}: only root and the service can look there") from error


def _row(found: Trace) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(NAMES)
    row |= {"id": found.id, "state": "ended", "bytes": found.size, "last": printing.moment(found.last)}
    return row if found.switch is None else row | _switch(found.switch)


def _switch(switch: Switch) -> dict[str, Any]:
    return {
        "state": "on",
        "context": switch.context_id or None,
        "user": switch.user_id or None,
        "device": switch.device or None,
        "login": switch.login or None,
        "bodies": switch.bodies,
        "begun": printing.moment(switch.begun),
        "ends": printing.moment(switch.ends),
    }
