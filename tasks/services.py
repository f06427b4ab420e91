"""The services: groupware and admin daemon restarted as the guide says, our own enabled and running what is installed.

Our own service is restarted only when it does not run what lies on the host. ``started`` remembers what that was when
it was last started: build of the package and checksums of the settings. So a run that was interrupted between writing
the settings and the restart is completed by the next one, and a run that changes nothing restarts nothing.
"""

from __future__ import annotations

from collections.abc import Generator

from pyinfra.api.command import PyinfraCommand
from pyinfra.api.operation import operation
from pyinfra.context import host

from tasks import nodes, package, run, scripts, upgrade
from tasks.nodes import Node


def restart_groupware() -> None:
    """Groupware and admin daemon are restarted, on nodes where update tasks are to run, and answer again.

    The guide asks for another restart after every change of the settings. That was for bundles inside the groupware:
    our service is a process of its own, and only it is restarted then.
    """
    if nodes.is_node():
        run.attempt(_restart_groupware, "Restart the groupware and admin service")


def run_application() -> None:
    """Our service is enabled and runs the installed package with the settings as they are."""
    if nodes.is_node():
        _run_application(name="Run the service")


@operation()
def _restart_groupware() -> Generator[PyinfraCommand, None, None]:
    node = nodes.state_of(host)
    if upgrade.skipped() or node.generation != 6 or not upgrade.owes(node):
        host.noop("the groupware need not restart")
        return
    seconds = host.data.groupware_start_timeout
    for daemon in node.daemons:
        yield scripts.command("restart", node.init, daemon, seconds, "restart")


@operation()
def _run_application() -> Generator[PyinfraCommand, None, None]:
    node = nodes.state_of(host)
    due = package.is_pending(node) or not node.running or node.started != fingerprint(node)
    if not node.enabled:
        yield scripts.command("enable", node.init, host.data.service_name)
    if due:
        yield scripts.command("start", node.init, host.data.service_name, nodes.STARTED, fingerprint(node))
    elif node.enabled:
        host.noop("the service runs what is installed")


def fingerprint(node: Node) -> str:
    """What the service would run if it were started now."""
    checksums = (node.properties.get(name, "none").split()[0] for name in ("usm", "eas"))
    return " ".join([node.version, node.build or "-", *checksums])
