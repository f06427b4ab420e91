"""How a whole estate stands, in one table; changes nothing.

    pyinfra inventory tasks/verify.py

Every host of the inventory has a row, also one that cannot be reached, has another version, an earlier product, or
nothing at all. Below the table stands what is wrong, and what to do; the exit status is then 1. No secret is needed.
The environment variable ``USM_VERIFY_JSON``, or ``--data verify_json=PATH``, names a file for the same as JSON
(``format`` 1, ``checked``, ``well``, ``hosts`` with the fields of :class:`Row`, ``problems``).

pyinfra itself ends where a host cannot be reached, and asks before it does anything. So ``config.py`` hands over to
:func:`instead_of_pyinfra` before the hosts are reached; from there on the hosts are asked here, by pyinfra's own
connections.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import gevent
from paramiko import SSHException
from pyinfra import logger
from pyinfra.api.command import StringCommand
from pyinfra.api.exceptions import ConnectError, PyinfraError
from pyinfra.api.host import Host
from pyinfra.api.inventory import Inventory
from pyinfra.api.state import State
from pyinfra.context import ctx_config, ctx_inventory, ctx_state

from tasks import advice, product, report, scripts
from tasks.nodes import Node, NodeState

FILE = "USM_VERIFY_JSON"
"""Environment variable that names the file for the JSON."""

FORMAT = 1

SECONDS = 90
"""How long a host may take to answer everything."""

DAY = 86400
ROLES = ("web", "ox", "db")
NOTHING = "-"

PRODUCTS = {
    product.BUNDLES: "the vendor's bundles",
    product.BETA: "our beta",
    product.APPLICATION: "this application",
}


@dataclass
class Row:
    """One host. ``product``: see :attr:`tasks.nodes.Node.installed`. ``running``, ``enabled`` and ``ready`` are those
    of the service (Apache's or the database's, where the host is nothing else). ``schemas``: of each ``name``,
    ``ready``, ``legacy``, ``advice``; a version that has ``usmctl status`` tells ``users`` and ``devices`` too.
    ``certificate_days``: until the first certificate ends. None is what is not known, or not to be had there."""

    name: str
    roles: list[str]
    reachable: bool = True
    product: str = ""
    version: str = ""
    build: str = ""
    running: bool | None = None
    enabled: bool | None = None
    ready: bool | None = None
    schemas: list[dict[str, Any]] = field(default_factory=list)
    parked: bool = False
    owed: str = ""
    drained: bool = False
    last_sync: str | None = None
    certificate_days: int | None = None
    problems: list[str] = field(default_factory=list)


def instead_of_pyinfra() -> None:
    """Carries the verification out and ends the process, if that is what pyinfra was called for. ``config.py`` calls
    this when the inventory can be read."""
    words = report.pyinfras_words()
    asked = [Path(name).resolve() for name in words.get("operations") or ()]
    if asked == [Path(__file__).resolve()]:
        sys.exit(carry_out(words))


def carry_out(words: Mapping[str, Any]) -> int:
    """Asks all hosts and prints the table. ``words`` are pyinfra's arguments; returns the exit status."""
    state = _state(words)
    hosts = [host for host in state.inventory if state.is_host_in_limit(host)]
    if not hosts:
        print("There is no host to ask: the inventory is empty, or --limit names none of it.")
        return 1
    logger.setLevel(logging.ERROR)
    rows = _all_rows(state, hosts)
    _compare(rows)
    print("\n".join(table(rows)))
    if path := _file(words):
        report.write_whole(Path(path), json.dumps(as_json(rows), indent=1) + "\n")
    return 1 if any(row.problems for row in rows) else 0


def _state(words: Mapping[str, Any]) -> State:
    """pyinfra's own objects, for the inventory and the options that it was called with."""
    # Only here: importing them replaces sockets, threads and sleep of the whole process by gevent's.
    from pyinfra_cli import cli as pyinfras  # type: ignore[import-untyped]
    from pyinfra_cli.inventory import make_inventory  # type: ignore[import-untyped]

    context: State = ctx_state.get()  # type: ignore[no-untyped-call]
    config = ctx_config.get()  # type: ignore[no-untyped-call]
    ssh = [words.get(f"ssh_{name}") for name in ("user", "key", "key_password", "port", "password")]
    data = pyinfras._set_override_data(words["data"], *ssh)
    inventory: Inventory = make_inventory(
        words["inventory"],
        cwd=context.cwd,
        override_data=data,
        group_data_directories=words["group_data"],
    )
    ctx_inventory.set(inventory)  # type: ignore[no-untyped-call]
    limit = pyinfras._apply_inventory_limit(inventory, words["limit"])
    limit = pyinfras._apply_inventory_exclude(inventory, limit, words["exclude"])
    state = State(check_for_changes=False)
    state.cwd = context.cwd
    state.init(inventory, config, initial_limit=limit)
    ctx_state.set(state)  # type: ignore[no-untyped-call]
    return state


def _file(words: Mapping[str, Any]) -> str:
    given = dict(word.split("=", 1) for word in words["data"])
    return given.get("verify_json") or os.environ.get(FILE) or ""


def _all_rows(state: State, hosts: list[Host]) -> list[Row]:
    """A row of each host, in the order of the inventory; all are asked at the same time."""
    greenlets = [state.pool.spawn(_row, host) for host in hosts]
    gevent.joinall(greenlets)
    return [greenlet.get() for greenlet in greenlets]


def _row(host: Host) -> Row:
    roles = [role for role in ROLES if role in host.groups]
    row = Row(host.name, roles)
    try:
        with gevent.Timeout(SECONDS, TimeoutError(f"no answer within {SECONDS} s")):
            host.connect(show_errors=False, raise_exceptions=True)
            _look(host, row)
    except (ConnectError, OSError, EOFError, SSHException, PyinfraError) as error:
        row.reachable = False
        told = f"{type(error).__name__}: {error}".rstrip(": ")
        row.problems.append(f"unreachable: {told}. {advice.on('', [told])}")
    except (ValueError, LookupError, TypeError) as error:
        # Whatever answers there; the others have their rows all the same.
        row.problems.append(f"its answers cannot be understood: {type(error).__name__}: {error}")
    return row


def _look(host: Host, row: Row) -> None:
    data = host.data
    node = Node()
    if "ox" in row.roles:
        names = (data.package_name, data.service_name, data.updatetasks_parking)
        node = NodeState().process(_ask(host, NodeState().command(*names)).splitlines())
    told = read(_ask(host, scripts.command("verify", node.etc)))
    if "ox" in row.roles:
        judge_node(row, node, told, product.wanted(data).name)
    judge_others(row, told, int(data.certificate_warning_days))


def _ask(host: Host, question: StringCommand) -> str:
    succeeded, output, complaint = scripts.ask(host, question)
    if not succeeded:
        raise PyinfraError(complaint or output or "it says nothing")
    return output


def read(output: str) -> dict[str, list[str]]:
    """What ``verify.sh`` has printed: the values of each name."""
    told: dict[str, list[str]] = {}
    for line in output.splitlines():
        name, equals, value = line.partition("=")
        if equals:
            told.setdefault(name, []).append(value)
    return told


def judge_node(row: Row, node: Node, told: Mapping[str, list[str]], wanted: str) -> None:
    """What an application node's answers mean. ``wanted``: the product that the settings ask for."""
    row.product, row.version, row.build = node.installed, node.version, node.build
    row.owed, row.drained, row.parked = node.owed, node.drained, node.left_parked
    problem = row.problems.append
    if node.broken:
        problem(f"the package is broken ({node.broken}): deploy.py installs it again")
    elif not node.installed:
        problem("nothing is installed: deploy.py installs it")
    elif node.installed != wanted:
        problem(
            f"what is installed is {PRODUCTS[node.installed]}, not {PRODUCTS[wanted]}: deploy.py replaces it"
        )
    if row.owed:
        problem(f"a deployment was not completed (owed: {row.owed}): run deploy.py again")
    if row.parked:
        problem("updatetasks.cfg is not in its place: run deploy.py again, which puts it back first")
    if row.drained:
        problem("it is out of the balancer: run deploy.py again, which puts it back when it is well")
    if node.installed in (product.APPLICATION, product.BETA):
        row.running, row.enabled = node.running, node.enabled
        if not node.running:
            problem("the service does not run: see /var/log/open-xchange/open-xchange-usm.log")
        if not node.enabled:
            problem("the service would not start with the host: run deploy.py again")
    _judge_health(row, node, told)
    _judge_schemas(row, told)


def _judge_health(row: Row, node: Node, told: Mapping[str, list[str]]) -> None:
    if not node.running or "health" not in told:
        return
    try:
        health = json.loads(told["health"][0])
    except ValueError:
        row.ready = False
        row.problems.append(f"the service does not tell its health: {told['health'][0]}")
        return
    row.ready = health.get("ready") is True
    down = [
        f"{name} is down: {check.get('error', 'it does not answer')}"
        for name, check in health.get("checks", {}).items()
        if not check.get("up")
    ]
    if not row.ready and not down:
        down = [
            "the service is ending" if health.get("draining") else "the service says that it is not ready"
        ]
    row.problems += down
    if health.get("build") and node.build and health["build"] != node.build:
        row.problems.append(
            f"version {health['version']} ({health['build']}) answers, but {node.version} ({node.build}) is installed:"
            " the service was not restarted; run deploy.py again"
        )


def _judge_schemas(row: Row, told: Mapping[str, list[str]]) -> None:
    if "status" in told:
        status = json.loads(told["status"][0])
        row.schemas = [
            {name: each.get(name) for name in ("name", "ready", "legacy", "advice", "users", "devices")}
            for each in status["schemas"]
        ]
        row.last_sync = max(
            (each["last_sync"] for each in status["schemas"] if each["last_sync"]), default=None
        )
        row.problems += [f"schema {name}: {failure}" for name, failure in status["failures"].items()]
    else:
        row.schemas = [_schema_of(line) for line in told.get("schema", ()) if ": " in line]
    row.problems += [f"schema {each['name']}: {each['advice']}" for each in row.schemas if not each["ready"]]


def _schema_of(line: str) -> dict[str, Any]:
    """A schema from a line of ``usmctl db status``."""
    name, _, advice = line.partition(": ")
    return {
        "name": name,
        "ready": "are up to date" in advice,
        "legacy": "earlier USM product" in advice,
        "advice": advice,
    }


def judge_others(row: Row, told: Mapping[str, list[str]], warning_days: int) -> None:
    """What a web server's and a database server's answers mean."""
    for role, name, what in (("web", "apache", "Apache"), ("db", "database", "MariaDB")):
        if role not in row.roles:
            continue
        runs = told.get(name, ["absent"])[0] == "running"
        row.running = runs if row.running is None else row.running
        if not runs:
            row.problems.append(f"{what} does not run")
    ends = [(int(value.split()[0]), value.partition(" ")[2]) for value in told.get("certificate", ())]
    if "web" in row.roles and ends:
        first, file = min(ends)
        row.certificate_days = int((first - time.time()) // DAY)
        if row.certificate_days < warning_days:
            how = f"ends in {row.certificate_days} days" if row.certificate_days >= 0 else "has ended"
            row.problems.append(f"the certificate {file} {how}: renew it")


def _compare(rows: list[Row]) -> None:
    """All nodes are to run the same."""
    found = {(row.version, row.build) for row in rows if "ox" in row.roles and row.version}
    if len(found) > 1:
        for row in rows:
            if "ox" in row.roles and row.version:
                row.problems.append(
                    f"version {row.version} ({row.build or 'no build'}) is not what other nodes have"
                )


# the table

COLUMNS = (
    "host",
    "role",
    "version",
    "service",
    "ready",
    "schemas",
    "owed",
    "balancer",
    "last sync",
    "certificate",
)


def table(rows: list[Row], now: datetime | None = None) -> list[str]:
    """The table, and below it what is wrong."""
    cells = [COLUMNS, *(_cells(row, now or datetime.now(UTC)) for row in rows)]
    widths = [max(len(line[at]) for line in cells) for at in range(len(COLUMNS))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    ]
    problems = [f"{row.name}: {problem}" for row in rows for problem in row.problems]
    if problems:
        return [*lines, "", *problems]
    return [*lines, "", f"All is well on {len(rows)} hosts." if len(rows) > 1 else "All is well."]


def _cells(row: Row, now: datetime) -> tuple[str, ...]:
    roles = ",".join(row.roles) or NOTHING
    if not row.reachable:
        return (row.name, roles, "unreachable", *[NOTHING] * (len(COLUMNS) - 3))
    return (
        row.name,
        roles,
        _version(row),
        {True: "runs", False: "stopped", None: NOTHING}[row.running],
        {True: "yes", False: "no", None: NOTHING}[row.ready],
        _schemas(row.schemas),
        ", ".join(_owed(row)) or NOTHING,
        ("out" if row.drained else "in") if "ox" in row.roles and row.version else NOTHING,
        _ago(row.last_sync, now),
        NOTHING if row.certificate_days is None else f"{row.certificate_days} days",
    )


def _version(row: Row) -> str:
    if "ox" not in row.roles:
        return NOTHING
    mark = {product.BUNDLES: " (vendor)", product.BETA: " (beta)"}.get(row.product, "")
    return f"{row.version}{mark}" if row.version else "none"


def _schemas(schemas: Iterable[Mapping[str, Any]]) -> str:
    """``2 ready``, ``1 ready, 1 legacy``."""
    counted: dict[str, int] = {}
    for each in schemas:
        kind = "ready" if each["ready"] else "legacy" if each["legacy"] else "to migrate"
        counted[kind] = counted.get(kind, 0) + 1
    return ", ".join(f"{count} {kind}" for kind, count in sorted(counted.items(), reverse=True)) or NOTHING


def _owed(row: Row) -> list[str]:
    return [
        word for word, there in (("parked", row.parked), ((row.owed.split() or [""])[0], row.owed)) if there
    ]


def _ago(moment: str | None, now: datetime) -> str:
    """How long ago that was; devices are noted as seen once in an hour."""
    if not moment:
        return NOTHING
    hours = int((now - datetime.fromisoformat(moment)).total_seconds() // 3600)
    if hours < 1:
        return "within 1 h"
    return f"{hours} h ago" if hours < 48 else f"{hours // 24} days ago"


def as_json(rows: list[Row]) -> dict[str, Any]:
    """The same for machines."""
    return {
        "format": FORMAT,
        "checked": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "well": not any(row.problems for row in rows),
        "hosts": [dataclasses.asdict(row) for row in rows],
        "problems": [{"host": row.name, "text": problem} for row in rows for problem in row.problems],
    }


if __name__ == "builtins":
    # pyinfra runs this file itself only where config.py has not handed over.
    raise PyinfraError("run this in the project's folder: its config.py belongs to it")
