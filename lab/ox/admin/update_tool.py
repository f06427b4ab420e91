"""The tools for update tasks of generation 7: ``python -m lab.ox.admin.update_tool <release> <name> options``.

They are a family of their own. Up to 7.10.0 they asked the management port (JMX, 9999), which wants no credentials as
it is shipped; ``-s`` was the password. From 7.10.1 on they ask by RMI (1099) and want the master administrator, whose
password they take from the command line and from nowhere else; ``-s`` is the server. ``listUpdateTasks`` came then.
They end with 0, with 1 whatever went wrong, and with 255 when the credentials are wrong.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from lab.ox.admin import client
from lab.ox.admin.options import Option, parse, usage
from lab.ox.admin.outcome import OK, AdminFailure
from lab.ox.admin.tool import aligned

Options = dict[str, str]
_FAILED, _REFUSED = 1, 255

_HELP = Option("help", "h", "flag", "Prints a help text")
_TIMEOUT = Option("responsetimeout", kind="int", text="Response timeout in seconds, 0 is infinite")
_MANAGEMENT = (
    _HELP,
    _TIMEOUT,
    Option("host", "H", text="The JMX host (localhost)"),
    Option("port", "p", "int", "The JMX port (9999)"),
    Option("login", "l", text="The JMX login, if authentication is enabled"),
    Option("password", "s", text="The JMX password, if authentication is enabled"),
)
_REMOTE = (
    _HELP,
    _TIMEOUT,
    Option("server", "s", text="The RMI server (localhost)"),
    Option("port", "p", "int", "The RMI port (1099)"),
    Option("adminuser", "A", text="Admin username"),
    Option("adminpass", "P", text="Admin password"),
)
_NAME = (Option("name", "n", text="A schema name"),)
_SCHEMA = (Option("context", "c", "int", "A context of the schema"), *_NAME)
_KINDS = (
    Option("all", "a", "flag", "All pending and excluded update tasks"),
    Option("pending", "g", "flag", "The pending update tasks"),
    Option("executed", "e", "flag", "The executed update tasks"),
    Option("excluded", "x", "flag", "The excluded update tasks"),
    Option("excluded-via-file", "xf", "flag", "Those excluded by excludedupdatetasks.properties"),
    Option("excluded-via-namespace", "xn", "flag", "Those excluded by their namespace"),
)
# A way to call the daemon: method and arguments to its result.
Call = Callable[[str, dict[str, Any]], Any]


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool: its own options, and what it does with them."""

    options: tuple[Option, ...]
    run: Callable[[Options, Call], list[str]]


def main(arguments: Sequence[str]) -> int:
    """Run a release's tool; returns the exit code."""
    release, name, *rest = arguments
    tool = RELEASES[release][name]
    is_management = release == "7.8"
    options = (*(_MANAGEMENT if is_management else _REMOTE), *tool.options)
    try:
        given = parse(options, rest)
        if "help" in given:
            print(usage(name, options))
            return OK
        lines = tool.run(given, _managed(given) if is_management else _remote(given))
    except AdminFailure as failure:
        return _fail(name, options, failure)
    print("\n".join(lines))
    return OK


def _fail(name: str, options: Sequence[Option], failure: AdminFailure) -> int:
    if failure.kind == "communication":
        print("Unable to connect to server", file=sys.stderr)
        return _FAILED
    print(failure.text, file=sys.stderr)
    if failure.is_misuse:
        print(usage(name, options), file=sys.stderr)
    return _REFUSED if failure.kind == "invalid credentials" else _FAILED


def _managed(given: Options) -> Call:
    address = (given.get("host", "127.0.0.1"), int(given.get("port", 9999)))

    def call(method: str, arguments: dict[str, Any]) -> Any:
        return client.call(method, {"management": True, **arguments}, _timeout(given), address)

    return call


def _remote(given: Options) -> Call:
    address = (given.get("server", "127.0.0.1"), int(given["port"])) if "port" in given else None
    auth = {"login": given.get("adminuser"), "password": given.get("adminpass")}

    def call(method: str, arguments: dict[str, Any]) -> Any:
        return client.call(method, {"auth": auth, **arguments}, _timeout(given), address)

    return call


def _timeout(given: Options) -> float:
    return float(given.get("responsetimeout", 0))


def _schema(given: Options, required: bool = True) -> dict[str, Any]:
    if "context" in given and "name" in given:
        raise AdminFailure("unable to parse", "The options context and name exclude each other")
    if "context" in given:
        return {"schema": {"id": int(given["context"])}}
    if "name" in given:
        return {"schema": {"name": given["name"]}}
    if required:
        raise AdminFailure("missing option", "Either a context or a schema must be defined")
    return {}


def _runupdate(given: Options, call: Call) -> list[str]:
    return _told(call("run_update", _schema(given)))


def _runallupdate(given: Options, call: Call) -> list[str]:
    return _told(call("run_update", {}))


def _told(done: dict[str, dict[str, list[str]]]) -> list[str]:
    failed = [f"{task} on schema {schema}" for schema, tasks in done.items() for task in tasks["failed"]]
    if failed:
        raise AdminFailure("storage", "The following update tasks failed:\n  " + "\n  ".join(failed))
    return [
        f"schema {schema}: {len(tasks['ran'])} update tasks were executed" for schema, tasks in done.items()
    ]


def _forceupdatetask(given: Options, call: Call) -> list[str]:
    if "task" not in given:
        raise AdminFailure("missing option", "Missing required option: t")
    schemas = call("force_update_task", {"task": given["task"], **_schema(given, required=False)})
    return [f"{given['task']} was executed on {', '.join(schemas)}"]


def _listexecuted(given: Options, call: Call) -> list[str]:
    return _executed(call("list_update_tasks", _schema(given)))


def _listupdatetasks(given: Options, call: Call) -> list[str]:
    if sum(option.long in given for option in _KINDS) != 1:
        raise AdminFailure("missing option", "Exactly one of the options a, g, e, x, xf, xn is required")
    found = call("list_update_tasks", _schema(given))
    if "executed" in given:
        return _executed(found)
    rows = []
    if "all" in given or "pending" in given:
        rows += [(name, "pending", "never executed or failed") for name in found["pending"]]
    if {"all", "excluded", "excluded-via-file"} & set(given):
        rows += [(name, "excluded", "via file") for name in found["excluded"]]
    return _table(("taskName", "state", "reason"), sorted(rows))


def _executed(found: dict[str, Any]) -> list[str]:
    rows = [
        (name, str(successful).lower(), f"{datetime.fromtimestamp(moment / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC")
        for name, successful, moment in found["executed"]
    ]
    return _table(("taskName", "successful", "lastModified"), rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    if not rows:
        return ["No entries found."]
    return aligned([head, *rows])


_COMMON = {
    "runupdate": Tool(_SCHEMA, _runupdate),
    "runallupdate": Tool((Option("error", "e", "flag", "Stop at the first error"),), _runallupdate),
    "forceupdatetask": Tool(
        (*_SCHEMA, Option("task", "t", text="The full name of the task")), _forceupdatetask
    ),
    "listExecutedUpdateTasks": Tool(_NAME, _listexecuted),
}
RELEASES: dict[str, dict[str, Tool]] = {
    "7.8": _COMMON,
    "7.10": {**_COMMON, "listUpdateTasks": Tool((*_NAME, *_KINDS), _listupdatetasks)},
}
"""Release → its tools by name; the oldest first."""

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
