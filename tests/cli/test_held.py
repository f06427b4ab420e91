"""usmctl held: the former name of usmctl stuck. Also where tests of other commands find a database and a device."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

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
    (tmp_path / "state.sqlite").write_bytes(upgraded())
    return tmp_path


@cache
def upgraded() -> bytes:
    """A database with our tables and nothing in them: made once, as that takes longer than most tests."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "state.sqlite")
        Path(folder, "usm.properties").write_text(f"com.openexchange.usm.database.url=sqlite:///{path}\n")
        Path(folder, "eas.properties").write_text("")
        assert call(Path(folder), "db", "upgrade").exit_code == 0
        return path.read_bytes()


@pytest.fixture
def world(etc: Path) -> Iterator[World]:
    databases = SingleDatabase(f"sqlite:///{etc / 'state.sqlite'}")
    made = World()
    made.store = SqlStateStore(databases)
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
    readable = [item for item in world.source.items[CONTACTS] if item not in world.source.unreadable]
    wanted = [ClientChange(ChangeKind.DELETE, item_id=item) for item in readable]
    return ask(world, first.key, *wanted).key


def test_the_former_name_still_does_what_it_did(etc: Path, world: World) -> None:
    delete_all(world)
    number = str(world.number(CONTACTS))
    assert "held back" in call(etc, "held", "list", "--context", "1", "--user", "3").stdout
    assert call(etc, "held", "list", "--json").stdout == call(etc, "stuck", "list", "--json").stdout
    assert call(etc, "held", "drop", *PHONE, number).stdout == "30 deletions dropped\n"
    assert call(etc, "held", "release", *PHONE, number).exit_code == 1


def test_the_former_name_is_not_shown() -> None:
    told = CliRunner().invoke(usmctl, ["--help"]).stdout
    assert "  stuck " in told
    assert "  held " not in told
