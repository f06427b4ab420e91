"""Guide, "Enabling ActiveSync for user accounts": users, or whole contexts, get the rights they need, or lose them.

Rules of this file:

* the setting ``activesync`` names who may synchronise, ``activesync_off`` who must not; a user who is named counts more
  than the word ``all``; nobody else's rights are touched;
* rights are read first, by one ``listuser`` a context, and only what differs is changed;
* both switches are needed for ActiveSync: :data:`WANTED`;
* ``changecontext`` has a trap: every access switch that is not named is taken from the context administrator's own
  rights, for every user. So it is used only for ``all``, where all users of the context have the same rights
  otherwise, with every switch named; where they differ, each user is changed by ``changeuser``, which leaves alone
  what is not named;
* a context or a user that does not exist is named before the run changes anything on any host, if the admin daemon
  answers by then; otherwise as soon as it does, before anybody's rights are changed;
* after a change the rights are read again. Whoever may synchronise though no setting names them is reported, and not
  changed.
"""

from __future__ import annotations

import csv
import difflib
import io
import re
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pyinfra.api.command import PyinfraCommand
from pyinfra.context import host, state

from tasks import administration, nodes, report, run
from tasks.administration import Answer
from tasks.operations import operation

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

WEBDAV = frozenset({"--access-webdav", "--access-webdav-xml"})
"""Two spellings of one right: a release has one of them, or both."""

NO_SUCH_CONTEXT, WRONG_CREDENTIALS = 102, 101
"""Exit statuses of the tools after which there is no point in asking again."""

CALLS_AT_ONCE = 50
"""Calls in one round trip: few enough to see that it goes on."""

FRESH = 300
"""Seconds for which a listing is good enough to tell that nothing is to be changed; a change takes a new one."""

SHOWN = 5
"""Users that a report names; of the others it tells the number."""


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


@dataclass(frozen=True, slots=True)
class Choice:
    """Who of one context may synchronise, and who must not; ``everybody`` is what the word ``all`` says of the rest."""

    on: frozenset[str] = frozenset()
    off: frozenset[str] = frozenset()
    everybody: bool | None = None

    def of(self, user: str) -> bool | None:
        """Whether a user is to synchronise; None: no setting says so."""
        if user in self.on:
            return True
        return False if user in self.off else self.everybody

    def is_met(self, user: Access) -> bool:
        """Whether a user has the rights that the settings ask for."""
        asked = self.of(user.name)
        return asked is None or all(user.switches.get(switch, False) is asked for switch in WANTED)


def apply() -> None:
    """Whoever the settings name may synchronise, or may not. Raises :class:`~tasks.run.DeployError` for settings that
    contradict themselves, and for contexts and users that do not exist, if that can be known by now."""
    chosen = choices()
    if not chosen or not nodes.is_node() or host.name != _administrator():
        return
    for context, answer in administration.list_users(chosen, patience=0).items():
        if answer.status in (NO_SUCH_CONTEXT, WRONG_CREDENTIALS):
            raise run.DeployError(f"{_cannot_list(context, answer)}. Nothing has been touched")
        if answer.status == 0 and (unknown := _unknown(context, chosen[context], _keep(context, answer))):
            raise run.DeployError(f"{unknown}. Nothing has been touched")
    for context in chosen:
        _apply(name=f"Set who may synchronise in context {context}", context=context)


def choices() -> dict[int, Choice]:
    """What the settings say, by context. Raises :class:`~tasks.run.DeployError` where they contradict themselves."""
    on, off = _by_context(host.data.activesync), _by_context(host.data.activesync_off)
    chosen = {}
    for context in sorted(on.keys() | off.keys()):
        allowed, denied = on.get(context, []), off.get(context, [])
        if allowed == denied == "all":
            raise run.DeployError(
                f"context {context} is in activesync and in activesync_off as a whole: take it out of one of them."
                " Nothing has been touched"
            )
        if both := sorted(set(_named(allowed)) & set(_named(denied))):
            raise run.DeployError(
                f"context {context}: {', '.join(both)} in activesync and in activesync_off: take them out of one of"
                " them. Nothing has been touched"
            )
        everybody = True if allowed == "all" else False if denied == "all" else None
        chosen[context] = Choice(frozenset(_named(allowed)), frozenset(_named(denied)), everybody)
    return chosen


def _by_context(setting: Mapping[int | str, str | Sequence[str]]) -> dict[int, str | Sequence[str]]:
    return {int(context): who for context, who in setting.items()}


def _named(who: str | Sequence[str]) -> Sequence[str]:
    return [] if who == "all" else who


def _administrator() -> str:
    """The name of the node whose tools are used; empty where those that have them are left out of this run. Raises
    :class:`~tasks.run.DeployError` if no node has them."""
    for node in nodes.nodes():
        if nodes.state_of(node).daemons:
            return node.name
    if len(nodes.nodes()) < len(nodes.all_nodes()):
        return ""
    raise run.DeployError(
        "activesync names accounts, but no node has a groupware with its tools: leave activesync and activesync_off"
        " empty, and change the rights on a host of the groupware. Nothing has been touched"
    )


_listings: dict[int, tuple[float, list[Access]]] = {}
"""The users of each context as this run has seen them last, and when."""


def _keep(context: int, answer: Answer) -> list[Access]:
    users = read_listing(answer.output)
    _listings[context] = (time.monotonic(), users)
    return users


@operation()
def _apply(context: int) -> Generator[PyinfraCommand, None, None]:
    choice = choices()[context]
    asked, users = _listings.get(context, (0.0, []))
    is_fresh = bool(users) and time.monotonic() - asked < FRESH
    if not is_fresh or (state.is_executing and list(needed(choice, users))):
        if not state.is_executing:
            host.noop("what is to be changed cannot be told before Open-Xchange answers")
            return
        answer = administration.list_users([context])[context]
        if answer.status:
            yield run.failure(_cannot_list(context, answer))
            return
        users = _keep(context, answer)
    if unknown := _unknown(context, choice, users):
        yield run.failure(unknown)
        return
    changes = list(needed(choice, users))
    if not changes:
        host.noop(f"everybody in context {context} has the rights already")
    yield from _carry_out(context, changes)
    if changes and state.is_executing:
        _report_change(context, choice, users)
        users = list(_compare(context, choice, users))
    if host.data.accounts_report:
        _report_unnamed(context, choice, users)


def _carry_out(context: int, changes: Sequence[tuple[str, tuple[str, ...]]]) -> Iterator[PyinfraCommand]:
    calls = [options for tool, options in changes if tool == "changeuser"]
    for at in range(0, len(calls), CALLS_AT_ONCE):
        yield administration.change_users(context, calls[at : at + CALLS_AT_ONCE])
    for tool, options in changes:
        if tool == "changecontext":
            yield administration.as_master(tool, "-c", str(context), *options)


def needed(choice: Choice, users: Sequence[Access]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The tools to call, with their options, so that the users of a context have the rights that the settings ask for,
    and nobody's other rights change. As few calls as that takes."""
    due = [user for user in users if not choice.is_met(user)]
    everybody = choice.everybody
    is_whole = everybody is not None and all(choice.of(user.name) is everybody for user in users)
    if is_whole and len(due) > 1 and _are_alike(users):
        yield "changecontext", _options({**users[0].other, **dict.fromkeys(WANTED, everybody is True)})
        return
    for user in due:
        yield "changeuser", ("-u", user.name, *_options(dict.fromkeys(WANTED, choice.of(user.name) is True)))


def _are_alike(users: Sequence[Access]) -> bool:
    """Whether all have the same rights beside ours, and the listing told every right there is: one that
    ``changecontext`` is not given would be taken from the context administrator."""
    told = users[0].switches.keys()
    untold = {switch for switch in SWITCHES if switch not in told} - (
        WEBDAV if WEBDAV & told else frozenset()
    )
    return not untold and all(user.other == users[0].other for user in users)


def _options(switches: Mapping[str, bool]) -> tuple[str, ...]:
    return tuple(word for switch, on in switches.items() for word in (switch, "on" if on else "off"))


def _cannot_list(context: int, answer: Answer) -> str:
    if answer.status == NO_SUCH_CONTEXT:
        return f"there is no context {context}: correct the settings activesync and activesync_off"
    reason = answer.complaint or answer.output.strip() or f"exit status {answer.status}"
    return f"the users of context {context} cannot be listed: {reason}"


def _unknown(context: int, choice: Choice, users: Sequence[Access]) -> str:
    """What to say of users that the settings name and that the context does not have; empty if it has all."""
    there = [user.name for user in users]
    said = []
    for setting, named in (("activesync", choice.on), ("activesync_off", choice.off)):
        if absent := sorted(named - set(there)):
            near = [match for name in absent for match in difflib.get_close_matches(name, there, n=1)]
            hint = f" (did you mean {', '.join(near)}?)" if near else ""
            said.append(
                f"context {context} has no user {', '.join(absent)}{hint}: correct the setting {setting}"
            )
    return "; ".join(said)


def _report_change(context: int, choice: Choice, users: Sequence[Access]) -> None:
    """What was changed, as users."""
    for asked, said in ((True, "may synchronise now"), (False, "may no longer synchronise")):
        names = [user.name for user in users if choice.of(user.name) is asked and not choice.is_met(user)]
        if names:
            report.note("difference", f"context {context}: {_counted(names)} {said}")


def _compare(context: int, choice: Choice, before: Sequence[Access]) -> Sequence[Access]:
    """Reads the rights again after a change, and reports what is not as it should be. Returns them."""
    answer = administration.list_users([context])[context]
    if answer.status:
        report.note("warning", f"whether the change has worked is not known: {_cannot_list(context, answer)}")
        return before
    users = _keep(context, answer)
    if behind := [user.name for user in users if not choice.is_met(user)]:
        report.note(
            "warning", f"context {context}: {_counted(behind)} still without the rights that were asked for"
        )
    others = {user.name: user.other for user in before}
    if touched := [user.name for user in users if others.get(user.name, user.other) != user.other]:
        report.note(
            "warning",
            f"context {context}: rights other than those for ActiveSync have changed: {_counted(touched)}",
        )
    return users


def _report_unnamed(context: int, choice: Choice, users: Sequence[Access]) -> None:
    names = [user.name for user in users if user.may_synchronise and choice.of(user.name) is None]
    if names:
        report.note(
            "warning", f"context {context}: {_counted(names)} may synchronise though no setting names them"
        )


def _counted(names: Sequence[str]) -> str:
    """The number of some users, and the first of their names."""
    more = ", …" if len(names) > SHOWN else ""
    return f"{len(names)} user{'s' if len(names) > 1 else ''} ({', '.join(names[:SHOWN])}{more})"


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
