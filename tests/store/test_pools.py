"""How many connections to a database are kept (``app.store.pools``)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.engine import make_url
from sqlalchemy.pool import QueuePool

from app.store import pools
from app.store.engines import POOL, make_engine
from tests.fakes.clock import ManualClock


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> ManualClock:
    clock = ManualClock()
    monkeypatch.setattr(pools, "time", clock)
    return clock


@pytest.fixture
def engine(clock: ManualClock, tmp_path: Path) -> Engine:
    return make_engine(make_url(f"sqlite:///{tmp_path}/x"))


def crowd(engine: Engine, size: int) -> set[int]:
    """So many connections at the same time; which they were."""
    connections = [engine.raw_connection() for _ in range(size)]
    used = {id(each.dbapi_connection) for each in connections}
    for each in connections:
        each.close()
    return used


def pool_of(engine: Engine) -> Any:
    assert isinstance(engine.pool, QueuePool)
    return engine.pool


def test_what_a_crowd_used_is_there_for_the_next_one(engine: Engine, clock: ManualClock) -> None:
    first = crowd(engine, 18)
    clock.advance(pools.SPARE - 1)
    assert crowd(engine, 18) == first
    assert pool_of(engine).checkedin() == 18


def test_what_nobody_needs_any_more_is_closed_but_for_a_few(engine: Engine, clock: ManualClock) -> None:
    crowd(engine, 18)
    for _ in range(int(pools.SPARE) + 2):
        clock.advance(1.0)
        crowd(engine, 7)
    assert pool_of(engine).checkedin() == 7
    for _ in range(int(pools.SPARE) + 2):
        clock.advance(1.0)
        crowd(engine, 1)
    assert pool_of(engine).checkedin() == pools.FEW
    assert pool_of(engine).checkedout() == 0


def test_after_that_there_may_be_as_many_as_before(engine: Engine, clock: ManualClock) -> None:
    crowd(engine, 18)
    clock.advance(pools.SPARE + 1)
    crowd(engine, 1)
    assert pool_of(engine).checkedin() == pools.FEW
    assert len(crowd(engine, POOL["pool_size"])) == POOL["pool_size"]
    assert pool_of(engine).checkedin() == POOL["pool_size"]


def test_a_connection_that_cannot_be_closed_counts_as_closed(
    engine: Engine, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    crowd(engine, 7)
    clock.advance(pools.SPARE + 1)
    oldest = pool_of(engine)._pool.queue[0]

    def fail() -> None:
        raise OSError("cut")

    monkeypatch.setattr(oldest, "close", fail)
    with pytest.raises(OSError, match="cut"):
        crowd(engine, 1)
    clock.advance(2.0)
    crowd(engine, 1)
    assert len(crowd(engine, POOL["pool_size"])) == POOL["pool_size"]
