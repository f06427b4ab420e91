"""Appointments of the ``calendar`` module: OX columns and USM fields, a row each (``facts``: HTTP API section 6).

* ``working elsewhere`` is no state of OX: it becomes *absent*, the nearest that says "not at the desk".
* Sensitivity becomes OX's one flag: what is not for everybody is private.
* An occurrence is named by the UTC midnight of the day of UTC on which it would begin.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from app.ox.mapping import recurrence, recurrence_rule, values
from app.ox.mapping.calendar_event import Event, Head, ends, milliseconds, settled
from app.ox.mapping.time_zone import Clock
from app.usm.content import Address, Attendee, AttendeeRole, Busy, Recurrence, Reply, Sensitivity

ID: Final = 1
CREATED_BY: Final = 2
LAST_MODIFIED: Final = 6
PRIVATE: Final = 101
ATTACHMENTS: Final = 104
START: Final = 201
END: Final = 202
SERIES: Final = 206
POSITION: Final = 207
DATE_POSITION: Final = 208
CHANGED: Final = 210
DELETED: Final = 211
PARTICIPANTS: Final = 220
USERS: Final = 221
UID: Final = 223
ORGANIZER: Final = 224
CONFIRMATIONS: Final = 226
ORGANIZER_ID: Final = 227
ALL_DAY: Final = 401
TIME_ZONE: Final = 408

USER, GROUP, RESOURCE, EXTERNAL = 1, 2, 3, 5
"""Kinds of participants."""

NO_ALARM: Final = -1


class _Words(dict[int, Any]):
    """OX's numbers and our words, both ways."""

    def read(self, value: Any) -> Any:
        return self.get(value) if isinstance(value, int) else None

    def write(self, word: Any) -> int | None:
        return next((number for number, each in self.items() if each is word), None)


_BUSY: Final = _Words({1: Busy.BUSY, 2: Busy.TENTATIVE, 3: Busy.AWAY, 4: Busy.FREE})
REPLIES: Final = _Words({0: Reply.NONE, 1: Reply.ACCEPTED, 2: Reply.DECLINED, 3: Reply.TENTATIVE})
"""How OX numbers replies."""


def _reminder(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _from_busy(value: Busy) -> int | None:
    return _BUSY.write(Busy.AWAY if value is Busy.ELSEWHERE else value)


def _sensitivity(value: Any) -> Sensitivity:
    return Sensitivity.PRIVATE if value else Sensitivity.NORMAL


@dataclass(frozen=True, slots=True)
class Row:
    """One field. ``read`` and ``write`` turn OX's value into ours and back; ``cleared`` is what OX has in place of no
    value."""

    field: str
    column: int
    name: str
    read: Callable[[Any], Any] = values.line
    write: Callable[[Any], Any] = values.from_text
    cleared: Any = None


CATEGORIES: Final = ","

ROWS: Final = (
    Row("subject", 200, "title"),
    Row("location", 400, "location"),
    Row("body", 203, "note", values.note, values.from_note),
    Row("modified", LAST_MODIFIED, "last_modified_utc", values.instant),
    Row("uid", UID, "uid"),
    Row("reminder", 204, "alarm", _reminder, lambda minutes: minutes, NO_ALARM),
    Row("busy", 402, "shown_as", _BUSY.read, _from_busy, 1),
    Row("sensitivity", PRIVATE, "private_flag", _sensitivity, lambda it: it is not Sensitivity.NORMAL, False),
    Row("categories", 100, "categories", values.texts(CATEGORIES), values.from_texts(CATEGORIES)),
)

_UNWRITTEN: Final = frozenset({"modified", "uid"})
"""Told by OX only, or fixed for good when the appointment is made."""
WRITTEN: Final[Mapping[str, Row]] = {row.field: row for row in ROWS if row.field not in _UNWRITTEN}

NAMES: Final[Mapping[int, str]] = {row.column: row.name for row in ROWS}
"""Column → name, to find what OX minds of a text."""

_RULE: Final = tuple(recurrence.COLUMNS)
_TYPE, _OCCURRENCES, _UNTIL = map(_RULE.index, (recurrence.TYPE, recurrence.OCCURRENCES, recurrence.UNTIL))
HEAD: Final = (ID, LAST_MODIFIED, SERIES, START, END, ALL_DAY, TIME_ZONE, UID, *_RULE)
"""The columns to list an appointment."""
COLUMNS: Final = (
    ID,
    CREATED_BY,
    LAST_MODIFIED,
    ATTACHMENTS,
    START,
    END,
    SERIES,
    POSITION,
    DATE_POSITION,
    CHANGED,
    DELETED,
    PARTICIPANTS,
    USERS,
    ORGANIZER,
    CONFIRMATIONS,
    ORGANIZER_ID,
    ALL_DAY,
    TIME_ZONE,
    *_RULE,
    *(row.column for row in ROWS if row.column != LAST_MODIFIED),
)
"""The columns to read one in full."""


@dataclass(frozen=True, slots=True)
class Person:
    """A user or a resource: ``kind`` as of a participant."""

    kind: int
    id: int
    mail: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class People:
    """Who is who. ``me``: the user's own id."""

    me: int
    known: Mapping[tuple[int, int], Person]

    def find(self, kind: Any, number: Any) -> Person | None:
        """A user or a resource."""
        return self.known.get((kind, number)) if isinstance(number, int) else None


# -- from OX -------------------------------------------------------------------------------------------------


def heads(rows: Iterable[Sequence[Any]]) -> list[Head]:
    """Rows of :data:`HEAD`."""
    # Each request of a device passes by here with all appointments of the folder.
    return [
        Head(
            name := str(item),
            series := str(master) if master else "",
            modified or 0,
            _last(start, end, series not in ("", name), all_day, zone, rule),
            str(uid or ""),
        )
        for item, modified, master, start, end, all_day, zone, uid, *rule in rows
    ]


def _last(
    start: Any, end: Any, is_exception: bool, all_day: Any, zone: Any, rule: Sequence[Any]
) -> int | None:
    """When the last occurrence ends; a series that cannot be followed never does. ``rule``: values of its columns."""
    if type(start) is not int or type(end) is not int:
        return None
    if is_exception or not rule[_TYPE]:
        return end
    if not rule[_OCCURRENCES] and rule[_UNTIL] is None:
        return None  # as most series are, and there may be many
    try:
        return _last_of_series(start, end, bool(all_day), zone, tuple(rule))
    except (ValueError, TypeError):
        return None


@lru_cache(4096)
def _last_of_series(
    start: int, end: int, all_day: bool, zone: Any, values_of_rule: tuple[Any, ...]
) -> int | None:
    """The same of a series with an end; it depends on nothing but these. Raises ``ValueError`` for a rule or a time
    that makes no sense."""
    first, until = values.instant(start), values.instant(end)
    rule = recurrence.of_columns(dict(zip(_RULE, values_of_rule, strict=True)))
    if first is None or until is None or rule is None:
        raise ValueError("it is no series, or at no time")
    clock = Clock.of(first, zone, all_day)
    day = recurrence_rule.last_day(recurrence_rule.rule_of(rule, clock, all_day), clock.day(first), clock)
    return None if day is None else milliseconds(ends(first, until, day, clock))


def event(row: Mapping[int, Any], people: People) -> Event:
    """A row of :data:`COLUMNS`. Raises ``ValueError`` and ``TypeError`` for one that makes no sense."""
    start, end = values.instant(row[START]), values.instant(row[END])
    if start is None or end is None:
        raise ValueError("it has no start or no end")
    all_day = bool(row[ALL_DAY])
    fields = {mapped.field: mapped.read(row.get(mapped.column)) for mapped in ROWS}
    fields |= {"start": start, "end": end, "all_day": all_day}
    fields["time_zone"] = None if all_day else values.line(row[TIME_ZONE])
    rule = None if _is_exception(row) else recurrence.of_columns(row)
    fields["recurrence"] = rule
    fields |= _meeting(row, people)
    clock = Clock.of(start, row[TIME_ZONE], all_day)
    return Event(
        id=_id(row),
        series=_series(row),
        modified=row[LAST_MODIFIED] or 0,
        fields={name: value for name, value in fields.items() if value is not None},
        raw={str(column): value for column, value in row.items()},
        clock=clock,
        repeats=rule is not None,
        deleted=_originals(row[DELETED], clock) if rule is not None else (),
        changed=_originals(row[CHANGED], clock) if rule is not None else (),
    )


def original(master: Event, exception: Event) -> datetime | None:
    """When the rule lets an exception begin."""
    found = _originals([exception.raw.get(str(DATE_POSITION))], master.clock)
    return found[0] if found else None


def _originals(dates: Any, clock: Clock) -> tuple[datetime, ...]:
    days = (values.day(value) for value in dates) if isinstance(dates, list) else ()
    return tuple(clock.at_utc_day(day) for day in days if day is not None)


def _id(row: Mapping[int, Any]) -> str:
    return str(row[ID])


def _series(row: Mapping[int, Any]) -> str:
    return str(row[SERIES]) if row[SERIES] else ""


def _is_exception(row: Mapping[int, Any]) -> bool:
    return _series(row) not in ("", _id(row))


def entries(value: Any) -> list[Mapping[str, Any]]:
    """A list of objects; anything else in it is left out."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _meeting(row: Mapping[int, Any], people: People) -> dict[str, Any]:
    """Who is invited by whom; nothing for an appointment without others."""
    organizer_id = row[ORGANIZER_ID] or (None if row[ORGANIZER] else row[CREATED_BY])
    organizer = _organizer(row, organizer_id, people)
    mine = {each.get("id"): each for each in entries(row[USERS])}.get(people.me)
    attendees = [
        each
        for each in _attendees(row, people, organizer_id)
        if organizer is None or each.mail.casefold() != organizer.mail.casefold()
    ]
    if not attendees:
        return {}
    found: dict[str, Any] = {"attendees": tuple(attendees), "organizer": organizer}
    found["organized"] = organizer_id == people.me
    if mine is not None and not found["organized"]:
        found["reply"] = REPLIES.read(_confirmation(mine))
    return found


def _organizer(row: Mapping[int, Any], organizer_id: Any, people: People) -> Address | None:
    person = people.find(USER, organizer_id)
    mail = values.line(row[ORGANIZER]) or (person.mail if person else None)
    return Address(mail.removeprefix("mailto:"), person.name if person else "") if mail else None


def _attendees(row: Mapping[int, Any], people: People, organizer_id: Any) -> list[Attendee]:
    found = []
    for user in entries(row[USERS]):
        person = people.find(USER, user.get("id"))
        if person is not None and person.mail and person.id != organizer_id:
            reply = REPLIES.read(_confirmation(user)) or Reply.NONE
            comment = values.text(user.get("confirmmessage")) or ""
            found.append(Attendee(person.mail, person.name, reply=reply, comment=comment))
    answers = {_folded(each.get("mail")): each for each in entries(row[CONFIRMATIONS])}
    for each in entries(row[PARTICIPANTS]):
        if each.get("type") == RESOURCE:
            room = people.find(RESOURCE, each.get("id"))
            if room is not None and room.mail:
                found.append(Attendee(room.mail, room.name, AttendeeRole.RESOURCE, Reply.ACCEPTED))
        elif each.get("type") == EXTERNAL and (mail := values.line(each.get("mail"))):
            answer = answers.get(_folded(mail), {})
            reply = REPLIES.read(answer.get("status")) or Reply.NONE
            comment = values.text(answer.get("message")) or ""
            found.append(
                Attendee(mail, values.line(each.get("display_name")) or "", reply=reply, comment=comment)
            )
    return found


def _confirmation(user: Mapping[str, Any]) -> Any:
    """Both names are in use (section 4)."""
    return user.get("confirmation", user.get("confirm"))


def _folded(value: Any) -> str:
    return str(value or "").casefold()


# -- to OX ---------------------------------------------------------------------------------------------------


def body_of(fields: Mapping[str, Any]) -> dict[str, Any]:
    """What to write of the fields that have a column of their own."""
    body = {}
    for name, value in fields.items():
        row = WRITTEN.get(name)
        if row is not None:
            written = None if value is None else row.write(value)
            body[row.name] = row.cleared if written is None else written
    return body


def times_of(before: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """What to write of the times once ``fields`` are laid over ``before``."""
    now = settled(before, fields)
    body: dict[str, Any] = {"full_time": now["all_day"]}
    for name, field in (("start_date", "start"), ("end_date", "end")):
        if now[field] is not None:
            body[name] = milliseconds(now[field])
    if now["time_zone"] and not now["all_day"]:
        body["timezone"] = now["time_zone"]
    return body


def changes(before: Event, fields: Mapping[str, Any]) -> dict[str, Any]:
    """What to write so that an appointment gets these fields: only what differs. When and how often are one: OX works a
    series out anew from all of it. Participants are left to :func:`participants_of`."""
    had = {name: before.fields.get(name) for name in fields}
    wanted, current = body_of(fields), body_of(had)
    body = {name: value for name, value in wanted.items() if value != current[name]}
    times = times_of(before.fields, fields)
    had_rule = before.fields.get("recurrence")
    rule = fields.get("recurrence", had_rule)
    new_rule = rule_of(rule) != rule_of(had_rule)
    if new_rule or times != times_of(before.fields, {}):
        body |= times
        if new_rule or before.repeats:
            body |= recurrence.NO_SERIES if rule is None else recurrence.change_of(had_rule, rule)
    return body


def rule_of(rule: Recurrence | None) -> dict[str, Any]:
    """What to write of a rule, or of there being none."""
    return dict(recurrence.NO_SERIES) if rule is None else recurrence.columns_of(rule)


def participants_of(
    attendees: Sequence[Attendee], before: Mapping[str, Any], people: People, found: Mapping[str, Person]
) -> list[dict[str, Any]]:
    """The participants to write for these attendees. ``before``: the row as it was, column → value, ``{}`` for a new
    appointment; ``found``: mail address in small letters → the user or resource who has it.

    The owner stays. So does a group whose members are all still invited; of another one those who are become
    participants of their own. Whoever comes from outside keeps his name if none is said.
    """
    rows = entries(before.get(str(PARTICIPANTS)))
    users = [each.get("id") for each in entries(before.get(str(USERS)))]
    named = {each.get("id") for each in rows if each.get("type") == USER}
    names = {str(each.get("mail")).casefold(): each.get("display_name") for each in rows}
    by_group = {number for number in users if number not in named}
    wanted: dict[tuple[int, Any], dict[str, Any]] = {}
    for attendee in attendees:
        person = found.get(attendee.mail.casefold())
        if person is None:
            entry: dict[str, Any] = {"type": EXTERNAL, "mail": attendee.mail}
            if name := attendee.name or names.get(attendee.mail.casefold()):
                entry["display_name"] = name
            wanted[EXTERNAL, attendee.mail.casefold()] = entry
        else:
            wanted[person.kind, person.id] = {"type": person.kind, "id": person.id}
    owners = {before.get(str(ORGANIZER_ID)) or before.get(str(CREATED_BY)) or people.me}
    owners |= {people.me} if people.me in users or not before else set()
    for owner in owners:
        wanted.setdefault((USER, owner), {"type": USER, "id": owner})
    invited = {number for kind, number in wanted if kind == USER}
    groups = [each for each in rows if each.get("type") == GROUP]
    if groups and by_group <= invited:
        for number in by_group - owners:
            del wanted[USER, number]
        return [*wanted.values(), *({"type": GROUP, "id": each.get("id")} for each in groups)]
    return list(wanted.values())
