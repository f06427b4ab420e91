"""The state in SQL: what it costs, what survives a crash, and what happens when several write."""

from __future__ import annotations

import dataclasses
import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, event, func, select
from sqlalchemy.engine import Engine

from app.store import SingleDatabase, SqlStateStore, layers
from app.store.tables import folders, metadata, sessions, storage
from app.usm.errors import Busy, UnknownSyncKey
from app.usm.model import ContentType, SessionId
from app.usm.ports import Head, Heads
from tests.store.node import node, said

Opener = Callable[[], SqlStateStore]


def engine_of(store: SqlStateStore) -> Engine:
    return store._databases.engine(1)


def stored(store: SqlStateStore) -> tuple[int, int]:
    """(rows, bytes) of all folder states."""
    with engine_of(store).connect() as connection:
        rows, size = connection.execute(
            select(func.count(), func.sum(func.length(storage.c.data))).select_from(storage)
        ).one()
        return int(rows), int(size or 0)


class Interrupted(BaseException):
    """The process dies here."""


class Statements:
    """Counts the statements an engine runs; raises before the one with number ``fatal``."""

    def __init__(self, engine: Engine, fatal: int | None = None) -> None:
        self.seen: list[str] = []
        self.sizes: list[int] = []
        self._engine = engine
        self._fatal = fatal

    def __enter__(self) -> Statements:
        event.listen(self._engine, "before_cursor_execute", self._before)
        event.listen(self._engine, "commit", self._commit)
        return self

    def __exit__(self, *_: object) -> None:
        event.remove(self._engine, "before_cursor_execute", self._before)
        event.remove(self._engine, "commit", self._commit)

    def _note(self, statement: str) -> None:
        if len(self.seen) == self._fatal:
            raise Interrupted
        self.seen.append(statement)

    def _before(self, _c: object, _k: object, statement: str, parameters: object, *_: object) -> None:
        self._note(statement)
        if statement.startswith("INSERT"):
            self.sizes.append(len(repr(parameters)))

    def _commit(self, _: object) -> None:
        self._note("COMMIT")


# --- size and cost


def test_65535_items_fit_and_one_change_writes_one_small_row(
    sql_store: SqlStateStore, session: SessionId
) -> None:
    items = {str(number): f"{1_600_000_000_000 + number * 977}" for number in range(65_535)}
    sql_store.begin(session, 1, "g", "")
    sql_store.save(session, 1, 1, items, "")
    assert sql_store.stamps(session, 1, 2) == items
    rows, size = stored(sql_store)
    assert rows < 20
    assert size < 1_000_000
    with Statements(engine_of(sql_store)) as statements:
        sql_store.save(session, 1, 2, {"17": "x"}, "")
    assert sum(statements.sizes) < 1000
    assert sql_store.stamps(session, 1, 3) == items | {"17": "x"}


def test_a_first_sync_in_windows_writes_little_more_than_its_items(
    open_stores: Callable[[str], Opener], session: SessionId
) -> None:
    store = open_stores("sqlite memory")()
    ids = [str(number) for number in range(20_000)]
    random.Random(1).shuffle(ids)
    store.begin(session, 1, "g", "")
    with Statements(engine_of(store)) as statements:
        for counter, start in enumerate(range(0, len(ids), 100), 1):
            store.save(session, 1, counter, dict.fromkeys(ids[start : start + 100], "1600000000000"), "")
    assert len(store.stamps(session, 1, 201)) == 20_000
    rows, size = stored(store)
    assert rows < 3 * layers.LAYERS
    assert sum(statements.sizes) < 20 * size


def test_rows_stay_few_over_a_thousand_saves(
    open_stores: Callable[[str], Opener], session: SessionId
) -> None:
    store = open_stores("sqlite memory")()
    choose = random.Random(2)
    model: dict[str, str] = {}
    store.begin(session, 1, "g", "")
    for counter in range(1, 1001):
        changes = {
            str(choose.randrange(500)): None if choose.random() < 0.3 else str(counter)
            for _ in range(choose.choice((0, 1, 1, 30)))
        }
        store.save(session, 1, counter, changes, "")
        model = {item: stamp for item, stamp in (model | changes).items() if stamp is not None}
    assert store.stamps(session, 1, 1001) == model
    assert stored(store)[0] < 2 * layers.LAYERS
    assert stored(store)[1] < 20_000


def test_what_was_removed_leaves_nothing_behind(
    open_stores: Callable[[str], Opener], session: SessionId
) -> None:
    store = open_stores("sqlite memory")()
    items = {str(number): "1" for number in range(1000)}
    store.begin(session, 1, "g", "")
    store.save(session, 1, 1, items, "")
    store.save(session, 1, 2, dict.fromkeys(items), "")
    for counter in range(3, 30):
        store.save(session, 1, counter, {str(counter): "1"}, "")
    assert len(store.stamps(session, 1, 30)) == 27
    assert stored(store)[1] < 3000


@pytest.mark.parametrize(
    ("what", "most"),
    [
        (lambda store, session: store.heads(session, 1), 1),
        (lambda store, session: store.stamps(session, 1, 2), 1),
        (lambda store, session: store.journal(session, 1), 1),
        (lambda store, session: store.fields(session), 1),
        (lambda store, session: store.folder_refs(session), 1),
        (lambda store, session: store.save(session, 1, 2, {"b": "1"}, ""), 5),
        (lambda store, session: store.write_journal(session, 1, "x"), 4),
    ],
    ids=["heads", "stamps", "journal", "fields", "folder_refs", "save", "write_journal"],
)
def test_a_call_takes_few_statements(
    sql_store: SqlStateStore, session: SessionId, what: Callable[..., object], most: int
) -> None:
    sql_store.begin(session, 1, "g", "")
    sql_store.save(session, 1, 1, {"a": "1"}, "")
    with Statements(engine_of(sql_store)) as statements:
        what(sql_store, session)
    asked = [text for text in statements.seen if not text.startswith(("BEGIN", "SELECT 1"))]
    assert len([text for text in asked if text != "COMMIT"]) <= most, asked


def test_a_key_that_is_not_kept_is_unknown(sql_store: SqlStateStore, session: SessionId) -> None:
    with pytest.raises(UnknownSyncKey):
        sql_store.stamps(session, 1, 1)
    sql_store.begin(session, 1, "g", "")
    for counter in range(1, 4):
        sql_store.save(session, 1, counter, {}, "")
    for counter in (0, 1, 2, 5):
        with pytest.raises(UnknownSyncKey):
            sql_store.stamps(session, 1, counter)


def test_no_connection_is_held_between_calls(sql_store: SqlStateStore, session: SessionId) -> None:
    sql_store.begin(session, 1, "g", "")
    sql_store.save(session, 1, 1, {"a": "1"}, "")
    sql_store.stamps(session, 1, 2)
    sql_store.write_fields(session, {"a": "b"})
    assert engine_of(sql_store).pool.checkedout() == 0  # type: ignore[attr-defined]
    with sql_store.lock(session, 1):
        assert engine_of(sql_store).pool.checkedout() == 0  # type: ignore[attr-defined]


# --- crashes


def everything(store: SqlStateStore, session: SessionId) -> object:
    heads = store.heads(session, 1)
    assert heads is not None
    return (
        heads,
        store.stamps(session, 1, heads.newest.counter),
        store.stamps(session, 1, heads.older.counter) if heads.older else None,
        store.journal(session, 1),
        store.fields(session),
        store.folder_refs(session),
    )


def prepared(store: SqlStateStore, session: SessionId) -> None:
    """A folder with so many layers that the next save merges some."""
    store.begin(session, 1, "g", "one")
    for counter in range(1, layers.LAYERS + 2):
        store.save(session, 1, counter, {f"a{counter}": "1", "b": str(counter)}, f"at {counter}")
    store.write_journal(session, 1, "intent")
    store.write_fields(session, {"old": "1"})
    store.number_folders(session, [("x", ContentType.MAIL)])


WRITES: dict[str, Callable[[SqlStateStore, SessionId], object]] = {
    "save": lambda store, session: store.save(session, 1, layers.LAYERS + 2, {"b": None, "c": "1"}, "next"),
    "save again": lambda store, session: store.save(session, 1, layers.LAYERS + 1, {"c": "1"}, "again"),
    "begin": lambda store, session: store.begin(session, 1, "g2", "fresh"),
    "journal": lambda store, session: store.write_journal(session, 1, "another"),
    "fields": lambda store, session: store.write_fields(session, {"old": None, "new": "1"}),
    "folders": lambda store, session: store.number_folders(session, [("y", ContentType.MAIL)]),
}


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("kind", ["sqlite file", pytest.param("configdb", marks=pytest.mark.mariadb)])
def test_a_write_that_stops_anywhere_leaves_the_old_state(
    open_stores: Callable[[str], Opener], session: SessionId, kind: str, write: str
) -> None:
    store = open_stores(kind)()
    prepared(store, session)
    before = everything(store, session)
    for fatal in range(20):
        with Statements(engine_of(store), fatal) as statements:
            try:
                WRITES[write](store, session)
            except Interrupted:
                pass
            else:
                break
        assert statements.seen or fatal == 0
        assert everything(store, session) == before, f"stopped after {statements.seen}"
    else:
        pytest.fail("it never came through")
    assert fatal > 2
    assert everything(store, session) != before


@pytest.mark.parametrize("kind", ["sqlite file", pytest.param("mariadb", marks=pytest.mark.mariadb)])
def test_a_process_killed_before_its_commit_leaves_the_old_state(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path, session: SessionId
) -> None:
    url = (
        request.getfixturevalue("mariadb_url") if kind == "mariadb" else f"sqlite:///{tmp_path / 'state.db'}"
    )
    store = SqlStateStore(SingleDatabase(url))
    store.begin(session, 7, "g", "one")
    store.save(session, 7, 1, {"a": "1"}, "two")
    with node(url, "half") as other:
        assert said(other) == "half"
        assert store.stamps(session, 7, 2) == {"a": "1"}
        other.kill()
        other.wait()
    assert store.heads(session, 7) == Heads("g", Head(2, "two"), Head(1, "one"))
    store.save(session, 7, 2, {"b": "1"}, "three")
    assert store.stamps(session, 7, 3) == {"a": "1", "b": "1"}


# --- several writers


def test_many_sessions_and_folders_are_written_at_once(open_sql_store: Opener) -> None:
    nodes = [open_sql_store() for _ in range(2)]

    def work(number: int) -> dict[str, str]:
        store = nodes[number % 2]
        session = SessionId(1, number % 4, "EAS", "device")
        with store.lock(session, number):
            store.begin(session, number, "g", "")
            for counter in range(1, 13):
                store.write_journal(session, number, "x")
                store.save(session, number, counter, {f"{number}-{counter}": "1"}, "")
            return store.stamps(session, number, 13)

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(work, range(24)))
    for number, stamps in enumerate(found):
        assert stamps == {f"{number}-{counter}": "1" for counter in range(1, 13)}


def test_the_lock_makes_writers_of_one_folder_wait_for_each_other(
    sql_store: SqlStateStore, session: SessionId
) -> None:
    store = sql_store
    store._lock_timeout = 30
    store.begin(session, 1, "g", "0")

    def add(_: int) -> None:
        with store.lock(session, 1):
            heads = store.heads(session, 1)
            assert heads is not None
            store.save(session, 1, heads.newest.counter, {}, str(int(heads.newest.record) + 1))

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(add, range(60)))
    heads = store.heads(session, 1)
    assert heads is not None
    assert heads.newest == Head(61, "60")


def test_the_first_use_by_many_at_once_makes_one_session(open_sql_store: Opener, session: SessionId) -> None:
    nodes = [open_sql_store() for _ in range(4)]
    nodes[0].fields(session)
    start = threading.Barrier(8)

    def work(number: int) -> None:
        start.wait()
        nodes[number % 4].write_fields(session, {f"f{number}": "1"})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert len(nodes[0].sessions(1)) == 1
    assert len(nodes[0].fields(session)) == 8


def test_folders_numbered_at_once_get_different_numbers(open_sql_store: Opener, session: SessionId) -> None:
    nodes = [open_sql_store() for _ in range(4)]

    def work(number: int) -> None:
        nodes[number % 4].number_folders(
            session, [(str(number), ContentType.MAIL), ("shared", ContentType.MAIL)]
        )

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(16)))
    refs = nodes[0].folder_refs(session)
    assert [ref.number for ref in refs] == list(range(1, 18))
    assert len({ref.id for ref in refs}) == 17


def test_a_holder_who_lost_the_lock_unnoticed_cannot_write(
    open_sql_store: Opener, session: SessionId
) -> None:
    """As after a restart of the database server, or in a cluster whose nodes do not share locks."""
    store, other = open_sql_store(), open_sql_store()
    store.begin(session, 1, "g", "one")
    store.save(session, 1, 1, {"a": "1"}, "two")
    with store.lock(session, 1):
        store.heads(session, 1)
        other.save(session, 1, 2, {"b": "1"}, "theirs")
        for write in (
            lambda: store.save(session, 1, 2, {"c": "1"}, "mine"),
            lambda: store.begin(session, 1, "g2", ""),
            lambda: store.write_journal(session, 1, "x"),
        ):
            with pytest.raises(Busy):
                write()
    assert store.heads(session, 1) == Heads("g", Head(3, "theirs"), Head(2, "two"))
    assert store.stamps(session, 1, 3) == {"a": "1", "b": "1"}
    assert store.journal(session, 1) is None


def test_a_repeat_by_another_is_noticed_too(sql_store: SqlStateStore, session: SessionId) -> None:
    """The counters are the same then, but not what they stand for."""
    sql_store.begin(session, 1, "g", "one")
    sql_store.save(session, 1, 1, {"a": "1"}, "two")
    with sql_store.lock(session, 1):
        sql_store.heads(session, 1)
        thread = threading.Thread(target=sql_store.save, args=(session, 1, 1, {"b": "1"}, "two"))
        thread.start()
        thread.join()
        with pytest.raises(Busy):
            sql_store.save(session, 1, 2, {}, "three")


def test_a_holder_may_write_as_often_as_it_likes(sql_store: SqlStateStore, session: SessionId) -> None:
    with sql_store.lock(session, 1):
        assert sql_store.heads(session, 1) is None
        sql_store.begin(session, 1, "g", "")
        sql_store.write_journal(session, 1, "x")
        sql_store.save(session, 1, 1, {"a": "1"}, "")
        sql_store.save(session, 1, 1, {"b": "1"}, "")
        sql_store.save(session, 1, 2, {}, "")
    assert sql_store.stamps(session, 1, 3) == {"b": "1"}


def test_a_base_that_is_not_kept_is_refused(sql_store: SqlStateStore, session: SessionId) -> None:
    with pytest.raises(Busy):
        sql_store.save(session, 1, 1, {}, "")
    sql_store.begin(session, 1, "g", "")
    for counter in range(1, 5):
        sql_store.save(session, 1, counter, {str(counter): "1"}, "")
    for base in (0, 3 - 1, 6):
        with pytest.raises(Busy):
            sql_store.save(session, 1, base, {"x": "1"}, "")
    assert sql_store.stamps(session, 1, 5) == {"1": "1", "2": "1", "3": "1", "4": "1"}


# --- the administrator


def test_a_forgotten_session_starts_over_everywhere(open_sql_store: Opener, session: SessionId) -> None:
    store, other = open_sql_store(), open_sql_store()
    neighbour = dataclasses.replace(session, device_id="another")
    for each in (session, neighbour):
        store.begin(each, 1, "g", "")
        store.save(each, 1, 1, {"a": "1"}, "")
        store.write_fields(each, {"policy": "1"})
        store.number_folders(each, [("x", ContentType.MAIL), ("y", ContentType.MAIL)])
    assert other.stamps(session, 1, 2) == {"a": "1"}
    assert store.forget(session) is True
    assert store.forget(session) is False
    for node_ in (store, other):
        assert node_.heads(session, 1) is None
        assert node_.fields(session) == {}
        assert node_.folder_refs(session) == []
    with engine_of(store).connect() as connection:
        left = {
            table.name: connection.scalar(select(func.count()).select_from(table))
            for table in metadata.sorted_tables
        }
    neighbours = {"USMSession": 1, "USMSessionFields": 1, "USMDataStorage": 3, "usmIdMapping": 2}
    others = ("easUIDMapping", "usmAppPassword", "usmPageSession", "usmUserField", "usmTrace")
    assert left == neighbours | dict.fromkeys(others, 0)
    other.begin(session, 1, "g2", "")
    assert store.heads(session, 1) == Heads("g2", Head(1, ""))
    assert store.stamps(neighbour, 1, 2) == {"a": "1"}


def test_a_row_deleted_by_hand_during_a_request_is_made_anew(
    sql_store: SqlStateStore, session: SessionId
) -> None:
    sql_store.begin(session, 1, "g", "")
    with sql_store.lock(session, 1):
        sql_store.heads(session, 1)
        with engine_of(sql_store).begin() as connection:
            connection.execute(delete(sessions))
        with pytest.raises(Busy):
            sql_store.save(session, 1, 1, {"a": "1"}, "")
        sql_store.write_fields(session, {"a": "b"})
    assert sql_store.heads(session, 1) is None
    assert sql_store.fields(session) == {"a": "b"}


class Calendar:
    """A time that one can set."""

    def __init__(self) -> None:
        self.now = datetime(2030, 1, 1, tzinfo=UTC)

    def __call__(self) -> float:
        return self.now.timestamp()


@pytest.mark.parametrize("kind", ["sqlite memory", pytest.param("configdb", marks=pytest.mark.mariadb)])
def test_sessions_are_listed_and_purged_by_their_last_use(
    kind: str, open_stores: Callable[[str], Opener], session: SessionId
) -> None:
    calendar = Calendar()
    store = open_stores(kind)()
    store._now = calendar
    begun = calendar.now
    other_schema = dataclasses.replace(session, context_id=2)
    idle = dataclasses.replace(session, device_id="idle")
    for each in (session, idle, other_schema):
        store.write_fields(each, {"a": "b"})
    store.number_folders(session, [("x", ContentType.MAIL), ("y", ContentType.CONTACTS)])
    calendar.now += timedelta(days=40)
    store.heads(session, 1)  # reading is use, too

    listed = {one.id: one for one in store.sessions(1)}
    assert set(listed) == {session, idle}
    assert listed[session].folders == 2
    assert (listed[session].created, listed[session].last_used) == (begun, calendar.now)
    assert listed[idle].last_used == begun

    assert store.purge(timedelta(days=30)) == 2
    assert [one.id for one in store.sessions(1)] == [session]
    assert store.sessions(2) == []
    assert store.purge(timedelta(days=30)) == 0
    assert store.fields(session) == {"a": "b"}


def test_reading_makes_no_session(sql_store: SqlStateStore, session: SessionId) -> None:
    sql_store.heads(session, 1)
    sql_store.fields(session)
    sql_store.folder_refs(session)
    assert sql_store.sessions(1) == []


def test_names_that_would_be_cut_are_refused(sql_store: SqlStateStore, session: SessionId) -> None:
    with pytest.raises(ValueError, match="device id"):
        sql_store.write_fields(dataclasses.replace(session, device_id="x" * 129), {"a": "b"})
    with pytest.raises(ValueError, match="field name"):
        sql_store.write_fields(session, {"x" * 129: "b"})
    assert sql_store.sessions(1) == []


def test_the_store_looks_for_nothing_outside_its_tables(sql_store: SqlStateStore, session: SessionId) -> None:
    with Statements(engine_of(sql_store)) as statements:
        prepared(sql_store, session)
        everything(sql_store, session)
    text = " ".join(statements.seen)
    assert storage.name in text
    assert folders.name in text
    assert "version" not in text
