"""Tasks of a user, in every status."""

from __future__ import annotations

from random import Random
from typing import Any

from lab.ox.seed import words
from lab.ox.seed.people import Person
from lab.ox.zones import DAY_MS

# Amount → tasks in the default folder.
COUNTS = {"small": 32, "large": 50, "light": 5, "empty": 0}
_DONE = 3
# Status → percent completed.
_PERCENT = {1: 0, 2: 50, 3: 100, 4: 30, 5: 10}


def default_folder(person: Person, today: int) -> list[dict[str, Any]]:
    """The fields of all tasks. ``today``: 00:00 UTC of the day of the making, in ms."""
    random = Random(f"tasks of {person.name if person.amount != 'light' else 'light'}")
    return [_task(random, number, today) for number in range(COUNTS[person.amount])]


def _task(random: Random, number: int, today: int) -> dict[str, Any]:
    status = 1 + number % 5
    start = today + random.randint(-30, 30) * DAY_MS
    fields: dict[str, Any] = {
        "title": f"{random.choice(words.TOPICS)} erledigen {number:03d}",
        "note": words.sentences(random, random.randint(0, 4)),
        "status": status,
        "percent_completed": _PERCENT[status],
        "priority": random.choice((1, 2, 3)),
    }
    if number % 3:
        fields |= {"start_date": start, "end_date": start + random.randint(0, 10) * DAY_MS}
    if status == _DONE:
        fields["date_completed"] = start + DAY_MS
    if number % 6 == 1:
        fields["alarm"] = start + 9 * 3_600_000
    if number % 11 == 4:
        fields |= {"recurrence_type": 2, "interval": 1, "days": 2, "start_date": start, "end_date": start}
    return fields
