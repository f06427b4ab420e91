"""``/chronos`` (http-api section 7): the native calendar from generation 8 on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from lab.ox.calendar import conflicts, store
from lab.ox.calendar.attendees import user_of_mail
from lab.ox.calendar.event import ABSENT, DECLINED, FREE, NONE, RESERVED, TEMPORARY, TENTATIVE, Event
from lab.ox.calendar.faults import not_found
from lab.ox.calendar.folder_view import FolderView
from lab.ox.calendar.planner import SAME, Planner, as_occurrence
from lab.ox.errors import OXError, fault
from lab.ox.modules import calendar_delivery, calendar_itip, chronos_fields, rows
from lab.ox.modules.calendar_access import (
    all_views,
    must_list,
    names_in,
    open_event,
    open_view,
    own_folder,
)
from lab.ox.modules.calendar_fields import Names
from lab.ox.storage import attachments
from lab.ox.storage.attachments import APPOINTMENT
from lab.ox.web import envelope
from lab.ox.web.call import Answer, Binary, Call, Result, number
from lab.ox.web.dispatch import Action, Module

_FB_TYPES = {RESERVED: "BUSY", TEMPORARY: "BUSY-TENTATIVE", ABSENT: "BUSY-UNAVAILABLE", FREE: "FREE"}
_BUSY_FIELDS = (
    "id",
    "folder",
    "seriesId",
    "recurrenceId",
    "summary",
    "location",
    "startDate",
    "endDate",
    "transp",
)


@dataclass(frozen=True, slots=True)
class _Seen:
    """An appointment in a folder."""

    event: Event
    view: FolderView


def get_all(call: Call) -> Result:
    """The events of a folder, of all, or of those that a body names, that touch a span of time."""
    if call.body:
        return _all_of_folders(call)
    with call.read() as connection:
        if call.params.get("folder"):
            views = [open_view(call, connection, call.need("folder"))]
            must_list(call, views[0])
        else:
            views = all_views(call, connection)
        found: list[_Seen] = []
        for view in views:
            known = {each.event.id for each in found}
            found += [each for each in _within(call, connection, view) if each.event.id not in known]
        return _objects(call, connection, found)


def _all_of_folders(call: Call) -> Result:
    answers: list[dict[str, Any]] = []
    with call.read() as connection:
        for folder in call.json_object().get("folders") or ():
            entry: dict[str, Any] = {"folder": str(folder)}
            try:
                view = open_view(call, connection, folder)
                must_list(call, view)
                answer = _objects(call, connection, _within(call, connection, view))
                entry |= {"events": answer.data, "timestamp": answer.timestamp}
            except OXError as error:
                entry["error"] = envelope.of_error(error)
            answers.append(entry)
    return Answer(answers)


def get(call: Call) -> Result:
    """One event, or one occurrence of a series."""
    with call.read() as connection:
        view = open_view(call, connection, call.need("folder"))
        event = open_event(call, connection, view, call.need("id"))
        event = _occurrence(call, connection, event, call.params.get("recurrenceId"))
        shown = _shown(call, connection, [_Seen(event, view)])[0]
    return Answer(chronos_fields.picked(shown, call.params.get("fields"), whole=True), event.last_modified)


def get_list(call: Call) -> Result:
    """Some events by folder and id; one that is gone is an error."""
    with call.read() as connection:
        found = []
        for entry in _references(call.json_array()):
            view = open_view(call, connection, entry["folder"])
            event = open_event(call, connection, view, entry["id"])
            found.append(_Seen(_occurrence(call, connection, event, entry.get("recurrenceId")), view))
        return _objects(call, connection, found)


def updates(call: Call) -> Result:
    """What is new or changed in a folder after a moment, and what is gone."""
    since = call.integer("timestamp")
    ignored = call.params.get("ignore", "")
    with call.read() as connection:
        view = open_view(call, connection, call.need("folder"))
        must_list(call, view)
        events = view.all_shown(store.in_folder(connection, call.cid, view.folder.id, since))
        found = _spread(call, connection, view, events) if "changed" not in ignored else []
        gone = (
            store.deleted_since(connection, call.cid, view.folder.id, since)
            if "deleted" not in ignored
            else []
        )
        answer = _objects(call, connection, found)
    newest = max([since, *(event.last_modified for event in events), *(when for _, when in gone)])
    folder = str(view.folder.id)
    return Answer(
        {
            "newAndModified": answer.data,
            "deleted": [{"id": str(each), "folder": folder, "timestamp": when} for each, when in gone],
        },
        newest,
    )


def new(call: Call) -> Result:
    """A new event, maybe with files (POST)."""
    body, comment = _event_body(call)
    with call.write() as connection:
        view = open_view(call, connection, call.need("folder"))
        planner = Planner(connection, call.user, call.generation)
        wish = chronos_fields.wish_of(body, None, call.user.timezone)
        event = planner.create(view, wish, str(body.get("uid") or ""))
        _save_files(call, connection, event, body)
        found = _conflicts(call, connection, view, event)
        if found:
            connection.rollback()
            return found
        answer = _result(call, connection, view, planner)
    _notify(call, planner, comment)
    return answer


def update(call: Call) -> Result:
    """Change an event; with ``recurrenceId`` one occurrence of a series, with ``recurrenceRange`` all from it on."""
    body, comment = _event_body(call)
    since = call.integer("timestamp")
    with call.write() as connection:
        view = open_view(call, connection, call.need("folder"))
        event = open_event(call, connection, view, call.need("id"))
        planner = Planner(connection, call.user, call.generation)
        original = _original(event, call.params.get("recurrenceId"))
        if original is None:
            wish = chronos_fields.wish_of(body, event, call.user.timezone)
            after = planner.change(view, event, wish, since)
        elif call.params.get("recurrenceRange") == "THISANDFUTURE":
            wish = chronos_fields.wish_of(body, as_occurrence(event, original), call.user.timezone)
            after = planner.change_future(view, event, original, wish, since)
        else:
            template = planner.exception(event, original) or planner.occurrence(event, original)
            wish = chronos_fields.wish_of(body, template, call.user.timezone)
            after = planner.change_occurrence(view, event, original, wish, since)
        _save_files(call, connection, after, body)
        found = _conflicts(call, connection, view, after)
        if found:
            connection.rollback()
            return found
        answer = _result(call, connection, view, planner)
    _notify(call, planner, comment)
    return answer


def delete(call: Call) -> Result:
    """Delete events or occurrences; one result or error for each."""
    since = call.integer("timestamp")
    body = call.json()
    entries = body.get("events") if isinstance(body, Mapping) else body
    comment = str(body.get("comment") or "") if isinstance(body, Mapping) else ""
    if not isinstance(entries, list):
        raise fault("SVL-0009", "events are expected")
    results: list[dict[str, Any]] = []
    newest = 0
    for entry in _references(entries):
        try:
            with call.write() as connection:
                planner = _delete(call, connection, entry, since)
                view = open_view(call, connection, entry["folder"])
                answer = _result(call, connection, view, planner)
            _notify(call, planner, comment)
            results.append(answer.data)
            newest = max(newest, planner.stamp)
        except OXError as error:
            failed = {
                "folderId": str(entry["folder"]),
                "id": str(entry["id"]),
                "error": envelope.of_error(error),
            }
            results.append(failed)
    return Answer(results, newest or since)


def _event_body(call: Call) -> tuple[dict[str, Any], str]:
    """The event of a body, bare or under ``event``, and the comment for those who take part."""
    body = call.json_object()
    if isinstance(body.get("event"), dict):
        return body["event"], str(body.get("comment") or "")
    return body, ""


def _notify(call: Call, planner: Planner, comment: str) -> None:
    """People outside are always told, users only if the call says so."""
    internal = call.flag("sendInternalNotifications")
    calendar_delivery.send(call, planner.notices, internal, comment=comment)


def _delete(call: Call, connection: sa.Connection, entry: Mapping[str, Any], since: int) -> Planner:
    view = open_view(call, connection, entry["folder"])
    event = open_event(call, connection, view, entry["id"])
    planner = Planner(connection, call.user, call.generation)
    original = _original(event, entry.get("recurrenceId"))
    if original is None:
        planner.delete(view, event, since)
    elif entry.get("recurrenceRange") == "THISANDFUTURE":
        planner.delete_future(view, event, original, since)
    else:
        planner.delete_occurrence(view, event, original, since)
    return planner


def move(call: Call) -> Result:
    """Move an event to another folder."""
    since = call.integer("timestamp")
    with call.write() as connection:
        view = open_view(call, connection, call.need("folder"))
        target = open_view(call, connection, call.need("targetFolder"))
        event = open_event(call, connection, view, call.need("id"))
        planner = Planner(connection, call.user, call.generation)
        planner.move(view, event, target, since)
        answer = _result(call, connection, target, planner)
    _notify(call, planner, "")
    return answer


def update_attendee(call: Call) -> Result:
    """Store an attendee's answer and alarms."""
    body = call.json_object()
    attendee = body.get("attendee") or {}
    since = call.integer("timestamp")
    with call.write() as connection:
        view = open_view(call, connection, call.need("folder"))
        event = open_event(call, connection, view, call.need("id"))
        planner = Planner(connection, call.user, call.generation)
        planner.check_stamp(event, since)
        original = _original(event, call.params.get("recurrenceId"))
        alarms: Any = chronos_fields.alarms_of(body["alarms"]) if "alarms" in body else SAME
        user_id = _attendee_id(connection, call, attendee, view)
        message = str(attendee["comment"] or "") if "comment" in attendee else None
        member = event.member(user_id)
        reply = (
            chronos_fields.reply_of(attendee)
            if attendee.get("partStat")
            else (member.reply if member else NONE)
        )
        planner.confirm(view, event, user_id, reply, message, original, alarms)
        answer = _result(call, connection, view, planner)
    _notify(call, planner, "")
    return answer


def _attendee_id(connection: sa.Connection, call: Call, attendee: Mapping[str, Any], view: FolderView) -> int:
    user_id = number(attendee.get("entity") or 0, "entity")
    address = str(attendee.get("uri") or "").partition(":")[2] or str(attendee.get("email") or "")
    if not user_id and address:
        user_id = user_of_mail(connection, call.cid, address) or 0
    if user_id not in (call.user.id, view.calendar_user):
        raise fault("CAL-4033", address or user_id)
    return user_id


def free_busy(call: Call) -> Result:
    """When attendees are busy; what it is about only where the user takes part."""
    first = chronos_fields.range_of(call.need("from"), "from")
    last = chronos_fields.range_of(call.need("until"), "until")
    masked = call.integer("maskId", 0)
    found = []
    with call.read() as connection:
        for attendee in call.json_object().get("attendees") or ():
            found.append(_busy_of(call, connection, attendee, (first, last), masked))
    return Answer(found)


def needs_action(call: Call) -> Result:
    """The user's events that wait for an answer."""
    with call.read() as connection:
        found = [
            each
            for view in all_views(call, connection)
            for each in _within(call, connection, view)
            if not view.is_foreign and _waits(each.event, call.user.id)
        ]
        return _objects(call, connection, found)


def resolve(call: Call) -> Result:
    """The event of a UID as the user sees it."""
    uid = call.need("id")
    with call.read() as connection:
        for event in store.by_uid(connection, call.cid, uid):
            folder = own_folder(call, connection, event)
            if folder is not None:
                shown = _shown(call, connection, [_Seen(event, open_view(call, connection, folder))])[0]
                return Answer(
                    chronos_fields.picked(shown, call.params.get("fields"), whole=True), event.last_modified
                )
    raise not_found(call.generation, uid)


def get_attachment(call: Call) -> Result:
    """The bytes of a file of an event."""
    with call.read() as connection:
        view = open_view(call, connection, call.need("folder"))
        event = open_event(call, connection, view, call.need("id"))
        wanted = call.integer("managedId")
        found = attachments.load(connection, call.cid, APPOINTMENT, event.id, wanted)
    if found is None:
        raise fault("CAL-4047", wanted)
    return Binary(found.data, found.content_type, found.filename)


def _waits(event: Event, user_id: int) -> bool:
    member = event.member(user_id)
    return event.is_meeting and member is not None and member.reply == NONE


def _within(call: Call, connection: sa.Connection, view: FolderView) -> list[_Seen]:
    for name in ("rangeStart", "rangeEnd"):
        call.need(name)
    events = store.in_folder(connection, call.cid, view.folder.id)
    return _spread(call, connection, view, view.all_shown(events))


def _spread(call: Call, connection: sa.Connection, view: FolderView, events: Sequence[Event]) -> list[_Seen]:
    """Events within the range of the call, if it has one; series whole unless ``expand`` is true."""
    start, end = call.params.get("rangeStart"), call.params.get("rangeEnd")
    if not start and not end:
        return [_Seen(event, view) for event in events]
    first = chronos_fields.range_of(start, "rangeStart") if start else 0
    last = chronos_fields.range_of(end, "rangeEnd") if end else 4_102_444_800_000
    span = (first, last, call.user.timezone)
    if call.flag("expand"):
        return [_Seen(event, view) for event in conflicts.occurrences(connection, call.cid, events, *span)]
    ids = conflicts.touching(connection, call.cid, events, *span)
    return [_Seen(event, view) for event in events if event.id in ids]


def _shown(call: Call, connection: sa.Connection, found: Sequence[_Seen]) -> list[dict[str, Any]]:
    events = [each.event for each in found]
    names = names_in(connection, call.cid, events)
    exceptions = store.exceptions(connection, call.cid, [event.id for event in events if event.is_series])
    with_files = attachments.heads(connection, call.cid, APPOINTMENT, [event.id for event in events])
    return [
        chronos_fields.values(
            each.event,
            each.view,
            names,
            exceptions.get(each.event.id, ()),
            attachments.of_object(connection, call.cid, APPOINTMENT, each.event.id)
            if each.event.id in with_files
            else (),
        )
        for each in found
    ]


def _objects(call: Call, connection: sa.Connection, found: Sequence[_Seen]) -> Answer:
    shown = _shown(call, connection, found)
    if call.params.get("sort"):
        name, descending = call.params["sort"], call.params.get("order", "ASC").upper() == "DESC"
        shown = rows.ordered(shown, lambda each: _sortable(each.get(name)), descending)
    newest = max((each.event.last_modified for each in found), default=0)
    return Answer([chronos_fields.picked(each, call.params.get("fields")) for each in shown], newest)


def _sortable(value: Any) -> Any:
    return value["value"] if isinstance(value, Mapping) and "value" in value else value


def _result(call: Call, connection: sa.Connection, view: FolderView, planner: Planner) -> Answer:
    """What came of a change, as the user sees it in the folder."""
    wanted = call.params.get("fields")
    gone = {event.id for event in planner.deleted}
    parts: dict[str, Any] = {}
    for name, events in (("created", planner.created), ("updated", planner.updated)):
        made = {event.id for event in planner.created} if name == "updated" else set()
        kept = [
            _Seen(event, view)
            for event in events
            if event.id not in gone | made and view.folder.id in store.seen_in(event)
        ]
        parts[name] = [
            chronos_fields.picked(each, wanted, whole=True) for each in _shown(call, connection, kept)
        ]
    parts["deleted"] = [
        {**chronos_fields.deleted(event, view.folder.id), "timestamp": planner.stamp}
        for event in planner.deleted
    ]
    return Answer(parts, planner.stamp)


def _occurrence(call: Call, connection: sa.Connection, event: Event, recurrence_id: Any) -> Event:
    original = _original(event, recurrence_id)
    if original is None:
        return event
    planner = Planner(connection, call.user, call.generation)
    return planner.exception(event, original) or planner.occurrence(event, original)


def _original(event: Event, recurrence_id: Any) -> int | None:
    if recurrence_id in (None, "") or not event.is_series:
        return None
    return chronos_fields.original_of(recurrence_id, event.fields)


def _references(entries: Iterable[Any]) -> list[dict[str, Any]]:
    found = []
    for entry in entries:
        if not isinstance(entry, dict) or "id" not in entry or "folder" not in entry:
            raise fault("SVL-0009", "id and folder are expected")
        found.append(entry)
    return found


# Files


def _save_files(call: Call, connection: sa.Connection, event: Event, body: Mapping[str, Any]) -> None:
    """The files of an event are those that its ``attachments`` list: known ones by ``managedId``, new ones by the
    ``uri`` that names their field in the form."""
    if "attachments" not in body:
        return
    listed = body["attachments"] or []
    kept = {int(each["managedId"]) for each in listed if each.get("managedId")}
    before = attachments.of_object(connection, call.cid, APPOINTMENT, event.id)
    gone = [each.id for each in before if each.id not in kept]
    if gone:
        attachments.remove(connection, call.cid, APPOINTMENT, event.id, gone)
    uploads = list(call.files)
    for each in listed:
        if each.get("managedId"):
            continue
        name = str(each.get("uri") or "").removeprefix("cid:")
        upload = next((one for one in uploads if one.name == name), uploads[0] if uploads else None)
        if upload is None:
            raise fault("CAL-4047", name)
        uploads.remove(upload)
        kind = str(each.get("fmtType") or upload.content_type)
        title = str(each.get("filename") or upload.filename)
        attachments.add(connection, call.cid, call.user.id, APPOINTMENT, event.id, title, kind, upload.data)


# What is in the way


def _conflicts(call: Call, connection: sa.Connection, view: FolderView, event: Event) -> Answer | None:
    """The answer for an event with conflicts: those with resources always count, others if they are asked for."""
    users = [member.user for member in event.members]
    own = [each for each in (event.id, event.series) if each]
    found = conflicts.find(connection, call.cid, event.fields, users, call.user.timezone, own)
    if not call.flag("checkConflicts"):
        found = [conflict for conflict in found if conflict.hard]
    if not found:
        return None
    listed = []
    for conflict in found:
        names = names_in(connection, call.cid, [conflict.event, event])
        attendees = [{"entity": each, "cn": names.users.get(each, ("", ""))[0]} for each in conflict.users]
        listed.append(
            {
                "hard_conflict": conflict.hard,
                "conflicting_attendees": attendees,
                "event": _busy_event(call, connection, conflict.event),
            }
        )
    return Answer({"conflicts": listed})


def _busy_event(call: Call, connection: sa.Connection, event: Event) -> dict[str, Any]:
    folder = own_folder(call, connection, event) if event.member(call.user.id) else None
    if folder is not None:
        view = open_view(call, connection, folder)
        return chronos_fields.picked(chronos_fields.values(event, view, Names()), ",".join(_BUSY_FIELDS))
    return {
        "startDate": chronos_fields.date_time(event.start, event.fields),
        "endDate": chronos_fields.date_time(event.end, event.fields),
        "transp": "TRANSPARENT" if event.fields.get("shown_as") == FREE else "OPAQUE",
    }


def _busy_of(
    call: Call, connection: sa.Connection, attendee: Mapping[str, Any], bounds: tuple[int, int], masked: int
) -> dict[str, Any]:
    entity = number(attendee.get("entity") or 0, "entity")
    if attendee.get("cuType") in ("RESOURCE", "ROOM"):
        events = store.of_resources(connection, call.cid, [entity])
    else:
        address = str(attendee.get("uri") or "").partition(":")[2] or str(attendee.get("email") or "")
        entity = entity or user_of_mail(connection, call.cid, address) or 0
        events = store.of_users(connection, call.cid, [entity]) if entity else []
    if not entity:
        warning = envelope.of_error(fault("CAL-4034", attendee.get("uri")))
        return {"attendee": dict(attendee), "freeBusyTime": [], "warnings": [warning]}
    events = [event for event in events if masked not in (event.id, event.series)]
    zone = call.user.timezone
    times: list[dict[str, Any]] = []
    for event in conflicts.occurrences(connection, call.cid, events, *bounds, zone):
        member = event.member(entity)
        if event.fields.get("shown_as") == FREE or (member and member.reply == DECLINED):
            continue
        start, end = conflicts.span(event, zone)
        kind = _FB_TYPES[event.fields.get("shown_as", RESERVED)]
        if member and member.reply in (NONE, TENTATIVE):
            kind = "BUSY-TENTATIVE"
        entry = {"startTime": start, "endTime": end, "fbType": kind}
        times.append({**entry, "event": _busy_event(call, connection, event)})
    times.sort(key=lambda each: each["startTime"])
    shown = {"uri": attendee.get("uri"), "entity": entity}
    return {
        "attendee": {**attendee, **{name: value for name, value in shown.items() if value}},
        "freeBusyTime": _merged(times) if call.flag("merge") else times,
    }


def _merged(times: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Times without overlaps of the same kind."""
    merged: list[dict[str, Any]] = []
    for each in times:
        last = next((one for one in reversed(merged) if one["fbType"] == each["fbType"]), None)
        if last is not None and each["startTime"] <= last["endTime"]:
            last["endTime"] = max(last["endTime"], each["endTime"])
        else:
            merged.append({name: each[name] for name in ("startTime", "endTime", "fbType")})
    return merged


def _as_objects(
    call: Call, connection: sa.Connection, view: FolderView, events: Sequence[Event]
) -> list[dict[str, Any]]:
    """Events of a folder as objects."""
    return _shown(call, connection, [_Seen(event, view) for event in events])


_ACTIONS = {
    "all": get_all,
    "get": get,
    "list": get_list,
    "updates": updates,
    "new": new,
    "update": update,
    "delete": delete,
    "move": move,
    "updateAttendee": update_attendee,
    "freeBusy": free_busy,
    "needsAction": needs_action,
    "resolve": resolve,
}
MODULE = Module(
    "chronos",
    {
        **{
            name: Action(handle)
            for name, handle in calendar_itip.below(_ACTIONS, _as_objects, "Event").items()
        },
        "getAttachment": Action(get_attachment, in_multiple=False),
    },
    right="calendar",
    since=8,
)
