"""``/user``: the users of the context (http-api section 11.1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from lab.ox.columns.contacts import USER_COLUMNS
from lab.ox.columns.table import ColumnDef, shown
from lab.ox.errors import fault
from lab.ox.modules import access, contact_fields, rows
from lab.ox.storage import folders, images, objects, users
from lab.ox.storage.users import CONTEXT_ADMIN, User
from lab.ox.web.call import Answer, Call, Result
from lab.ox.web.dispatch import Action, Module


def get_all(call: Call) -> Result:
    """All users."""
    columns = USER_COLUMNS.pick(call.params.get("columns"))
    with call.read() as connection:
        return _rows(call, connection, users.load_users(connection, call.cid), columns)


def get_list(call: Call) -> Result:
    """Some users by id."""
    columns = USER_COLUMNS.pick(call.params.get("columns"))
    with call.read() as connection:
        by_id = {user.id: user for user in users.load_users(connection, call.cid)}
        wanted = [access.object_number(value) for value in call.json_array()]
        return _rows(call, connection, [by_id[each] for each in wanted if each in by_id], columns)


def get(call: Call) -> Result:
    """One user; without an id the user of the session."""
    wanted = call.integer("id", call.session.user_id)
    with call.read() as connection:
        user = users.load_user(connection, call.cid, wanted)
        if user is None:
            raise fault("USR-0010", wanted, call.cid)
        values = _values(call, connection, [user])[0]
    return Answer(
        {
            column.name: shown(column, values[column.name], call.zone)
            for column in USER_COLUMNS
            if values.get(column.name) is not None
        },
        values.get("last_modified"),
    )


def search(call: Call) -> Result:
    """Users whose name or address holds a pattern; ``*`` finds all."""
    columns = USER_COLUMNS.pick(call.params.get("columns"))
    pattern = str(call.json_object().get("pattern") or "*").strip("*").casefold()
    with call.read() as connection:
        found = [
            user
            for user in users.load_users(connection, call.cid)
            if pattern in user.display_name.casefold() or pattern in user.mail.casefold()
        ]
        return _rows(call, connection, found, columns)


def me(call: Call) -> Result:
    """Who the session's user is."""
    if call.path != ("me",):
        raise fault("SVL-0007", "/".join(("user", *call.path)))
    user = call.user
    return Answer(
        {
            "context_id": user.cid,
            "user_id": user.id,
            "context_admin": CONTEXT_ADMIN,
            "login_name": user.login,
            "display_name": user.display_name,
        }
    )


def _rows(
    call: Call, connection: sa.Connection, found: Sequence[User], columns: Sequence[ColumnDef]
) -> Answer:
    values = _values(call, connection, found)
    sorting = rows.sort_column(call, USER_COLUMNS)
    if sorting:
        name = sorting[0].name
        values = rows.ordered(values, lambda each: each.get(name), sorting[1])
    newest = max((each.get("last_modified", 0) for each in values), default=0)
    return Answer(
        [
            [shown(column, each.get(column.name), call.zone) for column in columns]
            for each in rows.cut(call, values)
        ],
        newest,
    )


def _values(call: Call, connection: sa.Connection, found: Sequence[User]) -> list[dict[str, Any]]:
    contacts = objects.load_many(connection, "contacts", call.cid, [user.contact_id for user in found])
    heads = images.heads(connection, call.cid, list(contacts))
    values = []
    for user in found:
        contact = contacts.get(user.contact_id)
        entry = contact_fields.values(contact, heads.get(contact.id), call.generation) if contact else {}
        entry |= {
            "id": user.id,
            "user_id": user.id,
            "folder_id": folders.GLOBAL_ADDRESS_BOOK,
            "display_name": user.display_name,
            "email1": user.mail,
            "aliases": [user.mail, *(alias for alias in user.aliases if alias != user.mail)],
            "timezone": user.timezone,
            "locale": user.language,
            "groups": list(user.groups),
            "contact_id": user.contact_id,
            "login_info": user.login,
        }
        values.append(entry)
    return values


MODULE = Module(
    "user",
    {"all": Action(get_all), "get": Action(get), "list": Action(get_list), "search": Action(search)},
    by_path=Action(me),
)
