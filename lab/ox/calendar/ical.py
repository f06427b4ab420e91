"""iCalendar text (RFC 5545): written for invitations, read from those that come by mail."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from dateutil.tz import tzical

from lab.ox.calendar import recurrence
from lab.ox.calendar.event import ACCEPTED, DECLINED, FREE, NONE, PUBLIC, REQUIRED, RESERVED, TENTATIVE, Event

PRODUCT = "-//Stand-in for Open-Xchange//EN"
PART_STATS = {NONE: "NEEDS-ACTION", ACCEPTED: "ACCEPTED", DECLINED: "DECLINED", TENTATIVE: "TENTATIVE"}
_REPLIES = {name: reply for reply, name in PART_STATS.items()}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LINE = 73
_YEARS = 12
_PROPERTY = re.compile(
    r'(?P<name>[\w-]+)(?P<params>(?:;[\w-]+=(?:"[^"]*"|[^";:,]*)(?:,(?:"[^"]*"|[^";:,]*))*)*):'
)
_PARAMETER = re.compile(r';([\w-]+)=("[^"]*"|[^";:]*)')
_ESCAPES = {"\\": "\\\\", ";": "\\;", ",": "\\,", "\n": "\\n", "\r": ""}
_DURATION = re.compile(r"([+-]?)P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?\Z")


@dataclass(frozen=True, slots=True)
class Person:
    """An organizer or attendee."""

    mail: str
    name: str = ""
    reply: int = NONE
    role: str = REQUIRED
    kind: str = "INDIVIDUAL"


@dataclass(frozen=True, slots=True)
class Property:
    """One line: its parameters and its raw value."""

    value: str
    params: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Component:
    """One component, of its properties those of a name in order."""

    name: str
    properties: Mapping[str, Sequence[Property]]
    parts: tuple[Component, ...] = ()

    def first(self, name: str) -> Property | None:
        """The first property of a name."""
        found = self.properties.get(name)
        return found[0] if found else None

    def text(self, name: str) -> str:
        """The text of a property, empty without one."""
        found = self.first(name)
        return unescaped(found.value) if found else ""


# Writing


def calendar(
    method: str,
    events: Iterable[Event],
    people: Mapping[int, Person],
    only: Person | None = None,
    comment: str = "",
) -> str:
    """The text of a message. ``people``: users by id. ``only``: of a reply, who answers."""
    listed = list(events)
    zones = sorted(
        {name for event in listed if (name := recurrence.zone_of(event.fields)) not in (None, "UTC")}
    )
    lines = ["BEGIN:VCALENDAR", f"PRODID:{PRODUCT}", "VERSION:2.0", "CALSCALE:GREGORIAN", f"METHOD:{method}"]
    for name in zones:
        lines += _zone(str(name), min(event.start for event in listed))
    for event in listed:
        lines += _event(method, event, people, only, comment)
    lines.append("END:VCALENDAR")
    return "".join(_folded(line) for line in lines)


def _event(
    method: str, event: Event, people: Mapping[int, Person], only: Person | None, comment: str
) -> list[str]:
    fields = event.fields
    stamp = _utc(event.last_modified)
    lines = ["BEGIN:VEVENT", f"UID:{event.uid}", f"DTSTAMP:{stamp}", f"SEQUENCE:{fields.get('sequence', 0)}"]
    lines += [_moment("DTSTART", event.start, fields), _moment("DTEND", event.end, fields)]
    if "original" in fields:
        lines.append(_moment("RECURRENCE-ID", fields["original"], fields))
    if event.is_series:
        lines.append(f"RRULE:{fields['rrule']}")
        lines += [_moment("EXDATE", moment, fields) for moment in fields.get("deleted") or ()]
    for name, stored in (("SUMMARY", "title"), ("LOCATION", "location"), ("DESCRIPTION", "note")):
        if fields.get(stored):
            lines.append(f"{name}:{_escaped(str(fields[stored]))}")
    if comment:
        lines.append(f"COMMENT:{_escaped(comment)}")
    organizer = fields.get("organizer") or {}
    if organizer.get("mail"):
        lines.append(f"ORGANIZER{_named(organizer.get('name', ''))}:mailto:{organizer['mail']}")
    lines += [_attendee(each) for each in ([only] if only else attendees(event, people))]
    lines.append(f"CLASS:{fields.get('class', PUBLIC)}")
    lines.append(f"TRANSP:{'TRANSPARENT' if fields.get('shown_as') == FREE else 'OPAQUE'}")
    if method == "CANCEL":
        lines.append("STATUS:CANCELLED")
    return [*lines, f"LAST-MODIFIED:{stamp}", "END:VEVENT"]


def attendees(event: Event, people: Mapping[int, Person]) -> list[Person]:
    """Everybody who takes part, users first."""
    found = [
        Person(people[each.user].mail, people[each.user].name, each.reply, each.role)
        for each in event.members
        if each.user in people and not (each.hidden and each.reply != DECLINED)
    ]
    for each in event.fields.get("externals") or ():
        reply, role = each.get("reply", NONE), each.get("role") or REQUIRED
        found.append(
            Person(each["mail"], each.get("name", ""), reply, role, each.get("kind") or "INDIVIDUAL")
        )
    return found


def _attendee(person: Person) -> str:
    rsvp = ";RSVP=TRUE" if person.reply == NONE else ""
    return (
        f"ATTENDEE{_named(person.name)};CUTYPE={person.kind};ROLE={person.role};"
        f"PARTSTAT={PART_STATS[person.reply]}{rsvp}:mailto:{person.mail}"
    )


def _named(name: str) -> str:
    plain = "".join(letter for letter in name if letter >= " " and letter != '"')
    return f';CN="{plain}"' if plain else ""


def _moment(name: str, moment: int, fields: Mapping[str, Any]) -> str:
    zone = recurrence.zone_of(fields)
    if zone is None:
        return f"{name};VALUE=DATE:{_at(moment, UTC):%Y%m%d}"
    if zone == "UTC":
        return f"{name}:{_utc(moment)}"
    return f"{name};TZID={zone}:{_at(moment, ZoneInfo(zone)):%Y%m%dT%H%M%S}"


def _utc(moment: int) -> str:
    return f"{_at(moment, UTC):%Y%m%dT%H%M%SZ}"


def _at(moment: int, tz: tzinfo) -> datetime:
    return (_EPOCH + timedelta(milliseconds=moment)).astimezone(tz)


def _zone(name: str, start: int) -> list[str]:
    """A zone with every change of its clock in the years from a moment on."""
    zone = ZoneInfo(name)
    day = _at(start, UTC).replace(month=1, day=1, hour=0, minute=0, second=0, microsecond=0) - timedelta(
        days=366
    )
    lines = ["BEGIN:VTIMEZONE", f"TZID:{name}"]
    before = day.astimezone(zone)
    lines += _observance(before.replace(tzinfo=None), before.utcoffset(), before)
    for number in range(1, 366 * _YEARS):
        after = (day + timedelta(days=number)).astimezone(zone)
        if after.utcoffset() != before.utcoffset():
            moment = _change(before, after, zone)
            local = (moment.replace(tzinfo=None)) + (before.utcoffset() or timedelta())
            lines += _observance(local, before.utcoffset(), moment.astimezone(zone))
        before = after
    return [*lines, "END:VTIMEZONE"]


def _change(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """The moment (UTC) at which the clock changes between two."""
    low, high = before.astimezone(UTC), after.astimezone(UTC)
    while high - low > timedelta(seconds=1):
        middle = (low + (high - low) / 2).replace(microsecond=0)
        same = middle.astimezone(zone).utcoffset() == before.utcoffset()
        low, high = (middle, high) if same else (low, middle)
    return high


def _observance(local: datetime, offset: timedelta | None, after: datetime) -> list[str]:
    name = "DAYLIGHT" if after.dst() else "STANDARD"
    return [
        f"BEGIN:{name}",
        f"DTSTART:{local:%Y%m%dT%H%M%S}",
        f"TZOFFSETFROM:{_offset(offset)}",
        f"TZOFFSETTO:{_offset(after.utcoffset())}",
        f"END:{name}",
    ]


def _offset(offset: timedelta | None) -> str:
    minutes = int((offset or timedelta()).total_seconds()) // 60
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}{abs(minutes) % 60:02d}"


def _escaped(text: str) -> str:
    return "".join(_ESCAPES.get(letter, letter) for letter in text)


def _folded(line: str) -> str:
    """A line of at most 75 bytes, the rest on continuation lines."""
    pieces, piece = [], ""
    for letter in line:
        if len((piece + letter).encode()) > _LINE:
            pieces.append(piece)
            piece = ""
        piece += letter
    return "\r\n ".join([*pieces, piece]) + "\r\n"


# Reading


def parse(text: str) -> Component | None:
    """The first calendar of a text; ``None`` without one."""
    lines = re.sub(r"\r?\n[ \t]", "", text.lstrip("\ufeff")).splitlines()
    stack: list[tuple[str, dict[str, list[Property]], list[Component]]] = []
    for line in lines:
        match = _PROPERTY.match(line)
        if match is None:
            continue
        name, value = match["name"].upper(), line[match.end() :]
        if name == "BEGIN":
            stack.append((value.strip().upper(), {}, []))
        elif name == "END" and stack:
            made = Component(stack[-1][0], stack[-1][1], tuple(stack[-1][2]))
            stack.pop()
            if not stack:
                return made if made.name == "VCALENDAR" else None
            stack[-1][2].append(made)
        elif stack:
            params = {key.upper(): found.strip('"') for key, found in _PARAMETER.findall(match["params"])}
            stack[-1][1].setdefault(name, []).append(Property(value, params))
    return None


def unescaped(text: str) -> str:
    """A text value without its escapes."""
    return re.sub(r"\\(.)", lambda match: "\n" if match[1] in "nN" else match[1], text)


class Reader:
    """Reads the events of a calendar. ``zone``: where times without a zone are meant."""

    def __init__(self, whole: Component, text: str, zone: str) -> None:
        self.method = whole.text("METHOD").upper()
        self.events = [part for part in whole.parts if part.name == "VEVENT"]
        self._default = zone
        self._own_zones: Any = None
        if any(part.name == "VTIMEZONE" for part in whole.parts):
            try:
                self._own_zones = tzical(io.StringIO(text.replace("\r\n", "\n")))
            except ValueError:
                self._own_zones = None

    def fields(self, event: Component) -> dict[str, Any]:
        """The fields of an appointment, without who takes part."""
        start = event.first("DTSTART")
        if start is None:
            raise ValueError("no DTSTART")
        begin, full_time, zone = self.moment(start)
        found: dict[str, Any] = {
            "title": event.text("SUMMARY") or "-",
            "location": event.text("LOCATION"),
            "note": event.text("DESCRIPTION"),
            "start_date": begin,
            "end_date": self._end(event, begin, full_time),
            "full_time": full_time,
            "timezone": zone,
            "sequence": int(event.text("SEQUENCE") or 0),
            "shown_as": FREE if event.text("TRANSP").upper() == "TRANSPARENT" else RESERVED,
        }
        if event.text("CLASS").upper() in ("PRIVATE", "CONFIDENTIAL"):
            found["class"] = event.text("CLASS").upper()
        if event.first("RRULE"):
            found["rrule"] = event.text("RRULE").upper()
            found["deleted"] = sorted(
                self.moment(Property(value, each.params))[0]
                for each in event.properties.get("EXDATE", ())
                for value in each.value.split(",")
            )
        if original := event.first("RECURRENCE-ID"):
            found["original"] = self.moment(original)[0]
        return {name: value for name, value in found.items() if value not in ("", [])}

    def moment(self, found: Property) -> tuple[int, bool, str]:
        """When a property says (ms UTC, or a Date), whether it is a day, and the zone of its clock."""
        text = found.value.strip()
        if len(text) == 8:
            return _milliseconds(datetime.strptime(f"{text}+0000", "%Y%m%d%z")), True, self._default
        local = datetime.strptime(f"{text.rstrip('Z')}+0000", "%Y%m%dT%H%M%S%z").replace(tzinfo=None)
        if text.endswith("Z"):
            return _milliseconds(local.replace(tzinfo=UTC)), False, "UTC"
        name = found.params.get("TZID", self._default)
        if name in available_timezones():
            return _milliseconds(local.replace(tzinfo=ZoneInfo(name))), False, name
        try:
            own = self._own_zones.get(name) if self._own_zones else None
        except ValueError:
            own = None
        here = ZoneInfo(self._default)
        if own is None:
            return _milliseconds(local.replace(tzinfo=here)), False, self._default
        moment = _milliseconds(local.replace(tzinfo=own))
        # A zone by another name than the database's: the reader's own if its clock shows the same.
        same = _at(moment, here).replace(tzinfo=None) == local
        return moment, False, self._default if same else "UTC"

    def _end(self, event: Component, begin: int, full_time: bool) -> int:
        if end := event.first("DTEND"):
            return self.moment(end)[0]
        if match := _DURATION.match(event.text("DURATION")):
            weeks, days, hours, minutes, seconds = (int(number or 0) for number in match.groups()[1:])
            span = timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)
            return begin + span // timedelta(milliseconds=1)
        return begin + (86_400_000 if full_time else 0)


def people_of(event: Component) -> tuple[Person | None, list[Person]]:
    """The organizer and the attendees."""
    organizer = event.first("ORGANIZER")
    everybody = [_person(each) for each in event.properties.get("ATTENDEE", ())]
    return (_person(organizer) if organizer else None), [each for each in everybody if each.mail]


def _person(found: Property) -> Person:
    mail = found.value.strip()
    mail = mail[7:] if mail.lower().startswith("mailto:") else mail
    params = found.params
    return Person(
        mail if "@" in mail else "",
        params.get("CN", ""),
        _REPLIES.get(params.get("PARTSTAT", "").upper(), NONE),
        params.get("ROLE", REQUIRED).upper(),
        params.get("CUTYPE", "INDIVIDUAL").upper(),
    )


def _milliseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(milliseconds=1)
