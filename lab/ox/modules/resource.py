"""``/resource``: rooms and things that can be booked (http-api section 11.1)."""

from __future__ import annotations

from typing import Any

from lab.ox.errors import fault
from lab.ox.modules import access
from lab.ox.storage import directory
from lab.ox.storage.directory import Resource
from lab.ox.web.call import Answer, Call, Result
from lab.ox.web.dispatch import Action, Module
from lab.ox.zones import to_time


def get_all(call: Call) -> Result:
    """The ids of all resources."""
    with call.read() as connection:
        found = directory.load_resources(connection, call.cid)
    return Answer([each.id for each in found], max((each.last_modified for each in found), default=0))


def get(call: Call) -> Result:
    """One resource."""
    found = _load(call, call.integer("id"))
    return Answer(_shown(call, found), found.last_modified)


def get_list(call: Call) -> Result:
    """Some resources by ``[{"id": N}]``; an unknown one is an error."""
    found = [_load(call, access.object_number(each["id"])) for each in call.json_array()]
    return _of(call, found)


def search(call: Call) -> Result:
    """Resources whose name holds a pattern; ``*`` finds all."""
    wanted = str(call.json_object().get("pattern") or "*").strip("*").casefold()
    with call.read() as connection:
        found = directory.load_resources(connection, call.cid)
    return _of(
        call,
        [each for each in found if wanted in each.display_name.casefold() or wanted in each.name.casefold()],
    )


def updates(call: Call) -> Result:
    """What was made, changed and deleted after a moment. New ones count as changed too, as the server cannot tell."""
    since = call.integer("timestamp")
    with call.read() as connection:
        found = directory.load_resources(connection, call.cid)
        gone = directory.resources_gone_since(connection, call.cid, since)
    changed = [each for each in found if each.last_modified > since]
    newest = max([since, *(each.last_modified for each in changed), *(when for _, when in gone)])
    shown = [_shown(call, each) for each in changed]
    return Answer({"new": shown, "modified": shown, "deleted": [{"id": each} for each, _ in gone]}, newest)


def new(call: Call) -> Result:
    """Make a resource."""
    _must_edit(call)
    fields = _fields(call.json_object(), None)
    with call.write() as connection:
        _check_unique(directory.load_resources(connection, call.cid), fields, 0)
        made = directory.save_resource(connection, call.cid, fields)
    return Answer({"id": made.id}, made.last_modified)


def update(call: Call) -> Result:
    """Change a resource."""
    _must_edit(call)
    before = _load(call, call.integer("id"))
    if before.last_modified > call.integer("timestamp"):
        raise fault("RES-0009", before.id)
    fields = _fields(call.json_object(), before)
    with call.write() as connection:
        _check_unique(directory.load_resources(connection, call.cid), fields, before.id)
        after = directory.save_resource(connection, call.cid, fields, before.id)
    return Answer({}, after.last_modified)


def delete(call: Call) -> Result:
    """Delete resources; one that was changed meanwhile is a conflict."""
    _must_edit(call)
    body = call.json()
    entries = body if isinstance(body, list) else [call.json_object()]
    newest = since = call.integer("timestamp")
    for entry in entries:
        found = _load(call, access.object_number(entry["id"]))
        if found.last_modified > since:
            raise fault("RES-0009", found.id)
        with call.write() as connection:
            newest = directory.remove_resource(connection, call.cid, found.id)
    return Answer([], newest)


def _load(call: Call, wanted: int) -> Resource:
    with call.read() as connection:
        found = directory.load_resources(connection, call.cid, [wanted])
    if not found:
        raise fault("RES-0012", wanted, call.cid)
    return found[0]


def _of(call: Call, found: list[Resource]) -> Answer:
    newest = max((each.last_modified for each in found), default=0)
    return Answer([_shown(call, each) for each in found], newest)


def _shown(call: Call, found: Resource) -> dict[str, Any]:
    return {
        "id": found.id,
        "name": found.name,
        "display_name": found.display_name,
        "mailaddress": found.mail,
        "availability": found.available,
        "description": found.description,
        "last_modified": to_time(found.last_modified, call.zone),
        "last_modified_utc": found.last_modified,
    }


def _must_edit(call: Call) -> None:
    if not call.user.may("edit_resource"):
        raise fault("RES-0008", call.cid)


def _fields(body: dict[str, Any], before: Resource | None) -> dict[str, Any]:
    fields = {
        "name": body.get("name", before.name if before else None),
        "display_name": body.get("display_name", before.display_name if before else None),
        "mail": body.get("mailaddress", before.mail if before else None),
        "available": body.get("availability", before.available if before else True) is not False,
        "description": body.get("description", before.description if before else "") or "",
    }
    for key, name in (("name", "name"), ("display_name", "display_name"), ("mail", "mailaddress")):
        if not fields[key]:
            raise fault("SVL-0002", name)
    return fields


def _check_unique(found: list[Resource], fields: dict[str, Any], own: int) -> None:
    for each in found:
        if each.id != own and each.name.casefold() == str(fields["name"]).casefold():
            raise fault("RES-0004", fields["name"])
        if each.id != own and each.mail.casefold() == str(fields["mail"]).casefold():
            raise fault("RES-0005", fields["mail"])


MODULE = Module(
    "resource",
    {
        "all": Action(get_all),
        "get": Action(get),
        "list": Action(get_list),
        "search": Action(search),
        "updates": Action(updates),
        "new": Action(new),
        "update": Action(update),
        "delete": Action(delete),
    },
)
