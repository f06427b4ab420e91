"""usmctl status: how things stand, for people and for machines."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app.cli.usmctl import usmctl

HOUR = 60 * 60 * 1000


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    (tmp_path / "usm.properties").write_text(
        f"com.openexchange.usm.database.url=sqlite:///{tmp_path / 'state.sqlite'}\n"
        "com.openexchange.usm.ox.url=http://127.0.0.1:1/ajax/\n"
    )
    (tmp_path / "eas.properties").write_text("")
    return tmp_path


def call(etc: Path, *words: str) -> Result:
    return CliRunner().invoke(usmctl, ["--etc", str(etc), *words])


def told(etc: Path) -> dict[str, object]:
    return dict(json.loads(call(etc, "status", "--json").stdout))


def seen(etc: Path, *devices: tuple[int, str, int]) -> None:
    """Rows of users, devices and moments."""
    with sqlite3.connect(etc / "state.sqlite") as connection:
        for number, (user, device, moment) in enumerate(devices, 1):
            values = (1, number, user, "EAS", device, moment, moment)
            connection.execute("INSERT INTO USMSession VALUES (?, ?, ?, ?, ?, ?, ?, NULL, NULL)", values)
    connection.close()


def test_tables_that_are_missing_are_something_to_do(etc: Path) -> None:
    done = call(etc, "status")
    assert done.exit_code == 3
    assert "the tables are missing; run the migration" in done.stdout


def test_looking_makes_no_tables(etc: Path) -> None:
    call(etc, "status", "--json")
    with sqlite3.connect(etc / "state.sqlite") as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == []
    connection.close()


def test_devices_are_counted_and_the_latest_is_told(etc: Path) -> None:
    call(etc, "db", "upgrade")
    seen(etc, (3, "PHONE1", 5 * HOUR), (3, "PHONE2", 7 * HOUR), (4, "PHONE1", 6 * HOUR))
    [schema] = told(etc)["schemas"]  # type: ignore[misc]
    assert (schema["users"], schema["devices"]) == (2, 3)
    assert schema["last_sync"] == "1970-01-01T07:00:00+00:00"
    assert schema["ready"]
    assert not schema["legacy"]
    assert call(etc, "status").exit_code == 0
    about, names, row = call(etc, "status").stdout.splitlines()
    assert about.startswith("open-xchange-usm ")
    assert (names.split()[0], row.split()[-3:]) == ("name", ["2", "3", "1970-01-01T07:00:00+00:00"])
    assert (
        call(etc, "status", "--format", "csv")
        .stdout.splitlines()[1]
        .endswith(",2,3,1970-01-01T07:00:00+00:00")
    )


def test_the_deployments_own_checks_are_nobodys_phone(etc: Path) -> None:
    call(etc, "db", "upgrade")
    seen(etc, (3, "PHONE1", 5 * HOUR), (9, "USMDEPLOYCHECK0A1B2C3D", 9 * HOUR))
    [schema] = told(etc)["schemas"]  # type: ignore[misc]
    assert (schema["users"], schema["devices"]) == (1, 1)
    assert schema["last_sync"] == "1970-01-01T05:00:00+00:00"


def test_tables_of_an_earlier_product_are_told_from_ours(etc: Path) -> None:
    with sqlite3.connect(etc / "state.sqlite") as connection:
        connection.execute("CREATE TABLE USMSession (cid INTEGER)")
    connection.close()
    [schema] = told(etc)["schemas"]  # type: ignore[misc]
    assert schema["legacy"]
    assert call(etc, "status").exit_code == 3
