"""The network of a lab: a bridge in the lab's own namespace, and a cable from it to each host."""

from __future__ import annotations

import subprocess

from lab import netns
from lab.plan import BRIDGE, CONTROLLER, PREFIX_LENGTH, Host, Lab

# Hardware addresses are fixed, since others remember them: a bridge that takes that of one of its cables, as bridges do
# by themselves, or a host that comes back with another one would be lost to them for half a minute.
BRIDGE_ADDRESS = "02:00:00:00:00:01"


def make(lab: Lab) -> None:
    """The namespace of the lab with the bridge, and those of the hosts."""
    netns.add(lab.namespace, lab.directory)
    netns.ip("link", "add", BRIDGE, "address", BRIDGE_ADDRESS, "type", "bridge", namespace=lab.namespace)
    netns.ip("address", "add", f"{CONTROLLER}/{PREFIX_LENGTH}", "dev", BRIDGE, namespace=lab.namespace)
    netns.ip("link", "set", BRIDGE, "up", namespace=lab.namespace)
    for host in lab.hosts:
        connect(lab, host)


def connect(lab: Lab, host: Host) -> None:
    """The namespace of a host, with its end of the cable."""
    inside = lab.namespace_of(host)
    netns.add(inside, lab.directory)
    peer = ("peer", "name", "eth0", "address", _hardware(host), "netns", inside)
    netns.ip("link", "add", host.name, "type", "veth", *peer, namespace=lab.namespace)
    netns.ip("link", "set", host.name, "master", BRIDGE, "up", namespace=lab.namespace)
    netns.ip("address", "add", f"{host.address}/{PREFIX_LENGTH}", "dev", "eth0", namespace=inside)
    netns.ip("link", "set", "eth0", "up", namespace=inside)


def _hardware(host: Host) -> str:
    return f"02:00:00:00:01:{int(host.address.rpartition('.')[2]):02x}"


def disconnect(lab: Lab, host: Host) -> None:
    """Removes the cable and the namespace of a host that has no processes; whatever was set in there is gone."""
    if _shown(lab, host):
        netns.ip("link", "delete", host.name, namespace=lab.namespace)
    netns.remove(lab.namespace_of(host))


def cut(lab: Lab, host: Host) -> None:
    """Unplugs a host: what is sent to it or by it is lost, and no side is told."""
    netns.ip("link", "set", host.name, "nomaster", namespace=lab.namespace)


def join(lab: Lab, host: Host) -> None:
    """Plugs a host in again."""
    netns.ip("link", "set", host.name, "master", BRIDGE, namespace=lab.namespace)


def is_cut(lab: Lab, host: Host) -> bool:
    return f" master {BRIDGE} " not in _shown(lab, host)


def _shown(lab: Lab, host: Host) -> str:
    """What ip(8) tells about the lab's end of the cable; nothing when there is none."""
    command = ["ip", "-n", lab.namespace, "-o", "link", "show", host.name]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout
