"""Optional: Dovecot tells the application of new mail at once, so that a waiting phone need not wait for the next poll.

Dovecot's plugin ``push_notification`` with its driver ``ox`` speaks as it does to Open-Xchange itself (``PUT
/preliminary/http-notify/v1/notify``). Every node is told, because any of them may hold the phones of a user; a driver
of the site's own, to Open-Xchange, goes on beside ours.

The password stands in a file of its own that only root reads, and Dovecot's configuration includes it where it may: a
tool that runs as another user goes on without. ``doveconf`` is asked before Dovecot reads anything; if it does not
agree, everything is as it was before.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from pyinfra.api.command import PyinfraCommand, StringCommand
from pyinfra.api.facts import FactBase
from pyinfra.context import host

from tasks import nodes, proxy, run, scripts, secrets
from tasks.operations import operation
from tasks.render import render

SECRET = "USM_PUSH_PASSWORD"  # noqa: S105  # nosec B105 # its name
"""The password that Dovecot shows to the application."""

ROLES = ("conf", "secret")
OLDEST, NEWEST = (2, 3), (2, 4)


@dataclass(frozen=True, slots=True)
class Dovecot:
    """What Dovecot is and has of ours. ``files``: sha256 by role; ``drivers``: settings' names that others have taken;
    ``loaded``: sha256 of what it was last told to read; ``broken``: why its configuration is not accepted."""

    version: str = ""
    files: dict[str, str] = field(default_factory=dict)
    drivers: tuple[str, ...] = ()
    loaded: str = ""
    broken: str = ""
    unfinished: bool = False


class DovecotState(FactBase[Dovecot]):
    """The Dovecot of the host, in one question."""

    @staticmethod
    def default() -> Dovecot:
        return Dovecot()

    def command(self) -> StringCommand:
        return scripts.command("dovecot", "state")

    def process(self, output: list[str]) -> Dovecot:
        told = dict(line.split("=", 1) for line in output if "=" in line)
        return Dovecot(
            version=told.get("version", ""),
            files={role: told[role] for role in ROLES if role in told},
            drivers=tuple(told.get("drivers", "").split()),
            loaded=told.get("loaded", ""),
            broken=told.get("broken", "").strip(),
            unfinished="unfinished" in told,
        )


def push() -> None:
    """Dovecot on the hosts of the group ``mail`` tells every node of new mail; or, without ``dovecot_push``, no longer
    does."""
    if "mail" not in host.groups:
        return
    if host.data.dovecot_push and not secrets.find(SECRET, host.data):
        raise run.DeployError(
            f"missing: {SECRET}, the password by which Dovecot tells the application of new mail. Nothing has been"
            " touched"
        )
    _push(name="Have Dovecot tell of new mail")


@operation()
def _push() -> Generator[PyinfraCommand, None, None]:
    found = host.get_fact(DovecotState)
    wanted = files(found.drivers) if host.data.dovecot_push else {}
    digests = {role: hashlib.sha256(content).hexdigest() for role, content in wanted.items()}
    if found.files == digests and not found.unfinished and found.loaded == _summary(digests):
        host.noop("Dovecot tells of new mail already" if wanted else "Dovecot is as it was")
    elif problem := _obstacle(found):
        yield run.failure(problem)
    else:
        lines = [f"{role} {base64.b64encode(content).decode()}\n" for role, content in wanted.items()]
        yield scripts.command("dovecot", "write", _summary(digests), stdin="".join(lines))


def _summary(digests: dict[str, str]) -> str:
    """What is remembered of the files that Dovecot was told to read; nothing where it has none of ours."""
    return " ".join(digests[role] for role in sorted(digests))


def _obstacle(found: Dovecot) -> str:
    if not found.version:
        return "there is no Dovecot here: take the host out of the group mail, or install it"
    if not OLDEST <= _number(found.version) < NEWEST:
        return (
            f"Dovecot {found.version} has settings of another form than 2.3, which is known here: set dovecot_push to"
            " False and see docs/operations.md. Nothing was changed"
        )
    if found.broken and not found.unfinished and "open-xchange-usm" not in found.broken:
        return f"Dovecot's configuration was broken before, and not by us: {found.broken}. Mend that and run again"
    return ""


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2] if part.isdigit())


def files(taken: tuple[str, ...] = ()) -> dict[str, bytes]:
    """What Dovecot must have, by role. ``taken`` are the names of drivers that others have set."""
    password = secrets.find(SECRET, host.data) or ""
    urls = [_url(node, password) for node in nodes.all_nodes()]
    names = [name for name in _names(len(urls) + len(taken)) if name not in taken]
    values = {"drivers": list(zip(names, urls, strict=False))}
    return {
        "conf": render("dovecot.conf.j2", {"protocols": host.data.dovecot_push_protocols}).encode(),
        "secret": render("dovecot-secret.conf.j2", values).encode(),
    }


def _names(count: int) -> list[str]:
    """Dovecot looks for these one after the other, and stops at the first that is not set."""
    return [f"push_notification_driver{number if number > 1 else ''}" for number in range(1, count + 1)]


def _url(node: Any, password: str) -> str:
    """Where a node is told, with name and password; a percent sign would begin a variable of Dovecot's."""
    who = f"{quote(host.data.dovecot_push_login, safe='')}:{quote(password, safe='')}".replace("%", "%%")
    address = proxy.in_url(proxy.address_of(node))
    port = node.data.dovecot_push_port or node.data.listen_port
    return f"http://{who}@{address}:{port}/preliminary/http-notify/v1/notify"
