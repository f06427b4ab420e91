"""usmctl as an administrator and the deployment call it."""

from __future__ import annotations

import socket
import sqlite3
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from app.cli.usmctl import GROUPS, usmctl

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    (tmp_path / "usm.properties").write_text(
        f"com.openexchange.usm.database.url=sqlite:///{tmp_path / 'state.sqlite'}\n"
        f"com.openexchange.usm.ox.url=http://127.0.0.1:{closed_port()}/ajax/\n"
    )
    (tmp_path / "eas.properties").write_text("")
    return tmp_path


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def call(etc: Path, *words: str) -> Result:
    return CliRunner().invoke(usmctl, ["--etc", str(etc), *words])


def test_a_fresh_database_has_something_to_do_and_the_upgrade_does_it_once(etc):
    before = call(etc, "db", "status")
    assert before.exit_code == 3
    assert "missing" in before.output
    first = call(etc, "db", "upgrade")
    assert (first.exit_code, first.output) == (0, f"{name(etc)}: changed\n")
    second = call(etc, "db", "upgrade")
    assert (second.exit_code, second.output) == (0, f"{name(etc)}: unchanged\n")
    after = call(etc, "db", "status")
    assert after.exit_code == 0
    assert "up to date" in after.output


def name(etc: Path) -> str:
    """What the store calls the single database."""
    return str(etc / "state.sqlite")


def test_status_changes_nothing(etc):
    call(etc, "db", "status")
    with sqlite3.connect(etc / "state.sqlite") as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)


@pytest.mark.parametrize("command", ["status", "upgrade"])
def test_tables_of_another_product_are_left_alone_and_named(etc, command):
    with sqlite3.connect(etc / "state.sqlite") as connection:
        connection.execute("CREATE TABLE USMSession (id INTEGER)")
    found = call(etc, "db", command)
    assert found.exit_code == (3 if command == "status" else 1)
    assert "USMSession" in found.output
    with sqlite3.connect(etc / "state.sqlite") as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    assert tables == [("USMSession",)]


@pytest.mark.parametrize("words", [("db", "status"), ("db", "upgrade"), ("check",)])
def test_a_database_that_does_not_answer_is_named(etc, words):
    address = f"mysql+pymysql://usm:topsecret@127.0.0.1:{closed_port()}/usm"
    (etc / "usm.properties").write_text(f"com.openexchange.usm.database.url={address}\n")
    found = call(etc, *words)
    assert found.exit_code == 1
    assert "127.0.0.1" in found.output
    assert "topsecret" not in found.output
    assert "Traceback" not in found.output


@pytest.mark.parametrize("words", [("db", "status"), ("db", "upgrade"), ("check",)])
def test_wrong_settings_are_all_named(etc, words):
    (etc / "usm.properties").write_text("com.openexchange.usm.workers=x\n\ncom.openexchange.usm.ox.url=y\n")
    found = call(etc, *words)
    assert found.exit_code == 1
    assert "usm.properties:1" in found.output
    assert "usm.properties:3" in found.output


def test_a_missing_configdb_is_named(etc):
    (etc / "usm.properties").write_text("")
    found = call(etc, "db", "status")
    assert found.exit_code == 1
    assert "configdb.properties" in found.output
    assert "Traceback" not in found.output


def test_check_names_what_does_not_answer_and_what_does(etc):
    found = call(etc, "check")
    assert found.exit_code == 1
    assert "settings: OK" in found.output
    assert "database: OK" in found.output
    assert "/ajax/ does not answer" in found.output


def test_check_is_content_when_all_answer(etc):
    class Ox(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *words: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Ox)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        (etc / "usm.properties").write_text(
            f"com.openexchange.usm.database.url=sqlite:///{etc / 'state.sqlite'}\nvendor.key=1\n"
            f"com.openexchange.usm.ox.url=http://127.0.0.1:{server.server_port}/ajax/\n"
        )
        found = call(etc, "check")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert found.exit_code == 0, found.output
    assert "ox: OK" in found.output
    assert "unknown key vendor.key" in found.output


def test_help_is_there_for_every_command():
    for words in ([], ["db"], ["db", "upgrade"], ["db", "status"], ["check"]):
        found = CliRunner().invoke(usmctl, [*words, "--help"])
        assert found.exit_code == 0
        assert "Usage:" in found.output


def test_it_runs_as_a_module(etc):
    command = [sys.executable, "-m", "app.cli", "--etc", str(etc), "db", "upgrade"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (found.returncode, found.stdout) == (0, f"{name(etc)}: changed\n")


def test_the_version_is_told_without_a_command() -> None:
    told = CliRunner().invoke(usmctl, ["--version"])
    assert (told.exit_code, told.stdout) == (0, "open-xchange-usm (not from a package)\n")


@pytest.mark.parametrize("name", sorted(GROUPS))
def test_a_command_in_a_module_of_its_own_is_found_by_its_name(name: str) -> None:
    found = usmctl.get_command(click.Context(usmctl), name)
    assert found is not None
    assert found.name == name
    assert name in usmctl.list_commands(click.Context(usmctl))


def test_what_the_deployment_waits_for_reads_nothing_of_the_service() -> None:
    """Of a half second that a command takes to start, it is the larger part."""
    code = "import sys, app.cli.usmctl; print(*sorted({'app.main', 'app.web', 'app.ox', 'falcon'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"
