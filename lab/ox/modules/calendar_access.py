"""What the modules ``calendar`` and ``chronos`` share: which folder and appointment a call means, and names of ids."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from lab.ox.calendar import store
from lab.ox.calendar.event import Event
from lab.ox.calendar.faults import calendar_fault, not_found
from lab.ox.calendar.folder_view import FolderView
from lab.ox.calendar.recurrence import Series
from lab.ox.database import groupware
from lab.ox.errors import fault
from lab.ox.modules.access import folder_number, object_number
from lab.ox.modules.calendar_fields import Names
from lab.ox.storage import directory, folders, rights
from lab.ox.web.call import Call


def open_view(call: Call, connection: sa.Connection, value: Any) -> FolderView:
    """The user's view of the calendar folder of an id."""
    folder_id = folder_number(value)
    folder = folders.load(connection, call.user, folder_id)
    if folder is None:
        raise fault("FLD-0008", folder_id, 0)
    if folder.module != "calendar":
        raise calendar_fault(call.generation, "no calendar", folder_id)
    if not rights.field(folder.own_rights, "folder"):
        raise fault("FLD-0003", folder_id, call.user.id, call.cid)
    return FolderView(folder, call.user)


def must_list(call: Call, view: FolderView) -> None:
    """Refuse to list a folder in which the user may not read at all."""
    if not rights.field(view.folder.own_rights, "read"):
        raise calendar_fault(call.generation, "read", view.folder.id)


def all_views(call: Call, connection: sa.Connection) -> list[FolderView]:
    """The user's views of all calendar folders whose contents may be read, own ones first."""
    found = [
        FolderView(folder, call.user)
        for folder in folders.visible(connection, call.user).values()
        if folder.module == "calendar" and rights.field(folder.own_rights, "read")
    ]
    return sorted(found, key=lambda view: (view.is_foreign, view.is_public, view.folder.id))


def open_event(call: Call, connection: sa.Connection, view: FolderView, value: Any) -> Event:
    """The appointment of an id in a folder, as the user sees it."""
    event_id = object_number(value)
    event = store.load(connection, call.cid, event_id)
    if event is None:
        raise not_found(call.generation, event_id)
    if view.folder.id not in store.seen_in(event):
        raise calendar_fault(call.generation, "not in folder", view.folder.id)
    shown = view.shown(event)
    if shown is None:
        raise calendar_fault(call.generation, "read", view.folder.id)
    return shown


def own_folder(call: Call, connection: sa.Connection, event: Event) -> int | None:
    """The folder in which the user sees an appointment of the user's own, else one that may be read."""
    member = event.member(call.user.id)
    if member is not None and member.hidden:
        return None
    if member is not None and member.folder is not None:
        return member.folder
    folder = folders.load(connection, call.user, event.folder)
    if folder is not None and FolderView(folder, call.user).shown(event):
        return folder.id
    return None


def positions(connection: sa.Connection, cid: int, events: Iterable[Event]) -> dict[int, int]:
    """Exceptions by id → their positions in the series."""
    exceptions = [event for event in events if event.is_exception]
    series = store.load_many(connection, cid, {event.series for event in exceptions if event.series})
    found = {}
    for event in exceptions:
        master = series.get(event.series or 0)
        position = (
            Series.of(master).position(event.fields["original"]) if master and master.is_series else None
        )
        if position is not None:
            found[event.id] = position
    return found


def names_in(connection: sa.Connection, cid: int, events: Iterable[Event]) -> Names:
    """The names of all users, groups and resources of some appointments."""
    listed = list(events)
    user_ids = {member.user for event in listed for member in event.members}
    user_ids |= {each for event in listed for each in (event.created_by, event.modified_by)}
    table = groupware.user
    users = {
        row.id: (row.displayName or "", row.mail or "")
        for row in connection.execute(
            sa.select(table.c.id, table.c.displayName, table.c.mail).where(
                table.c.cid == cid, table.c.id.in_(sorted(user_ids))
            )
        )
    }
    group_ids = {each for event in listed for each in event.fields.get("groups") or ()}
    groups = {
        each.id: each.display_name for each in directory.load_groups(connection, cid, sorted(group_ids))
    }
    resource_ids = {each for event in listed for each in event.fields.get("resources") or ()}
    resources = directory.load_resources(connection, cid, sorted(resource_ids))
    return Names(users, groups, {each.id: each.display_name for each in resources})
