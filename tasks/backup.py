"""What a rollback needs is kept on each host before a product is replaced.

Rules of this file:

* each host keeps its own, under :data:`FOLDER`, in a folder called by the run that replaces (``upgrade.run_id``). It is
  the same name on all hosts, and stays the same until that run, however often it was interrupted, has come to its end;
* nodes keep the package as a file, its configuration with owner and mode, and how the service stood; web servers keep
  what Apache has of ours and of ActiveSync. The dumps of :mod:`tasks.database` come beside them, on one node;
* the last file that is written says that all others are there. What cannot be kept is not replaced;
* only root can look into it: the settings may hold a password, and the dumps what phones know.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

from pyinfra.api.command import PyinfraCommand, StringCommand
from pyinfra.api.facts import FactBase
from pyinfra.api.host import Host
from pyinfra.context import host, state

from tasks import apache, nodes, product, report, run, scripts, upgrade
from tasks.operations import operation

FOLDER = f"{nodes.STATE}/backup"


OWN_SERVICE = "open-xchange-usm"
"""The service of this application and of its beta, where the settings name that of another product."""


def service_of_before() -> str:
    """The name of the service of its own that a product other than the vendor's bundles has on the host at hand."""
    return str(host.data.service_name) if product.wanted(host.data).has_service else OWN_SERVICE


def of(run_id: str) -> str:
    """The folder of a run."""
    return f"{FOLDER}/{run_id}"


def tables(run_id: str) -> str:
    """The folder of the dumps of a run."""
    return f"{FOLDER}/{run_id}/tables"


def leftovers(run_id: str) -> str:
    """The folder of dumps of tables that were left without their product; no rollback goes back to that."""
    return f"{FOLDER}/leftovers-{run_id}"


def restored(run_id: str) -> str:
    """The mark that a rollback has brought the tables of a run back."""
    return f"{FOLDER}/{run_id}/restored"


@dataclass(frozen=True, slots=True)
class Backup:
    """What a host has kept before a product was replaced. ``marks``: ``complete`` (the node's part), ``apache`` (the
    web server's), ``tables`` (the dumps), ``restored`` (a rollback has brought the tables back), ``rolled-back`` (the
    host is what it was), and ``bundles``, ``enabled``, ``running`` as they were. ``version`` and ``build``: the package
    of before, empty if there was none."""

    marks: frozenset[str]
    version: str = ""
    build: str = ""


class Backups(FactBase[dict[str, Backup]]):
    """What the host has kept, by run."""

    @staticmethod
    def default() -> dict[str, Backup]:
        return {}

    def command(self) -> StringCommand:
        return scripts.command("backups", FOLDER)

    def process(self, output: list[str]) -> dict[str, Backup]:
        found = {}
        for line in output:
            what, _, told = line.partition("=")
            if what != "backup":
                continue
            name, *words = told.split()
            values = dict(word.split("=", 1) for word in words if "=" in word)
            marks = frozenset(word for word in words if "=" not in word)
            found[name] = Backup(marks, values.get("version", ""), values.get("build", ""))
        return found


def kept_by(each: Host) -> dict[str, Backup]:
    """What a host has kept, by run; asked anew at each call."""
    return each.get_fact(Backups)


def keep() -> None:
    """Package, configuration and the state of the service are kept, on every host, before a product is replaced."""
    if nodes.is_node():
        run.attempt(_keep, "Keep what a rollback needs")
    if "web" in host.groups:
        run.attempt(_keep_apache, "Keep what a rollback needs of Apache")


@operation()
def _keep() -> Generator[PyinfraCommand, None, None]:
    if upgrade.skipped() or not upgrade.replaces():
        host.noop("no product is replaced")
        return
    data, folder = host.data, of(upgrade.run_id())
    yield scripts.command("folder", nodes.STATE)
    yield scripts.command(
        "backup",
        *(folder, data.backups_kept, data.package_name, service_of_before(), data.updatetasks_parking),
        *(scripts.text("node"), scripts.text("repack")),
    )
    if state.is_executing:
        report.note("kept", f"package and settings of before, in {folder}")


@operation()
def _keep_apache() -> Generator[PyinfraCommand, None, None]:
    if upgrade.skipped() or not upgrade.replaces():
        host.noop("no product is replaced")
        return
    yield scripts.command("folder", nodes.STATE)
    yield apache.command("backup-apache", of(upgrade.run_id()), host.data.backups_kept)
