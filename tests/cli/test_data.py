"""usmctl data and db purge, as an administrator types them; what they do to rows is in tests/store/test_purge.py."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app.administration import data, inventory
from app.cli.usmctl import usmctl
from app.eas import memory
from app.store import SingleDatabase, SqlStateStore, layers
from app.store.sealed import Ring
from app.usm.devices import LOGIN
from app.usm.model import ContentType, SessionId

PHONE = SessionId(1, 3, "EAS", "PHONE1")


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    (tmp_path / "usm.properties").write_text(
        f"com.openexchange.usm.database.url=sqlite:///{tmp_path / 'state.sqlite'}\n"
    )
    (tmp_path / "eas.properties").write_text("")
    databases = SingleDatabase(f"sqlite:///{tmp_path / 'state.sqlite'}")
    store = SqlStateStore(databases, ring=Ring([bytes(32)]))
    for of in (PHONE, SessionId(1, 3, "EAS", "PHONE2"), SessionId(1, 4, "EAS", "PHONE3")):
        store.write_fields(of, {LOGIN: f"user{of.user_id}@example.org", memory.SYNC: '{"1": ["a"]}'})
        store.keep_secret(of, memory.RECOVERY, "87654321")
        store.number_folders(of, [("default0/INBOX/Doctor", ContentType.MAIL)])
        store.begin(of, 1, "generation", '{"base": 0}')
        store.save(of, 1, 1, {"mail1": "stamp"}, '{"base": 1}')
        store.write_journal(of, 1, '{"base": 1, "entries": {}}')
    databases.close()
    return tmp_path


def call(etc: Path, *words: str, given: str | None = None) -> Result:
    return CliRunner().invoke(usmctl, ["--etc", str(etc), *words], input=given)


def rows(etc: Path) -> dict[str, int]:
    with sqlite3.connect(etc / "state.sqlite") as connection:
        return {
            name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0]
            for name in ("USMSession", "USMSessionFields", "USMDataStorage", "usmIdMapping")
        }


def test_the_inventory_is_printed_in_every_form(etc: Path) -> None:
    found = json.loads(call(etc, "data", "inventory", "--json").stdout)
    assert found == inventory.rows()
    assert call(etc, "data", "inventory", "--format", "csv").stdout.startswith("place,names,what,of,until\n")
    assert "usmAppPassword" in call(etc, "data", "inventory").stdout


@pytest.mark.parametrize("user", ["3", "user3@example.org", "USER3@Example.org"])
def test_all_that_is_stored_of_a_person_is_handed_out_readable(etc: Path, user: str) -> None:
    done = call(etc, "data", "export", "1", user)
    assert done.exit_code == 0, done.output
    whole = json.loads(done.stdout)
    assert (whole["context"], whole["user"]) == (1, 3)
    tables = whole["tables"]
    assert [row["device"] for row in tables["USMSession"]] == ["PHONE1", "PHONE2"] or len(
        tables["USMSession"]
    ) == 2
    assert tables["USMSession"][0]["created"].startswith("20")
    fields = {row["field"]: row["value"] for row in tables["USMSessionFields"]}
    assert fields == {LOGIN: "user3@example.org", memory.SYNC: {"1": ["a"]}, memory.RECOVERY: data.SEALED}
    assert "87654321" not in done.output
    blocks = tables["USMDataStorage"]
    assert {"mail1": "stamp"} in [row.get("items") for row in blocks]
    assert {"base": 1} in [row.get("done") for row in blocks]
    assert {"base": 1, "entries": {}} in [row.get("journal") for row in blocks]
    assert tables["usmIdMapping"][0]["folder"] == "default0/INBOX/Doctor"
    assert all(whole["about"][name] for name in tables)


def test_damaged_blocks_are_told_of_all_the_same(etc: Path) -> None:
    with sqlite3.connect(etc / "state.sqlite") as connection:
        connection.execute("UPDATE USMDataStorage SET data = x'00' WHERE block = 0")
        connection.execute("UPDATE USMDataStorage SET data = ? WHERE block = -2", (layers.pack("{broken"),))
    connection.close()
    blocks = json.loads(call(etc, "data", "export", "1", "3").stdout)["tables"]["USMDataStorage"]
    assert data.UNREADABLE in [row.get("data") for row in blocks]
    assert "{broken" in [row.get("journal") for row in blocks]


def test_a_file_is_for_its_owner_and_never_written_over(etc: Path) -> None:
    path = etc / "export.json"
    assert call(etc, "data", "export", "1", "3", "--output", str(path)).exit_code == 0
    assert path.stat().st_mode & 0o777 == 0o600
    before = path.read_text()
    assert json.loads(before)["user"] == 3
    again = call(etc, "data", "export", "1", "4", "--output", str(path))
    assert again.exit_code == 1
    assert path.read_text() == before


def test_somebody_nobody_knows_is_told(etc: Path) -> None:
    for words in (("export", "1", "nobody"), ("delete", "1", "nobody"), ("export", "nowhere", "3")):
        done = call(etc, "data", *words)
        assert done.exit_code == 1
        assert "Traceback" not in done.output
        assert "nobody" in done.output or "nowhere" in done.output


def test_deleting_asks_first_and_leaves_the_others(etc: Path) -> None:
    before = rows(etc)
    refused = call(etc, "data", "delete", "1", "3", given="n\n")
    assert refused.exit_code == 1
    assert "2 in USMSession" in refused.output
    assert rows(etc) == before
    done = call(etc, "data", "delete", "1", "user3@example.org", given="y\n")
    assert done.exit_code == 0, done.output
    assert "USMDataStorage: 8 rows deleted" in done.output
    assert {name: 3 * count for name, count in rows(etc).items()} == before
    assert (
        call(etc, "data", "delete", "1", "3", "--yes").stdout == "nothing is stored of user 3 of context 1\n"
    )


def test_a_whole_context_is_deleted(etc: Path) -> None:
    done = call(etc, "data", "delete", "1", "--yes")
    assert done.exit_code == 0, done.output
    assert set(rows(etc).values()) == {0}
    assert call(etc, "data", "delete", "1", "--yes").stdout == "nothing is stored of context 1\n"


# --- db purge, db check


def test_a_purge_counts_and_then_does_it(etc: Path) -> None:
    with sqlite3.connect(etc / "state.sqlite") as connection:
        connection.execute("UPDATE USMSession SET last_used = 0 WHERE user = 4")
    connection.close()
    tried = json.loads(call(etc, "db", "purge", "--dry-run", "--json").stdout)
    assert {row["kind"]: row["count"] for row in tried}["devices"] == 1
    assert rows(etc)["USMSession"] == 3
    done = call(etc, "db", "purge")
    assert done.exit_code == 0, done.output
    assert rows(etc)["USMSession"] == 2
    assert {row["kind"]: row["count"] for row in json.loads(call(etc, "db", "purge", "--json").stdout)} == {
        "devices": 0,
        "deeds": 0,
        "page sessions": 0,
        "traces": 0,
        "deleted users": None,
        "deleted contexts": None,
    }


def test_a_purge_of_tables_that_nobody_has_made_says_so_and_is_nothing_wrong(etc: Path) -> None:
    (etc / "usm.properties").write_text(f"com.openexchange.usm.database.url=sqlite:///{etc / 'new.sqlite'}\n")
    done = call(etc, "db", "purge")
    assert done.exit_code == 0
    assert "nothing was purged: the tables are missing" in done.output


def test_a_purge_of_tables_of_an_earlier_product_fails_and_says_so(etc: Path) -> None:
    (etc / "usm.properties").write_text(f"com.openexchange.usm.database.url=sqlite:///{etc / 'old.sqlite'}\n")
    with sqlite3.connect(etc / "old.sqlite") as connection:
        connection.execute("CREATE TABLE USMSession (cid INTEGER)")
    connection.close()
    done = call(etc, "db", "purge")
    assert done.exit_code == 1
    assert "nothing was purged" in done.output
    assert "earlier USM product" in done.output


def test_migrate_is_another_word_for_upgrade(etc: Path) -> None:
    (etc / "usm.properties").write_text(f"com.openexchange.usm.database.url=sqlite:///{etc / 'new.sqlite'}\n")
    assert call(etc, "db", "migrate").stdout == f"{etc / 'new.sqlite'}: changed\n"
    assert call(etc, "db", "upgrade").stdout == f"{etc / 'new.sqlite'}: unchanged\n"


def test_a_check_says_what_is_wrong_and_what_to_do(etc: Path) -> None:
    key = "com.openexchange.usm.secret_keys=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
    properties = etc / "usm.properties"
    properties.write_text(properties.read_text() + key)
    sound = call(etc, "db", "check")
    assert sound.exit_code == 0, sound.output
    with sqlite3.connect(etc / "state.sqlite") as connection:
        connection.execute("DELETE FROM USMDataStorage WHERE block = -1")
    connection.close()
    done = call(etc, "db", "check", "--quick")
    assert done.exit_code == 1
    lines = done.output.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("wrong"))
    assert "has items and no key" in lines[at]
    assert "usmctl devices" in lines[at + 1]
    assert "blocks" not in done.output
    found = json.loads(call(etc, "db", "check", "--json").stdout)
    assert {row["state"] for row in found} == {"ok", "wrong"}
    assert "87654321" not in done.output


def test_what_is_sealed_with_another_key_is_told(etc: Path) -> None:
    done = call(etc, "db", "check", "--quick")
    assert done.exit_code == 1
    assert "no key opens the recovery password" in done.output
