"""Appointments of a user: single ones, whole days, series with exceptions, around today."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from lab.ox.calendar.recurrence import PATTERN, Series, rule_of, zone_of
from lab.ox.seed import words
from lab.ox.seed.people import Person
from lab.ox.zones import DAY_MS

# Amount → objects in the default calendar, exceptions of series included.
COUNTS = {"small": 55, "large": 200, "light": 5, "empty": 0}
_HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class SeedAppointment:
    """One appointment. Moments are ms UTC; ``day`` counts from today. ``exceptions`` become objects of their own."""

    day: int
    fields: dict[str, Any]
    exceptions: tuple[tuple[int, dict[str, Any]], ...] = field(default=())


def calendar(person: Person) -> list[SeedAppointment]:
    """What lies in the default calendar."""
    random = Random(f"appointments of {person.name if person.amount != 'light' else 'light'}")
    count = COUNTS[person.amount]
    made: list[SeedAppointment] = []
    total = 0
    number = 0
    while total < count:
        maker = _SERIES[number // 4 % len(_SERIES)] if number % 4 == 0 and count - total > 3 else _single
        appointment = maker(random, number)
        total += 1 + len(appointment.exceptions)
        made.append(appointment)
        number += 1
    return made


def dated(appointment: SeedAppointment, today: int) -> dict[str, Any]:
    """The fields as they are stored. ``today``: 00:00 UTC of the day of the making, in ms. A series begins with its
    first occurrence on or after its day."""
    day = today + appointment.day * DAY_MS
    fields = _placed(appointment.fields, day)
    if "recurrence_type" not in fields:
        return fields
    pattern = {name: fields.pop(name) for name in PATTERN if name in fields}
    fields["rrule"] = rule_of(pattern, fields)
    first = Series(fields["start_date"], fields["rrule"], zone_of(fields)).first()
    shift = 0 if first is None else first - fields["start_date"]
    fields = {**fields, "start_date": fields["start_date"] + shift, "end_date": fields["end_date"] + shift}
    fields["deleted"] = [_original(fields, offset) for offset in appointment.fields.get("_deleted_days", ())]
    return fields


def dated_exception(appointment: SeedAppointment, index: int, series: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of one exception. ``series``: those of :func:`dated`."""
    offset, changes = appointment.exceptions[index]
    original = _original(series, offset)
    kept = {name: value for name, value in series.items() if name not in ("rrule", "deleted")}
    moved = {name: value for name, value in changes.items() if not name.startswith("_")}
    start = original + changes["_start"] - appointment.fields["_start"]
    end = start + changes["_end"] - changes["_start"]
    moved["alarm"] = appointment.fields["alarm"]
    return {**kept, **moved, "start_date": start, "end_date": end, "original": original}


def _original(series: Mapping[str, Any], offset: int) -> int:
    """When the occurrence some days after the first would begin."""
    occurrences = Series(series["start_date"], series["rrule"], zone_of(series))
    found = occurrences.on_day(series["start_date"] + offset * DAY_MS)
    assert found is not None, "the series has an occurrence on that day"
    return found


def _placed(fields: Mapping[str, Any], day: int) -> dict[str, Any]:
    moved = {name: value for name, value in fields.items() if not name.startswith("_") and value != ""}
    moved["start_date"] = day + fields["_start"]
    moved["end_date"] = day + fields["_end"]
    if "_until_days" in fields:
        moved["until"] = day + fields["_until_days"] * DAY_MS
    return moved


def _base(random: Random, number: int, title: str) -> dict[str, Any]:
    start = random.randint(7, 17) * _HOUR_MS
    return {
        "title": f"{title} {number:03d}",
        "location": random.choice((*words.CITIES, "")),
        "note": words.sentences(random, random.randint(0, 3)),
        "shown_as": random.choice((1, 1, 2, 3, 4)),
        "alarm": random.choice((-1, 0, 15, 60)),
        "full_time": False,
        "timezone": "Europe/Berlin",
        "_start": start,
        "_end": start + random.choice((1, 2, 4)) * _HOUR_MS // 2,
    }


def _single(random: Random, number: int) -> SeedAppointment:
    fields = _base(random, number, random.choice(words.TOPICS))
    if number % 7 == 1:
        fields |= {"full_time": True, "_start": 0, "_end": random.choice((1, 1, 3)) * DAY_MS}
    if number % 9 == 2:
        fields["externals"] = [{"mail": "gast@example.com", "name": "Gast", "reply": 0}]
    return SeedAppointment(random.randint(-60, 120), fields)


def _weekly(random: Random, number: int) -> SeedAppointment:
    fields = _base(random, number, "Wöchentlich")
    # Today's weekday is not known here; all working days of a week.
    fields |= {"recurrence_type": 2, "interval": 1, "days": 62, "_deleted_days": [14]}
    moved = {
        "title": f"Verschoben {number:03d}",
        "_start": fields["_start"] + _HOUR_MS,
        "_end": fields["_end"] + _HOUR_MS,
    }
    return SeedAppointment(random.randint(-30, 0), fields, ((7, moved),))


def _daily(random: Random, number: int) -> SeedAppointment:
    fields = _base(random, number, "Täglich")
    fields |= {"recurrence_type": 1, "interval": random.choice((1, 2)), "occurrences": 10}
    return SeedAppointment(random.randint(-20, 20), fields)


def _monthly(random: Random, number: int) -> SeedAppointment:
    fields = _base(random, number, "Monatlich")
    fields |= {"recurrence_type": 3, "interval": 1, "day_in_month": random.randint(1, 28), "_until_days": 365}
    return SeedAppointment(random.randint(-60, 0), fields)


def _last_friday(random: Random, number: int) -> SeedAppointment:
    fields = _base(random, number, "Letzter Freitag")
    fields |= {"recurrence_type": 3, "interval": 1, "days": 32, "day_in_month": 5}
    return SeedAppointment(random.randint(-60, 0), fields)


def _yearly(random: Random, number: int) -> SeedAppointment:
    fields = _base(random, number, "Geburtstag")
    fields |= {
        "recurrence_type": 4,
        "interval": 1,
        "day_in_month": random.randint(1, 28),
        "month": random.randint(0, 11),
        "full_time": True,
        "_start": 0,
        "_end": DAY_MS,
    }
    return SeedAppointment(random.randint(-300, 0), fields)


_SERIES = (_weekly, _daily, _monthly, _last_friday, _yearly)
