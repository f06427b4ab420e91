"""``/calendar`` (http-api section 6): native up to generation 7, a layer over the same data from 8 on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from lab.ox.calendar import conflicts, store
from lab.ox.calendar.conflicts import Conflict
from lab.ox.calendar.event import FREE, RESERVED, Event
from lab.ox.calendar.faults import calendar_fault, changed
from lab.ox.calendar.folder_view import FolderView
from lab.ox.calendar.planner import Planner, Wish, as_occurrence
from lab.ox.calendar.recurrence import Series
from lab.ox.columns.calendar import CALENDAR_COLUMNS
from lab.ox.columns.table import ColumnDef, shown
from lab.ox.errors import fault
from lab.ox.modules import calendar_delivery, calendar_fields, calendar_itip, rows
from lab.ox.modules.access import object_number
from lab.ox.modules.calendar_access import (
    all_views,
    must_list,
    names_in,
    open_event,
    open_view,
    own_folder,
    positions,
)
from lab.ox.storage import attachments
from lab.ox.storage.attachments import APPOINTMENT
from lab.ox.web.call import Answer, Call, Result, number
from lab.ox.web.dispatch import Action, Module
from lab.ox.zones import DAY_MS

_FOREVER = 4_102_444_800_000  # 2100
_CONFLICT_NAMES = ("participants", "users", "confirmations", "alarm", "note")
_BUSY_NAMES = ("start_date", "end_date", "shown_as", "full_time", "recurrence_type")
_BUSY_OWN_NAMES = (*_BUSY_NAMES, "id", "folder_id", "title", "location", "private_flag", "created_by")


@dataclass(frozen=True, slots=True)
class _Entry:
    """One row to be shown: an appointment, a series, or one occurrence of it."""

    event: Event
    view: FolderView
    position: int | None = None


def get_all(call: Call) -> Result:
    """The appointments of a folder, or of all, that touch a span of time; series as occurrences unless
    ``recurrence_master`` is true."""
    columns = CALENDAR_COLUMNS.pick(call.params.get("columns"))
    first, last = call.integer("start"), call.integer("end")
    with call.read() as connection:
        if call.params.get("folder"):
            views = [open_view(call, connection, call.need("folder"))]
            must_list(call, views[0])
        else:
            views = all_views(call, connection)
        entries: list[_Entry] = []
        seen: set[int] = set()
        for view in views:
            events = store.in_folder(connection, call.cid, view.folder.id)
            events = [each for each in events if each.id not in seen]
            seen |= {each.id for each in events}
            visible = view.all_shown(events, call.flag("showPrivate"))
            entries += _spread(call, connection, view, visible, (first, last))
        return _rows(call, connection, entries, columns)


def get_list(call: Call) -> Result:
    """Some appointments, or occurrences of series, by id and folder; those that are gone are left out."""
    columns = CALENDAR_COLUMNS.pick(call.params.get("columns"))
    with call.read() as connection:
        views: dict[str, FolderView] = {}
        entries = []
        for wanted in call.json_array():
            _check_entry(wanted)
            key = str(wanted["folder"])
            if key not in views:
                views[key] = open_view(call, connection, wanted["folder"])
            view = views[key]
            event = store.load(connection, call.cid, object_number(wanted["id"]))
            if event is None or view.folder.id not in store.seen_in(event):
                continue
            visible = view.shown(event)
            if visible is not None:
                entries.append(_occurrence_of(call, connection, view, visible, wanted))
        return _rows(call, connection, entries, columns, keep_order=True)


def get(call: Call) -> Result:
    """One appointment in full, or one occurrence of a series."""
    with call.read() as connection:
        view = open_view(call, connection, call.need("folder"))
        event = open_event(call, connection, view, call.need("id"))
        entry = _occurrence_of(call, connection, view, event, call.params)
        values = _values(call, connection, [entry])[0]
    return Answer(_as_object(call, values), entry.event.last_modified)


def updates(call: Call) -> Result:
    """What changed in a folder, or in all, after a moment, then the ids of what is gone. A series is shown once, as its
    first occurrence, unless a span of time is given and ``recurrence_master`` is not true."""
    columns = CALENDAR_COLUMNS.pick(call.params.get("columns"))
    since = call.integer("timestamp")
    ignored = call.params.get("ignore", "")
    bounds = _bounds(call)
    with call.read() as connection:
        if call.params.get("folder"):
            views = [open_view(call, connection, call.need("folder"))]
            must_list(call, views[0])
        elif "deleted" in ignored and bounds:
            views = all_views(call, connection)
        else:
            raise fault("SVL-0002", "folder")
        entries: list[_Entry] = []
        gone: list[tuple[int, int]] = []
        for view in views:
            if "changed" not in ignored:
                events = store.in_folder(connection, call.cid, view.folder.id, since)
                entries += _spread(call, connection, view, view.all_shown(events), bounds)
            if "deleted" not in ignored:
                gone += store.deleted_since(connection, call.cid, view.folder.id, since)
        answer = _rows(call, connection, entries, columns)
    newest = max([since, *(entry.event.last_modified for entry in entries), *(when for _, when in gone)])
    as_id = str if call.generation.text_ids else int
    return Answer([*answer.data, *(as_id(event_id) for event_id, _ in gone)], newest)


def new(call: Call) -> Result:
    """A new appointment; or the conflicts that it has, and nothing is stored."""
    body = call.json_object()
    if body.get("folder_id") in (None, ""):
        raise fault("SVL-0002", "folder_id")
    with call.write() as connection:
        view = open_view(call, connection, body["folder_id"])
        planner = Planner(connection, call.user, call.generation)
        wish = calendar_fields.wish_of(body, None, view.calendar_user, call.generation, call.zone)
        event = planner.create(view, wish, str(body.get("uid") or ""))
        found = _conflicts(call, connection, event, body)
        if found:
            # What was made to look for conflicts is not kept.
            connection.rollback()
            return found
    _notify(call, planner, body)
    return Answer({"id": _shown_id(call, event.id)}, planner.stamp)


def update(call: Call) -> Result:
    """Change an appointment, or with a position one occurrence; or answer with the conflicts it would have. The answer
    has the id of what was changed: of a changed occurrence that of the exception."""
    body = call.json_object()
    since = call.integer("timestamp")
    with call.write() as connection:
        view = open_view(call, connection, call.need("folder"))
        event = open_event(call, connection, view, call.need("id"))
        planner = Planner(connection, call.user, call.generation)
        original = _original(call, event, body)
        if original is None:
            wish = _wish(call, connection, body, event, view)
            after = planner.change(view, event, wish, since)
        else:
            known = planner.exception(event, original)
            template = known or planner.occurrence(event, original)
            wish = _wish(call, connection, body, replace(template, series=event.id, id=-1), view)
            after = planner.change_occurrence(view, event, original, wish, since)
        found = (
            _conflicts(call, connection, after, body) if _matters(_before(event, original), after) else None
        )
        if found:
            connection.rollback()
            return found
    _notify(call, planner, body)
    return Answer({"id": _shown_id(call, after.id)}, planner.stamp)


def delete(call: Call) -> Result:
    """Delete appointments, or with ``pos`` single occurrences; the answer lists those that were changed meanwhile and
    stay."""
    since = call.integer("timestamp")
    kept: list[Any] = []
    newest = 0
    for entry in _entries(call):
        with call.write() as connection:
            view = open_view(call, connection, entry["folder"])
            event = open_event(call, connection, view, entry["id"])
            if event.last_modified > since:
                kept.append(entry)
                continue
            planner = Planner(connection, call.user, call.generation)
            position = entry.get("recurrence_position", entry.get("pos"))
            day = entry.get("recurrence_date_position")
            original = None
            if event.is_series:
                original = calendar_fields.original_of(event, position, day, call.generation)
            if original is None:
                planner.delete(view, event)
            else:
                planner.delete_occurrence(view, event, original)
            newest = max(newest, planner.stamp)
        calendar_delivery.send(call, planner.notices, internal=True)
    return Answer(kept, newest or since)


def confirm(call: Call) -> Result:
    """Answer an invitation, for the user or the owner of the folder; with ``occurrence`` for one occurrence."""
    body = call.json_object()
    since = call.integer("timestamp")
    reply = number(body.get("confirmation", body.get("confirm")), "confirmation")
    if reply not in range(4):
        raise fault("SVL-0010", "confirmation", reply)
    message = str(body.get("confirmmessage") or "")
    with call.write() as connection:
        view = open_view(call, connection, call.need("folder"))
        event = open_event(call, connection, view, call.need("id"))
        if event.last_modified > since:
            raise changed(call.generation, event.id)
        planner = Planner(connection, call.user, call.generation)
        if number(body.get("type", calendar_fields.USER), "type") == calendar_fields.EXTERNAL:
            planner.confirm_external(event, str(body.get("mail") or ""), reply, message)
        else:
            user_id = number(body.get("id") or view.calendar_user, "id")
            if user_id not in (call.user.id, view.calendar_user):
                raise calendar_fault(call.generation, "write", view.folder.id)
            original = None
            if event.is_series:
                original = calendar_fields.original_of(
                    event, call.params.get("occurrence"), None, call.generation
                )
            planner.confirm(view, event, user_id, reply, message, original)
    calendar_delivery.send(call, planner.notices, internal=True)
    return Answer({}, planner.stamp)


def get_change_exceptions(call: Call) -> Result:
    """The changed occurrences of a series."""
    columns = CALENDAR_COLUMNS.pick(call.params.get("columns"))
    with call.read() as connection:
        view = open_view(call, connection, call.need("folder"))
        event = open_event(call, connection, view, call.need("id"))
        found = store.exceptions(connection, call.cid, [event.id]).get(event.id, [])
        visible = [each for each in view.all_shown(found) if view.folder.id in store.seen_in(each)]
        return _rows(call, connection, [_Entry(each, view) for each in visible], columns)


def resolveuid(call: Call) -> Result:
    """The id of the appointment or series of a UID that the user takes part in."""
    uid = call.need("uid")
    with call.read() as connection:
        for event in store.by_uid(connection, call.cid, uid):
            if own_folder(call, connection, event) is not None:
                return Answer({"id": _shown_id(call, event.id)}, event.last_modified)
    # A UID that nobody has is answered with 0.
    return Answer({"id": _shown_id(call, 0)})


def freebusy(call: Call) -> Result:
    """When a user or a resource is busy; what it is about only where the user takes part."""
    wanted, kind = call.integer("id"), call.integer("type", calendar_fields.USER)
    first, last = call.integer("start"), call.integer("end")
    if kind not in (calendar_fields.USER, calendar_fields.RESOURCE):
        raise fault("SVL-0010", "type", kind)
    with call.read() as connection:
        if kind == calendar_fields.RESOURCE:
            events = store.of_resources(connection, call.cid, [wanted])
        else:
            events = store.of_users(connection, call.cid, [wanted])
        found = [
            event
            for event in conflicts.occurrences(connection, call.cid, events, first, last, call.user.timezone)
            if event.fields.get("shown_as", RESERVED) != FREE
        ]
        data = [_busy(call, connection, event) for event in sorted(found, key=lambda event: event.start)]
    return Answer(data)


def has(call: Call) -> Result:
    """Whether there are appointments, for each day of a span (Dates)."""
    first, last = call.integer("start") // DAY_MS * DAY_MS, call.integer("end")
    with call.read() as connection:
        events = store.of_users(connection, call.cid, [call.user.id])
        zone = call.user.timezone
        busy = [
            conflicts.span(event, zone)
            for event in conflicts.occurrences(
                connection, call.cid, events, first - DAY_MS, last + DAY_MS, zone
            )
        ]
    days = range(first, last, DAY_MS)
    return Answer([any(start < day + DAY_MS and end > day for start, end in busy) for day in days])


def newappointments(call: Call) -> Result:
    """The next appointments of the user."""
    columns = CALENDAR_COLUMNS.pick(call.params.get("columns"))
    bounds = (call.integer("start"), call.integer("end"))
    with call.read() as connection:
        entries: list[_Entry] = []
        for view in all_views(call, connection):
            events = store.in_folder(connection, call.cid, view.folder.id)
            mine = [each for each in view.all_shown(events) if each.member(call.user.id)]
            if not view.is_foreign:
                entries += _spread(call, connection, view, mine, bounds, masters=False)
        entries.sort(key=lambda entry: entry.event.start)
        return _rows(call, connection, entries, columns)


def search(call: Call) -> Result:
    """Appointments whose title holds a pattern or begins with a letter."""
    columns = CALENDAR_COLUMNS.pick(call.params.get("columns"))
    body = call.json_object()
    pattern = str(body.get("pattern") or "").strip("*").casefold()
    letter = str(body.get("startletter") or "").casefold()
    minimum = call.groupware.settings.minimum_search
    if len(pattern) < minimum and not letter:
        raise fault("APP-0094", minimum)
    with call.read() as connection:
        chosen = body.get("folder")
        views = [open_view(call, connection, chosen)] if chosen else all_views(call, connection)
        found: dict[int, _Entry] = {}
        for view in views:
            for event in view.all_shown(store.in_folder(connection, call.cid, view.folder.id)):
                title = str(event.fields.get("title", "")).casefold()
                if pattern in title and title.startswith(letter):
                    found.setdefault(event.id, _Entry(event, view))
        return _rows(call, connection, list(found.values()), columns)


def _notify(call: Call, planner: Planner, body: Mapping[str, Any]) -> None:
    """Those who take part are told of what is new or changed only if the body says so."""
    if str(body.get("notification", "")).lower() == "true":
        calendar_delivery.send(call, planner.notices, internal=True)


def _wish(
    call: Call, connection: sa.Connection, body: Mapping[str, Any], event: Event, view: FolderView
) -> Wish:
    wish = calendar_fields.wish_of(body, event, view.calendar_user, call.generation, call.zone)
    if body.get("folder_id") in (None, ""):
        return wish
    return replace(wish, folder=open_view(call, connection, body["folder_id"]))


def _original(call: Call, event: Event, source: Mapping[str, Any]) -> int | None:
    """When the occurrence of a series that a body or the parameters name would begin."""
    if not event.is_series:
        return None
    return calendar_fields.original_of(
        event, source.get("recurrence_position"), source.get("recurrence_date_position"), call.generation
    )


def _occurrence_of(
    call: Call, connection: sa.Connection, view: FolderView, event: Event, source: Mapping[str, Any]
) -> _Entry:
    original = _original(call, event, source)
    if original is None:
        return _Entry(event, view)
    planner = Planner(connection, call.user, call.generation)
    exception = planner.exception(event, original)
    if exception is not None:
        return _Entry(exception, view)
    occurrence = planner.occurrence(event, original)
    return _Entry(occurrence, view, Series.of(event).position(original))


def _spread(
    call: Call,
    connection: sa.Connection,
    view: FolderView,
    events: Sequence[Event],
    bounds: tuple[int, int] | None,
    masters: bool | None = None,
) -> list[_Entry]:
    """What is listed of some appointments: those within bounds; series whole, or as occurrences."""
    whole = call.flag("recurrence_master") if masters is None else masters
    if bounds is None:
        return [_Entry(event, view) for event in events]
    first, last = bounds
    zone = call.user.timezone
    if whole:
        ids = conflicts.touching(connection, call.cid, events, first, last, zone)
        return [_Entry(event, view) for event in events if event.id in ids]
    found = list(conflicts.occurrences(connection, call.cid, events, first, last, zone))
    spread = {each.id for each in found}
    places = {
        event.id: _places(event, first, last) for event in events if event.is_series and event.id in spread
    }
    return [_Entry(each, view, places.get(each.id, {}).get(each.fields.get("original", 0))) for each in found]


def _places(event: Event, first: int, last: int) -> dict[int, int]:
    """Beginnings of the occurrences of a series around a span of time, and their positions."""
    duration = event.end - event.start + 2 * DAY_MS
    found = Series.of(event).between(first - DAY_MS, last + DAY_MS, duration)
    return {moment: position for position, moment in found}


def _bounds(call: Call) -> tuple[int, int] | None:
    if not call.params.get("start") and not call.params.get("end"):
        return None
    return call.integer("start", 0), call.integer("end", _FOREVER)


def _values(call: Call, connection: sa.Connection, entries: Sequence[_Entry]) -> list[dict[str, Any]]:
    events = [entry.event for entry in entries]
    names = names_in(connection, call.cid, events)
    placed = positions(connection, call.cid, events)
    exceptions = store.exceptions(connection, call.cid, [event.id for event in events if event.is_series])
    files = attachments.heads(connection, call.cid, APPOINTMENT, [event.id for event in events])
    found = []
    for entry in entries:
        event = entry.event
        values = calendar_fields.values(
            event,
            entry.view.folder.id,
            entry.view.calendar_user,
            call.generation,
            call.zone,
            names,
            exceptions.get(event.id, ()),
            entry.position or placed.get(event.id),
        )
        if event.id in files:
            values["number_of_attachments"], values["lastModifiedOfNewestAttachmentUTC"] = files[event.id]
        found.append(values)
    return found


def _rows(
    call: Call,
    connection: sa.Connection,
    entries: Sequence[_Entry],
    columns: Sequence[ColumnDef],
    keep_order: bool = False,
) -> Answer:
    values = _values(call, connection, entries)
    sorting = None if keep_order else rows.sort_column(call, CALENDAR_COLUMNS)
    if sorting:
        name, descending = sorting[0].name, sorting[1]
        values = rows.ordered(values, lambda each: each.get(name), descending)
    cut = rows.cut(call, values)
    data = [[shown(column, each.get(column.name), call.zone) for column in columns] for each in cut]
    newest = max((entry.event.last_modified for entry in entries), default=0)
    return Answer(data, newest)


def _before(event: Event, original: int | None) -> Event:
    return event if original is None else as_occurrence(event, original)


def _matters(before: Event, after: Event) -> bool:
    """Whether a change may make new conflicts."""
    names = ("start_date", "end_date", "full_time", "rrule", "shown_as", "resources")
    users = {member.user for member in after.members} - {member.user for member in before.members}
    return bool(users) or any(before.fields.get(name) != after.fields.get(name) for name in names)


def _conflicts(call: Call, connection: sa.Connection, event: Event, body: Mapping[str, Any]) -> Answer | None:
    """The answer of an appointment that has conflicts; those with resources cannot be ignored."""
    users = [member.user for member in event.members]
    own = {event.id, event.series} if event.series else {event.id}
    found = conflicts.find(
        connection, call.cid, event.fields, users, call.user.timezone, [each for each in own if each]
    )
    if str(body.get("ignore_conflicts", "")).lower() == "true":
        found = [conflict for conflict in found if conflict.hard]
    if not found:
        return None
    return Answer({"conflicts": [_conflict(call, connection, each) for each in found]})


def _conflict(call: Call, connection: sa.Connection, conflict: Conflict) -> dict[str, Any]:
    """An appointment in the way: in full for who takes part in it, else its time and whom it concerns."""
    event = conflict.event
    folder = own_folder(call, connection, event)
    values = _plain_values(call, connection, event, folder or 0)
    taking_part = event.member(call.user.id) is not None or event.created_by == call.user.id
    if taking_part and folder is not None:
        found = {name: value for name, value in values.items() if name not in _CONFLICT_NAMES}
    else:
        found = {name: values[name] for name in _BUSY_NAMES}
    found["participants"] = [
        each
        for each in values["participants"]
        if each["type"] != calendar_fields.USER or each["id"] in conflict.users
    ]
    if conflict.hard:
        found["hard_conflicts"] = True
    return {name: value for name, value in found.items() if value is not None}


def _busy(call: Call, connection: sa.Connection, event: Event) -> dict[str, Any]:
    folder = own_folder(call, connection, event) if event.member(call.user.id) else None
    values = calendar_fields.values(
        event, folder or 0, call.user.id, call.generation, call.zone, calendar_fields.Names()
    )
    names = _BUSY_NAMES if folder is None else _BUSY_OWN_NAMES
    return {name: values[name] for name in names if values.get(name) is not None}


def _plain_values(call: Call, connection: sa.Connection, event: Event, folder: int) -> dict[str, Any]:
    names = names_in(connection, call.cid, [event])
    return calendar_fields.values(event, folder, call.user.id, call.generation, call.zone, names)


def _entries(call: Call) -> list[dict[str, Any]]:
    """What is to be deleted: one object up to generation 6, an array later."""
    value = call.json()
    if call.generation.single_delete:
        entries: Iterable[Any] = [call.json_object()]
    else:
        entries = value if isinstance(value, list) else [call.json_object()]
    found = list(entries)
    for entry in found:
        _check_entry(entry)
    return found


def _check_entry(entry: Any) -> None:
    if not isinstance(entry, dict) or "id" not in entry or "folder" not in entry:
        raise fault("SVL-0009", "id and folder are expected")


def _shown_id(call: Call, event_id: int) -> Any:
    return str(event_id) if call.generation.text_ids else event_id


def _shown(
    call: Call, connection: sa.Connection, view: FolderView, events: Sequence[Event]
) -> list[dict[str, Any]]:
    """Appointments of a folder as objects."""
    found = _values(call, connection, [_Entry(event, view) for event in events])
    return [_as_object(call, values) for values in found]


def _as_object(call: Call, values: Mapping[str, Any]) -> dict[str, Any]:
    names = [column for column in CALENDAR_COLUMNS if values.get(column.name) is not None]
    return {column.name: shown(column, values[column.name], call.zone) for column in names}


_ACTIONS = {
    "all": get_all,
    "get": get,
    "list": get_list,
    "updates": updates,
    "new": new,
    "update": update,
    "delete": delete,
    "confirm": confirm,
    "getChangeExceptions": get_change_exceptions,
    "resolveuid": resolveuid,
    "freebusy": freebusy,
    "has": has,
    "newappointments": newappointments,
    "search": search,
}
MODULE = Module(
    "calendar",
    {name: Action(handle) for name, handle in calendar_itip.below(_ACTIONS, _shown, "Appointment").items()},
    right="calendar",
)
