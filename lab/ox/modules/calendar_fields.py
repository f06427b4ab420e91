"""Appointments between their stored form and the numbered columns of ``calendar``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from lab.ox.calendar import recurrence
from lab.ox.calendar.attendees import Guests
from lab.ox.calendar.event import NONE, PRIVATE, PUBLIC, REQUIRED, RESERVED, Event, Member
from lab.ox.calendar.faults import calendar_fault
from lab.ox.calendar.planner import SAME, Wish
from lab.ox.calendar.recurrence import Series
from lab.ox.columns.calendar import CALENDAR_COLUMNS
from lab.ox.columns.table import ColumnDef
from lab.ox.errors import OXError, fault
from lab.ox.generation import Generation
from lab.ox.zones import DAY_MS, from_time, to_time, zone

USER, GROUP, RESOURCE, EXTERNAL = 1, 2, 3, 5
NO_ALARM = -1
_MINUTE_SECONDS = 60
_PLAIN = ("title", "location", "note", "categories", "color_label")
_RULE_NAMES = recurrence.PATTERN
_UNITS = {"W": 604_800, "D": 86_400, "H": 3_600, "M": 60, "S": 1}


@dataclass(frozen=True, slots=True)
class Names:
    """What ids stand for: users, groups and resources by id."""

    users: Mapping[int, tuple[str, str]] = field(default_factory=dict)
    groups: Mapping[int, str] = field(default_factory=dict)
    resources: Mapping[int, str] = field(default_factory=dict)


def values(
    event: Event,
    folder: int,
    calendar_user: int,
    generation: Generation,
    tz: ZoneInfo,
    names: Names,
    exceptions: Sequence[Event] = (),
    position: int | None = None,
) -> dict[str, Any]:
    """Everything the API shows of an appointment by JSON name, as a folder's owner has it. ``exceptions``: those of a
    series; ``position``: of an occurrence or exception."""
    as_id = str if generation.text_ids else int
    fields = event.fields
    shown: dict[str, Any] = {name: fields[name] for name in _PLAIN if name in fields}
    member = event.member(calendar_user)
    shown |= {
        "id": as_id(event.id),
        "folder_id": as_id(folder),
        "created_by": event.created_by,
        "modified_by": event.modified_by,
        "creation_date": event.creation_date,
        "last_modified": event.last_modified,
        "last_modified_utc": event.last_modified,
        "start_date": event.start if event.full_time else to_time(event.start, tz),
        "end_date": event.end if event.full_time else to_time(event.end, tz),
        "full_time": event.full_time,
        "shown_as": fields.get("shown_as", RESERVED),
        "timezone": fields.get("timezone"),
        "private_flag": fields.get("class", PUBLIC) == PRIVATE,
        "number_of_attachments": 0,
        "alarm": minutes_of(member) if member else NO_ALARM,
        "sequence": fields.get("sequence", 0),
        "recurrence_type": 0,
        "users": [_user(each, names) for each in event.members if not each.hidden],
        "participants": _participants(event, names),
        "confirmations": [_confirmation(each) for each in fields.get("externals") or ()],
    }
    if event.uid:
        shown["uid"] = event.uid
    shown |= _organizer(event, generation)
    shown |= _recurrence(event, exceptions, position)
    return shown


def _recurrence(event: Event, exceptions: Sequence[Event], position: int | None) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    if event.series is not None:
        shown["recurrence_id"] = event.series
    if "original" in event.fields:
        shown["recurrence_date_position"] = _day(event.fields["original"])
        if position is not None:
            shown["recurrence_position"] = position
    if event.is_series:
        pattern = recurrence.pattern_of(event.fields) or {}
        shown |= pattern
        shown["recurrence_start"] = _day(event.start)
        changed = sorted(_day(each.fields["original"]) for each in exceptions)
        deleted = sorted(_day(each) for each in event.fields.get("deleted") or ())
        shown |= {"change_exceptions": changed} if changed else {}
        shown |= {"delete_exceptions": deleted} if deleted else {}
    return shown


def _day(moment: int) -> int:
    return moment // DAY_MS * DAY_MS


def _organizer(event: Event, generation: Generation) -> dict[str, Any]:
    """Up to generation 7 every appointment has an organizer, later only meetings do."""
    found = event.fields.get("organizer")
    if not found or (generation.number >= 8 and not event.is_meeting):
        return {}
    shown = {"organizer": found.get("mail")}
    if found.get("entity"):
        shown["organizerId"] = found["entity"]
    if found.get("sent_by"):
        shown["principal"] = found["mail"]
        shown["principalId"] = found.get("entity")
    return shown


def _user(member: Member, names: Names) -> dict[str, Any]:
    shown: dict[str, Any] = {"id": member.user, "confirmation": member.reply}
    if member.user in names.users:
        shown["display_name"] = names.users[member.user][0]
    if member.message:
        shown["confirmmessage"] = member.message
    return shown


def _participants(event: Event, names: Names) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for member in event.members:
        if not member.grouped and not member.hidden:
            name, mail = names.users.get(member.user, ("", ""))
            found.append({"id": member.user, "type": USER, "display_name": name, "mail": mail})
    for kind, ids, known in (
        (GROUP, event.fields.get("groups") or (), names.groups),
        (RESOURCE, event.fields.get("resources") or (), names.resources),
    ):
        found += [{"id": each, "type": kind, "display_name": known.get(each, str(each))} for each in ids]
    for each in event.fields.get("externals") or ():
        entry = {"type": EXTERNAL, "mail": each["mail"], "display_name": each.get("name") or each["mail"]}
        found.append(entry)
    return found


def _confirmation(external: Mapping[str, Any]) -> dict[str, Any]:
    shown = {
        "type": EXTERNAL,
        "mail": external["mail"],
        "display_name": external.get("name") or external["mail"],
        "status": external.get("reply", NONE),
    }
    if external.get("message"):
        shown["message"] = external["message"]
    return shown


# Alarms


def minutes_of(member: Member) -> int:
    """The minutes before the start of the first alarm that is so many minutes before; -1 without one."""
    for alarm in member.alarms:
        before = _seconds_before(alarm)
        if before is not None:
            return before // _MINUTE_SECONDS
    return NO_ALARM


def with_minutes(member: Member | None, minutes: int | None) -> list[Mapping[str, Any]]:
    """The alarms of a member when the column ``alarm`` is set: others than the one it shows stay."""
    alarms = list(member.alarms) if member else []
    at = next((i for i, alarm in enumerate(alarms) if _seconds_before(alarm) is not None), None)
    fresh: list[Mapping[str, Any]] = []
    if minutes is not None and minutes >= 0:
        fresh = [{"action": "DISPLAY", "trigger": {"duration": f"-PT{minutes}M", "related": "START"}}]
    if at is None:
        return [*alarms, *fresh]
    return [*alarms[:at], *fresh, *alarms[at + 1 :]]


def _seconds_before(alarm: Mapping[str, Any]) -> int | None:
    trigger = alarm.get("trigger") or {}
    text = str(trigger.get("duration") or "")
    if alarm.get("action") != "DISPLAY" or trigger.get("related", "START") != "START" or "P" not in text:
        return None
    sign, _, spans = text.partition("P")
    total, number = 0, ""
    for letter in spans:
        if letter.isdigit():
            number += letter
        elif letter in _UNITS and number:
            total, number = total + int(number) * _UNITS[letter], ""
    return total if sign == "-" or not total else None


# From the client


def wish_of(
    body: Mapping[str, Any], event: Event | None, calendar_user: int, generation: Generation, tz: ZoneInfo
) -> Wish:
    """What a body wants of an appointment, or of a new one. Raises the errors of section 1.8."""
    fields = _checked_fields(body, generation)
    fields |= _times(body, event, tz)
    rule = _rule(body, event, fields)
    if rule is not _UNCHANGED:
        fields["rrule"] = rule
    if "private_flag" in body:
        fields["class"] = PRIVATE if _is_true(body["private_flag"]) else None
    if body.get("organizer"):
        fields["organizer"] = {"mail": str(body["organizer"])}
    guests = _guests(body["participants"], generation) if body.get("participants") is not None else None
    alarms: Any = SAME
    if "alarm" in body:
        minutes = None if body["alarm"] is None else _number(body["alarm"], "alarm")
        alarms = with_minutes(event.member(calendar_user) if event else None, minutes)
    return Wish(fields=fields, guests=guests, alarms=alarms)


_UNCHANGED = object()


def _checked_fields(body: Mapping[str, Any], generation: Generation) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    too_long: list[tuple[ColumnDef, int]] = []
    for name in ("title", "location", "note", "categories", "timezone"):
        if name not in body:
            continue
        text = body[name]
        fields[name] = None if text is None or text == "" else str(text)
        column = CALENDAR_COLUMNS.by_name[name]
        if fields[name] is not None:
            _check_letters(name, fields[name], generation)
            if len(fields[name]) > column.size:
                too_long.append((column, len(fields[name])))
    if too_long:
        raise _truncated(too_long, generation)
    if fields.get("timezone"):
        # Raises for an unknown one.
        zone(fields["timezone"])
    if "color_label" in body:
        fields["color_label"] = _within(body["color_label"], "color_label", 0, 10, "label", generation)
    if body.get("shown_as") is not None:
        fields["shown_as"] = _within(body["shown_as"], "shown_as", 1, 4, "shown as", generation)
    if "full_time" in body:
        fields["full_time"] = _is_true(body["full_time"])
    return fields


def _check_letters(name: str, text: str, generation: Generation) -> None:
    wide = not generation.four_byte_text and any(ord(letter) > 0xFFFF for letter in text)
    if "\x00" in text or wide:
        raise fault("CAL-4227" if generation.number >= 8 else "APP-0071", name)


def _truncated(too_long: Sequence[tuple[ColumnDef, int]], generation: Generation) -> OXError:
    return fault(
        "CAL-5070" if generation.number >= 8 else "APP-0072",
        ", ".join(column.name for column, _ in too_long),
        truncated=[column.number for column, _ in too_long],
        problematic=[
            {"id": column.number, "length": length, "max_size": column.size} for column, length in too_long
        ],
    )


def _within(value: Any, name: str, low: int, high: int, what: str, generation: Generation) -> int | None:
    if value is None:
        return None
    found = _number(value, name)
    if not low <= found <= high:
        raise calendar_fault(generation, what, value)
    return found


def _times(body: Mapping[str, Any], event: Event | None, tz: ZoneInfo) -> dict[str, Any]:
    """Start and end as they are stored: a Date for whole days, else ms UTC."""
    full_time = _is_true(body["full_time"]) if "full_time" in body else bool(event and event.full_time)
    found: dict[str, Any] = {}
    for name in ("start_date", "end_date"):
        if name in body:
            value = None if body[name] is None else _number(body[name], name)
            if value is not None:
                value = _day(value) if full_time else from_time(value, tz)
            found[name] = value
        elif event is not None and full_time and not event.full_time:
            found[name] = _day(event.fields[name])
    if full_time and found.get("start_date") is not None and found.get("end_date") == found["start_date"]:
        found["end_date"] += DAY_MS
    return found


def _rule(body: Mapping[str, Any], event: Event | None, fields: Mapping[str, Any]) -> Any:
    """The rule that the recurrence fields of a body make with those of the appointment."""
    given = {name: body[name] for name in _RULE_NAMES if name in body}
    if not given or (event is not None and event.is_exception and not given.get("recurrence_type")):
        return _UNCHANGED
    numbers = {name: None if value is None else _number(value, name) for name, value in given.items()}
    before = (recurrence.pattern_of(event.fields) or {}) if event is not None and event.is_series else {}
    kind = numbers.get("recurrence_type", before.get("recurrence_type")) or 0
    if not kind:
        needless = [name for name, value in numbers.items() if value and name != "recurrence_type"]
        if needless:
            raise fault("APP-0096", ", ".join(needless))
        return None
    pattern = {**before, **numbers}
    if numbers.get("recurrence_type") not in (None, before.get("recurrence_type")):
        # Another type begins anew; of the old one only its end stays.
        ends: dict[str, Any] = {name: before[name] for name in ("until", "occurrences") if name in before}
        pattern = {**ends, **numbers}
    if numbers.get("until") is not None and numbers.get("occurrences"):
        raise fault("APP-0095")
    if numbers.get("until") is not None:
        pattern.pop("occurrences", None)
    elif numbers.get("occurrences"):
        pattern.pop("until", None)
    _check_pattern(kind, pattern)
    pattern["recurrence_type"] = kind
    whole = {**(event.fields if event else {}), **fields}
    start = whole.get("start_date")
    if pattern.get("until") is not None and start is not None and pattern["until"] < _day(start):
        raise fault("APP-0086")
    return recurrence.rule_of(pattern, whole)


def _check_pattern(kind: int, pattern: Mapping[str, Any]) -> None:
    if kind not in (1, 2, 3, 4):
        raise fault("APP-0092", kind)
    interval = pattern.get("interval")
    if interval is None and kind != 4:
        raise fault("APP-0087")
    if interval is not None and interval < 1:
        raise fault("APP-0055")
    days = pattern.get("days")
    if kind == 2 and not days:
        raise fault("APP-0089")
    if days is not None and not 1 <= days <= 127:
        raise fault("APP-0056", days)
    if kind in (3, 4) and not 1 <= (pattern.get("day_in_month") or 0) <= (5 if days else 31):
        raise fault("APP-0090")
    if kind == 4 and not 0 <= (-1 if pattern.get("month") is None else pattern["month"]) <= 11:
        raise fault("APP-0091")


def _guests(value: Any, generation: Generation) -> Guests:
    if not isinstance(value, list):
        raise fault("SVL-0010", "participants", value)
    users: dict[int, str] = {}
    groups, resources, externals = [], [], []
    for entry in value:
        if not isinstance(entry, dict):
            raise fault("SVL-0010", "participants", entry)
        kind = _number(entry.get("type", USER), "type")
        if kind == USER:
            users[_number(entry.get("id"), "id")] = REQUIRED
        elif kind == GROUP:
            groups.append(_number(entry.get("id"), "id"))
        elif kind == RESOURCE:
            resources.append(_number(entry.get("id"), "id"))
        elif kind == EXTERNAL:
            if not entry.get("mail"):
                raise calendar_fault(generation, "bad attendee", entry.get("display_name") or "")
            named = {"mail": str(entry["mail"]), "name": str(entry.get("display_name") or "")}
            externals.append({name: text for name, text in named.items() if text})
        else:
            raise fault("SVL-0010", "type", kind)
    return Guests(users, tuple(groups), tuple(resources), tuple(externals))


def original_of(event: Event, position: Any, day: Any, generation: Generation) -> int | None:
    """When the occurrence that a call names would begin: by its position, or by the day (a Date)."""
    if position not in (None, "", 0, "0"):
        found = Series.of(event).at(_number(position, "recurrence_position"))
        if found is None:
            raise calendar_fault(generation, "no occurrence", position)
        return found
    if day not in (None, ""):
        found = Series.of(event).on_day(_number(day, "recurrence_date_position"))
        if found is None:
            raise calendar_fault(generation, "no exception date", day)
        return found
    return None


def _number(value: Any, name: str) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        raise fault("SVL-0010", name, value) from None


def _is_true(value: Any) -> bool:
    return value is True or str(value).lower() == "true"
