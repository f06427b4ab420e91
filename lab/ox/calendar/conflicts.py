"""What else happens at a time: other appointments of those who take part, and of the resources they need."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from lab.ox import clock
from lab.ox.calendar import store
from lab.ox.calendar.event import DECLINED, FREE, RESERVED, Event
from lab.ox.calendar.planner import as_occurrence
from lab.ox.calendar.recurrence import Series
from lab.ox.zones import DAY_MS, from_time, zone

# Of a series this much is looked at, and this many conflicts are told.
_HORIZON = 366 * DAY_MS
_MOST = 100


@dataclass(frozen=True, slots=True)
class Conflict:
    """An appointment in the way, of a series the occurrence. ``hard``: because of a resource. ``users``: who of those
    that are wanted takes part in it."""

    event: Event
    hard: bool
    users: tuple[int, ...]


def occurrences(
    connection: sa.Connection, cid: int, events: Iterable[Event], first: int, last: int, tz: str
) -> Iterator[Event]:
    """What happens of some appointments between two moments (ms UTC), series as their occurrences. ``tz``: where
    whole days begin at midnight. Exceptions come as themselves when they are among ``events``."""
    listed = list(events)
    exceptions = store.exceptions(connection, cid, [event.id for event in listed if event.is_series])
    for event in listed:
        yield from _spread(event, exceptions.get(event.id, ()), first, last, tz)


def touching(
    connection: sa.Connection, cid: int, events: Iterable[Event], first: int, last: int, tz: str
) -> set[int]:
    """Which of some appointments have anything between two moments; of a series no more is looked at than the first
    occurrence that has."""
    listed = list(events)
    exceptions = store.exceptions(connection, cid, [event.id for event in listed if event.is_series])
    return {
        event.id for event in listed if any(_spread(event, exceptions.get(event.id, ()), first, last, tz))
    }


def _spread(event: Event, exceptions: Sequence[Event], first: int, last: int, tz: str) -> Iterator[Event]:
    """What happens of one appointment."""
    if not event.is_series:
        if overlaps(event, first, last, tz):
            yield event
        return
    gone = {*(event.fields.get("deleted") or ()), *(each.fields["original"] for each in exceptions)}
    # Whole days may begin earlier or later than their midnight in UTC.
    slack = DAY_MS if event.full_time else 0
    for _, moment in Series.of(event).between(first - slack, last + slack, event.end - event.start):
        if moment not in gone:
            occurrence = as_occurrence(event, moment)
            if overlaps(occurrence, first, last, tz):
                yield occurrence


def overlaps(event: Event, first: int, last: int, tz: str) -> bool:
    """Whether a single appointment touches a span of time."""
    start, end = span(event, tz)
    return start < last and (end > first or (start == end and start >= first))


def span(event: Event, tz: str) -> tuple[int, int]:
    """From when to when an appointment lasts (ms UTC); whole days between the midnights of a zone."""
    if not event.full_time:
        return event.start, event.end
    return from_time(event.start, zone(tz)) or 0, from_time(event.end, zone(tz)) or 0


def find(
    connection: sa.Connection,
    cid: int,
    fields: Mapping[str, Any],
    users: Sequence[int],
    tz: str,
    ignored: Iterable[int] = (),
) -> list[Conflict]:
    """What is in the way of an appointment that is to be. ``ignored``: ids that are not in the way, of a series with
    its exceptions. An appointment that is over, or that shows as free, has no conflicts but those of resources."""
    wished = Event(0, 0, "", None, 0, 0, 0, 0, fields)
    times = _times(wished, tz)
    skip = set(ignored)
    resources = list(fields.get("resources") or ())
    found: dict[tuple[int, int], Conflict] = {}
    if not times:
        return []
    first, last = times[0][0], max(end for _, end in times)
    hard = store.of_resources(connection, cid, resources) if resources else []
    soft = store.of_users(connection, cid, users) if fields.get("shown_as", RESERVED) != FREE else []
    for candidates, is_hard in ((hard, True), (soft, False)):
        candidates = [each for each in candidates if not skip & {each.id, each.series}]
        for event in occurrences(connection, cid, candidates, first, last, tz):
            busy = tuple(user for user in users if _is_busy(event, user))
            if not is_hard and (not busy or event.fields.get("shown_as", RESERVED) == FREE):
                continue
            if any(overlaps(event, start, end, tz) for start, end in times):
                found.setdefault((event.id, event.start), Conflict(event, is_hard, busy))
    return sorted(found.values(), key=lambda conflict: conflict.event.start)[:_MOST]


def _is_busy(event: Event, user: int) -> bool:
    member = event.member(user)
    return member is not None and not member.hidden and member.reply != DECLINED


def _times(event: Event, tz: str) -> list[tuple[int, int]]:
    now = clock.now_ms()
    if not event.is_series:
        times = [span(event, tz)]
    else:
        duration = event.end - event.start
        gone = set(event.fields.get("deleted") or ())
        begin = max(now, event.start)
        times = [
            span(as_occurrence(event, moment), tz)
            for _, moment in Series.of(event).between(begin - duration, begin + _HORIZON, duration)
            if moment not in gone
        ]
    return [(start, max(end, start + 1)) for start, end in times if end > now]
