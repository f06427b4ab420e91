"""Appointments of the ``chronos`` module: OX's JSON and USM fields (``facts``: HTTP API section 7).

* Busy: iCalendar knows opaque and transparent. The finer word is kept as other programs keep it, in the extended
  property ``X-MICROSOFT-CDO-BUSYSTATUS``; where it contradicts OX's own value, OX's counts.
* Reminder: the alarm of the user that goes off last before the start. Others stay as they are until the device wants
  no reminder at all.
* An occurrence is named by the instant at which it would begin, of whole days by the day.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from app.ox.mapping import recurrence_rule, time_zone, values
from app.ox.mapping.calendar_event import Event, Head, ends, milliseconds, same_attendees, settled
from app.ox.mapping.time_zone import Clock
from app.usm.content import Address, Attachment, Attendee, AttendeeRole, Busy, Reply, Sensitivity

_DATE: Final = "%Y%m%d"
_MOMENT: Final = "%Y%m%dT%H%M%S"
_LENGTHS: Final = {"W": 10_080, "D": 1_440, "H": 60, "M": 1}
_DURATION: Final = re.compile(r"([+-]?)P((?:\d+[WD])*)(?:T((?:\d+[HMS])*))?")
_PART: Final = re.compile(r"(\d+)([WDHMS])")

_BUSY_PROPERTY: Final = "X-MICROSOFT-CDO-BUSYSTATUS"
_BUSY: Final[Mapping[str, Busy]] = {
    "FREE": Busy.FREE,
    "TENTATIVE": Busy.TENTATIVE,
    "BUSY": Busy.BUSY,
    "OOF": Busy.AWAY,
    "WORKINGELSEWHERE": Busy.ELSEWHERE,
}
_BUSY_NAMES: Final[Mapping[Busy, str]] = {busy: name for name, busy in _BUSY.items()}
_TRANSPARENT: Final = frozenset({Busy.FREE, Busy.ELSEWHERE})
"""What leaves the time open for others."""

_CLASSES: Final[Mapping[str, Sensitivity]] = {
    "PUBLIC": Sensitivity.NORMAL,
    "CONFIDENTIAL": Sensitivity.CONFIDENTIAL,
    "PRIVATE": Sensitivity.PRIVATE,
}
_CLASS_NAMES: Final[Mapping[Sensitivity, str]] = {
    **{sensitivity: name for name, sensitivity in _CLASSES.items()},
    Sensitivity.PERSONAL: "CONFIDENTIAL",
}
REPLIES: Final[Mapping[Reply, str]] = {
    Reply.NONE: "NEEDS-ACTION",
    Reply.ACCEPTED: "ACCEPTED",
    Reply.TENTATIVE: "TENTATIVE",
    Reply.DECLINED: "DECLINED",
}
"""How OX names replies."""
_REPLIES: Final[Mapping[Any, Reply]] = {name: reply for reply, name in REPLIES.items()}
_ROOMS: Final = frozenset({"RESOURCE", "ROOM"})
_SHOWN: Final = frozenset({"DISPLAY", "AUDIO"})
"""The alarms that a device can stand for."""

HEAD: Final = ("id", "seriesId", "timestamp", "lastModified", "uid", "startDate", "endDate", "rrule")
"""What to ask for to list an event."""
FIELDS: Final = (
    *HEAD,
    *("recurrenceId", "changeExceptionDates", "deleteExceptionDates", "summary", "location", "description"),
    *("categories", "class", "transp", "status", "attendees", "organizer", "alarms", "attachments"),
    *("createdBy", "extendedProperties"),
)
"""What to ask for to read one in full."""


# -- from OX -------------------------------------------------------------------------------------------------


def head(event: Mapping[str, Any]) -> Head:
    """An event of :data:`HEAD`. A series that cannot be followed never ends."""
    last: datetime | None
    try:
        start, all_day = when(event["startDate"])
        last, _ = when(event.get("endDate") or event["startDate"])
        rule = str(event.get("rrule") or "")
        if rule and not _is_exception(event):
            clock = Clock.of(start, _zone(event), all_day)
            day = recurrence_rule.last_day(rule, clock.day(start), clock)
            last = None if day is None else ends(start, last, day, clock)
    except (ValueError, TypeError, KeyError):
        last = None
    moment = None if last is None else milliseconds(last)
    return Head(str(event["id"]), _series(event), modified(event), moment, str(event.get("uid") or ""))


def modified(event: Mapping[str, Any]) -> int:
    """What OX compares to see whether somebody else was faster."""
    value = event.get("timestamp") or event.get("lastModified")
    return value if isinstance(value, int) else 0


def event(raw: Mapping[str, Any], me: int) -> Event:
    """An event of :data:`FIELDS`. ``me``: the user's own id. Raises ``ValueError``, ``TypeError`` and ``KeyError`` for
    one that makes no sense."""
    start, all_day = when(raw["startDate"])
    end, _ = when(raw["endDate"]) if raw.get("endDate") else (start + timedelta(days=1) * all_day, all_day)
    clock = Clock.of(start, _zone(raw), all_day)
    rule = "" if _is_exception(raw) else str(raw.get("rrule") or "")
    fields = {row.field: row.read(raw.get(row.name)) for row in ROWS}
    fields |= {
        "start": start,
        "end": end,
        "all_day": all_day,
        "time_zone": None if all_day else _zone(raw),
        "uid": values.line(raw.get("uid")),
        "modified": values.instant(raw.get("lastModified") or raw.get("timestamp")),
        "recurrence": recurrence_rule.of_rule(rule, clock.day(start), clock) if rule else None,
        "reminder": _reminder(raw.get("alarms"), start),
        "busy": _busy(raw),
        "attachments": _attachments(raw),
        "cancelled": True if raw.get("status") == "CANCELLED" else None,
        **_meeting(raw, me),
    }
    return Event(
        id=str(raw["id"]),
        series=_series(raw),
        modified=modified(raw),
        fields={name: value for name, value in fields.items() if value is not None},
        raw=raw,
        clock=clock,
        repeats=bool(rule),
        original=occurrence_of(raw["recurrenceId"]) if raw.get("recurrenceId") else None,
        deleted=_occurrences(raw.get("deleteExceptionDates")),
        changed=_occurrences(raw.get("changeExceptionDates")),
    )


def when(value: Mapping[str, Any]) -> tuple[datetime, bool]:
    """A date and time of OX in UTC, and whether it is a day. Raises ``ValueError``."""
    text = str(value["value"])
    if len(text) == 8:
        return datetime.strptime(text, _DATE).replace(tzinfo=UTC), True
    local = datetime.strptime(text.removesuffix("Z"), _MOMENT)  # noqa: DTZ007 - its zone stands beside it
    zone = None if text.endswith("Z") else time_zone.find(value.get("tzid"))
    return local.replace(tzinfo=zone or UTC).astimezone(UTC), False


def occurrence_of(text: str) -> datetime:
    """An occurrence's name as the instant at which it would begin. Raises ``ValueError``."""
    zone, _, value = text.rpartition(":")
    return when({"value": value, "tzid": zone})[0]


def occurrence_text(original: datetime, all_day: bool) -> str:
    """The reverse of :func:`occurrence_of`."""
    return original.strftime(_DATE) if all_day else original.strftime(_MOMENT) + "Z"


def _occurrences(texts: Any) -> tuple[datetime, ...]:
    return tuple(occurrence_of(text) for text in texts) if isinstance(texts, list) else ()


def _series(event: Mapping[str, Any]) -> str:
    return str(event.get("seriesId") or "")


def _is_exception(event: Mapping[str, Any]) -> bool:
    return _series(event) not in ("", str(event["id"]))


def _zone(event: Mapping[str, Any]) -> str | None:
    name = event["startDate"].get("tzid")
    return name if time_zone.find(name) is not None else None


def _entries(value: Any) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _categories(value: Any) -> tuple[str, ...] | None:
    found = (values.line(each) for each in value) if isinstance(value, list) else ()
    return tuple(each for each in found if each) or None


def _busy(raw: Mapping[str, Any]) -> Busy:
    finer = _BUSY.get(str(_property(raw, _BUSY_PROPERTY)).upper())
    free = raw.get("transp") == "TRANSPARENT"
    if finer is not None and (finer in _TRANSPARENT) == free:
        return finer
    if free:
        return Busy.FREE
    return Busy.TENTATIVE if raw.get("status") == "TENTATIVE" else Busy.BUSY


def _property(raw: Mapping[str, Any], name: str) -> Any:
    properties = raw.get("extendedProperties")
    value = properties.get(name) if isinstance(properties, dict) else None
    return value.get("value") if isinstance(value, dict) else value


def _reminder(alarms: Any, start: datetime) -> int | None:
    minutes = [found for each in _entries(alarms) if (found := _minutes(each, start)) is not None]
    return min(minutes) if minutes else None


def _minutes(alarm: Mapping[str, Any], start: datetime) -> int | None:
    """How long before the start an alarm goes off; ``None`` for one that a device cannot stand for."""
    trigger = alarm.get("trigger")
    if alarm.get("action", "DISPLAY") not in _SHOWN or not isinstance(trigger, dict):
        return None
    if trigger.get("dateTime"):
        return _minutes_until(trigger["dateTime"], start)
    found = _DURATION.fullmatch(str(trigger.get("duration") or ""))
    if found is None or trigger.get("related", "START") != "START":
        return None
    parts = _PART.findall(f"{found[2]}{found[3] or ''}")
    minutes = sum(int(number) * _LENGTHS.get(unit, 0) for number, unit in parts)
    return minutes if found[1] == "-" or not minutes else None


def _minutes_until(text: Any, start: datetime) -> int | None:
    try:
        moment, _ = when({"value": str(text)})
    except ValueError:
        return None
    minutes = (start - moment) // timedelta(minutes=1)
    return minutes if minutes >= 0 else None


def _attachments(raw: Mapping[str, Any]) -> tuple[Attachment, ...] | None:
    return (
        tuple(
            Attachment(
                f"{raw['id']}.{each['managedId']}",
                values.line(each.get("filename")) or "",
                each["size"] if isinstance(each.get("size"), int) else 0,
                str(each.get("fmtType") or "application/octet-stream"),
            )
            for each in _entries(raw.get("attachments"))
            if each.get("managedId")
        )
        or None
    )


def mail_of(user: Any) -> str:
    """The address of an attendee or organizer, ``""`` where there is none."""
    if not isinstance(user, dict):
        return ""
    uri = str(user.get("uri") or "")
    address = uri[7:] if uri.lower().startswith("mailto:") else ""
    return values.line(user.get("email") or address) or ""


def _meeting(raw: Mapping[str, Any], me: int) -> dict[str, Any]:
    """Who is invited by whom; nothing for an appointment without others."""
    organizer = raw.get("organizer")
    organizer_mail = mail_of(organizer)
    attendees = []
    mine = None
    for each in _entries(raw.get("attendees")):
        mail = mail_of(each)
        if each.get("entity") == me and _is_person(each):
            mine = each
        if mail and not _is_organizer(each, organizer):
            attendees.append(_attendee(each, mail))
    if not attendees or not organizer_mail:
        return {}
    organized = isinstance(organizer, dict) and organizer.get("entity") == me
    found: dict[str, Any] = {
        "attendees": tuple(attendees),
        "organizer": Address(organizer_mail, values.line((organizer or {}).get("cn")) or ""),
        "organized": organized,
    }
    if mine is not None and not organized:
        found["reply"] = _REPLIES.get(mine.get("partStat"), Reply.NONE)
    return found


def _is_person(attendee: Mapping[str, Any]) -> bool:
    """Groups, rooms and users are counted each for themselves: the number alone does not tell who somebody is."""
    return bool(attendee.get("cuType", "INDIVIDUAL") == "INDIVIDUAL")


def _is_organizer(attendee: Mapping[str, Any], organizer: Any) -> bool:
    if not isinstance(organizer, dict) or not _is_person(attendee):
        return False
    if attendee.get("entity") and organizer.get("entity"):
        return bool(attendee["entity"] == organizer["entity"])
    return mail_of(attendee).casefold() == mail_of(organizer).casefold()


def _attendee(raw: Mapping[str, Any], mail: str) -> Attendee:
    role = AttendeeRole.REQUIRED
    if raw.get("cuType") in _ROOMS:
        role = AttendeeRole.RESOURCE
    elif raw.get("role") == "OPT-PARTICIPANT":
        role = AttendeeRole.OPTIONAL
    reply = _REPLIES.get(raw.get("partStat"), Reply.NONE)
    return Attendee(
        mail, values.line(raw.get("cn")) or "", role, reply, values.text(raw.get("comment")) or ""
    )


# -- to OX ---------------------------------------------------------------------------------------------------


def _from_categories(value: Sequence[str]) -> list[str] | None:
    return [values.clean(each) for each in value] or None


@dataclass(frozen=True, slots=True)
class Row:
    """One field that has a name of its own. ``read`` and ``write`` turn OX's value into ours and back; ``cleared`` is
    what OX has in place of no value."""

    field: str
    name: str
    read: Callable[[Any], Any] = values.line
    write: Callable[[Any], Any] = values.from_text
    cleared: Any = None


ROWS: Final = (
    Row("subject", "summary"),
    Row("location", "location"),
    Row("body", "description", values.note, values.from_note),
    Row("categories", "categories", _categories, _from_categories),
    Row(
        "sensitivity",
        "class",
        lambda name: _CLASSES.get(name, Sensitivity.NORMAL),
        lambda value: _CLASS_NAMES[value],
        "PUBLIC",
    ),
)
BY_FIELD: Final[Mapping[str, Row]] = {row.field: row for row in ROWS}


def body_of(fields: Mapping[str, Any], raw: Mapping[str, Any], start: datetime | None) -> dict[str, Any]:
    """What to write of these fields. ``raw``: the event as it is, ``{}`` for a new one, which says what must survive of
    the values that are written as a whole."""
    body: dict[str, Any] = {}
    for name, value in fields.items():
        if name in BY_FIELD:
            row = BY_FIELD[name]
            written = None if value is None else row.write(value)
            body[row.name] = row.cleared if written is None else written
        elif name == "busy":
            body |= _from_busy(value or Busy.BUSY, raw)
        elif name == "reminder" and start is not None:
            body["alarms"] = _from_reminder(value, raw, start)
    return body


def _from_busy(busy: Busy, raw: Mapping[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = {"transp": "TRANSPARENT" if busy in _TRANSPARENT else "OPAQUE"}
    plain = Busy.FREE if busy in _TRANSPARENT else Busy.BUSY
    if busy is not plain or _property(raw, _BUSY_PROPERTY) is not None or raw.get("status") == "TENTATIVE":
        properties = raw.get("extendedProperties")
        kept = dict(properties) if isinstance(properties, dict) else {}
        body["extendedProperties"] = {**kept, _BUSY_PROPERTY: {"value": _BUSY_NAMES[busy]}}
    return body


def _from_reminder(
    minutes: int | None, raw: Mapping[str, Any], start: datetime
) -> list[Mapping[str, Any]] | None:
    alarms = _entries(raw.get("alarms"))
    before = {index: _minutes(alarm, start) for index, alarm in enumerate(alarms)}
    shown = {index: found for index, found in before.items() if found is not None}
    if minutes is None:
        return [alarm for index, alarm in enumerate(alarms) if index not in shown] or None
    made = {"action": "DISPLAY", "trigger": {"duration": f"-PT{minutes}M", "related": "START"}}
    if not shown:
        return [*alarms, made]
    chosen = min(shown, key=shown.__getitem__)
    if shown[chosen] != minutes:
        kept = {
            name: value for name, value in alarms[chosen].items() if name not in ("acknowledged", "trigger")
        }
        alarms[chosen] = {**kept, "trigger": made["trigger"]}
    return list(alarms)


def times_of(before: Mapping[str, Any], fields: Mapping[str, Any], fallback: str) -> dict[str, Any]:
    """What to write of the times once ``fields`` are laid over ``before``. ``fallback``: the zone to take where neither
    names one."""
    now = settled(before, fields)
    pairs = (("startDate", now["start"]), ("endDate", now["end"]))
    zone = now["time_zone"] or fallback
    return {name: _moment(instant, zone, now["all_day"]) for name, instant in pairs if instant is not None}


def _moment(instant: datetime, zone: str, all_day: bool) -> dict[str, str]:
    if all_day:
        return {"value": instant.strftime(_DATE)}
    place = time_zone.find(zone)
    if place is None:
        return {"value": instant.strftime(_MOMENT), "tzid": "UTC"}
    return {"value": instant.astimezone(place).strftime(_MOMENT), "tzid": zone}


def changes(before: Event, fields: Mapping[str, Any], me: int, sender: str) -> dict[str, Any]:
    """What to write so that an event gets these fields: only what differs. A rule that a device cannot be told stays,
    unless the device makes one of its own. ``me``, ``sender``: the user's id and address."""
    had = {name: before.fields.get(name) for name in fields}
    start = fields.get("start") or before.fields["start"]
    wanted, current = body_of(fields, before.raw, start), body_of(had, before.raw, before.fields["start"])
    body = {name: value for name, value in wanted.items() if value != current.get(name)}
    zone = str(before.fields.get("time_zone") or fields.get("time_zone") or "UTC")
    times = times_of(before.fields, fields, zone)
    if times != times_of(before.fields, {}, zone):
        body |= times
    rule = fields.get("recurrence")
    if "recurrence" in fields and rule != before.fields.get("recurrence"):
        body["rrule"] = None if rule is None else rule_text(before.fields, fields)
    if "attendees" in fields and not same_attendees(fields["attendees"], before.fields.get("attendees")):
        body |= attendees_of(fields["attendees"] or (), before.raw, me, sender)
    return body


def rule_text(before: Mapping[str, Any], fields: Mapping[str, Any]) -> str:
    """The text of the rule in ``fields``, for a series with these times."""
    now = settled(before, fields)
    clock = Clock.of(now["start"], now["time_zone"], now["all_day"])
    return recurrence_rule.rule_of(fields["recurrence"], clock, now["all_day"])


def attendees_of(
    attendees: Sequence[Attendee], raw: Mapping[str, Any], me: int, sender: str
) -> dict[str, Any]:
    """The attendees to write: those who stay keep all that OX knows of them. The organizer stays, and so does
    a group as long as anybody is invited."""
    organizer, rows = raw.get("organizer"), _entries(raw.get("attendees"))
    before = {mail_of(each).casefold(): each for each in rows}
    wanted: list[Mapping[str, Any]] = [each for each in rows if _is_organizer(each, organizer)]
    if attendees:
        wanted += [each for each in rows if each.get("cuType") == "GROUP" or not mail_of(each)]
    if not rows and attendees:
        wanted.append(
            {"entity": me, "uri": f"mailto:{sender}", "cuType": "INDIVIDUAL", "partStat": "ACCEPTED"}
        )
    present = {mail_of(each).casefold() for each in wanted}
    for attendee in attendees:
        mail = attendee.mail.casefold()
        if mail not in present:
            present.add(mail)
            wanted.append(_from_attendee(attendee, before.get(mail)))
    return {"attendees": wanted}


def _from_attendee(attendee: Attendee, before: Mapping[str, Any] | None) -> Mapping[str, Any]:
    role = "OPT-PARTICIPANT" if attendee.role is AttendeeRole.OPTIONAL else "REQ-PARTICIPANT"
    if before is not None:
        now = _attendee(before, attendee.mail).role
        return before if attendee.role in (now, AttendeeRole.UNSAID) else {**before, "role": role}
    made = {
        "uri": f"mailto:{attendee.mail}",
        "cuType": "RESOURCE" if attendee.role is AttendeeRole.RESOURCE else "INDIVIDUAL",
        "role": role,
        "partStat": "NEEDS-ACTION",
    }
    return {**made, "cn": attendee.name} if attendee.name else made


def day_text(day: date) -> str:
    """A day as the beginning of it, for the limits of a range."""
    return datetime.combine(day, time(), UTC).strftime(_MOMENT) + "Z"
