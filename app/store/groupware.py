"""Whom the groupware still knows, by its own tables; they are read and never written.

What follows from it cannot be undone, so every answer is doubted:

* A table that is missing, or cannot be read, raises ``StoreUnavailable``.
* A context is gone if the configuration database, which knows others, names it in neither ``context`` nor
  ``context_server2db_pool``, and the schema has no users of it (any more).
* A user is gone if the schema knows others of his context, and him in neither ``user`` nor ``login2user``.
* Our rows are counted before the groupware is asked: whoever is made meanwhile is not among them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Column, ColumnElement, Connection, Integer, MetaData, Table, exists, select

from app.store import personal
from app.store.database import Database, Databases, Schema

_OX: Final = MetaData()
_users: Final = Table("user", _OX, Column("cid", Integer), Column("id", Integer))
_logins: Final = Table("login2user", _OX, Column("cid", Integer), Column("id", Integer))


@dataclass(frozen=True, slots=True)
class Gone:
    """Of whom a schema has rows though the groupware has deleted them. ``owners``: of how many users there are rows at
    all; ``doubts``: where nothing is believed, in sentences."""

    users: tuple[tuple[int, int], ...] = ()
    contexts: tuple[int, ...] = ()
    owners: int = 0
    doubts: tuple[str, ...] = ()

    @property
    def is_most(self) -> bool:
        """Whether it is more than half of all users, and not one alone: rather something else is wrong."""
        return len(self.users) > 1 and 2 * len(self.users) > self.owners


@dataclass(slots=True)
class _Found:
    users: list[tuple[int, int]] = field(default_factory=list)
    contexts: list[int] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)


def gone(databases: Databases, schema: Schema) -> Gone | None:
    """Who is gone; the users of a context that is gone are among :attr:`Gone.users`. ``None`` where the database is not
    the groupware's and nothing is known of its users. Raises ``StoreUnavailable``."""
    database = databases.unprepared(schema)
    owners = database.read(personal.owners)
    contexts = databases.known_contexts()
    if contexts is None:
        return None
    if not contexts:
        return Gone(owners=len(owners), doubts=("the configuration database names no context at all",))
    by_context: defaultdict[int, set[int]] = defaultdict(set)
    for cid, user in owners:
        by_context[cid].add(user)
    found = _Found()
    for cid, ours in sorted(by_context.items()):
        _look(database, cid, ours, cid in contexts, found)
    return Gone(tuple(found.users), tuple(found.contexts), len(owners), tuple(found.doubts))


def _look(database: Database, cid: int, ours: Collection[int], is_known: bool, found: _Found) -> None:
    here, with_login = database.read(
        lambda connection: (_ids(connection, _users, cid), _ids(connection, _logins, cid))
    )
    if is_known and not here:
        found.doubts.append(f"context {cid} has no users in {database.name}: perhaps it was moved")
    elif not is_known and here:
        found.doubts.append(
            f"context {cid} is not in the configuration database, but has users in {database.name}"
        )
    else:
        if not is_known:
            found.contexts.append(cid)
        found.users += [(cid, user) for user in sorted(set(ours) - here - with_login)]


def _ids(connection: Connection, table: Table, cid: int) -> set[int]:
    return set(connection.scalars(select(table.c.id).where(table.c.cid == cid)))


def still_gone(cid: int, user: int) -> ColumnElement[bool]:
    """True in SQL while the schema does not know this user: asked again in the transaction that deletes."""
    known = [exists().where(table.c.cid == cid, table.c.id == user) for table in (_users, _logins)]
    return ~known[0] & ~known[1]
