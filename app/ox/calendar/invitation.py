"""Where in a message an invitation stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from icalendar import Calendar as ICalendar

from app.ox.errors import Scope
from app.ox.module import Context
from app.usm.errors import ItemRefused

_TYPES: Final = ("text/calendar", "application/ics")
_LARGEST: Final = 4 * 1024 * 1024
"""Bytes of an invitation that is read."""


@dataclass(frozen=True, slots=True)
class Invitation:
    """The part of a message that invites, by OX's name of it, and the ``uid`` of the meeting, ``""`` where it cannot be
    read."""

    part: str
    uid: str = ""


def find(context: Context, folder: str, mail: str) -> Invitation:
    """The invitation in a message; two calls. Raises ``ItemGone``, ``ItemRefused`` for a message without one."""
    params = {"folder": folder, "id": mail, "view": "text", "unseen": "true"}
    data = context.client.get("mail", "get", params, Scope.READ).data
    parts = data.get("attachments") if isinstance(data, dict) else None
    for part in parts if isinstance(parts, list) else ():
        if isinstance(part, dict) and str(part.get("content_type", "")).lower().startswith(_TYPES):
            return Invitation(str(part["id"]), _uid(context, folder, mail, str(part["id"])))
    raise ItemRefused(f"message {mail} is no invitation")


def _uid(context: Context, folder: str, mail: str, part: str) -> str:
    params = {"action": "attachment", "folder": folder, "id": mail, "attachment": part, "save": "1"}
    text = context.client.download("mail", params, _LARGEST)
    try:
        calendar: Any = ICalendar.from_ical(text)
        return next((str(event["UID"]) for event in calendar.walk("VEVENT") if event.get("UID")), "")
    except ValueError:
        return ""
