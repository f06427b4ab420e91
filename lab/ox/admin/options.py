"""Options of the tools as tables, and reading them from a command line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lab.ox import permissions
from lab.ox.admin.outcome import AdminFailure


@dataclass(frozen=True, slots=True)
class Option:
    """One option. ``kind``: text, int, onoff, bool (true or false) or flag (takes no value)."""

    long: str
    short: str = ""
    kind: str = "text"
    text: str = ""


COMMON = (
    Option("help", "h", "flag", "Prints a help text"),
    Option("environment", kind="flag", text="Show info about commandline environment"),
    Option("nonl", kind="flag", text="Remove all newlines from output"),
    Option("responsetimeout", kind="int", text="Response timeout in seconds, 0 is infinite"),
    Option("adminuser", "A", text="Admin user name"),
    Option("adminpass", "P", text="Admin password"),
)
CONTEXT = (
    Option("contextid", "c", "int", "The id of the context"),
    Option("contextname", "N", text="Context name"),
)
USER = (
    Option("userid", "i", "int", "Id of the user"),
    Option("username", "u", text="Username of the user"),
)
CSV = Option("csv", kind="flag", text="Format output to csv")
PATTERN = Option("searchpattern", "s", text="Search pattern, * is a wildcard")
ACCESS = (
    *(Option(name, kind="onoff", text="on or off") for name in permissions.SWITCHES),
    Option("access-combination-name", text="Named set of access rights"),
)
CAPABILITIES = (
    Option("capabilities-to-add", text="Capabilities to add, separated by commas"),
    Option("capabilities-to-remove", text="Capabilities to remove"),
    Option("capabilities-to-drop", text="Capabilities to drop"),
)


def parse(options: Sequence[Option], arguments: Sequence[str]) -> dict[str, str]:
    """The given options by long name; a flag has the value ``true``. Raises the failures ``unknown option``,
    ``missing option`` (its value is missing), ``illegal option value``, ``unable to parse``."""
    by_name = {f"--{option.long}": option for option in options}
    by_name |= {f"-{option.short}": option for option in options if option.short}
    given: dict[str, str] = {}
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        option, value = _match(by_name, word)
        if option is None:
            kind = "unknown option" if word.startswith("-") else "unable to parse"
            raise AdminFailure(kind, f"Unrecognized option: {word}")
        if option.kind == "flag":
            given[option.long] = "true"
            continue
        if value is None:
            if not rest:
                raise AdminFailure("missing option", f"Option {word} requires a value")
            value = rest.pop(0)
        given[option.long] = _checked(option, value)
    return given


def usage(tool: str, options: Sequence[Option]) -> str:
    """The help text."""
    lines = [f"Usage: {tool}"]
    for option in options:
        short = f"-{option.short}," if option.short else "   "
        lines.append(f" {short}--{option.long:<40} {option.text}")
    return "\n".join(lines)


def _match(by_name: dict[str, Option], word: str) -> tuple[Option | None, str | None]:
    if word in by_name:
        return by_name[word], None
    name, equals, value = word.partition("=")
    if equals and name.startswith("--") and name in by_name:
        return by_name[name], value
    if len(word) > 2 and word[1] != "-" and word[:2] in by_name and by_name[word[:2]].kind != "flag":
        return by_name[word[:2]], word[2:]
    return None, None


def _checked(option: Option, value: str) -> str:
    if option.kind == "int" and not value.lstrip("-").isdigit():
        raise AdminFailure("illegal option value", f"Value {value} of option --{option.long} is no number")
    if option.kind == "onoff" and value.lower() not in ("on", "off"):
        raise AdminFailure(
            "illegal option value", f"Value {value} of option --{option.long} is neither on nor off"
        )
    if option.kind == "bool" and value.lower() not in ("true", "false"):
        raise AdminFailure(
            "illegal option value", f"Value {value} of option --{option.long} is neither true nor false"
        )
    return value
