"""usmctl doctor, db check and data against the running service, with what phones have left in it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result

from app.administration import inventory
from app.cli.usmctl import usmctl
from lab.device import Phone
from tests.end_to_end.stack import PASSWORD, Stack

CALENDAR, CONTACTS, INBOX = 8, 9, 2


def call(stack: Stack, *words: str, given: str = "") -> Result:
    return CliRunner().invoke(usmctl, ["--etc", str(stack.etc), *words], input=given)


def findings(done: Result) -> dict[str, list[tuple[str, str]]]:
    """What was looked at → state and sentence of each line."""
    found: dict[str, list[tuple[str, str]]] = {}
    for row in json.loads(done.stdout):
        found.setdefault(row["what"], []).append((row["state"], row["text"]))
    return found


@pytest.fixture
def phone(new_phone: Callable[..., Phone]) -> Phone:
    """One that has held and waited for things."""
    made = new_phone()
    made.provision()
    made.folder_sync()
    for kind in (INBOX, CALENDAR, CONTACTS):
        made.sync_all(made.folder_of_type(kind).server_id)
    made.ping([made.folder_of_type(CONTACTS).server_id], 1)
    return made


def test_the_doctor_finds_all_well_but_the_missing_tls(stack: Stack, phone: Phone) -> None:
    words = (
        "doctor",
        "--url",
        stack.url,
        "--user",
        phone.login,
        "--password-stdin",
        "--probe-heartbeat",
        "1",
    )
    done = call(stack, *words, "--json", given=f"{PASSWORD}\n")
    found = findings(done)
    assert [state for state, _ in found["service"]] == ["ok"], found["service"]
    assert f"process {stack.app.pid} " in found["service"][0][1]
    assert "with 1 workers" in found["service"][0][1]
    assert [state for state, _ in found["admin listener"]] == ["ok"]
    assert found["ox"][0][0] == "ok"
    assert "generation 7" in found["ox"][0][1]
    assert found["ox clock"][0][0] == "ok"
    assert found["schema"] == [("ok", f"{stack.state}: the tables are up to date (revision {newest(stack)})")]
    assert "mail address anton@example.org" in found["user"][0][1]
    assert found["rights"] == [("ok", f"{phone.login} may synchronise (active_sync, usm)")]
    assert "calendar" in found["modules"][0][1]
    assert found["outside"][0][0] == "ok", found["outside"]
    assert found["autodiscover"][0][0] == "ok", found["autodiscover"]
    assert found["administration"][0][0] == "ok"
    assert found["heartbeat"] == [("ok", "a wait of 1 s was answered after 1 s")]
    assert found["tls"][0][0] == "wrong"
    assert found["phone's login"][0][0] == "ok", found["phone's login"]
    assert done.exit_code == 1


def newest(stack: Stack) -> str:
    with sqlite3.connect(stack.state) as connection:
        return str(connection.execute("SELECT version_num FROM usmSchemaVersion").fetchone()[0])


def test_a_user_who_is_refused_is_told(stack: Stack) -> None:
    done = call(stack, "doctor", "--user", "anton@example.org", "--password-stdin", "--json", given="wrong\n")
    assert [state for state, _ in findings(done)["user"]] == ["wrong"]
    assert done.exit_code == 1


def test_what_phones_leave_is_found_sound_and_described(stack: Stack, phone: Phone) -> None:
    done = call(stack, "db", "check", "--json")
    assert done.exit_code == 0, done.output
    assert {state for lines in findings(done).values() for state, _ in lines} == {"ok"}
    with sqlite3.connect(stack.state) as connection:
        names = {row[0] for row in connection.execute("SELECT DISTINCT field FROM USMSessionFields")}
    assert names
    assert [name for name in sorted(names) if not inventory.described(name)] == []


def test_all_of_a_user_is_handed_out_and_deleted_and_a_phone_starts_over(
    stack: Stack, new_phone: Callable[..., Phone]
) -> None:
    phone = new_phone("berta")
    phone.provision()
    phone.folder_sync()
    folder = phone.folder_of_type(CONTACTS).server_id
    phone.sync_all(folder)
    held = len(phone.items(folder))
    whole = json.loads(call(stack, "data", "export", "1", phone.login).stdout)
    tables = whole["tables"]
    assert phone.device_id in [row["device"] for row in tables["USMSession"]]
    fields = {row["field"]: row["value"] for row in tables["USMSessionFields"]}
    assert phone.login in fields["usm.device.login"]
    of_folder = [row for row in tables["USMDataStorage"] if str(row["folder"]) == folder]
    assert len({item for row in of_folder for item in row.get("items", {})}) == held
    assert call(stack, "data", "delete", "1", phone.login, given="n\n").exit_code == 1
    done = call(stack, "data", "delete", "1", phone.login, "--yes")
    assert done.exit_code == 0, done.output
    # What other tests' phones of hers have left goes too: all that was handed out.
    assert f"USMSession: {len(tables['USMSession'])} rows deleted" in done.output
    number = str(whole["user"])
    assert json.loads(call(stack, "data", "export", "1", number).stdout)["tables"] == {}
    again = new_phone("berta", device_id=phone.device_id)
    again.provision()
    again.folder_sync()
    again.sync_all(again.folder_of_type(CONTACTS).server_id)
