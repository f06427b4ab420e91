"""Greenlets, as gunicorn's workers run them: whoever waits for the store lets the others run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

PROGRAM = """
from gevent import monkey
monkey.patch_all()

import sys
import gevent
from app.store import SqlStateStore, open_databases
from app.usm.model import SessionId

store = SqlStateStore(open_databases(sys.argv[1]), lock_timeout=20)
session = SessionId(1, 3, "EAS", "device")
store.begin(session, 1, "g", "0")
ticks = 0

def tick():
    global ticks
    while True:
        ticks += 1
        gevent.sleep(0.01)

def add():
    with store.lock(session, 1):
        heads = store.heads(session, 1)
        gevent.sleep(0.005)
        store.save(session, 1, heads.newest.counter, {}, str(int(heads.newest.record) + 1))

def own(number):
    mine = SessionId(1, number, "EAS", "device")
    with store.lock(mine, 2):
        store.begin(mine, 2, "g", "")
        for counter in range(1, 4):
            store.save(mine, 2, counter, {str(counter): "1"}, "")
        return len(store.stamps(mine, 2, 4))

clock = gevent.spawn(tick)
work = [gevent.spawn(add) for _ in range(30)] + [gevent.spawn(own, number) for number in range(10, 40)]
gevent.joinall(work, raise_error=True)
clock.kill()
# Whoever stood in the way would keep the holder of a lock from letting go, until all had waited in vain.
print(store.heads(session, 1).newest.record, {job.value for job in work[30:]}, ticks > 10)
"""


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("mariadb", marks=pytest.mark.mariadb)])
def test_greenlets_wait_for_each_other_without_standing_in_the_way(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    url = (
        request.getfixturevalue("mariadb_url") if kind == "mariadb" else f"sqlite:///{tmp_path / 'state.db'}"
    )
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, url], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.stdout == "30 {3} True\n", done.stderr
