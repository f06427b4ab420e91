"""``/freebusy``: when users, groups and resources are busy (http-api section 11.5), from 6.22 to 7.8.

A participant is an internal id (of a user, a group or a resource) or a mail address. Times are shifted as those of the
``calendar`` module; what an appointment is about is told where the user takes part. ``merged`` puts together what
overlaps. Of somebody unknown ``get`` answers nothing, and ``list`` an empty array.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from lab.ox.calendar import conflicts, store
from lab.ox.calendar.attendees import user_of_mail
from lab.ox.calendar.event import FREE, RESERVED, Event
from lab.ox.storage import directory, users
from lab.ox.web.call import Answer, Call, Result
from lab.ox.web.dispatch import Action, Module
from lab.ox.zones import to_time

_LAST_GENERATION = 7


def get(call: Call) -> Result:
    """The intervals of one participant."""
    with call.read() as connection:
        return Answer(_intervals(call, connection, call.need("participant")))


def get_list(call: Call) -> Result:
    """The intervals of several participants, by the names under which they were asked for."""
    wanted = [str(each) for each in call.json_array()]
    with call.read() as connection:
        return Answer({name: {"data": _intervals(call, connection, name) or []} for name in wanted})


def _intervals(call: Call, connection: sa.Connection, participant: str) -> list[dict[str, Any]] | None:
    first, last = call.integer("from"), call.integer("until")
    events = _events_of(call, connection, participant)
    if events is None:
        return None
    zone = call.user.timezone
    found = sorted(
        conflicts.occurrences(connection, call.cid, events, first, last, zone),
        key=lambda event: conflicts.span(event, zone),
    )
    shown = [_shown(call, event) for event in found]
    return _merged(shown) if call.flag("merged") else shown


def _events_of(call: Call, connection: sa.Connection, participant: str) -> list[Event] | None:
    if not participant.isdigit():
        user = user_of_mail(connection, call.cid, participant)
        return None if user is None else store.of_users(connection, call.cid, [user])
    number = int(participant)
    if users.load_user(connection, call.cid, number):
        return store.of_users(connection, call.cid, [number])
    for group in directory.load_groups(connection, call.cid, [number]):
        return store.of_users(connection, call.cid, group.members)
    if directory.load_resources(connection, call.cid, [number]):
        return store.of_resources(connection, call.cid, [number])
    return None


def _shown(call: Call, event: Event) -> dict[str, Any]:
    start, end = conflicts.span(event, call.user.timezone)
    shown = {
        "start_date": to_time(start, call.zone),
        "end_date": to_time(end, call.zone),
        "shown_as": event.fields.get("shown_as", RESERVED),
    }
    if event.member(call.user.id):
        shown |= {"id": str(event.id), "title": str(event.fields.get("title", ""))}
    return shown


def _merged(shown: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without overlaps of the same kind, and without what is free."""
    merged: list[dict[str, Any]] = []
    for each in shown:
        if each["shown_as"] == FREE:
            continue
        last = next((one for one in reversed(merged) if one["shown_as"] == each["shown_as"]), None)
        if last is not None and each["start_date"] <= last["end_date"]:
            last["end_date"] = max(last["end_date"], each["end_date"])
        else:
            merged.append({name: each[name] for name in ("start_date", "end_date", "shown_as")})
    return merged


MODULE = Module(
    "freebusy", {"get": Action(get), "list": Action(get_list)}, right="calendar", until=_LAST_GENERATION
)
