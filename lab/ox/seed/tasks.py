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


def default_folder(person: Person, today: int, user_id: int) -> list[dict[str, Any]]:
    """The fields of all tasks. ``today``: 00:00 UTC of the day of the making, in ms; ``user_id``: whose alarms they
    have."""
    random = Random(f"tasks of {person.name if person.amount != 'light' else 'light'}")
    return [_task(random, number, today, user_id) for number in range(COUNTS[person.amount])]


def shared(today: int, user_id: int) -> list[dict[str, Any]]:
    """The fields of the tasks of a folder that is shared; the last of them is private."""
    random = Random("shared tasks")
    found = [_task(random, number, today, user_id) for number in range(1, 5)]
    return [*found[:-1], {**found[-1], "title": "Privat", "private_flag": True}]


def _task(random: Random, number: int, today: int, user_id: int) -> dict[str, Any]:
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
        end = start + random.randint(0, 10) * DAY_MS
        fields |= {"start_time": start, "end_time": end, "full_time": True}
    if status == _DONE:
        fields["date_completed"] = start + DAY_MS
    if number % 6 == 1:
        fields["alarms"] = {str(user_id): start + 9 * 3_600_000}
    if number % 11 == 4:
        fields |= {"recurrence_type": 2, "interval": 1, "days": 2}
        fields |= {"start_time": start, "end_time": start, "full_time": True}
    return fields
