"""Outages: each a ``StoreUnavailable`` that says what is wrong, each over when its cause is."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pymysql
import pytest
from sqlalchemy import exc, select
from sqlalchemy.engine import Engine

from app.store import SingleDatabase, SqlStateStore
from app.store.engines import WRITING, make_engine, parse_url
from app.store.errors import retried, translated
from app.store.sessions import locked
from app.store.tables import sessions
from app.usm.errors import StoreUnavailable
from app.usm.model import ContentType, SessionId
from tests.mariadb import PASSWORD, USER, MariaDbServer

SESSION = SessionId(1, 3, "EAS", "device")

CALLS: dict[str, Callable[[SqlStateStore], object]] = {
    "heads": lambda store: store.heads(SESSION, 1),
    "stamps": lambda store: store.stamps(SESSION, 1, 1),
    "begin": lambda store: store.begin(SESSION, 1, "g", ""),
    "save": lambda store: store.save(SESSION, 1, 1, {"a": "1"}, ""),
    "journal": lambda store: store.journal(SESSION, 1),
    "write_journal": lambda store: store.write_journal(SESSION, 1, "x"),
    "folder_refs": lambda store: store.folder_refs(SESSION),
    "number_folders": lambda store: store.number_folders(SESSION, [("new", ContentType.MAIL)]),
    "fields": lambda store: store.fields(SESSION),
    "write_fields": lambda store: store.write_fields(SESSION, {"a": "b"}),
    "lock": lambda store: store.lock(SESSION, 1).__enter__(),
    "sessions": lambda store: store.sessions(1),
    "remembered": lambda store: store.remembered(1, 3, ("usm.",)),
    "decided": lambda store: store.decided([1], datetime.fromtimestamp(0, UTC)),
    "decide": lambda store: store.decide(SESSION, "blocked"),
    "forget": lambda store: store.forget(SESSION),
}
READS = {"heads", "stamps", "journal", "folder_refs", "fields", "lock", "sessions", "remembered", "decided"}


@pytest.fixture(scope="module")
def server() -> Iterator[MariaDbServer]:
    """A server that tests may stop and start."""
    with MariaDbServer() as server:
        yield server


@pytest.fixture
def url(server: MariaDbServer) -> Iterator[str]:
    with server.database() as name:
        yield server.url(name)


def begun(url: str) -> SqlStateStore:
    store = SqlStateStore(SingleDatabase(url), lock_timeout=1)
    store.begin(SESSION, 1, "g", "")
    return store


def refused(store: SqlStateStore, calls: set[str], match: str) -> None:
    for name in sorted(calls):
        with pytest.raises(StoreUnavailable, match=match) as caught:
            CALLS[name](store)
        assert PASSWORD not in str(caught.value)


@pytest.mark.mariadb
def test_a_stopped_server_is_an_outage_that_ends_with_its_restart(server: MariaDbServer, url: str) -> None:
    store = begun(url)
    server.stop()
    try:
        refused(store, set(CALLS), "connect|Lost|gone")
        with pytest.raises(StoreUnavailable):
            store._databases.check()
    finally:
        server.start()
    store._databases.check()
    store.save(SESSION, 1, 1, {"a": "1"}, "")
    assert store.stamps(SESSION, 1, 2) == {"a": "1"}


@pytest.mark.mariadb
def test_a_server_that_was_down_at_the_start_is_used_when_it_comes(server: MariaDbServer, url: str) -> None:
    server.stop()
    store = SqlStateStore(SingleDatabase(url))
    try:
        with pytest.raises(StoreUnavailable):
            store.heads(SESSION, 1)
    finally:
        server.start()
    assert store.heads(SESSION, 1) is None


@pytest.mark.mariadb
def test_a_read_only_server_still_answers_and_refuses_writes(server: MariaDbServer, url: str) -> None:
    store = begun(url)
    store._now = lambda: time.time() + 100_000  # so that reading would touch the session
    server.execute("SET GLOBAL read_only = ON")
    try:
        refused(store, set(CALLS) - READS, "read-only")
        assert store.stamps(SESSION, 1, 1) == {}
        assert store.fields(SESSION) == {}
    finally:
        server.execute("SET GLOBAL read_only = OFF")
    store.save(SESSION, 1, 1, {"a": "1"}, "")


@pytest.mark.mariadb
def test_a_first_login_on_a_read_only_server_is_refused(server: MariaDbServer, url: str) -> None:
    server.execute("SET GLOBAL read_only = ON")
    try:
        with pytest.raises(StoreUnavailable, match="read-only"):
            SqlStateStore(SingleDatabase(url)).heads(SESSION, 1)
    finally:
        server.execute("SET GLOBAL read_only = OFF")


@pytest.mark.mariadb
def test_connections_that_the_server_ended_are_replaced(server: MariaDbServer, url: str) -> None:
    store = begun(url)
    for (number,) in server.execute("SELECT id FROM information_schema.processlist WHERE user = 'usm'"):
        server.execute(f"KILL {number}")
    store.save(SESSION, 1, 1, {"a": "1"}, "")
    with store.lock(SESSION, 1):
        pass


@pytest.mark.mariadb
def test_a_server_that_hangs_is_an_outage_in_bounded_time(server: MariaDbServer, url: str) -> None:
    store = SqlStateStore(SingleDatabase(f"{url}?read_timeout=1&connect_timeout=1"))
    store.begin(SESSION, 1, "g", "")
    server.pause()
    try:
        started = time.monotonic()
        with pytest.raises(StoreUnavailable):
            store.heads(SESSION, 1)
        assert time.monotonic() - started < 8
    finally:
        server.resume()
    assert store.heads(SESSION, 1) is not None


@pytest.mark.mariadb
def test_a_server_without_connections_left_is_an_outage(server: MariaDbServer, url: str) -> None:
    store = begun(url)
    store._databases.close()
    server.execute("SET GLOBAL max_connections = 10")
    greedy: list[pymysql.Connection[pymysql.cursors.Cursor]] = []
    with contextlib.suppress(pymysql.err.OperationalError):
        while len(greedy) < 50:
            greedy.append(pymysql.connect(host="127.0.0.1", port=server.port, user=USER, password=PASSWORD))
    try:
        refused(store, {"heads", "save"}, "Too many connections")
    finally:
        for connection in greedy:
            connection.close()
        server.execute("SET GLOBAL max_connections = 200")
    assert store.heads(SESSION, 1) is not None


@pytest.mark.mariadb
def test_missing_rights_are_an_outage(server: MariaDbServer, url: str) -> None:
    begun(url)
    name = url.rpartition("/")[2]
    server.execute("CREATE USER reader@'127.0.0.1' IDENTIFIED BY 'x'")
    server.execute(f"GRANT SELECT ON `{name}`.* TO reader@'127.0.0.1'")
    try:
        reader = SqlStateStore(SingleDatabase(f"mysql+pymysql://reader:x@127.0.0.1:{server.port}/{name}"))
        assert reader.stamps(SESSION, 1, 1) == {}
        refused(reader, {"save", "write_fields"}, "command denied")
    finally:
        server.execute("DROP USER reader@'127.0.0.1'")


@pytest.mark.mariadb
def test_tables_that_were_dropped_are_an_outage(server: MariaDbServer, url: str) -> None:
    store = begun(url)
    server.execute("DROP TABLE USMDataStorage", database=url.rpartition("/")[2])
    refused(store, {"heads", "save", "begin"}, "USMDataStorage")


@pytest.mark.mariadb
def test_a_deadlock_is_tried_again(url: str) -> None:
    store = begun(url)
    for user in (1, 2):
        store.write_fields(SessionId(1, user, "EAS", "device"), {"a": "b"})
    engine = make_engine(parse_url(url))
    attempts: list[int] = []
    both_began = threading.Barrier(2)

    def crosswise(first: int, second: int) -> None:
        def work() -> None:
            is_first_try = len(attempts) < 2
            attempts.append(first)
            with engine.begin() as connection:
                for user in (first, second):
                    if is_first_try and user == second:
                        both_began.wait(10)
                    locked(connection, SessionId(1, user, "EAS", "device"), 0)

        retried("test", work)

    threads = [threading.Thread(target=crosswise, args=args) for args in ((1, 2), (2, 1))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(attempts) == 3
    engine.dispose()


# --- SQLite


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


def test_a_file_that_is_no_database_is_an_outage(path: Path) -> None:
    path.write_bytes(b"something else, and long enough to be looked at" * 100)
    refused(SqlStateStore(SingleDatabase(f"sqlite:///{path}")), {"heads", "save"}, "not a database")
    assert path.read_bytes().startswith(b"something else")


def test_a_directory_that_is_missing_is_an_outage(tmp_path: Path) -> None:
    store = SqlStateStore(SingleDatabase(f"sqlite:///{tmp_path}/missing/state.db"))
    refused(store, set(CALLS), "unable to open")


def test_a_full_disk_is_an_outage_and_loses_nothing(path: Path) -> None:
    store = begun(f"sqlite:///{path}")
    store.save(SESSION, 1, 1, {"a": "1"}, "kept")
    engine = store._databases.engine(1)

    def limit(pages: str) -> None:
        with engine.connect() as connection:
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")

    limit("1")
    with pytest.raises(StoreUnavailable, match="full"):
        store.save(SESSION, 1, 2, {str(number): str(number * 7919) for number in range(50_000)}, "lost")
    limit("1000000")
    heads = store.heads(SESSION, 1)
    assert heads is not None
    assert heads.newest.record == "kept"
    assert store.stamps(SESSION, 1, 2) == {"a": "1"}


def hold_write_lock(engine: Engine, taken: threading.Event, leave: threading.Event) -> None:
    with engine.connect().execution_options(**{WRITING: True}) as connection:
        connection.execute(select(sessions))
        taken.set()
        leave.wait(30)


def write_once(engine: Engine) -> None:
    with engine.connect().execution_options(**{WRITING: True}) as connection:
        connection.execute(select(sessions))


@pytest.mark.parametrize("patient", [True, False])
def test_a_busy_file_is_waited_for_but_not_for_ever(path: Path, patient: bool) -> None:
    store = begun(f"sqlite:///{path}")
    taken, leave = threading.Event(), threading.Event()
    thread = threading.Thread(target=hold_write_lock, args=(store._databases.engine(1), taken, leave))
    thread.start()
    assert taken.wait(10)
    try:
        if patient:
            threading.Timer(0.5, leave.set).start()
            store.save(SESSION, 1, 1, {"a": "1"}, "")
        else:
            with pytest.raises(StoreUnavailable, match="locked"):
                retried("x", lambda: write_once(store._databases.engine(1)), 0.5)
            assert store.stamps(SESSION, 1, 1) == {}
    finally:
        leave.set()
        thread.join()


# --- what is no outage


def test_our_own_mistakes_stay_visible() -> None:
    for error in (
        exc.IntegrityError("x", {}, sqlite3.IntegrityError("UNIQUE")),
        exc.ProgrammingError("x", {}, pymysql.err.ProgrammingError(1064, "syntax")),
        exc.DataError("x", {}, pymysql.err.DataError(1406, "too long")),
    ):
        with pytest.raises(type(error)), translated("x"):
            raise error


def test_an_exhausted_pool_is_an_outage() -> None:
    with pytest.raises(StoreUnavailable, match="all connections"), translated("x"):
        raise exc.TimeoutError("QueuePool limit")
