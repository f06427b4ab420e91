"""The errors of the calendar. Up to generation 7 they are the old module's (``APP-``, ``OX-``), from 8 on chronos' own
(``CAL-``), which its compatibility layer passes on."""

from __future__ import annotations

from typing import Any

from lab.ox.errors import OXError, fault
from lab.ox.generation import Generation

# What is wrong → (code up to 7, code from 8 on).
_CODES = {
    "not in folder": ("APP-0059", "CAL-4041"),
    "no occurrence": ("APP-0074", "CAL-4042"),
    "no exception date": ("APP-0075", "CAL-4042"),
    "no attendee": ("APP-0103", "CAL-4043"),
    "bad attendee": ("APP-0008", "CAL-4034"),
    "no calendar": ("APP-0054", "CAL-4060"),
    "read": ("APP-0037", "CAL-4030"),
    "create": ("APP-0063", "CAL-4031"),
    "write": ("APP-0058", "CAL-4031"),
    "delete": ("APP-0013", "CAL-4032"),
    "organizer": ("APP-0013", "CAL-4038"),
    "start": ("APP-0026", "CAL-4220"),
    "end": ("APP-0027", "CAL-4220"),
    "title": ("APP-0028", "CAL-4220"),
    "end before start": ("APP-0020", "CAL-4221"),
    "label": ("APP-0021", "CAL-4035"),
    "private in public": ("APP-0022", "CAL-4222"),
    "shown as": ("APP-0025", "CAL-4035"),
    "owner": ("APP-0076", "CAL-4035"),
    "series from exception": ("APP-0099", "CAL-4035"),
    "series end": ("APP-0086", "CAL-4223"),
    "move series": ("APP-0093", "CAL-4224"),
    "move occurrence": ("APP-0066", "CAL-4225"),
    "uid": ("APP-0100", "CAL-4090"),
}
# Two errors of the old server share a code and differ in category only.
_GENERAL = "OX-0001"


def calendar_fault(generation: Generation, what: str, *params: Any) -> OXError:
    """The error of a generation by what is wrong, one of the names in the table."""
    old, new = _CODES[what]
    return fault(new if generation.number >= 8 else old, *params)


def not_found(generation: Generation, event_id: Any) -> OXError:
    """There is no such appointment."""
    if generation.number >= 8:
        return fault("CAL-4040", event_id)
    category = "ERROR" if generation.number == 6 else "USER_INPUT"
    return OXError(_GENERAL, category, f"Object {event_id} was not found", (event_id,))


def changed(generation: Generation, event_id: int) -> OXError:
    """The appointment has been changed since the client saw it."""
    if generation.number >= 8:
        return fault("CAL-4120", event_id)
    return OXError(_GENERAL, "CONFLICT", "The object has been changed in the meantime", (event_id,))
