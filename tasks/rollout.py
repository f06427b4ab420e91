"""Nodes that serve are changed one after the other, so that phones always find one.

A node is taken out of the balancer, its service ends, it gets package, settings and tables, starts, is asked whether it
is well, and only then is put back. One that fails on the way stays out, and the run ends before the next one is
touched. Whatever stopped a run, the node remembers (``owed``, ``drained``), and the next run completes it.

Between two versions of the application nodes of both work on the same tables for a while; so a migration may only add.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator

from pyinfra.api.command import PyinfraCommand
from pyinfra.context import host, state

from tasks import balancer, checks, database, nodes, package, product, properties, services, upgrade
from tasks.nodes import Node
from tasks.operations import operation


def carry_out() -> None:
    """Everything of our service on every application node is as the settings and the package say.

    Nodes that do not serve are done at the same time, by the guide's steps; those that serve in turns of
    ``rollout_nodes_at_once``.
    """
    if not nodes.is_node():
        return
    properties.configure()
    database.migrate()
    services.run_application()
    for turn in host.loop(list(range(len(turns())))):  # type: ignore[no-untyped-call]
        if host.name in turns()[turn]:
            _change(name=f"Change {', '.join(turns()[turn])} while the others serve")


def turns() -> list[list[str]]:
    """The names of the nodes that are changed at the same time, turn by turn. A node that is out of the balancer comes
    first, so that it serves again before another is taken out."""
    out_first = sorted(nodes.nodes(), key=lambda node: not nodes.state_of(node).drained)
    names = [node.name for node in out_first]
    size = max(1, int(host.data.rollout_nodes_at_once))
    return [names[at : at + size] for at in range(0, len(names), size)]


@operation()
def _change() -> Generator[PyinfraCommand, None, None]:
    node = nodes.state_of(host)
    if not _is_due(node):
        host.noop("the node serves what it should")
        return
    yield from balancer.drain(host)
    yield from _change_version(node)
    yield from _after(properties.steps())
    if product.wanted(host.data).has_service:
        yield from _after(database.migration())
    yield from services.application(nodes.state_of(host))
    nodes.forget(host)
    yield from checks.node()
    yield from balancer.restore(host)
    if node.owed or upgrade.way(node) == "roll":
        yield upgrade.forgets()


def _is_due(node: Node) -> bool:
    if not upgrade.in_turn(node):
        # Another step has seen to it, or will; if it was out of the balancer, it goes back here.
        return node.drained and (state.is_executing or upgrade.way(node) == "")
    return (
        node.drained
        or upgrade.way(node) == "roll"
        or properties.is_pending(node)
        or node.started != services.fingerprint(node)
        or not node.enabled
    )


def _change_version(node: Node) -> Iterator[PyinfraCommand]:
    if upgrade.way(node) != "roll":
        return
    yield upgrade.remember("roll")
    yield from services.stopping(node)
    if package.is_pending(node):
        yield from package.steps()
    nodes.forget(host)


def _after(steps: Iterator[PyinfraCommand]) -> Iterator[PyinfraCommand]:
    """Some steps, after which the state of the node is asked for anew."""
    yield from steps
    nodes.forget(host)
