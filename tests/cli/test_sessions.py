"""usmctl sessions: how much is kept of each device, and logins that are to be made anew."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app.cli.usmctl import usmctl
from app.usm.model import SessionId
from tests.cli.test_held import ask, etc, world
from tests.usm.conftest import CONTACTS, World

__all__ = ["etc", "world"]


def call(etc: Path, *words: str) -> Result:
    return CliRunner().invoke(usmctl, ["--etc", str(etc), "sessions", *words])


def rows(etc: Path, *words: str) -> list[dict[str, object]]:
    done = call(etc, "list", "--json", *words)
    assert done.exit_code == 0, done.output
    return list(json.loads(done.stdout))


@pytest.fixture
def estate(world: World) -> World:
    for number in range(3):
        world.source.put(CONTACTS, {"last_name": f"n{number}"})
    ask(world, ask(world, "0").key)
    names = {"usm.device.login": "anton anton@example.org"}
    world.store.write_fields(SessionId(1, 3, "EAS", "phone1"), names)
    world.store.write_fields(SessionId(1, 3, "EAS", "tablet"), names)
    world.store.write_fields(SessionId(2, 9, "EAS", "other"), {"usm.device.login": "dora"})
    return world


def test_what_is_kept_of_each_device_is_counted(etc: Path, estate: World) -> None:
    phone, tablet, other = rows(etc)
    assert (phone["device"], tablet["device"], other["device"]) == ("phone1", "tablet", "other")
    with sqlite3.connect(etc / "state.sqlite") as connection:
        query = "SELECT count(*), sum(length(data)) FROM USMDataStorage"
        stored, size = connection.execute(query).fetchone()
        numbered, names = connection.execute(
            "SELECT count(*), sum(length(folder)) FROM usmIdMapping"
        ).fetchone()
        heads = connection.execute("SELECT count(*) FROM USMDataStorage WHERE block = -1").fetchone()
    connection.close()
    assert (phone["folders"], phone["keys"]) == (numbered, *heads)
    assert phone["rows"] == stored + numbered + 1
    assert phone["bytes"] == size + names + len("anton anton@example.org")
    assert (tablet["folders"], tablet["keys"], tablet["rows"]) == (0, 0, 1)
    assert "phone1" in call(etc, "list").stdout


def test_the_list_is_narrowed_down(etc: Path, estate: World) -> None:
    assert [row["device"] for row in rows(etc, "--largest", "2")] == ["phone1", "tablet"]
    assert [row["device"] for row in rows(etc, "--context", "2")] == ["other"]
    for user in ("3", "ANTON@example.org"):
        assert [row["device"] for row in rows(etc, "--user", user)] == ["phone1", "tablet"]
    assert rows(etc, "--user", "nobody") == []


def ended(estate: World, device: str) -> str | None:
    return estate.store.fields(SessionId(1, 3, "EAS", device)).get("usm.session.ended")


def test_a_device_must_log_in_anew(etc: Path, estate: World) -> None:
    before = datetime.now(UTC).timestamp()
    done = call(etc, "end", "1", "anton", "phone1")
    assert (done.exit_code, done.stdout) == (0, "phone1: must log in anew\n")
    assert before <= float(ended(estate, "phone1") or 0) <= datetime.now(UTC).timestamp()
    assert ended(estate, "tablet") is None
    estate.session().fields()
    assert [moment.timestamp() for moment in estate.source.renewed] == [float(ended(estate, "phone1") or 0)]


def test_a_user_must_log_in_anew_everywhere_and_is_signed_out_of_the_pages(etc: Path, estate: World) -> None:
    with sqlite3.connect(etc / "state.sqlite") as connection:
        connection.execute("INSERT INTO usmPageSession VALUES (1, 'one', 3, 0, 0, 'sealed')")
        connection.execute("INSERT INTO usmPageSession VALUES (1, 'two', 4, 0, 0, 'sealed')")
    connection.close()
    done = call(etc, "end", "1", "3")
    assert done.stdout.splitlines() == [
        "phone1: must log in anew",
        "tablet: must log in anew",
        "1 sessions of the web pages ended",
    ]
    with sqlite3.connect(etc / "state.sqlite") as connection:
        assert connection.execute("SELECT id FROM usmPageSession").fetchall() == [("two",)]
    connection.close()
    assert ended(estate, "tablet") is not None


@pytest.mark.parametrize("words", [("1", "3", "phone9"), ("1", "77"), ("1", "nobody")])
def test_what_is_not_there_is_status_1(words: tuple[str, ...], etc: Path, estate: World) -> None:
    done = call(etc, "end", *words)
    assert done.exit_code == 1
    assert "there is no device" in done.stderr


def test_a_database_that_does_not_answer_ends_the_command(etc: Path) -> None:
    (etc / "state.sqlite").write_text("this is no database, and there is nothing to be done about it")
    for words in (("list",), ("end", "1", "3")):
        done = call(etc, *words)
        assert done.exit_code == 1
        assert "Error" in done.stderr
