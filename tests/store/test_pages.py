"""What the web pages keep: who is signed in, and what was chosen for all devices of a user."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.store import SingleDatabase, SqlStateStore
from app.store.page_sessions import IDLE, LIFE, MOST, TOUCH, Key, PageSessions, end_all
from app.store.tables import page_sessions as table
from app.usm.model import ContentType, SessionId
from app.usm.ports import STANDING

USER = 3
CONTENT = {"opens": "secret of OX", "name": "Anton Ä 😀"}


class Clock:
    seconds = 1_800_000_000.0

    def __call__(self) -> float:
        return self.seconds

    def forward(self, milliseconds: int) -> None:
        self.seconds += milliseconds / 1000


@pytest.fixture(params=["sqlite", pytest.param("mariadb", marks=pytest.mark.mariadb)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SingleDatabase]:
    if request.param == "mariadb":
        url = str(request.getfixturevalue("mariadb_url"))
    else:
        url = f"sqlite:///{tmp_path / 'state.db'}"
    opened = SingleDatabase(url)
    yield opened
    opened.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sessions(database: SingleDatabase, clock: Clock) -> PageSessions:
    return PageSessions(database, clock)


def key(name: str, context_id: int = 1, seal: bytes = b"k" * 32) -> Key:
    return context_id, name, seal


def test_what_was_kept_is_found_with_all_of_the_key(sessions: PageSessions) -> None:
    sessions.begin(key("a"), USER, CONTENT)
    assert sessions.find(key("a")) == CONTENT
    assert sessions.find(key("A")) is None
    assert sessions.find(key("a", context_id=2)) is None
    assert sessions.find(key("a", seal=b"x" * 32)) is None
    sessions.change(key("a"), {"other": 1})
    assert sessions.find(key("a")) == {"other": 1}
    sessions.end(key("a"))
    assert sessions.find(key("a")) is None
    sessions.change(key("a"), CONTENT)
    assert sessions.find(key("a")) is None, "one that has ended does not come again"


def test_it_ends_when_idle_and_when_old(sessions: PageSessions, clock: Clock) -> None:
    sessions.begin(key("a"), USER, CONTENT)
    for _ in range(LIFE // (IDLE - TOUCH)):
        clock.forward(IDLE - TOUCH)
        assert sessions.find(key("a")) == CONTENT
    clock.forward(IDLE - TOUCH)
    assert sessions.find(key("a")) is None
    sessions.begin(key("b"), USER, CONTENT)
    clock.forward(IDLE + 1)
    assert sessions.find(key("b")) is None


def test_looking_writes_once_a_minute_at_most(
    sessions: PageSessions, clock: Clock, database: SingleDatabase
) -> None:
    def used() -> int:
        with database.engine(1).connect() as connection:
            return int(connection.execute(table.select()).one().last_used)

    sessions.begin(key("a"), USER, CONTENT)
    begun = used()
    clock.forward(TOUCH - 1)
    sessions.find(key("a"))
    assert used() == begun
    clock.forward(2)
    sessions.find(key("a"))
    assert used() == begun + TOUCH + 1


def test_the_next_one_clears_away_what_has_ended_and_what_is_too_much(
    sessions: PageSessions, clock: Clock, database: SingleDatabase
) -> None:
    sessions.begin(key("old"), USER, CONTENT)
    sessions.begin(key("elsewhere", context_id=2), USER, CONTENT)
    clock.forward(IDLE + 1)
    for number in range(MOST + 2):
        clock.forward(1)
        sessions.begin(key(f"s{number}"), USER, CONTENT)
    sessions.begin(key("another user"), USER + 1, CONTENT)
    with database.engine(1).connect() as connection:
        kept = {(row.cid, row.id) for row in connection.execute(table.select())}
    newest = {(1, f"s{number}") for number in range(2, MOST + 2)}
    assert kept == newest | {(1, "another user"), (2, "elsewhere")}
    assert database.database(1).write(lambda connection: end_all(connection, 1, USER)) == MOST


def test_fields_of_a_user_are_his(database: SingleDatabase) -> None:
    store = SqlStateStore(database)
    assert store.user_fields(1, USER) == {}
    store.write_user_fields(1, USER, {"a": "1", "b": "ä" * 70_000})
    store.write_user_fields(1, USER + 1, {"a": "2"})
    store.write_user_fields(1, USER, {"a": None, "c": "3", "never there": None})
    assert store.user_fields(1, USER) == {"b": "ä" * 70_000, "c": "3"}
    assert store.user_fields(1, USER + 1) == {"a": "2"}
    assert store.user_fields(2, USER) == {}


def test_which_folders_a_device_has_begun(database: SingleDatabase) -> None:
    store, session = SqlStateStore(database), SessionId(1, USER, "EAS", "phone1")
    assert set(store.begun(session)) == set()
    refs = store.number_folders(session, [(name, ContentType.MAIL) for name in "xyz"])
    for number in (0, -1, refs[0].number, refs[2].number):
        store.begin(session, number, "g", "")
    assert set(store.begun(session)) == {refs[0].number, refs[2].number}


def test_a_device_is_forgotten_unless_it_stands_as_said(database: SingleDatabase) -> None:
    store, session = SqlStateStore(database), SessionId(1, USER, "EAS", "phone1")
    assert store.forget_unless(session, []) is False
    store.decide(session, "blocked")
    assert store.forget_unless(session, ["wipe", "blocked"]) is False
    assert store.fields(session)[STANDING] == "blocked"
    assert store.forget_unless(session, ["wipe"]) is True
    store.write_fields(session, {"a": "1"})
    assert store.forget_unless(session, ["blocked"]) is True
    assert store.fields(session) == {}
