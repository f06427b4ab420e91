"""How the hosts stand: what a fault may leave and what it must not."""

from __future__ import annotations

import gzip
import json
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab import enter
from lab.packages import legacy
from lab.plan import host
from lab.testing import LabHosts
from tests.deploy.hosts import CFG, ETC, NODES, PARKED, exists

SCHEMAS = ("oxdatabase_5", "oxdatabase_6")
CONTEXTS = {"oxdatabase_5": (1,), "oxdatabase_6": (2, 3)}
BACKUPS = "/var/lib/open-xchange-usm/backup"
EDITS = {
    "com.openexchange.usm.ox.url": "http://127.0.0.1:8009/ajax/",
    "com.openexchange.usm.listen.host": "0.0.0.0",
    "com.openexchange.usm.ox.read_timeout": "45000",
    "com.openexchange.usm.of_another_program": "stays",
}
"""What the administrator of the beta wrote into usm.properties."""

Picture = dict[str, dict[str, list[tuple[str, ...]]]]


def query(hosts: LabHosts, schema: str, statement: str) -> Iterable[Sequence[Any]]:
    """The rows of a statement in a schema, as texts."""
    done = hosts.run(
        "db1",
        "mariadb",
        "--batch",
        "--skip-column-names",
        "--raw",
        "--database",
        schema,
        "--execute",
        statement,
    )
    return [line.split("\t") for line in done.stdout.splitlines()]


def make(hosts: LabHosts, schema: str) -> None:
    """Makes the legacy tables and procedures as the beta's update task does."""
    for statement in legacy.create_statements():
        hosts.run("db1", "mariadb", "--database", schema, "--delimiter", "//", stdin=statement)


def fill(hosts: LabHosts) -> None:
    """Gives the legacy tables of every schema rows of every kind."""
    for schema, contexts in CONTEXTS.items():
        statements = ";\n".join(legacy.fill_statements(contexts))
        hosts.run("db1", "mariadb", "--default-character-set=utf8mb4", "--database", schema, stdin=statements)


def picture(hosts: LabHosts) -> Picture:
    """Everything that is in the legacy tables and procedures of every schema."""
    return {
        schema: legacy.picture(lambda statement, schema=schema: query(hosts, schema, statement))  # type: ignore[misc]
        for schema in SCHEMAS
    }


def edit(hosts: LabHosts, node: str) -> None:
    """The administrator of the beta edits usm.properties, as people do."""
    for key, value in EDITS.items():
        script = (
            f"sed -i '/^{key}=/d' {ETC}/usm.properties; printf '%s\\n' '{key}={value}' >>{ETC}/usm.properties"
        )
        hosts.sh(node, script)


def in_place(hosts: LabHosts) -> bool:
    """Whether updatetasks.cfg is where Open-Xchange looks for it, on every node."""
    return all(exists(hosts, name, CFG) and not exists(hosts, name, PARKED) for name in NODES)


@dataclass(frozen=True, slots=True)
class Serving:
    """What a node serves phones with: the package on it, and whether the service runs."""

    version: str
    runs: bool


def serving(hosts: LabHosts, node: str) -> Serving:
    """What a node is, asked on the node itself."""
    version = hosts.sh(
        node, "dpkg-query -W -f '${db:Status-Status} ${Version}' open-xchange-usm 2>/dev/null || true"
    )
    status = hosts.run(node, "/etc/init.d/open-xchange-usm", "status", check=False)
    return Serving(version, status.returncode == 0)


def missing(before: Picture, now: Picture) -> list[str]:
    """The schemas in which something of before is gone or different."""
    return [
        schema
        for schema, objects in before.items()
        if any(now[schema].get(name) != content for name, content in objects.items())
    ]


@dataclass(frozen=True, slots=True)
class Dump:
    """A dump of the tables of a schema, as a path of this machine, and the procedures that were saved beside it."""

    path: Path
    procedures: frozenset[str]


def dump_of(hosts: LabHosts, schema: str) -> Dump | None:
    """The newest dump of a schema that says of itself that it is verified."""
    for node in NODES:
        for manifest in sorted(
            (hosts.root(node) / BACKUPS.lstrip("/")).glob("**/manifest.json"), reverse=True
        ):
            for entry in _entries(json.loads(manifest.read_text())):
                if entry["schema"] == schema and entry["verified"] and entry["dump"]:
                    return Dump(manifest.with_name(entry["dump"]["file"]), frozenset(entry["procedures"]))
    return None


def _entries(told: Any) -> Iterator[dict[str, Any]]:
    """The entries of a manifest, wherever in it they are."""
    if isinstance(told, dict):
        if {"schema", "verified", "dump"} <= told.keys():
            yield told
        else:
            for value in told.values():
                yield from _entries(value)


def holds(hosts: LabHosts, dump: Dump, objects: dict[str, list[tuple[str, ...]]]) -> bool:
    """Whether a dump holds these tables to the last byte, and these procedures by name."""
    tables = {name: content for name, content in objects.items() if name in legacy.TABLES}
    return dump.procedures == objects.keys() - tables.keys() and restored(hosts, dump.path) == tables


def restored(hosts: LabHosts, dump: Path) -> dict[str, list[tuple[str, ...]]]:
    """The tables of a dump, brought back by hand into a schema that is removed again."""
    scratch = "restored_by_a_test"
    hosts.run("db1", "mariadb", "--execute", f"CREATE OR REPLACE DATABASE {scratch}")
    try:
        with gzip.open(dump, "rb") as content:
            text = content.read()
        done = subprocess.run(
            enter.command_on(
                hosts.lab, host("db1"), ["mariadb", "--comments", "--binary-mode", "--database", scratch]
            ),
            input=text,
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return legacy.picture(lambda statement: query(hosts, scratch, statement))
    finally:
        hosts.run("db1", "mariadb", "--execute", f"DROP DATABASE {scratch}")
