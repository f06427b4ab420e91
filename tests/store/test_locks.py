"""One holder at a time, and none after its death."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from app.store import SingleDatabase, SqlStateStore
from app.store.locks import FileLocker, MemoryLocker
from app.usm.errors import Busy, StoreUnavailable
from app.usm.model import SessionId
from tests.mariadb import MariaDbServer
from tests.store.node import FOLDER, SESSION, node, said

KINDS = ["sqlite file", pytest.param("mariadb", marks=pytest.mark.mariadb)]


@pytest.fixture
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "mariadb":
        return str(request.getfixturevalue("mariadb_url"))
    return f"sqlite:///{tmp_path / 'state.db'}"


@pytest.mark.parametrize("url", KINDS, indirect=True)
def test_another_process_keeps_the_lock_until_it_is_killed(url: str) -> None:
    impatient = SqlStateStore(SingleDatabase(url), lock_timeout=0.2)
    patient = SqlStateStore(SingleDatabase(url), lock_timeout=20)
    with node(url, "hold") as other:
        assert said(other) == "held"
        with pytest.raises(Busy, match="within 0"), impatient.lock(SESSION, FOLDER):
            pytest.fail("two writers at once")
        with impatient.lock(SESSION, FOLDER + 1):
            pass
        other.send_signal(signal.SIGKILL)
        started = time.monotonic()
        with patient.lock(SESSION, FOLDER):
            assert time.monotonic() - started < 10


@pytest.mark.parametrize("url", KINDS, indirect=True)
def test_a_waiter_gets_the_lock_as_soon_as_it_is_free(url: str) -> None:
    store = SqlStateStore(SingleDatabase(url), lock_timeout=10)
    for _ in range(20):
        with store.lock(SESSION, FOLDER):
            pass


@pytest.mark.mariadb
def test_a_thousand_locks_need_no_thousand_connections(mariadb: MariaDbServer, mariadb_url: str) -> None:
    store = SqlStateStore(SingleDatabase(mariadb_url))
    for folder in range(100):
        with store.lock(SESSION, folder):
            pass
    rows = mariadb.execute(
        "SELECT COUNT(*) FROM information_schema.processlist WHERE db = %s", mariadb_url.rpartition("/")[2]
    )
    assert rows[0][0] < 5  # type: ignore[operator]


@pytest.mark.mariadb
def test_a_holder_whose_server_restarts_is_not_disturbed_by_letting_go(tmp_path: Path) -> None:
    with MariaDbServer() as server, server.database() as name:
        store = SqlStateStore(SingleDatabase(server.url(name)), lock_timeout=5)
        with store.lock(SESSION, FOLDER):
            server.stop()
            server.start()
        with store.lock(SESSION, FOLDER):
            pass
        server.stop()
        with pytest.raises(StoreUnavailable), store.lock(SESSION, FOLDER):
            pytest.fail("a lock without a server")
        server.start()
        with store.lock(SESSION, FOLDER):
            pass


def test_names_do_not_collide_in_the_lock_file(tmp_path: Path) -> None:
    locker = FileLocker(tmp_path / "locks")
    held = [locker.hold(f"folder {number}", 0.05) for number in range(500)]
    for lock in held:
        lock.__enter__()
    with pytest.raises(Busy), locker.hold("folder 17", 0.05):
        pytest.fail("two holders at once")
    for lock in held:
        lock.__exit__(None, None, None)
    assert (tmp_path / "locks").stat().st_size == 0


def test_a_lock_file_that_cannot_be_made_is_an_outage(tmp_path: Path) -> None:
    locker = FileLocker(tmp_path / "gone" / "locks")
    with pytest.raises(StoreUnavailable, match="No such file"), locker.hold("x", 0.1):
        pytest.fail("a lock without a file")


@pytest.mark.parametrize("make", [lambda path: MemoryLocker(), lambda path: FileLocker(path / "locks")])
def test_a_waiter_gives_up_in_time(make: Callable[[Path], MemoryLocker | FileLocker], tmp_path: Path) -> None:
    locker = make(tmp_path)
    with locker.hold("x", 1):
        started = time.monotonic()
        with pytest.raises(Busy), locker.hold("x", 0.3):
            pytest.fail("two holders at once")
        assert 0.3 <= time.monotonic() - started < 2


def test_a_session_is_named_whole_in_its_lock(tmp_path: Path) -> None:
    """Parts that could run into each other stay apart."""
    store = SqlStateStore(SingleDatabase(f"sqlite:///{tmp_path / 'state.db'}"), lock_timeout=0.1)
    with (
        store.lock(SessionId(1, 11, "E", "A"), 1),
        store.lock(SessionId(11, 1, "E", "A"), 1),
        store.lock(SessionId(1, 1, "E", "A"), 11),
        store.lock(SessionId(1, 1, "EA", ""), 1),
        store.lock(SessionId(1, 1, "E", "A"), 1),
    ):
        pass
