"""What the lab is made of: its hosts, their addresses and roles, and where everything about it is kept.

A lab has a name. Its hosts live behind a bridge inside the network namespace of that name, which has no way out,
so two labs with different names run side by side on the same addresses.

    .lab/cache/             layers of root file systems, shared by all labs of this clone
    .lab/log/               what the programs printed
    .lab/<name>/            one lab: keys, certificates, ssh_config, secrets, the hosts' own layers
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from lab.steps import LabError

PROJECT = Path(__file__).resolve().parent.parent
FILES = PROJECT / "lab" / "files"
STATE = PROJECT / ".lab"
CACHE = STATE / "cache"
LOGS = STATE / "log"

DEFAULT_NAME = "oxlab"
CONTROLLER = "10.77.0.1"
PREFIX_LENGTH = 24
BRIDGE = "br0"
# What a phone and a browser call the site; web1 answers to it.
SITE = "ox.example.org"

# A network namespace is called <lab>-<host>; the name is also a directory.
NAME = re.compile(r"[a-z][a-z0-9]{0,19}")


@dataclass(frozen=True, slots=True)
class Host:
    """One host: ``role`` chooses its root file system; ``route`` is its suffix of JSESSIONID (ox only)."""

    name: str
    address: str
    role: str
    port: int
    route: str = ""


HOSTS = (
    Host("web1", "10.77.0.11", "web", 80),
    Host("ox1", "10.77.0.12", "ox", 8009, "OX1"),
    Host("ox2", "10.77.0.13", "ox", 8009, "OX2"),
    Host("db1", "10.77.0.14", "db", 3306),
)


def host(name: str) -> Host:
    """The host of that name; LabError names the ones there are."""
    for candidate in HOSTS:
        if candidate.name == name:
            return candidate
    raise LabError(f"no host {name!r} in the lab; there are {', '.join(h.name for h in HOSTS)}")


def hosts_file() -> str:
    """/etc/hosts of every host and of the controller."""
    lines = ["127.0.0.1 localhost", f"{CONTROLLER} controller"]
    lines += [f"{h.address} {h.name}" + (f" {SITE}" if h.role == "web" else "") for h in HOSTS]
    return "\n".join(lines) + "\n"


@dataclass(frozen=True, slots=True)
class Lab:
    """Names and paths of one lab."""

    name: str

    @property
    def directory(self) -> Path:
        return STATE / self.name

    @property
    def namespace(self) -> str:
        """The network namespace of bridge and controller."""
        return self.name

    def namespace_of(self, host: Host) -> str:
        return f"{self.name}-{host.name}"

    @property
    def namespaces(self) -> list[str]:
        return [self.namespace, *(self.namespace_of(host) for host in HOSTS)]

    def root_of(self, host: Host) -> Path:
        """The directory with the host's own layer (``upper``), and where its root is mounted (``root``)."""
        return self.directory / "hosts" / host.name

    @property
    def key(self) -> Path:
        return self.directory / "id_ed25519"

    @property
    def known_hosts(self) -> Path:
        return self.directory / "known_hosts"

    @property
    def ssh_config(self) -> Path:
        return self.directory / "ssh_config"

    @property
    def authority(self) -> Path:
        """The certificate of the lab's own certificate authority, which signed that of web1."""
        return self.directory / "ca" / "ca.pem"

    @property
    def secrets(self) -> Path:
        """JSON: passwords made for this lab, readable by root alone."""
        return self.directory / "secrets.json"

    @property
    def hosts_file(self) -> Path:
        return self.directory / "etc-hosts"


def chosen_lab(name: str | None = None) -> Lab:
    """The lab of that name, else of ``OXLAB_NAME``, else ``oxlab``."""
    name = name or os.environ.get("OXLAB_NAME") or DEFAULT_NAME
    if not NAME.fullmatch(name):
        raise LabError(
            f"{name!r} is no name for a lab: up to 20 lower-case letters and digits, a letter first"
        )
    return Lab(name)
