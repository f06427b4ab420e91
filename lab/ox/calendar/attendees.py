"""Who takes part: users, groups (with whoever is in them), resources, and people outside."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa

from lab.ox.calendar.event import NONE, REQUIRED, Member
from lab.ox.database import groupware
from lab.ox.storage import folders, users
from lab.ox.storage.users import User


@dataclass(frozen=True, slots=True)
class Guests:
    """Who is to take part. ``users``: id → role. ``externals``: as in the fields of an event. ``replies``: what users
    are said to have answered, by id; only what the calendar user says of itself counts."""

    users: Mapping[int, str] = field(default_factory=dict)
    groups: tuple[int, ...] = ()
    resources: tuple[int, ...] = ()
    externals: tuple[Mapping[str, Any], ...] = ()
    replies: Mapping[int, int] = field(default_factory=dict)


def user_of_mail(connection: sa.Connection, cid: int, address: str) -> int | None:
    """The user of the context who has a mail address or alias."""
    wanted = address.strip().lower()
    table, alias = groupware.user, groupware.user_attribute
    own = sa.select(table.c.id).where(table.c.cid == cid, sa.func.lower(table.c.mail) == wanted)
    other = sa.select(alias.c.id).where(
        alias.c.cid == cid, alias.c.name == "alias", sa.func.lower(alias.c.value) == wanted
    )
    found = connection.execute(sa.union_all(own, other)).scalar()
    return None if found is None else int(found)


def group_members(connection: sa.Connection, cid: int, group: int) -> list[int]:
    """The users of a group."""
    if group == users.ALL_USERS:
        table = groupware.user
        chosen = sa.select(table.c.id).where(table.c.cid == cid)
    else:
        member = groupware.groups_member
        chosen = sa.select(member.c.member).where(member.c.cid == cid, member.c.id == group)
    return sorted(connection.execute(chosen).scalars())


def without_insiders(connection: sa.Connection, cid: int, guests: Guests) -> Guests:
    """The same people; those named by a mail address who are users count as users."""
    inside = dict(guests.users)
    outside: dict[str, Mapping[str, Any]] = {}
    for each in guests.externals:
        user_id = user_of_mail(connection, cid, str(each["mail"]))
        if user_id is None:
            outside.setdefault(str(each["mail"]).lower(), each)
        else:
            inside.setdefault(user_id, str(each.get("role") or REQUIRED))
    return replace(guests, users=inside, externals=tuple(outside.values()))


def members_of(
    connection: sa.Connection, cid: int, guests: Guests, before: Sequence[Member], public: bool
) -> list[Member]:
    """The members that guests make, by user. Who took part before keeps answer, folder and alarms; a newcomer sees
    the appointment in the default calendar, unless it is in a public folder."""
    known = {member.user: member for member in before}
    grouped = {each for group in guests.groups for each in group_members(connection, cid, group)}
    found = []
    for user_id in sorted({*guests.users, *grouped}):
        role = guests.users.get(user_id, REQUIRED)
        by_group = user_id not in guests.users
        if user_id in known:
            found.append(replace(known[user_id], role=role, grouped=by_group))
            continue
        user = users.load_user(connection, cid, user_id)
        if user is not None:
            folder = None if public else folders.default_folder(connection, user, "calendar")
            found.append(Member(user_id, folder, NONE, grouped=by_group, role=role))
    return found


def guests_of(members: Iterable[Member], fields: Mapping[str, Any]) -> Guests:
    """Who takes part now."""
    return Guests(
        users={member.user: member.role for member in members if not member.grouped},
        groups=tuple(fields.get("groups") or ()),
        resources=tuple(fields.get("resources") or ()),
        externals=tuple(fields.get("externals") or ()),
    )


def merged_externals(
    before: Sequence[Mapping[str, Any]], wanted: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Externals as wanted, with the answers of those who took part before."""
    known = {str(each["mail"]).lower(): each for each in before}
    kept = ("reply", "message")
    merged = []
    for each in wanted:
        old = known.get(str(each["mail"]).lower(), {})
        merged.append({"reply": NONE, **{name: old[name] for name in kept if name in old}, **each})
    return merged


def as_organizer(user: User) -> dict[str, Any]:
    """A user as an appointment's organizer."""
    return {"entity": user.id, "mail": user.mail, "name": user.display_name}
