"""Every command in docs/operations.md is run as it stands there, in the order of the document.

The commands are typed in a copy of the project, by a shell inside the lab's network; those marked ``on ox1`` on that
host. What the document leaves to the reader, his hosts and passwords, is written for him: the lab's. What a command
prints is what the block ``text`` after it says (:mod:`tests.docs.printed`); what happens before a command, other than
by the reader's hand, its head says (:mod:`tests.docs.incidents`).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Final

import pytest

from lab.packages import beta
from lab.testing import LabHosts, Labs
from tests.docs.blocks import Block, blocks
from tests.docs.incidents import EVENTS, Incidents, make_breakable
from tests.docs.printed import NAMES, compare, with_meaning
from tests.faults.before import install_beta
from tests.packaging.deb import PROJECT, Deb

pytestmark = [pytest.mark.lab, pytest.mark.timeout(1200)]

DOCUMENT: Final = PROJECT / "docs" / "operations.md"
ASSIGNMENT: Final = re.compile(r"[A-Z]+=\S+")
NODES: Final = ("ox1", "ox2")
MORE: Final = (*NODES, "ox3")

INVENTORY: Final = """\
# The lab has no certificates here.
_ssh = {{"ssh_user": "root", "ssh_key": "{key}", "ssh_known_hosts_file": "{known_hosts}", "allow_plain_http": True}}
web = [("web1", {{"ssh_hostname": "{web1}", "address": "{web1}", **_ssh}})]
ox = [{ox}]
db = [("db1", {{"ssh_hostname": "{db1}", **_ssh}})]
production = web + ox + db
"""


@dataclass
class Reader:
    """Somebody who does what the document says, at a copy of the project."""

    hosts: LabHosts
    project: Path
    home: Path
    incidents: Incidents
    exported: list[str] = field(default_factory=list)
    meant: dict[str, str] = field(default_factory=dict)
    remembered: list[str] = field(default_factory=list)
    """Variables that were set on a host."""
    printed: str = ""
    is_on_beta: bool = False

    def follow(self, block: Block) -> None:
        """Types a block where it belongs."""
        if block.kind == "python":
            (self.project / block.where).write_text(block.text)
        elif block.kind == "sh":
            if block.once:
                self.incidents.happens(block.once)
            self._type(block)
        elif block.kind == "text":
            self.meant = compare(block.text, self.printed, self.meant)

    def _type(self, block: Block) -> None:
        if block.where.startswith("on "):
            _, host, *_ = block.where.split()
            script = "\n".join(["exec 2>&1", *self.remembered, with_meaning(block.text, self.meant)])
            done = self.hosts.run(host, "bash", "-euo", "pipefail", "-c", script, check=False)
            self.remembered += [line for line in block.text.splitlines() if ASSIGNMENT.fullmatch(line)]
        elif block.where == "lab":
            # Somebody who tries the lab has no hosts of his own in the folder of inventories.
            (self.project / "inventory" / "production.py").unlink()
            done = self.hosts.inside(
                "bash", "-euo", "pipefail", "-c", block.text, check=False, cwd=self.project
            )
        else:
            self._prepare(block.where)
            done = self._shell(block.text)
            self.exported += [line for line in block.text.splitlines() if line.startswith("export ")]
        self.printed = done.stdout
        assert done.returncode == block.status, f"{block.text}\n{done.stdout[-5000:]}\n{done.stderr[-3000:]}"

    def _prepare(self, where: str) -> None:
        """What the reader of that section has before him."""
        if where == "beta" and not self.is_on_beta:
            self.hosts.reset("beta")
            self.is_on_beta = True
        elif where == "more":
            self.write_inventory(MORE)

    def _shell(self, text: str) -> subprocess.CompletedProcess[str]:
        script = "\n".join(["set -euo pipefail", *self.exported, text])
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "USM_TEST_PASSWORD": "secret",
            "OXLAB_NAME": self.hosts.lab.name,
        }
        return self.hosts.inside(
            *("env", "-i", *(f"{name}={value}" for name, value in environment.items())),
            *("bash", "-c", script),
            check=False,
            timeout=400,
            cwd=self.project,
        )

    def write_inventory(self, nodes: tuple[str, ...]) -> None:
        """Fills the inventory in."""
        lab = self.hosts.lab
        ox = ", ".join(
            f'("{name}", {{"ssh_hostname": "{lab.host(name).address}", "address": "{lab.host(name).address}", **_ssh}})'
            for name in nodes
        )
        (self.project / "inventory" / "production.py").write_text(
            INVENTORY.format(
                key=lab.key,
                known_hosts=lab.known_hosts,
                web1=lab.host("web1").address,
                db1=lab.host("db1").address,
                ox=ox,
            )
        )

    def write_secrets(self) -> None:
        """Fills the file with the passwords in."""
        (self.home / "usm-secrets.json").write_text(json.dumps(self.hosts.passwords))


@pytest.fixture(scope="module")
def reader(
    lab_of: Labs, deb: Deb, sources: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Reader]:
    hosts = lab_of("three")
    folder = tmp_path_factory.mktemp("reader")
    make_breakable(hosts)
    hosts.snapshot("fresh")
    install_beta(hosts, beta.build(folder), NODES)
    hosts.snapshot("beta")
    hosts.reset("fresh")
    (folder / "home").mkdir()
    # The libraries of the package; inside the lab's network there is no fetching them.
    wheels = sources / "build" / "wheels"
    yield Reader(hosts, copy_of_the_project(folder / "project", wheels), folder / "home", Incidents(hosts))
    lab_of.end("three")


def copy_of_the_project(target: Path, wheels: Path) -> Path:
    """What a clone has, and what ``make install`` and the first ``make package`` have fetched already."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in listed.stdout.split("\0"):
        if name and (PROJECT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(PROJECT / name, target / name)
            shutil.copymode(PROJECT / name, target / name)
    (target / ".venv").symlink_to(PROJECT / ".venv")
    (target / ".lab").symlink_to(PROJECT / ".lab")
    shutil.copytree(wheels, target / "build" / "wheels")
    os.utime(PROJECT / ".venv" / ".installed")
    return target


def test_every_command_does_what_the_document_says(reader: Reader) -> None:
    for block in blocks(DOCUMENT):
        reader.follow(block)
        if "cp inventory/production.example.py" in block.text:
            reader.write_inventory(NODES)
        elif "usm-secrets.json" in block.text and block.kind == "sh":
            reader.write_secrets()


def test_every_block_that_looks_like_a_command_is_one() -> None:
    kinds = {block.kind for block in blocks(DOCUMENT)}
    assert kinds == {"sh", "text", "python", "json", "ini", "yaml"}


def test_nothing_happens_in_the_document_that_is_not_told() -> None:
    every = list(blocks(DOCUMENT))
    assert {block.once for block in every} - {""} == set(EVENTS)
    assert all(before.kind == "sh" for before, block in pairwise(every) if block.kind == "text")
    assert all(any(name in block.text for block in every) for name in NAMES)


def test_every_target_of_the_makefile_that_an_administrator_needs_is_told() -> None:
    text = "".join(block.text for block in blocks(DOCUMENT) if block.kind == "sh")
    told = {
        word for line in text.splitlines() if "make " in line for word in line.split("make ", 1)[1].split()
    }
    assert {"install", "package", "deploy-dry", "deploy", "verify", "rollback"} <= told
