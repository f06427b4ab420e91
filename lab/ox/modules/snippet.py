"""``/snippet``: signatures and other pieces of text (http-api section 11.5)."""

from __future__ import annotations

from typing import Any

from lab.ox.errors import fault
from lab.ox.storage import documents
from lab.ox.web.call import Answer, Call, Result
from lab.ox.web.dispatch import Action, Module

_WRITABLE = ("displayname", "type", "content", "module", "shared", "misc", "props")


def get_all(call: Call) -> Result:
    """All pieces, or those of the types that ``type`` lists."""
    types = [each for each in call.params.get("type", "").split(",") if each]
    return Answer([each for each in _load(call).values() if not types or each["type"] in types])


def get(call: Call) -> Result:
    """One piece."""
    return Answer(_one(_load(call), call.need("id")))


def get_list(call: Call) -> Result:
    """Some pieces by id; those that are gone are left out."""
    found = _load(call)
    return Answer([found[str(each)] for each in call.json_array() if str(each) in found])


def new(call: Call) -> Result:
    """Store a piece; the answer is its id."""
    body = call.json_object()
    for name in ("displayname", "type", "module"):
        if not body.get(name):
            raise fault("SVL-0002", name)
    with call.write() as connection:
        stored = documents.load_all(connection, call.cid, call.user.id, documents.SIGNATURES)
        identity = documents.free_id(stored)
        piece = {
            "content": "",
            "shared": False,
            **{name: body[name] for name in _WRITABLE if name in body},
            "id": identity,
            "createdby": call.user.id,
            "accountid": body.get("accountid", -1),
        }
        documents.save(connection, call.cid, call.user.id, documents.SIGNATURES, identity, piece)
    return Answer(identity)


def update(call: Call) -> Result:
    """Change the given fields; the answer is the whole piece."""
    body = call.json_object()
    with call.write() as connection:
        stored = documents.load_all(connection, call.cid, call.user.id, documents.SIGNATURES)
        piece = _one(stored, call.need("id"))
        piece |= {name: body[name] for name in _WRITABLE if name in body}
        documents.save(connection, call.cid, call.user.id, documents.SIGNATURES, piece["id"], piece)
    return Answer(piece)


def delete(call: Call) -> Result:
    """Delete the piece of ``id``, or those of an array of ids."""
    wanted = [call.params["id"]] if call.params.get("id") else [str(each) for each in call.json_array()]
    with call.write() as connection:
        stored = documents.load_all(connection, call.cid, call.user.id, documents.SIGNATURES)
        for each in wanted:
            _one(stored, each)
            documents.save(connection, call.cid, call.user.id, documents.SIGNATURES, each, None)
    return Answer([])


def _load(call: Call) -> dict[str, Any]:
    with call.read() as connection:
        return documents.load_all(connection, call.cid, call.user.id, documents.SIGNATURES)


def _one(found: dict[str, Any], identity: str) -> dict[str, Any]:
    if identity not in found:
        raise fault("SNIPPET-0003", identity)
    piece: dict[str, Any] = found[identity]
    return piece


MODULE = Module(
    "snippet",
    {
        "all": Action(get_all),
        "get": Action(get),
        "list": Action(get_list),
        "new": Action(new),
        "update": Action(update),
        "delete": Action(delete),
    },
    since=7,
)
