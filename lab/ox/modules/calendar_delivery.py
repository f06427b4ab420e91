"""Sends what a planner has to tell, when its transaction is over."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from lab.ox import delivery
from lab.ox.calendar import itip
from lab.ox.calendar.ical import Person
from lab.ox.calendar.planner import Notice
from lab.ox.database import groupware
from lab.ox.delivery import Mailbox
from lab.ox.web.call import Call


def send(
    call: Call, notices: Iterable[Notice], internal: bool, external: bool = True, comment: str = ""
) -> None:
    """Deliver the mails of all notices to users' INBOXes, and to the outbox what goes outside."""
    listed = list(notices)
    if not listed or not (internal or external):
        return
    platform = call.groupware.platform
    with call.read() as connection:
        people = _people(connection, call.cid, listed)
    for notice in listed:
        for letter in itip.letters(notice, people, internal, external, comment):
            way = delivery.route(platform, [letter.recipient])
            delivery.submit(platform, Mailbox(call.cid, call.user.id), letter.sender, way, letter.raw)


def _people(connection: sa.Connection, cid: int, notices: Iterable[Notice]) -> dict[int, Person]:
    wanted: set[int] = set()
    for notice in notices:
        wanted |= {notice.actor, *notice.users}
        for event in (notice.event, *notice.exceptions):
            wanted |= {member.user for member in event.members}
    table = groupware.user
    rows = connection.execute(
        sa.select(table.c.id, table.c.mail, table.c.displayName).where(
            table.c.cid == cid, table.c.id.in_(sorted(wanted))
        )
    )
    return {row.id: Person(row.mail, row.displayName or "") for row in rows}
