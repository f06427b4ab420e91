"""``/jslob``: settings of the user interface as JSON trees (http-api section 11.5)."""

from __future__ import annotations

from typing import Any

from lab.ox.modules import config
from lab.ox.storage import documents
from lab.ox.web.call import Answer, Call, Result
from lab.ox.web.dispatch import Action, Module


def get_all(call: Call) -> Result:
    """All trees of a service."""
    service = call.params.get("serviceId", documents.SETTINGS)
    with call.read() as connection:
        stored = documents.load_all(connection, call.cid, call.user.id, service)
    ids = sorted({*stored, *(_GIVEN if service == documents.SETTINGS else ())})
    return Answer([_shown(call, each, stored, service) for each in ids])


def get_list(call: Call) -> Result:
    """Some trees by id; one that nobody has written yet is empty or holds what the server knows."""
    service = call.params.get("serviceId", documents.SETTINGS)
    with call.read() as connection:
        stored = documents.load_all(connection, call.cid, call.user.id, service)
    return Answer([_shown(call, str(each), stored, service) for each in call.json_array()])


def set_(call: Call) -> Result:
    """Replace a tree; an empty body removes it."""
    service, document_id = call.params.get("serviceId", documents.SETTINGS), call.need("id")
    value = call.json_object() if call.body else None
    with call.write() as connection:
        documents.save(connection, call.cid, call.user.id, service, document_id, value)
    return Answer({})


def update(call: Call) -> Result:
    """Put the values of a tree into the one that is there."""
    service, document_id = call.params.get("serviceId", documents.SETTINGS), call.need("id")
    change = call.json_object()
    with call.write() as connection:
        stored = documents.load_all(connection, call.cid, call.user.id, service)
        merged = _merged(stored.get(document_id) or {}, change)
        documents.save(connection, call.cid, call.user.id, service, document_id, merged)
    return Answer({})


def _shown(call: Call, document_id: str, stored: dict[str, Any], service: str) -> dict[str, Any]:
    given = _GIVEN.get(document_id) if service == documents.SETTINGS else None
    tree = _merged(given(call) if given else {}, stored.get(document_id) or {})
    return {"id": document_id, "tree": tree, "meta": {}}


def _merged(tree: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    merged = dict(tree)
    for name, value in change.items():
        below = merged.get(name)
        merged[name] = _merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


def _mail(call: Call) -> dict[str, Any]:
    user = call.user
    return {
        "defaultFolder": config.mail_folders(call),
        "defaultaddress": user.mail,
        "sendaddress": user.mail,
        "deletePermanently": False,
    }


def _core(call: Call) -> dict[str, Any]:
    user = call.user
    return {
        "language": user.language,
        "timezone": user.timezone,
        "folder": config.default_folders(call),
    }


# What the server itself puts into trees.
_GIVEN = {"io.ox/core": _core, "io.ox/mail": _mail}

MODULE = Module(
    "jslob",
    {
        "all": Action(get_all),
        "list": Action(get_list),
        "set": Action(set_),
        "update": Action(update),
    },
    since=7,
)
