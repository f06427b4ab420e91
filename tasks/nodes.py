"""What the deployment knows about an application node: one question, answered in one round trip.

The answer is kept until something is done on the node (:func:`forget`), so that a run that changes nothing asks once.
No other deployment changes the node meanwhile: who asks in order to change something also holds it (:mod:`tasks.lock`).
"""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass, field

from gevent.lock import BoundedSemaphore
from pyinfra.api.command import StringCommand
from pyinfra.api.exceptions import NoGroupError
from pyinfra.api.facts import FactBase
from pyinfra.api.host import Host
from pyinfra.context import host, inventory

from tasks import lock, product, scripts

STATE = "/var/lib/open-xchange-usm"
"""Where a host keeps what the deployment must remember about it."""

FILES = ("usm", "eas")
"""The files of settings, without ``.properties``."""

FRESH = 15.0
"""Seconds for which what was found while the run was prepared still counts when it begins. An administrator who is
asked whether to begin may take long, and is not heard of meanwhile; so less than node.sh's patience."""

STARTED = f"{STATE}/started"
"""The note of what the service ran when it was last started, see :mod:`tasks.services`."""


@dataclass(frozen=True, slots=True)
class Node:
    """The state of an application node at one moment.

    ``generation`` 6 has a groupware and an admin daemon, 7 one daemon, 0 none (the application alone). ``family`` is
    that of its packages, ``deb`` or ``rpm``. ``owed`` is not empty while a new package still waits for the guide's
    remaining steps (:mod:`tasks.upgrade`). ``started`` is what ran when the service was last started by us
    (:mod:`tasks.services`). ``drained``: a deployment has taken the node out of the balancer (:mod:`tasks.balancer`).
    ``bundles``: files of the vendor's product are there. By file (``usm``, ``eas``): ``properties``, sha256, mode and
    owner; ``rendered``, sha256 of what was wanted of it when it was written; ``leftovers``, what a package left beside
    it (:mod:`tasks.properties`). ``settings``: those of the files that tell where the service listens and what it asks
    (``listen_host`` and ``_port``, ``admin_host`` and ``_port``, ``ox_url``, ``eas_alias``), as they are written there.
    ``busy``: another deployment that is at work on the node (:mod:`tasks.lock`).
    """

    generation: int = 0
    family: str = "deb"
    etc: str = "/opt/open-xchange/etc"
    daemons: tuple[str, ...] = ()
    init: str = "sysv"
    version: str = ""
    build: str = ""
    broken: str = ""
    bundles: bool = False
    owed: str = ""
    started: str = ""
    drained: bool = False
    updatetasks: bool = False
    parked: bool = False
    watched: bool = False
    properties: dict[str, str] = field(default_factory=dict)
    rendered: dict[str, str] = field(default_factory=dict)
    leftovers: dict[str, str] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    running: bool = False
    enabled: bool = False
    busy: str = ""

    @property
    def installed(self) -> str:
        """Which product is installed: one of :data:`tasks.product.PRODUCTS`, our beta, or an empty text."""
        if not self.version:
            return ""
        if self.bundles:
            return product.BUNDLES
        return product.APPLICATION if self.build else product.BETA

    @property
    def left_parked(self) -> bool:
        """Whether updatetasks.cfg is not where Open-Xchange looks for it, but could be."""
        return self.watched or (self.parked and not self.updatetasks)


class NodeState(FactBase[Node]):
    """The state of the host as an application node."""

    @staticmethod
    def default() -> Node:
        return Node()

    def command(self, package: str, service: str, parking: str, who: str = "") -> StringCommand:
        """``who`` is about to change something (:func:`tasks.lock.claim`)."""
        return scripts.command("node", package, service, parking, *filter(None, [who]))

    def process(self, output: list[str]) -> Node:
        lines = [line.split("=", 1) for line in output if "=" in line]
        told = dict(lines)
        etc = told.get("etc", "/opt/open-xchange/etc")
        sums = dict(value.split()[::-1] for name, value in lines if name == "sum")
        rights = {
            path: rest
            for rest, _, path in (value.rpartition(" ") for name, value in lines if name == "rights")
        }
        return Node(
            generation=int(told.get("generation", "0")),
            etc=etc,
            daemons=tuple(told.get("daemons", "").split()),
            init=told.get("init", "sysv"),
            family=told.get("family", "deb"),
            properties={
                name: f"{sums[path]} {rights.get(path, '')}"
                for name in FILES
                if (path := f"{etc}/{name}.properties") in sums
            },
            rendered={
                name: sums[path] for name in FILES if (path := f"{STATE}/rendered/{name}.properties") in sums
            },
            leftovers={name: told[f"leftover_{name}"] for name in FILES if f"leftover_{name}" in told},
            version=told.get("version", ""),
            build=told.get("build", ""),
            broken=told.get("broken", ""),
            bundles="bundles" in told,
            owed=told.get("owed", ""),
            started=told.get("started", ""),
            drained="drained" in told,
            updatetasks="updatetasks" in told,
            parked="parked" in told,
            watched="watched" in told,
            settings=dict(value.split("=", 1) for name, value in lines if name == "setting"),
            running="running" in told,
            enabled="enabled" in told,
            busy=told.get("busy", ""),
        )


_known: dict[str, tuple[float, Node]] = {}
"""When each node was asked, and its answer. By name, because ``host`` of pyinfra stands for another host at each
moment."""

_asking: defaultdict[str, BoundedSemaphore] = defaultdict(BoundedSemaphore)
"""Hosts are worked on side by side, and want to know of the same node at the same time: one asks, the others wait."""


def state_of(node: Host) -> Node:
    """The state of a node, as it was after the last thing that this run did there."""
    with _asking[node.name]:
        if node.name not in _known:
            data = node.data
            _known[node.name] = (
                time.monotonic(),
                node.get_fact(
                    NodeState,
                    package=data.package_name,
                    service=data.service_name,
                    parking=data.updatetasks_parking,
                    who=lock.claim(),
                ),
            )
        return _known[node.name][1]


def forget(node: Host, older_than: float = 0.0) -> None:
    """Something has been done on the node: its state is asked for anew when it is needed next. ``older_than``: only if
    it was asked for so many seconds ago."""
    asked, _ = _known.get(node.name, (time.monotonic(), None))
    if time.monotonic() - asked >= older_than:
        _known.pop(node.name, None)


def is_node() -> bool:
    """Whether the host at hand is an application node."""
    return "ox" in host.groups


def all_nodes() -> list[Host]:
    """The application nodes in the order of the inventory, also those that this run leaves out (``--limit``)."""
    try:
        return list(inventory.get_group("ox"))
    except NoGroupError:
        return []


def nodes() -> list[Host]:
    """The application nodes that this run works on, in the order of the inventory."""
    active = set(inventory.get_active_hosts())
    return [node for node in all_nodes() if node in active]
