"""Appointments of a user: single ones, whole days, series with exceptions, around today."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Any

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
    """The fields with real moments. ``today``: 00:00 UTC of the day of the making, in ms."""
    return _dated(appointment.fields, today + appointment.day * DAY_MS)


def dated_exception(appointment: SeedAppointment, index: int, today: int) -> dict[str, Any]:
    """The fields of one exception with real moments."""
    offset, fields = appointment.exceptions[index]
    start_day = today + (appointment.day + offset) * DAY_MS
    return {**_dated({**appointment.fields, **fields}, start_day), "recurrence_date_position": start_day}


def _dated(fields: dict[str, Any], day: int) -> dict[str, Any]:
    moved = {name: value for name, value in fields.items() if not name.startswith("_")}
    moved["start_date"] = day + fields["_start"]
    moved["end_date"] = day + fields["_end"]
    if "_until_days" in fields:
        moved["until"] = day + fields["_until_days"] * DAY_MS
    if "_deleted_days" in fields:
        moved["delete_exceptions"] = [day + offset * DAY_MS for offset in fields["_deleted_days"]]
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
        fields["participants"] = [{"type": 5, "mail": "gast@example.com", "display_name": "Gast"}]
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
