"""Guide, "New Installation": the database version of each schema is reset, so that its update tasks run once more.

And our own tables are brought up to date in every schema, so that the first login of a user need not wait for that.
Both are done once for all nodes, by the first of them.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator

from pyinfra.api.command import PyinfraCommand, StringCommand
from pyinfra.api.operation import operation
from pyinfra.context import host, state

from tasks import administration, nodes, package, run, scripts, upgrade
from tasks.nodes import Node

USMCTL = "/opt/open-xchange/sbin/usmctl"


def reset_version() -> None:
    """The database version is reset for one context of each schema."""
    if nodes.is_node():
        run.attempt(_reset_version, "Reset the database version of each schema")


def migrate() -> None:
    """The tables of USM are there, and of this version, in each schema."""
    if nodes.is_node():
        _migrate(name="Bring the tables of USM up to date")


def _schemas(node: Node) -> tuple[list[tuple[str, int]], str]:
    """Each schema of Open-Xchange with one of its contexts; and a complaint where that cannot be told."""
    succeeded, output, complaint = scripts.ask(host, scripts.program("schemas", node.etc))
    return (json.loads(output), "") if succeeded else ([], complaint or output or "no answer")


def _usmctl(node: Node, command: str) -> StringCommand:
    return StringCommand(USMCTL, "--etc", node.etc, "db", command)


@operation()
def _reset_version() -> Generator[PyinfraCommand, None, None]:
    node = nodes.state_of(host)
    if upgrade.skipped() or node.generation != 6 or not upgrade.owes(node):
        host.noop("the database version need not be reset")
        return
    if upgrade.first_that_owes() != host.name:
        host.noop("another node resets the database version")
        return
    if package.is_pending(node) and not state.is_executing:
        yield StringCommand(
            "resetversion"
        )  # which schemas there are is asked with the package that is to come
        return
    schemas, complaint = _schemas(node)
    if complaint:
        yield run.failure(f"the schemas cannot be found: {complaint}")
        return
    # The tool asks a daemon that a run which was cut off may have left stopped.
    for daemon in node.daemons:
        yield scripts.command("restart", node.init, daemon, host.data.groupware_start_timeout, "start")
    for _, context in schemas:
        options = ("-v", str(host.data.database_version), "-c", str(context))
        yield administration.as_nobody("resetversion", *options)


@operation()
def _migrate() -> Generator[PyinfraCommand, None, None]:
    node = nodes.state_of(host)
    if not nodes.is_first() or upgrade.way(node) == "roll":
        host.noop("another node brings the tables up to date, or this one in its turn")
        return
    if not state.is_executing and (package.is_pending(node) or "usm" not in node.properties):
        yield _usmctl(node, "upgrade")
        return
    yield from migration()


def migration() -> Iterator[PyinfraCommand]:
    """Brings the tables up to date with the package on the node at hand, if they are not."""
    node = nodes.state_of(host)
    up_to_date, output, _ = scripts.ask(host, _usmctl(node, "status"))
    if up_to_date:
        host.noop(f"the tables are up to date: {output}")
        return
    # Whatever else is wrong, the upgrade meets it too and tells it.
    yield _usmctl(node, "upgrade")
