"""usmctl legacy, as an administrator and the deployment call it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app.cli.usmctl import usmctl
from lab.packages import legacy
from tests.mariadb import MariaDbServer, is_installed
from tests.store.groupware import Groupware

pytestmark = [
    pytest.mark.mariadb,
    pytest.mark.skipif(not is_installed(), reason="Debian's package mariadb-server-core is not installed"),
]


@pytest.fixture(scope="module")
def server() -> Iterator[MariaDbServer]:
    with MariaDbServer() as server:
        yield server


@pytest.fixture(scope="module")
def groupware(server: MariaDbServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Groupware]:
    """Two schemas, the first with what an earlier product left."""
    with Groupware.made(server, tmp_path_factory.mktemp("etc")) as made:
        for statement in (*legacy.create_statements(), *legacy.fill_statements([1])):
            server.execute(statement, database=made.schema("5"))
        for end in ("5", "6"):
            server.execute("CREATE TABLE version (version INT UNSIGNED)", database=made.schema(end))
            server.execute("INSERT INTO version VALUES (216)", database=made.schema(end))
        yield made


def call(etc: Path, *words: str) -> Result:
    return CliRunner().invoke(usmctl, ["--etc", str(etc), "legacy", *words])


def told(etc: Path) -> dict[str, dict[str, object]]:
    schemas: dict[str, dict[str, object]] = json.loads(call(etc, "status", "--json").stdout)["schemas"]
    return schemas


def test_all_of_it_from_the_first_look_to_the_way_back(groupware: Groupware, tmp_path: Path) -> None:
    etc, folder = groupware.etc, str(tmp_path / "backup")
    first, second = groupware.schema("5"), groupware.schema("6")
    rows = groupware.server.execute("SELECT COUNT(*) FROM USMSession", database=first)[0][0]

    looked = call(etc, "status")
    assert looked.exit_code == 3
    assert f"USMSession ({rows} rows)" in looked.stdout
    assert [line.split()[:2] for line in looked.stdout.splitlines()[1:]] == [[first, "yes"], [second, "no"]]
    before = told(etc)
    assert before[first]["tables"]["USMSession"] == rows  # type: ignore[index]
    assert before[first]["procedures"] == list(legacy.PROCEDURES)
    assert (before[first]["legacy"], before[second]["legacy"]) == (True, False)
    assert (before[first]["version"], before[first]["context"]) == (216, 1)

    saved = call(etc, "save", folder)
    assert (saved.exit_code, saved.stdout) == (
        0,
        f"{first}: saved and verified\n{second}: saved and verified\n",
    )
    assert f"{first}: saving 7 tables" in saved.stderr
    assert call(etc, "save", folder).stdout == f"{first}: unchanged\n{second}: unchanged\n"
    assert call(etc, "verify", folder).exit_code == 0

    dropped = call(etc, "drop", folder, "--reset-version", "33")
    assert (dropped.exit_code, dropped.stdout) == (0, f"{first}: dropped\n{second}: dropped\n")
    assert call(etc, "status").exit_code == 0
    assert [told(etc)[schema]["version"] for schema in (first, second)] == [33, 33]

    restored = call(etc, "restore", folder)
    assert (restored.exit_code, restored.stdout) == (0, f"{first}: restored\n{second}: restored\n")
    assert told(etc) == before


def test_what_was_not_saved_is_not_dropped(groupware: Groupware, tmp_path: Path) -> None:
    found = call(groupware.etc, "drop", str(tmp_path))
    assert found.exit_code == 1
    assert "nothing was saved here" in found.stderr
    assert call(groupware.etc, "status").exit_code == 3


def test_settings_of_the_earlier_product_are_good_enough(groupware: Groupware) -> None:
    """It had keys and values of its own; only the way to the database counts."""
    path = groupware.etc / "usm.properties"
    path.write_text("com.openexchange.usm.workers=many\ncom.openexchange.usm.session.sync.x=1\n")
    try:
        assert call(groupware.etc, "status").exit_code == 3
    finally:
        path.unlink()


def test_a_database_of_its_own_is_looked_into_beside_the_groupwares(
    groupware: Groupware, server: MariaDbServer
) -> None:
    path = groupware.etc / "usm.properties"
    with server.database() as name:
        server.execute("CREATE TABLE USMSession (id INT)", database=name)
        path.write_text(f"com.openexchange.usm.database.url={server.url(name)}\n")
        try:
            assert set(told(groupware.etc)) == {name, groupware.schema("5"), groupware.schema("6")}
        finally:
            path.unlink()


@pytest.mark.parametrize(
    "words", [("status",), ("save", "x"), ("drop", "x"), ("restore", "x"), ("verify", "x")]
)
def test_a_database_that_does_not_answer_is_named(tmp_path: Path, words: tuple[str, ...]) -> None:
    (tmp_path / "usm.properties").write_text(
        "com.openexchange.usm.database.url=mysql+pymysql://usm:topsecret@127.0.0.1:1/usm\n"
    )
    found = call(tmp_path, *[str(tmp_path / word) if word == "x" else word for word in words])
    assert found.exit_code == 1
    assert "127.0.0.1" in found.output or "nothing was saved" in found.output
    assert "topsecret" not in found.output
    assert found.exception is None or isinstance(found.exception, SystemExit)


def test_sqlite_has_nothing_of_an_earlier_product(tmp_path: Path) -> None:
    (tmp_path / "usm.properties").write_text(
        f"com.openexchange.usm.database.url=sqlite:///{tmp_path / 'state.sqlite'}\n"
    )
    assert told(tmp_path) == {}
    assert call(tmp_path, "save", str(tmp_path / "backup")).exit_code == 0


def test_a_missing_configdb_is_named(tmp_path: Path) -> None:
    found = call(tmp_path, "status")
    assert found.exit_code == 1
    assert "configdb.properties" in found.output


def test_help_is_there_for_every_command() -> None:
    for word in ("status", "save", "verify", "drop", "restore"):
        found = CliRunner().invoke(usmctl, ["legacy", word, "--help"])
        assert (found.exit_code, "Usage:" in found.output) == (0, True)
