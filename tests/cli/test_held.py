"""usmctl held: what is held back or skipped, and what an administrator does about it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app.cli.usmctl import usmctl
from app.store import SingleDatabase, SqlStateStore
from app.usm.model import ChangeKind, ClientChange, ExchangeRequest, ExchangeResult
from tests.usm.conftest import CONTACTS, World

PHONE = ("1", "3", "phone1")


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    (tmp_path / "usm.properties").write_text(
        f"com.openexchange.usm.database.url=sqlite:///{tmp_path / 'state.sqlite'}\n"
        "com.openexchange.usm.ox.url=http://127.0.0.1:1/ajax/\n"
    )
    (tmp_path / "eas.properties").write_text("")
    assert call(tmp_path, "db", "upgrade").exit_code == 0
    return tmp_path


@pytest.fixture
def world(etc: Path) -> Iterator[World]:
    databases = SingleDatabase(f"sqlite:///{etc / 'state.sqlite'}")
    made = World()
    made.store = SqlStateStore(databases)  # type: ignore[assignment]
    yield made
    databases.close()


def call(etc: Path, *words: str) -> Result:
    return CliRunner().invoke(usmctl, ["--etc", str(etc), *words])


def ask(world: World, key: str, *changes: ClientChange) -> ExchangeResult:
    return world.session().exchange(ExchangeRequest(world.number(CONTACTS), key, changes))


def delete_all(world: World) -> str:
    for number in range(30):
        world.source.put(CONTACTS, {"last_name": f"n{number}"})
    first = ask(world, ask(world, "0").key)
    wanted = [ClientChange(ChangeKind.DELETE, item_id=item) for item in world.source.items[CONTACTS]]
    return ask(world, first.key, *wanted).key


def test_deletions_held_back_are_listed_and_let_through(etc: Path, world: World) -> None:
    key = delete_all(world)
    assert len(world.source.items[CONTACTS]) == 30
    done = call(etc, "held", "list")
    number = str(world.number(CONTACTS))
    assert f"context 1 user 3 device phone1 folder {number} (Contacts): 30 deletions held back" in done.stdout
    done = call(etc, "held", "release", *PHONE, number)
    assert done.stdout == "30 deletions let through\n"
    assert call(etc, "held", "list").stdout == ""
    result = ask(world, key)
    assert world.source.items[CONTACTS] == {}
    assert {entry.kind for entry in result.changes} == {ChangeKind.DELETE}


def test_deletions_that_are_dropped_delete_nothing(etc: Path, world: World) -> None:
    key = delete_all(world)
    number = str(world.number(CONTACTS))
    assert call(etc, "held", "drop", *PHONE, number).stdout == "30 deletions dropped\n"
    assert ask(world, key).changes == ()
    assert len(world.source.items[CONTACTS]) == 30
    again = call(etc, "held", "drop", *PHONE, number)
    assert again.exit_code == 1
    assert "nothing is held back" in again.stderr


def test_items_that_cannot_be_converted_are_listed(etc: Path, world: World) -> None:
    item = world.source.put(CONTACTS, {"last_name": "Broken"})
    world.source.unreadable.add(item)
    ask(world, ask(world, "0").key)
    [row] = json.loads(call(etc, "held", "list", "--json", "--context", "1").stdout)
    assert row == {
        "kind": "skipped",
        "context": 1,
        "user": 3,
        "device": "phone1",
        "folder": world.number(CONTACTS),
        "title": "Contacts",
        "items": [item],
        "tries": 1,
        "moment": "2026-01-15T12:01:00+00:00",
    }
    assert f"item {item} skipped, 1 tries" in call(etc, "held", "list", "--user", "3").stdout
    assert call(etc, "held", "list", "--user", "4").stdout == ""


def test_looking_does_not_count_as_being_seen(etc: Path, world: World) -> None:
    ask(world, "0")
    with sqlite3.connect(etc / "state.sqlite") as connection:
        connection.execute("UPDATE USMSession SET last_used = 5")
    connection.close()
    call(etc, "held", "list")
    with sqlite3.connect(etc / "state.sqlite") as connection:
        assert connection.execute("SELECT last_used FROM USMSession").fetchall() == [(5,)]
    connection.close()


def test_a_database_that_does_not_answer_ends_the_command(etc: Path) -> None:
    (etc / "state.sqlite").write_text("this is no database, and there is nothing to be done about it")
    for words in (("list", "--context", "1"), ("drop", *PHONE, "1")):
        done = call(etc, "held", *words)
        assert done.exit_code == 1
        assert "Error" in done.stderr
