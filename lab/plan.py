"""What labs are made of: plans of hosts with their addresses and roles, and where everything about a lab is kept.

A lab has a name and a plan. Its hosts live behind a bridge inside the network namespace of that name, which has no
way out, so two labs with different names run side by side on the same addresses. Which plan a lab was brought up by
is kept in its directory; whoever names the lab has the plan.

    .lab/cache/             layers of root file systems, shared by all labs of this clone
    .lab/log/               what the programs printed
    .lab/<name>/            one lab: plan, keys, certificates, ssh_config, secrets, the hosts' own layers
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
NETWORK = "10.77.0"
CONTROLLER = f"{NETWORK}.1"
PREFIX_LENGTH = 24
BRIDGE = "br0"
# What a phone and a browser call the site; the first web host answers to it.
SITE = "ox.example.org"

# A network namespace is called <lab>-<host>; the name is also a directory.
NAME = re.compile(r"[a-z][a-z0-9]{0,19}")

# A host has the same address in every plan.
NUMBERS = {"web1": 11, "ox1": 12, "ox2": 13, "db1": 14, "ox3": 15, "web2": 16}
FIRST_APPLICATION = 21

# The port by which it is seen that a host's service runs; a host of the application alone has none before it is
# deployed.
PORTS = {"web": 80, "ox": 8009, "db": 3306, "app": 0}


@dataclass(frozen=True, slots=True)
class Host:
    """One host.

    ``role``: ``web`` (Apache), ``ox`` (groupware), ``db`` (MariaDB) or ``app`` (nothing yet; the application comes
    there alone, without a groupware). ``generation`` of the groupware, 6 or 7 (``ox`` only).
    ``family`` of its packages: ``rpm`` looks like RHEL, but is Debian below (``lab/files/rpm-layer.sh``).
    """

    name: str
    role: str
    generation: int = 0
    family: str = "deb"

    @property
    def systemd(self) -> bool:
        """Whether its init is systemd, as an App Suite of our days has it; else sysvinit."""
        return self.generation == 7

    @property
    def address(self) -> str:
        number = NUMBERS.get(self.name) or FIRST_APPLICATION - 1 + int(self.name.removeprefix("app"))
        return f"{NETWORK}.{number}"

    @property
    def port(self) -> int:
        return PORTS[self.role]

    @property
    def route(self) -> str:
        """The host's suffix of JSESSIONID; empty on a host that is no groupware's."""
        return self.name.upper() if self.role == "ox" else ""


@dataclass(frozen=True, slots=True)
class Plan:
    """The hosts of a lab, in the order in which an inventory has them."""

    name: str
    about: str
    hosts: tuple[Host, ...]
    disk: int = 0
    """The size of each host's own disk in MiB; 0: as much as the machine has."""

    def host(self, name: str) -> Host:
        """The host of that name; LabError names the ones there are."""
        for candidate in self.hosts:
            if candidate.name == name:
                return candidate
        raise LabError(
            f"no host {name!r} in the lab; there are {', '.join(each.name for each in self.hosts)}"
        )

    def of_role(self, *roles: str) -> list[Host]:
        return [host for host in self.hosts if host.role in roles]

    def hosts_file(self) -> str:
        """/etc/hosts of every host and of the controller."""
        lines = ["127.0.0.1 localhost", f"{CONTROLLER} controller"]
        site = self.of_role("web")[:1]
        lines += [f"{h.address} {h.name}" + (f" {SITE}" if h in site else "") for h in self.hosts]
        return "\n".join(lines) + "\n"


def _web(*names: str) -> tuple[Host, ...]:
    return tuple(Host(name, "web") for name in names)


def _ox(*names: str, generation: int = 6) -> tuple[Host, ...]:
    return tuple(Host(name, "ox", generation) for name in names)


def _applications(count: int) -> tuple[Host, ...]:
    return tuple(Host(f"app{number}", "app") for number in range(1, count + 1))


_DB = (Host("db1", "db"),)
_GUIDE = (*_web("web1"), *_ox("ox1", "ox2"), *_DB)

_RPM = (Host("web1", "web", family="rpm"), *(Host(name, "ox", 7, "rpm") for name in ("ox1", "ox2")))

DEFAULT_PLAN = "guide"
PLANS = {
    plan.name: plan
    for plan in (
        Plan("guide", "an Apache, two nodes of OX 6, a MariaDB", _GUIDE),
        Plan(
            "three",
            "two Apaches, three nodes of OX 6, each host with a disk of its own",
            (*_web("web1", "web2"), *_ox("ox1", "ox2", "ox3"), *_DB),
            disk=1024,
        ),
        Plan("seven", "App Suite 7 with systemd", (*_web("web1"), *_ox("ox1", "ox2", generation=7), *_DB)),
        Plan(
            "mixed",
            "App Suite 7 beside the application alone",
            (*_web("web1"), *_ox("ox1", generation=7), *_applications(1), *_DB),
        ),
        Plan("rpm", "App Suite 7 and Apache on hosts of the RHEL family", (*_RPM, *_DB)),
        Plan("disks", "the guide's hosts, each with a small disk that can be filled", _GUIDE, disk=1024),
    )
}


def host(name: str) -> Host:
    """The host of that name in the guide's plan."""
    return PLANS[DEFAULT_PLAN].host(name)


# many12 has twelve hosts in all; those beyond the first three run the application alone.
MANY = re.compile(r"many(\d{1,2})")
MANY_HOSTS = range(3, 51)


def plan_named(name: str) -> Plan:
    """The plan of that name: one of PLANS, or ``many<N>`` with N hosts; LabError names the ones there are."""
    if name in PLANS:
        return PLANS[name]
    found = MANY.fullmatch(name)
    if found and int(found[1]) in MANY_HOSTS:
        return _many(int(found[1]))
    many = f"many{MANY_HOSTS[0]} to many{MANY_HOSTS[-1]}"
    raise LabError(f"no plan {name!r}; there are {', '.join(PLANS)}, {many}")


def _many(count: int) -> Plan:
    fixed = (*_web("web1"), *_ox("ox1"), *_DB)
    hosts = (*fixed, *_applications(count - len(fixed)))
    about = f"{count} hosts: an Apache, an OX 6, a MariaDB, the application on the rest"
    # Disks are files: fifty of them are removed at once, the hundred thousand files on them would take a minute.
    return Plan(f"many{count}", about, hosts, disk=1024)


@dataclass(frozen=True, slots=True)
class Lab:
    """Names and paths of one lab."""

    name: str

    @property
    def plan(self) -> Plan:
        """The plan by which it was brought up, or is being brought up; that of ``guide`` before that."""
        try:
            return plan_named(self._plan_file.read_text().strip())
        except FileNotFoundError:
            return PLANS[DEFAULT_PLAN]

    def choose(self, plan: Plan) -> None:
        """Writes down the plan."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self._plan_file.write_text(plan.name + "\n")

    @property
    def has_plan(self) -> bool:
        """Whether a plan was written down."""
        return self._plan_file.exists()

    @property
    def _plan_file(self) -> Path:
        return self.directory / "plan"

    @property
    def hosts(self) -> tuple[Host, ...]:
        return self.plan.hosts

    def host(self, name: str) -> Host:
        """The host of that name; LabError names the ones there are."""
        return self.plan.host(name)

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
        return [self.namespace, *(self.namespace_of(host) for host in self.hosts)]

    def place_of(self, host: Host) -> Path:
        """The directory with the host's own layer and where its root is mounted (``lab.disk``)."""
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
        """The certificate of the lab's own certificate authority, which signed those of the web hosts."""
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
