"""usmctl app-passwords: making, listing and taking back, with the stand-in for OX; and the phone that uses one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app.cli.usmctl import usmctl
from app.main import AppPasswords, SystemClock
from app.store import SingleDatabase
from app.usm.errors import AccessDenied
from app.usm.model import Credentials
from tests.ox.standin import StandIn, make_data

LOGIN = "anton@example.org"


@pytest.fixture(scope="module")
def standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    running = StandIn(make_data(tmp_path_factory.mktemp("ox"), "empty"), "7")
    yield running
    running.stop()


@pytest.fixture
def etc(standin: StandIn, tmp_path: Path) -> Path:
    (tmp_path / "usm.properties").write_text(
        f"com.openexchange.usm.database.url=sqlite:///{tmp_path / 'state.sqlite'}\n"
        f"com.openexchange.usm.ox.url={standin.url}\n"
    )
    (tmp_path / "eas.properties").write_text("")
    return tmp_path


def call(etc: Path, *words: str, typed: str = "") -> Result:
    return CliRunner().invoke(usmctl, ["--etc", str(etc), "app-passwords", *words], input=typed)


def made(etc: Path, name: str = "phone") -> str:
    result = call(etc, "add", LOGIN, "--name", name, "--password-stdin", typed="secret\n")
    assert result.exit_code == 0, result.output
    return result.output.strip()


def resolve(etc: Path, password: str) -> Credentials:
    databases = SingleDatabase(f"sqlite:///{etc / 'state.sqlite'}")
    try:
        return AppPasswords(databases, SystemClock()).resolve(Credentials(LOGIN, password))
    finally:
        databases.close()


def test_one_is_made_printed_once_and_works(etc: Path) -> None:
    password = made(etc)
    assert password.startswith("usm1-")
    assert resolve(etc, password) == Credentials(LOGIN, "secret")


def test_the_password_is_asked_for_where_somebody_sits(etc: Path) -> None:
    result = call(etc, "add", LOGIN, "--name", "phone", typed="secret\n")
    assert result.exit_code == 0
    assert resolve(etc, result.output.strip().splitlines()[-1]).password == "secret"
    assert "secret" not in result.output


def test_a_password_that_ox_refuses_makes_none(etc: Path) -> None:
    result = call(etc, "add", LOGIN, "--name", "phone", "--password-stdin", typed="falsch\n")
    assert result.exit_code == 1
    assert "falsch" not in result.output
    assert call(etc, "list", "--json").output.strip() == "[]"


def test_a_name_that_is_too_long_is_said(etc: Path) -> None:
    result = call(etc, "add", LOGIN, "--name", "x" * 200, "--password-stdin", typed="secret\n")
    assert result.exit_code == 1
    assert "128" in result.output


def test_they_are_listed_without_themselves(etc: Path) -> None:
    first, second = made(etc, "Anton's phone"), made(etc, "tablet")
    rows = json.loads(call(etc, "list", "--json").output)
    assert {row["name"] for row in rows} == {"Anton's phone", "tablet"}
    assert {(row["context"], row["login"], row["last_used"]) for row in rows} == {(1, LOGIN, None)}
    user = str(rows[0]["user"])
    listed = call(etc, "list", "--context", "1", "--user", user).output
    assert [line.split()[3] for line in listed.splitlines()] == ["id", *(row["id"] for row in rows)]
    assert all(line.endswith(" -") for line in listed.splitlines()[1:])
    assert call(etc, "list", "--user", LOGIN.upper(), "--format", "csv").output.count(LOGIN) == 2
    for group in first.split("-")[2:] + second.split("-")[2:]:
        assert group not in listed
    assert call(etc, "list", "--user", "999").output == ""
    resolve(etc, first)
    assert {row["last_used"] for row in json.loads(call(etc, "list", "--json").output)} > {None}


def test_one_is_taken_back(etc: Path) -> None:
    password = made(etc)
    app_id = password.split("-")[1]
    assert call(etc, "revoke", "1", app_id).output == "revoked\n"
    again = call(etc, "revoke", "1", app_id)
    assert again.exit_code == 1
    assert app_id in again.output
    with pytest.raises(AccessDenied):
        resolve(etc, password)


def test_a_database_that_does_not_answer_is_said(etc: Path) -> None:
    (etc / "usm.properties").write_text(
        "com.openexchange.usm.database.url=sqlite:////nowhere/at/all.sqlite\n"
    )
    result = call(etc, "list")
    assert result.exit_code == 1
    assert "Traceback" not in result.output
