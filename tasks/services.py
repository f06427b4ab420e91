"""The services: groupware and admin daemon restarted as the guide says, our own enabled and running what is installed.

Our own service is restarted only when it does not run what lies on the host. ``started`` remembers what that was when
it was last started: build of the package and checksums of the settings. So a run that was interrupted between writing
the settings and the restart is completed by the next one, and a run that changes nothing restarts nothing.

Where the product is the vendor's, the groupware is the service, and is restarted when the settings change.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator

from pyinfra.api.command import PyinfraCommand, StringCommand
from pyinfra.context import host, state

from tasks import backup, nodes, package, product, report, run, scripts, upgrade
from tasks.nodes import Node
from tasks.operations import operation

_stopped: set[str] = set()
"""Nodes whose groupware this run has stopped; it is started again whatever happens."""

_withdrawn: set[str] = set()
"""Nodes whose service this run has stopped before its files were replaced."""


def withdraw() -> None:
    """Our service ends on all nodes before its files change and its tables go, so that none serves half a version."""
    if nodes.is_node():
        run.attempt(_withdraw, "Stop serving phones")


def stop() -> None:
    """Groupware and admin daemon are shut down on all nodes before tables are dropped."""
    if nodes.is_node():
        run.attempt(_stop, "Stop the groupware and admin service")


def restart_groupware() -> None:
    """Groupware and admin daemon are restarted, on nodes where update tasks are to run, and answer again.

    The guide asks for another restart after every change of the settings. That was for bundles inside the groupware:
    our service is a process of its own, and only it is restarted then.
    """
    if nodes.is_node():
        run.attempt(_restart_groupware, "Restart the groupware and admin service")


def come_back() -> None:
    """Where a step has failed before anything was replaced, what served before serves again."""
    if nodes.is_node():
        run.attempt(_come_back, "Serve phones again as before")


def run_application() -> None:
    """Our service is enabled and runs the installed package with the settings as they are, where it does not serve."""
    if nodes.is_node():
        _run_application(name="Run the service")


@operation()
def _withdraw() -> Generator[PyinfraCommand, None, None]:
    node = nodes.state_of(host)
    if upgrade.skipped() or not upgrade.replaces() or not _serves(node):
        host.noop("nothing is to be stopped")
        return
    if state.is_executing:
        _withdrawn.add(host.name)
    yield from stopping(node)


def _serves(node: Node) -> bool:
    """Whether a service of its own runs on the node; the groupware with the vendor's bundles is stopped later."""
    if not product.wanted(host.data).has_service:
        return node.installed in (product.APPLICATION, product.BETA)
    return node.running and host.data.service_name not in node.daemons


def stopping(node: Node) -> Iterator[PyinfraCommand]:
    """Stops the service on the node at hand. The note of what was started goes first, so that it is started again."""
    yield StringCommand("rm", "-f", nodes.STARTED)
    service = backup.service_of_before()
    yield scripts.command("restart", node.init, service, host.data.service_stop_timeout, "stop")


@operation()
def _stop() -> Generator[PyinfraCommand, None, None]:
    node = nodes.state_of(host)
    if upgrade.skipped() or not upgrade.replaces() or not node.daemons:
        host.noop("the groupware need not stop")
        return
    if state.is_executing:
        _stopped.add(host.name)
    for daemon in node.daemons:
        yield scripts.command("restart", node.init, daemon, host.data.groupware_start_timeout, "stop")


@operation()
def _restart_groupware() -> Generator[PyinfraCommand, None, None]:
    node = nodes.state_of(host)
    if host.name in _stopped or (upgrade.replaces() and not state.is_executing and node.daemons):
        # Whatever has failed in between: people's mail and calendars come back.
        yield from _daemons(node, "start")
    elif upgrade.skipped() or not node.daemons or not upgrade.owes(node):
        host.noop("the groupware need not restart")
    else:
        yield from _daemons(node, "restart")


def _daemons(node: Node, action: str) -> Iterator[PyinfraCommand]:
    for daemon in node.daemons:
        yield scripts.command("restart", node.init, daemon, host.data.groupware_start_timeout, action)
    if state.is_executing:
        report.note("restarted", ", ".join(node.daemons))
    _stopped.discard(host.name)
    if not product.wanted(host.data).has_service and state.is_executing:
        nodes.forget(host)
        line = f"{fingerprint(nodes.state_of(host))}\n"
        yield scripts.command("write", nodes.STARTED, "644", "root:root", stdin=line)


@operation()
def _come_back() -> Generator[PyinfraCommand, None, None]:
    if not state.is_executing or run.all_fine() or host.name not in _withdrawn:
        host.noop("nothing was withdrawn")
        return
    others = {nodes.state_of(node).installed for node in nodes.nodes()}
    if product.wanted(host.data).name in others:
        # One version or the other: never the old one here and the new one there.
        host.noop("the new version is on a node already; the next run starts it everywhere")
        return
    service = backup.service_of_before()
    yield scripts.command(
        "restart", nodes.state_of(host).init, service, host.data.service_start_timeout, "start"
    )


@operation()
def _run_application() -> Generator[PyinfraCommand, None, None]:
    node = nodes.state_of(host)
    if upgrade.in_turn(node):
        host.noop("the node serves already, or will in its turn")
        return
    if not product.wanted(host.data).has_service and upgrade.owes(node):
        host.noop("the groupware runs the bundles since it was restarted")
        return
    commands = list(application(node))
    if not commands:
        host.noop("the service runs what is installed")
    yield from commands


def application(node: Node) -> Iterator[PyinfraCommand]:
    """Enables the service on the node at hand, and (re)starts it if it does not run what is installed."""
    due = package.is_pending(node) or not node.running or node.started != fingerprint(node)
    if not node.enabled and product.wanted(host.data).has_service:
        yield scripts.command("enable", node.init, host.data.service_name)
    if due:
        yield scripts.command("start", node.init, host.data.service_name, nodes.STARTED, fingerprint(node))
        if state.is_executing:
            report.note("restarted", host.data.service_name)


def fingerprint(node: Node) -> str:
    """What the service would run if it were started now."""
    checksums = (node.properties.get(name, "none").split()[0] for name in ("usm", "eas"))
    return " ".join([node.version, node.build or "-", *checksums])
