"""``/image/…``: pictures of contacts and inline images of mails. The public session cookie suffices."""

from __future__ import annotations

from collections.abc import Callable

from lab.ox.errors import HttpError
from lab.ox.mime import parts
from lab.ox.modules import contacts, mail
from lab.ox.storage import objects
from lab.ox.web.call import Binary, Call, Result
from lab.ox.web.dispatch import Action, Module


def by_path(call: Call) -> Result:
    """The picture of a path."""
    handles: dict[tuple[str, ...], Callable[[Call], Result]] = {
        ("contact", "picture"): _contact,
        ("user", "picture"): _user,
        ("mail", "picture"): _mail,
    }
    handle = handles.get(call.path[:2])
    if handle is None:
        raise HttpError(404, "Unknown image source")
    return handle(call)


def _contact(call: Call) -> Result:
    return contacts.picture_of(call, call.integer("id"))


def _user(call: Call) -> Result:
    with call.read() as connection:
        found = objects.of_user(connection, call.cid, call.integer("id"))
    if found is None:
        raise HttpError(404, "No such user")
    return contacts.picture_of(call, found.id)


def _mail(call: Call) -> Result:
    raw = mail.source_of(call, call.need("folder"), call.integer("id"))
    leaf = parts.find(parts.parse(raw), "", call.need("uid"))
    if leaf is None:
        raise HttpError(404, "No such image")
    return Binary(leaf.data, leaf.content_type)


MODULE = Module("image", {}, by_path=Action(by_path, in_multiple=False), public_session=True)
