"""What both of OX's calendar APIs tell of an appointment, and what is the same in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final, NamedTuple

from app.ox.mapping import time_zone
from app.ox.mapping.time_zone import Clock
from app.usm.content import Attachment, Attendee, AttendeeRole, Occurrence

DAY: Final = timedelta(days=1)
_BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)

TIMES: Final = frozenset({"start", "end", "all_day", "time_zone"})
"""The fields that say when: they are written together."""

_OF_AN_OCCURRENCE: Final = (
    "subject",
    "location",
    "body",
    "all_day",
    "reminder",
    "busy",
    "sensitivity",
    "categories",
    "attendees",
    "reply",
    "cancelled",
    "attachments",
)
"""What an exception can have of its own, besides its times."""


class Head(NamedTuple):
    """Just enough of an appointment to list it. ``series``: the id of the series it is or belongs to, else ``""``.
    ``ends``: when its last occurrence does, in milliseconds since 1970, ``None`` for never. Each request of a device
    makes one of each appointment of the folder, so it is made of what costs little."""

    id: str
    series: str
    modified: int
    ends: int | None
    uid: str = ""

    @property
    def is_exception(self) -> bool:
        """Whether it stands for one occurrence of a series."""
        return self.series not in ("", self.id)


@dataclass(frozen=True, slots=True)
class Event:
    """An appointment, a series without its exceptions, or an exception.

    ``fields``: those of :data:`~app.usm.content.CALENDAR_FIELDS` but ``exceptions``. ``raw``: OX's own values, name →
    value, for what only OX knows. ``modified``: OX's timestamp of the last change. ``repeats``: whether it is a series,
    even by a rule that ``fields`` cannot tell. ``original``: of an exception, when the rule lets it begin; ``deleted``
    and ``changed``: of a series, which occurrences are gone or have an exception.
    """

    id: str
    series: str
    modified: int
    fields: Mapping[str, Any]
    raw: Mapping[str, Any]
    clock: Clock
    repeats: bool = False
    original: datetime | None = None
    deleted: tuple[datetime, ...] = ()
    changed: tuple[datetime, ...] = ()

    @property
    def is_exception(self) -> bool:
        """Whether it stands for one occurrence of a series."""
        return self.series not in ("", self.id)

    @property
    def duration(self) -> timedelta:
        """How long it, or an occurrence of it, lasts."""
        return duration_of(self.fields)


@dataclass(frozen=True, slots=True)
class Series:
    """A series with its exceptions, or a single appointment."""

    master: Event
    exceptions: Sequence[Event] = field(default=())

    def exception(self, original: datetime) -> Event | None:
        """The exception in place of this occurrence."""
        return next((each for each in self.exceptions if each.original == original), None)

    def fields(self) -> dict[str, Any]:
        """All fields, the exceptions folded in. An exception that cannot be seen is one that the user does not take
        part in: for them the occurrence is gone."""
        master = self.master
        fields = dict(master.fields)
        if "recurrence" not in fields:
            return fields
        shown = {each.original: each for each in self.exceptions if each.original is not None}
        found = {original: difference(master, original, each) for original, each in shown.items()}
        for original in (*master.deleted, *master.changed):
            found.setdefault(original, Occurrence(original, deleted=True))
        if found:
            fields["exceptions"] = tuple(found[original] for original in sorted(found))
        return fields


def duration_of(fields: Mapping[str, Any]) -> timedelta:
    """How long something with these fields lasts."""
    length: timedelta = fields["end"] - fields["start"]
    return length


def by_rule(master: Event, original: datetime) -> dict[str, Any]:
    """The fields of an occurrence as the rule makes it."""
    fields = {
        name: value for name, value in master.fields.items() if name not in ("recurrence", "exceptions")
    }
    return {**fields, "start": original, "end": original + master.duration}


def difference(master: Event, original: datetime, exception: Event) -> Occurrence:
    """An exception as what differs from the rule."""
    made, now = by_rule(master, original), dict(exception.fields)
    if likenesses(now.get("attachments")) == likenesses(made.get("attachments")):
        now["attachments"] = made.get(
            "attachments"
        )  # an exception begins with copies of the files of its series
    names = ("start", "end", *_OF_AN_OCCURRENCE)
    return Occurrence(
        original, fields={name: now.get(name) for name in names if now.get(name) != made.get(name)}
    )


def likenesses(files: Sequence[Attachment] | None) -> list[tuple[str, int, str]]:
    """What files are but for their ids, by which a file is known among copies."""
    return sorted((file.name, file.size, file.content_type) for file in files or ())


def settled(before: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """The times of something with the fields ``before`` once ``fields`` are written over them: whole days begin and end
    at midnight and last a day at least; a zone that is only another name of the old one stays, and so does that of a
    single appointment that is not moved."""
    now = {name: before.get(name) for name in TIMES}
    now |= {name: value for name, value in fields.items() if name in TIMES and value is not None}
    if fields.get("start") is not None and fields.get("end") is None and before:
        now["end"] = fields["start"] + duration_of(before)
    now["all_day"] = bool(fields["all_day"] if "all_day" in fields else before.get("all_day"))
    if now["start"] is None or now["end"] is None:
        return now
    repeats = fields.get("recurrence", before.get("recurrence")) is not None
    moved = any(before.get(name) != now[name] for name in ("start", "end"))
    zone = before.get("time_zone")
    if (zone and not repeats and not moved) or time_zone.alike(zone, now["time_zone"], now["start"]):
        now["time_zone"] = zone
    if now["all_day"]:
        now["start"] = _midnight(now["start"])
        now["end"] = max(_midnight(now["end"] + DAY - timedelta.resolution), now["start"] + DAY)
    return now


def milliseconds(instant: datetime) -> int:
    """An instant as OX's Timestamp."""
    return (instant - _BEGINNING) // timedelta(milliseconds=1)


def _midnight(instant: datetime) -> datetime:
    return datetime.combine(instant.date(), time(), UTC)


def ends(start: datetime, end: datetime, last_day: Any, clock: Clock) -> datetime:
    """When the last occurrence ends. ``last_day``: the day on which it begins, ``None`` for the only one."""
    return end if last_day is None else clock.on(last_day) + (end - start)


def same_attendees(wanted: Sequence[Attendee] | None, present: Sequence[Attendee] | None) -> bool:
    """Whether those whom a device wants are invited as what it wants; their replies are their own."""
    roles = {each.mail.casefold(): each.role for each in present or ()}
    return {each.mail.casefold(): role_of(each, roles) for each in wanted or ()} == roles


def role_of(attendee: Attendee, before: Mapping[str, AttendeeRole]) -> AttendeeRole:
    """The role of one whom a device wants. ``before``: mail address in small letters → role."""
    if attendee.role is not AttendeeRole.UNSAID:
        return attendee.role
    return before.get(attendee.mail.casefold(), AttendeeRole.REQUIRED)
