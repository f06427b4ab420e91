"""What a new version of the package still owes to the hosts.

The guide's steps with updatetasks.cfg belong to a new installation and to an upgrade, never to an ordinary run. So the
host remembers them: the file ``owed`` is written before the package is installed, and removed when the last of these
steps has succeeded everywhere. A run that was interrupted in between is thereby completed by the next one.
"""

from __future__ import annotations

from collections.abc import Generator

from pyinfra.api.command import PyinfraCommand, StringCommand
from pyinfra.api.operation import operation
from pyinfra.context import host, state

from tasks import nodes, package, run
from tasks.nodes import Node

OWED = f"{nodes.STATE}/owed"


def owes(node: Node) -> bool:
    """Whether the steps are due on a node: it owes them, or will once the package is installed."""
    return bool(node.owed) or package.is_pending(node)


def first_that_owes() -> str:
    """The name of the node that does what these steps ask for once for all; empty if no node owes anything."""
    for node in nodes.nodes():
        if owes(nodes.state_of(node)):
            return node.name
    return ""


def settle() -> None:
    """Ends the run if one of the steps has failed; otherwise nothing is owed any more."""
    if nodes.is_node():
        _settle(name="Settle what the new package owed")


@operation()
def _settle() -> Generator[PyinfraCommand, None, None]:
    if not run.all_fine():
        yield run.failure(_how_things_stand())
    elif owes(nodes.state_of(host)):
        yield StringCommand("rm", "-f", OWED)


def _how_things_stand() -> str:
    failed = "; ".join(f"{name}: {', '.join(steps)}" for name, steps in sorted(run.record.failed.items()))
    return f"a step failed ({failed}). updatetasks.cfg is back in its place. Mend the cause and run again"


def skipped() -> bool:
    """Whether a step must be left out because an earlier one has failed on some host."""
    if state.is_executing and not run.all_fine():
        host.noop("an earlier step has failed")
        return True
    return False
