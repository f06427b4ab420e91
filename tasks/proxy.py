"""Guide, "Apache Configuration": the web servers forward what phones ask for to the application nodes.

Our lines stand before Open-Xchange's own, because the first match counts; with a certificate of our own
(``tls_certificate``) they make a virtual host that answers to ``server_name`` alone. Apache is asked whether it accepts
them before it reads them, and whether it runs with them afterwards; if not, the configuration of before comes back, and
so does everything that was enabled (``tasks/shell/apache.sh``).
"""

from __future__ import annotations

import base64
import hashlib
import math
import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import Any

from pyinfra.api.command import PyinfraCommand, StringCommand
from pyinfra.api.facts import FactBase
from pyinfra.api.host import Host
from pyinfra.context import host, inventory

from tasks import apache, balancer, certificate, nodes, report, run
from tasks.certificate import Certificate
from tasks.operations import operation
from tasks.render import render

BALANCER = ("proxy_balancer", "slotmem_shm", "lbmethod_bybusyness", "lbmethod_byrequests")
"""byrequests is what a balancer has before its own method is read; without it Apache does not start."""

MODULES = {
    "http": ("proxy", "proxy_http", *BALANCER, "proxy_hcheck"),
    "ajp": ("proxy", "proxy_ajp", *BALANCER),
}
ALWAYS = ("headers", "env", "reqtimeout", "unique_id")
WITH_SITE = ("ssl", "socache_shmcb", "rewrite")

BROWSERS = 150
"""Requests under way beside those of phones: what Apache allows as it is delivered."""

ANY_ADDRESS = ("*", "_default_", "0.0.0.0", "[::]")  # noqa: S104  # nosec B104 # Apache's words
"""What a virtual host stands for that answers at every address."""

PRIVATE = r"(?i)^/usm/(?:admin|health|metrics|tables)\b"
"""What the nodes serve on a listener of its own, for administrators: never forwarded."""

STICKY = "usm-node"
"""The cookie by which the application names its node (``app/web/resource.py``)."""

SPARE = 1.25
MANY = 4000


@dataclass(frozen=True, slots=True)
class Found:
    """What Apache is and has of our configuration.

    ``files``: sha256 by role; ``loaded``: the version it runs with; ``limits``: those it was started with; ``broken``:
    why it does not accept its configuration; ``drained``: members that it was told to leave out; ``hosts``: (port,
    name, file and line, address) of virtual hosts, for each of their names; ``forwards``: (file and line, "host" or
    "server", directive, path) of lines that forward something, all but ours.
    """

    family: str = ""
    home: str = ""
    files: dict[str, str] = field(default_factory=dict)
    enabled: frozenset[str] = frozenset()
    modules: frozenset[str] = frozenset()
    running: bool = False
    loaded: str = ""
    limits: str = ""
    broken: str = ""
    unfinished: bool = False
    selinux: bool = False
    tasks: int = 0
    drained: frozenset[str] = frozenset()
    hosts: tuple[tuple[str, ...], ...] = ()
    forwards: tuple[tuple[str, ...], ...] = ()


class Forwarding(FactBase[Found]):
    """What the Apache of the host is and has, in one question."""

    @staticmethod
    def default() -> Found:
        return Found()

    def command(self, port: int) -> StringCommand:
        return apache.command("apache-state", port)

    def process(self, output: list[str]) -> Found:
        told: dict[str, list[str]] = {}
        for line in output:
            name, separator, value = line.partition("=")
            if separator:
                told.setdefault(name, []).append(value)
        last = {name: values[-1] for name, values in told.items()}
        return Found(
            family=last.get("family", ""),
            home=last.get("home", ""),
            files={role: last[role] for role in apache.ROLES if role in last},
            enabled=frozenset(told.get("enabled", [])),
            modules=frozenset(told.get("module", [])),
            running="running" in told,
            loaded=last.get("loaded", ""),
            limits=last.get("limits", ""),
            broken=last.get("broken", "").strip(),
            unfinished="unfinished" in told,
            selinux="selinux" in told,
            tasks=int(last.get("tasks", "") or 0),
            drained=frozenset(told.get("drained", [])),
            hosts=tuple(tuple(value.split()) for value in told.get("vhost", [])),
            forwards=tuple(tuple(value.split(None, 3)) for value in told.get("forwards", [])),
        )


@dataclass(frozen=True, slots=True)
class Limits:
    """What Apache is sized to: phones that may wait at once, threads a process, threads in all, processes in all."""

    phones: int
    threads: int
    workers: int
    server_limit: int

    @property
    def told(self) -> str:
        """Those that Apache takes over only when it is started."""
        return f"{self.server_limit} {self.threads}"


def limits() -> Limits | None:
    """What the web server at hand is sized to; None where ``phones_per_node`` is 0 and Apache is left as it is."""
    webs = len(inventory.get_group("web"))
    phones = math.ceil(int(host.data.phones_per_node) * len(nodes.all_nodes()) / webs)
    if not phones:
        return None
    threads = 64 if phones <= MANY else 256
    processes = math.ceil((phones * SPARE + BROWSERS) / threads)
    return Limits(phones, threads, processes * threads, processes * 2)


def forward() -> None:
    """Apache forwards ActiveSync to every application node of the inventory, and nothing else of ours."""
    if "web" in host.groups:
        certificate.read(host.data, "")
        _forward(name="Forward ActiveSync to the application nodes")


def files(home: str, given: Certificate | None = None) -> dict[str, bytes]:
    """Everything that the web server at hand must have, by role. ``home`` is where our further files lie. All of it
    makes the version that ``conf`` tells."""
    given = given or Certificate()
    values = _values(home, given)
    wanted = {"conf": render("apache.conf.j2", values).encode(), **given.contents}
    if given.paths:
        wanted["site"] = render("apache-site.conf.j2", values).encode()
    values["version"] = _version(wanted)
    return {**wanted, "conf": render("apache.conf.j2", values).encode()}


def _values(home: str, given: Certificate) -> dict[str, Any]:
    data = host.data
    members = [_member(node) for node in nodes.all_nodes()]
    local = [member["address"] for member in members] == ["127.0.0.1"]
    direct = f"ajp://127.0.0.1:{members[0]['port']}" if local and data.proxy_scheme == "ajp" else ""
    return {
        **data.dict(),  # type: ignore[no-untyped-call]
        "nodes": members,
        "sticky": STICKY if any(map(_is_named, nodes.all_nodes())) else "",
        "home": home,
        "direct": direct,
        "limits": limits(),
        "pattern": re.escape(data.alias),
        "autodiscovered": data.autodiscover and data.proxy_scheme == "http",
        "paged": data.pages and data.proxy_scheme == "http",
        "private": PRIVATE,
        "tls": given.paths,
        "version": "0",
    }


def _is_named(node: Any) -> bool:
    """Whether the cookie of a node names it as the balancer does."""
    return bool(node.data.balancer_node == balancer.member_name(node) and node.data.proxy_scheme == "http")


def _version(wanted: dict[str, bytes]) -> str:
    summary = hashlib.sha256()
    for role in sorted(wanted):
        summary.update(hashlib.sha256(wanted[role]).digest())
    return summary.hexdigest()[:16]


def version_of(conf: bytes) -> str:
    """The version that a configuration tells."""
    match = re.search(rb"ServerName (\w+)\.usm\.invalid", conf)
    return match.group(1).decode() if match else ""


def address_of(node: Any) -> str:
    """Where other hosts reach a node."""
    return str(node.data.get("address") or node.data.get("ssh_hostname") or node.name)


def in_url(address: str) -> str:
    """An address as it stands in an URL."""
    return f"[{address}]" if ":" in address else address


def is_only_web_server(node: Any) -> bool:
    """Whether nobody but the node itself forwards to it, so that it need not be reached from elsewhere."""
    return [web.name for web in inventory.get_group("web")] == [node.name]


def _member(node: Any) -> dict[str, Any]:
    address = "127.0.0.1" if is_only_web_server(node) else address_of(node)
    port = node.data.proxy_port or (8009 if node.data.proxy_scheme == "ajp" else node.data.listen_port)
    name = balancer.member_name(node)
    return {"name": name, "address": in_url(address), "port": port}


@operation()
def _forward() -> Generator[PyinfraCommand, None, None]:
    found = host.get_fact(Forwarding, port=host.data.manager_port)
    given = certificate.read(host.data, found.home)
    wanted = files(found.home, given)
    with_site = bool(given.paths)
    for warning in (
        *given.warnings,
        *_conflicts(found, with_site),
        *_shortages(found),
        *_exposure(found, with_site),
    ):
        report.note("warning", warning)
    forgotten = _forgotten(found)
    if not _is_as(found, wanted):
        if problem := _obstacle(found, bool(given.paths)):
            yield run.failure(problem)
            return
        yield from _give(found, wanted)
    elif not forgotten:
        host.noop("Apache forwards ActiveSync already")
    for node in forgotten:
        yield balancer.putting_back(host, node)


def _forgotten(found: Found) -> list[Host]:
    """Nodes that serve, and that this web server was told to leave out by a run of which the node knows nothing: it was
    installed anew since."""
    return [
        node
        for node in nodes.nodes()
        if balancer.member_name(node) in found.drained
        and nodes.state_of(node).running
        and not nodes.state_of(node).drained
    ]


def _is_as(found: Found, wanted: dict[str, bytes]) -> bool:
    """Whether Apache runs with everything that is wanted."""
    return (
        found.files == {role: hashlib.sha256(content).hexdigest() for role, content in wanted.items()}
        and found.enabled == wanted.keys() & {"conf", "site"}
        and found.running
        and found.loaded == version_of(wanted["conf"])
        and not _missing(found, "site" in wanted)
        and not _is_to_change(found)
        and not found.broken
        and not found.unfinished
        and not found.selinux
    )


def _missing(found: Found, with_site: bool) -> list[str]:
    modules = (*MODULES[host.data.proxy_scheme], *ALWAYS, *(WITH_SITE if with_site else ()))
    return [name for name in modules if name not in found.modules]


def _is_to_change(found: Found) -> bool:
    """Whether Apache keeps a process for each request, which no number of waiting phones allows."""
    return "mpm_prefork" in found.modules and limits() is not None


def _obstacle(found: Found, with_site: bool) -> str:
    """Why Apache cannot be given our configuration: what somebody has to decide or to mend first."""
    data = host.data
    if not found.family:
        return "there is no Apache here: install apache2 (Debian, SLES) or httpd (RHEL)"
    if found.broken and not found.unfinished and apache.NAME not in found.broken:
        return f"Apache's configuration was broken before, and not by us: {found.broken}. Mend that and run again"
    within = [name for name in sorted(found.modules) if re.fullmatch(r"php\d*|mpm_itk", name)]
    if _is_to_change(found) and within:
        return (
            f"Apache runs {', '.join(within)} inside itself and so keeps a process for each request; a waiting phone"
            " would keep one for half an hour. Let PHP run as FPM (mod_proxy_fcgi), or set phones_per_node to 0 to"
            " have Apache left as it is. Nothing was changed"
        )
    others = [each for each in found.hosts if apache.SITE not in each[2]]
    if (
        with_site
        and all(port != "80" for port, *_ in others)
        and any(inside == "server" for _, inside, *_ in found.forwards)
    ):
        return (
            "the site of this web server stands outside of any virtual host, so the first virtual host, ours, would"
            " hide it: put it into one for port 80, or leave tls_certificate empty to have our lines in the site as it"
            " is. Nothing was changed"
        )
    ours = {data.server_name, *data.server_aliases}
    for port, name, place, address in others:
        if not with_site or port != "443":
            continue
        if name in ours:
            return (
                f"{name} has a virtual host already ({place}), so ours would never be asked: choose another"
                " server_name, or leave tls_certificate empty to have our lines in the site as it is. Nothing was"
                " changed"
            )
        if address not in ANY_ADDRESS:
            return (
                f"a virtual host stands for one address ({address}:{port}, {place}), where Apache asks no other, ours"
                " included: let it stand for *, or leave tls_certificate empty to have our lines in the site as it is."
                " Nothing was changed"
            )
    return ""


def _conflicts(found: Found, with_site: bool) -> Iterator[str]:
    """Lines of others that forward the same path."""
    for place, inside, directive, *rest in found.forwards:
        path = rest[0] if rest else ""
        if inside == "host" and not with_site and _covers(directive, path):
            yield f"{place} forwards {path} in a virtual host, where it counts before our lines: remove it"
        elif inside == "server" and path == host.data.alias:
            yield f"{place} forwards {path} as well; our lines count before it: remove it"


def _covers(directive: str, path: str) -> bool:
    alias = host.data.alias
    if directive == "proxypass":
        return bool(path == alias or alias.startswith(path.rstrip("/") + "/"))
    try:
        return re.match(path, alias) is not None
    except re.error:
        return False


def _shortages(found: Found) -> Iterator[str]:
    wanted = limits()
    if wanted and found.tasks and found.tasks < wanted.workers + wanted.server_limit:
        yield (
            f"systemd lets Apache have {found.tasks} threads, fewer than {wanted.phones} phones need: raise TasksMax"
            " (systemctl edit)"
        )


def _exposure(found: Found, with_site: bool) -> Iterator[str]:
    """Where no phone could come over TLS, so that the application would refuse all of them."""
    data = host.data
    if with_site or data.allow_plain_http or data.tls_before_apache or data.proxy_scheme != "http":
        return
    if all(port != "443" for port, *_ in found.hosts):
        yield (
            "no virtual host of this web server has TLS, so every phone is refused (403) before its password is read:"
            " set tls_certificate, tls_key and server_name; or tls_before_apache, where something in front of Apache"
            " ends TLS and says so in X-Forwarded-Proto; or, on a private network alone, allow_plain_http"
        )


def _give(found: Found, wanted: dict[str, bytes]) -> Iterator[PyinfraCommand]:
    size = limits()
    changing = _is_to_change(found)
    anew = changing or found.unfinished or found.limits != (size.told if size else "")
    if changing:
        report.note("restarted", "Apache: its requests are processed by event instead of prefork from now on")
    elif anew and found.running:
        report.note("restarted", "Apache: it takes over the number of its processes only when it is started")
    lines = [f"{role} {base64.b64encode(content).decode()}\n" for role, content in wanted.items()]
    missing = " ".join(_missing(found, "site" in wanted))
    yield apache.command(
        "apache",
        missing,
        "restart" if anew else "reload",
        host.data.manager_port,
        "prefork" if changing else "",
        stdin="".join(lines),
    )
