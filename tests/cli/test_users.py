"""usmctl users: who synchronises, and everything about one of them."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app.cli.usmctl import usmctl
from app.main import SystemClock
from app.store import SingleDatabase
from app.store.app_passwords import AppPasswords
from app.usm.model import ContentType, SessionId, User
from tests.cli.test_held import ask, delete_all, etc, world
from tests.usm.conftest import CONTACTS, World

__all__ = ["etc", "world"]

DAY = 24 * 60 * 60 * 1000


@pytest.fixture
def estate(etc: Path, world: World) -> World:
    """Anton with a phone and a tablet, Berta with a phone, and Dora in another context."""
    for user, device, context, names in (
        (3, "phone1", 1, "anton Anton@example.org"),
        (3, "tablet", 1, "anton Anton@example.org"),
        (4, "berta1", 1, "berta"),
        (9, "other", 2, "dora"),
    ):
        world.store.write_fields(SessionId(context, user, "EAS", device), {"usm.device.login": names})
    return world


def call(etc: Path, *words: str) -> Result:
    return CliRunner().invoke(usmctl, ["--etc", str(etc), "users", *words])


def listed(etc: Path, *words: str) -> list[str]:
    done = call(etc, "list", "--json", *words)
    assert done.exit_code == 0, done.output
    return [row["login"] for row in json.loads(done.stdout)]


def test_all_users_are_listed_with_the_number_of_their_devices(etc: Path, estate: World) -> None:
    rows = json.loads(call(etc, "list", "--json").stdout)
    assert [(row["context"], row["user"], row["login"], row["devices"]) for row in rows] == [
        (1, 3, "anton", 2),
        (1, 4, "berta", 1),
        (2, 9, "dora", 1),
    ]
    assert rows[0]["last_seen"].endswith("+00:00")
    assert call(etc, "list").stdout.splitlines()[0].split() == list(rows[0])


def test_the_list_is_narrowed_down(etc: Path, estate: World) -> None:
    assert listed(etc, "--context", "1") == ["anton", "berta"]
    assert listed(etc, "--devices", "2") == ["anton"]
    for user in ("3", "ANTON", "anton@example.org"):
        assert listed(etc, "--user", user) == ["anton"]
    assert listed(etc, "--user", "9", "--context", "1") == []
    with sqlite3.connect(etc / "state.sqlite") as connection:
        connection.execute("UPDATE USMSession SET last_used = last_used - ? WHERE user = 4", (40 * DAY,))
        connection.execute(
            "UPDATE USMSession SET last_used = last_used - ? WHERE device = 'tablet'", (40 * DAY,)
        )
    connection.close()
    assert listed(etc, "--idle", "30") == ["berta"]
    assert call(etc, "list", "--context", "example.org").exit_code == 1


def test_one_user_is_shown_with_everything(etc: Path, estate: World) -> None:
    item = estate.source.put(CONTACTS, {"last_name": "Broken"})
    estate.source.unreadable.add(item)
    delete_all(estate)
    number = estate.number(CONTACTS)
    estate.store.decide(SessionId(1, 3, "EAS", "tablet"), "quarantined")
    databases = SingleDatabase(f"sqlite:///{etc / 'state.sqlite'}")
    made = AppPasswords(databases, SystemClock()).add(User(1, 3, "anton"), "secret", "my tablet")
    with sqlite3.connect(etc / "state.sqlite") as connection:
        connection.execute("INSERT INTO usmPageSession VALUES (1, 'digest', 3, 0, 60000, 'sealed')")
        connection.execute("INSERT INTO usmPageSession VALUES (1, 'another', 4, 0, 60000, 'sealed')")
    connection.close()
    databases.close()

    text = call(etc, "show", "1", "anton", "--json").stdout
    told = json.loads(text)
    assert (told["context"], told["user"], told["login"]) == (1, 3, "anton")
    assert [each["device"] for each in told["devices"]] == ["phone1", "tablet"]
    assert {
        "device": "phone1",
        "number": number,
        "title": "Contacts",
        "content": "contacts",
        "items": 30,
        "stuck": 1,
    } in told["folders"]
    assert {each["items"] for each in told["folders"] if each["number"] != number} == {None}
    assert [
        (each["device"], each["problem"], each["folder"], each["count"]) for each in told["problems"]
    ] == [
        ("phone1", "held back", "Contacts", 30),
        ("phone1", "skipped", "Contacts", 1),
        ("tablet", "quarantined", "", 1),
    ]
    assert [(each["name"], each["last_used"]) for each in told["app_passwords"]] == [("my tablet", None)]
    assert told["page_sessions"] == [
        {"created": "1970-01-01T00:00:00+00:00", "last_used": "1970-01-01T00:01:00+00:00"}
    ]
    for secret in (made, made.split("-", 2)[2], "digest", "sealed"):
        assert secret not in text
    table = call(etc, "show", "1", "3").stdout
    assert "app_passwords:" in table
    assert "my tablet" in table


def test_a_wipe_that_failed_is_a_problem(etc: Path, estate: World) -> None:
    phone = SessionId(1, 3, "EAS", "phone1")
    estate.store.write_fields(phone, {"eas.wipe.failed": "1000000000"})
    problems = json.loads(call(etc, "show", "1", "3", "--json").stdout)["problems"]
    assert [(each["problem"], each["since"]) for each in problems] == [
        ("wipe failed", "2001-09-09T01:46:40+00:00")
    ]
    estate.store.write_fields(phone, {"eas.wipe.failed": "x"})
    assert json.loads(call(etc, "show", "1", "3", "--json").stdout)["problems"][0]["since"] is None


def test_whoever_has_no_device_may_have_app_passwords(etc: Path, estate: World) -> None:
    databases = SingleDatabase(f"sqlite:///{etc / 'state.sqlite'}")
    AppPasswords(databases, SystemClock()).add(User(1, 5, "emil"), "secret", "tablet")
    databases.close()
    told = json.loads(call(etc, "show", "1", "5", "--json").stdout)
    assert (told["login"], told["devices"], len(told["app_passwords"])) == ("", [], 1)


@pytest.mark.parametrize("user", ["77", "nobody"])
def test_a_user_of_whom_nothing_is_known_is_named(user: str, etc: Path, estate: World) -> None:
    done = call(etc, "show", "1", user)
    assert done.exit_code == 1
    assert f"nothing is known of a user {user} in context 1" in done.stderr


def test_folders_that_a_device_was_not_told_of_are_left_out(etc: Path, estate: World) -> None:
    ask(estate, "0")
    estate.store.number_folders(estate.session().id, [("hidden", ContentType.MAIL)])
    told = json.loads(call(etc, "show", "1", "3", "--json").stdout)
    assert all(each["title"] for each in told["folders"])


def test_a_database_that_does_not_answer_ends_the_command(etc: Path) -> None:
    (etc / "state.sqlite").write_text("this is no database, and there is nothing to be done about it")
    for words in (("list",), ("list", "--context", "1"), ("show", "1", "3")):
        done = call(etc, *words)
        assert done.exit_code == 1
        assert "Error" in done.stderr
