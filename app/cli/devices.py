"""``usmctl devices``: which devices there are, how they stand, and what an administrator decides about them.

Contexts and users are named by their numbers, or as the groupware's tables know them; a user also by the login or mail
address with which his devices come. What is decided lies in the database: it holds for all nodes at once, and devices
that wait for changes hear of it within seconds.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import click

from app.administration import estate
from app.administration.decisions import Decisions
from app.administration.estate import NORMAL, Row
from app.administration.naming import Named, NoDevice
from app.cli import arguments, opening, printing
from app.cli.exits import WRONG
from app.cli.opening import Estate
from app.system import SystemClock, SystemTokens
from app.usm.devices import Standing

CUT = ("agent", "model", "os")
"""Columns that a narrow terminal may cut."""


@click.group()
def devices() -> None:
    """The devices of users: look at them, let them in or keep them out, wipe or forget them."""


@devices.command("list")
@arguments.whose
@click.option(
    "--standing",
    type=click.Choice([NORMAL, *(each.value for each in Standing)]),
    help="Only those that stand so; - for undecided.",
)
@printing.formats
@click.pass_obj
def listed(etc: Path, context: str | None, user: str | None, standing: str | None, form: str) -> None:
    """List all devices, a line each. Changes nothing."""
    with _opened(etc) as state:
        rows = estate.rows(state.names, state.store, context, user, standing)
        printing.print_rows(rows, tuple(Row.__annotations__), form, CUT)


@devices.command()
@printing.formats
@arguments.device
def show(etc: Path, context: str, user: str, device: str, form: str) -> None:
    """Show everything that is known of one device. Ends with status 1 if there is none."""
    with _opened(etc) as state:
        found = state.names.found(Named(context, user, device))
    printing.print_thing({**estate.row(found), **estate.details(found)}, form)


@devices.command("recovery-password")
@arguments.device
def recovery_password(etc: Path, context: str, user: str, device: str) -> None:
    """Print the password by which the owner of a locked device opens it. Ends with status 1 if there is none.

    Devices make one and send it if the policy says PasswordRecoveryEnabled and usm.properties has secret_keys. Make
    sure that it is the owner who asks.
    """
    from app.administration import recovery

    with _opened(etc) as state:
        named = Named(context, user, device)
        text = recovery.password(state.databases, state.names, named, opening.ring(etc))
    if text is None:
        raise click.ClickException(f"{device} has sent no recovery password")
    click.echo(text)


@devices.command()
@arguments.device
def allow(etc: Path, context: str, user: str, device: str) -> None:
    """Let a device in, whatever the rules and the limit say. It need not have been seen."""
    _decide(etc, Named(context, user, device), Standing.ALLOWED)


@devices.command()
@arguments.device
def block(etc: Path, context: str, user: str, device: str) -> None:
    """Refuse a device from now on; what it holds stays on it. It need not have been seen."""
    _decide(etc, Named(context, user, device), Standing.BLOCKED)


@devices.command()
@arguments.device
def quarantine(etc: Path, context: str, user: str, device: str) -> None:
    """Give a device an empty mailbox until it is allowed. It need not have been seen."""
    _decide(etc, Named(context, user, device), Standing.QUARANTINED)


@devices.command()
@arguments.device
def undecide(etc: Path, context: str, user: str, device: str) -> None:
    """Take back what was decided of a device, an order to wipe too: the rules count again, its state stays."""
    _decide(etc, Named(context, user, device), None)


@devices.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
@arguments.device
def wipe(etc: Path, context: str, user: str, device: str, yes: bool) -> None:
    """Order a device to erase EVERYTHING on it, private data too, when it asks the next time.

    It must still be able to log in: do not change the user's password before the order is carried out.
    """
    question = f"Erase the whole device {device}, with all private data on it?"
    if not yes and not click.confirm(question, err=True):
        sys.exit(WRONG)
    _order(etc, Named(context, user, device), Standing.WIPE)


@devices.command("wipe-account")
@arguments.device
def wipe_account(etc: Path, context: str, user: str, device: str) -> None:
    """Order a device to erase this account and nothing else, when it asks the next time.

    A device that speaks no ActiveSync 16.1 cannot do so. It is blocked instead, and never wiped as a whole.
    """
    _order(etc, Named(context, user, device), Standing.WIPE_ACCOUNT)


@devices.command()
@click.option("--folder", "folders", multiple=True, metavar="FOLDER", help="A folder: number or title.")
@click.option("--all", "everything", is_flag=True, help="All folders, and the list of them.")
@arguments.device
def resync(
    etc: Path, context: str, user: str, device: str, folders: tuple[str, ...], everything: bool
) -> None:
    """Let a device get folders anew, or everything, at its next request: it drops what it holds of them.

    What the device still has to say is taken first, so that nothing is lost and nothing comes twice. Folders keep
    their numbers. A device that waits for changes hears of it within seconds.
    """
    if bool(folders) == everything:
        raise click.UsageError("say either --folder or --all")
    with _deciding(etc) as decisions:
        ordered = decisions.resync(
            Named(context, user, device), None if everything else folders, SystemClock(), SystemTokens()
        )
    if not (ordered or everything):
        click.echo(
            f"{device} has never synchronised {', '.join(folders)}: it gets it anew in any case", err=True
        )
        return
    click.echo(
        f"{device}: gets {len(ordered)} folders anew{' and all names of folders' if everything else ''}"
    )


@devices.command()
@arguments.device
def forget(etc: Path, context: str, user: str, device: str) -> None:
    """Forget a device with its state and what was decided of it. If it comes again it starts over."""
    with _deciding(etc) as decisions:
        done = decisions.forget(Named(context, user, device))
    if done.withdrawn:
        click.echo(f"warning: the order to wipe {device} is forgotten too", err=True)
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


def _decide(etc: Path, named: Named, standing: Standing | None) -> None:
    with _deciding(etc) as decisions:
        done = decisions.decide(named, standing)
    if done.withdrawn:
        click.echo(f"warning: the order to {done.withdrawn} is taken back", err=True)
    unseen = "" if done.was_seen else " (never seen so far)"
    click.echo(f"{done.session.device_id}: {standing or 'undecided'}{unseen}")


def _order(etc: Path, named: Named, standing: Standing) -> None:
    with _deciding(etc) as decisions:
        done = decisions.order(named, standing)
    click.echo(f"{done.session.device_id}: {standing} ordered")


@contextmanager
def _opened(etc: Path) -> Iterator[Estate]:
    with opening.estate(etc) as found:
        try:
            yield found
        except NoDevice as error:
            click.echo(str(error), err=True)
            sys.exit(WRONG)


@contextmanager
def _deciding(etc: Path) -> Iterator[Decisions]:
    with _opened(etc) as found:
        yield Decisions(found.names, found.store)
