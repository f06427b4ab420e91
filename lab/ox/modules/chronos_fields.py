"""Appointments between their stored form and the event objects of ``chronos`` (http-api section 7.2)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from lab.ox.calendar import recurrence
from lab.ox.calendar.attendees import Guests
from lab.ox.calendar.event import (
    ACCEPTED,
    CONFIDENTIAL,
    DECLINED,
    FREE,
    NONE,
    PRIVATE,
    PUBLIC,
    REQUIRED,
    RESERVED,
    TENTATIVE,
    Event,
    Member,
)
from lab.ox.calendar.folder_view import FolderView
from lab.ox.calendar.planner import SAME, Wish
from lab.ox.calendar.recurrence import Series
from lab.ox.calendar.store import seen_in
from lab.ox.errors import fault
from lab.ox.modules.calendar_fields import Names
from lab.ox.storage.attachments import Attachment
from lab.ox.zones import zone

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PART_STATS = {NONE: "NEEDS-ACTION", ACCEPTED: "ACCEPTED", DECLINED: "DECLINED", TENTATIVE: "TENTATIVE"}
REPLIES = {name: reply for reply, name in PART_STATS.items()} | {"DELEGATED": NONE}
# JSON name → name of the stored field.
_TEXTS = {"summary": "title", "location": "location", "description": "note", "url": "url"}
_SIZES = {"summary": 255, "location": 255}
_AS_IS = ("geo", "extendedProperties", "attendeePrivileges", "relatedTo", "status", "color")
# What a list holds when it does not ask for fields.
_BULKY = ("description", "alarms", "attachments", "extendedProperties", "geo", "url", "attendeePrivileges")
_DAY, _TIME = "%Y%m%d", "%Y%m%dT%H%M%S"
_RECURRENCE_ID = re.compile(r"(?:(?P<zone>[^:]+):)?(?P<moment>\d{8}(?:T\d{6}(?P<utc>Z)?)?)\Z")


def values(
    event: Event,
    view: FolderView,
    names: Names,
    exceptions: Sequence[Event] = (),
    files: Sequence[Attachment] = (),
) -> dict[str, Any]:
    """Everything the API shows of an appointment in a folder. ``exceptions``: those of a series."""
    fields = event.fields
    shown: dict[str, Any] = {
        "id": str(event.id),
        "folder": str(view.folder.id),
        "uid": event.uid,
        "timestamp": event.last_modified,
        "lastModified": event.last_modified,
        "created": event.creation_date,
        "createdBy": _user(event.created_by, names),
        "modifiedBy": _user(event.modified_by, names),
        "calendarUser": _user(view.calendar_user, names),
        "sequence": fields.get("sequence", 0),
        "class": fields.get("class", PUBLIC),
        "transp": "TRANSPARENT" if fields.get("shown_as") == FREE else "OPAQUE",
        "startDate": date_time(event.start, fields),
        "endDate": date_time(event.end, fields),
    }
    shown |= {name: fields[stored] for name, stored in _TEXTS.items() if stored in fields}
    shown |= {name: fields[name] for name in _AS_IS if name in fields}
    if fields.get("categories"):
        shown["categories"] = [part.strip() for part in fields["categories"].split(",") if part.strip()]
    if event.series is not None:
        shown["seriesId"] = str(event.series)
    if "original" in fields:
        shown["recurrenceId"] = recurrence_id(fields["original"], fields)
    if event.is_series:
        shown["rrule"] = fields["rrule"]
        # An exception that the folder does not show is a deleted occurrence there.
        here = [each for each in exceptions if view.folder.id in seen_in(each)]
        gone = [each.fields["original"] for each in exceptions if each not in here]
        changed = [recurrence_id(each.fields["original"], fields) for each in here]
        deleted = [recurrence_id(each, fields) for each in [*(fields.get("deleted") or ()), *gone]]
        shown |= {"changeExceptionDates": sorted(changed)} if changed else {}
        shown |= {"deleteExceptionDates": sorted(deleted)} if deleted else {}
    if event.is_meeting:
        shown["attendees"] = _attendees(event, names)
        shown["organizer"] = _organizer(fields.get("organizer") or {})
    member = event.member(view.calendar_user)
    if member is not None and member.alarms:
        shown["alarms"] = [{"id": number, **alarm} for number, alarm in enumerate(member.alarms, 1)]
    if files:
        shown["attachments"] = [_attachment(each) for each in files]
    shown["flags"] = _flags(event, view, member, shown)
    return shown


def picked(shown: Mapping[str, Any], wanted: str | None, whole: bool = False) -> dict[str, Any]:
    """The fields that a call asks for; without a wish all, or in lists those that are not bulky."""
    if wanted:
        names = [name.strip() for name in wanted.split(",")]
        return {name: shown[name] for name in names if name in shown}
    return {name: value for name, value in shown.items() if whole or name not in _BULKY}


def deleted(event: Event, folder: int) -> dict[str, Any]:
    """What is told of an appointment that is gone."""
    shown: dict[str, Any] = {"id": str(event.id), "folder": str(folder)}
    if "original" in event.fields:
        shown["recurrenceId"] = recurrence_id(event.fields["original"], event.fields)
    return shown


def _user(user_id: int, names: Names) -> dict[str, Any]:
    name, mail = names.users.get(user_id, ("", ""))
    return {"uri": f"mailto:{mail}", "cn": name, "email": mail, "entity": user_id}


def _organizer(organizer: Mapping[str, Any]) -> dict[str, Any]:
    mail = str(organizer.get("mail", ""))
    shown: dict[str, Any] = {"uri": f"mailto:{mail}", "cn": organizer.get("name") or mail, "email": mail}
    if organizer.get("entity"):
        shown["entity"] = organizer["entity"]
    if organizer.get("sent_by"):
        shown["sentBy"] = {"uri": f"mailto:{organizer['sent_by']}", "email": organizer["sent_by"]}
    return shown


def _attendees(event: Event, names: Names) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for member in event.members:
        if member.hidden and member.reply != DECLINED:
            continue
        entry = {
            **_user(member.user, names),
            "cuType": "INDIVIDUAL",
            "role": member.role,
            "partStat": PART_STATS[member.reply],
            "rsvp": member.reply == NONE,
        }
        entry |= {"comment": member.message} if member.message else {}
        entry |= {"folder": str(member.folder)} if member.folder is not None else {}
        found.append(entry)
    for kind, ids, known in (
        ("GROUP", event.fields.get("groups") or (), names.groups),
        ("RESOURCE", event.fields.get("resources") or (), names.resources),
    ):
        for each in ids:
            name = known.get(each, str(each))
            entry = {
                "entity": each,
                "cuType": kind,
                "cn": name,
                "partStat": "ACCEPTED",
                "uri": f"urn:uuid:{each}",
            }
            found.append(entry)
    for each in event.fields.get("externals") or ():
        entry = {
            "uri": f"mailto:{each['mail']}",
            "email": each["mail"],
            "cn": each.get("name") or each["mail"],
            "cuType": each.get("kind") or "INDIVIDUAL",
            "role": each.get("role") or REQUIRED,
            "partStat": PART_STATS[each.get("reply", NONE)],
        }
        entry |= {"comment": each["message"]} if each.get("message") else {}
        found.append(entry)
    return found


def _attachment(each: Attachment) -> dict[str, Any]:
    return {
        "managedId": each.id,
        "filename": each.filename,
        "fmtType": each.content_type,
        "size": each.size,
        "created": each.creation_date,
    }


def _flags(event: Event, view: FolderView, member: Member | None, shown: Mapping[str, Any]) -> list[str]:
    fields = event.fields
    organizer = (fields.get("organizer") or {}).get("entity")
    behalf = "_on_behalf" if view.is_foreign else ""
    answers = {NONE: "needs_action", ACCEPTED: "accepted", DECLINED: "declined", TENTATIVE: "tentative"}
    chosen = {
        "attachments": "attachments" in shown,
        "alarms": "alarms" in shown,
        "scheduled": event.is_meeting,
        f"organizer{behalf}": event.is_meeting and organizer == view.calendar_user,
        f"attendee{behalf}": event.is_meeting and member is not None,
        "private": fields.get("class") == PRIVATE,
        "confidential": fields.get("class") == CONFIDENTIAL,
        "transparent": fields.get("shown_as") == FREE,
        f"event_{str(fields.get('status', '')).lower()}": bool(fields.get("status")),
        answers[member.reply] if member else "": event.is_meeting and member is not None,
        "series": event.series is not None,
        "overridden": event.is_exception,
    }
    return [name for name, is_on in chosen.items() if is_on and name]


# Moments


def date_time(moment: int, fields: Mapping[str, Any]) -> dict[str, str]:
    """A stored moment as ``{"value", "tzid"}``; of whole days without a zone."""
    name = recurrence.zone_of(fields)
    if name is None:
        return {"value": _at(moment, UTC).strftime("%Y%m%d")}
    return {"value": _at(moment, ZoneInfo(name)).strftime("%Y%m%dT%H%M%S"), "tzid": name}


def recurrence_id(original: int, fields: Mapping[str, Any]) -> str:
    """The name of an occurrence: its day, its UTC time, or zone and local time."""
    name = recurrence.zone_of(fields)
    if name is None:
        return _at(original, UTC).strftime("%Y%m%d")
    if name == "UTC":
        return _at(original, UTC).strftime("%Y%m%dT%H%M%SZ")
    return f"{name}:{_at(original, ZoneInfo(name)).strftime('%Y%m%dT%H%M%S')}"


def original_of(text: Any, fields: Mapping[str, Any]) -> int:
    """The reverse of :func:`recurrence_id`, for an event with these fields. CAL-4061 for another kind of text."""
    match = _RECURRENCE_ID.match(str(text))
    if match is None:
        raise fault("CAL-4061", text)
    moment = match["moment"]
    if len(moment) == 8:
        if not fields.get("full_time"):
            # Only a day: the occurrence that begins on it.
            found = Series(fields["start_date"], fields["rrule"], recurrence.zone_of(fields)).on_day(
                _moment(moment, None)
            )
            if found is None:
                raise fault("CAL-4042", text)
            return found
        return _moment(moment, None)
    name = None if match["utc"] else (match["zone"] or recurrence.zone_of(fields))
    return _moment(moment.rstrip("Z"), name)


def moment_of(value: Any, name: str, default_zone: str) -> tuple[int, bool, str | None]:
    """A ``{"value", "tzid"}`` as it is stored: when, whether it is a day, and the zone."""
    if not isinstance(value, Mapping) or not isinstance(value.get("value"), str):
        raise fault("SVL-0010", name, value)
    text = value["value"]
    try:
        if len(text) == 8:
            return _moment(text, None), True, None
        tzid = "UTC" if text.endswith("Z") else str(value.get("tzid") or default_zone)
        zone(tzid)
        return _moment(text.rstrip("Z"), tzid), False, tzid
    except ValueError:
        raise fault("SVL-0010", name, text) from None


def range_of(text: str, name: str) -> int:
    """A moment like ``20170708T220000Z``."""
    try:
        return _moment(text.rstrip("Z"), None)
    except ValueError:
        raise fault("SVL-0010", name, text) from None


def _moment(text: str, name: str | None) -> int:
    local = datetime.strptime(text + "+0000", f"{_DAY if len(text) == 8 else _TIME}%z")
    if name:
        local = local.replace(tzinfo=ZoneInfo(name))
    return (local.astimezone(UTC) - _EPOCH) // timedelta(milliseconds=1)


def _at(moment: int, tz: Any) -> datetime:
    return (_EPOCH + timedelta(milliseconds=moment)).astimezone(tz)


# From the client


def wish_of(body: Mapping[str, Any], event: Event | None, default_zone: str) -> Wish:
    """What an event object wants of an appointment, or of a new one."""
    fields = _texts(body)
    fields |= _times(body, event, default_zone)
    for name in _AS_IS:
        if name in body:
            fields[name] = body[name]
    if "categories" in body:
        fields["categories"] = ", ".join(body["categories"]) if body["categories"] else None
    if "class" in body:
        fields["class"] = body["class"] if body["class"] in (PRIVATE, CONFIDENTIAL) else None
    if "transp" in body:
        before = event.fields.get("shown_as", RESERVED) if event else RESERVED
        opaque = RESERVED if before == FREE else before
        fields["shown_as"] = FREE if body["transp"] == "TRANSPARENT" else opaque
    if "rrule" in body:
        fields["rrule"] = str(body["rrule"]).removeprefix("RRULE:") if body["rrule"] else None
    if "deleteExceptionDates" in body and event is not None and event.is_series:
        whole = {**event.fields, **fields}
        fields["deleted"] = sorted(original_of(each, whole) for each in body["deleteExceptionDates"] or ())
    if event is None and body.get("organizer"):
        fields["organizer"] = _organizer_of(body["organizer"])
    guests = _guests(body["attendees"] or []) if "attendees" in body else None
    if guests is not None and event is None:
        fields["scheduled"] = bool(body["attendees"]) or None
    alarms: Any = [_alarm(each) for each in body["alarms"] or ()] if "alarms" in body else SAME
    return Wish(fields=fields, guests=guests, alarms=alarms)


def alarms_of(value: Any) -> list[Mapping[str, Any]]:
    """An array of alarms as they are stored."""
    return [_alarm(each) for each in value or ()]


def reply_of(attendee: Mapping[str, Any]) -> int:
    """The answer that an attendee's ``partStat`` is."""
    found = REPLIES.get(str(attendee.get("partStat") or "NEEDS-ACTION").upper())
    if found is None:
        raise fault("SVL-0010", "partStat", attendee.get("partStat"))
    return found


def _texts(body: Mapping[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, stored in _TEXTS.items():
        if name not in body:
            continue
        fields[stored] = str(body[name]) if body[name] else None
        if "\x00" in (fields[stored] or ""):
            raise fault("CAL-4227", name)
        if len(fields[stored] or "") > _SIZES.get(name, 65535):
            length = len(fields[stored])
            raise fault(
                "CAL-5070",
                name,
                problematic=[{"name": name, "length": length, "max_size": _SIZES.get(name, 65535)}],
            )
    return fields


def _times(body: Mapping[str, Any], event: Event | None, default_zone: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if body.get("startDate") is not None:
        found["start_date"], found["full_time"], tz = moment_of(body["startDate"], "startDate", default_zone)
        if tz:
            found["timezone"] = tz
    if body.get("endDate") is not None:
        tz = str(found.get("timezone") or (event.fields.get("timezone") if event else "") or default_zone)
        found["end_date"], whole, _ = moment_of(body["endDate"], "endDate", tz)
        if whole != found.get("full_time", event.full_time if event else whole):
            raise fault("CAL-4221")
    elif "start_date" in found and event is None:
        found["end_date"] = found["start_date"] + (86_400_000 if found["full_time"] else 0)
    elif "start_date" in found and event is not None:
        found["end_date"] = found["start_date"] + event.end - event.start
    return found


def _organizer_of(value: Mapping[str, Any]) -> dict[str, Any]:
    mail = _mail(value)
    found = {"mail": mail, "name": str(value.get("cn") or ""), "entity": value.get("entity") or None}
    return {name: each for name, each in found.items() if each}


def _guests(attendees: Iterable[Mapping[str, Any]]) -> Guests:
    users: dict[int, str] = {}
    replies: dict[int, int] = {}
    groups, resources, externals = [], [], []
    for each in attendees:
        kind = str(each.get("cuType") or "INDIVIDUAL")
        entity = int(each.get("entity") or 0)
        role = str(each.get("role") or REQUIRED)
        if entity and kind == "GROUP":
            groups.append(entity)
        elif entity and kind in ("RESOURCE", "ROOM"):
            resources.append(entity)
        elif entity:
            users[entity] = role
            if each.get("partStat"):
                replies[entity] = reply_of(each)
        else:
            mail = _mail(each)
            if not mail:
                raise fault("CAL-4034", each.get("uri"))
            outside: dict[str, Any] = {
                "mail": mail,
                "name": str(each.get("cn") or ""),
                "role": role,
                "kind": kind,
            }
            if each.get("partStat"):
                outside["reply"] = reply_of(each)
            if each.get("comment"):
                outside["message"] = str(each["comment"])
            externals.append({name: value for name, value in outside.items() if value != ""})
    return Guests(users, tuple(groups), tuple(resources), tuple(externals), replies)


def _mail(value: Mapping[str, Any]) -> str:
    uri = str(value.get("uri") or "")
    if uri.lower().startswith("mailto:"):
        return uri[7:]
    return str(value.get("email") or "")


def _alarm(value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping) or not isinstance(value.get("trigger"), Mapping):
        raise fault("SVL-0010", "alarms", value)
    kept = {name: each for name, each in value.items() if name != "id" and each is not None}
    return {"action": "DISPLAY", **kept}
