"""The guide's steps in the database: what an earlier product left there is saved and dropped, the database version of
each schema is reset so that its update tasks run once more, and our own tables are brought up to date.

All of it is done once for all nodes, by one of them. Dumps lie on that node, beside what was kept of its files
(:mod:`tasks.backup`), together with the program that made them (:mod:`tasks.tool`).
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator

from pyinfra.api.command import FunctionCommand, PyinfraCommand, StringCommand
from pyinfra.api.host import Host
from pyinfra.api.state import State
from pyinfra.context import host, state

from tasks import (
    administration,
    asking,
    backup,
    nodes,
    package,
    product,
    properties,
    report,
    run,
    scripts,
    secrets,
    services,
    tool,
    upgrade,
)
from tasks.nodes import Node
from tasks.operations import operation
from tasks.tunnel import ClosedTunnel

USMCTL = "/opt/open-xchange/sbin/usmctl"


def save() -> None:
    """What the earlier product has in each schema is dumped, and the dump tried out, before any of it is dropped."""
    if nodes.is_node():
        run.attempt(_save, "Save the tables of the earlier product")


def drop() -> None:
    """Guide, "Upgrade from a previous BETA version": its tables and procedures are dropped in each schema, and the
    version is reset. Only what a verified dump holds is dropped."""
    if nodes.is_node():
        run.attempt(_drop, "Drop the tables of the earlier product")


def reset_version() -> None:
    """Guide, "New Installation": the database version is reset for one context of each schema."""
    if nodes.is_node():
        run.attempt(_reset_version, "Reset the database version of each schema")


def run_update_tasks() -> None:
    """From App Suite 7 on, update tasks have names instead of numbers, and are run for one context of each schema by a
    tool of their own. Where it wants a password on its command line it is not asked: the first login runs them too."""
    if nodes.is_node():
        run.attempt(_run_update_tasks, "Run the update tasks of each schema")


def migrate() -> None:
    """The tables of USM are there, and of this version, in each schema; where all nodes serve, that is the business of
    :mod:`tasks.rollout`."""
    if nodes.is_node():
        _migrate(name="Bring the tables of USM up to date")


def _replaces_here() -> bool:
    """Whether a product is replaced, and the host at hand does for all nodes what is done once."""
    return upgrade.replaces() and upgrade.first_that_owes() == host.name


@operation()
def _save() -> Generator[PyinfraCommand, None, None]:
    if upgrade.skipped() or not _replaces_here():
        host.noop("no tables of an earlier product are to be saved from here")
        return
    folder = backup.tables(upgrade.run_id())
    yield from tool.bring()
    # Where the vendor's bundles come in place of this application, its tables make room for theirs.
    ours = () if product.wanted(host.data).has_service else ("--ours",)
    yield tool.command(nodes.state_of(host), "legacy", "save", folder, *ours, *tool.successor())
    if state.is_executing:
        report.note("kept", f"the tables of the earlier product, in {folder}")


@operation()
def _drop() -> Generator[PyinfraCommand, None, None]:
    if upgrade.skipped() or not _replaces_here():
        host.noop("no tables of an earlier product are to be dropped from here")
        return
    node = nodes.state_of(host)
    six = any(nodes.state_of(each).generation == 6 for each in nodes.nodes())
    reset = ("--reset-version", str(host.data.database_version)) if six else ()
    # What a rollback has brought back is about to go again.
    yield StringCommand("rm", "-f", backup.restored(upgrade.run_id()))
    yield tool.command(node, "legacy", "drop", backup.tables(upgrade.run_id()), *reset, *tool.successor())


def _schemas(node: Node) -> Generator[PyinfraCommand, None, list[tuple[str, int]]]:
    """Each schema of Open-Xchange with one of its contexts; fails the host where that cannot be told. Asked with what
    the package or, where the product is another, :mod:`tasks.tool` has brought."""
    own = product.wanted(host.data).has_service
    if not own:
        yield from tool.bring()
    question = scripts.program("schemas", node.etc) if own else tool.command(node, "schemas")
    succeeded, output, complaint = scripts.ask(host, question)
    if not succeeded:
        yield run.failure(f"the schemas cannot be found: {complaint or output or 'no answer'}")
        return []
    return [(name, context) for name, context in json.loads(output)]


def _usmctl(node: Node, *words: str) -> StringCommand:
    return StringCommand(USMCTL, "--etc", node.etc, *words)


@operation()
def _reset_version() -> Generator[PyinfraCommand, None, None]:
    node = nodes.state_of(host)
    if upgrade.skipped() or node.generation != 6 or upgrade.replaces() or not upgrade.owes(node):
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
    schemas = yield from _schemas(node)
    if not schemas:
        return
    # The tool asks a daemon that a run which was cut off may have left stopped.
    for daemon in node.daemons:
        yield scripts.command("restart", node.init, daemon, host.data.groupware_start_timeout, "start")
    for _, context in schemas:
        options = ("-v", str(host.data.database_version), "-c", str(context))
        yield administration.as_nobody("resetversion", *options)


@operation()
def _run_update_tasks() -> Generator[PyinfraCommand, None, None]:
    node = nodes.state_of(host)
    if upgrade.skipped() or node.generation < 7 or upgrade.first_that_owes() != host.name:
        host.noop("no update tasks are to be run from here")
        return
    if not state.is_executing:
        yield StringCommand("runupdate")
        return
    schemas = yield from _schemas(node)
    for name, context in schemas:
        yield _runupdate(name, context)


def _runupdate(schema: str, context: int) -> FunctionCommand:
    """Runs the tool; a warning where it wants credentials, a failure where it cannot do its work."""

    def runupdate(state: State, host: Host) -> bool:
        patience, limit = host.data.groupware_start_timeout, host.data.admin_tool_timeout
        question = scripts.command("runupdate", context, patience, limit)
        succeeded, output, complaint = scripts.ask(host, question)
        if output.startswith("refused"):
            report.note(
                "warning",
                f"runupdate takes the password of the administrator from its command line alone, where everybody on the"
                f" host could read it: the update tasks of {schema} run at the first login, or by hand (runupdate -c"
                f" {context})",
                host,
            )
        elif not succeeded:
            report.complain(f"runupdate of schema {schema}: {complaint or output or 'no answer'}", host)
        return succeeded

    return FunctionCommand(runupdate, (), {})


@operation()
def _migrate() -> Generator[PyinfraCommand, None, None]:
    node = nodes.state_of(host)
    if not product.wanted(host.data).has_service or host.name != _that_migrates():
        host.noop("no tables are to be brought up to date from here")
        return
    if not state.is_executing and (package.is_pending(node) or "usm" not in node.properties):
        yield _usmctl(node, "db", "upgrade")
        return
    yield from migration()


def _that_migrates() -> str:
    """The first node that does not wait for its turn to get another version; empty if all do."""
    for node in nodes.nodes():
        if upgrade.way(nodes.state_of(node)) != "roll":
            return node.name
    return ""


def migration() -> Iterator[PyinfraCommand]:
    """Brings the tables to the version of the package on the node at hand, if they are of an older one. What an earlier
    product has left there, whose package is gone, is saved and dropped before. A database user of our own, where the
    settings name one, gets what it needs."""
    node = nodes.state_of(host)
    yield from _granting(node)
    up_to_date, output = _stand(node)
    if up_to_date:
        host.noop(f"the tables are up to date: {output}")
        return
    if _has_legacy(node):
        if len(nodes.nodes()) < len(nodes.all_nodes()):
            yield run.failure(
                "an earlier product has tables here, and a node is left out: run without --limit"
            )
            return
        folder = backup.leftovers(upgrade.run_id())
        yield scripts.command("folder", nodes.STATE)
        yield _usmctl(node, "legacy", "save", folder)
        yield _usmctl(node, "legacy", "drop", folder)
        if state.is_executing:
            report.note("kept", f"tables that an earlier product had left, in {folder}")
    # Whatever else is wrong, the upgrade meets it too and tells it.
    yield _usmctl(node, "db", "upgrade")


def _granting(node: Node) -> Iterator[PyinfraCommand]:
    """The database user of our own is there and has its rights, in schemas too that are new since the last run."""
    if not host.data.database_user or host.data.database_url or secrets.find("USM_DATABASE_URL", host.data):
        return
    if upgrade.in_turn(node) and properties.is_pending(node):
        return  # the settings that name it come in the node's turn, and so does it
    if scripts.ask(host, _usmctl(node, "db", "grant", "--check"))[0]:
        return
    administrator = secrets.find("USM_DATABASE_ADMIN", host.data)
    given = {"_stdin": f"{administrator}\n"} if administrator else {}
    words = ("db", "grant", *(["--admin"] if administrator else []))
    yield StringCommand(USMCTL, "--etc", node.etc, *words, **given)  # type: ignore[arg-type]


def _stand(node: Node) -> tuple[bool, str]:
    """Whether the tables are up to date, and in how far: asked of the service, where it runs what is installed, because
    starting a program of its own for that takes half a second."""
    if node.running and node.started == services.fingerprint(node):
        try:
            told = json.loads(asking.admin(node, "/usm/tables"))
            if told.get("ready") is True:
                return True, "; ".join(f"{name}: {stand}" for name, stand in told["schemas"].items())
        except (OSError, ValueError, ClosedTunnel):
            pass
    up_to_date, output, _ = scripts.ask(host, _usmctl(node, "db", "status"))
    return up_to_date, output


def _has_legacy(node: Node) -> bool:
    _, output, _ = scripts.ask(host, _usmctl(node, "legacy", "status", "--json"))
    try:
        return any(schema["legacy"] for schema in json.loads(output)["schemas"].values())
    except ValueError:
        return False
