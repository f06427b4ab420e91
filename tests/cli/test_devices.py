"""usmctl devices: what an administrator sees of devices and decides about them."""

from __future__ import annotations

import base64
import csv
import io
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app.cli.usmctl import usmctl
from app.store import SingleDatabase, SqlStateStore
from app.store.sealed import Ring
from app.usm import anew
from app.usm.model import HIERARCHY, ContentType, SessionId
from app.usm.ports import STANDING
from tests.cli.test_held import etc

__all__ = ["etc"]

ANTON = ("1", "anton@example.org", "phone1")
FIELDS = {
    "usm.device.login": "anton anton@example.org",
    "usm.device.type": "iPhone",
    "usm.device.agent": "Apple-iPhone12C1/1801.1",
    "eas.device.Model": "iPhone 12",
    "eas.device.OS": "iOS 18",
    "eas.device.FriendlyName": "=cmd()",
    "eas.policy.moment": "1000000000",
    "eas.sync": "large",
}
NAMES = [
    "context",
    "user",
    "login",
    "device",
    "type",
    "agent",
    "model",
    "os",
    "standing",
    "decided",
    "first_seen",
    "last_seen",
]


@pytest.fixture
def store(etc: Path) -> Iterator[SqlStateStore]:
    databases = SingleDatabase(f"sqlite:///{etc / 'state.sqlite'}")
    made = SqlStateStore(databases)
    made.write_fields(session(), FIELDS)
    made.write_fields(session("tablet"), {"usm.device.login": "anton anton@example.org"})
    made.write_fields(session("berta1", 4), {"usm.device.login": "berta"})
    made.write_fields(session("other", 9, 2), {"usm.device.login": "dora"})
    yield made
    databases.close()


def session(device: str = "phone1", user: int = 3, context: int = 1) -> SessionId:
    return SessionId(context, user, "EAS", device)


def call(etc: Path, *words: str) -> Result:
    return CliRunner().invoke(usmctl, ["--etc", str(etc), "devices", *words])


def listed(etc: Path, *words: str) -> list[str]:
    done = call(etc, "list", "--json", *words)
    assert done.exit_code == 0, done.output
    return [row["device"] for row in json.loads(done.stdout)]


def test_all_devices_are_listed(etc: Path, store: SqlStateStore) -> None:
    lines = call(etc, "list").stdout.splitlines()
    assert lines[0].split() == NAMES
    assert [line.split()[3] for line in lines[1:]] == ["phone1", "tablet", "berta1", "other"]
    assert "iPhone 12" in lines[1]
    assert all(line == line.rstrip() for line in lines)


def test_devices_are_listed_by_context_user_and_standing(etc: Path, store: SqlStateStore) -> None:
    assert listed(etc, "--context", "1") == ["phone1", "tablet", "berta1"]
    for user in ("3", "anton", "ANTON@example.org"):
        assert listed(etc, "--user", user) == ["phone1", "tablet"]
    assert listed(etc, "--user", "nobody") == []
    store.decide(session(), "blocked")
    assert listed(etc, "--standing", "blocked") == ["phone1"]
    assert listed(etc, "--standing", "-", "--context", "1") == ["tablet", "berta1"]


def test_a_machine_reads_the_list_as_json_or_csv(etc: Path, store: SqlStateStore) -> None:
    [row, *_] = json.loads(call(etc, "list", "--format", "json").stdout)
    assert list(row) == NAMES
    assert (row["context"], row["user"], row["login"], row["device"]) == (1, 3, "anton", "phone1")
    assert (row["standing"], row["decided"]) == ("-", None)
    assert row["first_seen"].endswith("+00:00")
    rows = list(csv.DictReader(io.StringIO(call(etc, "list", "--format", "csv").stdout)))
    assert rows[0]["model"] == "iPhone 12"
    assert rows[0]["decided"] == "-"


def test_a_device_is_shown_with_all_that_is_known(etc: Path, store: SqlStateStore) -> None:
    details = json.loads(call(etc, "show", *ANTON, "--json").stdout)
    assert details["friendlyname"] == "=cmd()"
    assert details["policy_taken"] == "2001-09-09T01:46:40+00:00"
    assert details["wipe_told"] is None
    assert "sync" not in details
    assert "friendlyname  =cmd()" in call(etc, "show", *ANTON).stdout
    rows = dict(csv.reader(io.StringIO(call(etc, "show", *ANTON, "--format", "csv").stdout)))
    assert rows["friendlyname"] == "'=cmd()"
    assert rows["wipe_told"] == "-"


KEY = base64.b64encode(bytes(range(32))).decode()


def recovery(etc: Path, kept: str | None = None, keys: str = KEY) -> Result:
    """Asks for the recovery password, with these keys in the settings; ``kept`` lies there, sealed with :data:`KEY`."""
    databases = SingleDatabase(f"sqlite:///{etc / 'state.sqlite'}")
    if kept is not None:
        SqlStateStore(databases, ring=Ring([bytes(range(32))])).keep_secret(session(), "eas.recovery", kept)
    databases.close()
    path = etc / "usm.properties"
    lines = [line for line in path.read_text().splitlines() if "secret_keys" not in line]
    path.write_text("\n".join([*lines, f"com.openexchange.usm.secret_keys={keys}"]))
    return call(etc, "recovery-password", *ANTON)


def test_a_recovery_password_is_printed_for_who_asks_and_for_nobody_else(
    etc: Path, store: SqlStateStore
) -> None:
    assert json.loads(call(etc, "show", *ANTON, "--json").stdout)["recovery"] is None
    done = recovery(etc, "2A9K-hush")
    assert (done.exit_code, done.stdout) == (0, "2A9K-hush\n")
    shown = call(etc, "show", *ANTON, "--json").stdout
    assert json.loads(shown)["recovery"] == "kept"
    assert "hush" not in shown
    assert b"2A9K" not in (etc / "state.sqlite").read_bytes()


def test_what_no_key_opens_is_named(etc: Path, store: SqlStateStore) -> None:
    none = recovery(etc)
    assert (none.exit_code, "phone1 has sent no recovery password" in none.stderr) == (1, True)
    other = base64.b64encode(bytes(32)).decode()
    for keys, reason in ((other, "is not among"), ("", "secret_keys is empty")):
        done = recovery(etc, "hush", keys)
        assert (done.exit_code, done.stdout) == (1, "")
        assert reason in done.stderr
        assert other not in done.stderr
    assert recovery(etc, keys=f"{other}, {KEY}").stdout == "hush\n"


def test_the_upgrade_of_the_tables_seals_with_the_newest_key(etc: Path, store: SqlStateStore) -> None:
    store.write_fields(session(), {"eas.recovery": "plain"})
    assert recovery(etc, keys="").stdout == "plain\n"
    other = base64.b64encode(bytes(32)).decode()
    for keys, told in ((KEY, "changed"), (KEY, "unchanged"), (f"{other},{KEY}", "changed")):
        assert recovery(etc, keys=keys).stdout == "plain\n"
        assert (upgrade(etc).stdout.split()[-1], upgrade(etc).stdout.split()[-1]) == (told, "unchanged")
    assert recovery(etc, keys=other).stdout == "plain\n"
    assert recovery(etc, keys=KEY).exit_code == 1
    lost = upgrade(etc)
    assert (lost.exit_code, lost.stdout.split()[-1]) == (0, "unchanged")
    assert "no key opens 1 secrets" in lost.stderr


def upgrade(etc: Path) -> Result:
    return CliRunner().invoke(usmctl, ["--etc", str(etc), "db", "upgrade"])


@pytest.mark.parametrize(
    ("word", "standing"), [("allow", "allowed"), ("block", "blocked"), ("quarantine", "quarantined")]
)
def test_a_decision_is_kept(word: str, standing: str, etc: Path, store: SqlStateStore) -> None:
    done = call(etc, word, *ANTON)
    assert (done.exit_code, done.stdout) == (0, f"phone1: {standing}\n")
    assert store.fields(session())[STANDING] == standing
    done = call(etc, "undecide", "1", "3", "PHONE1")
    assert (done.exit_code, done.stdout) == (0, "phone1: undecided\n")
    assert STANDING not in store.fields(session())


def test_a_device_may_be_decided_about_before_it_comes(etc: Path, store: SqlStateStore) -> None:
    done = call(etc, "block", "1", "anton", "new")
    assert done.stdout == "new: blocked (never seen so far)\n"
    assert store.fields(session("new")) == {STANDING: "blocked"}
    assert call(etc, "allow", "1", "77", "new").exit_code == 0
    assert store.fields(session("new", 77)) == {STANDING: "allowed"}
    done = call(etc, "block", "1", "nobody", "new")
    assert done.exit_code == 1
    assert "give the user's number" in done.stderr


def test_a_context_that_nobody_knows_is_named(etc: Path, store: SqlStateStore) -> None:
    for words in (("list", "--context", "example.org"), ("block", "example.org", "3", "phone1")):
        done = call(etc, *words)
        assert done.exit_code == 1
        assert "there is no context example.org" in done.stderr


def test_ids_that_differ_in_letters_only_are_told_apart(etc: Path, store: SqlStateStore) -> None:
    store.write_fields(session("PHONE1"), {"usm.device.login": "anton"})
    call(etc, "block", "1", "anton", "PHONE1")
    assert STANDING in store.fields(session("PHONE1"))
    assert STANDING not in store.fields(session("phone1"))


def test_a_wipe_is_ordered_after_a_question(etc: Path, store: SqlStateStore) -> None:
    words = ["--etc", str(etc), "devices", "wipe", *ANTON]
    done = CliRunner().invoke(usmctl, words, input="n\n")
    assert done.exit_code == 1
    assert STANDING not in store.fields(session())
    done = CliRunner().invoke(usmctl, words, input="y\n")
    assert done.exit_code == 0
    assert store.fields(session())[STANDING] == "wipe"


@pytest.mark.parametrize(
    ("words", "standing"), [(("wipe", "--yes"), "wipe"), (("wipe-account",), "wipe-account")]
)
def test_an_order_begins_anew(words: tuple[str, ...], standing: str, etc: Path, store: SqlStateStore) -> None:
    store.write_fields(session(), {"eas.wipe.told": "1", "eas.wipe.failed": "2"})
    done = call(etc, *words, *ANTON)
    assert done.stdout == f"phone1: {standing} ordered\n"
    assert store.fields(session()) == FIELDS | {STANDING: standing}


@pytest.mark.parametrize(
    "words",
    [("wipe", "--yes"), ("wipe-account",), ("forget",), ("undecide",), ("show",), ("resync", "--all")],
)
def test_what_is_not_there_is_status_1(words: tuple[str, ...], etc: Path, store: SqlStateStore) -> None:
    done = call(etc, *words, "1", "anton", "missing")
    assert done.exit_code == 1
    assert "there is no device missing of user anton" in done.stderr
    assert store.fields(session("missing")) == {}


def test_an_order_that_is_taken_back_is_told(etc: Path, store: SqlStateStore) -> None:
    call(etc, "wipe", "--yes", *ANTON)
    done = call(etc, "allow", *ANTON)
    assert "the order to wipe is taken back" in done.stderr
    call(etc, "wipe-account", *ANTON)
    done = call(etc, "forget", *ANTON)
    assert "the order to wipe phone1 is forgotten too" in done.stderr


def test_a_device_is_forgotten_with_everything(etc: Path, store: SqlStateStore) -> None:
    call(etc, "block", *ANTON)
    assert call(etc, "forget", *ANTON).stdout == "phone1: forgotten\n"
    assert store.fields(session()) == {}
    assert call(etc, "forget", *ANTON).exit_code == 1


def begun(store: SqlStateStore, *titles: str) -> None:
    """Folders that phone1 holds."""
    refs = store.number_folders(session(), [(title, ContentType.MAIL) for title in titles])
    store.begin(session(), HIERARCHY, "g", "")
    shown: dict[str, str | None] = {
        str(ref.number): json.dumps([ref.id, 0, "mail", "", True]) for ref in refs
    }
    store.save(session(), HIERARCHY, 1, shown, "")
    for ref in refs:
        store.begin(session(), ref.number, "g", "")


def ordered(store: SqlStateStore) -> list[int]:
    return [
        ref.number
        for ref in store.folder_refs(session())
        if store.heads(session(), ref.number) and anew.is_ordered(store.stamps(session(), ref.number, 1))
    ]


def test_a_device_gets_folders_anew_by_number_or_title(etc: Path, store: SqlStateStore) -> None:
    begun(store, "Inbox", "Sent", "Work")
    done = call(etc, "resync", *ANTON, "--folder", "inbox", "--folder", "3")
    assert (done.exit_code, done.stdout) == (0, "phone1: gets 2 folders anew\n")
    assert ordered(store) == [1, 3]
    assert store.heads(session(), HIERARCHY).newest.counter == 2  # type: ignore[union-attr]
    done = call(etc, "resync", *ANTON, "--all")
    assert done.stdout == "phone1: gets 3 folders anew and all names of folders\n"
    assert ordered(store) == [1, 2, 3]
    assert store.heads(session(), HIERARCHY).newest.counter == 1  # type: ignore[union-attr]


def test_what_cannot_come_anew_is_told(etc: Path, store: SqlStateStore) -> None:
    begun(store, "Work", "WORK")
    store.number_folders(session(), [("Notes", ContentType.MAIL)])
    for folder, reason in (("Trash", "knows no folder Trash"), ("work", "2 folders are called work")):
        done = call(etc, "resync", *ANTON, "--folder", folder)
        assert (done.exit_code, reason in done.stderr) == (1, True)
    done = call(etc, "resync", *ANTON, "--folder", "3")
    assert (done.exit_code, "never synchronised 3" in done.stderr) == (0, True)
    assert call(etc, "resync", *ANTON).exit_code == 2
    assert call(etc, "resync", *ANTON, "--all", "--folder", "1").exit_code == 2
    assert not ordered(store)


def test_devices_that_were_not_used_for_long_are_purged(etc: Path, store: SqlStateStore) -> None:
    call(etc, "block", *ANTON)
    with sqlite3.connect(etc / "state.sqlite") as connection:
        connection.execute("UPDATE USMSession SET last_used = 5 WHERE user = 3")
    connection.close()
    assert call(etc, "purge", "--days", "30").stdout == "1 devices forgotten\n"
    assert call(etc, "purge").stdout == "0 devices forgotten\n"
    assert listed(etc) == ["phone1", "berta1", "other"]
    (etc / "eas.properties").write_text("com.openexchange.usm.eas.devices.expire_days=0\n")
    done = call(etc, "purge")
    assert done.exit_code == 1
    assert "say --days" in done.stderr


def test_looking_does_not_count_as_being_seen(etc: Path, store: SqlStateStore) -> None:
    with sqlite3.connect(etc / "state.sqlite") as connection:
        connection.execute("UPDATE USMSession SET last_used = 5")
    connection.close()
    call(etc, "list")
    call(etc, "show", *ANTON)
    with sqlite3.connect(etc / "state.sqlite") as connection:
        assert set(connection.execute("SELECT last_used FROM USMSession")) == {(5,)}
    connection.close()


def test_a_device_id_that_cannot_be_is_refused(etc: Path, store: SqlStateStore) -> None:
    done = call(etc, "block", "1", "3", "x" * 200)
    assert done.exit_code == 1
    assert "200 characters" in done.stderr


def test_a_database_that_does_not_answer_ends_the_command(etc: Path) -> None:
    (etc / "state.sqlite").write_text("this is no database, and there is nothing to be done about it")
    for words in (("list",), ("block", "1", "3", "x"), ("purge", "--days", "1")):
        done = call(etc, *words)
        assert done.exit_code == 1
        assert "Error" in done.stderr
