"""``usmctl devices``: which devices there are, how they stand, and what an administrator decides about them.

Contexts and users are named by their numbers, or as the groupware's tables know them; a user also by the login or mail
address with which his devices come. What is decided lies in the database: it holds for all nodes at once, and devices
that wait for changes hear of it within seconds.
"""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, TypedDict

import click

from app.cli import opening
from app.cli.exits import WRONG
from app.eas import memory
from app.eas.request import PROTOCOL
from app.store.database import Databases
from app.store.state import SqlStateStore
from app.usm.devices import AGENT, DEVICE_TYPE, DONE, KIND, LOGIN, Standing
from app.usm.errors import UsmError
from app.usm.model import SessionId
from app.usm.ports import STANDING, Remembered

ABOUT: Final = ("usm.device.", memory.DEVICE, "eas.policy.", "eas.wipe.", memory.RECOVERY)
"""How the fields begin that tell of a device."""

NORMAL: Final = "-"
"""The standing of a device about which nothing was decided; the rules of eas.properties count."""

FORMATS: Final = ("table", "csv", "json")


class _Row(TypedDict):
    """What ``list`` tells of a device; moments are ISO 8601, UTC, ``null`` where there was none."""

    context: int
    user: int
    login: str
    device: str
    type: str
    agent: str
    model: str
    os: str
    standing: str
    decided: str | None
    first_seen: str
    last_seen: str


@dataclass(frozen=True, slots=True)
class _Named:
    """One device as the arguments name it."""

    context: str
    user: str
    device: str


@dataclass(frozen=True, slots=True)
class _State:
    """The databases, and what lies in them."""

    databases: Databases
    store: SqlStateStore

    def context(self, name: str) -> int:
        """The number of a context; ends the command if there is none of that name."""
        number = int(name) if name.isdecimal() else self.databases.context_named(name)
        if number is None:
            raise click.ClickException(f"there is no context {name}")
        return number

    def user(self, context_id: int, name: str) -> int | None:
        """The number of a user, if that can be told from the name alone."""
        return int(name) if name.isdecimal() else self.databases.user_named(context_id, name)

    def remembered(self, context_id: int, name: str | None) -> list[Remembered]:
        """The devices of the context, or of one user of it."""
        number = None if name is None else self.user(context_id, name)
        found = self.store.remembered(context_id, number, ABOUT)
        if name is None or number is not None:
            return list(found)
        return [each for each in found if name.lower() in each.fields.get(LOGIN, "").lower().split()]


@click.group()
def devices() -> None:
    """The devices of users: look at them, let them in or keep them out, wipe or forget them."""


def _format(command: Callable[..., None]) -> Callable[..., None]:
    option = click.option(
        "--format",
        "form",
        type=click.Choice(FORMATS),
        default=FORMATS[0],
        show_default=True,
        help="How to print.",
    )
    json_flag = click.option("--json", "form", flag_value="json", help="The same as --format json.")
    return json_flag(option(command))


def _device(command: Callable[..., None]) -> Callable[..., None]:
    for name in ("device", "user", "context"):
        command = click.argument(name, metavar=name.upper())(command)
    return click.pass_obj(command)


@devices.command("list")
@click.option("--context", metavar="CONTEXT", help="Of this context only: number or name.")
@click.option("--user", metavar="USER", help="Of this user only: number, login or mail address.")
@click.option(
    "--standing",
    type=click.Choice([NORMAL, *(each.value for each in Standing)]),
    help="Only those that stand so; - for undecided.",
)
@_format
@click.pass_obj
def listed(etc: Path, context: str | None, user: str | None, standing: str | None, form: str) -> None:
    """List all devices, a line each. Changes nothing."""
    rows = []
    with _opened(etc, touches=False) as state:
        contexts = state.store.contexts() if context is None else [state.context(context)]
        for each in contexts:
            rows += [_row(found) for found in state.remembered(each, user)]
    click.echo(_printed([row for row in rows if standing in (None, row["standing"])], form), nl=False)


@devices.command()
@_format
@_device
def show(etc: Path, context: str, user: str, device: str, form: str) -> None:
    """Show everything that is known of one device. Ends with status 1 if there is none."""
    with _opened(etc, touches=False) as state:
        found = _found(state, _Named(context, user, device))
    details = {**_row(found), **_details(found)}
    if form == "json":
        click.echo(json.dumps(details))
    elif form == "csv":
        click.echo(
            _csv([("field", "value"), *((name, _text(value)) for name, value in details.items())]), nl=False
        )
    else:
        width = max(map(len, details))
        for name, value in details.items():
            click.echo(f"{name:<{width}}  {_text(value)}")


@devices.command("recovery-password")
@_device
def recovery_password(etc: Path, context: str, user: str, device: str) -> None:
    """Print the password by which the owner of a locked device opens it. Ends with status 1 if there is none.

    Devices make one and send it if the policy says PasswordRecoveryEnabled and usm.properties has secret_keys. Make
    sure that it is the owner who asks.
    """
    from app.store.sealed import Unreadable
    from app.store.secret_fields import SecretFields

    with _opened(etc, touches=False) as state:
        session = _found(state, _Named(context, user, device)).id
        try:
            text = SecretFields(state.databases, opening.ring(etc)).read(session, memory.RECOVERY)
        except Unreadable as error:
            raise click.ClickException(f"the recovery password of {device}: {error}") from error
    if text is None:
        raise click.ClickException(f"{device} has sent no recovery password")
    click.echo(text)


@devices.command()
@_device
def allow(etc: Path, context: str, user: str, device: str) -> None:
    """Let a device in, whatever the rules and the limit say. It need not have been seen."""
    _decide(etc, _Named(context, user, device), Standing.ALLOWED)


@devices.command()
@_device
def block(etc: Path, context: str, user: str, device: str) -> None:
    """Refuse a device from now on; what it holds stays on it. It need not have been seen."""
    _decide(etc, _Named(context, user, device), Standing.BLOCKED)


@devices.command()
@_device
def quarantine(etc: Path, context: str, user: str, device: str) -> None:
    """Give a device an empty mailbox until it is allowed. It need not have been seen."""
    _decide(etc, _Named(context, user, device), Standing.QUARANTINED)


@devices.command()
@_device
def undecide(etc: Path, context: str, user: str, device: str) -> None:
    """Take back what was decided of a device, an order to wipe too: the rules count again, its state stays."""
    _decide(etc, _Named(context, user, device), None)


@devices.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
@_device
def wipe(etc: Path, context: str, user: str, device: str, yes: bool) -> None:
    """Order a device to erase EVERYTHING on it, private data too, when it asks the next time.

    It must still be able to log in: do not change the user's password before the order is carried out.
    """
    question = f"Erase the whole device {device}, with all private data on it?"
    if not yes and not click.confirm(question, err=True):
        sys.exit(WRONG)
    _order(etc, _Named(context, user, device), Standing.WIPE)


@devices.command("wipe-account")
@_device
def wipe_account(etc: Path, context: str, user: str, device: str) -> None:
    """Order a device to erase this account and nothing else, when it asks the next time.

    A device that speaks no ActiveSync 16.1 cannot do so. It is blocked instead, and never wiped as a whole.
    """
    _order(etc, _Named(context, user, device), Standing.WIPE_ACCOUNT)


@devices.command()
@_device
def forget(etc: Path, context: str, user: str, device: str) -> None:
    """Forget a device with its state and what was decided of it. If it comes again it starts over."""
    with _opened(etc) as state:
        found = _found(state, _Named(context, user, device))
        if found.fields.get(STANDING) in DONE:
            click.echo(f"warning: the order to wipe {device} is forgotten too", err=True)
        state.store.forget(found.id)
    click.echo(f"{device}: forgotten")


@devices.command()
@click.option(
    "--days",
    type=click.IntRange(1),
    metavar="NUMBER",
    help="Without use; by default com.openexchange.usm.eas.devices.expire_days.",
)
@click.pass_obj
def purge(etc: Path, days: int | None) -> None:
    """Forget all devices that were not used for long. Those about which something was decided stay."""
    unused = days or opening.loaded(etc).settings.device_expire_days
    if not unused:
        raise click.ClickException("devices do not expire here (devices.expire_days is 0): say --days")
    with _opened(etc) as state:
        count = state.store.purge(timedelta(days=unused))
    click.echo(f"{count} devices forgotten")


def _decide(etc: Path, named: _Named, standing: Standing | None) -> None:
    with _opened(etc) as state:
        session, is_known = _session(state, named)
        if standing is None and not is_known:
            _missing(named)
        before = state.store.fields(session).get(STANDING)
        state.store.decide(session, standing)
    if before in DONE:
        click.echo(f"warning: the order to {before} is taken back", err=True)
    unseen = "" if is_known else " (never seen so far)"
    click.echo(f"{session.device_id}: {standing or 'undecided'}{unseen}")


def _order(etc: Path, named: _Named, standing: Standing) -> None:
    with _opened(etc) as state:
        session = _found(state, named).id
        state.store.decide(session, standing)
        state.store.write_fields(session, {memory.WIPE_TOLD: None, memory.WIPE_FAILED: None})
    click.echo(f"{session.device_id}: {standing} ordered")


@contextmanager
def _opened(etc: Path, touches: bool = True) -> Iterator[_State]:
    with opening.opened(etc) as databases:
        try:
            yield _State(databases, SqlStateStore(databases, touches=touches))
        except (UsmError, ValueError) as error:
            raise click.ClickException(str(error)) from error


def _session(state: _State, named: _Named) -> tuple[SessionId, bool]:
    """The session that the arguments mean, and whether there is one."""
    context_id = state.context(named.context)
    matching = state.remembered(context_id, named.user)
    for fold in (str, str.lower):
        for each in matching:
            if fold(each.id.device_id) == fold(named.device):
                return each.id, True
    number = state.user(context_id, named.user)
    users = {each.id.user_id for each in matching} if number is None else {number}
    if len(users) != 1:
        raise click.ClickException(
            f"no device of {named.user} in context {named.context} was ever seen: give the user's number"
        )
    return SessionId(context_id, users.pop(), PROTOCOL, named.device), False


def _found(state: _State, named: _Named) -> Remembered:
    session, is_known = _session(state, named)
    if not is_known:
        _missing(named)
    devices_of_user = state.store.remembered(session.context_id, session.user_id, ABOUT)
    return next(each for each in devices_of_user if each.id == session)


def _missing(named: _Named) -> None:
    click.echo(f"there is no device {named.device} of user {named.user}", err=True)
    sys.exit(WRONG)


def _row(each: Remembered) -> _Row:
    fields = each.fields
    return {
        "context": each.id.context_id,
        "user": each.id.user_id,
        "login": (fields.get(LOGIN, "").split() or [""])[0],
        "device": each.id.device_id,
        "type": fields.get(DEVICE_TYPE, ""),
        "agent": fields.get(AGENT, ""),
        "model": fields.get(f"{memory.DEVICE}Model", ""),
        "os": fields.get(f"{memory.DEVICE}OS", ""),
        "standing": fields.get(STANDING, NORMAL),
        "decided": None if each.decided is None else _iso(each.decided),
        "first_seen": _iso(each.created),
        "last_seen": _iso(each.last_used),
    }


def _details(each: Remembered) -> dict[str, str | None]:
    fields = each.fields
    told = {
        name.removeprefix(memory.DEVICE).lower(): text
        for name, text in fields.items()
        if name.startswith(memory.DEVICE) and name not in (f"{memory.DEVICE}Model", f"{memory.DEVICE}OS")
    }
    return {
        **told,
        "twins": fields.get(KIND, ""),
        "policy_taken": _moment(fields.get(memory.POLICY_MOMENT, "")),
        "wipe_told": _moment(fields.get(memory.WIPE_TOLD, "")),
        "wipe_failed": _moment(fields.get(memory.WIPE_FAILED, "")),
        "recovery": "kept" if memory.RECOVERY in fields else None,
    }


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")


def _moment(text: str) -> str | None:
    return _iso(datetime.fromtimestamp(int(text), UTC)) if text.isdecimal() else None


def _text(value: object) -> str:
    return "-" if value in (None, "") else str(value)


def _printed(rows: Sequence[_Row], form: str) -> str:
    if form == "json":
        return json.dumps(rows) + "\n"
    names = list(_Row.__annotations__)
    lines = [names, *([_text(value) for value in row.values()] for row in rows)]
    if form == "csv":
        return _csv(lines)
    widths = [max(len(line[column]) for line in lines) for column in range(len(names))]
    return "".join("  ".join(map(str.ljust, line, widths)).rstrip() + "\n" for line in lines)


def _csv(lines: Sequence[Sequence[str]]) -> str:
    text = io.StringIO()
    # What a device says of itself must not become a formula in a spreadsheet.
    safe = [[f"'{field}" if field[0] in "=+@" else field for field in line] for line in lines]
    csv.writer(text, lineterminator="\n").writerows(safe)
    return text.getvalue()
