"""``/mailfilter`` and ``/mailfilter/v2``: rules that Sieve would run (http-api section 11.4).

Rules are kept as they come; of what they do, the stand-in does the vacation notice (:mod:`lab.ox.vacation`).
"""

from __future__ import annotations

from typing import Any

from lab.ox.errors import HttpError, fault
from lab.ox.modules import capabilities
from lab.ox.storage import documents
from lab.ox.web.call import Answer, Call, Result, number
from lab.ox.web.dispatch import Action, Module

_COMMANDS = (
    "addflags discard fileinto keep notify pgp redirect reject stop vacation enotify addheader deleteheader"
)
_COMPARISONS = {
    "true": [],
    "address": ["is", "contains", "matches", "regex"],
    "header": ["is", "contains", "matches", "regex", "exists"],
    "currentdate": ["is", "ge", "le"],
    "size": ["over", "under"],
    "not": [],
    "anyof": [],
    "allof": [],
}
_FIELDS = ("rulename", "active", "flags", "test", "actioncmds")


def get_list(call: Call) -> Result:
    """The rules in their order, or those with a flag."""
    _must_have(call)
    flag = call.params.get("flag")
    found = _rules(call)
    return Answer([rule for rule in found if not flag or flag in rule["flags"]])


def new(call: Call) -> Result:
    """Store a rule behind the others or at its ``position``; the answer is its id."""
    _must_have(call)
    body = call.json_object()
    rule = _checked({name: body[name] for name in _FIELDS if name in body})
    with call.write() as connection:
        stored = documents.load_all(connection, call.cid, call.user.id, documents.MAIL_FILTER)
        identity = documents.free_id(stored)
        ordered = sorted(stored.values(), key=lambda each: each["position"])
        place = body.get("position")
        ordered.insert(len(ordered) if place is None else number(place, "position"), rule)
        rule["id"] = int(identity)
        for position, each in enumerate(ordered):
            each["position"] = position
            _save(call, connection, each)
    return Answer(int(identity))


def update(call: Call) -> Result:
    """Change the given fields of a rule."""
    _must_have(call)
    body = call.json_object()
    with call.write() as connection:
        stored = documents.load_all(connection, call.cid, call.user.id, documents.MAIL_FILTER)
        rule = _one(stored, body.get("id"))
        changed = _checked({**rule, **{name: body[name] for name in _FIELDS if name in body}})
        _save(call, connection, changed)
        documents.save(connection, call.cid, call.user.id, documents.VACATION_SENT, str(rule["id"]), None)
    return Answer()


def delete(call: Call) -> Result:
    """Delete the rule that ``{"id": N}`` names."""
    _must_have(call)
    with call.write() as connection:
        stored = documents.load_all(connection, call.cid, call.user.id, documents.MAIL_FILTER)
        rule = _one(stored, call.json_object().get("id"))
        identity = str(rule["id"])
        for service in (documents.MAIL_FILTER, documents.VACATION_SENT):
            documents.save(connection, call.cid, call.user.id, service, identity, None)
        del stored[identity]
        for position, each in enumerate(sorted(stored.values(), key=lambda each: each["position"])):
            each["position"] = position
            _save(call, connection, each)
    return Answer()


def reorder(call: Call) -> Result:
    """Put the rules into the order of an array of ids."""
    _must_have(call)
    wanted = [number(each, "id") for each in call.json_array()]
    with call.write() as connection:
        stored = documents.load_all(connection, call.cid, call.user.id, documents.MAIL_FILTER)
        rest = [int(each) for each in stored if int(each) not in wanted]
        for position, each in enumerate([*wanted, *rest]):
            rule = _one(stored, each)
            rule["position"] = position
            _save(call, connection, rule)
    return Answer()


def config(call: Call) -> Result:
    """What tests and commands there are."""
    _must_have(call)
    commands = _COMMANDS.split()
    if call.path[:1] == ("v2",):
        return Answer(
            {
                "tests": [{"id": name, "comparisons": kinds} for name, kinds in _COMPARISONS.items()],
                "actioncmds": [{"id": name} for name in commands],
                "options": {"allowNestedTests": True},
            }
        )
    return Answer(
        {
            "tests": [{"test": name, "comparison": kinds} for name, kinds in _COMPARISONS.items()],
            "actioncommands": commands,
            "capabilities": ["vacation", "date", "relational"],
        }
    )


def _must_have(call: Call) -> None:
    if call.path and call.path[0] not in ("", "v2"):
        raise HttpError(404, "Unknown module")
    if call.path[:1] == ("v2",) and call.generation.number < 7:
        raise HttpError(404, "Unknown module")
    if "mailfilter" not in capabilities.of_user(call.user):
        raise fault("SVL-0016", "mailfilter")


def _rules(call: Call) -> list[dict[str, Any]]:
    with call.read() as connection:
        stored = documents.load_all(connection, call.cid, call.user.id, documents.MAIL_FILTER)
    return sorted(stored.values(), key=lambda rule: rule["position"])


def _one(stored: dict[str, Any], identity: Any) -> dict[str, Any]:
    if str(identity) not in stored:
        raise fault("MAIL_FILTER-0004", identity)
    rule: dict[str, Any] = stored[str(identity)]
    return rule


def _save(call: Call, connection: Any, rule: dict[str, Any]) -> None:
    documents.save(connection, call.cid, call.user.id, documents.MAIL_FILTER, str(rule["id"]), rule)


def _checked(rule: dict[str, Any]) -> dict[str, Any]:
    """A rule as it is shown: complete, ``days`` as text, ``from`` as text."""
    rule.setdefault("rulename", "")
    rule.setdefault("active", True)
    rule.setdefault("flags", [])
    if not isinstance(rule.get("test"), dict) or "id" not in rule["test"]:
        raise fault("MAIL_FILTER-0012", "test")
    if not rule.get("actioncmds"):
        raise fault("MAIL_FILTER-0012", "actioncmds")
    commands = []
    for command in rule["actioncmds"]:
        if not isinstance(command, dict) or command.get("id") not in _COMMANDS.split():
            raise fault("MAIL_FILTER-0012", command)
        commands.append(_vacation(command) if command["id"] == "vacation" else command)
    return {**rule, "actioncmds": commands}


def _vacation(command: dict[str, Any]) -> dict[str, Any]:
    for name in ("days", "text"):
        if command.get(name) in (None, ""):
            raise fault("MAIL_FILTER-0012", name)
    if not str(command["days"]).isdigit():
        raise fault("MAIL_FILTER-0012", "days")
    shown = {**command, "days": str(command["days"])}
    sender = command.get("from")
    if isinstance(sender, list):
        shown["from"] = f"{sender[0]} <{sender[1]}>" if len(sender) > 1 else str(sender[0])
    return shown


MODULE = Module(
    "mailfilter",
    {
        "list": Action(get_list),
        "new": Action(new),
        "update": Action(update),
        "delete": Action(delete),
        "reorder": Action(reorder),
        "config": Action(config),
    },
)
