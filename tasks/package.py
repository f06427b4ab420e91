"""Guide, "New Installation": the package is installed on every application node.

Rules of this file:

* the node's family says which package it gets: a ``.deb`` or an ``.rpm``. The setting ``package_file`` names one; where
  it is empty, it is the one of our version in ``dist/``;
* the same version with another build is another package, and is installed again;
* a node that has a newer one is left alone, with a sentence, before anything is touched on any host, unless
  ``allow_downgrade`` says otherwise. Versions of the vendor's package and ours are not compared: theirs has no build;
* the file arrives in a folder of its own, whole or not at all, and the last two that were installed are kept on the
  node (:data:`KEPT`), for a rollback.
"""

from __future__ import annotations

import functools
import subprocess
import tomllib
from collections.abc import Generator, Iterator
from pathlib import Path

from pyinfra.api.command import FileUploadCommand, PyinfraCommand
from pyinfra.context import host

from tasks import nodes, product, report, run, scripts, upgrade, version
from tasks.nodes import Node
from tasks.operations import operation

KEPT = f"{nodes.STATE}/packages"
"""Where a node keeps the package that was installed last, and the one before."""

ARRIVING = f"{KEPT}/arriving"

OURS = {
    "deb": "dist/open-xchange-usm_{version}_all.deb",
    "rpm": "dist/open-xchange-usm-{version}-1.noarch.rpm",
}
"""What ``make package`` makes, by family."""

QUESTIONS = {
    "deb": ("dpkg-deb", "--showformat=${Version}\n${Build-Id}", "--show"),
    "rpm": (
        *("rpm", "--query", "--nosignature", "--package"),
        "--queryformat=%{VERSION}\n[%{PROVIDENAME}=%{PROVIDEVERSION} ]",
    ),
}
"""How a package file is asked for its version and, in the second line, its build."""

TOOLS = {"deb": "apt-get install dpkg", "rpm": "apt-get install rpm"}


def install() -> None:
    """The package as it is offered is installed where none of the product is yet, or another product; nothing of
    Open-Xchange's is touched, and nothing started."""
    if nodes.is_node():
        check()
        report.deploys(*offered(nodes.state_of(host)))
        run.attempt(_install, "Install the package")


def check() -> None:
    """Refuses, for the node at hand, a package that is not there, is none, does not fit, or is older than what the node
    has. Raises :class:`~tasks.run.DeployError`."""
    node, path = nodes.state_of(host), str(file_for(nodes.state_of(host)))
    if _family(path) != node.family:
        raise run.DeployError(
            f"{host.name} installs packages of the kind .{node.family}, but package_file is {path}. Leave it empty, or"
            " set it for the hosts of each kind in group_data/. Nothing has been touched"
        )
    offer, build = offered(node)
    wanted = product.wanted(host.data)
    if bool(build) != wanted.has_service:
        has = (
            "has a build, so it is this application"
            if build
            else "has no build, so it is not this application"
        )
        raise run.DeployError(f"product is {wanted.name}, but {path} {has}. Nothing has been touched")
    if is_newer(node) and not host.data.allow_downgrade:
        raise run.DeployError(
            f"{host.name} has version {node.version}, which is newer than {offer} ({path}): offer that one, or set"
            " allow_downgrade. Nothing has been touched"
        )


def is_newer(node: Node) -> bool:
    """Whether the node has a newer version of what is offered. The vendor's and ours are different products."""
    offer, build = offered(node)
    return bool(node.version) and bool(node.build) == bool(build) and version.compare(node.version, offer) > 0


def is_pending(node: Node) -> bool:
    """Whether the package is not installed yet as it is offered: version, and build where the package tells one."""
    return bool(node.broken) or (node.version, node.build) != offered(node)


def offered(node: Node) -> tuple[str, str]:
    """Version and build of the package that the node is to have. Raises :class:`~tasks.run.DeployError`."""
    return _offered(str(file_for(node)))


def file_for(node: Node) -> Path:
    """The package file on this machine that the node is to have."""
    return run.PROJECT / (str(host.data.package_file) or OURS[node.family].format(version=_our_version()))


@functools.cache
def _our_version() -> str:
    return str(tomllib.loads((run.PROJECT / "pyproject.toml").read_text())["project"]["version"])


def _family(path: str) -> str:
    return path.rpartition(".")[2]


@functools.cache
def _offered(path: str) -> tuple[str, str]:
    """What a package file says of itself: version, and build or nothing."""
    if not Path(path).is_file():
        raise run.DeployError(
            f"there is no package {path}: build it with `make package`. Nothing has been touched"
        )
    if _family(path) not in QUESTIONS:
        raise run.DeployError(f"{path} is neither a .deb nor an .rpm. Nothing has been touched")
    command = [*QUESTIONS[_family(path)], path]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise run.DeployError(
            f"{command[0]} is missing on this machine, which reads the package: {TOOLS[_family(path)]}"
        ) from None
    if done.returncode:
        raise run.DeployError(f"{path} is not a package: {done.stderr.strip()}. Nothing has been touched")
    found, _, rest = done.stdout.partition("\n")
    if _family(path) == "rpm":
        rest = next((each.partition("=")[2] for each in rest.split() if "(build)=" in each), "")
    return found.strip(), rest.strip()


@operation()
def _install() -> Generator[PyinfraCommand, None, None]:
    node = nodes.state_of(host)
    if upgrade.skipped() or upgrade.in_turn(node) or not is_pending(node):
        host.noop("the package is installed, or will be in its turn")
        return
    yield from steps()
    nodes.forget(host)


def steps() -> Iterator[PyinfraCommand]:
    """Installs what is offered on the node at hand. The file ``owed`` keeps the package from starting the service."""
    node = nodes.state_of(host)
    path = file_for(node)
    arriving = f"{ARRIVING}/{path.name}"
    yield scripts.command("install-room", KEPT)
    yield FileUploadCommand(str(path), arriving)
    yield scripts.command("install", node.family, arriving, KEPT)
