"""All devices of a schema, page by page and in numbers, for administrators of many of them.

Pages are told apart by the place of their last row, not by counting: a page costs the same wherever it is, and no row
is passed over or shown twice because others came or went meanwhile. What is sought in texts (names, models) has no
index: such a search reads the rows of the schema until a page is full.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, and_, func, or_, select

from app.store import sessions as session_rows
from app.store.devices import remembered_of
from app.store.tables import fields, sessions
from app.usm.ports import Remembered

UNDECIDED: Final = "-"
"""The standing of a device about which nothing was decided."""

Place = tuple[int | str, ...]
"""What a row is ordered by."""


class Order(StrEnum):
    """How rows follow each other."""

    NAME = "name"
    """By context, user and id."""
    SEEN = "seen"
    """Those seen last come first."""
    FIRST = "first"
    """Those that came first come first."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which devices are meant; what is empty means all. ``text``: is in their id or in one of the fields ``texts``,
    whatever the letter case, or is the number of their user; ``standings``: :data:`UNDECIDED` among them; ``equal``:
    values of fields; ``having``: there is such a field; ``kept``: there is anything under one of these numbers of
    folders; ``seen_since``, ``seen_before``: in milliseconds since 1970; ``alike``: who is undecided has fields like
    all of one of these (lower case, with ``*`` and ``?``)."""

    context_id: int | None = None
    user_id: int | None = None
    text: str = ""
    texts: Collection[str] = ()
    standings: Collection[str] = ()
    equal: Mapping[str, str] | None = None
    having: str = ""
    kept: Collection[int] = ()
    seen_since: int | None = None
    seen_before: int | None = None
    alike: Sequence[Mapping[str, str]] = ()


def page(
    connection: Connection,
    wanted: Filter,
    order: Order,
    after: Place | None,
    size: int,
    about: Collection[str],
) -> list[tuple[Place, Remembered]]:
    """At most so many devices that follow a place, each with its own and the fields that begin like ``about``."""
    columns = _columns(order)
    query = select(sessions).where(*_conditions(wanted))
    if after is not None:
        query = query.where(_beyond(columns, after))
    ordered = [column.desc() if is_down else column for column, is_down in columns]
    rows = list(connection.execute(query.order_by(*ordered).limit(size)))
    told = _fields(connection, rows, about)
    return [
        (
            tuple(getattr(row, column.name) for column, _ in columns),
            remembered_of(row, told.get((row.cid, row.id), ())),
        )
        for row in rows
    ]


def count(connection: Connection, wanted: Filter, most: int) -> int:
    """How many devices are meant, at most so many."""
    limited = select(sessions.c.id).where(*_conditions(wanted)).limit(most).subquery()
    return int(connection.scalar(select(func.count()).select_from(limited)) or 0)


def standings(connection: Connection) -> Counter[str]:
    """How many devices stand how."""
    query = select(sessions.c.standing, func.count().label("number")).group_by(sessions.c.standing)
    return Counter({row.standing or UNDECIDED: int(row.number) for row in connection.execute(query)})


def seen(connection: Connection, since: Sequence[int]) -> tuple[int, list[int]]:
    """The number of users with devices, and of devices that were seen since each of these moments."""
    of_users = select(sessions.c.cid, sessions.c.user).distinct().subquery()
    users = int(connection.scalar(select(func.count()).select_from(of_users)) or 0)
    counts = [
        int(connection.scalar(select(func.count()).where(sessions.c.last_used >= moment)) or 0)
        for moment in since
    ]
    return users, counts


def values(connection: Connection, names: Collection[str], since: int) -> Counter[tuple[str, str]]:
    """How many of the devices that were seen since a moment have which value of each of these fields."""
    query = (
        select(fields.c.field, fields.c.value, func.count().label("number"))
        .select_from(
            sessions.join(
                fields,
                and_(
                    fields.c.cid == sessions.c.cid,
                    fields.c.session == sessions.c.id,
                    fields.c.field.in_(list(names)),
                ),
            )
        )
        .where(sessions.c.last_used >= since)
        .group_by(fields.c.field, fields.c.value)
    )
    return Counter({(row.field, row.value): int(row.number) for row in connection.execute(query)})


def _columns(order: Order) -> list[tuple[ColumnElement[Any], bool]]:
    """What rows are ordered by, and whether downwards. The last ones tell all of them apart."""
    row = sessions.c
    match order:
        case Order.SEEN:
            return [(row.last_used, True), (row.cid, False), (row.id, False)]
        case Order.FIRST:
            return [(row.created, False), (row.cid, False), (row.id, False)]
    return [(row.cid, False), (row.user, False), (row.protocol, False), (row.device, False)]


def _beyond(columns: Sequence[tuple[ColumnElement[Any], bool]], place: Place) -> ColumnElement[bool]:
    alternatives = []
    for at, (column, is_down) in enumerate(columns):
        same = [before == place[number] for number, (before, _) in enumerate(columns[:at])]
        alternatives.append(and_(*same, column < place[at] if is_down else column > place[at]))
    first, is_down = columns[0]
    # Says nothing new, but lets the database begin at the right place of its index.
    bound = first <= place[0] if is_down else first >= place[0]
    return and_(bound, or_(*alternatives))


def _conditions(wanted: Filter) -> Iterable[ColumnElement[bool]]:
    row = sessions.c
    if wanted.context_id is not None:
        yield row.cid == wanted.context_id
    if wanted.user_id is not None:
        yield row.user == wanted.user_id
    if wanted.standings:
        named = row.standing.in_([each for each in wanted.standings if each != UNDECIDED])
        yield or_(named, row.standing.is_(None)) if UNDECIDED in wanted.standings else named
    if wanted.seen_since is not None:
        yield row.last_used >= wanted.seen_since
    if wanted.seen_before is not None:
        yield row.last_used < wanted.seen_before
    for name, value in (wanted.equal or {}).items():
        yield _has(fields.c.field == name, fields.c.value == value)
    if wanted.alike:
        alternatives = [
            and_(
                *(
                    _has(fields.c.field == name, func.lower(fields.c.value).like(_like(pattern), escape="/"))
                    for name, pattern in each.items()
                )
            )
            for each in wanted.alike
        ]
        yield or_(row.standing.is_not(None), *alternatives)
    if wanted.having:
        yield _has(fields.c.field == wanted.having)
    if wanted.kept:
        yield session_rows.has_kept(wanted.kept)
    if wanted.text:
        sought = wanted.text.lower()
        number = int(sought) if sought.isdecimal() and len(sought) < 10 else -1
        yield or_(
            row.user == number,
            func.lower(row.device).contains(sought, autoescape=True),
            _has(
                fields.c.field.in_(list(wanted.texts)),
                func.lower(fields.c.value).contains(sought, autoescape=True),
            ),
        )


def _like(pattern: str) -> str:
    for sign in "/%_":
        pattern = pattern.replace(sign, f"/{sign}")
    return pattern.replace("*", "%").replace("?", "_")


def _has(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether the device has a field like this."""
    return (
        select(fields.c.session)
        .where(fields.c.cid == sessions.c.cid, fields.c.session == sessions.c.id, *conditions)
        .exists()
    )


def _fields(
    connection: Connection, rows: Sequence[Row[Any]], about: Collection[str]
) -> dict[tuple[int, int], list[tuple[str, str]]]:
    by_context: dict[int, list[int]] = {}
    for row in rows:
        by_context.setdefault(row.cid, []).append(row.id)
    found: dict[tuple[int, int], list[tuple[str, str]]] = {}
    if not rows:
        return found
    of_rows = or_(
        *(and_(fields.c.cid == cid, fields.c.session.in_(numbers)) for cid, numbers in by_context.items())
    )
    named = or_(*(fields.c.field.startswith(prefix, autoescape=True) for prefix in about))
    for each in connection.execute(select(fields).where(of_rows, named).order_by(fields.c.field)):
        found.setdefault((each.cid, each.session), []).append((each.field, each.value))
    return found
