"""Ways into a running lab: onto a host, onto the controller inside the lab's network, and to a port."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from pathlib import Path

from lab import netns
from lab.plan import Host, Lab
from lab.steps import LabError

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SSH_PORT = 22
# Services whose server sends the first byte; only that byte tells that they work.
SPEAK_FIRST = (SSH_PORT, 3306)


def command_on(lab: Lab, host: Host, command: Sequence[str]) -> list[str]:
    """The command that runs ``command`` on a host as root, without ssh."""
    return command_beside(_first(lab, host), command)


def command_beside(process: int, command: Sequence[str]) -> list[str]:
    """The command that runs ``command`` as root where that process is, with root's environment on a host and nothing of
    this machine's."""
    there = ["nsenter", "--target", str(process), "--all", "--root", "--wd", "--"]
    clean = ["env", "-i", f"PATH={PATH}", "HOME=/root", "LC_ALL=C.UTF-8", "LOGNAME=root", "USER=root"]
    return [*there, *clean, *command]


def _first(lab: Lab, host: Host) -> int:
    first = netns.first_process(lab.namespace_of(host))
    if first is None:
        raise LabError(f"{host.name} of the lab {lab.name} is not running")
    return first


def environment(lab: Lab) -> dict[str, str]:
    """The environment of programs that work on the lab: which one it is, and no proxy."""
    return {**_without_proxies(), "OXLAB_NAME": lab.name, "OXLAB_DIR": str(lab.directory)}


def command_inside(lab: Lab, command: Sequence[str]) -> list[str]:
    """The command that runs ``command`` on the controller, inside the lab's network."""
    return netns.command_inside(lab.namespace, lab.hosts_file, list(command))


def root_of(lab: Lab, host: Host) -> Path:
    """The running host's root directory as the machine sees it."""
    return Path(f"/proc/{_first(lab, host)}/root")


def _without_proxies() -> dict[str, str]:
    """Inside the lab there is no way out, so none must be tried."""
    return {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}


def _answers(address: str, port: int, speaks_first: bool) -> bool:
    try:
        with socket.create_connection((address, port), timeout=2) as connection:
            return bool(connection.recv(1)) if speaks_first else True
    except OSError:
        return False


def answers(lab: Lab, host: Host, port: int) -> bool:
    """Whether something answers on that port of the host; asked from inside the lab."""
    speaks_first = port in SPEAK_FIRST
    return netns.call_inside(lab.namespace, lambda: _answers(host.address, port, speaks_first))
