"""Appointments in the database: ``prg_dates`` and, a row a user, ``prg_dates_members``.

An appointment is in the folder it was made in and in each member's own. A change of it is a change in all of them, and
leaving a folder leaves a tombstone there.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from lab.ox import clock
from lab.ox.calendar.event import Event, Member
from lab.ox.database.groupware import OBJECTS, date_member, date_right, next_id
from lab.ox.storage import attachments

_dates, _gone = OBJECTS["calendar"]
GROUP, RESOURCE = 2, 3
# No statement takes more ids than that.
_CHUNK = 400


def load(connection: sa.Connection, cid: int, event_id: int) -> Event | None:
    """One appointment by its id."""
    return load_many(connection, cid, [event_id]).get(event_id)


def load_many(connection: sa.Connection, cid: int, ids: Iterable[int]) -> dict[int, Event]:
    """Several appointments by id; those that are gone are absent."""
    wanted = sorted(set(ids))
    found: dict[int, Event] = {}
    for at in range(0, len(wanted), _CHUNK):
        chunk = wanted[at : at + _CHUNK]
        found |= {each.id: each for each in _events(connection, cid, _dates.c.id.in_(chunk))}
    return found


def in_folder(connection: sa.Connection, cid: int, folder: int, since: int | None = None) -> list[Event]:
    """The appointments of a folder by id; with ``since`` only those changed after it."""
    members = sa.select(date_member.c.object_id).where(
        date_member.c.cid == cid, date_member.c.pfid == folder, date_member.c.hidden == sa.false()
    )
    chosen = sa.or_(_dates.c.fid == folder, _dates.c.id.in_(members))
    if since is not None:
        chosen = sa.and_(chosen, _dates.c.last_modified > since)
    return [event for event in _events(connection, cid, chosen) if folder in seen_in(event)]


def seen_in(event: Event) -> set[int]:
    """The folders that show an appointment. A user who deleted it does not see it, even where it was made."""
    hidden = {member.folder for member in event.members if member.hidden}
    return event.folders - hidden


def of_users(connection: sa.Connection, cid: int, user_ids: Iterable[int]) -> list[Event]:
    """The appointments that some users take part in."""
    members = sa.select(date_member.c.object_id).where(
        date_member.c.cid == cid,
        date_member.c.member_uid.in_(list(user_ids)),
        date_member.c.hidden == sa.false(),
    )
    return _events(connection, cid, _dates.c.id.in_(members))


def of_resources(connection: sa.Connection, cid: int, resource_ids: Iterable[int]) -> list[Event]:
    """The appointments that need some resources."""
    right = date_right
    booked = sa.select(right.c.object_id).where(
        right.c.cid == cid, right.c.type == RESOURCE, right.c.id.in_(list(resource_ids))
    )
    return _events(connection, cid, _dates.c.id.in_(booked))


def exceptions(connection: sa.Connection, cid: int, series: Iterable[int]) -> dict[int, list[Event]]:
    """The changed occurrences of some series, by series, in the order of their beginnings."""
    found: dict[int, list[Event]] = {}
    wanted = sorted(set(series))
    for at in range(0, len(wanted), _CHUNK):
        chunk = wanted[at : at + _CHUNK]
        chosen = sa.and_(_dates.c.intfield02.in_(chunk), _dates.c.intfield02 != _dates.c.id)
        for event in _events(connection, cid, chosen):
            found.setdefault(event.series or 0, []).append(event)
    return {
        each: sorted(events, key=lambda event: event.fields["original"]) for each, events in found.items()
    }


def by_uid(connection: sa.Connection, cid: int, uid: str) -> list[Event]:
    """The appointments of a UID: the series or single one first, then its exceptions."""
    found = _events(connection, cid, _dates.c.uid == uid)
    return sorted(found, key=lambda event: (event.is_exception, event.id))


def insert(
    connection: sa.Connection,
    cid: int,
    user_id: int,
    folder: int,
    uid: str,
    fields: Mapping[str, Any],
    members: Sequence[Member],
    series: int | None = None,
) -> Event:
    """Store a new appointment. ``series``: that it is an exception of; a series belongs to itself."""
    now = clock.stamp()
    new_id = next_id(connection, "calendar", cid)
    event = Event(
        id=new_id,
        folder=folder,
        uid=uid,
        series=series or (new_id if fields.get("rrule") else None),
        created_by=user_id,
        modified_by=user_id,
        creation_date=now,
        last_modified=now,
        fields=_set(fields),
        members=tuple(members),
    )
    connection.execute(_dates.insert(), [row_of(cid, event)])
    _save_parts(connection, cid, event)
    return event


def save(connection: sa.Connection, cid: int, user_id: int, before: Event, after: Event) -> Event:
    """Store what has become of an appointment, with a new change stamp."""
    now = clock.stamp()
    series = after.series if after.is_exception else (after.id if after.is_series else None)
    event = replace(after, modified_by=user_id, last_modified=now, series=series, fields=_set(after.fields))
    row = row_of(cid, event)
    connection.execute(_dates.update().where(_dates.c.cid == cid, _dates.c.id == event.id).values(**row))
    for table in (date_member, date_right):
        connection.execute(table.delete().where(table.c.cid == cid, table.c.object_id == event.id))
    _save_parts(connection, cid, event)
    _bury(connection, cid, event.id, seen_in(before) - seen_in(event), now)
    return event


def remove(connection: sa.Connection, cid: int, event: Event) -> int:
    """Delete an appointment with its files; returns when."""
    now = clock.stamp()
    connection.execute(_dates.delete().where(_dates.c.cid == cid, _dates.c.id == event.id))
    for table in (date_member, date_right):
        connection.execute(table.delete().where(table.c.cid == cid, table.c.object_id == event.id))
    attachments.remove_all(connection, cid, attachments.APPOINTMENT, event.id)
    _bury(connection, cid, event.id, seen_in(event), now)
    return now


def deleted_since(connection: sa.Connection, cid: int, folder: int, since: int) -> list[tuple[int, int]]:
    """What has left a folder after a moment and is not back: (id, when), the earliest first."""
    rows = connection.execute(
        sa.select(_gone.c.id, _gone.c.changing_date)
        .where(_gone.c.cid == cid, _gone.c.fid == folder, _gone.c.changing_date > since)
        .order_by(_gone.c.changing_date)
    ).all()
    present = load_many(connection, cid, [row.id for row in rows])
    back = {event.id for event in present.values() if folder in seen_in(event)}
    return [(row.id, row.changing_date) for row in rows if row.id not in back]


def row_of(cid: int, event: Event) -> dict[str, Any]:
    """The row of ``prg_dates``."""
    return {
        "cid": cid,
        "id": event.id,
        "fid": event.folder,
        "uid": event.uid,
        "user_id": None,
        "created_by": event.created_by,
        "modified_by": event.modified_by,
        "creation_date": event.creation_date,
        "last_modified": event.last_modified,
        "fields": json.dumps(dict(event.fields), ensure_ascii=False),
        "intfield02": event.series,
    }


def member_rows(cid: int, event: Event) -> list[dict[str, Any]]:
    """The rows of ``prg_dates_members``."""
    return [
        {
            "cid": cid,
            "object_id": event.id,
            "member_uid": member.user,
            "pfid": member.folder,
            "confirm": member.reply,
            "reason": member.message,
            "hidden": member.hidden,
            "more": json.dumps(
                {"grouped": member.grouped, "role": member.role, "alarms": list(member.alarms)},
                ensure_ascii=False,
            ),
        }
        for member in event.members
    ]


def _save_parts(connection: sa.Connection, cid: int, event: Event) -> None:
    members = member_rows(cid, event)
    if members:
        connection.execute(date_member.insert(), members)
    kinds = ((GROUP, "groups"), (RESOURCE, "resources"))
    rights = [
        {"cid": cid, "object_id": event.id, "type": kind, "id": each}
        for kind, name in kinds
        for each in event.fields.get(name) or ()
    ]
    if rights:
        connection.execute(date_right.insert(), rights)


def _bury(connection: sa.Connection, cid: int, event_id: int, left: Iterable[int], when: int) -> None:
    for folder in left:
        connection.execute(
            _gone.delete().where(_gone.c.cid == cid, _gone.c.id == event_id, _gone.c.fid == folder)
        )
        row = {"cid": cid, "id": event_id, "fid": folder, "changing_date": when}
        connection.execute(_gone.insert(), [row])


def _set(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value not in (None, "", [], {})}


def _events(connection: sa.Connection, cid: int, chosen: Any) -> list[Event]:
    where = sa.and_(_dates.c.cid == cid, chosen)
    rows = connection.execute(sa.select(_dates).where(where).order_by(_dates.c.id)).all()
    found = connection.execute(
        sa.select(date_member)
        .where(date_member.c.cid == cid, date_member.c.object_id.in_(sa.select(_dates.c.id).where(where)))
        .order_by(date_member.c.member_uid)
    )
    members: dict[int, list[Member]] = {}
    for row in found:
        members.setdefault(row.object_id, []).append(_member(row))
    return [_event(row, members.get(row.id, [])) for row in rows]


def _member(row: Any) -> Member:
    more = json.loads(row.more)
    return Member(
        user=row.member_uid,
        folder=row.pfid,
        reply=row.confirm,
        message=row.reason or "",
        hidden=bool(row.hidden),
        grouped=more["grouped"],
        role=more["role"],
        alarms=tuple(more["alarms"]),
    )


def _event(row: Any, members: Sequence[Member]) -> Event:
    return Event(
        id=row.id,
        folder=row.fid,
        uid=row.uid or "",
        series=row.intfield02,
        created_by=row.created_by,
        modified_by=row.modified_by,
        creation_date=row.creation_date,
        last_modified=row.last_modified,
        fields=json.loads(row.fields),
        members=tuple(members),
    )
