"""When people are busy (``facts``: HTTP API sections 6.1 and 7.1).

``chronos`` tells it of several in one call; the older ``calendar`` of one user or resource, so that its calls go
together. Only users and resources of the context have a calendar that OX knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from app.ox.calendar.people import Directory
from app.ox.client import Answer, Call
from app.ox.errors import Scope, Unsupported
from app.ox.mapping import availability as mapping
from app.ox.mapping.calendar import RESOURCE, Person
from app.ox.module import Context
from app.usm.errors import FolderGone, ItemError, UsmError
from app.usm.queries import BusyTime

_PEOPLE_PER_CALL: Final = 50


class Availability:
    """Asks on behalf of one user. ``chronos``: whether this OX has the newer module."""

    def __init__(self, context: Context, chronos: bool) -> None:
        self._client = context.client
        self._directory = Directory(context.client, context.access.user)
        self._chronos = chronos

    def busy(self, mails: Sequence[str], start: datetime, end: datetime) -> dict[str, Sequence[BusyTime]]:
        """Address → times; who is unknown, or of whom OX does not tell, is absent. A call to learn who they are, and
        one for every fifty of them."""
        known = self._directory.by_mail(mails)
        found: dict[str, Sequence[BusyTime]] = {}
        wanted = [mail for mail in dict.fromkeys(mails) if mail.casefold() in known]
        for first in range(0, len(wanted), _PEOPLE_PER_CALL):
            part = wanted[first : first + _PEOPLE_PER_CALL]
            people = [known[mail.casefold()] for mail in part]
            times = self._events(people, start, end) if self._chronos else self._old(people, start, end)
            found |= {mail: told for mail, told in zip(part, times, strict=True) if told is not None}
        return found

    def _events(
        self, people: Sequence[Person], start: datetime, end: datetime
    ) -> list[Sequence[BusyTime] | None]:
        params = {"from": mapping.moment_text(start), "until": mapping.moment_text(end), "merge": "true"}
        body = {"attendees": [_attendee(person) for person in people]}
        answer = self._client.put("chronos", "freeBusy", body, params, scope=Scope.READ, repeatable=True).data
        told = answer if isinstance(answer, list) else []
        return [mapping.of_chronos(entry) for entry in [*told, *([None] * len(people))][: len(people)]]

    def _old(
        self, people: Sequence[Person], start: datetime, end: datetime
    ) -> list[Sequence[BusyTime] | None]:
        span = {"start": mapping.milliseconds(start), "end": mapping.milliseconds(end)}
        calls = [
            Call("calendar", "freebusy", {**span, "id": person.id, "type": person.kind}, scope=Scope.READ)
            for person in people
        ]
        return [_times(answer) for answer in self._client.multiple(calls, repeatable=True)]


def _attendee(person: Person) -> dict[str, Any]:
    kind = "RESOURCE" if person.kind == RESOURCE else "INDIVIDUAL"
    return {"entity": person.id, "cuType": kind, "uri": f"mailto:{person.mail}"}


def _times(answer: Answer | UsmError) -> Sequence[BusyTime] | None:
    if isinstance(answer, ItemError | FolderGone | Unsupported):
        return None
    if isinstance(answer, UsmError):
        raise answer
    return mapping.of_calendar(answer.data)
