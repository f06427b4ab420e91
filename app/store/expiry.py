"""Rows that outlive their use, to be counted and deleted.

==================  ==================================================================================================
devices             not used for long, and nothing was decided of them (:mod:`app.store.sessions`)
deeds               what a device had done apart from its rounds (:mod:`app.usm.deeds`), once all of it is too old
page sessions       of the web pages, idle or old
traces              orders to trace a user that have ended
==================  ==================================================================================================

Journals have no age: each goes with the next state of its folder, and until then keeps a repeated change from being
made twice, however late the device comes.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, func, select

from app.store import sessions as session_rows
from app.store.database import Database
from app.store.page_sessions import over
from app.store.tables import page_sessions, sessions, storage, traces
from app.usm import deeds


def devices(database: Database, before: int, is_trial: bool) -> int:
    """Forget devices that were last used before a moment; how many. ``is_trial``: only count them."""
    if is_trial:
        return len(database.read(partial(session_rows.unused, before=before)))
    return session_rows.forget_unused(database, before)


def old_deeds(database: Database, now: int, is_trial: bool) -> int:
    """Delete the deeds of devices that were last used so long ago that none of them counts; of how many devices."""
    before = now - deeds.KEPT * 1000 - session_rows.TOUCH
    query = (
        select(sessions.c.cid, sessions.c.id)
        .join(storage, and_(storage.c.cid == sessions.c.cid, storage.c.session == sessions.c.id))
        .where(sessions.c.last_used < before, storage.c.folder < 0)
        .distinct()
    )
    numbers = database.read(lambda connection: [(row.cid, row.id) for row in connection.execute(query)])
    if is_trial:
        return len(numbers)
    return session_rows.in_batches(database, numbers, partial(_remove_deeds, before=before))


def _remove_deeds(connection: Connection, numbers: Sequence[tuple[int, int]], before: int) -> int:
    gone = 0
    for cid, number in numbers:
        idle = select(sessions.c.id).where(
            sessions.c.cid == cid, sessions.c.id == number, sessions.c.last_used < before
        )
        if connection.scalar(idle.with_for_update()) is not None:
            statement = delete(storage).where(
                storage.c.cid == cid, storage.c.session == number, storage.c.folder < 0
            )
            gone += min(connection.execute(statement).rowcount, 1)
    return gone


def old_page_sessions(database: Database, now: int, is_trial: bool) -> int:
    """Delete sessions of the web pages that have ended; how many."""
    return _plainly(database, page_sessions, over(now), is_trial)


def old_traces(database: Database, now: int, is_trial: bool) -> int:
    """Delete orders to trace that have ended; how many."""
    return _plainly(database, traces, traces.c.ends < now, is_trial)


def _plainly(database: Database, table: Table, is_over: ColumnElement[bool], is_trial: bool) -> int:
    if is_trial:
        query = select(func.count()).select_from(table).where(is_over)
        return database.read(lambda connection: connection.scalar(query) or 0)
    return database.write(lambda connection: connection.execute(delete(table).where(is_over)).rowcount)
