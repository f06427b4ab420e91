"""usmctl stuck: what is held back or skipped, and what an administrator does about it."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from datetime import UTC, datetime, timedelta

import pytest

from app.store import SqlStateStore
from tests.cli.test_held import ask, call, delete_all, etc, world
from tests.usm.conftest import CONTACTS, World

__all__ = ["etc", "world"]

PHONE = ("1", "3", "phone1")


def rows(etc, *words: str) -> list[dict[str, object]]:
    done = call(etc, "stuck", "list", "--json", *words)
    assert done.exit_code == 0, done.output
    return list(json.loads(done.stdout))


def broken(world: World, *names: str) -> tuple[str, list[str]]:
    items = [world.source.put(CONTACTS, {"last_name": name}) for name in names]
    world.source.unreadable.update(items)
    return ask(world, ask(world, "0").key).key, items


def test_nothing_is_stuck_in_an_empty_database(etc) -> None:
    assert rows(etc) == []
    assert call(etc, "stuck", "list").stdout == ""


def test_deletions_held_back_are_listed_and_let_through(etc, world: World) -> None:
    key = delete_all(world)
    number = world.number(CONTACTS)
    [row] = rows(etc)
    items = row.pop("items")
    assert sorted(items) == sorted(world.source.items[CONTACTS])  # type: ignore[call-overload]
    assert row == {
        "kind": "held back",
        "context": 1,
        "user": 3,
        "login": "",
        "device": "phone1",
        "folder": number,
        "title": "Contacts",
        "count": 30,
        "since": "2026-01-15T12:00:00+00:00",
        "tries": None,
        "next_try": None,
        "why": "one device deleted more of the folder than mass_delete_share allows",
    }
    assert "and 27 more" in call(etc, "stuck", "list").stdout
    done = call(etc, "stuck", "release", *PHONE, str(number))
    assert (done.exit_code, done.stdout) == (0, "30 deletions let through\n")
    assert rows(etc) == []
    ask(world, key)
    assert world.source.items[CONTACTS] == {}


def test_deletions_that_are_dropped_delete_nothing(etc, world: World) -> None:
    key = delete_all(world)
    number = str(world.number(CONTACTS))
    assert call(etc, "stuck", "drop", *PHONE, number).stdout == "30 deletions dropped\n"
    assert ask(world, key).changes == ()
    assert len(world.source.items[CONTACTS]) == 30
    for word in ("drop", "release"):
        again = call(etc, "stuck", word, *PHONE, number)
        assert again.exit_code == 1
        assert "nothing is held back" in again.stderr


def test_items_that_cannot_be_converted_say_why_and_when_they_are_tried_again(etc, world: World) -> None:
    _, [item] = broken(world, "Secret")
    [row] = rows(etc, "--context", "1")
    assert row == {
        "kind": "skipped",
        "context": 1,
        "user": 3,
        "login": "",
        "device": "phone1",
        "folder": world.number(CONTACTS),
        "title": "Contacts",
        "items": [item],
        "count": 1,
        "since": "2026-01-15T12:00:00+00:00",
        "tries": 1,
        "next_try": "2026-01-15T12:01:00+00:00",
        "why": f"item {item} cannot be read",
    }
    [line] = csv.DictReader(io.StringIO(call(etc, "stuck", "list", "--format", "csv").stdout))
    assert (line["items"], line["title"]) == (item, "Contacts")


def test_the_list_is_narrowed_down(etc, world: World) -> None:
    broken(world, "n")
    world.store.write_fields(world.session().id, {"usm.device.login": "anton Anton@example.org"})
    for words in (("--user", "3"), ("--user", "anton@EXAMPLE.org", "--context", "1"), ("--kind", "skipped")):
        assert len(rows(etc, *words)) == 1, words
    for words in (("--user", "4"), ("--user", "berta"), ("--kind", "held back"), ("--context", "2")):
        assert rows(etc, *words) == [], words
    assert rows(etc)[0]["login"] == "anton"
    assert call(etc, "stuck", "list", "--context", "example.org").exit_code == 1


def test_one_device_is_shown_with_all_of_it(etc, world: World) -> None:
    _, [item] = broken(world, "n")
    delete_all(world)
    told = json.loads(call(etc, "stuck", "show", *PHONE, "--json").stdout)
    assert [row["items"] for row in told["skipped"]] == [[item]]
    assert [row["count"] for row in told["held_back"]] == [30]
    text = call(etc, "stuck", "show", *PHONE).stdout
    assert "skipped:" in text
    assert text.count("Contacts") == 2
    missing = call(etc, "stuck", "show", "1", "3", "phone9")
    assert missing.exit_code == 1
    assert "there is no device phone9" in missing.stderr


def test_items_are_tried_again_at_the_next_request(etc, world: World) -> None:
    key, items = broken(world, "a", "b", "c")
    number = str(world.number(CONTACTS))
    world.source.unreadable.clear()
    assert ask(world, key).changes == ()
    before = datetime.now(UTC) - timedelta(seconds=1)
    assert world.store.decided([1], before) == []
    assert call(etc, "stuck", "retry", *PHONE, number, items[1]).stdout == "1 item will be tried again\n"
    assert [each.device_id for each, _ in world.store.decided([1], before)] == ["phone1"], "it hears of it"
    result = ask(world, key)
    assert [change.item_id for change in result.changes] == [items[1]]
    assert call(etc, "stuck", "retry", *PHONE).stdout == "2 items will be tried again\n"
    assert len(ask(world, result.key).changes) == 2
    assert rows(etc) == []
    done = call(etc, "stuck", "retry", *PHONE, number)
    assert (done.exit_code, "no such item is skipped" in done.stderr) == (1, True)


def test_devices_without_trouble_are_not_looked_into(
    etc, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken(world, "n")
    for number in range(5):
        other = world.session(f"other{number}")
        other.folders("0")
    looked: list[str] = []
    before = SqlStateStore.folder_refs

    def watched(self, session):
        looked.append(session.device_id)
        return before(self, session)

    monkeypatch.setattr(SqlStateStore, "folder_refs", watched)
    assert len(rows(etc)) == 1
    assert set(looked) == {"phone1"}


def test_looking_does_not_count_as_being_seen(etc, world: World) -> None:
    broken(world, "n")
    with sqlite3.connect(etc / "state.sqlite") as connection:
        connection.execute("UPDATE USMSession SET last_used = 5")
    connection.close()
    call(etc, "stuck", "list")
    call(etc, "stuck", "show", *PHONE)
    with sqlite3.connect(etc / "state.sqlite") as connection:
        assert connection.execute("SELECT last_used FROM USMSession").fetchall() == [(5,)]
    connection.close()


def test_a_database_that_does_not_answer_ends_the_command(etc) -> None:
    (etc / "state.sqlite").write_text("this is no database, and there is nothing to be done about it")
    for words in (("list", "--context", "1"), ("drop", *PHONE, "1"), ("retry", *PHONE), ("show", *PHONE)):
        done = call(etc, "stuck", *words)
        assert done.exit_code == 1
        assert "Error" in done.stderr
