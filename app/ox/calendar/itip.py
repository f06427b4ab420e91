"""Answers to invitations that came by mail (``facts``: HTTP API sections 6.1 and 7.1, ``itip``).

OX reads the invitation itself, out of the message's part that holds it: it stores the appointment, notes the reply
and tells the organizer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from app.ox.client import OxClient
from app.ox.errors import Unsupported
from app.usm.content import Reply
from app.usm.errors import ItemRefused

_ACTIONS: Final[Mapping[Reply, tuple[str, ...]]] = {  # the second where OX does not know the first
    Reply.ACCEPTED: ("accept_and_ignore_conflicts", "accept"),
    Reply.TENTATIVE: ("tentative",),
    Reply.DECLINED: ("decline",),
}
_SOURCE: Final = "com.openexchange.mail.ical"
_CONVERSION: Final = "com.openexchange.mail.conversion"


def answer(client: OxClient, module: str, place: Sequence[str], reply: Reply, comment: str) -> str:
    """Have OX carry out a reply. ``place``: folder, message and part. The appointment's id, ``""`` where OX does not
    tell it. Raises ``ItemRefused`` for a reply that is none."""
    if reply not in _ACTIONS:
        raise ItemRefused("no reply is no answer to an invitation")
    folder, mail, part = place
    body = {
        f"{_CONVERSION}.fullname": folder,
        f"{_CONVERSION}.mailid": mail,
        f"{_CONVERSION}.sequenceid": part,
    }
    params = {"dataSource": _SOURCE, "descriptionFormat": "html"}
    if comment:
        params["message"] = comment
    first, *others = _ACTIONS[reply]
    try:
        found = client.put(f"{module}/itip", first, body, params)
    except Unsupported:
        if not others:
            raise
        found = client.put(f"{module}/itip", others[0], body, params)
    return _stored_id(found.data)


def _stored_id(data: Any) -> str:
    """The id in the answer, which is a list of appointments, or one."""
    first = data[0] if isinstance(data, list) and data else data
    return str(first["id"]) if isinstance(first, dict) and first.get("id") else ""
