"""``/group``: groups of users (http-api section 11.1)."""

from __future__ import annotations

from typing import Any

from lab.ox.errors import fault
from lab.ox.modules import access
from lab.ox.storage import directory
from lab.ox.storage.directory import Group
from lab.ox.storage.users import ALL_USERS, STANDARD_GROUP
from lab.ox.web.call import Answer, Call, Result
from lab.ox.web.dispatch import Action, Module


def get_all(call: Call) -> Result:
    """All groups, as objects whatever the columns say."""
    return _answer(call, None)


def get(call: Call) -> Result:
    """One group."""
    wanted = call.integer("id")
    return Answer(_shown(_load(call, wanted)))


def get_list(call: Call) -> Result:
    """Some groups by ``[{"id": N}]``; those that are gone are left out."""
    wanted = [access.object_number(each["id"]) for each in call.json_array()]
    with call.read() as connection:
        by_id = {group.id: group for group in directory.load_groups(connection, call.cid, wanted)}
    return _of([by_id[each] for each in wanted if each in by_id])


def search(call: Call) -> Result:
    """Groups whose name begins with a pattern; ``*`` finds all."""
    return _answer(call, str(call.json_object().get("pattern") or "*"))


def updates(call: Call) -> Result:
    """What was made, changed and deleted after a moment. New ones count as changed too, as the server cannot tell."""
    since = call.integer("timestamp")
    with call.read() as connection:
        changed = [
            group for group in directory.load_groups(connection, call.cid) if group.last_modified > since
        ]
        gone = directory.groups_gone_since(connection, call.cid, since)
    newest = max([since, *(group.last_modified for group in changed), *(when for _, when in gone)])
    shown = [_shown(group) for group in changed]
    data = {"new": shown, "modified": shown, "deleted": [{"id": each} for each, _ in gone]}
    return Answer(data, newest)


def new(call: Call) -> Result:
    """Make a group."""
    _must_edit(call)
    body = call.json_object()
    name, display_name = _names(body, None)
    with call.write() as connection:
        _check_name(directory.load_groups(connection, call.cid), name, 0)
        made = directory.save_group(connection, call.cid, name, display_name, _members(body, ()))
    return Answer({"id": made.id}, made.last_modified)


def update(call: Call) -> Result:
    """Change a group's names and members."""
    _must_edit(call)
    body = call.json_object()
    before = _changeable(call, call.integer("id"))
    if before.last_modified > call.integer("timestamp"):
        raise fault("GRP-0010", before.id)
    name, display_name = _names(body, before)
    with call.write() as connection:
        _check_name(directory.load_groups(connection, call.cid), name, before.id)
        members = _members(body, before.members)
        after = directory.save_group(connection, call.cid, name, display_name, members, before.id)
    return Answer({}, after.last_modified)


def delete(call: Call) -> Result:
    """Delete groups; one that was changed meanwhile is a conflict."""
    _must_edit(call)
    body = call.json()
    entries = body if isinstance(body, list) else [call.json_object()]
    newest = since = call.integer("timestamp")
    for entry in entries:
        group = _changeable(call, access.object_number(entry["id"]))
        if group.last_modified > since:
            raise fault("GRP-0010", group.id)
        with call.write() as connection:
            newest = directory.remove_group(connection, call.cid, group.id)
    return Answer([], newest)


def _answer(call: Call, pattern: str | None) -> Answer:
    with call.read() as connection:
        found = directory.load_groups(connection, call.cid)
    wanted = (pattern or "*").strip("*").casefold()
    return _of(
        [
            group
            for group in found
            if wanted in group.display_name.casefold() or wanted in group.name.casefold()
        ]
    )


def _of(found: list[Group]) -> Answer:
    return Answer(
        [_shown(group) for group in found], max((group.last_modified for group in found), default=0)
    )


def _shown(group: Group) -> dict[str, Any]:
    return {
        "id": group.id,
        "name": group.name,
        "display_name": group.display_name,
        "members": list(group.members),
        "last_modified_utc": group.last_modified,
    }


def _load(call: Call, wanted: int) -> Group:
    with call.read() as connection:
        found = directory.load_groups(connection, call.cid, [wanted])
    if not found:
        raise fault("GRP-0005", wanted, call.cid)
    return found[0]


def _changeable(call: Call, wanted: int) -> Group:
    if wanted in (ALL_USERS, STANDARD_GROUP):
        raise fault("GRP-0009", call.cid)
    return _load(call, wanted)


def _must_edit(call: Call) -> None:
    if not call.user.may("edit_group"):
        raise fault("GRP-0009", call.cid)


def _names(body: dict[str, Any], before: Group | None) -> tuple[str, str]:
    display_name = str(body.get("display_name") or (before.display_name if before else ""))
    name = str(body.get("name") or (before.name if before else display_name))
    if not display_name:
        raise fault("SVL-0002", "display_name")
    return name, display_name


def _members(body: dict[str, Any], before: tuple[int, ...]) -> tuple[int, ...]:
    given = body.get("members")
    return before if given is None else tuple(access.object_number(each) for each in given)


def _check_name(found: list[Group], name: str, own: int) -> None:
    if any(group.name.casefold() == name.casefold() and group.id != own for group in found):
        raise fault("GRP-0013", name)


MODULE = Module(
    "group",
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
