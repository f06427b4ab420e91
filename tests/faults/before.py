"""Hosts as they were before our deployment came to them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lab.testing import LabHosts
from tests.faults import world


def install_beta(hosts: LabHosts, package: Path, nodes: Sequence[str]) -> None:
    """The beta as its administrator had installed it, by the guide: tables, two edited files, a service that runs."""
    for node in nodes:
        (hosts.root(node) / "root/beta.deb").write_bytes(package.read_bytes())
        hosts.sh(node, "dpkg -i /root/beta.deb && rm /root/beta.deb")
        world.edit(hosts, node)
    for schema in world.SCHEMAS:
        world.make(hosts, schema)
    world.fill(hosts)
    for node in nodes:
        hosts.sh(node, "/etc/init.d/open-xchange-usm restart </dev/null >/dev/null 2>&1")
