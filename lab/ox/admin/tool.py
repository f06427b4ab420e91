"""The admin tools: ``python -m lab.ox.admin.tool <name> options``. Each is an executable of its own in ``sbin``."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from lab.ox import permissions
from lab.ox.admin import client
from lab.ox.admin.options import (
    ACCESS,
    CAPABILITIES,
    COMMON,
    CONTEXT,
    CSV,
    PATTERN,
    USER,
    Option,
    parse,
    usage,
)
from lab.ox.admin.outcome import OK, AdminFailure

Options = dict[str, str]
_ENVIRONMENT = (
    "RMI_HOSTNAME",
    "COMMANDLINE_TIMEZONE",
    "COMMANDLINE_DATEFORMAT",
    "ADMIN_PASSWORD",
    "NEW_USER_PASSWORD",
)


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool. ``failure``: what it says when it could not do its work. ``plain_exit``: it ends with 1 on every
    failure but that the daemon is down, as the older update tools do. ``generations``: where it is installed."""

    options: tuple[Option, ...]
    run: Callable[[Options], list[str]]
    failure: str
    plain_exit: bool = False
    generations: tuple[int, ...] = (6, 7, 8)


def main(arguments: Sequence[str]) -> int:
    """Run the tool that the first argument names; returns the exit code."""
    if not arguments or arguments[0] not in TOOLS:
        print(f"usage: python -m lab.ox.admin.tool {{{','.join(sorted(TOOLS))}}} …", file=sys.stderr)
        return 1
    name, *rest = arguments
    tool = TOOLS[name]
    options = (*COMMON, *tool.options)
    try:
        given = parse(options, rest)
        if "help" in given:
            print(usage(name, options))
            return OK
        if "environment" in given:
            print(
                "\n".join(f"{variable}={os.environ.get(variable, '')}" for variable in _shown_environment())
            )
            return OK
        lines = tool.run(given)
    except AdminFailure as failure:
        return _fail(name, tool, options, failure)
    print((" " if "nonl" in given else "\n").join(lines))
    return OK


def csv_line(values: Sequence[Any]) -> str:
    """One line: every value in double quotes, a missing one as nothing at all."""
    return ",".join("" if value is None else '"' + str(value).replace('"', '""') + '"' for value in values)


def aligned(lines: Sequence[Sequence[str]]) -> list[str]:
    """Lines of equally many cells, each column as wide as its widest cell."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return [
        " ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]


def _shown_environment() -> list[str]:
    return [variable for variable in _ENVIRONMENT if "PASSWORD" not in variable]


def _fail(name: str, tool: Tool, options: Sequence[Option], failure: AdminFailure) -> int:
    if failure.is_misuse:
        print(f"Error: {failure.text}", file=sys.stderr)
        print(usage(name, options), file=sys.stderr)
    elif failure.kind == "communication":
        print(failure.text, file=sys.stderr)
    else:
        print(f"{tool.failure}: \nServer response:\n {failure.text}", file=sys.stderr)
    return 1 if tool.plain_exit and failure.kind != "communication" else failure.exit_code


def _call(method: str, given: Options, arguments: dict[str, Any]) -> Any:
    auth = {
        "login": given.get("adminuser"),
        "password": given.get("adminpass", os.environ.get("ADMIN_PASSWORD")),
    }
    return client.call(method, {"auth": auth, **arguments}, float(given.get("responsetimeout", 0)))


def _context(given: Options) -> dict[str, Any]:
    if "contextid" in given and "contextname" in given:
        raise AdminFailure("invalid data", "contextid and contextname exclude each other")
    if "contextid" in given:
        return {"context": {"id": int(given["contextid"])}}
    if "contextname" in given:
        return {"context": {"name": given["contextname"]}}
    raise AdminFailure("missing option", "Option(s) -c,--contextid missing")


def _user(given: Options) -> dict[str, Any]:
    if "userid" in given:
        return {"user": {"id": int(given["userid"])}}
    if "username" in given:
        return {"user": {"name": given["username"]}}
    raise AdminFailure("missing option", "Option(s) -i,--userid or -u,--username missing")


def _access(given: Options) -> dict[str, Any]:
    switches = {name: given[name].lower() == "on" for name in permissions.SWITCHES if name in given}
    capabilities = {
        action: [name.strip() for name in given[f"capabilities-to-{action}"].split(",") if name.strip()]
        for action in ("add", "remove", "drop")
        if f"capabilities-to-{action}" in given
    }
    return {
        "switches": switches,
        "combination": given.get("access-combination-name"),
        "capabilities": capabilities,
    }


def _changeuser(given: Options) -> list[str]:
    changes = {name: given[option] for option, name in _USER_CHANGES.items() if option in given}
    if "password" in given or os.environ.get("NEW_USER_PASSWORD"):
        changes["password"] = given.get("password") or os.environ["NEW_USER_PASSWORD"]
    arguments = {**_context(given), **_user(given), **_access(given), "changes": changes}
    done = _call("change_user", given, arguments)
    return [f"user {done['user']} in context {done['context']} changed"]


def _changecontext(given: Options) -> list[str]:
    arguments = {
        **_context(given),
        **_access(given),
        "add_mappings": _listed(given, "addmapping"),
        "remove_mappings": _listed(given, "removemapping"),
        "quota": int(given["quota"]) if "quota" in given else None,
    }
    done = _call("change_context", given, arguments)
    return [f"context {done['context']} changed"]


def _listuser(given: Options) -> list[str]:
    arguments = {
        **_context(given),
        "pattern": given.get("searchpattern", "*"),
        "ignore_case": "ignorecase" in given,
    }
    return _table(given, _call("list_users", given, arguments), ("Id", "Name", "Display_name", "Email"))


def _listcontext(given: Options) -> list[str]:
    found = _call("list_contexts", given, {"pattern": given.get("searchpattern", "*")})
    return _table(given, found, ("id", "filestore_id", "filestore_name", "enabled", "name", "lmappings"))


def _table(given: Options, found: dict[str, Any], shown: Sequence[str]) -> list[str]:
    """All columns as CSV, or some of them for people."""
    columns, rows = found["columns"], found["rows"]
    if "csv" in given:
        return [",".join(columns), *(csv_line([row[name] for name in columns]) for row in rows)]
    cells = ([str(row[name] if row[name] is not None else "") for name in shown] for row in rows)
    return aligned([shown, *cells])


def _getusercapabilities(given: Options) -> list[str]:
    found = _call("get_user_capabilities", given, {**_context(given), **_user(given)})
    return [
        f"Capabilities for user {found['user']} in context {found['context']}:",
        "",
        *found["capabilities"],
    ]


def _existsuser(given: Options) -> list[str]:
    found = _call("get_user_capabilities", given, {**_context(given), **_user(given)})
    return [f"User {found['user']} in context {found['context']} exists"]


def _resetversion(given: Options) -> list[str]:
    if "version" not in given:
        raise AdminFailure("missing option", "Option(s) -v,--version missing")
    schema = {"schema": given["schema"]} if "schema" in given else _context(given)
    done = _call("reset_version", given, {**schema, "version": int(given["version"])})
    return [f"version of schema {done['schema']} set to {given['version']}"]


def _checkdatabase(given: Options) -> list[str]:
    found = _call("check_database", given, {})
    return _table(given, found, ("schema", "version", "state"))


def _unblockdatabase(given: Options) -> list[str]:
    done = _call("unblock_database", given, {"schema": given.get("schema")})
    return [f"schema {schema} unblocked" for schema in done["schemas"]] or ["no schema was blocked"]


def _listed(given: Options, name: str) -> list[str]:
    return [part.strip() for part in given.get(name, "").split(",") if part.strip()]


# Option of changeuser → what it changes.
_USER_CHANGES = {
    "displayname": "display_name",
    "timezone": "timezone",
    "language": "language",
    "mailenabled": "mail_enabled",
    "aliases": "aliases",
}
TOOLS = {
    "changeuser": Tool(
        (
            *CONTEXT,
            *USER,
            Option("password", "p", text="Password for the user"),
            Option("displayname", "d", text="Display name of the user"),
            Option("timezone", "t", text="Timezone of the user"),
            Option("language", "l", text="Language of the user"),
            Option("mailenabled", kind="bool", text="Activate or deactivate mail functionality"),
            Option("aliases", "a", text="E-Mail aliases of the user, separated by commas"),
            Option("extendedoptions", kind="flag", text="Show all options"),
            *ACCESS,
            *CAPABILITIES,
        ),
        _changeuser,
        "user could not be changed",
    ),
    "changecontext": Tool(
        (
            *CONTEXT,
            Option("addmapping", "L", text="Add login mappings, separated by commas"),
            Option("removemapping", "R", text="Remove login mappings"),
            Option("quota", "q", "int", "Quota of the context in MB"),
            *ACCESS,
            *CAPABILITIES,
        ),
        _changecontext,
        "context could not be changed",
    ),
    "listuser": Tool(
        (
            *CONTEXT,
            PATTERN,
            CSV,
            Option("ignorecase", "i", "flag", "Search without regard to case"),
            Option("includeguests", kind="flag", text="Include guests"),
            Option("excludeusers", kind="flag", text="Exclude users"),
        ),
        _listuser,
        "users could not be listed",
    ),
    "listcontext": Tool((PATTERN, CSV), _listcontext, "contexts could not be listed"),
    "getusercapabilities": Tool(
        (*CONTEXT, *USER), _getusercapabilities, "capabilities could not be retrieved"
    ),
    "existsuser": Tool((*CONTEXT, *USER), _existsuser, "user could not be found"),
    "resetversion": Tool(
        (
            *CONTEXT,
            Option("version", "v", "int", "The version to set"),
            Option("schema", "n", text="The name of the schema"),
        ),
        _resetversion,
        "version could not be reset",
        plain_exit=True,
        generations=(6,),
    ),
    "checkdatabase": Tool((CSV,), _checkdatabase, "database could not be checked"),
    "unblockdatabase": Tool(
        (
            Option("schema", "n", text="The name of the schema"),
            Option("id", "i", "int", "Id of the database"),
        ),
        _unblockdatabase,
        "database could not be unblocked",
    ),
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
