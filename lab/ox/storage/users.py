"""Users of a context, their rights and attributes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import sqlalchemy as sa

from lab.ox import passwords, permissions
from lab.ox.database.groupware import groups_member, login2user, user, user_attribute, user_configuration

ALL_USERS = 0
STANDARD_GROUP = 1
CONTEXT_ADMIN = 2
# What stands before the names of attributes that keep a switch or a capability.
SWITCH_PREFIX = "standin.switch."
CAPABILITY_PREFIX = "com.openexchange.capability."


@dataclass(frozen=True, slots=True)
class User:
    """One user. ``rights``: the permission bits. ``groups``: ids, group 0 holds everybody."""

    cid: int
    id: int
    login: str
    mail: str
    display_name: str
    language: str
    timezone: str
    contact_id: int
    rights: int
    mail_enabled: bool
    groups: tuple[int, ...] = (ALL_USERS,)
    aliases: tuple[str, ...] = field(default=())
    attributes: Mapping[str, str] = field(default_factory=dict)

    @property
    def sees_address_book(self) -> bool:
        """Whether the global address book is there for the user."""
        return self.attributes.get(SWITCH_PREFIX + "access-global-address-book-disabled") != "on"

    @property
    def entities(self) -> tuple[int, ...]:
        """The user and the groups, as permissions name them."""
        return (self.id, *self.groups)

    def may(self, right: str) -> bool:
        """Whether the user has a right, by its capability name."""
        return bool(self.rights & permissions.BITS[right])


def find_user_id(connection: sa.Connection, cid: int, names: Iterable[str]) -> int | None:
    """The user who has one of these login names."""
    found = connection.execute(
        sa.select(login2user.c.id).where(login2user.c.cid == cid, login2user.c.uid.in_(list(names)))
    ).scalar()
    return None if found is None else int(found)


def load_user(connection: sa.Connection, cid: int, user_id: int) -> User | None:
    """One user with rights, groups and aliases."""
    return next(iter(load_users(connection, cid, user_id)), None)


def load_users(connection: sa.Connection, cid: int, only: int | None = None) -> list[User]:
    """All users of a context by id, or one."""

    def mine(table: sa.Table, column: str) -> sa.Select[tuple[object, ...]]:
        chosen = sa.select(table).where(table.c.cid == cid)
        return chosen if only is None else chosen.where(table.c[column] == only)

    rights = {row.user: row.permissions for row in connection.execute(mine(user_configuration, "user"))}
    logins = {
        row.id: row.uid
        for row in connection.execute(mine(login2user, "id").order_by(login2user.c.uid.desc()))
    }
    memberships: dict[int, list[int]] = {}
    for row in connection.execute(mine(groups_member, "member")):
        memberships.setdefault(row.member, []).append(row.id)
    aliases: dict[int, list[str]] = {}
    single: dict[int, dict[str, str]] = {}
    for row in connection.execute(mine(user_attribute, "id")):
        if row.name == "alias":
            aliases.setdefault(row.id, []).append(row.value)
        else:
            single.setdefault(row.id, {})[row.name] = row.value
    return [
        User(
            cid=cid,
            id=row.id,
            login=logins.get(row.id, ""),
            mail=row.mail,
            display_name=row.displayName,
            language=row.preferredLanguage,
            timezone=row.timeZone,
            contact_id=row.contactId,
            rights=rights.get(row.id, 0),
            mail_enabled=bool(row.mailEnabled),
            groups=(ALL_USERS, *memberships.get(row.id, [])),
            aliases=tuple(sorted(aliases.get(row.id, []))),
            attributes=single.get(row.id, {}),
        )
        for row in connection.execute(mine(user, "id").order_by(user.c.id))
    ]


def display_names(connection: sa.Connection, cid: int, ids: Iterable[int]) -> dict[int, str]:
    """The full names of some users; those that are gone are absent."""
    chosen = sa.select(user.c.id, user.c.displayName).where(user.c.cid == cid, user.c.id.in_(list(ids)))
    return {row.id: row.displayName or "" for row in connection.execute(chosen)}


def check_password(connection: sa.Connection, cid: int, user_id: int, password: str) -> bool:
    """Whether this is the user's password."""
    stored = connection.execute(
        sa.select(user.c.userPassword).where(user.c.cid == cid, user.c.id == user_id)
    ).scalar()
    return bool(stored) and passwords.matches(password, str(stored))


def set_rights(connection: sa.Connection, cid: int, user_id: int, rights: int) -> None:
    """Replace a user's rights."""
    connection.execute(
        user_configuration.update()
        .where(user_configuration.c.cid == cid, user_configuration.c.user == user_id)
        .values(permissions=rights)
    )


def set_attribute(connection: sa.Connection, cid: int, user_id: int, name: str, value: str | None) -> None:
    """Set an attribute with one value, or remove it."""
    connection.execute(
        user_attribute.delete().where(
            user_attribute.c.cid == cid, user_attribute.c.id == user_id, user_attribute.c.name == name
        )
    )
    if value is not None:
        connection.execute(user_attribute.insert().values(cid=cid, id=user_id, name=name, value=value))
