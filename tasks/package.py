"""Guide, "New Installation": the package is installed on every application node."""

from __future__ import annotations

import functools
import subprocess
from collections.abc import Generator, Iterator

from pyinfra.api.command import FileUploadCommand, PyinfraCommand
from pyinfra.api.operation import operation
from pyinfra.context import host

from tasks import nodes, run, scripts, upgrade
from tasks.nodes import Node


@functools.cache
def _offered(path: str) -> tuple[str, str]:
    """Version and build of the package file on this machine."""
    command = ["dpkg-deb", "--showformat=${Version} ${Build-Id}", "--show", path]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise run.DeployError("dpkg-deb is missing on this machine: apt-get install dpkg") from None
    if done.returncode:
        raise run.DeployError(f"{path} is not a Debian package: {done.stderr.strip()}")
    version, _, build = done.stdout.strip().partition(" ")
    return version, build


def offered(node: Node) -> tuple[str, str]:
    """Version and build of the package that is to be on a node; the build is empty if the package tells none."""
    return _offered(str(run.package_file(host.data)))


def is_pending(node: Node) -> bool:
    """Whether the package is not installed yet as it is offered: version, and build where the package tells one."""
    return bool(node.broken) or (node.version, node.build) != offered(node)


def install() -> None:
    """The package as it is offered is installed on nodes that are new or whose product is replaced; nothing of
    Open-Xchange's is touched, and nothing started. Nodes that serve are left to :mod:`tasks.rollout`."""
    if nodes.is_node():
        run.attempt(_install, "Install the package")


@operation()
def _install() -> Generator[PyinfraCommand, None, None]:
    node = nodes.state_of(host)
    if upgrade.skipped() or not is_pending(node) or upgrade.way(node) == "roll":
        host.noop("the package need not be installed here")
        return
    yield from steps()


def steps() -> Iterator[PyinfraCommand]:
    """Installs the package on the node at hand."""
    path = run.package_file(host.data)
    target = f"{nodes.STATE}/{path.name}"
    yield scripts.command("folder", nodes.STATE)
    yield FileUploadCommand(str(path), target)
    yield scripts.command("install", target, " ".join(_offered(str(path))), nodes.STATE)
