"""Guide, "Enabling ActiveSync for user accounts": users, or whole contexts, get the rights they need.

Rules of this file:

* rights are read first, and only what is missing is given; nobody loses a right;
* both switches are needed for ActiveSync: :data:`WANTED`;
* ``changecontext`` has a trap: every access switch that is not named is taken from the context administrator's own
  rights, for every user. So it is used only where all users of a context have the same rights otherwise, with every
  switch named; where they differ, each user is changed by ``changeuser``, which leaves alone what is not named.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pyinfra.api.command import PyinfraCommand
from pyinfra.api.operation import operation
from pyinfra.context import host

from tasks import administration, nodes, run, scripts

WANTED = ("--access-usm", "--access-active-sync")

SWITCHES = (
    *("--access-calendar", "--access-contacts", "--access-delegate-tasks", "--access-edit-public-folder"),
    *("--access-ical", "--access-infostore", "--access-read-create-shared-Folders", "--access-syncml"),
    *("--access-active-sync", "--access-usm", "--access-tasks", "--access-vcard", "--access-webdav"),
    *("--access-webdav-xml", "--access-webmail", "--access-publication", "--access-subscription"),
    *("--access-edit-group", "--access-edit-resource", "--access-edit-password"),
    *("--access-collect-email-addresses", "--access-multiple-mail-accounts"),
    *("--access-global-address-book-disabled", "--access-public-folder-editable", "--access-denied-portal"),
    *("--access-olox20", "--access--voipnow"),
)
"""All access switches of ``changeuser`` and ``changecontext``, spelled as OX spells them."""


@dataclass(frozen=True, slots=True)
class Access:
    """What one user may: ``switches`` has those that the listing tells, each on or off."""

    name: str
    switches: Mapping[str, bool]

    @property
    def may_synchronise(self) -> bool:
        return all(self.switches.get(switch, False) for switch in WANTED)

    @property
    def other(self) -> dict[str, bool]:
        """The rights that are none of ours to change."""
        return {name: value for name, value in self.switches.items() if name not in WANTED}


def enable() -> None:
    """Whoever the setting ``activesync`` names may synchronise."""
    if nodes.is_node():
        for context, who in sorted(host.data.activesync.items()):
            _enable(name=f"Enable ActiveSync in context {context}", context=context, who=who)


@operation()
def _enable(context: int, who: str | Sequence[str]) -> Generator[PyinfraCommand, None, None]:
    if not nodes.is_first():
        host.noop("another node enables the accounts")
        return
    listing = administration.as_context_admin("listuser", context, "--csv")
    succeeded, output, complaint = scripts.ask(host, listing)
    if not succeeded:
        yield run.failure(f"the users of context {context} cannot be listed: {complaint or output}")
        return
    users = read_listing(output)
    if unknown := sorted(set(_named(who)) - {user.name for user in users}):
        yield run.failure(
            f"context {context} has no user {', '.join(unknown)}: correct the setting activesync"
        )
        return
    changes = list(needed(who, users))
    for tool, options in changes:
        yield TOOLS[tool](context, options)
    if not changes:
        host.noop(f"everybody in context {context} has the rights already")


def _change_user(context: int, options: tuple[str, ...]) -> PyinfraCommand:
    return administration.as_context_admin("changeuser", context, *options)


def _change_context(context: int, options: tuple[str, ...]) -> PyinfraCommand:
    return administration.as_master("changecontext", "-c", str(context), *options)


TOOLS = {"changeuser": _change_user, "changecontext": _change_context}


def needed(who: str | Sequence[str], users: Sequence[Access]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The tools to call, with their options, so that these users (or ``"all"``) may synchronise."""
    wanted = [user for user in users if who == "all" or user.name in who]
    lacking = [user for user in wanted if not user.may_synchronise]
    if who == "all" and len(lacking) > 1 and all(user.other == users[0].other for user in users):
        yield "changecontext", _options({**users[0].other, **dict.fromkeys(WANTED, True)})
        return
    for user in lacking:
        yield "changeuser", ("-u", user.name, *_options(dict.fromkeys(WANTED, True)))


def _options(switches: Mapping[str, bool]) -> tuple[str, ...]:
    return tuple(word for switch, on in switches.items() for word in (switch, "on" if on else "off"))


def _named(who: str | Sequence[str]) -> Sequence[str]:
    return [] if who == "all" else who


def read_listing(text: str) -> list[Access]:
    """The users of ``listuser --csv``, found by the names of its columns: their order differs between releases."""
    rows = csv.reader(io.StringIO(text))
    header = next(rows, [])
    columns = _switch_columns(header)
    plain = [_plain(column) for column in header]
    name = next((plain.index(each) for each in ("name", "username", "login") if each in plain), None)
    if name is None or not set(WANTED) <= columns.keys():
        raise run.DeployError("listuser --csv does not tell names and the rights usm and active-sync")
    return [
        Access(row[name], {switch: row[at].lower() in ("true", "on", "1") for switch, at in columns.items()})
        for row in rows
        if row
    ]


def _switch_columns(header: Sequence[str]) -> dict[str, int]:
    """Switch -> column. One that is not in our table is taken as it is spelled, if it looks like a switch."""
    known = {_plain(switch): switch for switch in SWITCHES}
    found = {known.get(_plain(column), f"--{column}"): at for at, column in enumerate(header)}
    return {switch: at for switch, at in found.items() if switch.startswith("--access-")}


def _plain(name: str) -> str:
    """A column's or switch's name without what differs between the spellings of one right."""
    return re.sub(r"[^a-z0-9]", "", name.lower()).removeprefix("access")
