"""Where in a message an invitation stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from icalendar import Calendar as ICalendar

from app.ox.errors import Scope
from app.ox.module import Context
from app.usm.errors import ItemRefused

_TYPES: Final = ("text/calendar", "application/ics")
_INVITING: Final = ("REQUEST", "ADD", "PUBLISH")
_LARGEST: Final = 4 * 1024 * 1024
"""Bytes of an invitation that is read."""


@dataclass(frozen=True, slots=True)
class Invitation:
    """The part of a message that invites, by OX's name of it, and the ``uid`` of the meeting, ``""`` where it has
    none."""

    part: str
    uid: str = ""


def find(context: Context, folder: str, mail: str) -> Invitation:
    """The invitation in a message; two calls. Raises ``ItemGone``, ``ItemRefused`` for a message without one: a
    cancellation or somebody's answer is none either."""
    params = {"folder": folder, "id": mail, "view": "text", "unseen": "true"}
    data = context.client.get("mail", "get", params, Scope.READ).data
    parts = data.get("attachments") if isinstance(data, dict) else None
    for part in parts if isinstance(parts, list) else ():
        if isinstance(part, dict) and str(part.get("content_type", "")).lower().startswith(_TYPES):
            return _opened(context, folder, mail, str(part["id"]))
    raise ItemRefused(f"message {mail} is no invitation")


def _opened(context: Context, folder: str, mail: str, part: str) -> Invitation:
    params = {"action": "attachment", "folder": folder, "id": mail, "attachment": part, "save": "1"}
    text = context.client.download("mail", params, _LARGEST)
    try:
        calendar: Any = ICalendar.from_ical(text)
    except ValueError:
        return Invitation(part)  # OX may read what we cannot
    method = str(calendar.get("METHOD", _INVITING[0])).upper()
    if method not in _INVITING:
        raise ItemRefused(f"message {mail} is no invitation, but {method}")
    uids = (str(event["UID"]) for event in calendar.walk("VEVENT") if event.get("UID"))
    return Invitation(part, next(uids, ""))
