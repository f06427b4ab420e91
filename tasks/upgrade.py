"""Which way a node goes to the version that is wanted, and what it still owes on that way.

===========  ====================================================  ===================================================
way          from                                                  what it takes
===========  ====================================================  ===================================================
``install``  nothing (for the vendor's bundles: or another         the guide's "New Installation"
             version of them)
``replace``  our beta, or the other product                        the guide's "Upgrade from a previous BETA version":
                                                                   one manoeuvre over all nodes
``roll``     another version of this application                   node after node (:mod:`tasks.rollout`); the guide's
                                                                   steps with the groupware are not needed
===========  ====================================================  ===================================================

The way follows from what is on the node. Before the first step is taken the node remembers it in the file ``owed``
(``WAY VERSION BUILD RUN``), and forgets it when the last step has succeeded everywhere; so a run that was interrupted
in between is completed by the next one, on the same way and with the same backup (``RUN``).
"""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Literal

from paramiko import SSHException
from pyinfra.api.command import PyinfraCommand, StringCommand
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.host import Host
from pyinfra.context import host, state

from tasks import nodes, package, product, run, scripts
from tasks.nodes import Node
from tasks.operations import operation

Way = Literal["", "install", "replace", "roll"]
WAYS: tuple[Way, ...] = ("install", "replace", "roll")

OWED = f"{nodes.STATE}/owed"

_began = time.strftime("%Y%m%d%H%M%S", time.gmtime())


def way(node: Node) -> Way:
    """The way that the node at hand has to go; empty if it is where it should be."""
    wanted = product.wanted(host.data)
    if node.installed and node.installed != wanted.name:
        # Whatever it owed was meant for another product.
        return "replace"
    for each in WAYS:
        if node.owed.startswith(f"{each} "):
            return each
    if node.owed or (not node.installed and not node.broken):
        return "install"
    if _is_beta_of_bundles(node):
        return "replace"
    if not package.is_pending(node):
        return ""
    return "roll" if wanted.has_service and node.installed else "install"


def _is_beta_of_bundles(node: Node) -> bool:
    """Whether the vendor's own beta is installed, for which the guide has its section; ours is another product."""
    return node.installed == product.BUNDLES and "beta" in node.version and package.is_pending(node)


def replaces() -> bool:
    """Whether this run replaces a product: then every node takes part, whatever its own way is."""
    return any(_way_of(each) == "replace" for each in nodes.nodes())


def _way_of(node: Host) -> Way:
    return way(nodes.state_of(node))


def in_turn(node: Node) -> bool:
    """Whether the node at hand serves phones, or is on its way from one version to the next: what changes there is
    changed in its turn (:mod:`tasks.rollout`), and by no other step."""
    found = way(node)
    return product.wanted(host.data).has_service and (found == "roll" or (found == "" and node.running))


def owes(node: Node) -> bool:
    """Whether the guide's steps with database and groupware are due on the node at hand."""
    found = way(node)
    if found == "install" and not replaces():
        return bool(host.data.update_tasks) or not product.wanted(host.data).has_service
    return found in ("install", "replace") or replaces()


def first_that_owes() -> str:
    """The name of the node that does what these steps ask for once for all, one with a groupware if any has; empty if
    no node owes anything."""
    found = [node for node in nodes.nodes() if owes(nodes.state_of(node))]
    with_groupware = [node for node in found if nodes.state_of(node).daemons]
    return next((node.name for node in with_groupware or found), "")


def run_id() -> str:
    """The name of this upgrade, such as ``20261122181500``: that of the unfinished one if there is one."""
    for node in nodes.nodes():
        words = nodes.state_of(node).owed.split()
        if len(words) > 3:
            return words[3]
    return _began


def check() -> None:
    """Refuses what would leave a part of the nodes behind. Raises :class:`~tasks.run.DeployError`."""
    absent = [node for node in nodes.all_nodes() if node not in nodes.nodes()]
    if absent and (replaces() or any(_serves_another_product(node) for node in absent)):
        names = ", ".join(node.name for node in absent)
        raise run.DeployError(
            f"a product is to be replaced, which is one manoeuvre over all nodes, but {names} would be left out: run"
            " without --limit. Nothing has been touched"
        )


def _serves_another_product(node: Host) -> bool:
    """Whether a node that this run leaves out is to be replaced. One that cannot be reached serves nobody."""
    try:
        return _way_of(node) == "replace"
    except (OSError, PyinfraError, SSHException):
        return False


def announce() -> None:
    """Each node remembers what is to be done on it before the first step is taken."""
    if nodes.is_node():
        run.attempt(_announce, "Note what is to be done")


@operation()
def _announce() -> Generator[PyinfraCommand, None, None]:
    node = nodes.state_of(host)
    due: Way = "replace" if replaces() else way(node)
    if due not in ("install", "replace") or node.owed.startswith(f"{due} "):
        host.noop("nothing new is to be done")
        return
    yield scripts.command("folder", nodes.STATE)
    yield remember(due)


def remember(due: Way) -> StringCommand:
    """The command by which the node at hand remembers its way."""
    version, build = package.offered(nodes.state_of(host))
    return remembering(due, version, build, run_id())


def remembering(due: Way, version: str, build: str, run_id: str) -> StringCommand:
    """The command by which the node at hand remembers this."""
    line = f"{due} {version or '-'} {build or '-'} {run_id}\n"
    return scripts.command("write", OWED, "644", "root:root", stdin=line)


def forgets() -> StringCommand:
    """The command by which the node at hand forgets its way, at the end of it."""
    return StringCommand("rm", "-f", OWED)


def settle() -> None:
    """Ends the run if one of the steps has failed; otherwise nothing is owed any more."""
    if nodes.is_node():
        _settle(name="Settle what was owed")


@operation()
def _settle() -> Generator[PyinfraCommand, None, None]:
    if not run.all_fine():
        yield run.failure(
            f"a step failed ({run.failed_steps()}). updatetasks.cfg is back in its place. Mend the cause and run again"
        )
    elif way(nodes.state_of(host)) in ("install", "replace") or replaces():
        yield forgets()


def skipped() -> bool:
    """Whether a step must be left out because an earlier one has failed on some host."""
    if state.is_executing and not run.all_fine():
        host.noop("an earlier step has failed")
        return True
    return False
