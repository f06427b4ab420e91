"""What is told of a process's databases."""

from __future__ import annotations

import sqlite3
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import exc
from sqlalchemy.engine import make_url

from app.store import SingleDatabase, tally
from app.store.engines import make_engine
from app.store.errors import retried
from app.store.tally import TALLY, Connections
from app.usm.errors import Busy, StoreUnavailable
from tests.waiting import within

wait_until = within(20.0)


def work() -> Connections:
    return tally.connections()[tally.WORK]


def test_connections_are_told_as_they_are_now(tmp_path: Path) -> None:
    before = work()
    pool = {"pool_size": 1, "max_overflow": 1, "pool_timeout": 20}
    engine = make_engine(make_url(f"sqlite:///{tmp_path}/x"), pool)
    assert work().most == before.most + 2
    first, second = engine.raw_connection(), engine.raw_connection()
    assert work().in_use == before.in_use + 2

    def third() -> None:
        engine.raw_connection().close()

    waits = threading.Thread(target=third)
    waits.start()
    assert wait_until(lambda: work().waiting == before.waiting + 1)
    first.close()
    waits.join(20)
    second.close()
    after = work()
    assert (after.in_use, after.waiting) == (before.in_use, before.waiting)
    assert after.idle == before.idle + 1
    engine.dispose()
    assert work().idle == before.idle


def errors() -> dict[str, int]:
    return dict(TALLY.errors)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (exc.TimeoutError("no connection"), tally.NO_CONNECTION),
        (exc.OperationalError("x", {}, sqlite3.OperationalError("disk")), tally.OUTAGE),
        (exc.OperationalError("x", {}, sqlite3.OperationalError("gone"), None, True), tally.LOST),
    ],
)
def test_what_fails_is_counted_by_its_kind(error: Exception, kind: str) -> None:
    before, left = errors(), [error]

    def ask() -> str:
        if left:
            raise left.pop()
        return "done"

    try:
        assert retried("database x", ask) == "done"
    except StoreUnavailable:
        assert kind != tally.LOST
    assert errors() == before | {kind: before[kind] + 1}


def test_a_deadlock_is_counted_once_for_each_try() -> None:
    passing = sqlite3.OperationalError("busy")
    passing.sqlite_errorcode = sqlite3.SQLITE_BUSY
    left = [exc.OperationalError("x", {}, passing)] * 3
    before = errors()

    def ask() -> None:
        if left:
            raise left.pop()

    retried("database x", ask)
    assert errors()[tally.PASSING] == before[tally.PASSING] + 3


def test_locks_are_counted_by_how_they_were_had() -> None:
    database = SingleDatabase("sqlite://").database(1)
    before, seconds = dict(TALLY.locks), TALLY.lock_seconds
    with database.lock("folder", 5):
        with pytest.raises(Busy), database.lock("folder", 0.05):
            raise AssertionError("it is held")
        waiter = threading.Thread(target=_take, args=(database,))
        waiter.start()
        time.sleep(0.2)
    waiter.join()
    counted = {kind: TALLY.locks[kind] - before[kind] for kind in before}
    assert counted == {"at_once": 1, "waited": 1, "timed_out": 1}
    assert TALLY.lock_seconds - seconds >= 0.2


def test_an_error_under_a_lock_is_no_wait_for_it() -> None:
    database = SingleDatabase("sqlite://").database(1)
    before = dict(TALLY.locks)
    with pytest.raises(Busy), database.lock("folder", 5):
        raise Busy("something else")
    assert TALLY.locks == {**before, "at_once": before["at_once"] + 1}


def _take(database) -> None:
    with database.lock("folder", 10):
        pass
