"""Guide, "New Installation": the database version of each schema is reset, so that its update tasks run once more.

And our own tables are brought up to date in every schema, so that the first login of a user need not wait for that.
Both are done once for all nodes, by the first of them.
"""

from __future__ import annotations

import json
from collections.abc import Generator
from typing import Any

from pyinfra.api.command import PyinfraCommand, StringCommand
from pyinfra.api.operation import operation
from pyinfra.context import host, state

from tasks import administration, nodes, package, run, scripts, updatetasks, upgrade
from tasks.nodes import Node

SECONDS = 120
"""What resetting one schema may take: each call starts a Java machine, and the database may be far away."""


def reset_version() -> None:
    """The database version is reset for one context of each schema."""
    if nodes.is_node():
        run.attempt(_reset_version, "Reset the database version of each schema")


def migrate() -> None:
    """The tables of USM are there, and of this version, in each schema."""
    if nodes.is_node():
        _migrate(name="Bring the tables of USM up to date")


def _program(command: str, node: Node) -> StringCommand:
    return scripts.program("database", command, node.etc)


def _ask(command: str, node: Node) -> tuple[dict[str, Any], str]:
    """What the program answers, and what it complains about where it cannot."""
    succeeded, output, complaint = scripts.ask(host, _program(command, node))
    return (json.loads(output), "") if succeeded else ({}, complaint or output or "no answer")


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
    answer, complaint = _ask("schemas", node)
    if complaint:
        yield run.failure(f"the schemas cannot be found: {complaint}")
    for _, context in answer.get("schemas", []):
        yield StringCommand(updatetasks.renewal(SECONDS))
        options = ("-v", str(host.data.database_version), "-c", str(context))
        yield administration.as_master("resetversion", *options)


@operation()
def _migrate() -> Generator[PyinfraCommand, None, None]:
    node = nodes.state_of(host)
    if not nodes.is_first():
        host.noop("another node brings the tables up to date")
        return
    if not state.is_executing and (package.is_pending(node) or "usm" not in node.properties):
        yield _program("migrate", node)
        return
    answer, complaint = _ask("status", node)
    if complaint:
        yield run.failure(f"the tables of USM cannot be looked at: {complaint}")
    elif answer["behind"]:
        yield _program("migrate", node)
    else:
        host.noop("the tables are up to date in every schema")
