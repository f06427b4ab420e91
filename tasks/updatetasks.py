"""Guide, "New Installation": updatetasks.cfg is moved away while the update tasks of USM run, and always comes back.

Only the tasks in that file are run, and USM's are not among them. It comes back whatever happens: the last of these
steps runs also when one before it failed; a watchman on the host (``shell/updatetasks.sh``) puts it back when the
deployment's connection ends or falls silent; and the next run begins with looking for one that was left parked.
"""

from __future__ import annotations

from collections.abc import Generator

from pyinfra.api.command import PyinfraCommand, StringCommand
from pyinfra.api.operation import operation
from pyinfra.context import host, state

from tasks import nodes, run, scripts, upgrade
from tasks.nodes import Node

SCRIPT = f"{nodes.STATE}/updatetasks.sh"
ALREADY_BACK = 3
"""Exit status of ``put-back`` where the watchman was faster."""

_parked: set[str] = set()
"""Hosts on which this run has parked the file."""


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


def renewal(seconds: int) -> str:
    """Shell words which tell the watchman, before a step, how long that step may take."""
    return f"sh {SCRIPT} renew {seconds}"


def _paths(node: Node) -> tuple[str, str]:
    return f"{node.etc}/updatetasks.cfg", f"{host.data.updatetasks_parking}/updatetasks.cfg"


def _bring_script() -> StringCommand:
    """The script on the host, as it is here: a watchman of an earlier run goes on with the one that it knows."""
    return scripts.command("write", SCRIPT, "755", "root:root", "replace", stdin=scripts.text("updatetasks"))


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
    if not node.updatetasks or not upgrade.owes(node):
        host.noop("nothing to move")
        return
    yield scripts.command("folder", nodes.STATE)
    yield _bring_script()
    if state.is_executing:
        _parked.add(host.name)
    yield StringCommand("sh", SCRIPT, "park", *_paths(node), str(host.data.updatetasks_patience))


@operation()
def _put_back() -> Generator[PyinfraCommand, None, None]:
    node = nodes.state_of(host)
    expected = host.name in _parked if state.is_executing else node.updatetasks and upgrade.owes(node)
    if not expected and not node.left_parked:
        host.noop("updatetasks.cfg is not parked")
        return
    # Fails where the watchman was faster: the steps in between may then have missed what they needed, and are owed.
    yield StringCommand("sh", SCRIPT, "put-back")
