"""What the application asks of OX, held against the public index of OX's HTTP API.

The index (``../shared/data/ox_api_index.json``) lists the operations of the newest generation with their parameters; it
was made from OX's own documentation. A call is right when its method, module and action are there, when the index knows
each of its parameters, and when none that must be there is missing. What is right and not in the index stands in
:data:`UNLISTED`, :data:`EXTRA` and :data:`OPTIONAL`, each with its reason.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from app.ox.client import OAUTH
from app.ox.transport import Request

INDEX = Path(__file__).resolve().parents[3] / "shared" / "data" / "ox_api_index.json"

ANYWHERE: Mapping[str, str] = {
    "session": "goes with every call; the index names it with each",
    "timezone": "OX takes it wherever times are told; UTC goes with every call, so that none is forgotten",
}
CONFIG_LEAF = "config/#{path}"
GIVEN_BY_OX = "image/"
"""OX itself tells the address of a picture, with all its parameters."""

UNLISTED: Mapping[tuple[str, str, str], str] = {
    **{
        (
            "PUT",
            "calendar/itip",
            action,
        ): "the older module's, as the web interface calls it; the index has chronos' only"
        for action in ("accept_and_ignore_conflicts", "accept", "tentative", "decline")
    },
}
EXTRA: Mapping[tuple[str, str, str], Mapping[str, str]] = {
    **{
        ("PUT", "chronos/itip", action): {"message": "the comment of a reply, as the web interface sends it"}
        for action in ("accept_and_ignore_conflicts", "accept", "tentative", "decline")
    },
}
OPTIONAL: Mapping[tuple[str, str, str], Mapping[str, str]] = {}


@dataclass(frozen=True)
class Made:
    """One call as it was made; ``within``: as a part of ``multiple``, where methods do not count."""

    method: str
    module: str
    action: str
    params: frozenset[str]
    within: bool = False

    def __str__(self) -> str:
        return f"{'multiple: ' if self.within else ''}{self.method} {self.module}?action={self.action}"


@dataclass(frozen=True)
class Operation:
    """One entry of the index: its methods and the names of what it takes in the URL."""

    methods: frozenset[str]
    required: frozenset[str]
    known: frozenset[str]


def _module(path: str) -> str:
    """The path as the index has it: that of a leaf of the config tree is a parameter there."""
    return CONFIG_LEAF if path.startswith("config/") else path


def available() -> bool:
    """Whether the index is there."""
    return INDEX.exists()


@cache
def operations() -> Mapping[tuple[str, str], Operation]:
    """(module, action) → operation; entries of one name, such as GET and PUT forms, are put together."""
    found: dict[tuple[str, str], Operation] = {}
    for entry in json.loads(INDEX.read_text()):
        url = urlsplit(entry["url"].replace("#", "%23"))
        fixed = {name: values[0] for name, values in parse_qs(url.query).items()}
        name = (unquote(url.path).strip("/"), fixed.pop("action", ""))
        required = {each["name"] for each in entry["required"] if each["in"] == "query"} | fixed.keys()
        optional = {each["name"] for each in entry["optional"] if each["in"] == "query"}
        before = found.get(name)
        found[name] = Operation(
            frozenset({entry["method"]}) | (before.methods if before else frozenset()),
            frozenset(required & before.required if before else required),
            frozenset(required | optional) | (before.known if before else frozenset()),
        )
    return found


def calls_of(request: Request) -> Iterator[Made]:
    """The call that a request is, and those within it."""
    params = dict(request.params)
    action = params.pop("action", "")
    # With an access token the same calls go to OX's OAuth provider.
    yield Made(request.method, request.path.removeprefix(OAUTH), action, frozenset(params))
    if request.path == "multiple":
        for entry in json.loads(request.data):
            yield _within(entry)


def _within(entry: Mapping[str, Any]) -> Made:
    names = frozenset(entry) - {"module", "action", "data"}
    method = "PUT" if "data" in entry else "GET"
    return Made(method, entry["module"], entry.get("action", ""), names, within=True)


def faults(calls: Iterable[Made]) -> list[str]:
    """What is wrong with these calls, in words."""
    return sorted({fault for call in calls for fault in _faults(call)})


def _faults(call: Made) -> Iterator[str]:
    name = (call.method, call.module, call.action)
    if name in UNLISTED:
        return
    if call.module.startswith(GIVEN_BY_OX):
        return
    operation = operations().get((_module(call.module), call.action))
    if operation is None:
        yield f"{call}: no such call"
        return
    if not call.within and call.method not in operation.methods:
        yield f"{call}: made with {', '.join(sorted(operation.methods))} only"
    for param in sorted(call.params - operation.known - ANYWHERE.keys() - EXTRA.get(name, {}).keys()):
        yield f"{call}: takes no {param}"
    for param in sorted(operation.required - call.params - ANYWHERE.keys() - OPTIONAL.get(name, {}).keys()):
        yield f"{call}: needs {param}"
