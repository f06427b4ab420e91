"""Guide, "New Installation": updatetasks.cfg is moved away while the update tasks of USM run, and always comes back.

Only the tasks in that file are run, and USM's are not among them. It comes back whatever happens: the last of these
steps runs also when one before it failed; a watchman on the host (``shell/updatetasks.sh``) puts it back when the
deployment's connection ends, or when it no longer hears the heartbeat that the deployment sends while the file is
away; and the next run begins with looking for one that was left parked.

Where an upgrade stops groupware and admin daemon meanwhile, the watchman starts them again in the same cases.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress

import gevent
from paramiko import SSHException
from pyinfra.api.command import PyinfraCommand, StringCommand
from pyinfra.api.host import Host
from pyinfra.context import host, inventory, state

from tasks import nodes, run, scripts, upgrade
from tasks.nodes import Node
from tasks.operations import operation

SCRIPT = f"{nodes.STATE}/updatetasks.sh"
NOTHING = f"{nodes.STATE}/nothing"
"""No file: what a watchman is given who has only daemons to look after."""

BEATS = 5
"""Heartbeats sent in the time for which the watchman is patient."""

_parked: dict[str, Host] = {}
"""Hosts on which this run has parked the file, by name."""


def heal() -> None:
    """A file that an earlier run has left parked is put back, before anything else."""
    if nodes.is_node():
        _heal(name="Put back an updatetasks.cfg that was left parked")


def park() -> None:
    """The file is moved out of the way, on nodes that have been given a new package."""
    if nodes.is_node():
        run.attempt(_park, "Move updatetasks.cfg out of the way")


def put_back() -> None:
    """The file is moved back, also when a step in between has failed."""
    if nodes.is_node():
        run.attempt(_put_back, "Move updatetasks.cfg back")


def guard(node: Node, daemons: Sequence[str]) -> Iterator[PyinfraCommand]:
    """A watchman starts these daemons of the host at hand, should the deployment be cut off; no file is moved."""
    yield scripts.command("folder", nodes.STATE)
    yield _bring_script()
    if state.is_executing:
        _note_parked()
    patience = str(host.data.updatetasks_patience)
    yield StringCommand("sh", SCRIPT, "park", NOTHING, NOTHING, patience, node.init, *daemons)


def release() -> Iterator[PyinfraCommand]:
    """The watchman of :func:`guard` goes; it may have been faster (3), which is all right once the daemons run."""
    if host.name in _parked:
        _parked.pop(host.name)
        yield StringCommand("sh", SCRIPT, "put-back", "||", "[", "$?", "-eq", "3", "]")


def _note_parked() -> None:
    if not _parked:
        gevent.spawn(_beat, host.data.updatetasks_patience)
    _parked[host.name] = inventory.get_host(host.name)


def _beat(patience: float) -> None:
    """Tells the watchmen that the deployment is still there, until nothing is parked any more.

    It runs beside the steps, because a host may have to wait long for what is done on another one.
    """
    renew = StringCommand("sh", SCRIPT, "renew", str(patience))
    while _parked:
        for each in list(_parked.values()):
            # A host that cannot be reached is just what its watchman is there for; the steps will tell.
            with suppress(OSError, EOFError, SSHException):
                each.run_shell_command(renew, **scripts.how(each))
        gevent.sleep(patience / BEATS)


def _paths(node: Node) -> tuple[str, str]:
    return f"{node.etc}/updatetasks.cfg", f"{host.data.updatetasks_parking}/updatetasks.cfg"


def _is_there(node: Node) -> bool:
    """Whether the file is in its place when the steps begin; a dry run has not put back yet what was left parked."""
    return node.updatetasks or (node.left_parked and not state.is_executing)


def _is_needed(node: Node) -> bool:
    """Whether there is something for a watchman to do: a file to put back, or daemons to start."""
    return upgrade.owes(node) and (_is_there(node) or bool(_daemons(node)))


def _daemons(node: Node) -> tuple[str, ...]:
    """The daemons that the watchman must start: those that this run is going to stop."""
    return node.daemons if upgrade.replaces() else ()


def _is_away(node: Node) -> bool:
    """Whether the file is parked when the steps end, or was parked by this run and ought to be."""
    if state.is_executing:
        return host.name in _parked or node.left_parked
    return _is_needed(node)


def _bring_script() -> StringCommand:
    """The script on the host, as it is here: a watchman of an earlier run goes on with the one that it knows."""
    return scripts.command("write", SCRIPT, "755", "root:root", stdin=scripts.text("updatetasks"))


@operation()
def _heal() -> Generator[PyinfraCommand, None, None]:
    node = nodes.state_of(host)
    if not node.left_parked:
        host.noop("updatetasks.cfg is not parked")
        return
    yield scripts.command("folder", nodes.STATE)
    yield _bring_script()
    yield StringCommand("sh", SCRIPT, "heal", *_paths(node))


@operation()
def _park() -> Generator[PyinfraCommand, None, None]:
    node = nodes.state_of(host)
    if upgrade.skipped() or not _is_needed(node):
        host.noop("nothing to move")
        return
    yield scripts.command("folder", nodes.STATE)
    yield _bring_script()
    if state.is_executing:
        _note_parked()
    patience = str(host.data.updatetasks_patience)
    yield StringCommand("sh", SCRIPT, "park", *_paths(node), patience, node.init, *_daemons(node))


@operation()
def _put_back() -> Generator[PyinfraCommand, None, None]:
    node = nodes.state_of(host)
    if not _is_away(node):
        host.noop("updatetasks.cfg is not parked")
        return
    _parked.pop(host.name, None)
    # Fails where the watchman was faster: the steps in between may then have missed what they needed, and are owed.
    yield StringCommand("sh", SCRIPT, "put-back")
