"""Guide, "Apache Configuration": the web servers forward what phones ask for to the application nodes.

Our lines stand before Open-Xchange's own, because the first match counts. ``apache2ctl configtest`` is asked before
Apache reads them; if it does not agree, the configuration of before stays, and so does everything that was enabled.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator
from typing import Any

from pyinfra.api.command import PyinfraCommand, StringCommand
from pyinfra.api.facts import FactBase
from pyinfra.api.operation import operation
from pyinfra.context import host, inventory

from tasks import apache, balancer, nodes
from tasks.render import render

MODULES = {
    "http": ("proxy", "proxy_http", "proxy_balancer", "proxy_hcheck", "lbmethod_bybusyness", "slotmem_shm"),
    "ajp": ("proxy", "proxy_ajp", "proxy_balancer", "lbmethod_bybusyness", "slotmem_shm"),
}


class Forwarding(FactBase[dict[str, str]]):
    """What Apache has of our configuration: ``family`` and ``home`` (how it is laid out), ``content`` (sha256 of what
    lies there), ``loaded`` (the version that it runs with), ``missing`` modules, ``enabled``, ``running``."""

    @staticmethod
    def default() -> dict[str, str]:
        return {}

    def command(self, modules: str, port: int) -> StringCommand:
        return apache.command("apache-state", modules, port)

    def process(self, output: list[str]) -> dict[str, str]:
        return dict(line.split("=", 1) for line in output if "=" in line)


def forward() -> None:
    """Apache forwards ActiveSync to every application node of the inventory, and nothing else of ours."""
    if "web" in host.groups:
        _forward(name="Forward ActiveSync to the application nodes")


def configuration(home: str = "/etc/apache2/open-xchange-usm") -> str:
    """The configuration of the web server at hand. ``home`` is where our further files lie on it."""
    values = host.data.dict()  # type: ignore[no-untyped-call]
    members = [_member(node) for node in nodes.all_nodes()]
    values = {**values, "nodes": members, "home": home, "direct": _is_direct(members), "version": "0"}
    return render("apache.conf.j2", {**values, "version": _version(render("apache.conf.j2", values))})


def _version(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _is_direct(members: list[dict[str, Any]]) -> bool:
    """Whether the guide's own line will do: the vendor's bundles in a groupware on the web server itself."""
    local = [member["address"] for member in members] == ["127.0.0.1"]
    return local and str(host.data.proxy_scheme) == "ajp"


def address_of(node: Any) -> str:
    """Where other hosts reach a node."""
    return str(node.data.get("address") or node.data.get("ssh_hostname") or node.name)


def is_only_web_server(node: Any) -> bool:
    """Whether nobody but the node itself forwards to it, so that it need not be reached from elsewhere."""
    return [web.name for web in inventory.get_group("web")] == [node.name]


def _member(node: Any) -> dict[str, Any]:
    address = "127.0.0.1" if is_only_web_server(node) else address_of(node)
    port = node.data.proxy_port or (8009 if node.data.proxy_scheme == "ajp" else node.data.listen_port)
    name = balancer.member_name(node)
    return {"name": name, "address": f"[{address}]" if ":" in address else address, "port": port}


@operation()
def _forward() -> Generator[PyinfraCommand, None, None]:
    modules = " ".join(MODULES[host.data.proxy_scheme])
    found = host.get_fact(Forwarding, modules=modules, port=host.data.manager_port)
    text = configuration(found["home"])
    there = {
        "content": hashlib.sha256(text.encode()).hexdigest(),
        "loaded": text.split()[2].rstrip(":"),
        "enabled": "yes",
        "running": "yes",
        "missing": "",
    }
    if all(found.get(name) == value for name, value in there.items()):
        host.noop("Apache forwards ActiveSync already")
        return
    yield apache.command("apache", modules, stdin=text)
