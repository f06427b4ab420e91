"""An event of a trace as people read it: a line of what and when, and below it, indented, what it says.

The document of a request or an answer stands there as XML. Nothing in a line steers the terminal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

INDENT: Final = "    "

Event = Mapping[str, Any]


def lines(event: Event) -> Iterator[str]:
    """One event."""
    kind = str(event.get("event", ""))
    about, more = _KINDS.get(kind, _other)(event)
    moment = str(event.get("time", ""))[11:23] or "-"
    yield _harmless(f"{moment} {event.get('request', '-')} {event.get('at', 0):>9} ms  {about}")
    for line in more:
        yield f"{INDENT}{_harmless(line)}"


def _request(event: Event) -> tuple[str, list[str]]:
    query = event.get("query")
    parameters = (
        " ".join("=".join(map(str, pair)) for pair in query) if isinstance(query, list) else str(query)
    )
    more = [parameters, *_headers(event)]
    return f"REQUEST {event.get('method')} {event.get('path')} from {event.get('client')}", more


def _body(event: Event) -> tuple[str, list[str]]:
    return f"BODY of {event.get('bytes')} bytes", _document(event)


def _answer(event: Event) -> tuple[str, list[str]]:
    reason = f": {event['reason']}" if event.get("reason") else ""
    return f"ANSWER {event.get('status')} to {event.get('command')}{reason}", [
        *_headers(event),
        *_document(event),
    ]


def _ox(event: Event) -> tuple[str, list[str]]:
    parameters = dict(event.get("params") or {})
    action = parameters.pop("action", "")
    error = f", {event['error']}" if event.get("error") else ""
    about = f"OX {event.get('method')} {event.get('path')}{f'?{action}' if action else ''}"
    more = [_pairs(parameters)] if parameters else []
    for name, mark in (("sent", ">"), ("answer", "<")):
        told = dict(event.get(name) or {})
        calls = told.pop("calls", []) + told.pop("answers", [])
        more += [f"{mark} {_pairs(told)}"] if told else []
        more += [f"{mark}     {_pairs(each)}" for each in calls]
    return f"{about} {event.get('status')} in {event.get('ms')} ms{error}", more


def _usm(event: Event) -> tuple[str, list[str]]:
    if "names" in event:
        return f"USM {event.get('call')}", [", ".join(event["names"])]
    error = f", {event['error']}" if event.get("error") else ""
    more = [f"asked:  {_value(event.get('asked'))}"]
    more += [f"result: {_value(event['result'])}"] if event.get("result") is not None else []
    return f"USM {event.get('call')} in {event.get('ms')} ms{error}", more


def _log(event: Event) -> tuple[str, list[str]]:
    return f"LOG {event.get('level')} {event.get('message')}", []


def _other(event: Event) -> tuple[str, list[str]]:
    told = {name: each for name, each in event.items() if name not in ("time", "request", "at", "event")}
    return f"{str(event.get('event', '?')).upper()} {_pairs(told)}".rstrip(), []


_KINDS: Final[Mapping[str, Callable[[Event], tuple[str, list[str]]]]] = {
    "request": _request,
    "body": _body,
    "answer": _answer,
    "ox": _ox,
    "usm": _usm,
    "log": _log,
}


def _headers(event: Event) -> list[str]:
    return [f"{name}: {value}" for name, value in (event.get("headers") or {}).items()]


def _document(event: Event) -> list[str]:
    for name in ("document", "text"):
        if event.get(name):
            return str(event[name]).splitlines()
    return [str(event["problem"])] if event.get("problem") else []


def _pairs(values: Mapping[str, Any]) -> str:
    return " ".join(f"{name}={_value(value)}" for name, value in values.items())


def _value(value: object) -> str:
    match value:
        case dict():
            return "{" + ", ".join(f"{name}: {_value(each)}" for name, each in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(_value, value)) + "]"
    return str(value)


def _harmless(line: str) -> str:
    if line.isprintable():
        return line
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode("ascii") for each in line
    )
